"""Findings for people, for programs, for code scanning (SARIF 2.1.0) and for test runners (JUnit XML)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO
from xml.etree import ElementTree

import msgspec
from rich.table import Table
from rich.text import Text

from atshark.check import Checked, Found
from atshark.render.console import console_on
from atshark.render.safe import json
from atshark.render.text import clock
from atshark.sources.notes import in_language
from decoder.events import Cause, Evidence, Finding, Severity
from decoder.findings import Lang, advice, message, rules
from decoder.findings.cause import EXPLAINS, SURE
from decoder.values import printable

_STYLES: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_WORDS: dict[Lang, dict[str, str]] = {
    "en": {
        "error": "error",
        "warning": "warning",
        "note": "note",
        "try": "try",
        "see": "see",
        "line": "line {n}",
        "story": "story",
        "nothing": "nothing failed",
        "empty": "no command is in it: it may begin too late, or be no log of AT traffic",
        "cause": "cause",
        "another": "another cause",
        "over": "it worked later",
        "causes": "causes",
        **SURE["en"],
        "consequences": EXPLAINS["en"],
        "file": "file",
        "format": "format",
        "commands": "commands",
        "counted": "{n} commands",
        "errors": "errors",
        "warnings": "warnings",
        "notes": "notes",
        "more": "more",
    },
    "zh": {
        "error": "错误",
        "warning": "警告",
        "note": "提示",
        "try": "建议",
        "see": "参见",
        "line": "第{n}行",
        "story": "经过",
        "nothing": "未发现失败",
        "empty": "其中没有命令:日志可能开始得太晚,或不是AT日志",
        "cause": "原因",
        "another": "另一原因",
        "over": "之后恢复正常",
        "causes": "原因统计",
        **SURE["zh"],
        "consequences": EXPLAINS["zh"],
        "file": "文件",
        "format": "格式",
        "commands": "命令",
        "counted": "{n}条命令",
        "errors": "错误",
        "warnings": "警告",
        "notes": "提示",
        "more": "更多",
    },
}
_SARIF_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "note"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def place(found: Found, lang: Lang) -> str:
    """Say where a finding is: by line, or by time."""
    return _place(found.finding.time_ns, found.line, lang)


def _place(time_ns: int | None, line: int | None, lang: Lang) -> str:
    time = clock(time_ns)
    return time if line is None else _WORDS[lang]["line"].format(n=line) + ("" if time[0] == "-" else f", {time}")


def as_text(results: Iterable[Checked], stream: TextIO, lang: Lang) -> None:
    """Print results for people, and a table if there are several."""
    console, words = console_on(stream), _WORDS[lang]
    done: list[Checked] = []
    for result in results:
        done.append(result)
        _file(result, console, lang)
    if len(done) > 1:
        table = Table(*(words[name] for name in ("file", "format", "commands", "errors", "warnings", "notes")))
        for result in done:
            counts = [str(result.counts[level]) for level in ("error", "warning", "note")]
            cells = ["?"] * 4 if result.problem else [str(result.commands), *counts]
            table.add_row(printable(result.file), result.format or "-", *cells)
        console.print(table)
        _counted(done, console, lang)


def _counted(done: list[Checked], console: Any, lang: Lang) -> None:
    """Say which causes there are, and in how many files."""
    first: dict[tuple[str, str], Cause] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for result in done:
        for one in result.causes[:1]:
            key = (one.layer, one.rule)
            first.setdefault(key, one)
            counts[key] += 1
    if counts:
        console.print(Text(f"{_WORDS[lang]['causes']}:", style="bold"))
    for key, count in counts.most_common():
        layer, rule = key
        said = printable(_in(first[key], lang))
        console.print(Text(f"  {count} × {layer or '-'}, {rule}: ") + Text(said, style="dim"))


def _file(result: Checked, console: Any, lang: Lang) -> None:
    words = _WORDS[lang]
    console.print(Text(printable(result.file), style="bold"))
    if result.problem:
        console.print(Text(f"  {printable(result.problem)}", style="bold red"))
        return
    for index, cause in enumerate(result.causes):
        _cause(cause, words["another" if index else "cause"], console, lang)
    console.print(f"  {', '.join(result.dialects) or '-'}; {words['counted'].format(n=result.commands)}")
    for note in (*result.notes, *result.warnings):
        console.print(Text(f"  {printable(in_language(note, lang))}", style="dim"))
    told = result.story.tell(lang)
    if told:
        console.print(Text(f"  {words['story']}: ", style="bold") + Text(" → ".join(told)))
    told_above = {_key(one) for one in result.causes}
    for found in result.found:
        one = found.finding
        if _key(one) in told_above:
            continue
        console.print(
            Text(f"  {place(found, lang)} ")
            + Text(words[one.severity], style=_STYLES[one.severity])
            + Text(f" {printable(message(one, lang))}")
            + Text(f" ({one.rule})", style="dim")
        )
        if what := advice(one, lang):
            console.print(Text(f"      {words['try']}: {what}"))
        if one.reference:
            console.print(Text(f"      {words['see']}: {one.reference}", style="dim"))
    left = sum(result.counts.values()) - len(result.found)
    if left:
        console.print(f"  … {left} {words['more']}")
    if not result.causes:
        console.print(Text(f"  {words['nothing' if result.commands else 'empty']}", style="green"))


def _cause(one: Cause, title: str, console: Any, lang: Lang) -> None:
    words = _WORDS[lang]
    where = [_place(one.time_ns, one.line, lang)]
    if one.consequences:
        where.append(words["consequences"].format(n=one.consequences))
    if one.recovered:
        where.append(words["over"])
    console.print(
        Text(f"  {title} ({words[one.certainty]}): ", style="bold")
        + Text(printable(_in(one, lang)), style="bold red")
        + Text(f" ({'; '.join(where)})", style="dim")
    )
    if what := one.advice_zh if lang == "zh" else one.advice:
        console.print(Text(f"      {words['try']}: {what}"))
    for each in one.evidence:
        at = _place(each.time_ns, each.line, lang)
        console.print(Text(f"      {at}: {printable(_in(each, lang))}", style="dim"))
    if one.reference:
        console.print(Text(f"      {words['see']}: {one.reference}", style="dim"))


def _in(one: Cause | Evidence, lang: Lang) -> str:
    return one.message_zh if lang == "zh" else one.message


def as_jsonl(results: Iterable[Checked], stream: TextIO, lang: Lang) -> None:
    """Print the cause, one JSON object a finding, and one ``{"kind": "file"}`` a file."""
    for result in results:
        for cause in result.causes:
            stream.write(_json(_cause_record(result, cause, lang)))
        for found in result.found:
            one = found.finding
            stream.write(
                _json(
                    {
                        "kind": "finding",
                        "file": result.file,
                        "line": found.line,
                        "time_ns": one.time_ns,
                        "side": one.side,
                        "rule": one.rule,
                        "severity": one.severity,
                        "message": message(one, lang),
                        "advice": advice(one, lang) or None,
                        "reference": one.reference,
                    }
                )
            )
        stream.write(
            _json(
                {
                    "kind": "file",
                    "file": result.file,
                    "format": result.format or None,
                    "problem": result.problem,
                    "commands": result.commands,
                    "errors": result.counts["error"],
                    "warnings": result.counts["warning"],
                    "notes": result.counts["note"],
                    "dialects": result.dialects,
                    "story": result.story.tell(lang),
                    "assumed": [in_language(note, lang) for note in result.notes],
                }
            )
        )


def _cause_record(result: Checked, one: Cause, lang: Lang) -> dict[str, object]:
    return {
        "kind": "cause",
        "file": result.file,
        "line": one.line,
        "time_ns": one.time_ns,
        "rule": one.rule,
        "layer": one.layer or None,
        "certainty": one.certainty,
        "consequences": one.consequences,
        "recovered": one.recovered,
        "message": _in(one, lang),
        "advice": (one.advice_zh if lang == "zh" else one.advice) or None,
        "reference": one.reference,
        "evidence": [{"line": each.line, "time_ns": each.time_ns, "message": _in(each, lang)} for each in one.evidence],
    }


def _json(value: object) -> str:
    return json(value).decode() + "\n"


def as_sarif(results: Iterable[Checked], stream: TextIO, lang: Lang) -> None:
    """Print a SARIF 2.1.0 log, as code scanning services read it."""
    from atshark import __version__  # noqa: PLC0415 - the package imports this one

    found: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    for result in results:
        if result.problem:
            problems.append({"level": "error", "message": {"text": result.problem}})
        found.extend(_sarif_result(result, one, lang) for one in _causes_first(result))
    used = sorted({one["ruleId"] for one in found})
    known = rules()
    driver = {
        "name": "atshark",
        "version": __version__,
        "rules": [
            {
                "id": name,
                "shortDescription": {"text": name},
                "help": {"text": (known[name].advice(lang) if name in known else "") or name},
            }
            for name in used
        ],
    }
    run = {
        "tool": {"driver": driver},
        "results": found,
        "invocations": [{"executionSuccessful": not problems, "toolExecutionNotifications": problems}],
    }
    whole = json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})
    stream.write(msgspec.json.format(whole).decode() + "\n")


def _sarif_result(result: Checked, found: Found, lang: Lang) -> dict[str, Any]:
    one: Finding = found.finding
    where: dict[str, Any] = {"artifactLocation": {"uri": Path(result.file).as_posix()}}
    if found.line:
        where["region"] = {"startLine": found.line}
    text = message(one, lang) + (f"\n{what}" if (what := advice(one, lang)) else "")
    cause = _cause_of(result, one)
    told = {"cause": cause.certainty, "layer": cause.layer, "consequences": cause.consequences} if cause else {}
    return {
        "ruleId": one.rule,
        "level": _SARIF_LEVELS[one.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": where}],
        "properties": {"time_ns": one.time_ns, "side": one.side, **told},
    }


def _key(one: Finding | Cause) -> tuple[object, ...]:
    """What a finding and the cause that it is have in common."""
    return one.rule, printable(one.message), one.time_ns


def _cause_of(result: Checked, one: Finding) -> Cause | None:
    return next((each for each in result.causes if _key(each) == _key(one)), None)


def _causes_first(result: Checked) -> list[Found]:
    """Return the findings, those that are causes before the others."""
    order = {_key(one): index for index, one in enumerate(result.causes)}
    return sorted(result.found, key=lambda found: order.get(_key(found.finding), len(order)))


def as_junit(results: Iterable[Checked], stream: TextIO, lang: Lang) -> None:
    """Print JUnit XML: a suite a file, a failed case an error or warning, a passed one if there is none."""
    suites = ElementTree.Element("testsuites", name="atshark")
    for result in results:
        suite = ElementTree.SubElement(suites, "testsuite", name=_xml(result.file))
        cases = 0
        if result.problem:
            case = ElementTree.SubElement(suite, "testcase", classname=_xml(result.file), name="readable")
            ElementTree.SubElement(case, "error", message=_xml(result.problem))
            cases += 1
        for found in _causes_first(result):
            one = found.finding
            if one.severity == "note":
                continue
            name = f"{one.rule}, {place(found, 'en')}"
            case = ElementTree.SubElement(suite, "testcase", classname=_xml(result.file), name=name)
            cause = _cause_of(result, one)
            words = _WORDS[lang]
            head = f"{words['cause']} ({words[cause.certainty]}): " if cause else ""
            text = ElementTree.SubElement(case, "failure", type=one.severity, message=_xml(head + message(one, lang)))
            text.text = _xml(advice(one, lang))
            cases += 1
        if not cases:
            ElementTree.SubElement(suite, "testcase", classname=_xml(result.file), name="no findings")
        suite.set("tests", str(max(1, cases)))
        suite.set("failures", str(0 if result.problem else cases))
        suite.set("errors", str(int(result.problem is not None)))
    ElementTree.indent(suites)
    stream.write(ElementTree.tostring(suites, encoding="unicode", xml_declaration=False) + "\n")


def _xml(text: str) -> str:
    """Keep out what XML 1.0 cannot hold."""
    return _NOT_XML.sub("?", printable(text))


WRITERS = {"text": as_text, "jsonl": as_jsonl, "sarif": as_sarif, "junit": as_junit}
