"""The order of the two wires: what is read too late is put right, and that is told."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atshark.virtual.line import VirtualLine
from capture import recording
from capture.chunk import Chunk, MarkChunk, ReadChunk, Side
from capture.order import HOLD_NS, Order
from capture.tap import Tap
from tests.helpers import START, run
from tests.tapping import all_read

MS = 1_000_000


def said(order: Order, *steps: tuple[float, Side, bytes]) -> list[Chunk]:
    out: list[Chunk] = []
    for at_ms, side, data in steps:
        out += order.push(Chunk(START + round(at_ms * MS), side, data))
    return out + order.close()


def test_an_answer_that_was_read_first_is_put_behind_its_command_and_that_is_told() -> None:
    order = Order()
    got = said(order, (0, "module", b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n"), (5, "mcu", b"AT+C"), (5.2, "mcu", b"SQ\r"))
    assert [chunk.data for chunk in got] == [b"AT+C", b"SQ\r", b"", b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n"]
    assert isinstance(got[2], MarkChunk)
    assert got[2].mark.kind == "order"
    assert "5.2 ms before its command (AT+CSQ)" in got[2].mark.text
    assert str(START + 5_200_000) in got[2].mark.text
    times = [chunk.time_ns or 0 for chunk in got]
    assert times == sorted(times)
    skew = order.skew()
    assert skew is not None
    assert "1 of 1 answers were read before their commands, by up to 5.2 ms" in skew.text


@pytest.mark.parametrize(
    "steps",
    [
        [(0, "mcu", b"AT\r"), (9, "module", b"\r\nOK\r\n"), (10, "mcu", b"AT+CSQ\r")],
        [(0, "module", b"\r\n+CEREG: 1\r\n"), (3, "mcu", b"AT+CEREG?\r")],
        [(0, "module", b"\r\nCONNECT OK\r\n"), (3, "mcu", b"AT+CIPSEND=5\r")],
        [(0, "mcu", b"+++"), (9, "module", b"\r\nOK\r\n"), (12, "mcu", b"AT\r")],
        [
            (0, "mcu", b"AT\r"),
            (1, "mcu", b"AT\r"),
            (2, "module", b"\r\nOK\r\n"),
            (3, "module", b"\r\nOK\r\n"),
            (4, "mcu", b"AT\r"),
        ],
        [
            (0, "mcu", b"AT+MIPSEND=0,3\r"),
            (1, "module", b"\r\n> "),
            (2, "mcu", b"abc"),
            (3, "module", b"\r\nOK\r\n"),
            (4, "mcu", b"AT\r"),
        ],
        [(0, "module", b"\r\nOK\r\n"), (30, "mcu", b"AT\r")],
    ],
)
def test_what_needs_no_repair_is_left_alone(steps: list[tuple[float, Side, bytes]]) -> None:
    got = said(Order(), *steps)
    assert [(chunk.side, chunk.data) for chunk in got] == [(side, data) for _, side, data in steps]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from(["mcu", "module"]),
            st.sampled_from(
                [
                    b"AT\r",
                    b"AT+CSQ\r",
                    b"\r\nOK\r\n",
                    b"AT+C",
                    b"\r\nERROR\r\n",
                    b"AT+CSQ\r\r\nOK\r\n",
                    b"+CEREG: 1\r\n",
                    b"\r",
                ]
            ),
        ),
        max_size=30,
    )
)
def test_no_byte_is_lost_and_none_changes_wires(steps: list[tuple[int, Side, bytes]]) -> None:
    order = Order()
    now = START
    got: list[Chunk] = []
    for gap, side, data in steps:
        now += gap * MS
        got += order.tick(now)
        got += order.push(ReadChunk.at(now, side, data, now - MS))
    got += order.close()
    for one in ("mcu", "module"):
        assert b"".join(c.data for c in got if c.side == one) == b"".join(
            data for _, side, data in steps if side == one
        )
    times = [chunk.time_ns or 0 for chunk in got]
    assert times == sorted(times)


def test_a_command_is_not_put_before_what_was_handed_on_already() -> None:
    order = Order()
    got: list[Chunk] = []
    for at_ms, side, data in ((0, "module", b"\r\n+CEREG: 1\r\n"), (0, "module", b"\r\nOK\r\n"), (5, "mcu", b"AT\r")):
        now = START + at_ms * MS
        got += order.push(ReadChunk.at(now, "mcu" if side == "mcu" else "module", data, now - MS))
    assert [chunk.data for chunk in got] == [b"\r\n+CEREG: 1\r\n", b"AT\r", b"", b"\r\nOK\r\n"]
    times = [chunk.time_ns or 0 for chunk in got]
    assert times == sorted(times)


def test_an_answer_is_never_held_longer_than_promised() -> None:
    order = Order()
    assert order.push(Chunk(START, "module", b"\r\nOK\r\n")) == []
    assert order.tick(START + HOLD_NS - 1) == []
    assert [chunk.data for chunk in order.tick(START + HOLD_NS)] == [b"\r\nOK\r\n"]


def test_skew_is_measured_from_echoes() -> None:
    order = Order()
    for number in range(10):
        said(order, (number * 100, "mcu", b"AT\r"), (number * 100 + 4, "module", b"AT\r\r\nOK\r\n"))
    skew = order.skew()
    assert skew is not None
    assert "echoes began 4.0 ms after their commands (median of 10" in skew.text


@pytest.mark.outside
def test_a_late_adapter_is_repaired_on_a_live_tap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's bytes reach the terminal when those of its answer were read."""
    monkeypatch.setattr("capture.order.HOLD_NS", 10_000_000_000)  # a busy machine may take its time
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], idle_s=0.01)

        def speak() -> None:
            for _ in range(5):
                line.write("module", b"AT+CSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
                all_read(line, "module")
                line.write("mcu", b"AT+CSQ\r")
                all_read(line, "mcu")
            tap.stop()

        thread = threading.Thread(target=speak)
        thread.start()
        recording.record([chunk for chunk in tap if chunk is not None], tmp_path / "r.pcapng")
        thread.join()
        tap.close()
    assert "5 of 5 answers were read before their commands" in tap.skew
    decoded = run("decode", tmp_path / "r.pcapng").stdout.decode()
    assert decoded.count("tap.order") == decoded.count("← OK") == 5
