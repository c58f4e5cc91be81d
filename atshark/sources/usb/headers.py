"""The headers that usbmon and USBPcap put in front of USB data, taken down to what a reader of serial ports needs.

A transfer is seen twice: when the host submits it (its *begin*), and when it is done. What goes out is there when it
begins, what comes in when it is done; this module says of each packet which bytes it carries, and how many are missing.

Sources: Linux, Documentation/usb/usbmon.rst (binary API: 48 and 64 bytes; link types 189 and 220, in the byte order of
the file); USBPcap, capture format specification (link type 249, always little-endian).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from capture.chunk import LATEST_NS
from capture.pcapng import Packet

ISOCHRONOUS, INTERRUPT, CONTROL, BULK = range(4)
IN = 0x80
"""The bit of an endpoint's address that says: to the host."""
_RESERVED = 0x70

Device = tuple[int, int]
"""Bus and address."""


class Urb(NamedTuple):
    """One end of a transfer. ``length``: the bytes that it carries, of which ``data`` may hold fewer.

    ``begins``: the host submits it; else it is done, and ``status`` (0 is success) says how it went. ``setup`` is the
    request of a control transfer that begins, else b"".
    """

    time_ns: int | None
    number: int
    device: Device
    endpoint: int
    kind: int
    begins: bool
    status: int
    length: int
    data: bytes
    setup: bytes


class Parser(NamedTuple):
    """How packets of a link type are read. ``parse`` returns None for one that is too short or contradicts itself."""

    format: str
    title: str
    parse: Callable[[Packet], Urb | None]


_USBMON = {order: struct.Struct(order + "QBBBBHBBqiiII8s") for order in "<>"}
_USBMON_FULL = 64
_ISO_DESCRIPTOR = 16
_SUBMIT, _COMPLETE, _ERROR = b"SCE"
_USBPCAP = struct.Struct("<HQIHBHHBBI")
_DONE = 1
_BULK_OR_INTERRUPT, _UNKNOWN = 0x0009, 0xFF
_STAGE_SETUP = 0
_NS = 1_000_000_000


def _time(packet: Packet, seconds: int, micros: int) -> int | None:
    """Return the time of the packet, or of its header; None if there is none, or it is none that a clock shows."""
    time_ns = packet.time_ns or seconds * _NS + micros * 1000
    return time_ns if 0 < time_ns <= LATEST_NS else None


def _usbmon(packet: Packet, size: int) -> Urb | None:
    data = packet.data
    if len(data) < size:
        return None
    number, event, kind, endpoint, address, bus, no_setup, _, seconds, micros, status, length, captured, setup = (
        _USBMON[packet.order].unpack_from(data)
    )
    begins = event == _SUBMIT
    if endpoint & _RESERVED or (not begins and event not in (_COMPLETE, _ERROR)):
        return None
    if kind == ISOCHRONOUS and size == _USBMON_FULL:
        size += _ISO_DESCRIPTOR * int(struct.unpack_from(packet.order + "I", data, 60)[0])
    carries = event != _ERROR and begins != bool(endpoint & IN)
    return Urb(
        _time(packet, seconds, micros), number, (bus, address), endpoint, kind, begins, status,
        length if carries else 0, data[size : size + min(captured, length)] if carries else b"",
        setup if begins and kind == CONTROL and not no_setup else b"",
    )  # fmt: skip


def _usbpcap(packet: Packet) -> Urb | None:
    data = packet.data
    if len(data) < _USBPCAP.size:
        return None
    size, number, status, function, info, bus, address, endpoint, kind, length = _USBPCAP.unpack_from(data)
    if endpoint & _RESERVED or not _USBPCAP.size <= size <= len(data):
        return None
    begins = not info & _DONE
    body, setup = data[size : size + length], b""
    if kind == CONTROL and begins and size > _USBPCAP.size and data[_USBPCAP.size] == _STAGE_SETUP:
        setup, body, length = body[:8], body[8:], max(0, length - 8)
    elif kind == _UNKNOWN and function == _BULK_OR_INTERRUPT:
        kind = BULK
    if begins == bool(endpoint & IN):
        body, length = b"", 0
    return Urb(
        _time(packet, 0, 0),
        number,
        (bus, address),
        endpoint,
        kind,
        begins,
        0 if begins else status,
        length,
        body,
        setup,
    )


PARSERS = {
    189: Parser("usbmon", "usbmon", lambda packet: _usbmon(packet, 48)),
    220: Parser("usbmon", "usbmon", lambda packet: _usbmon(packet, _USBMON_FULL)),
    249: Parser("usbpcap", "USBPcap", _usbpcap),
}
"""By link type."""
