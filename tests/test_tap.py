"""The tap on pseudo terminals: complete, passive, in order, and safe against being killed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import serial

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from capture import tap as tap_module
from capture.chunk import Chunk, Side
from capture.errors import AtsharkError
from capture.ports import open_port
from capture.tap import Tap
from tests.helpers import run
from tests.tapping import Capture, all_read

pytestmark = pytest.mark.outside

FULL_SPEED_S = float(os.environ.get("ATSHARK_FULL_SPEED_SECONDS", "3"))
SIDES: tuple[Side, Side] = ("mcu", "module")


def read(path: Path) -> list[Chunk]:
    with open_source(str(path)) as source:
        return list(source)


def test_no_byte_is_lost_at_full_speed_and_time_never_runs_backwards(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, Capture(line, out, "--quiet") as tap:
        tap.say("mcu", b"AT\r")
        sent = {"mcu": hashlib.sha256(b"AT\r"), "module": hashlib.sha256()}
        sizes = dict.fromkeys(SIDES, 0)
        end = time.monotonic() + FULL_SPEED_S

        def feed(side: Side) -> None:
            block = os.urandom(16384) if side == "mcu" else bytes(range(256)) * 64
            while time.monotonic() < end:
                line.write(side, block)
                sent[side].update(block)
                sizes[side] += len(block)

        threads = [threading.Thread(target=feed, args=(side,)) for side in SIDES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for side in SIDES:
            all_read(line, side)
        tap.end()
    got = {side: hashlib.sha256() for side in SIDES}
    last = 0
    with open_source(str(out)) as source:
        for chunk in source:
            got[chunk.side].update(chunk.data)
            assert chunk.time_ns is not None
            assert chunk.time_ns >= last
            last = chunk.time_ns
    assert sizes["mcu"] > 100_000
    assert {side: one.hexdigest() for side, one in got.items()} == {side: one.hexdigest() for side, one in sent.items()}


def test_nothing_is_ever_written_to_a_port(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, Capture(line, out, "--show") as tap:
        tap.say("mcu", b"AT\r")
        tap.say("module", b"\r\nOK\r\n")
        output, _ = tap.end()
        assert b"AT exec" in output
        assert [line.read_back(side) for side in SIDES] == [b"", b""]
    assert b"".join(chunk.data for chunk in read(tmp_path / "r.pcapng")) == b"AT\r\r\nOK\r\n"


def test_no_control_line_moves_and_nothing_is_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[Any] = []
    break_on, break_off = 0x5427, 0x5428
    lines = {termios.TIOCMBIS, termios.TIOCMBIC, termios.TIOCMSET, termios.TIOCEXCL, break_on, break_off}
    real = fcntl.ioctl

    def watch(number: Any, request: int, *rest: Any) -> Any:
        if request in lines:
            moved.append(request)
        return real(number, request, *rest)

    monkeypatch.setattr(fcntl, "ioctl", watch)
    monkeypatch.setattr(termios, "tcflush", lambda *arguments: moved.append(arguments))
    with VirtualLine() as line:
        opened = open_port(line.ports["mcu"], 115200)
        port = opened._port
        try:
            assert (port.rtscts, port.dsrdtr, port.xonxoff) == (False, False, False)
            assert not port.exclusive
            assert not termios.tcgetattr(port.fileno())[2] & termios.HUPCL
            with pytest.raises(RuntimeError, match="never writes"):
                port.write(b"x")
            with pytest.raises(RuntimeError, match="never writes"):
                port.send_break()
            port.dtr = True
            port.rts = True
        finally:
            port.close()
    assert moved == []


def test_an_ordinary_serial_object_would_move_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: pyserial's own port does what the tap must not do."""
    flushed: list[Any] = []
    monkeypatch.setattr(termios, "tcflush", lambda *arguments: flushed.append(arguments))
    with VirtualLine() as line:
        serial.Serial(line.ports["mcu"]).close()
    assert flushed


@pytest.mark.parametrize("after_s", [0.0, 0.5])
def test_kill_9_loses_at_most_the_last_half_second(tmp_path: Path, after_s: float) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, Capture(line, out, "--quiet") as tap:
        sent = b"\r\nRDY\r\n"
        tap.say("module", sent)
        early = len(sent)
        for number in range(40):
            data = f"+CSQ: {number},99\r\n".encode()
            line.write("module", data)
            sent += data
            time.sleep(0.01)
        all_read(line, "module")
        time.sleep(after_s)
        tap.process.kill()
        tap.process.wait()
    got = b"".join(chunk.data for chunk in read(out))
    assert sent.startswith(got)
    assert len(got) >= (len(sent) if after_s else early)


def test_a_port_that_goes_away_ends_only_its_own_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], idle_s=0.01)

        def gone() -> bytes:
            raise serial.SerialException("device disconnected")

        monkeypatch.setattr(tap.ports["mcu"], "read", gone)
        line.write("mcu", b"AT\r")
        line.write("module", b"OK\r\n")
        got = b""
        for chunk in tap:
            if chunk is not None:
                got += chunk.data
            if tap.lost and got:
                break
        tap.close()
    assert got == b"OK\r\n"
    assert "device disconnected" in tap.lost["mcu"]


def test_wrong_ports_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(AtsharkError, match="no such port"):
        Tap("/dev/does-not-exist", "/dev/neither")
    with VirtualLine() as line:
        with pytest.raises(AtsharkError, match="same port"):
            Tap(line.ports["mcu"], line.ports["mcu"])
        with pytest.raises(AtsharkError, match="no such port"):
            Tap(line.ports["mcu"], "/dev/does-not-exist")
    plain = tmp_path / "file"
    plain.write_text("x")
    with pytest.raises(AtsharkError, match="cannot be opened as a serial port"):
        open_port(str(plain), 115200)


def test_the_clock_does_not_step_with_the_system_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = tap_module.clock()
    first = now()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert now() >= first


def test_a_recording_is_not_overwritten_by_mistake(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    out.write_bytes(b"evidence")
    with VirtualLine() as line:
        ports = [line.ports["mcu"], line.ports["module"]]
        done = run("capture", *ports, "-w", out, "--duration", "0.2")
        assert done.returncode == 2
        assert b"exists already" in done.stderr
        assert out.read_bytes() == b"evidence"
        assert run("capture", *ports, "-w", out, "--duration", "0.2", "--overwrite").returncode == 0
    assert read(out) == []


def test_framing_and_two_speeds() -> None:
    """A pseudo terminal has a speed, but no parity: for that, what the driver is asked for counts."""
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], 9600, module_baud=115200, framing="7E1")
        try:
            speeds = {side: termios.tcgetattr(port.fileno())[4] for side, port in tap.ports.items()}
        finally:
            tap.close()
    assert speeds == {"mcu": termios.B9600, "module": termios.B115200}
    assert {port.settings[1:] for port in tap.ports.values()} == {(7, "E", 1)}
    assert tap.descriptions["module"].split()[1:3] == ["115200", "7E1,"]


def test_a_framing_that_is_none() -> None:
    with VirtualLine() as line, pytest.raises(AtsharkError, match="no framing"):
        Tap(line.ports["mcu"], line.ports["module"], framing="9X3")
