"""A virtual module that speaks the dialect of the OneMO TCP/IP manual, and a script for its MCU.

The module is a small state machine: it echoes if told to, registers on the network, opens connections, sends in
every data mode, buffers, goes transparent. What it sends on a connection comes back from a virtual server that
answers each datagram or segment. It says what the manual says, no more; it is a stand-in, not an emulator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from atshark.virtual.line import MS, Expect, Output, Script, ScriptedMcu, Send, Wait, simulate
from capture.chunk import Chunk

ANSWER_NS = 8 * MS
NETWORK_NS = 180 * MS
GUARD_NS = 400 * MS


@dataclass(slots=True)
class _Connection:
    protocol: str
    address: str
    port: int
    mode: int = 0
    send_format: int = 0
    recv_format: int = 0
    unread: bytes = b""
    packets: int = 0
    sent: int = 0
    received: int = 0


def server(data: bytes) -> bytes:
    """The virtual server: it answers with the same bytes in reverse order."""
    return data[::-1]


class VirtualModule:
    """The module's end of the line. ``answer`` is the server behind every connection."""

    def __init__(self, answer: Callable[[bytes], bytes] = server) -> None:
        self._answer = answer
        self._echo = True
        self._buffer = b""
        self._formats: dict[int, tuple[int, int]] = {}
        self._connections: dict[int, _Connection] = {}
        self._awaiting: tuple[int, int] | None = None
        self._transparent: int | None = None
        self._last_ns = 0
        self._later: list[tuple[int, Callable[[], Iterable[Output]]]] = []

    def receive(self, data: bytes, now_ns: int) -> Iterable[Output]:
        """Take bytes of the MCU; answer as the manual says."""
        outputs: list[Output] = []
        due = [one for one in self._later if one[0] <= now_ns]
        self._later = [one for one in self._later if one[0] > now_ns]
        for _, action in due:
            outputs.extend(action())
        if data:
            quiet = now_ns - self._last_ns
            self._last_ns = now_ns
            self._buffer += data
            outputs.extend(self._take(now_ns, quiet))
        return outputs

    def _schedule(self, now_ns: int, delay_ns: int, action: Callable[[], Iterable[Output]]) -> Output:
        self._later.append((now_ns + delay_ns, action))
        return (delay_ns, b"")

    def _take(self, now_ns: int, quiet_ns: int) -> Iterator[Output]:
        while self._buffer:
            if self._transparent is not None:
                yield from self._take_transparent(now_ns, quiet_ns)
                return
            if self._awaiting is not None:
                connect_id, length = self._awaiting
                if len(self._buffer) < length:
                    return
                data, self._buffer = self._buffer[:length], self._buffer[length:]
                self._awaiting = None
                yield from self._sent(now_ns, connect_id, data, length)
                continue
            line, mark, rest = self._buffer.partition(b"\r")
            if not mark:
                return
            self._buffer = rest.removeprefix(b"\n")
            if self._echo:
                yield 0, line + b"\r"
            yield from self._command(now_ns, line.strip(b"\n").decode("latin-1"))

    def _take_transparent(self, now_ns: int, quiet_ns: int) -> Iterator[Output]:
        connect_id = self._transparent
        assert connect_id is not None
        data, self._buffer = self._buffer, b""
        if data == b"+++" and quiet_ns >= GUARD_NS:
            self._transparent = None
            self._connections[connect_id].mode = 0
            yield GUARD_NS, _reply("OK")
            return
        self._connections[connect_id].sent += len(data)
        answer = self._answer(data)
        self._connections[connect_id].received += len(answer)
        yield NETWORK_NS, answer

    def _command(self, now_ns: int, line: str) -> Iterable[Output]:
        upper = line.upper()
        if upper in ("ATE0", "ATE1"):
            self._echo = upper == "ATE1"
            return [_ok()]
        parts = upper[2:].split(";")
        if len(parts) > 1 and all(part[1:] in _FIXED for part in parts):
            texts = [text for part in parts for text in _FIXED[part[1:]] if text != "OK"]
            return [(ANSWER_NS, b"".join(map(_reply, [*texts, "OK"])))]
        match = re.fullmatch(r"AT\+(\w+)(=\?|\?|=(.*))?", line, re.IGNORECASE | re.DOTALL)
        if match is None:
            return [_ok() if upper == "AT" else _error()]
        name, operator, arguments = match[1].upper(), match[2] or "", match[3] or ""
        fixed = _FIXED.get(name + operator) or (_FIXED.get(name + "=") if operator[:1] == "=" else None)
        if fixed is not None:
            return [(ANSWER_NS, b"".join(_reply(text) for text in fixed))]
        handler = getattr(self, f"_do_{name.lower()}", None)
        if handler is None or operator in ("=?", "?"):
            return [_error()]
        result: Iterable[Output] = handler(now_ns, arguments)
        return result

    def _do_cereg(self, _now_ns: int, arguments: str) -> Iterable[Output]:
        registered = [(900 * MS, _reply("+CEREG: 2")), (1900 * MS, _reply('+CEREG: 1,"5A1F","0C6E9D10",9'))]
        return [_ok(), *(registered if arguments != "0" else [])]

    def _do_mipcfg(self, _now_ns: int, arguments: str) -> Iterable[Output]:
        parts = arguments.split(",")
        if parts[0] != '"encoding"':
            return [_error(3)]
        connect_id = int(parts[1])
        if len(parts) == 2:
            send, receive = self._formats.get(connect_id, (0, 0))
            return [(ANSWER_NS, _reply(f'+MIPCFG: "encoding",{connect_id},{send},{receive}') + _reply("OK"))]
        self._formats[connect_id] = (int(parts[2]), int(parts[3]))
        connection = self._connections.get(connect_id)
        if connection is not None:
            connection.send_format, connection.recv_format = self._formats[connect_id]
        return [_ok()]

    def _do_mipopen(self, _now_ns: int, arguments: str) -> Iterable[Output]:
        parts = [part.strip('"') for part in arguments.split(",")]
        connect_id, mode = int(parts[0]), int(parts[5]) if len(parts) > 5 else 0
        if connect_id in self._connections:
            return [_error(552)]
        if parts[3] == "1":
            return [_ok(), (NETWORK_NS, _reply(f"+MIPOPEN: {connect_id},557"))]
        formats = self._formats.get(connect_id, (0, 0))
        self._connections[connect_id] = _Connection(parts[1], parts[2], int(parts[3]), mode, *formats)
        if mode == 1:
            self._transparent = connect_id
            return [_ok(), (NETWORK_NS, _reply("CONNECT"))]
        return [_ok(), (NETWORK_NS, _reply(f"+MIPOPEN: {connect_id},0"))]

    def _do_mipclose(self, _now_ns: int, arguments: str) -> Iterable[Output]:
        connect_id = int(arguments.split(",", maxsplit=1)[0])
        if self._connections.pop(connect_id, None) is None:
            return [_error(551)]
        return [_ok(), (NETWORK_NS, _reply(f"+MIPCLOSE: {connect_id},0"))]

    def _do_mipsend(self, now_ns: int, arguments: str) -> Iterable[Output]:
        parts = arguments.split(",", 2)
        connect_id, length = int(parts[0]), int(parts[1]) if len(parts) > 1 else 0
        connection = self._connections.get(connect_id)
        if connection is None:
            return [_error(553)]
        if len(parts) == 2:
            self._awaiting = (connect_id, length)
            return [(ANSWER_NS, b"\r\n> ")]
        text = parts[2][1 : parts[2].rindex('"')]
        data = text.encode("latin-1")
        if connection.send_format == 1:
            data = bytes.fromhex(text)
        elif connection.send_format == 2:
            data = data.decode("unicode_escape").encode("latin-1")
        return list(self._sent(now_ns, connect_id, data, length))

    def _sent(self, now_ns: int, connect_id: int, data: bytes, length: int) -> Iterator[Output]:
        connection = self._connections[connect_id]
        connection.sent += len(data)
        yield ANSWER_NS, _reply(f"+MIPSEND: {connect_id},{length}") + _reply("OK")
        answer = self._answer(data)
        yield self._schedule(now_ns, NETWORK_NS, lambda: self._arrived(connect_id, answer))

    def _arrived(self, connect_id: int, data: bytes) -> Iterable[Output]:
        connection = self._connections.get(connect_id)
        if connection is None:
            return []
        connection.received += len(data)
        kind = f'+MIPURC: "r{connection.protocol.lower()}",{connect_id}'
        if connection.mode in (2, 3):
            connection.unread += data
            connection.packets += 1
            count = f"{len(data)},{len(connection.unread)}" if connection.mode == 2 else str(connection.packets)
            return [(0, _reply(f"{kind},{count}"))]
        shown = data.hex().upper().encode() if connection.recv_format == 1 else data
        return [(0, b"\r\n" + f"{kind},{len(data)},".encode() + shown + b"\r\n")]

    def _do_miprd(self, _now_ns: int, arguments: str) -> Iterable[Output]:
        parts = arguments.split(",")
        connect_id = int(parts[0])
        connection = self._connections.get(connect_id)
        if connection is None:
            return [_error(553)]
        if len(parts) == 1:
            left = len(connection.unread) if connection.mode == 2 else connection.packets
            return [(ANSWER_NS, _reply(f"+MIPRD: {connect_id},{left}") + _reply("OK"))]
        if not connection.unread:
            return [_ok()]
        size = int(parts[1]) or len(connection.unread)
        data, connection.unread = connection.unread[:size], connection.unread[size:]
        head = f"+MIPRD: {connect_id},{len(connection.unread)},{len(data)},".encode()
        shown = data.hex().encode() if connection.recv_format == 1 else data
        return [(ANSWER_NS, b"\r\n" + head + shown + b"\r\n" + _reply("OK"))]

    def _do_mipmode(self, _now_ns: int, arguments: str) -> Iterable[Output]:
        connect_id, _, mode = arguments.partition(",")
        connection = self._connections.get(int(connect_id))
        if connection is None:
            return [_error(553)]
        if not mode:
            return [(ANSWER_NS, _reply(f"+MIPMODE: {connect_id},{connection.mode}") + _reply("OK"))]
        connection.mode = int(mode.split(",")[0])
        if connection.mode == 1:
            self._transparent = int(connect_id)
            return [(ANSWER_NS, _reply("OK") + _reply("CONNECT"))]
        return [_ok()]

    def _do_mipstate(self, _now_ns: int, arguments: str) -> Iterable[Output]:
        connection = self._connections.get(int(arguments))
        if connection is None:
            return [(ANSWER_NS, _reply(f'+MIPSTATE: {arguments},,,,"INITIAL"') + _reply("OK"))]
        text = f'{connection.protocol}","{connection.address}",{connection.port},"CONNECTED"'
        return [(ANSWER_NS, _reply(f'+MIPSTATE: {arguments},"{text}') + _reply("OK"))]

    def _do_mipsack(self, _now_ns: int, arguments: str) -> Iterable[Output]:
        connection = self._connections.get(int(arguments))
        if connection is None:
            return [_error(553)]
        text = f"+MIPSACK: {connection.sent},{connection.sent},0,{connection.received}"
        return [(ANSWER_NS, _reply(text) + _reply("OK"))]

    def _do_mdnsgip(self, _now_ns: int, arguments: str) -> Iterable[Output]:
        return [_ok(), (2 * NETWORK_NS, _reply(f'+MDNSGIP: {arguments.split(",", maxsplit=1)[0]},"183.230.40.127"'))]

    def _do_mping(self, _now_ns: int, _arguments: str) -> Iterable[Output]:
        rows = [(NETWORK_NS * (i + 1), _reply(f'+MPING: 0,"183.230.40.127",16,{60 + 7 * i},52')) for i in range(4)]
        return [_ok(), *rows, (NETWORK_NS * 4 + MS, _reply('+MPING: "statistics",4,0,60,81,70'))]

    def _do_mntp(self, _now_ns: int, _arguments: str) -> Iterable[Output]:
        return [_ok(), (NETWORK_NS, _reply('+MNTP: 0,"26/11/21,09:30:00+32"'))]


_FIXED = {
    "CGMI": ["CMIOT", "OK"],
    "CGMM": ["ML307A", "OK"],
    "CGMR": ["ML307A-DCLN-V1.0.0", "OK"],
    "CPIN?": ["+CPIN: READY", "OK"],
    "CSQ": ["+CSQ: 24,99", "OK"],
    "CMEE=": ["OK"],
    "CEREG?": ['+CEREG: 1,1,"5A1F","0C6E9D10",9', "OK"],
    "COPS?": ['+COPS: 0,2,"46000",9', "OK"],
    "CGDCONT=": ["OK"],
    "CCLK?": ['+CCLK: "26/11/21,09:30:00+32"', "OK"],
    "MIPOPEN=?": ["+MIPOPEN: (0-5),,,(0-65535),(1-180),(0-3),(0-65535)", "OK"],
}


def _reply(text: str) -> bytes:
    return b"\r\n" + text.encode("latin-1") + b"\r\n"


def _ok() -> Output:
    return (ANSWER_NS, _reply("OK"))


def _error(code: int = 0) -> Output:
    return (ANSWER_NS, _reply(f"+CME ERROR: {code}" if code else "ERROR"))


def run(command: str, until: bytes = rb"\r\n(?:OK|ERROR|\+CME ERROR: \d+)\r\n", pause_ns: int = 60 * MS) -> Script:
    """Script: send a command line, wait for its end, then pause."""
    yield Send(command.encode("latin-1") + b"\r")
    yield Expect(until)
    yield Wait(pause_ns)


def send_after_prompt(connect_id: int, data: bytes) -> Script:
    """Script: send payload after the prompt and wait for what the server answers."""
    yield Send(f"AT+MIPSEND={connect_id},{len(data)}\r".encode())
    yield Expect(rb"> ")
    yield Send(data)
    yield Expect(rb"\r\nOK\r\n")
    yield Expect(rb"\+MIPURC: \"r", 2000 * MS)
    yield Wait(60 * MS)


def transparent(pieces: Iterable[bytes]) -> Script:
    """Script: send pieces in transparent mode, with pauses, and leave it with +++."""
    for piece in pieces:
        yield Send(piece)
        yield Wait(NETWORK_NS + 150 * MS)
    yield Wait(2 * GUARD_NS)
    yield Send(b"+++")
    yield Expect(rb"\r\nOK\r\n")
    yield Wait(60 * MS)


def tour() -> Script:
    """Script of the demo: registration, UDP and TCP in every data mode, an error, a storm, transparent mode."""
    for command in ("AT", "ATE0", "AT+CGMM", "AT+CMEE=1", "AT+CPIN?", "AT+CSQ;+CGMI", "AT+CEREG=2"):
        yield from run(command)
    yield Expect(rb"\+CEREG: 1", 5000 * MS)
    for command in ("AT+CEREG?", "AT+COPS?", 'AT+CGDCONT=1,"IP","cmnbiot"', "AT+MIPOPEN=?"):
        yield from run(command)
    yield from run('AT+MDNSGIP="iot.10086.cn"', rb"\+MDNSGIP: [^\r]*\r\n")
    yield from run('AT+MPING="183.230.40.127"', rb"statistics[^\r]*\r\n")
    yield from run('AT+MIPOPEN=0,"TCP","120.27.12.119",1', rb"\+MIPOPEN: 0,\d+\r\n")
    yield from run('AT+MIPOPEN=0,"UDP","120.27.12.119",5683', rb"\+MIPOPEN: 0,0\r\n")
    yield from run('AT+MIPSEND=0,11,"hello ,"OK""', rb"\"rudp\",0,11,.{11}\r\n")
    yield from run('AT+MIPCFG="encoding",0,1,1')
    yield from run('AT+MIPSEND=0,4,"0D0A2B2B"', rb"\"rudp\",0,4,.{8}\r\n")
    yield from run('AT+MIPCFG="encoding",0,2,0')
    yield from run('AT+MIPSEND=0,10,"a\\r\\nb\\x00"', rb"\"rudp\",0,5,.{5}\r\n")
    yield from run("AT+MIPCLOSE=0", rb"\+MIPCLOSE: 0")
    yield from run('AT+MIPOPEN=1,"TCP","120.27.12.119",2040,30,2', rb"\+MIPOPEN: 1,0\r\n")
    yield from run('AT+MIPSEND=1,10,"0123456789"', rb"\"rtcp\",1,10,10\r\n")
    for command in ("AT+MIPRD=1", "AT+MIPRD=1,4", "AT+MIPRD=1,0", "AT+MIPMODE=1,0"):
        yield from run(command)
    yield from send_after_prompt(1, b'\r\nOK\r\n+MIPURC: "disconn",1,1\r\n')
    yield from send_after_prompt(1, bytes(range(256)))
    yield from storm(1, 12)
    yield from run("AT+MIPMODE=1,1", rb"CONNECT\r\n", 500 * MS)
    yield from transparent((b"GET / HTTP/1.1\r\n\r\n", b"data with +++ inside", b"\r\nOK\r\n"))
    for command in ("AT+MIPSACK=1", "AT+MIPSTATE=1"):
        yield from run(command)
    yield from run("AT+MIPCLOSE=1", rb"\+MIPCLOSE: 1")
    yield from run("AT+MIPSTATE=1")
    yield from run("AT+MIPSEND=1,3")
    yield from run("AT+MNTP", rb"\+MNTP: [^\r]*\r\n")


def storm(connect_id: int, count: int) -> Script:
    """Script: send quickly, so that commands, results and URCs come thick and fast."""
    for number in range(count):
        text = f"storm {number:03d}"
        yield Send(f'AT+MIPSEND={connect_id},{len(text)},"{text}"\r'.encode())
        yield Expect(rb"\r\nOK\r\n")
    yield Wait(2 * NETWORK_NS)


def tour_chunks(start_ns: int) -> Iterator[Chunk]:
    """Simulate the tour at 115200 bit/s, beginning at ``start_ns``."""
    return simulate(ScriptedMcu(tour()), VirtualModule(), start_ns=start_ns)
