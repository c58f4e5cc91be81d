"""What real adapters do to bytes and times: errors, wrong speeds, delays, unplugging; and what the tap makes of it."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import serial.rfc2217
import serial.tools.list_ports
from hypothesis import given
from hypothesis import strategies as st

from atshark.virtual.line import VirtualLine
from capture.arrival import Arrival, character_ns
from capture.chunk import Chunk, MarkChunk
from capture.lineerrors import Unmark
from capture.tap import Tap
from tests.helpers import START
from tests.tapping import collect, take

MS = 1_000_000

# marked bytes ------------------------------------------------------------------------------------------------


PIECES = st.lists(
    st.one_of(
        st.tuples(st.just(None), st.binary(min_size=1, max_size=20)),
        st.tuples(st.just("error"), st.integers(1, 255).map(lambda value: bytes([value]))),
        st.tuples(st.just("break"), st.just(b"")),
    ),
    max_size=20,
)


def marked(pieces: list[tuple[str | None, bytes]]) -> bytes:
    """Write what a driver would hand on."""
    out = b""
    for kind, data in pieces:
        if kind is None:
            out += data.replace(b"\xff", b"\xff\xff")
        else:
            out += b"\xff\0" + (data if kind == "error" else b"\0")
    return out


def joined(pieces: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]]:
    out: list[tuple[Any, bytes]] = []
    for kind, data in pieces:
        if kind is None and out and out[-1][0] is None:
            out[-1] = (None, out[-1][1] + data)
        else:
            out.append((kind, data))
    return out


@given(PIECES, st.lists(st.integers(1, 7), min_size=1))
def test_bytes_and_errors_are_told_apart_in_any_cuts(pieces: list[tuple[str | None, bytes]], cuts: list[int]) -> None:
    raw = marked(pieces)
    unmark = Unmark()
    got: list[tuple[Any, bytes]] = []
    position = 0
    while position < len(raw):
        size = cuts[position % len(cuts)]
        got += unmark.feed(raw[position : position + size])
        position += size
    assert joined(got) == joined(list(pieces))


@pytest.mark.outside
def test_a_terminal_doubles_0xff_and_the_tap_undoes_it() -> None:
    block = bytes(range(256)) + b"\xff\0\xff\xff\0\0"
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], idle_s=0.01)
        line.write("mcu", block)
        got = collect(tap, len(block))
        tap.close()
    assert got["mcu"] == block
    assert tap.errors == {"mcu": 0, "module": 0}


@pytest.mark.outside
def test_line_errors_of_a_live_tap_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal has no line errors: what a driver would hand on is put in where the tap reads."""
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], idle_s=0.01)
        told = [b"AT\xff\x00\x2b\xff\xffC\r", b"\xff\x00\x00", b"\xff\x00\x01" * 50 + b"x"]
        monkeypatch.setattr(tap.ports["mcu"], "read", lambda: told.pop(0) if told else b"")
        line.write("mcu", b"x")
        chunks: list[Chunk] = []
        for chunk in tap:
            if chunk is not None:
                chunks.append(chunk)
            if not told:
                tap.stop()
        tap.close()
    assert b"".join(chunk.data for chunk in chunks) == b"AT\x2b\xffC\r" + b"\x01" * 50 + b"x"
    marks = [chunk.mark for chunk in chunks if isinstance(chunk, MarkChunk)]
    assert [mark.kind for mark in marks] == ["error", "break", *["error"] * 5]
    assert "the byte 2b" in marks[0].text
    assert "46 more line errors" in marks[-1].text
    assert tap.errors["mcu"] == 52


# times ---------------------------------------------------------------------------------------------------------


def test_the_first_byte_is_as_much_earlier_as_the_line_is_slow() -> None:
    assert character_ns(9600) == round(10 / 9600 * 1e9)
    assert character_ns(9600, "7E2") == round(11 / 9600 * 1e9)
    arrival = Arrival(character_ns(9600), 16 * MS)
    assert arrival.first(START, 10) == START - 10 * character_ns(9600)
    arrival.first(START + 50 * MS, 10)
    # A driver that held 40 bytes back cannot have had them before the read before.
    assert (
        arrival.first(START + 60 * MS, 1000) == START + 50 * MS - 16 * MS
        or arrival.first(START + 60 * MS, 1) <= START + 60 * MS
    )


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10_000)), max_size=50))
def test_first_bytes_never_run_backwards_and_are_never_later_than_the_read(reads: list[tuple[int, int]]) -> None:
    arrival = Arrival(character_ns(115200), 16 * MS)
    now, last = START, 0
    for gap, size in reads:
        now += gap
        first = arrival.first(now, size)
        assert last <= first <= now
        last = first


# unplugging ------------------------------------------------------------------------------------------------------


@pytest.mark.outside
def test_an_adapter_that_comes_back_is_taken_up_again_and_the_gap_is_marked(tmp_path: Path) -> None:
    name = tmp_path / "adapter"
    first, second, other = VirtualLine(), VirtualLine(), VirtualLine()
    name.symlink_to(first.ports["mcu"])
    tap = Tap(str(name), other.ports["module"], idle_s=0.01, reattach=True)
    first.write("mcu", b"AT+A\r")
    got = collect(tap, 5)["mcu"]
    first.close()
    time.sleep(0.05)
    other.write("module", b"\r\n+CEREG: 2\r\n")
    away = take(tap, "gap", 13)
    name.unlink()
    name.symlink_to(second.ports["mcu"])
    back = take(tap, "back")
    second.write("mcu", b"AT+B\r")
    got += collect(tap, 5)["mcu"]
    tap.close()
    second.close()
    other.close()
    assert got == b"AT+A\rAT+B\r"
    assert b"".join(chunk.data for chunk in away if chunk.side == "module") == b"\r\n+CEREG: 2\r\n"
    kinds = [chunk.mark.kind for chunk in [*away, *back] if isinstance(chunk, MarkChunk)]
    assert kinds == ["gap", "back"]
    assert "went away" in tap.lost["mcu"]


@pytest.mark.outside
def test_an_adapter_is_found_by_its_serial_number_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, other = VirtualLine(), VirtualLine(), VirtualLine()
    there = [first.ports["mcu"]]

    def comports() -> list[Any]:
        foreign = SimpleNamespace(device=other.ports["module"], vid=1, pid=1, serial_number="B", interface=None)
        return [
            foreign,
            *(SimpleNamespace(device=d, vid=0x403, pid=0x6001, serial_number="A7", interface=None) for d in there),
        ]

    monkeypatch.setattr(serial.tools.list_ports, "comports", comports)
    tap = Tap(first.ports["mcu"], other.ports["module"], idle_s=0.01, reattach=True)
    there.clear()
    first.close()
    gone = take(tap, "gap")
    there.append(second.ports["mcu"])
    back = take(tap, "back")
    second.write("mcu", b"AT\r")
    got = collect(tap, 3)["mcu"]
    tap.close()
    assert [chunk.mark.kind for chunk in [*gone, *back] if isinstance(chunk, MarkChunk)] == ["gap", "back"]
    assert f"is back as {second.ports['mcu']}" in next(c.mark.text for c in back if isinstance(c, MarkChunk))
    assert got == b"AT\r"
    second.close()
    other.close()


@pytest.mark.outside
def test_a_wire_that_is_dead_while_the_other_one_answers_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    from capture import tap as tap_module

    monkeypatch.setattr(tap_module, "_SILENT_NS", 200 * MS)
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], idle_s=0.01)
        for _ in range(4):
            line.write("module", b"\r\nOK\r\n")
            time.sleep(0.03)
        marks = [chunk.mark for chunk in take(tap, "silent") if isinstance(chunk, MarkChunk)]
        line.write("mcu", b"AT\r")
        marks += [chunk.mark for chunk in take(tap, "back", 3) if isinstance(chunk, MarkChunk)]
        tap.close()
    assert [mark.kind for mark in marks] == ["silent", "back"]
    assert "is it connected?" in marks[0].text


@pytest.mark.outside
def test_overruns_that_the_driver_counts_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], idle_s=0.01)
        told = [{"overrun": 2, "frame": 1}]
        monkeypatch.setattr(tap.ports["mcu"], "new_errors", lambda: told.pop() if told else {})
        marks = [chunk.mark for chunk in take(tap, "overrun") if isinstance(chunk, MarkChunk)]
        tap.close()
    assert [mark.kind for mark in marks] == ["overrun"]
    assert tap.overruns == 2
