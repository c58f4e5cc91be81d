"""Two inputs of one wire each: what the session puts in order, with times cut, shifted, or gone."""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atshark.sources import open_source
from atshark.sources.pair import open_pair
from capture.chunk import Chunk, Side
from decoder.clocks import clocks
from decoder.decode import NO_STAGES
from decoder.decode import run as decode
from decoder.events import Transaction
from decoder.order import Order
from tests.helpers import START, run, sample_files, standard

MS = 1_000_000
SECOND = 1_000 * MS
ENOUGH = {"exact": 0.985, "+200": 0.98, "-200": 0.97, "seconds": 0.9, "none": 0.88}
"""Of all transactions of the samples, so many must come out as they were. Without times, a command that nobody answers
leaves no trace, and what is sent in transparent mode has no order."""


def stamped(chunk: Chunk, how: str) -> Chunk:
    time_ns = chunk.time_ns
    if time_ns is None or how == "none":
        return Chunk(None, chunk.side, chunk.data)
    if how == "seconds":
        time_ns -= time_ns % SECOND
    elif how != "exact" and chunk.side == "module":
        time_ns += int(how) * MS
    return Chunk(time_ns, chunk.side, chunk.data)


def of(chunks: list[Chunk], side: Side) -> list[Chunk]:
    return [one for one in chunks if one.side == side]


def transactions(chunks: list[Chunk]) -> list[str]:
    return [
        repr((one.raw, one.result and one.result.code, [each.raw for each in (*one.information, *one.urcs)]))
        for one in decode(chunks, standard(), NO_STAGES)
        if isinstance(one, Transaction)
    ]


@pytest.mark.parametrize("how", ENOUGH)
def test_samples_in_two_files(how: str) -> None:
    same = total = 0
    for path in sample_files():
        if path.stem == "cmux":  # which frame comes first, only its time tells
            continue
        with open_source(str(path)) as source:
            chunks = [one for one in source if one.data]
        cut = [stamped(one, how) for one in chunks]
        order = Order(standard(), of(cut, "mcu"), of(cut, "module"), SECOND if how == "seconds" else 1)
        got = list(order)
        for side in ("mcu", "module"):
            assert b"".join(one.data for one in of(got, side)) == b"".join(one.data for one in of(chunks, side))
        times = [one.time_ns for one in got if one.time_ns is not None]
        assert times == sorted(times)
        wanted, found = transactions(chunks), transactions(got)
        blocks = SequenceMatcher(a=wanted, b=found, autojunk=False).get_matching_blocks()
        right = sum(one.size for one in blocks)
        same += right
        total += len(wanted)
    assert same / total >= ENOUGH[how], (same, total)


TALK = [
    (b"AT\r", b"\r\nOK\r\n"),
    (b"AT+CSQ\r", b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"),
    (b"AT+CPIN?\r", b"\r\n+CPIN: READY\r\n\r\nOK\r\n"),
    (b"AT+CEREG?\r", b"\r\n+CEREG: 0,1\r\n\r\nOK\r\n"),
]


@given(
    st.lists(st.sampled_from(TALK), min_size=2, max_size=20), st.integers(-400, 400), st.sampled_from(["none", "exact"])
)
def test_a_dialogue_keeps_its_pairs_whatever_the_skew(talk: list[tuple[bytes, bytes]], shift: int, how: str) -> None:
    mcu = [stamped(Chunk(START + n * SECOND, "mcu", said), how) for n, (said, _) in enumerate(talk)]
    module = [
        stamped(Chunk(START + n * SECOND + (20 + shift) * MS, "module", answer), how)
        for n, (_, answer) in enumerate(talk)
    ]
    got = list(Order(standard(), mcu, module))
    found = [one for one in decode(got, standard(), NO_STAGES) if isinstance(one, Transaction)]
    assert [(one.raw.encode() + b"\r", one.result and one.result.code) for one in found] == [
        (said, "OK") for said, _ in talk
    ]
    assert [len(one.information) for one in found] == [answer.count(b": ") for _, answer in talk]


def test_three_prompted_sends_without_times() -> None:
    sends = b"".join(b"AT+QISEND=0,5\rhell%d" % n for n in range(3)) + b"AT+CSQ\r"
    answers = b"".join([b"\r\n> \r\nSEND OK\r\n"] * 3) + b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n"
    got = list(Order(standard(), [Chunk(None, "mcu", sends)], [Chunk(None, "module", answers)]))
    found = [one for one in decode(got, standard(), NO_STAGES) if isinstance(one, Transaction)]
    assert [(one.name, one.result and one.result.code) for one in found] == [
        *[("QISEND", "SEND OK")] * 3, ("CSQ", "OK")
    ]  # fmt: skip


def test_the_difference_of_the_clocks_is_told() -> None:
    times = [START + n // 3 * SECOND + n % 3 * 100 * MS for n in range(30)]  # three commands close together, a pause
    mcu = [Chunk(time, "mcu", b"AT\r") for time in times]
    ahead = [Chunk(time - 200 * MS, "module", b"\r\nOK\r\n") for time in times]
    assert 200 * MS <= clocks(standard(), mcu, ahead).skew_ns < 300 * MS
    assert clocks(standard(), mcu, [Chunk(time + 20 * MS, "module", b"\r\nOK\r\n") for time in times]).skew_ns == 0


def test_two_files_of_bare_bytes_and_of_lines(tmp_path: Path) -> None:
    for name, mcu, module in (
        ("bare", "AT+CSQ\rAT+CPIN?\r", "\r\n+CSQ: 20,99\r\n\r\nOK\r\n\r\n+CME ERROR: 10\r\n"),
        ("lines", "AT+CSQ\nAT+CPIN?\n", "+CSQ: 20,99\nOK\n+CME ERROR: 10\n"),
        ("stamped", "[12:00:00.000] AT+CSQ\n[12:00:01.000] AT+CPIN?\n",
         "[12:00:00.020] +CSQ: 20,99\n[12:00:00.021] OK\n[12:00:01.020] +CME ERROR: 10\n"),
    ):  # fmt: skip
        one, two = tmp_path / f"{name}.mcu", tmp_path / f"{name}.module"
        one.write_text(mcu, newline="")
        two.write_text(module, newline="")
        with open_pair(str(one), str(two)) as source:
            found = [event for event in decode(source, standard()) if isinstance(event, Transaction)]
        assert [(event.name, event.result and event.result.code) for event in found] == [
            ("CSQ", "OK"), ("CPIN", "CME ERROR")
        ], name  # fmt: skip


@pytest.mark.outside
def test_the_verbs_take_two_files(tmp_path: Path) -> None:
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"AT+CPIN?\r")
    two.write_bytes(b"\r\n+CME ERROR: 10\r\n")
    done = run("check", "--mcu", one, "--module", two)
    assert done.returncode == 1
    assert b"SIM not inserted" in done.stdout
    assert run("export", "--mcu", one, "--module", two, "-w", tmp_path / "x.pcapng").returncode == 0
    assert run("report", "--mcu", one, "--module", two, "-o", tmp_path / "x.html").returncode == 0
    alone = run("decode", "--mcu", one)
    assert alone.returncode == 2
    assert b"belong together" in alone.stderr
    missing = run("decode", "--mcu", one, "--module", tmp_path / "none")
    assert missing.returncode == 2
    assert b"none: cannot be read" in missing.stderr
