"""The dialects in force: which of them knows a name.

A dialect brings its base along. Names that several dialects define are kept side by side; which of them a line means
is decided by choice.py, and the one given first stands for the name until then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from decoder.catalog.arguments import Syntax
from decoder.catalog.compiled import Command, Dialect, UrcType
from decoder.catalog.inline import Inline, inline
from decoder.catalog.readings import Readings
from decoder.catalog.spec import CommandSpec, UrcSpec
from decoder.events import Error

Known = TypeVar("Known", Command, UrcType)
Specification = CommandSpec | UrcSpec


class Catalog:
    """The dialects in force, in order of precedence.

    ``rivals`` and ``urc_rivals`` hold the names that several dialects define, or list as a misprint (those come last).
    ``given``: the dialects that the user asked for.
    """

    def __init__(self, dialects: Iterable[Dialect], given: Iterable[str] = ()) -> None:
        self.dialects = list(dialects)
        self.given = frozenset(given)
        commands = _definitions([(dialect.commands, dialect.file.command) for dialect in self.dialects])
        urcs = _definitions([(dialect.urcs, dialect.file.urc) for dialect in self.dialects])
        self.commands = {name: known[0] for name, known in commands.items()}
        self.urcs = {name: known[0] for name, known in urcs.items()}
        self.rivals = {name: known for name, known in commands.items() if len(known) > 1}
        self.urc_rivals = {name: known for name, known in urcs.items() if len(known) > 1}
        self.shared = self.rivals.keys() | self.urc_rivals.keys()
        self.groups = [(dialect.id, group) for dialect in self.dialects for group in dialect.file.group]
        self.answering = {urc.spec.answered.command for urc in self.urcs.values() if urc.spec.answered}
        self.bases = {dialect.file.dialect.base for dialect in self.dialects}
        self.modules = {
            name: frozenset(one.id for one in self.dialects if name in one.file.dialect.modules)
            for dialect in self.dialects
            for name in dialect.file.dialect.modules
        }
        self.lines = [urc for urc in self.urcs.values() if urc.spec.line]
        self.inline = [
            inline(name, syntax, urc.encoding, urc.spec)
            for name, urc in self.urcs.items()
            for syntax in urc.syntaxes
            if syntax.payload >= 0 and syntax.counted >= 0
        ] + [
            inline(name, syntax, command.answer_encoding, command.spec)
            for name, command in self.commands.items()
            for syntax in command.answer
            if syntax.payload >= 0 and syntax.counted >= 0
        ]
        heads = b"|".join(sorted({re.escape(one.name.encode()) for one in self.inline if not one.bare}))
        named = rb"\+(%b)[ \t]*[:=,]" % heads if heads else b"(?!)"
        self._bare = tuple(one for one in self.inline if one.bare)
        bare = rb"|\d+," if self._bare else b""
        self.inline_head = re.compile(rb"[\r\n \0]*+(?:%b%b)" % (named, bare))
        self._inline: dict[bytes, tuple[Inline, ...]] = {}
        for one in self.inline:
            self._inline[one.name.encode()] = (*self._inline.get(one.name.encode(), ()), one)
        self.grouped = frozenset(
            line.line for _, group in self.groups for line in (*group.start, *group.more, *group.end)
        )
        """The names of lines that may belong to a group."""
        self.readings = Readings(self)

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

    def counting(self, name: str) -> list[Syntax]:
        """Return the syntaxes of lines ``name`` that carry no payload."""
        urc, command = self.urcs.get(name), self.commands.get(name)
        syntaxes = [*(urc.syntaxes if urc else ()), *(command.answer if command else ())]
        return [syntax for syntax in syntaxes if syntax.payload < 0]

    def error(self, kind: str, text: str, order: Callable[[Dialect], Any]) -> Error:
        """Explain what followed ``+CME ERROR:``. ``order`` sorts the dialects: the smallest is asked first."""
        code: int | str = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
        for one in sorted(self.dialects, key=order):
            meaning = one.error(kind, str(code))
            if meaning:
                return Error(code, meaning[0], meaning[1])
        return Error(code, None if isinstance(code, int) else text)


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
