"""Messages in parts: kept until all are there, in whatever order, over whatever time, and whichever came twice."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

MAX_MESSAGES = 64
"""Messages of which parts are kept, and whole ones that are remembered."""
Content = TypeVar("Content")


class Part(NamedTuple, Generic[Content]):
    """A part: its bytes as they came, by which one that comes again is known, and what was read of it."""

    raw: str
    content: Content


class Parts(Generic[Content]):
    """Puts parts together."""

    def __init__(self) -> None:
        self._open: dict[Hashable, dict[int, Part[Content]]] = {}
        self._whole: dict[Hashable, frozenset[str]] = {}

    def add(self, key: Hashable, number: int, of: int, part: Part[Content]) -> list[Content] | None:
        """Take part ``number`` of the message ``key``; return all ``of`` them in order if it was the last.

        A part that came before is none again. Another one with its number begins a new message with the old reference.
        """
        if part.raw in self._whole.get(key, ()):
            return None
        parts = self._open.setdefault(key, {})
        if number in parts and parts[number].raw != part.raw:
            parts.clear()
        parts[number] = part
        if len(parts) == of:
            del self._open[key]
            self._keep(key, parts)
            return [parts[one].content for one in sorted(parts)]
        if len(self._open) > MAX_MESSAGES:
            del self._open[next(iter(self._open))]
        return None

    def _keep(self, key: Hashable, parts: dict[int, Part[Content]]) -> None:
        self._whole.pop(key, None)
        self._whole[key] = frozenset(one.raw for one in parts.values())
        if len(self._whole) > MAX_MESSAGES:
            del self._whole[next(iter(self._whole))]
