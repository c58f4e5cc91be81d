"""Invariant 5: tshark with the Lua dissector says the same as the Python decoder."""

from __future__ import annotations

import json
import re
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atshark.sources import open_source
from capture.chunk import Chunk
from decoder.session import Session
from tests.generated import damaged, sessions
from tests.helpers import as_json, records, run, sample_files, standard, tshark
from wireshark import lua_catalog
from wireshark.export import export

FIELDS = [
    "frame.number", "atshark.kind", "atshark.name", "atshark.form", "atshark.param", "atshark.result", "atshark.error.code",
    "atshark.error.text", "atshark.response_in", "atshark.response_to", "atshark.latency_ns", "atshark.side", "frame.time_epoch",
    "atshark.answers", "atshark.group", "atshark.group_start",
]  # fmt: skip
Row = dict[str, list[str]]
_FRACTION = re.compile(r"((?:.*=)?-?\d+)(\.\d+)", re.DOTALL)


def packets(exported: Path, *more: str) -> list[Row]:
    text = tshark(
        exported, "-T", "json", "-J", "atshark frame", *(part for name in FIELDS for part in ("-e", name)), *more
    )
    return [
        {key: [canonical(str(one)) for one in values] for key, values in entry["_source"]["layers"].items()}
        for entry in json.loads(text)
    ]


def shown(params: dict[str, Any]) -> list[str]:
    """Parameters as the dissector writes them into atshark.param."""
    out: list[str] = []
    for name, value in params.items():
        out.extend(f"{name}={plain(one)}" for one in (value if isinstance(value, list) else [value]))
    return out


def plain(value: object) -> str:
    """Write a value the way the dissector does: booleans in lower case."""
    return canonical(str(value).lower() if isinstance(value, bool) else str(value))


def canonical(text: str) -> str:
    """Drop the needless zeros of a fraction: the dissector shows the text of the wire, 21.50, and Python 21.5."""
    match = _FRACTION.fullmatch(text)
    return text if match is None else match[1] + match[2].rstrip("0").rstrip(".")


def one(row: Row, key: str) -> str | None:
    values = row.get(key)
    return values[0] if values else None


def latency(text: str | None) -> int | None:
    return None if text is None else int(text)


def from_tshark(rows: list[Row]) -> list[Any]:
    """Command lines as tshark shows them: names, forms, parameters, result, latency, answers."""
    answers: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if target := one(row, "atshark.response_to"):
            answers[target].append(row)
    by_number = {one(row, "frame.number"): row for row in rows}
    lines = []
    for row in rows:
        if one(row, "atshark.kind") != "command":
            continue
        requests = [by_number[number] for number in row.get("atshark.answers", [])]
        number = one(row, "frame.number") or ""
        final = next((a for a in answers[number] if one(a, "frame.number") == one(row, "atshark.response_in")), None)
        others = [a for a in answers[number] if a is not final and one(a, "atshark.kind") in ("information", "urc")]
        lines.append({
            "names": list(zip(row.get("atshark.name", []), row.get("atshark.form", []), strict=True)),
            "params": sorted(row.get("atshark.param", [])),
            "result": [one(final, key) for key in ("atshark.result", "atshark.error.code", "atshark.error.text")] if final else None,
            "latency": latency(one(final, "atshark.latency_ns")) if final else None,
            "information": sorted((one(a, "atshark.name") or "", a.get("atshark.param", [])) for a in others if one(a, "atshark.kind") == "information"),
            "requests": [(one(r, "atshark.name"), r.get("atshark.param", [])) for r in requests],
            "late": [(one(a, "atshark.name"), a.get("atshark.param", []), latency(one(a, "atshark.latency_ns"))) for a in others if one(a, "atshark.kind") == "urc"],
        })  # fmt: skip
    return sorted(lines, key=repr)


def from_python(found: list[dict[str, Any]]) -> list[Any]:
    """The same, of the JSON records; the commands of one line belong together."""
    groups: list[list[dict[str, Any]]] = []
    for record in found:
        if record["kind"] == "transaction":
            groups.append([record])
    merged: list[list[dict[str, Any]]] = []
    open_groups: dict[tuple[Any, str], list[list[dict[str, Any]]]] = defaultdict(list)
    for group in groups:
        first = group[0]
        key = (first["time_ns"], first["raw"])
        target = next((g for g in open_groups[key] if len(g) < _commands_on(first["raw"])), None)
        if target is None:
            open_groups[key].append(group)
            merged.append(group)
        else:
            target.extend(group)
    lines = []
    for group in merged:
        result = group[-1]["result"] or {"code": "unanswered", "error": None}
        error = result["error"] or {}
        answered = result["code"] not in ("timeout", "unanswered")
        code = None if error.get("code") is None else str(error["code"])
        lines.append({
            "names": _in_order([(one["name"], one["form"]) for one in group], group[0]["raw"]),
            "params": sorted(text for one in group for text in shown(one["params"])),
            "result": [result["code"], code, error.get("text")] if answered else None,
            "latency": group[-1]["latency_ns"],
            "information": sorted((i["name"] or "", shown(i["params"])) for one in group for i in one["information"]),
            "requests": [(one["request"]["name"], shown(one["request"]["params"])) for one in group if "request" in one],
            "late": [(u["name"], shown(u["params"]), u["latency_ns"]) for one in group for u in one["urcs"]],
        })  # fmt: skip
    return sorted(lines, key=repr)


def _commands_on(raw: str) -> int:
    from capture.grammar import parse_command_line

    return 1 if raw == "+++" or raw.upper().startswith("AT+MIPSEND") else len(parse_command_line(raw[2:]))


def _in_order(names: list[tuple[str, str]], raw: str) -> list[tuple[str, str]]:
    """Bring the commands of a line, which finish in any order, into the order of the line."""
    from capture.grammar import parse_command_line

    left = list(names)
    out = []
    for text in parse_command_line(raw[2:]):
        found = next((name for name in left if name[0].lstrip("^$%*#!") == text.name), None)
        if found is not None:
            left.remove(found)
            out.append(found)
    return out + left


def compare(exported: Path, found: list[dict[str, Any]]) -> None:
    rows = packets(exported, "-2")
    assert from_tshark(rows) == from_python(found)
    in_groups: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    for row in rows:
        for name, start in zip(row.get("atshark.group", []), row.get("atshark.group_start", []), strict=True):
            in_groups[name, start].append(one(row, "atshark.name"))
    assert sorted((name, lines) for (name, _), lines in in_groups.items()) == sorted(
        (group["name"], [line["name"] for line in group["lines"]]) for group in found if group["kind"] == "group"
    )
    expected = sorted((u["name"] or "", shown(u["params"])) for u in found if u["kind"] == "urc")
    got = sorted(
        (one(row, "atshark.name") or "", row.get("atshark.param", []))
        for row in rows
        if one(row, "atshark.side") == "module" and one(row, "atshark.kind") in ("urc", "text")
        and "atshark.response_to" not in row and "atshark.result" not in row and not _own_ok(row, rows)
    )  # fmt: skip
    assert got == expected


def _own_ok(row: Row, _rows: list[Row]) -> bool:
    return one(row, "atshark.kind") == "urc" and "atshark.name" not in row


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_sample(path: Path, tmp_path: Path) -> None:
    exported = tmp_path / "export.pcapng"
    assert run("export", path, "-w", exported).returncode == 0
    done = run("decode", path, "--format", "jsonl")
    compare(exported, [json.loads(line) for line in done.stdout.splitlines()])


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(sessions().map(lambda built: built.chunks), damaged()))
def test_generated(chunks: list[Chunk]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "export.pcapng"
        export(chunks, Session(standard()), exported)
        with open_source(str(exported)) as source:
            assert as_json(records(source)) == as_json(records(chunks))
        compare(exported, as_json(records(chunks)))


def test_a_nul_inside_a_line_with_payload(tmp_path: Path) -> None:
    data = b"\r\n+MIPRD:\x000,0,4,\r\n\x00x\r\n\r\nOK\r\n"
    chunks = [
        Chunk(1_763_690_400_000_000_000, "mcu", b"AT+MIPRD=0,0\r"),
        Chunk(1_763_690_400_100_000_000, "module", data),
    ]
    export(chunks, Session(standard()), tmp_path / "export.pcapng")
    compare(tmp_path / "export.pcapng", as_json(records(chunks)))


def test_one_pass_shows_the_same_answers(tmp_path: Path) -> None:
    exported = tmp_path / "export.pcapng"
    path = sample_files()[0]
    run("export", path, "-w", exported)
    keys = [name for name in FIELDS if name not in ("atshark.response_in", "atshark.result")]
    once, twice = packets(exported), packets(exported, "-2")
    assert [{k: row.get(k) for k in keys} for row in once] == [{k: row.get(k) for k in keys} for row in twice]


def test_without_the_plugin_the_decode_stands_in_the_comment(tmp_path: Path) -> None:
    exported = tmp_path / "export.pcapng"
    for path in sample_files():
        run("export", path, "-w", exported)
        comments = tshark(
            exported, "-Y", "not ip && not ppp", "-T", "fields", "-e", "frame.comment", lua=False
        ).splitlines()
        assert comments
        assert all(comments)


def test_typed_fields_filter(tmp_path: Path) -> None:
    exported = tmp_path / "export.pcapng"
    run("export", next(path for path in sample_files() if path.stem == "tour"), "-w", exported)
    assert len(tshark(exported, "-Y", "atshark.mipopen.remote_port == 5683").splitlines()) == 1
    assert len(tshark(exported, "-Y", "atshark.mipopen.access_mode > 1").splitlines()) == 1
    assert len(tshark(exported, "-Y", "atshark && _ws.expert.severity == error").splitlines()) == 2
    assert len(tshark(exported, "-Y", 'atshark.latency > 350 && atshark.kind == "result"').splitlines()) == 1


def test_the_generated_plugin_is_up_to_date() -> None:
    assert lua_catalog.OUTPUT.read_text("utf-8") == lua_catalog.generate(), "run python -m wireshark.lua_catalog"
