"""The one record that every source of bytes yields and every consumer takes."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Side = Literal["mcu", "module"]
"""Who spoke: the microcontroller (TE, sends commands) or the cellular module (TA, answers)."""

LATEST_NS = (1 << 63) - 1
"""The latest time that a file of ours can hold: 2262-04-11."""

MCU: Side = "mcu"
MODULE: Side = "module"

MarkKind = Literal[
    "gap",
    "back",
    "silent",
    "break",
    "error",
    "overrun",
    "order",
    "skew",
    "speed",
    "identified",
    "shed",
    "note",
    "stall",
    "file",
    "host",
]
MARK_KINDS: tuple[MarkKind, ...] = get_args(MarkKind)


class Mark(NamedTuple):
    """Something about the recording itself that is not a byte on the wire; ``text`` says it in a line.

    ``gap``: nothing is heard from here on; ``back``: heard again; ``silent``: the wire is open and dead while the other
    one is busy; ``break``, ``error`` (framing or parity), ``overrun``: what the driver told; ``order``: a command was
    put before its answer; ``skew``: between the two adapters; ``speed``: a new one; ``identified``: which port is
    the MCU; ``shed``: chunks that a live view did not get; ``note``: typed by the user; ``stall``: the reader itself
    was held up, so that times and order of what came meanwhile are less sure; ``file``: something happened to the file
    that is recorded to (told to a live view; the file cannot tell it); ``host``: what the host's program said of a
    failure, in a text log: evidence of what it believed, never traffic.
    """

    kind: MarkKind
    text: str


class Chunk(NamedTuple):
    """Bytes that one read returned.

    ``time_ns`` is the arrival time of the last byte (when the read returned) in nanoseconds since the Unix epoch, or
    None where the source has no times. ``side`` says who spoke. ``data`` is never empty in a chunk that a source of
    this project yields, unless it is a :class:`MarkChunk`.
    """

    time_ns: int | None
    side: Side
    data: bytes


class WholeChunk(Chunk):
    """A chunk that an exporter has cut: exactly one message, so that no later byte can belong to it."""

    __slots__ = ()


class LogChunk(Chunk):
    """A chunk of a text log: a record as somebody wrote it down. ``line``: where it stands (from 1).

    A log may leave results out. ``exact``: its bytes are those of the wire; else they stand there as text, and line
    ends were put back. ``doubt``: why it is not sure how to read the log; "" if it is.
    """

    line: int
    exact: bool
    doubt: str

    @classmethod
    def at(
        cls, time_ns: int | None, side: Side, data: bytes, line: int, *, exact: bool = False, doubt: str = ""
    ) -> LogChunk:
        """Make a chunk of the record in ``line``."""
        chunk = cls(time_ns, side, data)
        chunk.line = line
        chunk.exact = exact
        chunk.doubt = doubt
        return chunk


class ReadChunk(Chunk):
    """A chunk of a tap. ``first_ns``: when its first byte began, reckoned from the speed of the line."""

    first_ns: int

    @classmethod
    def at(cls, time_ns: int, side: Side, data: bytes, first_ns: int) -> ReadChunk:
        """Make a chunk that was read at ``time_ns``."""
        chunk = cls(time_ns, side, data)
        chunk.first_ns = first_ns
        return chunk


class MarkChunk(Chunk):
    """No bytes, but a mark between them; ``side`` is the wire that it is about."""

    mark: Mark

    @classmethod
    def at(cls, time_ns: int | None, side: Side, mark: Mark) -> MarkChunk:
        """Make a mark of the time ``time_ns``."""
        chunk = cls(time_ns, side, b"")
        chunk.mark = mark
        return chunk


def with_data(chunk: Chunk, data: bytes) -> Chunk:
    """Return a chunk of the same kind and times with other bytes; a mark keeps its kind, not its text."""
    if isinstance(chunk, MarkChunk):
        return MarkChunk.at(chunk.time_ns, chunk.side, Mark(chunk.mark.kind, "(text removed)"))
    return _as(chunk, chunk._replace(data=data))


def with_place(chunk: Chunk, time_ns: int | None, side: Side) -> Chunk:
    """Return a chunk of the same kind and bytes, at another time and on another side."""
    return _as(chunk, chunk._replace(time_ns=time_ns, side=side))


def _as(chunk: Chunk, made: Chunk) -> Chunk:
    """Give a chunk that was made from another what its kind knows beside time, side and bytes."""
    for name, value in getattr(chunk, "__dict__", {}).items():
        setattr(made, name, value)
    return made


def without_time(chunk: Chunk) -> Chunk:
    """Return a chunk of the same bytes whose time is unknown."""
    if isinstance(chunk, MarkChunk):
        return MarkChunk.at(None, chunk.side, chunk.mark)
    return (WholeChunk if isinstance(chunk, WholeChunk) else Chunk)(None, chunk.side, chunk.data)


def first_ns(chunk: Chunk) -> int | None:
    """Return when the first byte of a chunk began, as far as it is known: else the time of the chunk."""
    return chunk.first_ns if isinstance(chunk, ReadChunk) else chunk.time_ns
