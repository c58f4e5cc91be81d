"""RTAC Serial captures: both directions of a serial line, as SEL's automation controllers write them (link type 250).

Each packet begins with a header of twelve bytes: the time it arrived (seconds and microseconds, big-endian), an event,
the control lines, and two bytes without a use here. What the DTE sends is an event of its own kind, and so is what
it receives. Line errors and lost data are events, too: they become marks.

Source: the event types and fields that Wireshark's RTAC Serial dissector names (``tshark -G values``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from capture.chunk import Chunk, Mark, MarkChunk, MarkKind, Side
from capture.pcapng import Packet

LINK_TYPE = 250
_HEADER = struct.Struct(">IIBBH")
_SIDES: dict[int, Side] = {1: "mcu", 2: "module", 3: "mcu", 4: "module"}
_MARKS: dict[int, tuple[MarkKind, str]] = {
    5: ("overrun", "the capture lost data here"),
    7: ("error", "a framing error"),
    8: ("error", "a parity error"),
    9: ("break", "a break on the line"),
    10: ("overrun", "the serial port lost data here"),
}


def chunks(packets: Iterator[Packet], name: str, warnings: list[str]) -> Iterator[Chunk]:
    """Yield what both sides said and what befell the line, in file order; what was cut is told in ``warnings``."""
    short = missing = 0
    for packet in packets:
        data = packet.data
        if len(data) < _HEADER.size:
            short += 1
            continue
        seconds, micros, event, _, _ = _HEADER.unpack_from(data)
        time_ns = packet.time_ns or seconds * 1_000_000_000 + micros * 1000 or None
        if event in _MARKS:
            kind, text = _MARKS[event]
            yield MarkChunk.at(time_ns, "mcu", Mark(kind, f"{text} (RTAC Serial does not say on which wire)"))
        side = _SIDES.get(event)
        if side is None:
            continue
        missing += max(0, packet.length - len(data))
        if len(data) > _HEADER.size:
            yield Chunk(time_ns, side, data[_HEADER.size :])
    if short:
        warnings.append(f"{name}: {short} packets are too short for the header of RTAC Serial")
    if missing:
        warnings.append(f"{name}: {missing} bytes are not in the capture: its snap length cut packets")
