"""The door of the decoder: chunks in, events out, by way of whatever stages look at them.

A stage sees the events of a session in order, and may add some: it takes a list and returns one. :data:`FINDINGS`
is what all programs use but those that only want to know what was said. :func:`run` decodes what has an end;
:class:`Decoder` takes chunks as they come, for what is live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol

from capture.chunk import Chunk, LogChunk, MarkChunk
from capture.timing import EXACT, Timing
from decoder.catalog import Catalog
from decoder.channels import marked
from decoder.events import Event, Summary
from decoder.findings import Inspector, doubt
from decoder.followers import STANDARD, Followers, Makes
from decoder.session import Session


class Stage(Protocol):
    """What looks at the events of one session."""

    def look(self, events: list[Event]) -> list[Event]:
        """Take the next events; return them, with what there is to add behind each."""

    def at(self, line: int, *, doubt: bool = False) -> None:
        """What comes next stands in this line of a text log. ``doubt``: it is not sure how to read it."""

    def mark(self, chunk: MarkChunk) -> list[Event]:
        """Take a mark of the recording; return what there is to say about it."""

    def close(self) -> list[Event]:
        """The session has ended; return what only its end shows."""

    def conclude(self, summary: Summary) -> Summary:
        """Return the summary, with what there is to add to it."""


Stages = Sequence[Callable[[Catalog], Stage]]
"""How to make the stages of a session from the catalog it is decoded with, in the order in which they look."""
FINDINGS: Stages = (Inspector,)
"""What went wrong, among what was said."""
NO_STAGES: Stages = ()
"""Only what was said."""


class Pushed(Protocol):
    """What takes chunks and returns events."""

    def feed(self, chunk: Chunk) -> list[Event]:
        """Take a chunk and return the events that it completes."""

    def close(self) -> list[Event]:
        """End the input: everything that waits is decided now."""


class Decoder:
    """A session with its followers and stages, for chunks as they come. ``timing``: how exact their times are."""

    def __init__(
        self, catalog: Catalog, stages: Stages = FINDINGS, followers: Makes = STANDARD, timing: Timing = EXACT
    ) -> None:
        self.timing = timing
        self._session = Session(catalog, timing)
        self._multiplexed = self._session.multiplexed
        self._followers = Followers(catalog, followers)
        self._stages = [make(catalog) for make in stages]
        self._doubted = False

    def feed(self, chunk: Chunk) -> list[Event]:
        """Take a chunk and return the events that it completes."""
        time_ns = chunk.time_ns
        if time_ns is not None and chunk.data and time_ns >= self._followers.wake_ns:
            early = self._followers.look(self._session.approach(chunk))
            events = self._look(early + self._followers.expire(time_ns))
        else:
            events = []
        if type(chunk) is LogChunk:
            for stage in self._stages:
                stage.at(chunk.line, doubt=bool(chunk.doubt))
        new = self._session.feed(chunk)
        if new:
            new = self._look(self._followers.look(new, told=self._session.told))
            events = events + new if events else new
        elif not chunk.data and isinstance(chunk, MarkChunk):
            told: list[Event] = []
            for stage in self._stages:
                told = [*stage.look(told), *stage.mark(chunk)] if told else stage.mark(chunk)
            events = events + told
        if events and self._multiplexed.used:
            events = marked(events)
        if type(chunk) is LogChunk and chunk.doubt and self._stages:
            first = [] if self._doubted else doubt.told(chunk)
            self._doubted = True
            return [*first, *doubt.softened(events)]
        return events

    def _look(self, events: list[Event]) -> list[Event]:
        for stage in self._stages:
            events = stage.look(events)
        return events

    def tick(self, now_ns: int) -> list[Event]:
        """Let time pass without bytes. ``now_ns`` must not be before the last chunk."""
        followers = self._followers
        events = followers.look(self._session.tick(now_ns))
        if now_ns >= followers.wake_ns:
            events = events + followers.expire(now_ns)
        for stage in self._stages:
            if events:
                events = stage.look(events)
        return marked(events) if events and self._multiplexed.used else events

    def close(self) -> list[Event]:
        """End the input: everything that waits is decided now. The summary is the last event."""
        events = self._followers.look(self._session.close())
        events = [*events[:-1], *self._followers.finish(self._session.last_ns), *events[-1:]]
        for stage in self._stages:
            events = stage.look(events)
            summary = events[-1]
            assert isinstance(summary, Summary)
            events = [*events[:-1], *stage.close(), stage.conclude(summary)]
        events = marked(events) if self._multiplexed.used else events
        return doubt.softened(events) if self._doubted else events


def drive(chunks: Iterable[Chunk], decoder: Pushed) -> Iterator[list[Event]]:
    """Yield what each chunk completes, then what the end does; nothing of that if the caller stops before."""
    for chunk in chunks:
        events = decoder.feed(chunk)
        if events:
            yield events
    yield decoder.close()


def run(source: Iterable[Chunk], catalog: Catalog, stages: Stages = FINDINGS) -> Iterator[Event]:
    """Decode ``source`` and yield its events, those of a chunk before the next one is taken.

    Raises what the source raises: :class:`AtsharkError` if it turns out to be unusable.
    """
    return chain.from_iterable(drive(source, Decoder(catalog, stages, timing=timing_of(source))))


def timing_of(source: Iterable[Chunk]) -> Timing:
    """Return how exact the times of a source are, as it says itself."""
    timing = getattr(source, "timing", EXACT)
    return timing if isinstance(timing, Timing) else EXACT


__all__ = ["FINDINGS", "NO_STAGES", "Decoder", "Pushed", "Stage", "Stages", "drive", "run"]
