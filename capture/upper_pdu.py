"""The header in front of each packet of link type 252 (Wireshark Upper PDU): which dissector, which direction.

Wireshark reads the tags and calls the named dissector on what follows, so that a file of ours opens without
"Decode As". Without the plugin the bytes are shown as data.

Source: Wireshark, ``epan/exported_pdu.h`` (tag values; lengths are padded to four bytes).
"""

from __future__ import annotations

import ipaddress
from functools import cache
from typing import NamedTuple

from construct import Aligned, Bytes, Const, ConstructError, GreedyBytes, Int16ub, RepeatUntil, Struct

from capture.chunk import Side

TAG_END, TAG_DISSECTOR, TAG_P2P_DIRECTION = 0, 12, 35
TAG_IPV4_SOURCE, TAG_IPV4_TARGET, TAG_PORT_TYPE, TAG_SOURCE_PORT, TAG_TARGET_PORT = 20, 21, 24, 25, 26
PORT_TCP, PORT_UDP = 2, 3
P2P_SENT, P2P_RECEIVED = 0, 1


class Ends(NamedTuple):
    """The two ends of a connection, each an IPv4 address and a port; ``here`` is the MCU's."""

    port_type: int
    here: tuple[str, int]
    there: tuple[str, int]


_TAG = Struct("tag" / Int16ub, "size" / Int16ub, "value" / Aligned(4, Bytes(lambda this: this.size)))
_HEADER = Struct("tags" / RepeatUntil(lambda tag, _list, _ctx: tag.tag == TAG_END, _TAG), "rest" / GreedyBytes)
_END = Struct("tag" / Const(TAG_END, Int16ub), "size" / Const(0, Int16ub))


@cache
def header(dissector: str, side: Side, ends: Ends | None = None) -> bytes:
    """Build the tags that hand a packet of ``side`` to ``dissector``; ``ends``: between which addresses it passed."""
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
    return b"".join(built) + bytes(_END.build({}))


@cache
def _sizes(dissectors: tuple[str, ...]) -> dict[bytes, tuple[str, Side]]:
    sides: tuple[Side, Side] = ("mcu", "module")
    return {header(name, side): (name, side) for name in dissectors for side in sides}


def split(packet: bytes, dissectors: tuple[str, ...]) -> tuple[str, Side, bytes] | None:
    """Take a packet apart: (dissector name, who spoke, bytes), or None if it is for none of ``dissectors``.

    A header that this project wrote is recognised as a whole; a foreign one is parsed.
    """
    for known, (name, side) in _sizes(dissectors).items():
        if packet.startswith(known):
            return name, side, packet[len(known) :]
    return _parse(packet, dissectors)


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
