"""Findings: what went wrong, in plain words, with what to try.

Strategy: the decoder itself says what it cannot miss (a command without an answer, payload of the wrong length). An
:class:`Inspector` looks at its events, in order, for everything else: rules that are data (declared.py), and families
of rules that must remember something (network.py, lwm2m.py, mqtt.py, line.py, mux.py, ranges.py). It has no clock and
no I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from capture.chunk import MarkChunk
from decoder.catalog import Catalog
from decoder.effects import Ended
from decoder.events import Data, Event, Evidence, Finding, Frame, GivenUp, Group, Message, Socket, Summary
from decoder.findings.cause import Ladder
from decoder.findings.declared import Declared
from decoder.findings.failures import Failures
from decoder.findings.frames import proves
from decoder.findings.host import Host
from decoder.findings.line import Line
from decoder.findings.lwm2m import Lwm2m
from decoder.findings.mqtt import COMMANDS as MQTT_COMMANDS
from decoder.findings.mqtt import Mqtt
from decoder.findings.mux import Mux
from decoder.findings.network import ANSWERS as NETWORK_ANSWERS
from decoder.findings.network import COMMANDS as NETWORK_COMMANDS
from decoder.findings.network import Network
from decoder.findings.raising import Raise
from decoder.findings.ranges import Ranges
from decoder.findings.states import States
from decoder.rules import LAYERS, Lang, Rule, advice, message, rules
from decoder.values import printable

_RECENT = 256
Hearers = tuple[Callable[[Message], None], ...]


class Inspector:
    """Looks at the events of a session and adds findings, each behind the event that it is about."""

    def __init__(self, catalog: Catalog) -> None:
        self._found: list[Finding] = []
        raise_ = self._raise = Raise(self._found)
        self._declared, self._network, self._lwm2m = Declared(raise_), Network(raise_, catalog), Lwm2m(raise_, catalog)
        self._mqtt, self._line, self._ranges = Mqtt(raise_, catalog), Line(raise_, catalog), Ranges(raise_, catalog)
        self._host, self._mux = Host(raise_), Mux(raise_)
        self._sent: deque[tuple[int, int]] = deque(maxlen=_RECENT)
        """The last commands: their numbers, and of which messages they are."""
        self._lost_at: int | None = None
        self._ladder = Ladder()
        self._raise.told = self._told
        self._last_ns: int | None = None
        self._answers: dict[str, Hearers] = {}
        self._commands: dict[str, Hearers] = {}
        self._limited = self._ranges.names()
        self._of_network = catalog.named(*NETWORK_COMMANDS), catalog.named(*NETWORK_ANSWERS)
        self._of_mqtt, self._of_lwm2m = catalog.named(*MQTT_COMMANDS), self._lwm2m.names()
        self._failures = Failures(catalog, self._raise)
        self._failing = self._failures.names()
        self._states = States(catalog, self._raise, self._ladder)
        self._telling = self._states.names()
        self._reasons = {one.name for dialect in catalog.dialects for one in dialect.file.command if one.explains}
        self._at: int | None = None
        """The line where a text log is."""
        self._looks: dict[type, Callable[[Any], None]] = {
            Message: self._message, Socket: self._socket, Frame: self._frame, Group: self._mqtt.group,
            Data: self._line.data, Finding: self._finding, GivenUp: self._given_up,
            Ended: self._mux.ended,
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

    def at(self, line: int, *, doubt: bool = False) -> None:
        """What comes next stands in this line of a text log. ``doubt``: it is not sure how to read it."""
        self._at = line
        if doubt:
            self._ladder.doubted = True

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
        self._mux.close()
        self._states.close()
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
            self._host.command(one)
            self._sent.append((one.commands[0].number if one.commands else 0, line.count))
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
            owner = one.owner if one.result is not None and one.result.good else None
            if owner is not None and owner.name in self._telling:
                self._states.done(one, owner, self._at, line.count)
            self._host.result(one)
            if one.owner is not None and one.result is not None and not one.result.good:
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
            if name in self._of_network[0]:
                hearers.append(self._network.message)
            if name in self._of_mqtt:
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
        if name in self._telling:
            hearers.append(self._state)
        if name in self._reasons:
            hearers.append(self._reason)
        if name in self._failing:
            hearers.append(self._failures.message)
        if name in self._of_network[1]:
            hearers.append(self._network.message)
        if name in self._of_lwm2m:
            hearers.append(self._lwm2m.message)
        found = self._answers[name] = tuple(hearers)
        return found

    def conclude(self, summary: Summary) -> Summary:
        """Return the summary of the session with what explains its failures."""
        return msgspec.structs.replace(summary, causes=self._ladder.causes())

    def _told(self, found: Finding, line: int | None, number: int | None) -> None:
        """Put a finding on the ladder."""
        where = line if line is not None else self._at
        self._ladder.found(found, where, self._line.count if number is None else number)

    def _given_up(self, one: GivenUp) -> None:
        self._lost_at = next((at for number, at in self._sent if number == one.number), None)
        self._host.given_up(one)

    def _finding(self, one: Finding) -> None:
        line = one.line if isinstance(one.line, int) else None
        if one.rule == "command.unanswered" and self._lost_at is not None:
            self._ladder.found(one, line, self._lost_at, self._line.count)
        else:
            self._told(one, line, None)
        self._line.finding(one)
        if one.rule == "mux.plain":
            self._mux.restarted()
        elif one.rule == "module.rebooted":
            self._mux.restarted()
            self._host.restarted()
        elif one.rule == "command.error":
            self._host.refused()

    def _state(self, one: Message) -> None:
        self._states.message(one, self._at, self._line.count)

    def _reason(self, one: Message) -> None:
        """An answer that says why what was done before failed."""
        if one.kind == "information" and one.owner is not None and one.owner.form in ("exec", "read", "set"):
            meanings = [label for label in one.labels.values() if label.casefold() not in one.text.casefold()]
            said = printable(one.text + (f" ({', '.join(meanings)})" if meanings else ""))
            self._ladder.explained(Evidence(one.time_ns, self._at, said, said))

    def _frame(self, one: Frame) -> None:
        self._declared.frame(one)
        self._mqtt.frame(one)
        self._mux.frame(one)
        if one.side == "module" and proves(one):
            self._ladder.works("protocol", self._line.count)

    def _socket(self, one: Socket) -> None:
        if one.change == "opened":
            self._ladder.works("connection", self._line.count)
        self._declared.socket(one)
        self._network.socket(one)
        self._mqtt.socket(one)
        self._line.socket(one)


__all__ = ["LAYERS", "Inspector", "Lang", "Rule", "advice", "message", "rules"]
