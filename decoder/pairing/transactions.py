"""Pairing: which answer belongs to which command.

Strategy: command lines wait in a queue for their final result code; finished commands that still expect a late
URC wait in a second list, which all channels of a module share. attribution.py says whose a line of the module is.
Evidence beats order: an echo says which command the module works on, an information response says it by name. Without
evidence a result completes the newest command when the MCU had given up on the older ones, else the oldest.

Sources: ITU-T V.250 5.6-5.8; TS 27.007 4. Both lists are bounded.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from capture.timing import Timing
from decoder.catalog import DEFAULT_TIMEOUT_S, Arguments, Command, Inline, best
from decoder.catalog.readings import CommandLine, ModuleLine, Reading
from decoder.events import Event, GivenUp, Information, Issued, Result
from decoder.pairing import written
from decoder.pairing.attribution import Answer, Attribution
from decoder.pairing.module import Module
from decoder.pairing.pending import MAX_INFORMATION, PendingCommand, PendingLine, awaits, overtaken
from decoder.pairing.written import Log
from decoder.rules import found
from decoder.times import NEVER, SECOND
from decoder.values import to_text

_MAX_PENDING = 64
_MAX_CHOSEN = 1024
_MAX_ANSWER = 1 << 20
"""Characters of the lines that one command is answered with; further lines are told as messages only."""
_WHOLE_LINE = 1024
"""Up to so many characters each command of a line tells the whole line; of a longer one, what it is of it."""
_GRACE_S = 5
"""How much longer than the dialect says a late line is awaited."""
_MAX_WITHIN_S = 100_000
_GOOD = ("OK", "CONNECT")


def _is_alone(entry: PendingLine) -> bool:
    """Tell whether a command line has all that will come: its last command gets an answer and no result."""
    last = entry.commands[-1]
    command = last.reading.command
    return command is not None and command.alone and bool(last.information)


def _passed_over(first: PendingLine, second: PendingLine, timing: Timing) -> bool:
    """Tell whether a result is not that of ``first`` but of a later command line."""
    return _is_alone(first) or overtaken(first, second, timing)


class Pairing:
    """The open commands of a channel. Appends records to ``out`` as they are finished."""

    def __init__(self, module: Module, out: list[Event]) -> None:
        self._module = module
        self._catalog = module.catalog
        self._out = out
        self.pending: deque[PendingLine] = deque()
        self.attribution = Attribution(module, self.pending)
        self.wake_ns = NEVER
        self._last = module.catalog.readings.command(b"AT")
        self._chosen: dict[int, tuple[Reading, int, Reading]] = {}
        """What was chosen of the ways to read a command, while nothing speaks for another."""

    # commands

    def command(self, line: CommandLine, time_ns: int | None, *, silent: bool = False) -> PendingLine:
        """Open the commands of a command line. ``silent``: no answer will come."""
        if line.line[:2] in (b"A/", b"a/"):
            meant = self._last
        else:
            meant = self._last = line
        module = self._module
        opened = []
        timeout_s = 0
        for reading in meant.commands:
            if reading.rivals:
                waiting = self._open(self._choose(reading), line.text, time_ns, shared=True)
            else:
                waiting = self._open(reading, line.text, time_ns, shared=False)
            command = waiting.reading.command
            timeout_s += command.timeout_s if command is not None else DEFAULT_TIMEOUT_S
            opened.append(waiting)
        entry = PendingLine(line.line, time_ns, opened)
        if silent:
            for waiting in opened:
                module.finish(waiting)
            return entry
        log = module.log
        if log is not None:
            log.begun, entry.line = None, log.line
            log.now_ns = time_ns if time_ns is not None else log.now_ns
        if time_ns is not None:
            deadline_ns = entry.deadline_ns = time_ns + timeout_s * SECOND + module.timing.slack_ns
            if log is None:
                self.wake_ns = min(self.wake_ns, deadline_ns)
        self.pending.append(entry)
        if len(self.pending) > _MAX_PENDING:
            self._abandon(self.pending.popleft())
        return entry

    def _open(self, reading: Reading, raw: str, time_ns: int | None, *, shared: bool) -> PendingCommand:
        module, command = self._module, reading.command
        request: Information | msgspec.UnsetType = msgspec.UNSET
        request_number = 0
        if command is not None and command.name in self._catalog.answering:
            module.requests.forget(time_ns)
            reading = self._consistent(command, reading)
            found, request_number = module.requests.answer(command.name, reading.arguments.params, time_ns)
            request = found if found is not None else msgspec.UNSET
        arguments = reading.arguments
        dialect = command.dialect if command is not None else None
        name = reading.name
        issued = Issued(
            next(module.numbers),
            time_ns,
            name,
            reading.form,
            dialect,
            arguments.params,
            arguments.labels,
            raw if len(raw) <= _WHOLE_LINE or not reading.own else "AT" + reading.own,
            command,
            request,
        )
        module.ranking.saw(name, dialect, shared=shared)
        waiting = PendingCommand(issued, reading, reading.takes, request_number)
        if command is not None and command.late:
            form, params, settings = reading.form, arguments.params, module.settings
            waiting.late = tuple([late for late in command.late if awaits(late, form, params, settings)])
        return waiting

    def announces_payload(self, line: bytes) -> bool:
        """Tell whether payload may follow a command line at once."""
        for reading in self._catalog.readings.parse(line):
            chosen = self._choose(reading) if reading.rivals else reading
            if chosen.command is not None and chosen.command.payload is not None and chosen.payload is None:
                return True
        return False

    def _choose(self, reading: Reading) -> Reading:
        """Of the ways in which several dialects read a command, take the likeliest."""

        def weight(one: Reading) -> Any:
            command = one.command
            assert command is not None
            return self._module.ranking.weight(command, one.fit, alias=one.alias)

        ranking = self._module.ranking
        kept = self._chosen.get(id(reading))
        if kept is not None and kept[0] is reading and kept[1] == ranking.generation:
            return kept[2]
        if len(self._chosen) >= _MAX_CHOSEN:
            self._chosen.clear()
        chosen = min(reading.rivals, key=weight)
        if len(reading.text) <= _WHOLE_LINE:
            self._chosen[id(reading)] = (reading, ranking.generation, chosen)
        return chosen

    def _consistent(self, command: Command, reading: Reading) -> Reading:
        """Of the syntaxes that fit equally well, choose one by which the command answers a request."""
        for syntax in command.syntaxes if len(command.syntaxes) > 1 else ():
            other = best([syntax], reading.text)
            if other.fit <= reading.arguments.fit and self._module.requests.find(command.name, other.params):
                return msgspec.structs.replace(reading, arguments=other)
        return reading

    # lines of the module

    def echo(self, line: bytes) -> PendingLine | None:
        """Return the pending command line that ``line`` repeats, and give up on those before it."""
        log = self._module.log
        for entry in self.pending:
            if (log is not None or not entry.echoed) and (entry.text == line or entry.text.upper() == line.upper()):
                self._drop_before(entry)
                entry.echoed = True
                self._begin(entry)
                return entry
        return None

    def _begin(self, entry: PendingLine) -> None:
        if self._module.log is not None:
            self._module.log.begun = entry

    @property
    def current(self) -> PendingLine:
        """The command line that a result without other evidence completes, of those that wait."""
        return self.attribution.current() or self.pending[0]

    @property
    def waits(self) -> bool:
        """Whether a command waits for something that may still come."""
        return any(not _is_alone(entry) for entry in self.pending)

    @property
    def is_log(self) -> bool:
        """Whether the input is a log that may leave results out."""
        return self._module.log is not None

    def ends(self, name: str) -> bool | None:
        """Tell whether the URC ``name`` is the final result of the command that works, and whether it was done.

        If the dialect by which the command is read does not know it as one, any other that knows the command may.
        """
        command = self.current.commands[-1].reading.command
        if command is None:
            return None
        known = (command, *self._catalog.rivals.get(command.name, ()))
        return next((one.ends[name] for one in known if name in one.ends), None)

    def awaits_bare(self) -> bool:
        """Tell whether the command that works is answered by a line without a name."""
        if not self.pending:
            return False
        command = self.current.commands[-1].reading.command
        return command is not None and command.bare and bool(command.answer)

    def answer(self, line: ModuleLine) -> Answer:
        """Find whose line this is, and give up on the command lines before its own."""
        answer = self.attribution.line(line)
        entry = answer.line
        if entry is not None:
            entry.answered = True
            self._begin(entry)
            if self.pending[0] is not entry:
                self._drop_before(entry)
        return answer

    def answer_with_payload(self, inline: Inline, arguments: Arguments) -> Answer:
        """The same for a line from which payload was cut out."""
        answer = self.attribution.payload(inline, arguments)
        if answer.line is not None:
            answer.line.answered = True
            self._begin(answer.line)
            self._drop_before(answer.line)
        return answer

    def requested(self, answer: Answer, text: str, time_ns: int | None, number: int) -> None:
        """Take notice of a URC that a command may have to answer."""
        assert answer.name is not None
        arguments, requests = answer.arguments, self._module.requests
        requests.add(answer.name, arguments.own_params(), arguments.labels.copy(), text, time_ns, number)
        self.wake_ns = min(self.wake_ns, requests.wake_ns)

    def attach(self, answer: Answer, owner: PendingCommand, text: str, time_ns: int | None) -> None:
        """Put an answer into its owner, and finish the owner if that was the last it waited for."""
        arguments = answer.arguments
        labels = arguments.labels.copy() if arguments.labels else msgspec.UNSET
        owner.size += len(text)
        if owner.late:
            owner.bind(arguments.params)
        if not answer.late:
            self._module.ranking.identify(owner.issued.name, text)
            if len(owner.information) < MAX_INFORMATION and owner.size <= _MAX_ANSWER:
                owner.information.append(Information(answer.name, arguments.own_params(), text, labels))
            return
        sent_ns = owner.issued.time_ns
        latency_ns = None if time_ns is None or sent_ns is None else time_ns - sent_ns
        if len(owner.urcs) < MAX_INFORMATION and owner.size <= _MAX_ANSWER:
            owner.urcs.append(
                Information(answer.name, arguments.own_params(), text, labels, time_ns=time_ns, latency_ns=latency_ns)
            )
        if owner.completed_by((answer.name or "").split(" ")[0], arguments.params):
            owner.late = ()
            owner.satisfied = True
            if owner in self._module.late:
                self._module.late.remove(owner)
                self._module.finish(owner)

    # results

    def result(self, time_ns: int | None, *, refused: bool = False) -> PendingLine | None:
        """Take the command line that a final result code completes. None if none was waiting.

        ``refused``: the module refuses the newest command because it still works on one before.
        """
        pending = self.pending
        if not pending:
            return None
        if self._module.log is not None:
            return self._result_in_log(self._module.log, time_ns, refused=refused)
        while not refused and len(pending) > 1 and _passed_over(pending[0], pending[1], self._module.timing):
            self._abandon(pending.popleft())
        entry = pending.pop() if refused else pending.popleft()
        if time_ns is not None and entry.time_ns is not None:
            entry.latency_ns = time_ns - entry.time_ns
        return entry

    def _result_in_log(self, log: Log, time_ns: int | None, *, refused: bool) -> PendingLine:
        entry = self.pending[-1] if refused else self.current
        for older in written.passed(self.pending, entry, refused=refused):
            self._abandon(older)
        log.begun = None
        if time_ns is None:
            return entry
        log.now_ns = time_ns
        if entry.time_ns is not None:
            entry.latency_ns = time_ns - entry.time_ns
            if entry.deadline_ns is not None and time_ns > entry.deadline_ns and self.pending:
                seconds = f"{entry.latency_ns / SECOND:.1f}"
                values = {"seconds": seconds, "command": to_text(entry.text)}
                self._out.append(found("answer.late", time_ns, "module", values))
        return entry

    def complete(self, entry: PendingLine, result: Result) -> None:
        """Emit the records of a command line that has its result; those that a later line completes wait for it."""
        good = result.code in _GOOD or result.done is True
        for waiting in entry.commands:
            waiting.result = result
            waiting.latency_ns = entry.latency_ns
            if good and waiting.late and not waiting.satisfied:
                self._await_late(waiting)
            else:
                self._module.finish(waiting)

    def _await_late(self, waiting: PendingCommand) -> None:
        late, issued = waiting.late[0], waiting.issued
        within: Any = issued.params.get(late.within, late.default) if isinstance(late.within, str) else late.within
        if issued.time_ns is not None:
            seconds = within if isinstance(within, int) and 0 < within < _MAX_WITHIN_S else late.default
            waiting.deadline_ns = issued.time_ns + (seconds + _GRACE_S) * SECOND + self._module.timing.slack_ns
            self.wake_ns = min(self.wake_ns, waiting.deadline_ns)
        self._module.await_late(waiting)

    # ends

    def expire(self, now_ns: int) -> None:
        """Let the deadlines up to ``now_ns`` pass."""
        limited = () if self.is_log else tuple(self.pending)
        for entry in [one for one in limited if one.deadline_ns is not None and one.deadline_ns <= now_ns]:
            self.pending.remove(entry)
            self._abandon(entry, "timeout")
        next_ns = self._module.expire(now_ns)
        deadlines = [one.deadline_ns for one in limited if one.deadline_ns is not None and one.deadline_ns > now_ns]
        self.wake_ns = min([*deadlines, next_ns])

    def abandon_all(self, *, restarted: bool = False) -> None:
        """Close everything that is open: the module ``restarted``, or the input ended.

        In a log, the command that the module has not begun to answer may still be answered after the restart.
        """
        keeps = restarted and self.is_log and bool(self.pending) and not self.pending[-1].answered
        last = self.pending.pop() if keeps else None
        while self.pending:
            self._abandon(self.pending.popleft())
        if last is not None:
            self.pending.append(last)
        self._module.abandon()

    def _drop_before(self, entry: PendingLine) -> None:
        while self.pending[0] is not entry:
            self._abandon(self.pending.popleft())

    def _abandon(self, entry: PendingLine, code: str = "unanswered") -> None:
        log = self._module.log
        if _is_alone(entry):
            self._show(entry)
            return
        if log is not None:
            if any(waiting.information or waiting.urcs for waiting in entry.commands):
                self._show(entry)
                return
            if entry.deadline_ns is not None and log.now_ns is not None and entry.deadline_ns <= log.now_ns:
                code = "timeout"
        for waiting in entry.commands:
            waiting.result = Result(code)
            self._module.finish(waiting)
            self._out.append(GivenUp(entry.time_ns, waiting.issued.number, code))
        line = entry.line if entry.line is not None else msgspec.UNSET
        values = {"line": to_text(entry.text), "why": code}
        self._out.append(found("command.unanswered", entry.time_ns, "mcu", values, line=line))

    def _show(self, entry: PendingLine) -> None:
        """Close a command line whose answer a log shows, but not its result, or that gets none."""
        for waiting in entry.commands:
            waiting.shown = True
            self._module.finish(waiting)
            self._out.append(GivenUp(entry.time_ns, waiting.issued.number, "shown"))
