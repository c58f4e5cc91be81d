"""Pairing: which answer belongs to which command.

Strategy: command lines wait in a queue for their final result code; finished commands that still expect a late
URC wait in a second list. A line of the module is offered to the oldest fitting waiter; what nobody wants is a
URC. Evidence beats order: an echo says which command the module works on, an information response says it by
name. Without evidence a result completes the newest command when the MCU had given up on the older ones (it
sent the next more than ``PIPELINE_NS`` later), else the oldest.

Sources: ITU-T V.250 5.6-5.8; TS 27.007 4. Both lists are bounded.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

from capture import grammar
from decoder.catalog import DEFAULT_TIMEOUT_S, Arguments, Catalog, Command, Syntax, UrcType, best, generic
from decoder.catalog.choice import Ranking
from decoder.catalog.conditions import applies, fixed, matches
from decoder.catalog.spec import AnsweredSpec, LateSpec
from decoder.events import Event, Finding, GivenUp, Information, Params, Result, Severity, Transaction, Urc
from decoder.pairing.commands import CommandReader, Parsed, announced, shown_name
from decoder.pairing.requests import Requests
from decoder.pairing.settings import States
from decoder.times import NEVER, SECOND
from decoder.values import to_text

PIPELINE_NS = 300_000_000
_MAX_PENDING = 64
_MAX_LATE = 1024
_CACHE_SIZE = 4096
_CACHE_TEXT = 1024
"""Characters of a line whose reading is remembered."""
_MAX_INFORMATION = 10_000
_MAX_ANSWER = 1 << 20
"""Characters of the lines that one command is answered with; further lines are told as messages only."""
_MAX_LATE_TEXT = 1 << 21
"""Characters of the commands that wait for a late URC."""
_WHOLE_LINE = 1024
"""Up to so many characters each command of a line tells the whole line; of a longer one, what it is of it."""
_DAMAGED = re.compile(r"[+^]|[Aa][Tt][+^&]")
"""A line without arguments that begins like this is the rest of a damaged line, not free text."""

Labels = dict[str, str]


class Open:
    """A command that is not finished: its record, what the catalog says of it, the late URCs it waits for."""

    __slots__ = (
        "announced",
        "arguments",
        "bound",
        "command",
        "deadline_ns",
        "late",
        "number",
        "payload",
        "record",
        "request_number",
        "satisfied",
        "size",
    )

    def __init__(self, record: Transaction, parsed: Parsed, states: States, number: int, request_number: int) -> None:
        self.record = record
        self.number = number
        self.request_number = request_number
        self.arguments = parsed.arguments
        self.command = command = parsed.command
        self.payload = parsed.payload
        self.announced = announced(parsed.arguments) if parsed.payload else 0
        self.late: list[LateSpec] = []
        self.satisfied = False
        self.size = 0
        self.bound: Params = {}
        self.deadline_ns: int | None = None
        if command is not None and command.late:
            self.late = [late for late in command.late if _applies(late, record, states)]

    def bind(self, params: Params) -> None:
        """Keep the parameters of a line that the later lines of this command must repeat."""
        for late in self.late:
            for name in late.bind:
                if name in params:
                    self.bound.setdefault(name, params[name])

    def expects(self, name: str, params: Params) -> bool:
        """Tell whether a URC is one that this command waits for."""
        return any(
            late.urc == name
            and fixed(late.where, params)
            and matches(late.match, self.record.params, params)
            and all(params.get(key) == value for key, value in self.bound.items() if key in late.bind)
            for late in self.late
        )


class CommandLine:
    """A command line whose final result code has not come."""

    __slots__ = ("answered", "deadline_ns", "echoed", "numeric", "opens", "text", "time_ns")

    def __init__(self, text: bytes, time_ns: int | None, opens: list[Open]) -> None:
        self.text = text
        self.time_ns = time_ns
        self.opens = opens
        self.echoed = False
        self.answered = False
        self.deadline_ns: int | None = None


class Answer(msgspec.Struct):
    """What a module line turned out to be: an information response or late URC of ``owner``, or a URC."""

    name: str | None
    dialect: str | None
    arguments: Arguments
    owner: Open | None = None
    urc: UrcType | None = None
    late: bool = False
    shared: bool = False


def _overtaken(first: CommandLine, second: CommandLine) -> bool:
    """Tell whether the MCU had given up on ``first``, so that an answer that fits both belongs to ``second``."""
    if first.echoed or first.answered:
        return False
    if first.time_ns is not None and second.time_ns is not None:
        return second.time_ns - first.time_ns > PIPELINE_NS
    return first.text == second.text or (first.time_ns is None) != (second.time_ns is None)


def _answered_by(waiting: Open, name: str) -> bool:
    command = waiting.command
    if command is None:
        return waiting.record.name == name
    return name in command.answer_names and waiting.record.form in command.answers


def goes_transparent(waiting: Open) -> bool:
    """Tell whether transparent mode follows when this command is answered with CONNECT (or OK and a prompt)."""
    command = waiting.command
    stream = command.stream if command is not None else None
    if stream is None or (stream.forms and waiting.record.form not in stream.forms):
        return False
    return applies(stream.when, waiting.record.params)


def _applies(late: LateSpec, record: Transaction, states: States) -> bool:
    given = late.given
    if given is not None and states.get(given.state, record.params.get(given.key)) not in given.values:
        return False
    return record.form in late.forms and applies(late.when, record.params)


class Pairing:
    """The open commands of a session. Appends records to ``out`` as they are finished."""

    def __init__(self, catalog: Catalog, states: States, out: list[Event], numbers: Iterator[int]) -> None:
        self._catalog = catalog
        self._states = states
        self.ranking = Ranking(catalog)
        self._reader = CommandReader(catalog, self.ranking)
        self.requests = Requests(catalog, self._unanswered_request)
        self._out = out
        self.pending: deque[CommandLine] = deque()
        self.late: list[Open] = []
        self.wake_ns = NEVER
        self._informations: dict[tuple[str, str, int], Arguments] = {}
        self._last_line = b""
        self.numbers = numbers

    # commands

    def command(self, line: bytes, time_ns: int | None, *, silent: bool = False) -> CommandLine:
        """Open the commands of a command line (without its CR). ``silent``: no answer will come."""
        if line[:2] in (b"A/", b"a/"):
            parsed_from = self._last_line
        else:
            parsed_from = self._last_line = line
        parsed = self._reader.read(parsed_from)
        raw = to_text(line)
        opens = []
        timeout_s = 0
        for one in parsed:
            text, command, arguments = one.text, one.command, one.arguments
            request, request_number = None, 0
            if command is not None and command.name in self._catalog.answering:
                self.requests.forget(time_ns)
                arguments = self._consistent(command, text, arguments)
                request, request_number = self.requests.answer(command.name, arguments.params, time_ns)
                one = one._replace(arguments=arguments)  # noqa: PLW2901
            record = Transaction(
                time_ns, "mcu", _record_name(text, command), text.form, command.dialect if command else None,
                arguments.params, raw if len(raw) <= _WHOLE_LINE or not text.own else "AT" + text.own, [], [],
                labels=arguments.labels or msgspec.UNSET,
                request=request if request is not None else msgspec.UNSET,
            )  # fmt: skip
            self.ranking.saw(record.name, record.dialect, shared=one.shared)
            opens.append(Open(record, one, self._states, next(self.numbers), request_number))
            timeout_s += command.timeout_s if command else DEFAULT_TIMEOUT_S
        entry = CommandLine(line, time_ns, opens)
        if silent:
            self._out.extend(waiting.record for waiting in opens)
            return entry
        if time_ns is not None:
            entry.deadline_ns = time_ns + timeout_s * SECOND
            self.wake_ns = min(self.wake_ns, entry.deadline_ns)
        self.pending.append(entry)
        if len(self.pending) > _MAX_PENDING:
            self._abandon(self.pending.popleft())
        return entry

    def read(self, line: bytes) -> list[Parsed]:
        """Read a command line without opening its commands."""
        return self._reader.read(line)

    def _consistent(self, command: Command, text: grammar.CommandText, arguments: Arguments) -> Arguments:
        """Of the syntaxes that fit equally well, choose one by which the command answers a request."""
        for syntax in command.syntaxes if len(command.syntaxes) > 1 else ():
            other = best([syntax], text.arguments)
            if other.fit <= arguments.fit and self.requests.find(command.name, other.params) is not None:
                return other
        return arguments

    # module lines

    def requested(self, name: str, params: Params, labels: Labels, text: str, time_ns: int | None, number: int) -> None:
        """Take notice of a URC that a command may have to answer."""
        self.requests.add(name, params, labels, text, time_ns, number)
        self.wake_ns = min(self.wake_ns, self.requests.wake_ns)

    def echo(self, line: bytes) -> CommandLine | None:
        """Return the pending command line that ``line`` repeats, and give up on those before it."""
        for entry in self.pending:
            if entry.text == line and not entry.echoed:
                while self.pending[0] is not entry:
                    self._abandon(self.pending.popleft())
                entry.echoed = True
                return entry
        return None

    def awaits(self, name: str) -> bool:
        """Tell whether a command waits for an information response with this name."""
        return self._waiting_for(name) is not None

    def answer(self, line: bytes, arguments: Arguments | None = None, name: str = "") -> Answer:
        """Find whose line this is. ``arguments`` and ``name`` are given when payload was sliced out of it."""
        rest = ""
        if arguments is None:
            text = to_text(line)
            parts = grammar.parse_information(text)
            if parts is None:
                return self._free_text(text)
            name, rest = parts[0].removeprefix("+"), parts[1]
        names = self._canonical_names(name) if name in self._catalog.shared else (self._canonical(name),)
        for canonical in names:
            found = self._waiting_for(canonical)
            if found is not None:
                entry, waiting = found
                if waiting.command is None:
                    return self._owned(entry, waiting, canonical, None, arguments or self._generic(rest))
                return self._information(entry, waiting, waiting.command, canonical, rest, arguments)
        if name in self._catalog.urc_rivals and arguments is None:
            return self._choose_urc(name, rest)
        return self._unsolicited(names[0], rest, arguments)

    def _canonical(self, name: str) -> str:
        """Return the name under which the catalog knows what the wire may spell otherwise."""
        found = self._catalog.urcs.get(name) or self._catalog.commands.get(name)
        return found.name if found is not None else name

    def _canonical_names(self, name: str) -> tuple[str, ...]:
        """Return all names under which dialects know what the wire spells ``name``."""
        known = [*self._catalog.urc_rivals.get(name, ()), *self._catalog.rivals.get(name, ())]
        return tuple(dict.fromkeys([self._canonical(name), *(one.name for one in known)]))

    def _choose_urc(self, name: str, text: str) -> Answer:
        """Of the ways in which several dialects read a URC, take the likeliest."""
        rivals = self._catalog.urc_rivals[name]
        read = [(urc, self._read(name, urc.syntaxes, text, False)) for urc in rivals]
        urc, arguments = min(read, key=lambda one: self.ranking.weight(one[0], one[1].fit, alias=one[0].name != name))
        late = self._find_late(urc.name, arguments.params)
        return Answer(urc.name, urc.dialect, arguments, late, urc, late is not None, True)

    def _waiting_for(self, name: str) -> tuple[CommandLine, Open] | None:
        """Find the command that an information response with this name answers."""
        found: tuple[CommandLine, Open] | None = None
        for entry in self.pending:
            for waiting in entry.opens:
                if _answered_by(waiting, name):
                    if found is not None and not _overtaken(found[0], entry):
                        return found
                    found = entry, waiting
                    break
        return found

    def _free_text(self, text: str) -> Answer:
        urc = self._catalog.urcs.get(text.removeprefix("+"))
        empty = Arguments({}, {}, 0, None)
        if urc is not None:
            late = self._find_late(urc.name, {})
            return Answer(urc.name, urc.dialect, empty, late, urc, late is not None)
        late = self._find_late(text.split(" ", maxsplit=1)[0], {})
        if late is not None:
            return Answer(text, late.record.dialect, empty, late, None, True)
        for urc in self._catalog.lines:
            arguments = urc.read_line(text)
            if arguments is not None:
                late = self._find_late(urc.name, arguments.params)
                return Answer(urc.name, urc.dialect, arguments, late, urc, late is not None)
        if _DAMAGED.match(text):
            return Answer(None, None, empty)
        for entry in self.pending:
            candidates = [one for one in entry.opens if one.command is None or one.record.form in one.command.answers]
            if candidates:
                entry.answered = True
                silent = [one for one in candidates if not one.record.information]
                waiting = (silent or candidates[-1:])[0]
                command = waiting.command
                if command is not None and command.bare and waiting.record.form != "test":
                    return Answer(command.name, command.dialect, best(command.answer, text), waiting)
                return Answer(None, waiting.record.dialect, empty, waiting)
        return Answer(None, None, empty)

    def _information(
        self, entry: CommandLine, waiting: Open, command: Command, name: str, text: str, given: Arguments | None
    ) -> Answer:
        form = waiting.record.form
        if given is None:
            syntaxes = command.test_answer if form == "test" else command.answer
            given = self._read(name, syntaxes, text, form == "test")
        urc = self._catalog.urcs.get(name)
        if urc is not None and given.fit and form != "test":
            other = self._read(name, urc.syntaxes, text, False)
            if other.fit < given.fit:
                return self._unsolicited(name, text, other)
        return self._owned(entry, waiting, name, command.dialect, given)

    def _owned(self, entry: CommandLine, waiting: Open, name: str, dialect: str | None, arguments: Arguments) -> Answer:
        entry.answered = True
        while self.pending[0] is not entry:
            self._abandon(self.pending.popleft())
        return Answer(name, dialect, arguments, waiting)

    def _unsolicited(self, name: str, text: str, given: Arguments | None) -> Answer:
        urc = self._catalog.urcs.get(name)
        command = self._catalog.commands.get(name)
        if given is None:
            syntaxes = urc.syntaxes if urc else command.answer if command else []
            given = self._read(name, syntaxes, text, False)
        dialect = urc.dialect if urc else command.dialect if command else None
        owner = self._find_late(name, given.params)
        return Answer(name, dialect, given, owner, urc, owner is not None)

    def _find_late(self, name: str, params: Params) -> Open | None:
        for candidates in (self.late, [one for entry in self.pending for one in entry.opens]):
            for waiting in candidates:
                if waiting.late and waiting.expects(name, params):
                    return waiting
        return None

    def _read(self, name: str, syntaxes: list[Syntax], text: str, test: bool) -> Arguments:
        key = (name, text, id(syntaxes) if not test else -id(syntaxes))
        found = self._informations.get(key)
        if found is None:
            if not syntaxes:
                found = self._generic(text)
            else:
                found = best(syntaxes, text)
            if len(self._informations) >= _CACHE_SIZE:
                self._informations.clear()
            if len(text) <= _CACHE_TEXT:
                self._informations[key] = found
        return found

    @staticmethod
    def _generic(text: str) -> Arguments:
        return generic(grammar.split_arguments(text))

    def attach(self, answer: Answer, text: str, time_ns: int | None) -> None:
        """Put an answer into the record of its owner, and finish the owner if that was the last it waited for."""
        owner = answer.owner
        assert owner is not None
        record = owner.record
        labels = answer.arguments.labels or msgspec.UNSET
        owner.bind(answer.arguments.params)
        owner.size += len(text)
        if not answer.late:
            self.ranking.identify(record.name, text)
            if len(record.information) < _MAX_INFORMATION and owner.size <= _MAX_ANSWER:
                record.information.append(Information(answer.name, answer.arguments.params, text, labels))
            return
        latency = None if time_ns is None or record.time_ns is None else time_ns - record.time_ns
        information = Information(
            answer.name, answer.arguments.params, text, labels, time_ns=time_ns, latency_ns=latency
        )
        if len(record.urcs) < _MAX_INFORMATION and owner.size <= _MAX_ANSWER:
            record.urcs.append(information)
        if self._is_last(owner, answer):
            owner.late = []
            owner.satisfied = True
            if owner in self.late:
                self.late.remove(owner)
                self._out.append(record)

    @staticmethod
    def _is_last(owner: Open, answer: Answer) -> bool:
        params = answer.arguments.params
        own = owner.record.params
        for late in owner.late:
            if late.urc == (answer.name or "").split(" ")[0] and fixed(late.where, params):
                if late.step:
                    return False
                if not late.until or fixed(late.until, params):
                    return True
                return any(own.get(name) in values for name, values in late.single.items()) or any(
                    params.get(name[1:]) in values for name, values in late.single.items() if name[0] == "+"
                )
        return True

    # results

    def result(self, result: Result, time_ns: int | None) -> CommandLine | None:
        """Complete a command line with its final result code. None if no command was waiting."""
        pending = self.pending
        if not pending:
            return None
        if len(pending) > 1:
            self._drop_overtaken()
        entry = pending.popleft()
        latency = None if time_ns is None or entry.time_ns is None else time_ns - entry.time_ns
        good = result.code in ("OK", "CONNECT")
        for waiting in entry.opens:
            record = waiting.record
            record.result = result
            record.latency_ns = latency
            if good and waiting.late and not waiting.satisfied:
                self._await_late(waiting)
            else:
                self._out.append(record)
        return entry

    def _drop_overtaken(self) -> None:
        """Leave the command line that a result without other evidence completes at the head of the queue."""
        pending = self.pending
        while len(pending) > 1 and _overtaken(pending[0], pending[1]):
            self._abandon(pending.popleft())

    def _await_late(self, waiting: Open) -> None:
        late = waiting.late[0]
        params = waiting.record.params
        within: Any = params.get(late.within, late.default) if isinstance(late.within, str) else late.within
        if waiting.record.time_ns is not None:
            seconds = within if isinstance(within, int) and 0 < within < 100_000 else late.default
            waiting.deadline_ns = waiting.record.time_ns + (seconds + 5) * SECOND
            self.wake_ns = min(self.wake_ns, waiting.deadline_ns)
        self.late.append(waiting)
        if len(self.late) > _MAX_LATE:
            self._expire_late(self.late.pop(0))
        if len(waiting.record.raw) > _WHOLE_LINE:
            while sum(len(one.record.raw) for one in self.late) > _MAX_LATE_TEXT:
                self._expire_late(self.late.pop(0))

    # ends

    def expire(self, now_ns: int) -> None:
        """Let the deadlines up to ``now_ns`` pass."""
        for entry in [one for one in self.pending if one.deadline_ns is not None and one.deadline_ns <= now_ns]:
            self.pending.remove(entry)
            self._abandon(entry, "timeout")
        expired = [one for one in self.late if one.deadline_ns is not None and one.deadline_ns <= now_ns]
        for waiting in expired:
            self.late.remove(waiting)
            self._expire_late(waiting)
        deadlines = [one.deadline_ns for one in self.pending if one.deadline_ns is not None]
        deadlines += [one.deadline_ns for one in self.late if one.deadline_ns is not None]
        if now_ns >= self.requests.wake_ns:
            self.requests.expire(now_ns)
        self.wake_ns = min([*deadlines, self.requests.wake_ns])

    def abandon_all(self) -> None:
        """Close everything that is open: the module restarted, or the input ended."""
        while self.pending:
            self._abandon(self.pending.popleft())
        for waiting in self.late:
            self._expire_late(waiting)
        self.late.clear()

    def _abandon(self, entry: CommandLine, code: str = "unanswered") -> None:
        for waiting in entry.opens:
            waiting.record.result = Result(code)
            self._out.append(waiting.record)
            self._out.append(GivenUp(entry.time_ns, waiting.number, code))
        why = "before the time-out" if code == "timeout" else "before the next command, a restart or the end"
        message = f"{to_text(entry.text)}: no final result code came {why}"
        self.finding(entry.time_ns, "command.unanswered", "warning", message, "ITU-T V.250 5.7")

    def _unanswered_request(self, request: Information, spec: AnsweredSpec) -> None:
        message = f"{request.raw}: no AT+{spec.command} came within {spec.within} s"
        time_ns = request.time_ns if isinstance(request.time_ns, int) else None
        self.finding(time_ns, "request.unanswered", "warning", message)

    def _expire_late(self, waiting: Open) -> None:
        record = waiting.record
        self._out.append(record)
        if not record.urcs and not all(late.optional for late in waiting.late):
            spec = waiting.command.spec if waiting.command else None
            names = " or ".join(dict.fromkeys(_with_plus(late.urc) for late in waiting.late))
            message = f"{record.raw}: said OK, but {names} did not follow"
            reference = f"{record.dialect} {spec.section}" if spec else None
            self.finding(record.time_ns, "late.missing", "warning", message, reference)

    def finding(
        self, time_ns: int | None, rule: str, severity: Severity, message: str, reference: str | None = None
    ) -> None:
        """Report what the pairing noticed."""
        self._out.append(Finding(time_ns, "mcu", rule, severity, message, reference))


def _with_plus(name: str) -> str:
    return name if name == "CONNECT" or not name[0].isalpha() else "+" + name


def _record_name(text: grammar.CommandText, command: Command | None) -> str:
    return command.name if command is not None and text.form != "s-register" else shown_name(text)


def urc_record(answer: Answer, text: str, time_ns: int | None) -> Urc:
    """Make the record of a line that nobody waited for."""
    arguments = answer.arguments
    labels = arguments.labels or msgspec.UNSET
    return Urc(time_ns, "module", answer.name, answer.dialect, arguments.params, text, labels=labels)
