"""One wire alone, and wires behind URLs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import serial.rfc2217
import serial.tools.list_ports

from atshark.virtual.line import VirtualLine
from capture.chunk import MarkChunk
from capture.errors import AtsharkError
from capture.ports import open_port
from capture.tap import Tap
from tests.helpers import run
from tests.tapping import Capture, collect, take

MS = 1_000_000


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
        marks = [chunk.mark for chunk in take(tap, "gap") if isinstance(chunk, MarkChunk)]
        tap.close()
    assert got == {"mcu": b"AT+CSQ\r", "module": b"\r\nOK\r\n"}
    assert [mark.kind for mark in marks] == ["gap"]


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
