"""One wire: bytes in, spans out, with the time of each byte kept.

A :class:`Wire` holds what has arrived and was not yet taken. It knows nothing about AT: the session asks for a
line, for n bytes, or for everything, and gets the span with the times of its first and last byte. However the
bytes were cut into chunks, the same span has the same times.
"""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

from capture.chunk import Side

MAX_LINE = 65536
"""A line, or payload without a length, that grows beyond this many bytes is given up."""


class Span(NamedTuple):
    """Bytes taken from a wire with the times (ns, None if unknown) of the first and the last of them."""

    raw: bytes
    first_ns: int | None
    last_ns: int | None


class Wire:
    """The bytes of one side that wait to be understood.

    ``last_ns`` is the time of the newest byte and ``quiet_ns`` how long the wire was silent before the oldest
    waiting byte (None if unknown or if it is the first).
    """

    __slots__ = ("_marks", "_taken", "_total", "buffer", "last_ns", "position", "quiet_ns", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.buffer = b""
        self.position = 0
        self.last_ns: int | None = None
        self.quiet_ns: int | None = None
        self._taken = 0
        self._total = 0
        self._marks: deque[tuple[int, int | None]] = deque()

    def __len__(self) -> int:
        return len(self.buffer) - self.position

    def append(self, time_ns: int | None, data: bytes) -> None:
        """Add bytes that arrived at ``time_ns``."""
        if self.position >= len(self.buffer):
            self.quiet_ns = None
            if time_ns is not None and self.last_ns is not None:
                self.quiet_ns = time_ns - self.last_ns
            self.buffer = data
        else:
            self.buffer = self.buffer[self.position :] + data
        self.position = 0
        self._total += len(data)
        self.last_ns = time_ns
        marks = self._marks
        if marks and marks[-1][1] == time_ns:
            marks[-1] = (self._total, time_ns)
        else:
            marks.append((self._total, time_ns))

    @property
    def taken(self) -> int:
        """How many bytes have been taken since the beginning."""
        return self._taken

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
        start = self.position
        raw = self.buffer[start:end]
        self.position = end
        marks = self._marks
        mark = marks[0]
        first = mark[1]
        self._taken += end - start
        while mark[0] < self._taken:
            marks.popleft()
            mark = marks[0]
        last = mark[1]
        if mark[0] == self._taken:
            marks.popleft()
        return Span(raw, first, last)

    def take_all(self) -> Span:
        """Take everything."""
        return self.take(len(self.buffer))
