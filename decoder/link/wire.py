"""One wire: bytes in, spans out, with the time of each byte kept.

A :class:`Wire` holds what has arrived and was not yet taken. It knows nothing about AT: the session asks for a
line, for n bytes, or for everything, and gets the span with the times of its first and last byte. However the
bytes were cut into chunks, the same span has the same times.
"""

from __future__ import annotations

import re
from collections import deque

import msgspec

from capture.chunk import Side

MAX_LINE = 65536
"""A line, or payload without a length, that grows beyond this many bytes is given up."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """Bytes taken from a wire with the times (ns, None if unknown) of the first and the last of them."""

    raw: bytes
    first_ns: int | None
    last_ns: int | None


class Wire:
    """The bytes of one side that wait to be understood: :attr:`buffer` from :attr:`position` on.

    ``undecided``: only the next byte, or silence, can tell what waits (a CR that LF may follow). ``last_ns`` is the
    time of the newest byte and ``quiet_ns`` how long the wire was silent before the oldest waiting byte (None if
    unknown or if it is the first). Mostly all bytes that wait came at once; only else are there ``_marks``: up to which
    offset of the buffer bytes came at which time.
    """

    __slots__ = ("_marks", "_taken", "buffer", "last_ns", "position", "quiet_ns", "side", "undecided")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.buffer = b""
        self.position = 0
        self.undecided = False
        self.last_ns: int | None = None
        self.quiet_ns: int | None = None
        self._taken = 0
        self._marks: deque[tuple[int, int | None]] | None = None

    def __len__(self) -> int:
        return len(self.buffer) - self.position

    def append(self, time_ns: int | None, data: bytes) -> None:
        """Add bytes that arrived at ``time_ns``."""
        position, last_ns = self.position, self.last_ns
        self._taken += position
        self.position = 0
        self.last_ns = time_ns
        if position >= len(self.buffer):
            self.quiet_ns = time_ns - last_ns if time_ns is not None and last_ns is not None else None
            self.buffer = data
            self._marks = None
            return
        if self._marks is None and time_ns != last_ns:
            self._marks = deque([(len(self.buffer), last_ns)])
        if self._marks is not None and position:
            self._marks = deque([(end - position, at) for end, at in self._marks])
        self.buffer = self.buffer[position:] + data
        if self._marks is not None:
            if self._marks[-1][1] == time_ns:
                self._marks.pop()
            self._marks.append((len(self.buffer), time_ns))

    @property
    def taken(self) -> int:
        """How many bytes have been taken since the beginning."""
        return self._taken + self.position

    def waiting(self) -> bytes:
        """Return what has not been taken, without taking it."""
        return self.buffer[self.position :] if self.position else self.buffer

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Match ``pattern`` at the first byte not taken, in what a line with its ends may hold."""
        return pattern.match(self.buffer, self.position, self.position + MAX_LINE + 1)

    def take_line_without_end(self) -> Span:
        """Take ``MAX_LINE`` bytes in which no line ends: however the bytes came, they are the same."""
        return self.take(min(len(self.buffer), self.position + MAX_LINE))

    def take(self, end: int) -> Span:
        """Take everything up to offset ``end`` of :attr:`buffer`."""
        raw = self.buffer[self.position : end]
        self.position = end
        marks = self._marks
        if marks is None:
            return Span(raw, self.last_ns, self.last_ns)
        first = marks[0][1]
        while marks[0][0] < end:
            marks.popleft()
        last = marks[0][1]
        if marks[0][0] == end and len(marks) > 1:
            marks.popleft()
        return Span(raw, first, last)

    def cut_off(self, end: int) -> list[tuple[int | None, bytes]]:
        """Take away what is behind offset ``end`` of :attr:`buffer`; return it, with its times, to append it again."""
        marks = list(self._marks) if self._marks is not None else [(len(self.buffer), self.last_ns)]
        out: list[tuple[int | None, bytes]] = []
        start = end
        for stop, time_ns in marks:
            if stop > start:
                out.append((time_ns, self.buffer[start:stop]))
                start = stop
        kept = [mark for mark in marks if mark[0] < end]
        at = next(time_ns for stop, time_ns in marks if stop >= end)
        self.buffer = self.buffer[:end]
        self.last_ns = at
        self._marks = deque([*kept, (end, at)]) if kept else None
        return out

    def take_all(self) -> Span:
        """Take everything."""
        return self.take(len(self.buffer))
