"""The header in front of each packet of link type 252 (Wireshark Upper PDU): which dissector, which direction.

Wireshark reads the tags and calls the named dissector on what follows, so that a file of ours opens without
"Decode As". Without the plugin the bytes are shown as data.

Source: Wireshark, ``epan/exported_pdu.h`` (tag values; lengths are padded to four bytes).
"""

from __future__ import annotations

import ipaddress
import struct
from functools import cache
from typing import NamedTuple

from construct import Aligned, Bytes, ConstructError, GreedyBytes, Int16ub, RepeatUntil, Struct

from capture.chunk import Side

TAG_END, TAG_DISSECTOR, TAG_P2P_DIRECTION, TAG_INFO = 0, 12, 35, 36
TAG_READ = 0x4155
"""A tag of our own, which Wireshark passes over: how many ns after the packet's time, at which its first byte began, it
was read (8 bytes)."""
TAG_DECODE = 0x4156
"""Another one: what the decoder found in the packet (docs/export-format.md)."""
TAG_IPV4_SOURCE, TAG_IPV4_TARGET, TAG_PORT_TYPE, TAG_SOURCE_PORT, TAG_TARGET_PORT = 20, 21, 24, 25, 26
PORT_TCP, PORT_UDP = 2, 3
P2P_SENT, P2P_RECEIVED = 0, 1


class Ends(NamedTuple):
    """The two ends of a connection, each an IPv4 address and a port; ``here`` is the MCU's."""

    port_type: int
    here: tuple[str, int]
    there: tuple[str, int]


_RAW = "atshark_raw"
_MAX_TEXT = 0xFFF0
_TAG = Struct("tag" / Int16ub, "size" / Int16ub, "value" / Aligned(4, Bytes(lambda this: this.size)))
_HEADER = Struct("tags" / RepeatUntil(lambda tag, _list, _ctx: tag.tag == TAG_END, _TAG), "rest" / GreedyBytes)
_END = bytes(4)
_TAG_START = struct.Struct(">HH")
_READ = struct.Struct(">HHQ")
_READ_START = _TAG_START.pack(TAG_READ, 8)


def header(dissector: str, side: Side, ends: Ends | None = None, *, info: str = "", decode: bytes = b"") -> bytes:
    """Build the tags that hand a packet of ``side`` to ``dissector``.

    ``ends``: between which addresses it passed; ``info``: the text for the Info column (which the plugin shows;
    without it, Wireshark 4.4 has it in the tree, 4.6 in the column); ``decode``: what was found, for the plugin.
    """
    start = _start(dissector, side, ends)
    if not info and not decode:
        return start + _END
    text = info.encode("utf-8", "backslashreplace")[:_MAX_TEXT]
    return b"".join((start, _tag(TAG_INFO, text), _tag(TAG_DECODE, decode), _END))


def read_header(dissector: str, side: Side, delay_ns: int) -> bytes:
    """Build the tags of a packet whose bytes were read ``delay_ns`` after the first of them began."""
    return _start(dissector, side, None) + _READ.pack(TAG_READ, 8, delay_ns) + _END


def read_delay(packet: bytes) -> int | None:
    """Return the ns that :func:`read_header` was given, None if the packet does not tell."""
    begin = len(_start(_RAW, "mcu", None))
    if not packet.startswith(_READ_START, begin) or len(packet) < begin + _READ.size:
        return None
    delay: int = _READ.unpack_from(packet, begin)[2]
    return delay


def tags_of(packet: bytes) -> dict[int, bytes]:
    """Return the tags of a packet by number; none if they are damaged."""
    try:
        return {tag.tag: bytes(tag.value) for tag in _HEADER.parse(packet).tags}
    except ConstructError:
        return {}


def _tag(tag: int, value: bytes) -> bytes:
    """Build a tag. Its size counts the padding: Wireshark goes on right behind it, and passes over none itself."""
    value += bytes(-len(value) % 4)
    return _TAG_START.pack(tag, len(value)) + value if value else b""


@cache
def _start(dissector: str, side: Side, ends: Ends | None) -> bytes:
    name = dissector.encode("ascii")
    direction = P2P_SENT if side == "mcu" else P2P_RECEIVED
    tags = [(TAG_DISSECTOR, name + bytes(-len(name) % 4)), (TAG_P2P_DIRECTION, direction.to_bytes(4, "big"))]
    if ends is not None:
        here, there = (ends.here, ends.there) if side == "mcu" else (ends.there, ends.here)
        tags += [
            (TAG_IPV4_SOURCE, ipaddress.IPv4Address(here[0]).packed),
            (TAG_IPV4_TARGET, ipaddress.IPv4Address(there[0]).packed),
            (TAG_PORT_TYPE, ends.port_type.to_bytes(4, "big")),
            (TAG_SOURCE_PORT, here[1].to_bytes(4, "big")),
            (TAG_TARGET_PORT, there[1].to_bytes(4, "big")),
        ]
    built = [_TAG.build({"tag": tag, "size": len(value), "value": value}) for tag, value in tags]
    return b"".join(built)


@cache
def _starts(dissectors: tuple[str, ...]) -> dict[bytes, tuple[str, Side]]:
    sides: tuple[Side, Side] = ("mcu", "module")
    return {_start(name, side, None): (name, side) for name in dissectors for side in sides}


@cache
def _sizes(dissectors: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(sorted({len(start) for start in _starts(dissectors)}, reverse=True))


def split(packet: bytes, dissectors: tuple[str, ...]) -> tuple[str, Side, bytes] | None:
    """Take a packet apart: (dissector name, who spoke, bytes), or None if it is for none of ``dissectors``.

    A header that begins as this project writes it is recognised by its first bytes; a foreign one is parsed.
    """
    starts = _starts(dissectors)
    for size in _sizes(dissectors):
        found = starts.get(packet[:size])
        if found is not None:
            if packet.startswith(_END, size):
                return found[0], found[1], packet[size + 4 :]
            rest = _behind_tags(packet, size)
            return None if rest is None else (found[0], found[1], rest)
    return _parse(packet, dissectors)


def _behind_tags(packet: bytes, position: int) -> bytes | None:
    while position + 4 <= len(packet):
        tag, size = _TAG_START.unpack_from(packet, position)
        position += 4 + size + (-size % 4)
        if tag == TAG_END:
            return packet[position:]
    return None


def _parse(packet: bytes, dissectors: tuple[str, ...]) -> tuple[str, Side, bytes] | None:
    try:
        parsed = _HEADER.parse(packet)
    except ConstructError:
        return None
    tags = {tag.tag: bytes(tag.value) for tag in parsed.tags}
    name = tags.get(TAG_DISSECTOR, b"").rstrip(b"\0").decode("ascii", "replace")
    if name not in dissectors:
        return None
    sent = tags.get(TAG_P2P_DIRECTION, b"")[-1:] != bytes([P2P_RECEIVED])
    return name, "mcu" if sent else "module", bytes(parsed.rest)
