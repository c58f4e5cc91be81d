"""The one record that every source of bytes yields and every consumer takes."""

from __future__ import annotations

from typing import Literal, NamedTuple

Side = Literal["mcu", "module"]
"""Who spoke: the microcontroller (TE, sends commands) or the cellular module (TA, answers)."""

MCU: Side = "mcu"
MODULE: Side = "module"


class Chunk(NamedTuple):
    """Bytes that one read returned.

    ``time_ns`` is the arrival time in nanoseconds since the Unix epoch, or None where the source has no
    times. ``side`` says who spoke. ``data`` is never empty in a chunk that a source of this project yields.
    """

    time_ns: int | None
    side: Side
    data: bytes


class WholeChunk(Chunk):
    """A chunk that an exporter has cut: exactly one message, so that no later byte can belong to it."""

    __slots__ = ()
