"""When the first byte of a read began, reckoned from the speed of the line.

A read returns after its last byte. The first one began as many character times earlier as there are bytes, but not
before the wire was last known to be empty (less what the adapter may have kept back), nor before the byte before it.
"""

from __future__ import annotations


def character_ns(baud: int, framing: str = "8N1") -> int:
    """Return how long one character takes, in ns: start bit, data bits, parity bit, stop bits."""
    bits = 1 + int(framing[0]) + (framing[1] != "N") + float(framing[2:])
    return round(bits * 1e9 / baud)


class Arrival:
    """Times of one wire. ``delay_ns``: how long its adapter may keep bytes back."""

    def __init__(self, character: int, delay_ns: int) -> None:
        self.character_ns = character
        self._delay_ns = delay_ns
        self._first_ns = 0
        self._empty_ns = 0

    def empty(self, now_ns: int) -> None:
        """Take note that nothing waits now."""
        self._empty_ns = now_ns

    def first(self, read_ns: int, size: int) -> int:
        """Return the time at which the first of ``size`` bytes began that were read at ``read_ns``."""
        first = read_ns - size * self.character_ns
        first = min(max(first, self._empty_ns - self._delay_ns, self._first_ns), read_ns)
        self._first_ns, self._empty_ns = first, read_ns
        return first
