"""Every reader is linear in the length of a line, whatever the line looks like, and in bounded memory."""

from __future__ import annotations

import json
import random
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from atshark.sources.logs import shape
from benchmarks.decode import watched
from capture import grammar
from capture.chunk import Chunk, Side
from capture.recording import Recorder
from decoder.events import Message, Transaction
from decoder.session import Session
from tests.helpers import ROOT, START, run, standard, transactions
from tests.line_shapes import FRAMES, UNITS, WAYS, allowed, cost, shaped

pytestmark = pytest.mark.slow

MEMORY_MB = 120
LONG = 16_000
LONGEST = 1_000_000


@pytest.mark.parametrize("name", WAYS)
def test_each_shape_by_each_way(name: str) -> None:
    """Every unit, inside one frame of its own each, 1 to 16,000 bytes."""
    noise = random.Random(zlib.crc32(name.encode()))
    for unit in UNITS:
        frame = noise.choice(FRAMES)
        for size in (noise.randrange(1, 100), LONG):
            line = shaped(unit, frame, size)
            took = cost(WAYS[name], line)
            assert took < allowed(len(line)), (name, frame, unit, len(line), took)


@pytest.mark.parametrize("name", WAYS)
def test_a_line_of_a_million_bytes(name: str) -> None:
    noise = random.Random(zlib.crc32(name.encode()) + 1)
    for unit in noise.sample(UNITS, 2):
        line = shaped(unit, noise.choice(FRAMES), LONGEST)
        took = cost(WAYS[name], line)
        assert took < allowed(len(line)), (name, unit, took)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("log, plain", b"#" * 8_000),
        ("log, plain", b"ERROR" * 12_800),
        ("log, plain", b"\\r" * 30_000 + b" OK"),
        ("log, marked", b" " * 64_000 + b"x"),
        ("mcu", b"AT" + b"+CSQ;" * 20_000),
        ("mcu", b"A/" * 32_000),
        ("module", b'+MIPURC: "rtcp",0,' + b" " * 60_000),
    ],
    ids=lambda value: value if isinstance(value, str) else value[:8].decode(),
)
def test_what_was_quadratic(name: str, line: bytes) -> None:
    assert cost(WAYS[name], line) < allowed(len(line))


def test_where_traffic_begins() -> None:
    """What shape.start says, with what may stand behind the traffic."""
    assert shape.start("x AT+CSQ<CR><LF>") == 2
    assert shape.start(': "OK\\r\\n"') == 3
    assert shape.start("-> OK\\x0d\\x0a)") == 3
    assert shape.start("nothing") is None
    assert shape.start("#" * 100) is None


# a command line of many commands ---------------------------------------------------------------------------------


@pytest.mark.outside
def test_commands_of_a_long_line_tell_their_own_part(tmp_path: Path) -> None:
    """A line of 60 kB took 749 MB and wrote 722 MB: each command told the whole line."""
    path = tmp_path / "one.pcapng"
    with Recorder(path) as recorder:
        recorder.write(Chunk(START, "mcu", b"AT" + b"+CSQ;" * 12_000 + b"\r"))
        recorder.write(Chunk(START + 10**8, "module", b"\r\nOK\r\n"))
    _, took = watched([sys.executable, "-m", "atshark", "decode", str(path), "--format", "jsonl"], ROOT)
    assert took.memory < MEMORY_MB
    done = run("decode", path, "--format", "jsonl")
    assert len(done.stdout) < 5 * 60_000
    found = [json.loads(line) for line in done.stdout.splitlines()]
    commands = [one for one in found if one["kind"] == "transaction"]
    assert len(commands) == grammar.MAX_COMMANDS
    assert {one["raw"] for one in commands[:-1]} == {"AT+CSQ"}
    assert all(one["result"]["code"] == "OK" for one in commands)


def test_commands_of_a_short_line_tell_the_whole_line() -> None:
    session = Session(standard())
    found = session.feed(Chunk(START, "mcu", b"ATE0;+CSQ;+CREG?\r")) + session.close()
    assert [(one.name, one.raw) for one in transactions(found)] == [
        (name, "ATE0;+CSQ;+CREG?") for name in ("E", "CSQ", "CREG")
    ]


def test_arguments_beyond_the_bound_stay_together() -> None:
    session = Session(standard())
    found = session.feed(Chunk(START, "mcu", b"AT+XYZZY=" + b"1," * 2000 + b"2\r")) + session.close()
    (one,) = transactions(found)
    assert len(one.params) == grammar.MAX_ARGUMENTS
    assert one.params[f"arg{grammar.MAX_ARGUMENTS}"].endswith("1,2")
    assert grammar.split_arguments('"' * 3 + "," * 2000)[-1].count(",") > 1000


@pytest.mark.parametrize("side", ["mcu", "module"])
@pytest.mark.parametrize("piece", [1000, 70_000, 200_000])
def test_a_line_beyond_the_bound_is_cut_alike_however_it_comes(side: Side, piece: int) -> None:
    """Lines end at 64 KiB, in one chunk as well: what a whole chunk held was read as a line of any length."""
    data = b"\r\n+X: " + b"0123456789" * 15_000 + b"\r\nOK\r\n"
    kinds = []
    for size in (piece, 64):
        session = Session(standard())
        events = [e for at in range(0, len(data), size) for e in session.feed(Chunk(START, side, data[at : at + size]))]
        events += session.close()
        kinds.append([(one.kind, len(one.raw)) for one in events if isinstance(one, Message)])
    assert kinds[0] == kinds[1]
    assert kinds[0][0] == ("noise", 65536)


# memory ----------------------------------------------------------------------------------------------------------


def write_commands(path: Path) -> None:
    """Distinct command lines of 60 kB with as many arguments as fit: each was kept, taken apart, in a cache."""
    with Recorder(path) as recorder:
        for number in range(200):
            recorder.write(Chunk(START + number * 10**9, "mcu", b"AT+X=%d" % number + b",7" * 30_000 + b"\r"))
            recorder.write(Chunk(START + number * 10**9 + 10**7, "module", b"\r\nOK\r\n"))


def write_answers(path: Path) -> None:
    with Recorder(path) as recorder:
        for number in range(200):
            recorder.write(Chunk(START + number * 10**9, "module", b"\r\n+X: %d" % number + b",7" * 30_000 + b"\r\n"))


def write_information(path: Path) -> None:
    """One command, and answers of 60 kB each that belong to it."""
    with Recorder(path) as recorder:
        recorder.write(Chunk(START, "mcu", b"AT+CMGL\r"))
        for number in range(400):
            recorder.write(Chunk(START + number * 10**6, "module", b"\r\n+CMGL: %d,%b\r\n" % (number, b"x" * 60_000)))


def write_late(path: Path) -> None:
    """Commands of 60 kB that each wait for a late URC."""
    with Recorder(path) as recorder:
        for number in range(400):
            line = b'AT+MIPOPEN=%d,"TCP","%b",1' % (number % 6, b"x" * 60_000)
            recorder.write(Chunk(START + number * 10**7, "mcu", line + b"\r"))
            recorder.write(Chunk(START + number * 10**7 + 10**6, "module", b"\r\nOK\r\n"))


def write_announced(path: Path) -> None:
    """Payload inside a line that is announced to be 99 MB."""
    with Recorder(path) as recorder:
        recorder.write(Chunk(START, "module", b'\r\n+MIPURC: "rtcp",0,99999999,'))
        for number in range(10_000):
            recorder.write(Chunk(START + number * 10**6, "module", b"0123456789" * 200))


@pytest.mark.outside
@pytest.mark.parametrize("write", [write_commands, write_answers, write_information, write_late, write_announced])
def test_long_lines_stay_within_memory(write: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    write(path)
    status, took = watched([sys.executable, "-m", "atshark", "decode", str(path), "--format", "jsonl"], ROOT)
    assert status in (0, 1)
    assert took.memory < MEMORY_MB, (write.__name__, took)
    assert took.seconds < 60


def test_transactions_of_a_line_are_the_same_in_pieces() -> None:
    line = b"AT" + b"+CSQ;" * 100 + b"\r"
    found = []
    for size in (1, len(line)):
        session = Session(standard())
        events = [
            e for at in range(0, len(line), size) for e in session.feed(Chunk(START, "mcu", line[at : at + size]))
        ]
        found.append([one for one in [*events, *session.close()] if isinstance(one, Transaction)])
    assert found[0] == found[1]
