"""Parameters outside what the manuals allow: ranges of the catalog, and those of values that a tag names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from decoder.catalog import Catalog, Command
from decoder.events import Message, Transaction
from decoder.findings.say import Say

TAGGED: dict[str, tuple[float, float]] = {"TIMEOUT": (0.5, 2), "KEEPALIVE": (60, 180), "CLEAN": (0, 1)}
"""ICA 5.4, 6.2, 7.2: of AT+IMQTTPARA, ICOAPPARA, IHTTPPARA."""
_TAGGED_COMMANDS = ("IMQTTPARA", "ICOAPPARA", "IHTTPPARA")
_VERSIONS = ("3.1", "3.1.1")


class Ranges:
    """Looks at the parameters of commands."""

    def __init__(self, say: Say, catalog: Catalog) -> None:
        self._say = say
        self._catalog = catalog

    def names(self) -> set[str]:
        """Return the names of the commands that have limits."""
        lists = [*self._catalog.commands.values(), *(one for found in self._catalog.rivals.values() for one in found)]
        limited = {one.name for one in lists for syntax in one.syntaxes for param in syntax.params if param.spec.range}
        return limited | set(_TAGGED_COMMANDS)

    def message(self, one: Message) -> None:
        """Look at a line."""
        for command in one.commands:
            if command.form != "set":
                continue
            if command.name in _TAGGED_COMMANDS:
                self._tagged(command, one)
            for known in self._commands(command):
                self._ranges(command, known, one)

    def _commands(self, command: Transaction) -> list[Command]:
        found = self._catalog.commands.get(command.name)
        rivals = self._catalog.rivals.get(command.name, ())
        return [known for known in (found, *rivals) if known is not None and known.dialect == command.dialect][:1]

    def _ranges(self, command: Transaction, known: Command, one: Message) -> None:
        told: set[str] = set()
        for syntax in known.syntaxes:
            for param in syntax.params:
                value: Any = command.params.get(param.name)
                limits = param.spec.range
                if limits is None or param.name in told or not _is_number(value):
                    continue
                if not limits[0] <= value <= limits[1] and value not in _listed(param.spec.values):
                    told.add(param.name)
                    self._say("parameter.range", one, name=command.name, parameter=param.name, value=value,
                              low=limits[0], high=limits[1])  # fmt: skip

    def _tagged(self, command: Transaction, one: Message) -> None:
        params = command.params
        for number in ("", "2", "3", "4"):
            tag, value = str(params.get("para_tag" + number, "")).upper(), params.get("para_value" + number)
            if tag == "VERSION" and value is not None and str(value) not in _VERSIONS:
                self._say("parameter.version", one, name=command.name, value=value)
            limits = TAGGED.get(tag)
            if limits is None or value is None or isinstance(value, str):
                continue
            if not limits[0] <= float(value) <= limits[1]:
                self._say("parameter.range", one, name=command.name, parameter=tag, value=value, low=limits[0],
                          high=limits[1])  # fmt: skip


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(values: Mapping[str, tuple[str, str]]) -> set[object]:
    return {int(text) for text in values if text.lstrip("-").isdigit()}
