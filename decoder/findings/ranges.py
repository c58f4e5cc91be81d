"""Parameters outside what the manuals allow: ranges of the catalog, and those of values that a tag names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from decoder.catalog import Catalog, Command
from decoder.events import Issued, Message
from decoder.findings.raising import Raise

TAGGED: dict[str, tuple[float, float]] = {"TIMEOUT": (0.5, 2), "KEEPALIVE": (60, 180), "CLEAN": (0, 1)}
"""ICA 5.4, 6.2, 7.2: settings that a parameter names."""
_VERSIONS = ("3.1", "3.1.1")


class Ranges:
    """Looks at the parameters of commands."""

    def __init__(self, raise_: Raise, catalog: Catalog) -> None:
        self._raise = raise_
        self._catalog = catalog
        self._by_tag = catalog.named("tagged settings")
        self._limited: dict[Command, list[tuple[str, int, int, set[object]]]] = {}

    def names(self) -> set[str]:
        """Return the names of the commands that have limits."""
        lists = [*self._catalog.commands.values(), *(one for found in self._catalog.rivals.values() for one in found)]
        limited = {one.name for one in lists for syntax in one.syntaxes for param in syntax.params if param.spec.range}
        return limited | self._by_tag

    def message(self, one: Message) -> None:
        """Look at a line."""
        for command in one.commands:
            if command.form != "set":
                continue
            if command.name in self._by_tag:
                self._tagged(command, one)
            if command.command is not None:
                self._ranges(command, command.command, one)

    def _ranges(self, command: Issued, known: Command, one: Message) -> None:
        limited = self._limited.get(known)
        if limited is None:
            limited = self._limited[known] = _limits(known)
        told: set[str] = set()
        for name, low, high, listed in limited:
            value: Any = command.params.get(name)
            if name in told or not _is_number(value):
                continue
            if not low <= value <= high and value not in listed:
                told.add(name)
                self._raise("parameter.range", one, name=command.name, parameter=name, value=value, low=low, high=high)

    def _tagged(self, command: Issued, one: Message) -> None:
        params = command.params
        for number in ("", "2", "3", "4"):
            tag, value = str(params.get("para_tag" + number, "")).upper(), params.get("para_value" + number)
            if tag == "VERSION" and value is not None and str(value) not in _VERSIONS:
                self._raise("parameter.version", one, name=command.name, value=value)
            limits = TAGGED.get(tag)
            if limits is None or value is None or isinstance(value, str):
                continue
            if not limits[0] <= float(value) <= limits[1]:
                self._raise("parameter.range", one, name=command.name, parameter=tag, value=value, low=limits[0],
                          high=limits[1])  # fmt: skip


def _limits(known: Command) -> list[tuple[str, int, int, set[object]]]:
    """Return the parameters of a command that have limits: these, and the values that are named whatever they are."""
    return [
        (param.name, *param.spec.range, _listed(param.spec.values))
        for syntax in known.syntaxes
        for param in syntax.params
        if param.spec.range is not None
    ]


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(values: Mapping[str, tuple[str, str]]) -> set[object]:
    return {int(text) for text in values if text.lstrip("-").isdigit()}
