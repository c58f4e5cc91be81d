"""The dialects in force: which of them knows a name.

A dialect brings its base along. Names that several dialects define are kept side by side; which of them a line means
is decided by choice.py, and the one given first stands for the name until then.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from msgspec import UNSET

from decoder.catalog.arguments import Syntax
from decoder.catalog.compiled import Command, Dialect, UrcType
from decoder.catalog.inline import Inline, inline
from decoder.catalog.readings import Readings
from decoder.catalog.spec import BasicSpec, CommandSpec, DialectFile, UrcSpec
from decoder.events import Error, Result

Known = TypeVar("Known", Command, UrcType)
Specification = CommandSpec | UrcSpec


class Catalog:
    """The dialects in force, in order of precedence.

    ``rivals`` and ``urc_rivals`` hold the names that several dialects define, or list as a misprint (those come last).
    ``given``: the dialects that the user asked for. ``problems``: what is wrong with dialect files that were left out.
    """

    def __init__(self, dialects: Iterable[Dialect], given: Iterable[str] = (), problems: Sequence[str] = ()) -> None:
        self.problems = problems
        self.dialects = list(dialects)
        self.given = frozenset(given)
        commands = _definitions([(dialect.commands, dialect.file.command) for dialect in self.dialects])
        urcs = _definitions([(dialect.urcs, dialect.file.urc) for dialect in self.dialects])
        self.commands = {name: known[0] for name, known in commands.items()}
        self.urcs = {name: known[0] for name, known in urcs.items()}
        self.rivals = {name: known for name, known in commands.items() if len(known) > 1}
        self.urc_rivals = {name: known for name, known in urcs.items() if len(known) > 1}
        self.shared = self.rivals.keys() | self.urc_rivals.keys()
        self._sole: dict[str, str | None] = {}
        self.groups = [(dialect.id, group) for dialect in self.dialects for group in dialect.file.group]
        self.answering = {urc.spec.answered.command for urc in self.urcs.values() if urc.spec.answered}
        known = {dialect.id: dialect.file.dialect.base for dialect in self.dialects}
        roots = {base for base in known.values() if not known.get(base)}
        self.lineages = {one: _lineage(one, known) for one in known}
        """Each dialect, and those that it stands on, from the nearest to the root."""
        self.makers = {
            one: next((each for each in reversed(line) if each not in roots), None)
            for one, line in self.lineages.items()
        }
        """The dialect of the maker by each dialect: what stands right on the root. None for the root."""
        self.kin = {
            one.id: frozenset(
                each.id
                for each in self.dialects
                if self.makers[each.id] == self.makers[one.id] or modules.intersection(each.file.dialect.modules)
            )
            for one in self.dialects
            for modules in [frozenset(one.file.dialect.modules)]
        }
        """Those of the same maker, and those that some module speaks too."""
        self.modules = {
            name: frozenset(one.id for one in self.dialects if name in one.file.dialect.modules)
            for dialect in self.dialects
            for name in dialect.file.dialect.modules
        }
        self.role_of = {name: role for one in reversed(self.dialects) for name, role in _roles(one.file)}
        """What the lines with a name are to those who know no names."""
        self.lines = [urc for rivals in urcs.values() for urc in rivals if urc.spec.line]
        self.inline = [
            inline(name, urc.dialect, syntax, urc.encoding, urc.spec, comma=urc.spec.comma)
            for name, rivals in urcs.items()
            for urc in rivals
            if urc.carries
            for syntax in (*urc.syntaxes, *([urc.line_syntax] if urc.spec.line else ()))
            if syntax.payload >= 0 and syntax.counted >= 0
        ] + [
            inline(
                name, command.dialect, syntax, command.answer_encoding, command.spec, comma=comma, shared=name in urcs
            )
            for name, known in commands.items()
            for command in known
            if command.carries
            for comma in (False, True)[: 1 + command.comma]
            for syntax in command.answer
            if syntax.payload >= 0 and syntax.counted >= 0
        ]
        heads = b"|".join(sorted({re.escape(one.title) for one in self.inline if not one.bare}))
        named = rb"(%b)[ \t]*[:=,]" % heads if heads else b"(?!)"
        self._bare = tuple(one for one in self.inline if one.bare)
        bare = rb"|\d+," if self._bare else b""
        self.inline_head = re.compile(rb"[\r\n \0]*+(?:%b%b)" % (named, bare))
        self._inline: dict[bytes, tuple[Inline, ...]] = {}
        for one in self.inline:
            self._inline[one.title] = (*self._inline.get(one.title, ()), one)
        self.grouped = frozenset(
            name for _, group in self.groups for line in (*group.start, *group.more, *group.end) for name in line.names
        )
        """The names of lines that may belong to a group."""
        self.results = {
            one.name: Result(one.name, done=one.good) for dialect in self.dialects for one in dialect.file.result
        }
        """The final result codes of makers."""
        self.readings = Readings(self)

    def sole_maker(self, name: str) -> str | None:
        """Return the maker to whom all dialects belong that define a name; None if there are several or none."""
        found = self._sole.get(name, "")
        if found == "":
            known = [*self.rivals.get(name, ()), *self.urc_rivals.get(name, ())]
            makers = {self.makers[one.dialect] for one in known}
            found = self._sole[name] = makers.pop() if len(makers) == 1 else None
        return found

    def inline_of(self, match: re.Match[bytes]) -> tuple[Inline, ...]:
        """Return what a line may be whose beginning ``inline_head`` matches."""
        return self._bare if match.lastindex is None else self._inline[match[1]]

    def names_of(self, name: str) -> tuple[str, ...]:
        """Return the names under which dialects know what the wire spells ``name``, the likeliest first."""
        found = self.urcs.get(name) or self.commands.get(name)
        first = found.name if found is not None else name
        if name not in self.shared:
            return (first,)
        known = [*self.urc_rivals.get(name, ()), *self.rivals.get(name, ())]
        return tuple(dict.fromkeys([first, *(one.name for one in known)]))

    def named(self, *roles: str) -> frozenset[str]:
        """Return the names of the lines that have one of these roles."""
        return frozenset([name for name, role in self.role_of.items() if role in roles])

    def urc_of(self, name: str, dialect: str | None) -> UrcType | None:
        """Return the URC that ``dialect`` calls so, or else the first that does."""
        found = self.urcs.get(name)
        return next((one for one in self.urc_rivals.get(name, ()) if one.dialect == dialect), found)

    def command_of(self, name: str, dialect: str | None) -> Command | None:
        """Return the command that ``dialect`` calls so, or else the first that does."""
        found = self.commands.get(name)
        return next((one for one in self.rivals.get(name, ()) if one.dialect == dialect), found)

    def counting(self, name: str, dialect: str) -> list[Syntax]:
        """Return the syntaxes of lines ``name`` that carry no payload."""
        urc, command = self.urc_of(name, dialect), self.command_of(name, dialect)
        syntaxes = [*(urc.syntaxes if urc else ()), *(command.answer if command else ())]
        return [syntax for syntax in syntaxes if syntax.payload < 0]

    def error(self, kind: str, text: str, order: Callable[[Dialect], Any | None]) -> tuple[Error, str]:
        """Explain what followed ``+CME ERROR:``, a number or words: they are one thing; tell which maker's code it is.

        ``order`` sorts the dialects: the smallest is asked first, those that give None only for a kind of error that
        is nobody else's.
        """
        code: int | str = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
        keys = [(order(one), index, one) for index, one in enumerate(self.dialects)]
        asked = sorted(((key, index) for key, index, _ in keys if key is not None))
        known = [self.dialects[index] for _, index in asked]
        if not any(one.has_errors(kind) for one in known):
            owners = frozenset().union(*(self.kin[one.id] for one in self.dialects if one.has_errors(kind)))
            known += [one for key, _, one in keys if key is None and one.id in owners]
        for whole, one in itertools.product((True, False), known):
            found = one.error(kind, str(code), whole=whole)
            if found is not None:
                number = int(found[0]) if isinstance(code, str) and found[0].isdigit() else UNSET
                return Error(code, *found[1], number), one.id if self.makers[one.id] is not None else ""
        return Error(code, None if isinstance(code, int) else text), ""


def _roles(file: DialectFile) -> list[tuple[str, str]]:
    lists: tuple[Sequence[CommandSpec | UrcSpec | BasicSpec], ...] = file.command, file.urc, file.basic
    return [(one.name, one.role) for entries in lists for one in entries if one.role]


def _lineage(dialect: str, bases: dict[str, str]) -> tuple[str, ...]:
    line = [dialect]
    while (base := bases.get(line[-1])) and base in bases and base not in line:
        line.append(base)
    return tuple(line)


def _definitions(tables: list[tuple[dict[str, Known], Sequence[Specification]]]) -> dict[str, list[Known]]:
    """Find who defines each name: the dialects that have it, then those that have it as a misprint."""
    found: dict[str, list[Known]] = {}
    for entries, _ in tables:
        for name, entry in entries.items():
            found.setdefault(name, []).append(entry)
    for entries, specs in tables:
        for spec in specs:
            for alias in spec.aliases:
                if entries[spec.name] not in found.setdefault(alias, []):
                    found[alias].append(entries[spec.name])
    return found
