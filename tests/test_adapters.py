"""What real adapters do to bytes and times: errors, wrong speeds, delays, unplugging; and what the tap makes of it."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import serial.rfc2217
import serial.tools.list_ports
from hypothesis import given
from hypothesis import strategies as st

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from capture.arrival import Arrival, character_ns
from capture.chunk import Chunk, Mark, MarkChunk, ReadChunk, Side, first_ns
from capture.errors import AtsharkError
from capture.identify import Identify
from capture.lineerrors import Unmark
from capture.order import HOLD_NS, Order
from capture.ports import open_port
from capture.speed import CANDIDATES, Finder, Follower
from capture.tap import Tap
from tests.helpers import ROOT, START, chunks_of, lua, run
from tests.tapping import Capture, all_read, wait_until

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


def collect(tap: Tap, size: int, seconds: float = 5.0) -> dict[Side, bytes]:
    """Read until ``size`` bytes came, or for so long."""
    out: dict[Side, bytes] = {"mcu": b"", "module": b""}
    end = time.monotonic() + seconds
    for chunk in tap:
        if chunk is not None:
            out[chunk.side] += chunk.data
        if sum(map(len, out.values())) >= size or time.monotonic() > end:
            break
    return out


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


# order ---------------------------------------------------------------------------------------------------------


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
def test_a_late_adapter_is_repaired_on_a_live_tap(tmp_path: Path) -> None:
    """The command's bytes reach the terminal some ms after those of its answer."""
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, Capture(line, out, "--quiet") as tap:
        tap.say("module", b"\r\nRDY\r\n")
        for _ in range(15):
            tap.write("module", b"AT+CSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
            time.sleep(0.004)  # on a busy machine it may be more, and then nothing can be repaired
            tap.say("mcu", b"AT+CSQ\r")
        _, errors = tap.end()
    told = re.search(r"(\d+) of 15 answers were read before their commands", errors)
    assert told, errors
    repaired = int(told[1])
    decoded = run("decode", str(out)).stdout.decode()
    assert decoded.count("tap.order") == repaired
    assert repaired <= decoded.count("← OK") <= 15


# speed -----------------------------------------------------------------------------------------------------------


def heard(data: bytes, sent_at: int, heard_at: int) -> tuple[bytes, int]:
    """What a UART at ``heard_at`` makes of bytes sent at ``sent_at`` (8N1, back to back): bytes, and framing errors."""
    bits = [1, 1]
    for byte in data:
        bits += [0, *(byte >> i & 1 for i in range(8)), 1]
    bits += [1] * 20

    def level(at: float) -> int:
        index = int(at * sent_at)
        return bits[index] if index < len(bits) else 1

    out, errors, now, end = bytearray(), 0, 0.0, len(bits) / sent_at
    step = 1 / (16 * max(sent_at, heard_at))
    while now < end:
        if level(now) == 1:
            now += step
            continue
        sampled = [level(now + (i + 1.5) / heard_at) for i in range(9)]
        out.append(sum(bit << i for i, bit in enumerate(sampled[:8])))
        errors += sampled[8] == 0
        now += 9.6 / heard_at
        while now < end and level(now) == 0 and sampled[8] == 0:
            now += step
    return bytes(out), errors


TALK = [
    b"AT\r",
    b"\r\nOK\r\n",
    b"AT+CSQ\r",
    b"\r\n+CSQ: 24,99\r\n",
    b"\r\nOK\r\n",
    b"AT+CEREG?\r",
    b"\r\n+CEREG: 0,1\r\n",
] * 40


@pytest.mark.parametrize("true", [115200, 9600, 57600, 460800, 921600, 38400, 19200, 4800])
@pytest.mark.parametrize("errors_told", [True, False])
def test_the_speed_is_found(true: int, errors_told: bool) -> None:
    finder = Finder(START)
    tried = {finder.speed}
    for number, line in enumerate(TALK):
        data, errors = heard(line, true, finder.speed)
        if data:
            finder.feed(data, errors if errors_told else 0, START + number * 300 * MS)
        finder.tick(START + number * 300 * MS)
        tried.add(finder.speed)
    assert finder.found
    assert finder.speed == true, tried


def test_a_found_speed_is_left_when_errors_come() -> None:
    finder = Finder(START)
    finder.feed(b"AT\r\r\nOK\r\n", 0, START)
    assert finder.found
    assert not finder.feed(random.Random(1).randbytes(500), 0, START)  # payload is no proof
    for _ in range(4):
        changed = finder.feed(b"\0\x80\0", 3, START)
        if changed:
            break
    assert changed
    assert finder.speed == CANDIDATES[1]


@pytest.mark.parametrize(
    ("steps", "speed"),
    [
        ([("mcu", b"AT+IPR=9600\r"), ("module", b"\r\nOK\r\n")], 9600),
        ([("mcu", b"at+ip"), ("mcu", b"r=9600\r"), ("module", b"AT+IPR=9600\r\r\n"), ("module", b"OK\r\n")], 9600),
        ([("mcu", b"AT+UART_CUR=921600,8,1,0,0\r\n"), ("module", b"\r\nOK\r\n")], 921600),
        ([("mcu", b"AT+IPR=9600\r"), ("module", b"\r\nERROR\r\n"), ("mcu", b"AT\r"), ("module", b"\r\nOK\r\n")], None),
        ([("mcu", b"AT+IPR=0\r"), ("module", b"\r\nOK\r\n")], None),
        ([("mcu", b"AT+IPR?\r"), ("module", b"\r\n+IPR: 9600\r\n\r\nOK\r\n")], None),
    ],
)
def test_a_change_of_speed_is_followed_after_its_ok(steps: list[tuple[Side, bytes]], speed: int | None) -> None:
    follower = Follower(module_heard=True)
    found = [follower.feed(side, data) for side, data in steps]
    assert found[:-1] == [None] * (len(steps) - 1)
    assert found[-1] == speed


@pytest.mark.outside
def test_the_tap_listens_at_the_new_speed() -> None:
    import termios

    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], 115200, idle_s=0.01)
        marks: list[str] = []
        line.write("mcu", b"AT+IPR=9600\r")
        time.sleep(0.05)
        line.write("module", b"\r\nOK\r\n")
        for chunk in tap:
            if isinstance(chunk, MarkChunk):
                marks.append(chunk.mark.text)
            if len(marks) == 2:
                break
        speeds = {termios.tcgetattr(port.fileno())[4] for port in tap.ports.values()}
        tap.close()
    assert speeds == {termios.B9600}
    assert all("listening at 9600 bit/s from here on: the host changed the speed" in text for text in marks)


@pytest.mark.outside
def test_the_tap_finds_the_speed() -> None:
    """A terminal garbles nothing: what stands for a wrong speed is text that is none."""
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], None, idle_s=0.01)
        line.write("mcu", bytes([0x80, 0xE6, 0x00, 0x9E, 0x78, 0x06]) * 8)
        time.sleep(0.05)
        seen: list[str] = []
        for chunk in tap:
            if isinstance(chunk, MarkChunk):
                seen.append(chunk.mark.text)
            if len(seen) == 2:
                line.write("mcu", b"AT+CSQ\r")
            if len(seen) == 3:
                break
        tap.close()
    assert "listening at 9600 bit/s" in seen[0]
    assert seen[2] == "9600 bit/s found"
    assert tap.speeds == {"mcu": 9600, "module": 9600}
    assert "found by trying" in tap.descriptions["mcu"]


# which port is which -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("echo", [True, False])
def test_the_mcu_is_identified(echo: bool) -> None:
    decider = Identify()
    assert decider.feed(1, b"AT+CSQ\r") is None
    assert decider.feed(0, (b"AT+CSQ\r" if echo else b"") + b"\r\n+CSQ: 9,99\r\n\r\nO") is None
    assert decider.feed(0, b"K\r\n") == 1


@pytest.mark.outside
def test_identify_swaps_ports_given_the_wrong_way_round(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line:
        with Capture(line, out, "--identify", "--quiet", mcu=line.ports["module"], module=line.ports["mcu"]) as tap:
            for _ in range(3):  # what is heard while it is not known whose it is, is not recorded at once
                line.write("mcu", b"AT\r")
                all_read(line, "mcu")
                line.write("module", b"\r\nOK\r\n")
                all_read(line, "module")
            _, errors = tap.end()
        assert f"{line.ports['mcu']} is the MCU, {line.ports['module']} the module" in errors
    chunks = chunks_of(out)
    assert b"".join(chunk.data for chunk in chunks if chunk.side == "mcu") == b"AT\r" * 3
    assert b"".join(chunk.data for chunk in chunks if chunk.side == "module") == b"\r\nOK\r\n" * 3
    assert [chunk.mark.kind for chunk in chunks if isinstance(chunk, MarkChunk)] == ["identified"]


# one wire, URLs ------------------------------------------------------------------------------------------------


@pytest.mark.outside
def test_one_wire_alone(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, Capture(line, out, "--quiet", mcu="-") as tap:
        tap.say("module", b"\r\n+CEREG: 1\r\n")
        tap.end()
    assert "+CEREG: 1" in run("decode", str(out)).stdout.decode()
    assert b"needs at least one" in run("capture", "-", "-", "-w", str(tmp_path / "other.pcapng")).stderr


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.mark.outside
def test_a_socket_is_a_wire_that_is_never_written_to(server: socket.socket) -> None:
    with VirtualLine() as line:
        tap = Tap(f"socket://127.0.0.1:{server.getsockname()[1]}", line.ports["module"], idle_s=0.01)
        peer, _ = server.accept()
        peer.sendall(b"AT+CSQ\r")
        line.write("module", b"\r\nOK\r\n")
        got = collect(tap, 13)
        peer.settimeout(0.2)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        peer.close()
        marks = [chunk.mark for chunk in take(tap, 0.3) if isinstance(chunk, MarkChunk)]
        tap.close()
    assert got == {"mcu": b"AT+CSQ\r", "module": b"\r\nOK\r\n"}
    assert [mark.kind for mark in marks] == ["gap"]


def take(tap: Tap, seconds: float) -> list[Chunk]:
    out = []
    end = time.monotonic() + seconds
    for chunk in tap:
        if chunk is not None:
            out.append(chunk)
        if time.monotonic() > end:
            break
    return out


class Rfc2217Server(threading.Thread):
    """A server of RFC 2217 (pyserial's own server side); what is written to ``port`` there comes in again."""

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(daemon=True)
        self._listening = listening
        self.port: Any = serial.serial_for_url("loop://", timeout=0.01)
        self.written = b""

    def run(self) -> None:
        peer, _ = self._listening.accept()

        class Connection:  # all that a PortManager asks of one
            def write(self, data: bytes) -> None:
                peer.sendall(data)

        manager = serial.rfc2217.PortManager(self.port, cast(Any, Connection()))
        peer.settimeout(0.01)
        while True:
            try:
                data = peer.recv(1024)
                if not data:
                    return
                self.written += b"".join(manager.filter(data))
            except TimeoutError:
                pass
            except OSError:
                return
            data = self.port.read(self.port.in_waiting or 1)
            if data:
                peer.sendall(b"".join(manager.escape(data)))


@pytest.mark.outside
def test_rfc2217_is_a_wire_that_is_never_written_to(server: socket.socket) -> None:
    with VirtualLine() as line:
        remote = Rfc2217Server(server)
        remote.start()
        tap = Tap(f"rfc2217://127.0.0.1:{server.getsockname()[1]}", line.ports["module"], 9600, idle_s=0.01)
        block = bytes(range(256)) * 4
        remote.port.write(block)
        got = collect(tap, len(block))
        tap.close()
    assert got["mcu"] == block
    assert remote.written == b""


@pytest.mark.parametrize(
    "url", ["socket://127.0.0.1:1", "rfc2217://127.0.0.1:1", "loop://", "spy:///dev/x", "socket://nowhere"]
)
def test_urls_that_cannot_be_opened_are_one_line(url: str) -> None:
    with pytest.raises(AtsharkError) as caught:
        open_port(url, 9600)
    assert "\n" not in str(caught.value)


def test_auto_needs_a_port_of_which_the_speed_can_be_set() -> None:
    with pytest.raises(AtsharkError, match="cannot be found by trying"):
        Tap("socket://127.0.0.1:1", None, None)


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
    away = take(tap, 0.3)
    name.unlink()
    name.symlink_to(second.ports["mcu"])
    back = take(tap, 1.0)
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
    gone = take(tap, 0.7)
    there.append(second.ports["mcu"])
    back = take(tap, 0.8)
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
        marks = [chunk.mark for chunk in take(tap, 0.8) if isinstance(chunk, MarkChunk)]
        line.write("mcu", b"AT\r")
        marks += [chunk.mark for chunk in take(tap, 0.3) if isinstance(chunk, MarkChunk)]
        tap.close()
    assert [mark.kind for mark in marks] == ["silent", "back"]
    assert "is it connected?" in marks[0].text


@pytest.mark.outside
def test_overruns_that_the_driver_counts_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], idle_s=0.01)
        told = [{"overrun": 2, "frame": 1}]
        monkeypatch.setattr(tap.ports["mcu"], "new_errors", lambda: told.pop() if told else {})
        marks = [chunk.mark for chunk in take(tap, 0.3) if isinstance(chunk, MarkChunk)]
        tap.close()
    assert [mark.kind for mark in marks] == ["overrun"]
    assert tap.overruns == 2


# marks, in files -------------------------------------------------------------------------------------------------


@pytest.mark.outside
def test_times_and_marks_survive_a_recording_and_an_export(tmp_path: Path) -> None:
    from capture.recording import record
    from decoder import catalog
    from decoder.decode import Decoder
    from wireshark.export import export

    chunks: list[Chunk] = [
        ReadChunk.at(START + 600_000, "mcu", b"AT\r", START),
        MarkChunk.at(START + MS, "module", Mark("gap", "/dev/x: gone\x1b[31m")),
        MarkChunk.at(START + 2 * MS, "mcu", Mark("note", "天线已换")),
        ReadChunk.at(START + 9 * MS, "module", b"\r\nOK\r\n", START + 8 * MS),
    ]
    out, exported = tmp_path / "r.pcapng", tmp_path / "e.pcapng"
    record(chunks, out)
    with open_source(str(out)) as source:
        got = list(source)
    assert got == chunks
    assert [first_ns(chunk) for chunk in got] == [first_ns(chunk) for chunk in chunks]
    assert [c.mark for c in got if isinstance(c, MarkChunk)] == [c.mark for c in chunks if isinstance(c, MarkChunk)]
    export(got, Decoder(catalog.load()), exported)
    texts = [run("decode", str(path), "--format", "jsonl").stdout.decode() for path in (out, exported)]
    assert texts[0] == texts[1]
    assert '"rule":"tap.gap"' in texts[0]
    assert "天线已换" in texts[0]
    assert "\x1b" not in run("decode", str(out)).stdout.decode()
    fields = ["frame.time_epoch", "atshark.mark", "atshark.mark.text", "atshark.finding", "atshark.latency"]
    for path in (out, exported):
        done = subprocess.run(
            [
                "tshark",
                "-2",
                "-r",
                str(path),
                "-X",
                f"lua_script:{lua()}",
                "-T",
                "fields",
                *(part for name in fields for part in ("-e", name)),
            ],
            capture_output=True,
            timeout=60,
            check=False,
        )
        rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
        assert sorted(row[1] for row in rows) == ["", "", "gap", "note"], done.stderr
        assert next(row for row in rows if row[1] == "note")[2:4] == ["天线已换", "tap.note"]
        assert rows[3][4] == ("8.4" if path == exported else "")


@pytest.mark.outside
def test_notes_are_typed_in_the_live_view(tmp_path: Path) -> None:
    import fcntl
    import pty
    import struct
    import termios

    out = tmp_path / "r.pcapng"
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    before = termios.tcgetattr(inside)
    shown = bytearray()
    with VirtualLine() as line:
        process = subprocess.Popen(
            [sys.executable, "-m", "atshark", "capture", line.ports["mcu"], line.ports["module"], "-w", str(out)],
            cwd=ROOT,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )

        def wait_for(text: str) -> None:
            deadline = time.monotonic() + 20
            while text.encode() not in shown and time.monotonic() < deadline:
                os.set_blocking(terminal, False)
                try:
                    shown.extend(os.read(terminal, 65536))
                except BlockingIOError:
                    time.sleep(0.02)
            assert text.encode() in shown, bytes(shown[-2000:])

        try:
            wait_for("q stop")
            line.write("mcu", b"AT+CSQ\r")
            wait_for("CSQ exec")
            line.write("module", b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
            wait_for("rssi_dbm=-95")
            os.write(terminal, "m 天线已x\x7f换\r".encode())
            wait_for("tap.note")
            os.write(terminal, b"mnot kept\x1bq")
            assert process.wait(20) == 0
        finally:
            process.kill()
        after = termios.tcgetattr(inside)
    assert after == before
    with open_source(str(out)) as source:
        marks = [chunk.mark for chunk in source if isinstance(chunk, MarkChunk)]
    assert marks == [Mark("note", "天线已换")]


@pytest.mark.outside
def test_a_view_that_is_killed_does_not_stop_the_recording(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, Capture(line, out, "--show") as tap:
        tap.say("mcu", b"AT\r")
        wait_until(lambda: bool(tap.children), "the view")
        os.kill(tap.children[0], signal.SIGKILL)
        for _ in range(20):
            tap.say("mcu", b"AT+CSQ\r")
        tap.end()
    assert b"".join(chunk.data for chunk in chunks_of(out)) == b"AT\r" + b"AT+CSQ\r" * 20


def test_a_pipe_that_a_thread_waits_for() -> None:
    """What Windows has instead of a pipe that does not wait."""
    from atshark.viewer import _ThreadedPipe

    out, into = os.pipe()
    pipe = _ThreadedPipe(into)
    block = bytes(range(256)) * 100
    began = time.monotonic()
    for _ in range(20):
        pipe.write(block)
    assert time.monotonic() - began < 0.2
    assert pipe.waiting > 100_000
    got = b""
    closing = threading.Thread(target=pipe.close)
    closing.start()
    while data := os.read(out, 65536):
        got += data
    closing.join()
    os.close(out)
    assert got == block * 20
    assert pipe.waiting == 0


@pytest.mark.outside
def test_a_view_that_is_stuck_sheds_display_and_no_data(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, Capture(line, out, "--show") as tap:
        tap.say("mcu", b"AT\r")
        wait_until(lambda: bool(tap.children), "the view")
        view = tap.children[0]
        os.kill(view, signal.SIGSTOP)
        block = b"AT+CSQ\r" * 600
        for _ in range(1500):
            line.write("mcu", block)
        all_read(line, "mcu")
        os.kill(view, signal.SIGCONT)
        _, errors = tap.end()
    assert "were recorded but not shown" in errors
    assert sum(len(chunk.data) for chunk in chunks_of(out)) == 3 + 1500 * len(block)
