"""Classic pcap files, packet by packet: either byte order, microseconds and nanoseconds.

The reader has the manners of :class:`capture.pcapng.Reader` and yields the same packets, so that whoever reads
captures does not mind which of the two formats it was.

Source: draft-ietf-opsawg-pcap, sections 4 (file header) and 5 (packet record); the record with a longer header is that
of old Linux distributions ("modified" pcap, as libpcap and Wireshark read it).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

from capture import pcapng
from capture.errors import AtsharkError
from capture.pcapng import Interface, Packet


class _Kind(NamedTuple):
    """What the first four bytes of a file say: byte order, parts of a second, and bytes of a packet's header."""

    order: str
    units_per_s: int
    header: int


_MAGICS = {
    bytes.fromhex("d4c3b2a1"): _Kind("<", 1_000_000, 16),
    bytes.fromhex("a1b2c3d4"): _Kind(">", 1_000_000, 16),
    bytes.fromhex("4d3cb2a1"): _Kind("<", 1_000_000_000, 16),
    bytes.fromhex("a1b23c4d"): _Kind(">", 1_000_000_000, 16),
    bytes.fromhex("34cdb2a1"): _Kind("<", 1_000_000, 24),
    bytes.fromhex("a1b2cd34"): _Kind(">", 1_000_000, 24),
}
_FILE_HEADER = 24
_MAX_PACKET = 16 * 1024 * 1024


class Packets(Protocol):
    """A capture that is being read: iterate over its packets; then ``truncated`` says how it ends too early, or "".

    ``link_types`` are those of the interfaces that were described so far.
    """

    truncated: str
    link_types: set[int]

    def __iter__(self) -> Iterator[Packet]: ...


class Reader:
    """Iterate over the packets of a classic pcap stream; ``truncated`` is as in :class:`capture.pcapng.Reader`.

    Raises :class:`AtsharkError` if the stream does not begin with a whole file header.
    """

    def __init__(self, stream: BinaryIO, name: str = "input") -> None:
        self._stream = stream
        self.truncated = ""
        head = stream.read(_FILE_HEADER)
        kind = _MAGICS.get(head[:4])
        if kind is None or len(head) < _FILE_HEADER:
            raise AtsharkError(f"{name}: not a pcap file, or its header is cut")
        self._kind = kind
        link_type = struct.unpack_from(kind.order + "I", head, 20)[0] & 0xFFFF
        self._interface = Interface(link_type, units_per_s=kind.units_per_s)
        self.link_types = {link_type}

    def __iter__(self) -> Iterator[Packet]:
        order, _, size = self._kind
        interface, read, position = self._interface, self._stream.read, _FILE_HEADER
        start = struct.Struct(order + "IIII")
        while head := read(size):
            if len(head) < size:
                self.truncated = f"the file ends inside a packet header at byte {position}"
                break
            seconds, parts, captured, length = start.unpack_from(head)
            if captured > _MAX_PACKET:
                self.truncated = f"the packet at byte {position} has an impossible length of {captured} bytes"
                break
            data = read(captured)
            if len(data) < captured:
                self.truncated = f"the file ends inside the packet at byte {position}"
                break
            ticks = seconds * interface.units_per_s + parts
            yield Packet(interface, interface.to_ns(ticks), data, b"", order, length)
            position += size + captured


def sniff(head: bytes) -> bool:
    """Tell whether ``head``, the first bytes of a file, begins a classic pcap file."""
    return head[:4] in _MAGICS


def open_packets(stream: BinaryIO, head: bytes, name: str) -> Packets | None:
    """Return the reader of a capture that begins with ``head``; None if it is neither pcap nor pcapng."""
    if head[:4] == pcapng.SHB_MAGIC:
        return pcapng.Reader(stream, name)
    return Reader(stream, name) if sniff(head) else None
