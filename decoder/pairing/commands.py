"""Command lines: which commands they hold, what their arguments and the payload in them are.

Strategy: a line whose only command carries payload is cut by the length that stands in front of it, before anything
else looks at it; any other line is split by the grammar. Where several dialects define a name, each reads it, and the
ranking chooses. Lines repeat, so what was read is remembered, unless a choice was made.

Source: ITU-T V.250 5.2, 5.4.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from capture import grammar
from decoder.catalog import UNFIT, Arguments, Catalog, Command, Syntax, best, generic, slice_payload
from decoder.catalog.choice import Ranking
from decoder.values import to_text

_CACHE_SIZE = 4096
_CACHE_LINE = 1024
"""Bytes of a line that is remembered: the memory of the cache is bounded whatever lines there are."""
_WRONG_TYPE = 2
"""From here on the ``fit`` of a line says that a value is not of its type; a wrong length alone weighs less."""
_SET_LINE = re.compile(rb"[Aa][Tt]\+([A-Za-z][A-Za-z0-9]*) ?=(?!\?)(.*)", re.DOTALL)


class Parsed(NamedTuple):
    """One command of a command line: its text, what the catalog says of it, its arguments, payload inside."""

    text: grammar.CommandText
    command: Command | None
    arguments: Arguments
    payload: bytes | None
    shared: bool


class CommandReader:
    """Reads command lines by a catalog."""

    def __init__(self, catalog: Catalog, ranking: Ranking) -> None:
        self._catalog = catalog
        self._ranking = ranking
        self._lines: dict[bytes, list[Parsed]] = {}

    def read(self, line: bytes) -> list[Parsed]:
        """Read a command line (without its CR) and remember the result: command lines repeat."""
        parsed = self._lines.get(line)
        if parsed is None:
            parsed = self._parse(line)
            if len(line) > _CACHE_LINE or any(one.shared for one in parsed):
                return parsed
            if len(self._lines) >= _CACHE_SIZE:
                self._lines.clear()
            self._lines[line] = parsed
        return parsed

    def _parse(self, line: bytes) -> list[Parsed]:
        if line == b"+++":
            text = grammar.CommandText("+++", "exec", "", "")
            return [Parsed(text, self._catalog.commands.get("+++"), generic([]), None, False)]
        whole = self._parse_with_payload(line)
        if whole is not None:
            return [whole]
        result = []
        for text in grammar.parse_command_line(to_text(line[2:])):
            name = "S" if text.form == "s-register" else shown_name(text)
            command = self._catalog.commands.get(name)
            rivals = self._catalog.rivals.get(name)
            if command is None:
                result.append(Parsed(text, None, generic(grammar.split_arguments(text.arguments)), None, False))
            elif rivals is None:
                arguments = _read(command, text)
                result.append(Parsed(text, command, arguments, _unsliced_payload(arguments), False))
            else:
                result.append(self._choose(name, [_parsed(rival, text) for rival in rivals]))
        return result

    def _choose(self, name: str, candidates: list[Parsed]) -> Parsed:
        """Of the ways in which several dialects read a command, take the likeliest."""

        def weight(parsed: Parsed) -> tuple[bool, bool, bool, int, int]:
            command = parsed.command
            assert command is not None
            fit = parsed.arguments.fit + (0 if parsed.text.form in command.forms else UNFIT)
            return self._ranking.weight(command, fit, alias=command.name != name)

        return min(candidates, key=weight)

    def _parse_with_payload(self, line: bytes) -> Parsed | None:
        """Read a line whose only command carries payload: what looks like syntax inside the payload is not."""
        match = _SET_LINE.match(line)
        if not match:
            return None
        name = match[1].decode("ascii").upper()
        rivals = self._catalog.rivals.get(name)
        if rivals is None:
            command = self._catalog.commands.get(name)
            return _slice(command, name, match[2], shared=False) if command is not None else None
        text = grammar.CommandText(name, "set", to_text(match[2]))
        sliced = [_slice(rival, name, match[2], shared=True) for rival in rivals]
        if not any(sliced):
            return None
        return self._choose(name, [one or _parsed(rival, text) for one, rival in zip(sliced, rivals, strict=True)])


def shown_name(text: grammar.CommandText) -> str:
    """Return the name of a command as people know it: without a plus sign, but with any other prefix."""
    return text.name if text.prefix in ("", "+") else text.prefix + text.name


def announced(arguments: Arguments) -> int:
    """Return the length that a command gives for the payload in it, 0 if it gives none."""
    syntax = arguments.syntax
    length = syntax.params[syntax.payload].length if syntax is not None and syntax.payload >= 0 else ""
    number = arguments.params.get(length)
    return number if isinstance(number, int) else 0


def _read(command: Command, text: grammar.CommandText) -> Arguments:
    if text.form in ("set", "basic", "s-register", "dial"):
        return best(command.syntaxes, text.arguments)
    return generic([])


def _parsed(command: Command, text: grammar.CommandText) -> Parsed:
    arguments = _read(command, text)
    return Parsed(text, command, arguments, _unsliced_payload(arguments), True)


def _slice(command: Command, name: str, body: bytes, *, shared: bool) -> Parsed | None:
    """Read the arguments of a command that carries payload, or return None if none of its syntaxes fits.

    A length that fits comes first; then one that is wrong, if the rest fits; then payload that nothing counts.
    """
    text = body.decode("latin-1").strip(" ")
    for syntax in command.syntaxes:
        if syntax.payload >= 0 and syntax.counted >= 0 and (parts := slice_payload(text, syntax)) is not None:
            return _sliced(command, name, body, syntax, parts, shared=shared)
    uncounted = [syntax for syntax in command.syntaxes if syntax.payload >= 0 > syntax.counted]
    if uncounted:
        arguments = [grammar.unquote(one) for one in grammar.split_arguments(text)]
        for syntax in command.syntaxes:
            if syntax.counted >= 0 and len(arguments) > syntax.counted and syntax.read(arguments).fit < _WRONG_TYPE:
                return _sliced(command, name, body, syntax, arguments, shared=shared)
    for syntax in uncounted:
        if (parts := slice_payload(text, syntax)) is not None:
            return _sliced(command, name, body, syntax, parts, shared=shared)
    return None


def _sliced(command: Command, name: str, body: bytes, syntax: Syntax, parts: list[str], *, shared: bool) -> Parsed:
    payload = parts[syntax.payload].encode("latin-1")
    arguments = syntax.read([to_text(part.encode("latin-1")) for part in parts], sliced=True)
    return Parsed(grammar.CommandText(name, "set", to_text(body)), command, arguments, payload, shared)


def _unsliced_payload(arguments: Arguments) -> bytes | None:
    """Return payload that stands in a command without a usable length."""
    syntax = arguments.syntax
    if syntax is None or syntax.payload < 0:
        return None
    value = arguments.params.get(syntax.params[syntax.payload].name)
    return None if value is None else str(value).encode("utf-8")
