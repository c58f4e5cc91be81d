"""Findings: what went wrong, in plain words, with what to try.

Strategy: the decoder itself says what it cannot miss (a command without an answer, payload of the wrong length). An
:class:`Inspector` looks at its events, in order, for everything else: rules that are data (declared.py), and families
of rules that must remember something (network.py, lwm2m.py, mqtt.py, line.py, ranges.py). It has no clock and no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from capture.chunk import MarkChunk
from capture.grammar import GOOD_CODES
from decoder.catalog import Catalog
from decoder.events import Data, Event, Finding, Frame, Group, Message, Socket
from decoder.findings.declared import Declared
from decoder.findings.line import Line
from decoder.findings.lwm2m import Lwm2m
from decoder.findings.mqtt import COMMANDS as MQTT_COMMANDS
from decoder.findings.mqtt import Mqtt
from decoder.findings.network import ANSWERS as NETWORK_ANSWERS
from decoder.findings.network import COMMANDS as NETWORK_COMMANDS
from decoder.findings.network import Network
from decoder.findings.raising import Raise
from decoder.findings.ranges import Ranges
from decoder.findings.rules import Lang, Rule, advice, message, rules

Hearers = tuple[Callable[[Message], None], ...]


class Inspector:
    """Looks at the events of a session and adds findings, each behind the event that it is about."""

    def __init__(self, catalog: Catalog) -> None:
        self._found: list[Finding] = []
        raise_ = self._raise = Raise(self._found)
        self._declared, self._network, self._lwm2m = Declared(raise_), Network(raise_), Lwm2m(raise_)
        self._mqtt, self._line, self._ranges = Mqtt(raise_), Line(raise_), Ranges(raise_, catalog)
        self._last_ns: int | None = None
        self._answers: dict[str, Hearers] = {}
        self._commands: dict[str, Hearers] = {}
        self._limited = self._ranges.names()
        self._looks: dict[type, Callable[[Any], None]] = {
            Message: self._message, Socket: self._socket, Frame: self._mqtt.frame, Group: self._mqtt.group,
            Data: self._line.data, Finding: self._line.finding,
        }  # fmt: skip

    def look(self, events: list[Event]) -> list[Event]:
        """Return the events with findings added."""
        found, looks = self._found, self._looks
        for index, event in enumerate(events):
            look = looks.get(type(event))
            if look is not None:
                look(event)
                if found:
                    return self._look_on(events, index)
        return events

    def _look_on(self, events: list[Event], index: int) -> list[Event]:
        """Go on behind the event ``index``, about which something was found."""
        found, looks = self._found, self._looks
        out = events[: index + 1]
        out += found
        found.clear()
        for event in events[index + 1 :]:
            look = looks.get(type(event))
            out.append(event)
            if look is not None:
                look(event)
                if found:
                    out += found
                    found.clear()
        return out

    def mark(self, chunk: MarkChunk) -> list[Event]:
        """Raise what a mark of the recording says."""
        self._raise(f"tap.{chunk.mark.kind}", chunk, text=chunk.mark.text)
        out: list[Event] = list(self._found)
        self._found.clear()
        return out

    def close(self) -> list[Event]:
        """Raise what only the end of the session shows."""
        self._mqtt.close(self._last_ns)
        self._line.close()
        out: list[Event] = list(self._found)
        self._found.clear()
        return out

    def _message(self, one: Message) -> None:
        """Show a line to the families that have something to say about lines of its kind and name."""
        if one.time_ns is not None:
            self._last_ns = one.time_ns
        kind, name, line = one.kind, one.name, self._line
        line.count += 1
        if kind == "command":
            line.command(one)
            if self._lwm2m.follows(one):
                self._lwm2m.message(one)
            commands = one.commands
            if len(commands) == 1:
                for hear in self._hearers_of_command(commands[0].name):
                    hear(one)
            else:
                for hear in dict.fromkeys(hear for each in commands for hear in self._hearers_of_command(each.name)):
                    hear(one)
            return
        if kind == "noise":
            line.noise(one)
            return
        if one.side == "module" and kind != "blank":
            line.unanswered = 0
        if kind == "result":
            if one.owner is not None and one.result is not None and one.result.code not in GOOD_CODES:
                self._network.message(one)
        elif name is None:
            line.text(one)
        else:
            for hear in self._hearers_of_answer(name):
                hear(one)

    def _hearers_of_command(self, name: str) -> Hearers:
        """Return the families that have something to say about commands of this name."""
        found = self._commands.get(name)
        if found is None:
            hearers: list[Callable[[Message], None]] = []
            if name in self._declared.names("command"):
                hearers.append(self._declared.message)
            if name in NETWORK_COMMANDS:
                hearers.append(self._network.message)
            if name in MQTT_COMMANDS:
                hearers.append(self._mqtt.message)
            if name in self._limited:
                hearers.append(self._ranges.message)
            found = self._commands[name] = tuple(hearers)
        return found

    def _hearers_of_answer(self, name: str) -> Hearers:
        """Return the families that have something to say about answers of this name."""
        found = self._answers.get(name)
        if found is not None:
            return found
        hearers: list[Callable[[Message], None]] = []
        if name in self._declared.names("answer"):
            hearers.append(self._declared.message)
        if name in NETWORK_ANSWERS:
            hearers.append(self._network.message)
        if name.startswith("MIPL"):
            hearers.append(self._lwm2m.message)
        found = self._answers[name] = tuple(hearers)
        return found

    def _socket(self, one: Socket) -> None:
        self._declared.socket(one)
        self._network.socket(one)
        self._line.socket(one)


__all__ = ["Inspector", "Lang", "Rule", "advice", "message", "rules"]
