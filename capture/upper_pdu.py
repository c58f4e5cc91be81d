"""The header in front of each packet of link type 252 (Wireshark Upper PDU): which dissector, which direction.

Wireshark reads the tags and calls the named dissector on what follows, so that a file of ours opens without
"Decode As". Without the plugin the bytes are shown as data.

Source: Wireshark, ``epan/exported_pdu.h`` (tag values; lengths are padded to four bytes).
"""

from __future__ import annotations

from functools import cache

from construct import Aligned, Bytes, Const, ConstructError, GreedyBytes, Int16ub, RepeatUntil, Struct

from capture.chunk import Side

TAG_END, TAG_DISSECTOR, TAG_P2P_DIRECTION = 0, 12, 35
P2P_SENT, P2P_RECEIVED = 0, 1

_TAG = Struct("tag" / Int16ub, "size" / Int16ub, "value" / Aligned(4, Bytes(lambda this: this.size)))
_HEADER = Struct("tags" / RepeatUntil(lambda tag, _list, _ctx: tag.tag == TAG_END, _TAG), "rest" / GreedyBytes)
_END = Struct("tag" / Const(TAG_END, Int16ub), "size" / Const(0, Int16ub))


@cache
def header(dissector: str, side: Side) -> bytes:
    """Build the tags that hand a packet of ``side`` to ``dissector``."""
    name = dissector.encode("ascii")
    direction = P2P_SENT if side == "mcu" else P2P_RECEIVED
    tags = (
        {"tag": TAG_DISSECTOR, "size": len(name) + (-len(name) % 4), "value": name + bytes(-len(name) % 4)},
        {"tag": TAG_P2P_DIRECTION, "size": 4, "value": direction.to_bytes(4, "big")},
    )
    return b"".join(_TAG.build(tag) for tag in tags) + bytes(_END.build({}))


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
