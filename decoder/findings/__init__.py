"""Findings: what went wrong, in plain words, with what to try.

Strategy: the decoder itself says what it cannot miss (a command without an answer, payload of the wrong length). An
:class:`Inspector` looks at its events, in order, for everything else: rules that are data (declared.py), and families
of rules that must remember something (network.py, lwm2m.py, mqtt.py, line.py, ranges.py). It has no clock and no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable

from capture.chunk import Chunk
from decoder.catalog import Catalog
from decoder.events import Data, Event, Finding, Frame, Group, Message, Socket
from decoder.findings.declared import Declared
from decoder.findings.line import Line
from decoder.findings.lwm2m import Lwm2m
from decoder.findings.mqtt import Mqtt
from decoder.findings.network import Network
from decoder.findings.ranges import Ranges
from decoder.findings.rules import Lang, Rule, advice, message, rules
from decoder.findings.say import Say
from decoder.session import Session


class Inspector:
    """Looks at the events of a session and adds findings, each behind the event that it is about."""

    def __init__(self, catalog: Catalog) -> None:
        self._found: list[Finding] = []
        say = Say(self._found)
        self._declared, self._network, self._lwm2m = Declared(say), Network(say), Lwm2m(say)
        self._mqtt, self._line, self._ranges = Mqtt(say), Line(say), Ranges(say, catalog)
        self._last_ns: int | None = None

    def look(self, events: Iterable[Event]) -> list[Event]:
        """Return the events with findings added."""
        out: list[Event] = []
        for event in events:
            out.append(event)
            self._look(event)
            if self._found:
                out.extend(self._found)
                self._found.clear()
        return out

    def close(self) -> list[Event]:
        """Say what only the end of the session shows."""
        self._mqtt.close(self._last_ns)
        self._line.close()
        out: list[Event] = list(self._found)
        self._found.clear()
        return out

    def _look(self, event: Event) -> None:
        if isinstance(event, Message):
            self._last_ns = event.time_ns if event.time_ns is not None else self._last_ns
            self._declared.message(event)
            self._network.message(event)
            self._lwm2m.message(event)
            self._mqtt.message(event)
            self._line.message(event)
            if event.commands:
                self._ranges.message(event)
        elif isinstance(event, Socket):
            self._declared.socket(event)
            self._network.socket(event)
            self._line.socket(event)
        elif isinstance(event, Frame):
            self._mqtt.frame(event)
        elif isinstance(event, Group):
            self._mqtt.group(event)
        elif isinstance(event, Data):
            self._line.data(event)
        elif isinstance(event, Finding):
            self._line.finding(event)


class InspectedSession(Session):
    """A session whose events include what an :class:`Inspector` finds."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._inspector = Inspector(catalog)

    def feed(self, chunk: Chunk) -> list[Event]:
        """Take a chunk and return the events that it completes."""
        return self._inspector.look(super().feed(chunk))

    def tick(self, now_ns: int) -> list[Event]:
        """Let time pass without bytes. ``now_ns`` must not be before the last chunk."""
        return self._inspector.look(super().tick(now_ns))

    def close(self) -> list[Event]:
        """End the input: everything that waits is decided now."""
        events = self._inspector.look(super().close())
        return [*events[:-1], *self._inspector.close(), *events[-1:]]


__all__ = ["InspectedSession", "Inspector", "Lang", "Rule", "advice", "message", "rules"]
