"""The speed of the line, found and followed; and which port is the MCU's."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from atshark.virtual.line import VirtualLine
from capture.chunk import MarkChunk, Side
from capture.identify import Identify
from capture.speed import CANDIDATES, Finder, Follower
from capture.tap import Tap
from tests.helpers import START, chunks_of
from tests.tapping import Capture, all_read

MS = 1_000_000


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
