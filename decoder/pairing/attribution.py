"""Whose line is this? A line of the module is offered to the oldest fitting waiter; what nobody wants is a URC.

Evidence beats order: a name, the parameters that a later line must repeat, a shape. Where several dialects define the
name of a URC, the likeliest reads it.

Sources: ITU-T V.250 5.6-5.8; TS 27.007 4.
"""

from __future__ import annotations

from collections import deque

import msgspec

from decoder.catalog import FITS, Arguments, Command, Inline, UrcType
from decoder.catalog.readings import ModuleLine
from decoder.events import Params
from decoder.pairing import written
from decoder.pairing.module import Module
from decoder.pairing.pending import PendingCommand, PendingLine, overtaken

_NO_ARGUMENTS = Arguments({}, {}, FITS, None)


class Answer(msgspec.Struct):
    """What a module line turned out to be: an information response or late URC of ``owner``, or a URC.

    ``line`` is the command line that is known by name to be the one that is answered.
    """

    name: str | None
    dialect: str | None
    arguments: Arguments
    owner: PendingCommand | None = None
    urc: UrcType | None = None
    late: bool = False
    shared: bool = False
    line: PendingLine | None = None


def nobodys() -> Answer:
    """Return what a line is that belongs to no command, and to no URC by its name."""
    return Answer(None, None, _NO_ARGUMENTS)


class Attribution:
    """Finds the owners of lines among what is ``pending`` on a channel and late in its module."""

    def __init__(self, module: Module, pending: deque[PendingLine]) -> None:
        self._module = module
        self._catalog = module.catalog
        self._pending = pending

    def awaited(self, name: str) -> tuple[PendingLine, PendingCommand] | None:
        """Find the command that an information response with this name answers."""
        found: tuple[PendingLine, PendingCommand] | None = None
        if len(self._pending) == 1:
            entry = self._pending[0]
            for waiting in entry.commands:
                if name in waiting.takes:
                    return entry, waiting
            return None
        for entry in self._pending:
            for waiting in entry.commands:
                if name in waiting.takes:
                    if found is not None and not self._overtaken(found[0], entry):
                        return found
                    found = entry, waiting
                    break
        return found

    def _overtaken(self, first: PendingLine, second: PendingLine) -> bool:
        rule = overtaken if self._module.log is None else written.overtaken
        return rule(first, second, self._module.timing)

    def current(self) -> PendingLine | None:
        """The command line that a result without other evidence completes; the oldest, where no log says otherwise."""
        log = self._module.log
        if log is not None:
            return written.current(self._pending, log, self._module.timing)
        return self._pending[0] if self._pending else None

    def line(self, line: ModuleLine) -> Answer:
        """Find whose line this is."""
        name = line.name
        if name is None:
            return self._free_text(line)
        if self._pending:
            for canonical in line.names:
                found = self.awaited(canonical)
                if found is not None:
                    return self._information(found[0], found[1], canonical, line)
        if line.shared:
            return self._choose_urc(name, line)
        canonical = line.names[0]
        urc = line.urc
        if urc is not None:
            return self._unsolicited(canonical, urc, None, line.by(urc.syntaxes))
        command = self._catalog.commands.get(canonical)
        return self._unsolicited(canonical, None, command, line.by(command.answer) if command else line.numbered())

    def payload(self, inline: Inline, arguments: Arguments) -> Answer:
        """Find whose line this is, from which payload was cut out."""
        names = self._catalog.names_of(inline.name)
        for canonical in names:
            found = self.awaited(canonical)
            if found is not None:
                entry, waiting = found
                command = waiting.reading.command
                dialect = command.dialect if command is not None else None
                return Answer(canonical, dialect, arguments, waiting, line=entry)
        catalog, name = self._catalog, inline.name if inline.name in names else names[0]
        urc, command = catalog.urc_of(name, inline.dialect), catalog.command_of(name, inline.dialect)
        return self._unsolicited(name, urc, command, arguments)

    def _choose_urc(self, name: str, line: ModuleLine) -> Answer:
        """Of the ways in which several dialects read a URC, take the likeliest."""
        read = [(urc, line.by(urc.syntaxes)) for urc in self._catalog.urc_rivals[name]]
        urc, arguments = self._likeliest(read, name)
        late = self._late(urc.name, arguments.params)
        return Answer(urc.name, urc.dialect, arguments, late, urc, late is not None, True)

    def _likeliest(self, read: list[tuple[UrcType, Arguments]], name: str | None = None) -> tuple[UrcType, Arguments]:
        """Return the likeliest URC of some, as each reads a line; ``name`` is how the line calls itself."""
        ranking = self._module.ranking
        return min(
            read, key=lambda one: ranking.weight(one[0], one[1].fit, alias=name is not None and one[0].name != name)
        )

    def _information(self, entry: PendingLine, waiting: PendingCommand, name: str, line: ModuleLine) -> Answer:
        command = waiting.reading.command
        if command is None:
            return Answer(name, None, line.numbered(), waiting, line=entry)
        test = waiting.reading.form == "test"
        given = line.by(command.test_answer if test else command.answer)
        if given.fit is not FITS and not test:
            urc = self._catalog.urcs.get(name)
            if urc is not None:
                other = line.by(urc.syntaxes)
                if other.fit < given.fit:
                    return self._unsolicited(name, urc, None, other)
        return Answer(name, command.dialect, given, waiting, line=entry)

    def _unsolicited(self, name: str, urc: UrcType | None, command: Command | None, given: Arguments) -> Answer:
        dialect = urc.dialect if urc is not None else command.dialect if command is not None else None
        owner = self._late(name, given.params)
        return Answer(name, dialect, given, owner, urc, owner is not None)

    def _free_text(self, line: ModuleLine) -> Answer:
        urc = line.urc
        if urc is not None:
            rivals = self._catalog.urc_rivals.get(urc.name, [urc])
            urc, _ = self._likeliest([(one, _NO_ARGUMENTS) for one in rivals], urc.name)
            late = self._late(urc.name, {})
            return Answer(urc.name, urc.dialect, _NO_ARGUMENTS, late, urc, late is not None, len(rivals) > 1)
        late = self._late(line.text.split(" ", maxsplit=1)[0], {})
        if late is not None:
            return Answer(line.text, late.issued.dialect, _NO_ARGUMENTS, late, None, True)
        shapes = line.shapes()
        if shapes:
            urc, arguments = self._likeliest(shapes)
            late = self._late(urc.name, arguments.params)
            return Answer(urc.name, urc.dialect, arguments, late, urc, late is not None, len(shapes) > 1)
        if line.damaged:
            return Answer(None, None, _NO_ARGUMENTS)
        log = self._module.log
        newest = self.current() if log is not None else None
        for entry in (newest,) if newest is not None else self._pending:
            candidates = [one for one in entry.commands if one.takes]
            if candidates:
                entry.answered = True
                if log is not None:
                    log.begun = entry
                silent = [one for one in candidates if not one.information]
                waiting = (silent or candidates[-1:])[0]
                command = waiting.reading.command
                if command is not None and command.bare and waiting.reading.form != "test":
                    return Answer(command.name, command.dialect, line.by(command.answer), waiting)
                return Answer(None, waiting.issued.dialect, _NO_ARGUMENTS, waiting)
        return Answer(None, None, _NO_ARGUMENTS)

    def _late(self, name: str, params: Params) -> PendingCommand | None:
        for waiting in self._module.late:
            if waiting.late and waiting.expects(name, params):
                return waiting
        for entry in self._pending:
            for waiting in entry.commands:
                if waiting.late and waiting.expects(name, params):
                    return waiting
        return None
