"""Lines that belong together: a message sent in parts, or a story told by several URCs.

Strategy: dialects name the lines that start a group, go on with it and end it, and the parameters that its lines
share. Every command and URC is shown to the open groups; a group is emitted when its last line came, or, said to
be incomplete, when another begins in its place, its time is over, the module restarts or the input ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from capture.chunk import Side
from decoder.catalog import Catalog
from decoder.catalog.conditions import fixed
from decoder.catalog.effects import GroupSpec, LineSpec
from decoder.events import Event, Group, GroupEnded, Information, Joined, Params
from decoder.protocols import frames
from decoder.times import NEVER, SECOND

MAX_OPEN = 64
MAX_LINES = 1000
MAX_DATA = 1 << 20


class Line(NamedTuple):
    """A command or URC as groups see it."""

    name: str
    side: Side
    params: Params
    labels: dict[str, str]
    raw: str
    time_ns: int | None


class Groups:
    """The groups of a session that are not complete. Finished ones are appended to ``out``.

    ``rules`` has the names of the lines that may belong to a group: others need not be shown.
    """

    def __init__(self, catalog: Catalog, out: list[Event], numbers: Iterator[int]) -> None:
        self._out = out
        self._numbers = numbers
        self.rules: dict[str, list[tuple[str, GroupSpec]]] = {}
        for dialect, spec in catalog.groups:
            for name in dict.fromkeys(line.line for line in (*spec.start, *spec.more, *spec.end)):
                self.rules.setdefault(name, []).append((dialect, spec))
        self._frames = {(dialect, spec.name): spec.frame for dialect, spec in catalog.groups if spec.frame}
        self._open: dict[tuple[str, ...], Group] = {}
        self._number: dict[tuple[str, ...], int] = {}
        self._deadlines: dict[tuple[str, ...], int] = {}
        self.wake_ns = NEVER

    def see(self, line: Line) -> None:
        """Take notice of a command or URC."""
        for dialect, spec in self.rules.get(line.name, ()):
            key = (dialect, spec.name, *(str(line.params.get(name)) for name in spec.key))
            if _is(spec.start, line) and (key not in self._open or not _is(spec.more, line)):
                self._finish(key, complete=False)
                self._begin(key, dialect, spec, line)
            elif key in self._open and _is(spec.end, line):
                self._add(key, spec, line, last=True)
                self._finish(key, complete=True)
            elif key in self._open and _is(spec.more, line):
                self._add(key, spec, line)

    def _begin(self, key: tuple[str, ...], dialect: str, spec: GroupSpec, line: Line) -> None:
        if len(self._open) >= MAX_OPEN:
            self._finish(next(iter(self._open)), complete=False)
        self._open[key] = Group(line.time_ns, line.side, spec.name, dialect, spec.en, [], False, line.time_ns)
        self._number[key] = next(self._numbers)
        self._add(key, spec, line, first=True)

    def _add(
        self, key: tuple[str, ...], spec: GroupSpec, line: Line, *, first: bool = False, last: bool = False
    ) -> None:
        group = self._open[key]
        self._out.append(Joined(self._number[key], spec.name, group.dialect, first, last))
        group.time_ns = line.time_ns
        if len(group.lines) < MAX_LINES:
            labels = line.labels or msgspec.UNSET
            group.lines.append(Information(line.name, line.params, line.raw, labels, time_ns=line.time_ns))
        if spec.join:
            joined = "" if isinstance(group.data, msgspec.UnsetType) else group.data
            part = str(line.params.get(spec.join, ""))
            group.data = joined + part if len(joined) < MAX_DATA else joined
        if line.time_ns is not None:
            self._deadlines[key] = line.time_ns + spec.within * SECOND
            self.wake_ns = min(self.wake_ns, self._deadlines[key])

    def _finish(self, key: tuple[str, ...], *, complete: bool) -> None:
        group = self._open.pop(key, None)
        number = self._number.pop(key, 0)
        self._deadlines.pop(key, None)
        if group is not None:
            group.complete = complete
            self._out.append(group)
            if not complete:
                self._out.append(GroupEnded(group.time_ns, number, group.text))
            protocol = self._frames.get((group.dialect, group.name), "")
            if complete and protocol and isinstance(group.data, str):
                about = group.lines[0].name or ""
                frame = frames.decode_hex(protocol, group.data, group.time_ns, group.side or "mcu", about)
                if frame is not None:
                    self._out.append(frame)

    def expire(self, now_ns: int) -> None:
        """Give up on groups that did not go on in time."""
        for key in [key for key, deadline in self._deadlines.items() if deadline <= now_ns]:
            self._finish(key, complete=False)
        self.wake_ns = min(self._deadlines.values(), default=NEVER)

    def end(self) -> None:
        """Emit what is open: the module restarted, or the input ended."""
        for key in list(self._open):
            self._finish(key, complete=False)


def _is(lines: list[LineSpec], line: Line) -> bool:
    return any(one.line == line.name and fixed(one.where, line.params) for one in lines)
