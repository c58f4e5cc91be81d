"""IP packets to connections: TCP streams put in order, UDP datagrams, and what is said on them.

Strategy: a connection is known by its addresses and ports. Bytes of a stream are handed on as soon as all before them
have come; what comes early waits, what comes twice is dropped. A gap that stays open is told, and the stream goes on
behind it. Everything is bounded.

Source: RFC 791 3.1; RFC 8200 3; RFC 9293 3.1, 3.4; RFC 768.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import NamedTuple

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Construct,
    ConstructError,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Struct,
    this,
)

from capture.chunk import Side
from decoder.events import Flow
from decoder.followers.carrier import Carrier, Change

MAX_FLOWS = 64
MAX_EARLY = 256
_TCP, _UDP = 6, 17
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_MODULUS = 1 << 32
_OVER = ("closed", "failed", "reset")

IPV4 = Struct(
    "head" / BitStruct("version" / BitsInteger(4), "words" / BitsInteger(4)),
    "service" / Int8ub,
    "length" / Int16ub,
    "id" / Int16ub,
    "fragment" / BitStruct("flags" / BitsInteger(3), "offset" / BitsInteger(13)),
    "ttl" / Int8ub,
    "protocol" / Int8ub,
    "checksum" / Int16ub,
    "source" / Bytes(4),
    "target" / Bytes(4),
    "options" / Bytes(this.head.words * 4 - 20),
    "data" / GreedyBytes,
)
IPV6 = Struct(
    "head" / Bytes(4),
    "length" / Int16ub,
    "protocol" / Int8ub,
    "ttl" / Int8ub,
    "source" / Bytes(16),
    "target" / Bytes(16),
    "data" / GreedyBytes,
)
TCP = Struct(
    "sport" / Int16ub,
    "dport" / Int16ub,
    "sequence" / Int32ub,
    "acknowledged" / Int32ub,
    "head" / BitStruct("words" / BitsInteger(4), "reserved" / BitsInteger(4), "flags" / BitsInteger(8)),
    "window" / Int16ub,
    "checksum" / Int16ub,
    "urgent" / Int16ub,
    "options" / Bytes(this.head.words * 4 - 20),
    "data" / GreedyBytes,
)
UDP = Struct("sport" / Int16ub, "dport" / Int16ub, "length" / Int16ub, "checksum" / Int16ub, "data" / GreedyBytes)


class Progress(NamedTuple):
    """What a packet did to a connection: bytes that it handed on, how it changed, how many bytes were lost before."""

    connection: Connection
    side: Side
    data: bytes = b""
    change: Change | None = None
    gap: int = 0


class _Half:
    """One direction of a stream: the next sequence number (None: not known), and segments that came early."""

    __slots__ = ("early", "finished", "next")

    def __init__(self) -> None:
        self.next: int | None = None
        self.early: dict[int, bytes] = {}
        self.finished = False


class Connection(Carrier):
    """A connection inside a link."""

    __slots__ = ("halves", "state")

    def __init__(self, flow: Flow, asked_ns: int | None) -> None:
        super().__init__(flow, asked_ns)
        self.halves: dict[Side, _Half] = {"mcu": _Half(), "module": _Half()}
        self.state = ""


class Network:
    """The connections of a link. ``number`` gives each a number; ``name`` knows the name of an address."""

    def __init__(self, number: Callable[[], int], name: Callable[[str], str | None]) -> None:
        self._number, self._name = number, name
        self._connections: dict[tuple[int, str, int, str, int], Connection] = {}

    def packet(self, side: Side, data: bytes, time_ns: int | None) -> list[Progress]:
        """Take an IP packet that ``side`` sent. What is no TCP or UDP packet changes nothing."""
        try:
            return self._packet(side, data, time_ns)
        except ConstructError:
            return []

    def _packet(self, side: Side, data: bytes, time_ns: int | None) -> list[Progress]:
        version = data[0] >> 4 if data else 0
        form: Construct = IPV6 if version == 6 else IPV4
        packet = form.parse(data)
        if version == 4 and (packet.fragment.offset or packet.fragment.flags & 1):
            return []
        header = len(data) - len(packet.data)
        size = packet.length if version == 6 else packet.length - header
        inner = bytes(packet.data[:size])
        if packet.protocol not in (_TCP, _UDP):
            return []
        segment = (TCP if packet.protocol == _TCP else UDP).parse(inner)
        source = str(ipaddress.ip_address(bytes(packet.source))), segment.sport
        target = str(ipaddress.ip_address(bytes(packet.target))), segment.dport
        near, far = (source, target) if side == "mcu" else (target, source)
        key = packet.protocol, *near, *far
        connection = self._connections.pop(key, None)
        if packet.protocol == _TCP and segment.head.flags & _SYN and not segment.head.flags & _ACK:
            again = connection is not None and connection.halves[side].next == (segment.sequence + 1) % _MODULUS
            if not again or (connection is not None and connection.state in _OVER):
                connection = None
        if connection is None:
            if packet.protocol == _TCP and segment.head.flags & _RST:
                return []
            if len(self._connections) >= MAX_FLOWS:
                del self._connections[next(iter(self._connections))]
            connection = Connection(self._flow(packet.protocol, near, far), time_ns)
        self._connections[key] = connection
        if packet.protocol == _UDP:
            new = not connection.state
            connection.state = "opened"
            return [Progress(connection, side, bytes(segment.data), "opened" if new else None)]
        return _segment(connection, side, segment.sequence, segment.head.flags, bytes(segment.data))

    def _flow(self, protocol: int, near: tuple[str, int], far: tuple[str, int]) -> Flow:
        return Flow(
            self._number(), None, "tcp" if protocol == _TCP else "udp", self._name(far[0]) or far[0], far[0], far[1],
            near[0], near[1], "ppp",
        )  # fmt: skip


def _segment(connection: Connection, side: Side, sequence: int, flags: int, data: bytes) -> list[Progress]:
    half = connection.halves[side]
    changes: list[Progress] = []
    if flags & _RST:
        if connection.state not in _OVER:
            change: Change = "failed" if connection.state == "" else "reset"
            connection.state = change
            return [Progress(connection, side, change=change)]
        return []
    if flags & _SYN:
        half.next = (sequence + 1) % _MODULUS
        if flags & _ACK and not connection.state:
            connection.state = "opened"
            changes.append(Progress(connection, side, change="opened"))
        sequence = half.next
    if half.next is None:
        half.next = sequence
        if not connection.state:
            connection.state = "opened"
            changes.append(Progress(connection, side, change="opened"))
    if data:
        half.early[sequence] = max(half.early.get(sequence, b""), data, key=len)
        changes += _in_order(connection, side, half)
    if flags & _FIN and not half.finished:
        half.finished = True
        both = all(one.finished for one in connection.halves.values())
        if connection.state == "opened":
            connection.state = "closing " + side
        elif both and connection.state.startswith("closing"):
            by: Change = "closed" if connection.state.endswith("mcu") else "closed by peer"
            connection.state = "closed"
            changes.append(Progress(connection, side, change=by))
    return changes


def _in_order(connection: Connection, side: Side, half: _Half) -> list[Progress]:
    """Hand on what follows without a gap; if too much waits behind one, skip it."""
    ready, gap = [], 0
    while half.early:
        start = half.next or 0
        begin = min(half.early, key=lambda sequence: _distance(start, sequence))
        behind = _distance(begin, start)
        if behind < 0:
            if len(half.early) <= MAX_EARLY:
                break
            gap -= behind
            start, behind = begin, 0
        new = half.early.pop(begin)[behind:]
        ready.append(new)
        half.next = (start + len(new)) % _MODULUS
    if not ready:
        return []
    return [Progress(connection, side, b"".join(ready), gap=gap)]


def _distance(start: int, end: int) -> int:
    """Tell how far ``end`` is ahead of ``start``, in sequence numbers that wrap around."""
    return (end - start + _MODULUS // 2) % _MODULUS - _MODULUS // 2
