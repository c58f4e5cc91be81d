"""Socket data as the IP packets that a capture on the network would show.

Strategy: a connection is a template of its two headers, built once with scapy and patched for each packet. TCP gets its
handshake when the connection opens, sequence and acknowledge numbers by what was carried, an acknowledgement for each
segment, and FIN or RST as it ended. What the serial line does not tell (initial sequence numbers, IP identification,
windows, an unknown address or port) is invented, plausibly and always alike.

Source: RFC 9293 3.1, 3.5, 3.6; RFC 768; RFC 791; RFC 8200; RFC 5737 and RFC 3849 (addresses for what is unknown).
"""

from __future__ import annotations

import ipaddress
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from capture.chunk import Side
from decoder.events import Flow, Segment, Socket

MSS = 1400
"""Bytes of data in a packet at most: what fits through a mobile network's usual MTU, with either IP version."""
_FIRST_PORT, _PORTS, _UNKNOWN_PORT = 49152, 16384, 49151
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_MAX_DATAGRAM = 65000
"""More than this is no datagram; it is shown in several packets all the same, so that no byte is missing."""
_UNKNOWN_LOCAL = {4: "192.0.2.1", 6: "2001:db8::1"}
_UNKNOWN_REMOTE = ipaddress.IPv4Network("198.51.100.0/24")
_OTHER: dict[Side, Side] = {"mcu": "module", "module": "mcu"}


class IpPacket(NamedTuple):
    """A packet and who sent it; ``comment`` tells what is not observed in it."""

    time_ns: int | None
    side: Side
    data: bytes
    comment: str = ""


class _Ends:
    """A connection: the headers of both directions, and how far each has sent."""

    __slots__ = ("comment", "established", "finished", "heads", "sequence", "tcp", "version")

    def __init__(self, flow: Flow, local: str, remote: str, ports: tuple[int, int], comment: str) -> None:
        from scapy.layers.inet import IP, TCP, UDP  # noqa: PLC0415 - slow to load, and only needed for sockets
        from scapy.layers.inet6 import IPv6  # noqa: PLC0415

        self.version = ipaddress.ip_address(remote).version
        self.tcp = flow.transport == "tcp"
        self.comment = comment
        self.established = False
        self.finished: set[Side] = set()
        seed = zlib.crc32(repr(flow).encode())
        self.sequence: dict[Side, int] = {"mcu": seed, "module": seed ^ 0x5A5A5A5A}
        template = (IP(flags="DF") if self.version == 4 else IPv6()) / (TCP(window=65535) if self.tcp else UDP())
        self.heads: dict[Side, bytearray] = {}
        ends: list[tuple[Side, tuple[str, str], tuple[int, int]]] = [
            ("mcu", (local, remote), ports),
            ("module", (remote, local), (ports[1], ports[0])),
        ]
        for side, (source, target), (sport, dport) in ends:
            template.src, template.dst, template.payload.sport, template.payload.dport = source, target, sport, dport
            self.heads[side] = bytearray(bytes(template))

    def packet(self, side: Side, data: bytes, flags: int = 0, options: bytes = b"") -> bytes:
        """Build a packet of this connection; TCP takes the numbers of the moment."""
        head = self.heads[side]
        start = 20 if self.version == 4 else 40
        body = head[start:] + options + data
        if self.tcp:
            acknowledged = self.sequence[_OTHER[side]] if flags & _ACK else 0
            length = (20 + len(options)) // 4 << 4
            struct.pack_into("!IIBB", body, 4, self.sequence[side], acknowledged, length, flags)
        else:
            struct.pack_into("!H", body, 4, len(body))
        where = 16 if self.tcp else 6
        body[where : where + 2] = b"\0\0"
        network = head[:start]
        if self.version == 4:
            struct.pack_into("!H", network, 2, start + len(body))
            network[10:12] = b"\0\0"
            network[10:12] = _checksum(bytes(network)).to_bytes(2, "big")
            addresses = bytes(network[12:20])
        else:
            struct.pack_into("!H", network, 4, len(body))
            addresses = bytes(network[8:40])
        pseudo = addresses + struct.pack("!II", len(body), 6 if self.tcp else 17)
        found = _checksum(pseudo + bytes(body))
        body[where : where + 2] = (found if self.tcp else found or 0xFFFF).to_bytes(2, "big")
        return bytes(network + body)

    def advance(self, side: Side, count: int) -> None:
        """Note that ``side`` has sent ``count`` more bytes."""
        self.sequence[side] = (self.sequence[side] + count) & 0xFFFFFFFF


def _checksum(data: bytes) -> int:
    from scapy.utils import checksum  # noqa: PLC0415 - see above

    found: int = checksum(data)
    return found


class SyntheticIp:
    """Turns what happens to connections into packets. ``names`` are invented or resolved addresses and their names."""

    def __init__(self) -> None:
        self._ends: dict[int, _Ends] = {}
        self._invented: dict[str, str] = {}
        self._used: set[tuple[str, int, str, int]] = set()
        self._ports = 0

    def changed(self, record: Socket) -> Iterator[IpPacket]:
        """Give the packets by which a connection opens or ends."""
        if record.change == "opened":
            if record.flow.transport == "tcp":
                yield from self._handshake(self._open(record.flow), record)
            return
        ends = self._ends.pop(record.flow.number, None)
        if ends is None or not ends.established:
            return
        if record.change == "reset":
            yield IpPacket(record.time_ns, record.side, ends.packet(record.side, b"", _RST | _ACK), record.because)
        elif record.change in ("closed", "closed by peer"):
            first: Side = "mcu" if record.change == "closed" else "module"
            for side in (first, _OTHER[first]):
                yield IpPacket(record.time_ns, side, ends.packet(side, b"", _FIN | _ACK), record.because)
                ends.advance(side, 1)
            yield IpPacket(record.time_ns, first, ends.packet(first, b"", _ACK))

    def carried(self, segment: Segment) -> Iterator[IpPacket]:
        """Give the packets that carry a segment or datagram."""
        flow, side = segment.flow, segment.side
        ends = self._ends.get(flow.number)
        if ends is None:
            ends = self._open(flow)
        if not ends.tcp:
            for start in range(0, len(segment.data) or 1, _MAX_DATAGRAM):
                part = segment.data[start : start + _MAX_DATAGRAM]
                yield IpPacket(segment.time_ns, side, ends.packet(side, part), ends.comment)
            return
        for start in range(0, len(segment.data), MSS):
            part = segment.data[start : start + MSS]
            last = start + MSS >= len(segment.data)
            yield IpPacket(segment.time_ns, side, ends.packet(side, part, _ACK | (_PSH if last else 0)))
            ends.advance(side, len(part))
            yield IpPacket(segment.time_ns, _OTHER[side], ends.packet(_OTHER[side], b"", _ACK))

    def name_of(self, flow: Flow) -> tuple[str, str] | None:
        """Return the address of a connection's peer and its name, if it has one."""
        return None if flow.remote is None or flow.remote == flow.remote_ip else (self._remote(flow), flow.remote)

    def _handshake(self, ends: _Ends, record: Socket) -> Iterator[IpPacket]:
        began = record.began_ns if record.began_ns is not None else record.time_ns
        options = struct.pack("!BBHBBBB", 2, 4, MSS, 1, 3, 3, 8)
        for side, flags, time_ns in (("mcu", _SYN, began), ("module", _SYN | _ACK, record.time_ns)):
            spoken: Side = "mcu" if side == "mcu" else "module"
            yield IpPacket(time_ns, spoken, ends.packet(spoken, b"", flags, options), ends.comment)
            ends.advance(spoken, 1)
        yield IpPacket(record.time_ns, "mcu", ends.packet("mcu", b"", _ACK), record.because)
        ends.established = True

    def _open(self, flow: Flow) -> _Ends:
        remote = self._remote(flow)
        local = flow.local_ip
        version = ipaddress.ip_address(remote).version
        invented = []
        if flow.remote_ip is None:
            invented.append(f"the address of {flow.remote or 'the peer'}")
        if local is None or ipaddress.ip_address(local).version != version:
            invented.append("the own address")
            local = _UNKNOWN_LOCAL[version]
        if flow.remote_port is None:
            invented.append("the port of the peer")
        remote_port = _UNKNOWN_PORT if flow.remote_port is None else flow.remote_port
        local_port = flow.local_port
        if local_port is None or (local, local_port, remote, remote_port) in self._used:
            invented.append("the own port")
            local_port = _FIRST_PORT + self._ports % _PORTS
            self._ports += 1
        if len(self._used) > _PORTS:
            self._used.clear()
        self._used.add((local, local_port, remote, remote_port))
        comment = f"connection {flow.connect_id}; made from serial traffic"
        if invented:
            comment += "; invented: " + ", ".join(invented)
        ends = self._ends[flow.number] = _Ends(flow, local, remote, (local_port, remote_port), comment)
        return ends

    def _remote(self, flow: Flow) -> str:
        if flow.remote_ip is not None:
            return flow.remote_ip
        name = flow.remote or ""
        if name not in self._invented:
            number = len(self._invented) % (_UNKNOWN_REMOTE.num_addresses - 2) + 1
            self._invented[name] = str(_UNKNOWN_REMOTE[number])
        return self._invented[name]
