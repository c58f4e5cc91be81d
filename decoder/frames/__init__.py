"""Frames: what payload means in the protocol it carries. Each format is declared with construct, to parse and to build.

A codec takes bytes and gives fields that JSON can hold, or raises :class:`NotThisFormatError`; it never reads past the
bytes it is given. ``CODECS`` has those that dialect files may name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from decoder.frames import dp
from decoder.frames.errors import NotThisFormatError


class Fields(NamedTuple):
    """A decoded frame: one line for people, and its fields."""

    text: str
    fields: dict[str, Any]


Codec = Callable[[bytes], tuple[str, dict[str, Any]]]
CODECS: dict[str, Codec] = {"onenet-dp": dp.decode}


def decode(protocol: str, data: bytes) -> Fields | None:
    """Decode ``data`` by a codec; None if it is not of that format, or if there is no such codec."""
    codec = CODECS.get(protocol)
    if codec is None:
        return None
    try:
        return Fields(*codec(data))
    except NotThisFormatError:
        return None
