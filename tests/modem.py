"""A module whose sockets are real: it carries the bytes of real clients and servers over the virtual UART.

A client connects to a :class:`Bridge` as if it were its server. Each piece of what it sends crosses a simulated serial
line in one of the data modes of a dialect, and goes on to the real server; what that says comes back the same way. So
the line and the network say the same, and a capture of the network can judge the decode.
"""

from __future__ import annotations

import random
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from capture.chunk import Chunk, Side

BYTE_NS = 10 * 1_000_000_000 // 921_600
FIFO = 16
MS = 1_000_000


class Line:
    """Two wires: what is written arrives in small pieces, at the time that it takes at line speed.

    ``clock`` tells the time in ns; with one that stands still, all time is what the line takes.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self.chunks: list[Chunk] = []
        self._clock = clock
        self._skipped_ns = 0
        self._free_ns = 0
        self._random = random.Random(4)

    def write(self, side: Side, data: bytes) -> None:
        now = self._clock() + self._skipped_ns
        moment = max(now, self._free_ns)
        position = 0
        while position < len(data):
            piece = data[position : position + self._random.choice((1, 7, FIFO, FIFO))]
            position += len(piece)
            moment += len(piece) * BYTE_NS
            self.chunks.append(Chunk(moment, side, piece))
        self._free_ns = moment

    def rest(self, milliseconds: int) -> None:
        """Let both wires be silent."""
        self._skipped_ns += milliseconds * MS
        self._free_ns += milliseconds * MS

    def say(self, text: bytes) -> None:
        """The module says a line."""
        self.write("module", b"\r\n" + text + b"\r\n")

    def ask(self, command: bytes, *answers: bytes) -> None:
        """The MCU sends a command line and the module answers."""
        self.write("mcu", command + b"\r")
        self.rest(2)
        for text in answers:
            self.say(text)
        self.rest(2)


class Mode:
    """A way to open, send, receive and close. ``limit``: bytes sent at once.

    ``heard``: what the MCU has received, and the client may have; a mode may say it later than it came.
    """

    limit = 1400

    def __init__(self, transport: str) -> None:
        self.transport = transport
        self.heard: list[bytes] = []

    def open(self, line: Line, host: str, port: int) -> None:
        raise NotImplementedError

    def up(self, line: Line, data: bytes) -> None:
        raise NotImplementedError

    def down(self, line: Line, data: bytes) -> None:
        raise NotImplementedError

    def close(self, line: Line, by_peer: bool) -> None:
        raise NotImplementedError

    def idle(self, line: Line) -> None:
        """Nobody says anything."""


def escape(data: bytes) -> bytes:
    """Write bytes with escapes, as AT+MIPCFG="encoding",0,2 wants them."""
    shown = {13: b"\\r", 10: b"\\n", 9: b"\\t", 34: b'\\"', 92: b"\\\\"}
    return b"".join(shown.get(byte) or (bytes([byte]) if 32 <= byte < 127 else b"\\x%02X" % byte) for byte in data)


class Mip(Mode):
    """onemo-tcpip: ``send`` is prompt, hex, escaped or transparent; ``receive`` is raw, hex, read, read-hex or transparent."""

    def __init__(self, transport: str, send: str, receive: str, late: bool = False) -> None:
        super().__init__(transport)
        self.send, self.receive, self.late = send, receive, late
        self.limit = 8192 if send == "prompt" and transport == "tcp" else 1400

    def open(self, line: Line, host: str, port: int) -> None:
        formats = {"prompt": 0, "hex": 1, "escaped": 2, "transparent": 0}[self.send], int("hex" in self.receive)
        line.ask(b"ATE0", b"OK")
        line.ask(b'AT+MIPCFG="encoding",0,%d,%d' % formats, b"OK")
        mode = (2 if self.transport == "tcp" else 3) if "read" in self.receive else 0
        mode = 1 if self.send == "transparent" and not self.late else mode
        asked = b'AT+MIPOPEN=0,"%b","%b",%d,60,%d' % (self.transport.upper().encode(), host.encode(), port, mode)
        line.ask(asked, b"OK")
        line.rest(80)
        line.say(b"CONNECT" if mode == 1 else b"+MIPOPEN: 0,0")
        if self.late:
            line.ask(b"AT+MIPMODE=0,1", b"OK", b"CONNECT")
        line.rest(60)

    def up(self, line: Line, data: bytes) -> None:
        done = b"+MIPSEND: 0,%d" % len(data)
        if self.send == "transparent":
            line.rest(60)
            line.write("mcu", data)
        elif self.send == "prompt":
            line.write("mcu", b"AT+MIPSEND=0,%d\r" % len(data))
            line.write("module", b"\r\n> ")
            line.write("mcu", data)
            line.say(done)
            line.say(b"OK")
        else:
            shown = data.hex().upper().encode() if self.send == "hex" else escape(data)
            size = len(data) if self.send == "hex" else len(shown)
            line.ask(b'AT+MIPSEND=0,%d,"%b"' % (size, shown), done, b"OK")

    def down(self, line: Line, data: bytes) -> None:
        kind = b"r" + self.transport.encode()
        shown = data.hex().encode() if "hex" in self.receive else data
        if self.receive == "transparent":
            line.rest(60)
            line.write("module", data)
        elif "read" in self.receive:
            counts = b"%d,%d" % (len(data), len(data)) if self.transport == "tcp" else b"1"
            line.say(b'+MIPURC: "%b",0,%b' % (kind, counts))
            line.ask(b"AT+MIPRD=0,0", b"+MIPRD: 0,0,%d,%b" % (len(data), shown), b"OK")
        else:
            line.say(b'+MIPURC: "%b",0,%d,%b' % (kind, len(data), shown))

    def close(self, line: Line, by_peer: bool) -> None:
        line.rest(60)
        if by_peer:
            line.say(b'+MIPURC: "disconn",0,1')
            return
        if self.send == "transparent":
            line.rest(1000)
            line.write("mcu", b"+++")
            line.rest(500)
            line.say(b"OK")
        line.ask(b"AT+MIPCLOSE=0", b"OK")
        line.say(b"+MIPCLOSE: 0,0")


class Nasty(Mip):
    """As :class:`Mip`, with echo, with what is received in the middle of what is sent, and read in small portions."""

    def __init__(self, transport: str, send: str, receive: str) -> None:
        super().__init__(transport, send, receive)
        self._waiting: list[bytes] = []
        self._turn = 0

    def open(self, line: Line, host: str, port: int) -> None:
        super().open(line, host, port)
        line.write("mcu", b"ATE1\r")
        line.say(b"OK")
        line.rest(60)

    def _between(self, line: Line) -> None:
        """Say what was received in between, at every second place."""
        self._turn += 1
        if self._turn % 2 and "read" not in self.receive:
            self.idle(line)

    def _ask(self, line: Line, command: bytes, *answers: bytes) -> None:
        line.write("mcu", command + b"\r")
        line.write("module", command + b"\r")
        self._between(line)
        for text in answers:
            line.say(text)
        line.rest(3)

    def up(self, line: Line, data: bytes) -> None:
        done = b"+MIPSEND: 0,%d" % len(data)
        if self.send != "prompt":
            self._ask(line, b'AT+MIPSEND=0,%d,"%b"' % (len(data), data.hex().encode()), done, b"OK")
            return
        command = b"AT+MIPSEND=0,%d\r" % len(data)
        line.write("mcu", command)
        line.write("module", command)
        self._between(line)
        line.write("module", b"\r\n>")
        line.write("mcu", data)
        self._between(line)
        line.say(done)
        line.say(b"OK")
        line.rest(3)

    def down(self, line: Line, data: bytes) -> None:
        self._waiting.append(data)
        if "read" in self.receive:
            self.idle(line)

    def idle(self, line: Line) -> None:
        """Say what waits."""
        for data in self._waiting:
            if "read" in self.receive:
                self._read(line, data)
            else:
                super().down(line, data)
        self.heard += self._waiting
        self._waiting.clear()

    def _read(self, line: Line, data: bytes) -> None:
        line.say(b'+MIPURC: "rtcp",0,%d,%d' % (len(data), len(data)))
        for start in range(0, len(data), 300):
            part, left = data[start : start + 300], max(0, len(data) - start - 300)
            shown = part.hex().upper().encode() if "hex" in self.receive else part
            self._ask(line, b"AT+MIPRD=0,300", b"+MIPRD: 0,%d,%d,%b" % (left, len(part), shown), b"OK")

    def close(self, line: Line, by_peer: bool) -> None:
        self.idle(line)
        line.rest(60)
        if by_peer:
            line.say(b'+MIPURC: "disconn",0,1')
            self._ask(line, b"AT+MIPCLOSE=0", b"OK")
            line.say(b"+MIPCLOSE: 0,0")
        else:
            self._ask(line, b"AT+MIPCLOSE=0,1", b"OK")
            line.say(b"+MIPCLOSE: 0")


class Lsip(Mode):
    """c1100, results as digits: ``send`` is hex (gathered and pushed) or tps; ``receive`` is raw or hex."""

    def __init__(self, transport: str, send: str, receive: str) -> None:
        super().__init__(transport)
        self.send, self.receive = send, receive
        self.limit = 700

    def open(self, line: Line, host: str, port: int) -> None:
        self._ask(line, b"ATV0", b"")
        self._ask(line, b"AT+LSIPHEX=%d" % (self.receive == "hex"), b"")
        kind = self.transport == "udp"
        self._ask(line, b'AT+LSIPOPEN=1,0,"%b",%d,%d' % (host.encode(), port, kind), b"+LSIPOPEN=1,1\r+LSIP:OK\r")

    @staticmethod
    def _ask(line: Line, command: bytes, answer: bytes) -> None:
        line.write("mcu", command + b"\r")
        line.rest(2)
        line.write("module", answer + b"0\r")
        line.rest(60)

    def up(self, line: Line, data: bytes) -> None:
        if self.send == "hex":
            middle = len(data) // 2
            for part in (data[:middle], data[middle:]):
                if part:
                    self._ask(
                        line, b"AT+LSIPSEND=1," + part.hex().upper().encode(), b"+LSIPSEND:1,%d\r" % (1500 - len(part))
                    )
            self._ask(line, b"AT+LSIPPUSH=1", b"+LSIP:OK\r")
            return
        line.write("mcu", b"AT+LSIPTPS=1,1,5000,1400\r")
        line.write("module", b">")
        line.write("mcu", data + b"+++")
        line.rest(100)
        line.write("module", b"\r+LSIP:OK\r0\r")
        line.rest(60)

    def down(self, line: Line, data: bytes) -> None:
        shown = data.hex().encode() if self.receive == "hex" else data
        line.write("module", b"+LSIPRTCP=1,%d,%b\r" % (len(data), shown))
        line.rest(60)

    def close(self, line: Line, by_peer: bool) -> None:
        self._ask(line, b"AT+LSIPCLOSE=1", b"+LSIPCLOSE:1,3,3,0\r+LSIP:OK\r")


class Bridge:
    """Carries one connection at a time from clients of ``port`` to a server, until :meth:`stop`. A context manager."""

    def __init__(self, make: Callable[[], Mode], host: str, port: int) -> None:
        self.line = Line()
        self._make, self._server = make, (host, port)
        self._mode = make()
        kind = socket.SOCK_STREAM if self._mode.transport == "tcp" else socket.SOCK_DGRAM
        self._kind = kind
        self._listener = socket.socket(socket.AF_INET, kind)
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        if kind == socket.SOCK_STREAM:
            self._listener.listen()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Bridge:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopped = True
        self._thread.join(20)
        self._listener.close()
        assert not self._thread.is_alive()

    def _run(self) -> None:
        if self._kind == socket.SOCK_DGRAM:
            self._datagrams()
            return
        while not self._stopped:
            if select.select([self._listener], [], [], 0.05)[0]:
                client, _ = self._listener.accept()
                self._connection(client)

    def _connection(self, client: socket.socket) -> None:
        mode, line = self._make(), self.line
        with client, socket.create_connection(self._server) as server:
            mode.open(line, *self._server)
            while True:
                ready = select.select([client, server], [], [], 0.05)[0]
                if server in ready:
                    data = server.recv(1400)
                    if not data:
                        mode.close(line, by_peer=True)
                        client.sendall(b"".join(mode.heard))
                        return
                    mode.down(line, data)
                    if not isinstance(mode, Nasty):
                        client.sendall(data)
                elif client in ready:
                    with suppress(ConnectionResetError):
                        data = client.recv(mode.limit)
                    if not data:
                        mode.close(line, by_peer=False)
                        return
                    mode.up(line, data)
                    server.sendall(data)
                else:
                    mode.idle(line)
                    if self._stopped:
                        mode.close(line, by_peer=False)
                        return
                for data in mode.heard:
                    client.sendall(data)
                mode.heard.clear()

    def _datagrams(self) -> None:
        mode, line = self._mode, self.line
        client: tuple[str, int] | None = None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.connect(self._server)
            mode.open(line, *self._server)
            while not self._stopped:
                ready = select.select([self._listener, server], [], [], 0.05)[0]
                if self._listener in ready:
                    data, client = self._listener.recvfrom(4096)
                    mode.up(line, data)
                    server.send(data)
                if server in ready and client is not None:
                    data = server.recv(4096)
                    mode.down(line, data)
                    if not isinstance(mode, Nasty):
                        self._listener.sendto(data, client)
                if not ready:
                    mode.idle(line)
                for data in mode.heard:
                    self._listener.sendto(data, client)  # type: ignore[arg-type]
                mode.heard.clear()
            mode.close(line, by_peer=False)
