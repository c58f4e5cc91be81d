"""pcapng, as much of it as a serial tap needs, without loss.

Strategy: one writer that appends whole blocks, each with a single ``write`` (so a killed process leaves only
whole blocks behind, or one cut block at the very end), and one reader that yields packets in file order and
stops cleanly at a cut block. Times are integers in nanoseconds from end to end. The reader takes either byte
order, any ``if_tsresol``, several sections, and skips block types that it does not know.

Source: draft-ietf-opsawg-pcapng, sections 4.1 (SHB), 4.2 (IDB), 4.3 (EPB), 4.4 (SPB), 4.5 (NRB), 3.5 (options).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from capture.errors import AtsharkError

SHB_MAGIC = b"\x0a\x0d\x0d\x0a"
LINKTYPE_RAW_IP = 101
LINKTYPE_PPP_WITH_DIRECTION = 204
LINKTYPE_MUX27010 = 236
LINKTYPE_WIRESHARK_UPPER_PDU = 252
INBOUND = 1
OUTBOUND = 2
"""Direction bits of ``epb_flags``. The MCU is the local side: what it sends is outbound."""

_MAX_BLOCK = 16 * 1024 * 1024
_MAX_INTERFACES = 65_536
_SMALLEST = 12
_PIECE = 1 << 18
_SHB, _IDB, _SPB, _NRB, _EPB = 0x0A0D0D0A, 1, 3, 4, 6
_NRB_END, _NRB_IPV4, _NRB_IPV6 = 0, 1, 2
_OPT_END, _OPT_COMMENT = 0, 1
_SHB_HARDWARE, _SHB_OS, _SHB_USERAPPL = 2, 3, 4
_IF_NAME, _IF_DESCRIPTION, _IF_SPEED, _IF_TSRESOL, _IF_TSOFFSET = 2, 3, 8, 9, 14
_EPB_FLAGS = 2
_NS = 1_000_000_000
_EPB_HEAD = struct.Struct("<IIIIIII")
_BLOCK_START = {order: struct.Struct(order + "II") for order in "<>"}
_EPB_START = {order: struct.Struct(order + "IIIII") for order in "<>"}
_EPB_FLAGS_OPT = struct.Struct("<HHI")


def _option(code: int, value: bytes) -> bytes:
    value = value[:0xFFFF]
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _text_option(code: int, text: str) -> bytes:
    return _option(code, text.encode("utf-8", "backslashreplace")) if text else b""


class Writer:
    """Append pcapng blocks to a binary file.

    ``stream`` must be unbuffered (or flushed by the caller): each call makes exactly one ``write``.
    """

    def __init__(self, stream: BinaryIO, application: str, comment: str = "") -> None:
        self._stream = stream
        self._steps: list[int] = []
        body = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        options = _text_option(_OPT_COMMENT, comment) + _text_option(_SHB_USERAPPL, application)
        self._block(_SHB, body + options + _option(_OPT_END, b""))

    def _block(self, kind: int, body: bytes) -> None:
        total = len(body) + 12
        self._stream.write(struct.pack("<II", kind, total) + body + struct.pack("<I", total))

    def add_interface(
        self, name: str, description: str = "", *, link_type: int, speed: int = 0, resolution_ns: int = 1
    ) -> int:
        """Describe an interface and return its number. ``speed`` is in bit/s, 0 for unknown.

        ``resolution_ns``, a power of ten up to a second, is the step of its time stamps.
        """
        options = _text_option(_IF_NAME, name) + _text_option(_IF_DESCRIPTION, description)
        if speed:
            options += _option(_IF_SPEED, struct.pack("<Q", speed))
        options += _option(_IF_TSRESOL, bytes([10 - len(str(resolution_ns))])) + _option(_OPT_END, b"")
        self._block(_IDB, struct.pack("<HHI", link_type, 0, 0) + options)
        self._steps.append(resolution_ns)
        return len(self._steps) - 1

    def name(self, address: str, name: str) -> None:
        """Tell the name of an IP address (a name resolution block)."""
        ip = ipaddress.ip_address(address)
        kind = _NRB_IPV4 if ip.version == 4 else _NRB_IPV6
        record = _option(kind, ip.packed + name.encode("utf-8", "backslashreplace")[:255] + b"\0")
        self._block(_NRB, record + _option(_NRB_END, b""))

    def packet(self, interface: int, time_ns: int, data: bytes, *, direction: int = 0, comment: str = "") -> None:
        """Write one packet. ``time_ns`` counts from the epoch; ``direction`` is INBOUND, OUTBOUND or 0."""
        size = len(data)
        if not 0 <= time_ns < 1 << 64:
            time_ns = 0  # unknown: the format has no other time before 1970 or after 2554
        options = _text_option(_OPT_COMMENT, comment) if comment else b""
        if direction:
            options += _EPB_FLAGS_OPT.pack(_EPB_FLAGS, 4, direction)
        if options:
            options += b"\0\0\0\0"
        time_ns //= self._steps[interface]
        padding = -size % 4
        total = 32 + size + padding + len(options)
        head = _EPB_HEAD.pack(_EPB, total, interface, time_ns >> 32, time_ns & 0xFFFFFFFF, size, size)
        self._stream.write(b"".join((head, data, b"\0\0\0"[:padding], options, total.to_bytes(4, "little"))))


@dataclass(slots=True)
class Interface:
    """An interface as its description block tells. ``units_per_s`` is the time stamp resolution."""

    link_type: int
    name: str = ""
    description: str = ""
    speed: int = 0
    units_per_s: int = 1_000_000
    offset_s: int = 0

    @property
    def resolution_ns(self) -> int:
        """The step of its time stamps."""
        return max(1, _NS // self.units_per_s)

    def to_ns(self, ticks: int) -> int:
        """Turn a time stamp of this interface into ns since the epoch."""
        if self.units_per_s == _NS:
            return ticks + self.offset_s * _NS
        return ticks * _NS // self.units_per_s + self.offset_s * _NS


class Packet(msgspec.Struct):
    """One packet: its interface, time in ns since the epoch (None in a simple packet block), and its bytes.

    ``options`` are kept as they stand in the file and read only when somebody asks for them. ``length`` is how many
    bytes the packet had before a snap length cut it.
    """

    interface: Interface
    time_ns: int | None
    data: bytes
    options: bytes = b""
    order: str = "<"
    length: int = 0

    @property
    def direction(self) -> int:
        """INBOUND, OUTBOUND, or 0 if the file does not tell."""
        for code, value in _options(self.order, self.options, 0):
            if code == _EPB_FLAGS and len(value) == 4:
                return int(struct.unpack(self.order + "I", value)[0]) & 3
        return 0

    @property
    def comment(self) -> str:
        """The packet's comment, or ""."""
        for code, value in _options(self.order, self.options, 0):
            if code == _OPT_COMMENT:
                return value.decode("utf-8", "replace")
        return ""


class Reader:
    """Iterate over the packets of a pcapng stream.

    After the iteration ``truncated`` holds a sentence if the file ends in a cut or damaged block, else "".
    All whole packets before it have been yielded. Raises :class:`AtsharkError` if the stream does not begin
    with a section header.
    """

    def __init__(self, stream: BinaryIO, name: str = "input") -> None:
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._name = name
        self.truncated = ""
        self.application = ""
        self.link_types: set[int] = set()

    def __iter__(self) -> Iterator[Packet]:
        order, interfaces = "", list[Interface]()
        block_start, epb_start = _BLOCK_START["<"], _EPB_START["<"]
        buffer, at, position = b"", 0, 0
        while True:
            if len(buffer) - at < _SMALLEST:
                buffer, at = self._more(buffer[at:], _SMALLEST), 0
                if not buffer:
                    break
            if buffer.startswith(SHB_MAGIC, at):
                magic = buffer[at + 8 : at + 12]
                if magic not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
                    if not order:
                        raise AtsharkError(f"{self._name}: not a pcapng file (its byte-order mark is missing or cut)")
                    self.truncated = f"the section header at byte {position} is damaged"
                    break
                order, interfaces = "<" if magic[0] == 0x4D else ">", []
                block_start, epb_start = _BLOCK_START[order], _EPB_START[order]
            if not order:
                raise AtsharkError(f"{self._name}: not a pcapng file (it does not begin with a section header)")
            if len(buffer) - at < 8:
                self.truncated = f"the file ends inside a block header at byte {position}"
                break
            kind, total = block_start.unpack_from(buffer, at)
            if total < 12 or total % 4 or total > _MAX_BLOCK:
                self.truncated = f"the block at byte {position} has an impossible length of {total} bytes"
                break
            if len(buffer) - at < total:
                buffer, at = self._more(buffer[at:], total), 0
                if len(buffer) < total:
                    self.truncated = f"the file ends inside the block at byte {position}"
                    break
            try:
                if kind == _EPB:
                    number, high, low, captured, length = epb_start.unpack_from(buffer, at + 8)
                    interface = interfaces[number]
                    first = at + 28
                    if captured > total - 32:
                        raise IndexError
                    last = first + captured
                    yield Packet(
                        interface,
                        interface.to_ns(high << 32 | low),
                        buffer[first:last],
                        buffer[last + (-captured % 4) : at + total - 4],
                        order,
                        length,
                    )
                else:
                    if len(interfaces) > _MAX_INTERFACES:
                        self.truncated = f"more than {_MAX_INTERFACES} interfaces are described before byte {position}"
                        break
                    packet = self._block(order, interfaces, kind, buffer[at + 8 : at + total - 4])
                    if packet is not None:
                        yield packet
            except (struct.error, IndexError):
                self.truncated = f"the block at byte {position} contradicts itself"
                break
            at += total
            position += total

    def _more(self, have: bytes, wanted: int) -> bytes:
        """Read until ``wanted`` bytes are there, or the stream ends; of a pipe, not more than that is waited for."""
        pieces, size = [have], len(have)
        while size < wanted:
            piece = self._read(_PIECE)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def _block(self, order: str, interfaces: list[Interface], kind: int, body: bytes) -> Packet | None:
        if kind == _SPB:
            length = struct.unpack_from(order + "I", body)[0]
            size = min(length, len(body) - 4)
            return Packet(interfaces[0], None, body[4 : 4 + size], order=order, length=length)
        if kind == _IDB:
            interfaces.append(_interface(order, body))
            self.link_types.add(interfaces[-1].link_type)
        elif kind == _SHB:
            for code, value in _options(order, body, 16):
                if code == _SHB_USERAPPL:
                    self.application = value.decode("utf-8", "replace")
        return None


def _interface(order: str, body: bytes) -> Interface:
    result = Interface(struct.unpack_from(order + "H", body)[0])
    for code, value in _options(order, body, 8):
        if code == _IF_NAME:
            result.name = value.decode("utf-8", "replace")
        elif code == _IF_DESCRIPTION:
            result.description = value.decode("utf-8", "replace")
        elif code == _IF_SPEED and len(value) == 8:
            result.speed = struct.unpack(order + "Q", value)[0]
        elif code == _IF_TSRESOL and value:
            base, exponent = (2, value[0] & 0x7F) if value[0] & 0x80 else (10, value[0])
            result.units_per_s = base ** min(exponent, 64)
        elif code == _IF_TSOFFSET and len(value) == 8:
            result.offset_s = struct.unpack(order + "q", value)[0]
    return result


def _options(order: str, body: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    while position + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, position)
        if code == _OPT_END:
            return
        position += 4
        yield code, body[position : position + size]
        position += size + (-size % 4)
