"""Frames: what payload means in the protocol it carries. Each format is declared with construct, to parse and to build.

A codec takes bytes and gives one line for people and fields that JSON can hold, or raises
:class:`NotThisFormatError`; it never reads past the bytes it is given. Dialect files may name those in ``CODECS``.
"""

from __future__ import annotations

from collections.abc import Callable

from capture.chunk import Side
from decoder.events import Frame, Params
from decoder.protocols.frames import config, dp, nmea
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import decode_payload

Codec = Callable[[bytes], tuple[str, Params]]
CODECS: dict[str, Codec] = {"onenet-dp": dp.decode, "onenet-config": config.decode, "nmea": nmea.decode}


_TEXTS = frozenset(["nmea"])
"""Formats that are text."""


def decode(
    protocol: str, raw: bytes, time_ns: int | None, side: Side, about: str, connect_id: int | str | None = None
) -> Frame | None:
    """Decode bytes by a codec, None if they are not of its format or it is unknown. ``about`` announced them."""
    codec = CODECS.get(protocol)
    try:
        return Frame(time_ns, side, protocol, connect_id, about, *codec(raw)) if codec is not None else None
    except NotThisFormatError:
        return None


def decode_text(protocol: str, text: str, time_ns: int | None, side: Side, about: str) -> Frame | None:
    """Decode what a parameter holds: text as it is, of other codecs in hex; None also if it is no hex."""
    told = text.encode("utf-8", "replace")
    raw = told if protocol in _TEXTS else decode_payload(told, "hex")
    return decode(protocol, raw, time_ns, side, about) if raw else None
