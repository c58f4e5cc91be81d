"""Frames: what payload means in the protocol it carries. Each format is declared with construct, to parse and to build.

A codec takes bytes and gives one line for people and fields that JSON can hold, or raises
:class:`NotThisFormatError`; it never reads past the bytes it is given. Dialect files may name those in ``CODECS``.
"""

from __future__ import annotations

from collections.abc import Callable

from capture.chunk import Side
from decoder.events import Data, Frame, Params
from decoder.frames import config, dp, nmea
from decoder.frames.errors import NotThisFormatError

Codec = Callable[[bytes], tuple[str, Params]]
CODECS: dict[str, Codec] = {"onenet-dp": dp.decode, "onenet-config": config.decode, "nmea": nmea.decode}


def decode(protocol: str, data: Data) -> Frame | None:
    """Decode payload by a codec; None if it is not of that format, or if there is no such codec."""
    codec = CODECS.get(protocol)
    if codec is None:
        return None
    try:
        return observed(data, protocol, *codec(bytes.fromhex(data.data)))
    except NotThisFormatError:
        return None


def decode_bytes(protocol: str, data: bytes, side: Side, time_ns: int | None, line: str) -> Frame | None:
    """Decode what stands in ``line`` by a codec; None if it is not of that format, or if there is no such codec."""
    codec = CODECS.get(protocol)
    try:
        return Frame(time_ns, side, protocol, None, line, *codec(data)) if codec is not None else None
    except NotThisFormatError:
        return None


def observed(data: Data, protocol: str, text: str, fields: Params) -> Frame:
    """Make the record of a frame that ``data`` completes."""
    return Frame(data.time_ns, data.side, protocol, data.connect_id, data.announced_by, text, fields)
