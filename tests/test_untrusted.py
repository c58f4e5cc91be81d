"""What comes from the wire reaches no terminal, page, spreadsheet raw, whatever field it is in."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from rich.table import Table
from rich.text import Text

from atshark.render import table as csv_table
from atshark.render.console import Printer, console_on
from atshark.render.safe import cell
from atshark.render.safe import json as safe_json
from atshark.render.text import render
from capture import recording
from decoder.events import (
    Call,
    Data,
    DialectUse,
    Error,
    Finding,
    Flow,
    Frame,
    Group,
    Information,
    Position,
    Record,
    Result,
    Socket,
    Summary,
    Transaction,
    Urc,
)  # fmt: skip
from decoder.values import printable
from tests.helpers import SAMPLES, answer, command, run, talk

EVIL = "\x1b]52;c;ZXZpbA==\x07\x9b31m\u202e\u061c\u200f\x00\x08\r\n\x7f\x85\u2028\ufeff\u2066\U000e0041"
HARMLESS = "x" * len(EVIL)
FORBIDDEN = re.compile("[^\n -~\xa1-\xac\xae-\uffff\U00010000-\U0010ffff]")


def dangerous(text: str) -> set[str]:
    """Return the characters that a terminal may obey or hide."""
    return {one for one in text if one != "\n" and unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs")}


def records(text: str) -> list[Record]:
    """Make a record of every kind that has ``text`` in every field that holds free text."""
    params: Any = {text: text, "connect_id": text, "list": [text, 1]}
    labels = {text: text, "connect_id": text}
    information = Information(text, params, text, labels, time_ns=1, latency_ns=2)
    flow = Flow(1, text, "tcp", text, text, 1, text)
    result = Result(text, Error(text, text, text))
    whole: list[Record] = [
        Transaction(1, "mcu", text, "set", text, params, text, [information], [information], result, 5, labels, information),
        Transaction(1, "mcu", text, "exec", None, params, text),
        Urc(1, "module", text, text, params, text, labels), Urc(1, "module", None, None, params, text),
        Data(1, "mcu", text, text, "prompt", "raw", 3, text.encode().hex()), Socket(1, "mcu", text, "opened", flow, text, 1),
        Socket(1, "module", text, "lost", flow, text, 1), Call(1, "module", "incoming", text, 1, True, 1, 1, text, text),
        Position(1, "module", 1.5, 2.5, "3D", "gnss", text, 3.0, text, 4, 5.0, 6.0, 7.0),
        Position(1, "module", None, None, "none", "network", text), Frame(1, "mcu", text, text, text, text, {text: text}),
        Group(1, "mcu", text, text, text, [information], False, 1, text),
        Finding(1, "mcu", text, "error", text, text, text),
        Summary(1, None, [DialectUse(text, 1, text, text)], {text: 2}, 0),
    ]  # fmt: skip
    assert {type(one) for one in whole} == set(get_args(Record))
    return whole


def test_what_is_printable_is_what_unicode_says() -> None:
    for code in range(sys.maxunicode + 1):
        one = chr(code)
        if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs"):
            assert printable(one).isascii(), hex(code)
    assert printable("移动 é 😀") == "移动 é 😀"
    assert printable("\u202e\x1b\U000e0041") == "\\u202e\\x1b\\U000e0041"


@pytest.mark.parametrize("number", range(11))
def test_every_field_of_every_record(number: int) -> None:
    """On a terminal, in a pipe: no control character, and no line more than with harmless text."""
    evil, harmless = records(EVIL)[number], records(HARMLESS)[number]
    lines = []
    for record in (evil, harmless):
        assert not dangerous(render(record).plain)
        stream = io.StringIO()
        Printer(stream)([record])
        assert not dangerous(stream.getvalue())
        lines.append(stream.getvalue().count("\n"))
    assert lines[0] == lines[1]
    terminal = io.StringIO()
    console = console_on(terminal)
    console._force_terminal = True
    console.print(render(evil))
    assert not dangerous(re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue()))


def test_a_console_that_is_given_raw_text() -> None:
    """Whatever a renderer forgets."""
    stream = io.StringIO()
    console = console_on(stream)
    table = Table(EVIL)
    table.add_row(EVIL)
    console.print(Text(EVIL), table, EVIL)
    assert not dangerous(stream.getvalue())


@pytest.mark.parametrize("number", range(11))
def test_csv_of_every_record(number: int) -> None:
    for text in (EVIL, *(lead + "1+1" for lead in "=+-@\t\r\n＝＋－＠")):
        stream = io.StringIO()
        csv_table.Writer(stream).write(records(text)[number])
        assert not dangerous(stream.getvalue())
        for row in csv.reader(io.StringIO(stream.getvalue())):
            for value in row:
                assert not value.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")), value


def test_cells_keep_numbers() -> None:
    assert [cell(one) for one in (-5, 1.5, None, "-5", "x", "=1")] == [-5, 1.5, None, "'-5", "x", "'=1"]


def test_json_is_the_same_and_safe() -> None:
    every = "".join(map(chr, range(0xD800))) + "\ufeff\ufff9\U000110bd\U000e0041\U00013430\U0001d173\U0001bca0"
    encoded = safe_json({"text": every, every: 1})
    assert json.loads(encoded) == {"text": every, every: 1}
    assert not dangerous(encoded.decode())
    assert json.loads(safe_json({"file": "a\udcff"}))["file"] == "a\\udcff"
    for number in range(11):
        one = records(EVIL)[number]
        assert json.loads(safe_json(one)) == json.loads(msgspec.json.encode(one))


NAMES = (b"\x1b]52;c;ZXZpbA==\x07", b"+X\x9b31m", "\u202egnp".encode(), b"\x7f", "＝1+1".encode())


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A session whose command names, values, answers, results, payload are what a terminal would obey."""
    lines = []
    for name in NAMES:
        text = name.decode("utf-8", "surrogateescape")
        lines += [
            ("mcu", b"AT" + name + b"\r"), answer("OK"), ("mcu", b"AT+" + name + b'="' + name + b'"\r'), ("module", b"\r\n+" + name + b"\r\n"),
            answer("ERROR"), ("mcu", b'AT+MIPSEND=0,%d,"%b"\r' % (len(name), name)), ("module", b"\r\n+CME ERROR: " + name + b"\r\n"),
            ("module", b"\r\n+X\x1b[2J: " + name + b"\r\n"),
        ]  # fmt: skip
        assert text
    lines += [command("AT+COPS?"), ("module", b'\r\n+COPS: 0,0,"\x1b[31m"\r\n\r\nOK\r\n')]
    path = tmp_path / "evil.pcapng"
    recording.record(talk(*lines), path)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("decode",), ("decode", "--format", "csv"), ("decode", "--format", "jsonl"), ("check",), ("check", "--lang", "zh"),
        ("check", "--format", "jsonl"), ("check", "--format", "sarif"), ("check", "--format", "junit"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_verb_prints_it(arguments: tuple[str, ...], evil: Path) -> None:
    """OSC 52, which sets the clipboard, went through `decode` as the name of a command."""
    done = run(arguments[0], evil, *arguments[1:])
    assert done.returncode in (0, 1), done.stderr
    for output in (done.stdout, done.stderr):
        assert not dangerous(output.decode("utf-8")), arguments
    assert len(done.stdout) > 200


@pytest.mark.outside
def test_no_other_verb_prints_it(evil: Path, tmp_path: Path) -> None:
    for done in (
        run("diff", evil, SAMPLES / "tour.pcapng"), run("diff", evil, SAMPLES / "tour.pcapng", "--format", "jsonl"),
        run("extract", evil, "-d", tmp_path / "files"), run("export", evil, "-w", tmp_path / "e.pcapng"),
        run("batch", evil, "-o", tmp_path / "set"), run("report", evil, "-o", tmp_path / "r.html"),
        run("query", tmp_path / "set", "SELECT name, raw FROM transactions"),
        run("query", tmp_path / "set", "SELECT name, raw FROM transactions", "--format", "csv"),
        run("query", tmp_path / "set", "SELECT name, raw FROM transactions", "--format", "jsonl"),
        run("query", tmp_path / "set", "--top", "errors"),
    ):  # fmt: skip
        assert done.returncode in (0, 1), (done.args, done.stderr)
        for output in (done.stdout, done.stderr):
            assert not dangerous(output.decode("utf-8")), done.args
    for value in (tmp_path / "files" / "index.jsonl", tmp_path / "r.html"):
        assert not dangerous(value.read_text("utf-8"))
    packed = re.search(r'id="data"[^>]*>([^<]+)<', (tmp_path / "r.html").read_text("utf-8"))
    assert packed is not None
    page = json.loads(gzip.decompress(base64.b64decode(packed[1])))

    def texts(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        return [
            text
            for one in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
            for text in texts(one)
        ]

    found = texts(page)
    assert len(found) > 100
    assert not [text for text in found if dangerous(text)]


@pytest.mark.outside
def test_csv_of_query_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("AT+X=\"=cmd|' /C calc'!A0\"\nOK\n")
    assert run("batch", path, "-o", tmp_path / "set").returncode == 0
    done = run(
        "query", tmp_path / "set", "SELECT '=1+1' AS \"=a\", raw, '+2', '＝1' FROM transactions", "--format", "csv"
    )
    for row in csv.reader(io.StringIO(done.stdout.decode())):
        assert row[0].startswith("'=")
        assert row[-1].startswith("'")


def test_error_messages_are_safe(tmp_path: Path) -> None:
    done = run("decode", tmp_path / "no\x1b[31mfile")
    assert done.returncode == 2
    assert not dangerous(done.stderr.decode())
    assert b"\\x1b[31m" in done.stderr
