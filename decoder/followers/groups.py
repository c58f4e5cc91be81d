"""Lines that belong together: a message sent in parts, or a story told by several URCs.

Strategy: dialects name the lines that start a group, go on with it and end it, and the parameters that its lines
share. Every command and URC is shown to the open groups; a group is emitted when its last line came, or, said to
be incomplete, when another begins in its place, its time is over, the module restarts or the input ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

import msgspec

from capture.chunk import Side
from decoder.catalog.conditions import fixed
from decoder.catalog.effects import GroupSpec, LineSpec
from decoder.effects import Reported, Restarted, Sent
from decoder.events import Group, GroupEnded, Information, Joined, Params
from decoder.followers.follower import Follower, Hear, Seat
from decoder.protocols import frames
from decoder.times import NEVER, SECOND

MAX_OPEN = 64
MAX_LINES = 1000
MAX_DATA = 1 << 20
FIRST_NUMBER = (1 << 31) + 1
"""Groups have numbers above those of commands and requests."""


class _Line(NamedTuple):
    """A command or URC as groups see it."""

    name: str
    side: Side
    params: Params
    labels: dict[str, str]
    raw: str
    time_ns: int | None


class _Open:
    """A group that goes on. ``number`` ties its lines together."""

    __slots__ = ("data", "deadline_ns", "dialect", "first", "lines", "number", "spec", "time_ns")

    def __init__(self, number: int, dialect: str, spec: GroupSpec, first: _Line) -> None:
        self.number = number
        self.dialect = dialect
        self.spec = spec
        self.first = first
        self.lines: list[Information] = []
        self.data: str | msgspec.UnsetType = msgspec.UNSET
        self.time_ns = first.time_ns
        self.deadline_ns: int | None = None


class Groups(Follower):
    """Follows the groups of a session."""

    effects = frozenset(["group"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._numbers = count(FIRST_NUMBER)
        self._rules: dict[str, list[tuple[str, GroupSpec]]] = {}
        for dialect, spec in seat.catalog.groups:
            for name in dict.fromkeys(name for line in (*spec.start, *spec.more, *spec.end) for name in line.names):
                self._rules.setdefault(name, []).append((dialect, spec))
        self._open: dict[tuple[str, ...], _Open] = {}

    def hears(self) -> Mapping[type, Hear]:
        """Commands and URCs."""
        return {Sent: self._sent, Reported: self._reported, Restarted: lambda _event: self.finish(None)}

    def _sent(self, event: Sent) -> None:
        one = event.issued
        if one.name in self._rules:
            self._see(_Line(one.name, "mcu", one.params, one.labels, one.raw, one.time_ns))

    def _reported(self, event: Reported) -> None:
        one = event.message
        if one.name in self._rules and one.name is not None:
            self._see(_Line(one.name, "module", one.params, one.labels, one.text, one.time_ns))

    def _see(self, line: _Line) -> None:
        for dialect, spec in self._rules.get(line.name, ()):
            key = (dialect, spec.name, *(str(line.params.get(name)) for name in spec.key))
            if _is(spec.start, line) and (key not in self._open or not _is(spec.more, line)):
                self._finish(key, complete=False)
                self._begin(key, dialect, spec, line)
            elif key in self._open and _is(spec.end, line):
                self._add(key, line, last=True)
                self._finish(key, complete=True)
            elif key in self._open and _is(spec.more, line):
                self._add(key, line)

    def _begin(self, key: tuple[str, ...], dialect: str, spec: GroupSpec, line: _Line) -> None:
        if len(self._open) >= MAX_OPEN:
            self._finish(next(iter(self._open)), complete=False)
        self._open[key] = _Open(next(self._numbers), dialect, spec, line)
        self._add(key, line, first=True)

    def _add(self, key: tuple[str, ...], line: _Line, *, first: bool = False, last: bool = False) -> None:
        group = self._open[key]
        spec = group.spec
        self._out.append(Joined(group.number, spec.name, group.dialect, first, last))
        group.time_ns = line.time_ns
        if len(group.lines) < MAX_LINES:
            labels = line.labels.copy() if line.labels else msgspec.UNSET
            group.lines.append(Information(line.name, line.params.copy(), line.raw, labels, time_ns=line.time_ns))
        if spec.join:
            joined = "" if isinstance(group.data, msgspec.UnsetType) else group.data
            part = str(line.params.get(spec.join, ""))
            group.data = joined + part if len(joined) < MAX_DATA else joined
        if line.time_ns is not None:
            group.deadline_ns = line.time_ns + spec.within * SECOND
            self.wake_ns = min(self.wake_ns, group.deadline_ns)

    def _finish(self, key: tuple[str, ...], *, complete: bool) -> None:
        group = self._open.pop(key, None)
        if group is None:
            return
        spec, side, time_ns, data = group.spec, group.first.side, group.time_ns, group.data
        first_ns = group.first.time_ns
        self._out.append(Group(time_ns, side, spec.name, group.dialect, spec.en, group.lines, complete, first_ns, data))
        if not complete:
            self._out.append(GroupEnded(time_ns, group.number, spec.en))
        elif spec.frame and isinstance(data, str):
            frame = frames.decode_text(spec.frame, data, time_ns, side, group.lines[0].name or "")
            if frame is not None:
                self._out.append(frame)

    def expire(self, now_ns: int) -> None:
        """Give up on groups that did not go on in time."""
        deadlines = {key: one.deadline_ns for key, one in self._open.items() if one.deadline_ns is not None}
        for key in [key for key, deadline_ns in deadlines.items() if deadline_ns <= now_ns]:
            self._finish(key, complete=False)
            del deadlines[key]
        self.wake_ns = min(deadlines.values(), default=NEVER)

    def finish(self, last_ns: int | None) -> None:
        """Emit what is open: the module restarted, or the input ended."""
        for key in list(self._open):
            self._finish(key, complete=False)


def _is(lines: list[LineSpec], line: _Line) -> bool:
    return any(line.name in one.names and fixed(one.where, line.params) for one in lines)
