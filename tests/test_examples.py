"""The examples of the dialects: lines as data beside each dialect file, and what they must give.

docs/adding-a-dialect.md explains the format. Every example of a dialect is decoded twice: with its dialect alone, and
with all dialects in force, where it must give the same if the session names its module or only one maker fits.
"""

from __future__ import annotations

import re
import shlex
from typing import Any, Literal

import pytest

from capture.chunk import Chunk, Side
from decoder import catalog
from decoder.catalog.examples import Example, examples, with_examples
from decoder.decode import run
from decoder.events import Data, Finding, Information, Transaction, Urc
from decoder.findings import Lang, message
from tests.helpers import START

SECOND = 1_000_000_000
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([rnt\\]))")
LANGUAGES: tuple[Lang, ...] = ("en", "zh")
_PLAIN = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}


def load() -> list[tuple[str, Example]]:
    return [(name, example) for name in with_examples() for example in examples(name)]


def raw(text: str) -> bytes:
    """Undo the escapes of a raw line."""
    out, position = b"", 0
    for match in _ESCAPE.finditer(text):
        out += text[position : match.start()].encode()
        out += bytes([int(match[1], 16)]) if match[1] else _PLAIN[match[2]]
        position = match.end()
    return out + text[position:].encode()


def chunks(lines: str) -> list[Chunk]:
    """Write the lines of an example as bytes with times, 50 ms apart."""
    out: list[Chunk] = []
    time_ns = START
    for line in lines.strip("\n").splitlines():
        time_ns += SECOND // 20
        mark, _, text = line.lstrip().partition(" ")
        side: Side = "mcu" if mark[:1] == ">" else "module"
        if mark == "~":
            time_ns += int(float(text) * SECOND)
        elif mark in (">>", "<<"):
            out.append(Chunk(time_ns, side, raw(text)))
        elif mark == ">":
            out.append(Chunk(time_ns, side, raw(text) + b"\r"))
        elif mark == "<":
            out.append(Chunk(time_ns, side, b"\r\n" + raw(text) + b"\r\n"))
        else:
            raise AssertionError(f"a line of an example begins with >, <, >>, << or ~: {line!r}")
    return out


def shown(value: Any) -> str:
    """Write a value as examples do."""
    if isinstance(value, list):
        return ",".join(map(shown, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def lacks(params: dict[str, Any], wanted: list[str]) -> list[str]:
    """Return what of ``name=value`` is not among the parameters."""
    missing = []
    for one in wanted:
        name, _, value = one.partition("=")
        if name not in params or shown(params[name]) != value:
            missing.append(f"{one} (there is {params.get(name)!r})")
    return missing


def answers(record: Transaction) -> dict[str, Any]:
    found: dict[str, Any] = {}
    line: Information
    for line in [*record.information, *record.urcs]:
        for name, value in line.params.items():
            found.setdefault(name, value)
    return found


def title(record: Transaction | Urc) -> str:
    if isinstance(record, Urc):
        return f"urc {record.name or record.raw}"
    result = record.result
    code = "none" if result is None else result.code
    if result is not None and result.error is not None and result.error.code is not None:
        code += f" {result.error.code}"
    return f"{record.name} {record.form} {code}"


def wanted(line: str) -> tuple[str, list[str], list[str]]:
    """Take a line of ``gives`` apart: title, parameters, parameters of the answers."""
    own, _, answered = line.partition(" | ")
    words = shlex.split(own)
    first = next((index for index, word in enumerate(words) if re.match(r"[A-Za-z]\w*=", word)), len(words))
    return " ".join(words[:first]), words[first:], shlex.split(answered)


def check(example: Example, known: catalog.Catalog, kind: Literal["alone", "all"]) -> list[str]:
    """Return what is wrong. The order of the records does not count: a command that waits for a URC comes late."""
    events = list(run(chunks(example.lines), known))
    records = [one for one in events if isinstance(one, Transaction | Urc)]
    wrong = [f"no dialect knows {title(one)!r}" for one in records if not one.dialect]
    sent: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, Data) and event.via == "prompt":
            sent.setdefault(event.announced_by, []).append(bytes.fromhex(event.data).decode("latin-1"))
    left = list(records)
    for line in example.gives:
        name, own, answered = wanted(line)
        same = [one for one in left if title(one) == name]
        problems: list[list[str]] = []
        for record in same:
            params = {**record.params}
            if isinstance(record, Transaction) and sent.get(record.name):
                params["payload"] = sent[record.name][0]
            problem = [f"{name}: {one}" for one in lacks(params, own)]
            if isinstance(record, Transaction):
                problem += [f"{name} |: {one}" for one in lacks(answers(record), answered)]
            problems.append(problem)
        if not same:
            wrong.append(f"no {name!r}")
            continue
        best = min(range(len(same)), key=lambda index: len(problems[index]))
        wrong += problems[best]
        left.remove(same[best])
        if sent.get(getattr(same[best], "name", None) or ""):
            sent[same[best].name or ""].pop(0)
    wrong += [f"not listed: {title(one)!r} {one.raw!r}" for one in left]
    found = [one for one in events if isinstance(one, Finding)]
    wrong += [one.message for one in found if one.rule == "parameters"] if kind == "alone" else []
    raised = sorted({one.rule for one in found if one.severity != "note"})
    if raised != sorted(example.findings):
        wrong.append(f"findings {raised}, not {example.findings}: {[one.message for one in found]}")
    told = [message(one, lang) for one in found for lang in LANGUAGES]
    wrong += [f"no finding says {text!r}: {told}" for text in example.says if not any(text in one for one in told)]
    return wrong


@pytest.mark.parametrize(
    ("dialect", "example"), [pytest.param(name, one, id=f"{name}: {one.name}") for name, one in load()]
)
def test_examples_give_what_they_say(dialect: str, example: Example) -> None:
    assert check(example, catalog.load([dialect]), "alone") == []
