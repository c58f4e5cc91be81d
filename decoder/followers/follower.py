"""Followers: what follows from the lines of a session. A follower says which events it hears, and may emit others.

Followers hear events only, in order, and never touch what the session decides. What one emits stands directly behind
the event that it heard, and is heard by all in its turn. The session knows none of them: a new follower is a file, and
an entry in the list of those that a session has (:data:`decoder.followers.STANDARD`), or in a list of one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from decoder.catalog import Catalog
from decoder.effects import EFFECTS, Effects
from decoder.events import Event, Frame
from decoder.times import NEVER

Hear = Callable[[Any], None]


class Seat(NamedTuple):
    """What a follower is given: the catalog, where its events go, and the numbers of connections that it may draw."""

    catalog: Catalog
    out: list[Event]
    connections: Iterator[int]


class Follower:
    """One that hears nothing.

    ``effects``: of lines and payload with effects it hears only those that have one of these; None: all.
    ``wake_ns``: when its time is over; it is told by :meth:`expire`.
    """

    effects: frozenset[str] | None = None
    wake_ns = NEVER

    def __init__(self, seat: Seat) -> None:
        self._out = seat.out

    def hears(self) -> Mapping[type, Hear]:
        """Return what to call for which kind of event."""
        return {}

    def expire(self, now_ns: int) -> None:
        """Time has reached ``wake_ns``."""

    def finish(self, last_ns: int | None) -> None:
        """The session is over; ``last_ns`` is the latest time that it heard of."""


Makes = Sequence[Callable[[Seat], Follower]]


class Followers:
    """The followers of a session, in the order in which they hear."""

    def __init__(self, catalog: Catalog, makes: Makes) -> None:
        self._emitted: list[Event] = []
        seat = Seat(catalog, self._emitted, count(1))
        self._followers = [make(seat) for make in makes]
        self._timed = [one for one in self._followers if type(one).expire is not Follower.expire]
        self._heard = frozenset(kind for one in self._followers for kind in one.hears())
        self._hearers: dict[tuple[type, Effects | None], list[Hear]] = {}
        self._only_effects = self._heard <= {*EFFECTS, Frame}
        self.wake_ns = NEVER

    def look(self, events: list[Event], *, told: bool = True) -> list[Event]:
        """Tell the followers of events; return these, with what they emitted behind each.

        ``told``: there may be effects among them.
        """
        if self._only_effects and not told:
            return events
        heard = self._heard
        out: list[Event] = []
        for event in events:
            out.append(event)
            if type(event) in heard:
                self._tell(event, out)
        if self._timed:
            self.wake_ns = min([one.wake_ns for one in self._timed])
        return out

    def expire(self, now_ns: int) -> list[Event]:
        """Let time pass up to ``now_ns``; return what follows from that."""
        out: list[Event] = []
        for one in self._timed:
            if one.wake_ns <= now_ns:
                one.expire(now_ns)
                self._collect(out)
        self.wake_ns = min([one.wake_ns for one in self._timed], default=NEVER)
        return out

    def finish(self, last_ns: int | None) -> list[Event]:
        """The session is over: return what only that shows."""
        out: list[Event] = []
        for one in self._followers:
            one.finish(last_ns)
            self._collect(out)
        return out

    def _tell(self, event: Event, out: list[Event]) -> None:
        key = type(event), getattr(event, "effects", None)
        hearers = self._hearers.get(key)
        if hearers is None:
            hearers = self._hearers[key] = self._find(*key)
        for hear in hearers:
            hear(event)
            if self._emitted:
                self._collect(out)

    def _find(self, kind: type, effects: Effects | None) -> list[Hear]:
        """Find who hears events of a kind that have these effects."""
        return [
            one.hears()[kind]
            for one in self._followers
            if kind in one.hears() and (effects is None or one.effects is None or not one.effects.isdisjoint(effects))
        ]

    def _collect(self, out: list[Event]) -> None:
        """Move what was emitted to ``out``, and tell of it."""
        emitted = self._emitted[:]
        self._emitted.clear()
        for one in emitted:
            out.append(one)
            if type(one) in self._heard:
                self._tell(one, out)
