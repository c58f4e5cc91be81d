"""Raising findings: each at the time and on the side of the event that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import UNSET

from capture.chunk import Side
from decoder.events import Finding
from decoder.rules import found


class About(Protocol):
    """An event with a time and a side."""

    @property
    def time_ns(self) -> int | None:
        """When it happened, ns."""

    @property
    def side(self) -> Side | None:
        """Who spoke."""


class Raise:
    """Collects findings. What a rule's message asks for and nobody knows is shown as "?"."""

    def __init__(self, out: list[Finding]) -> None:
        self._out = out
        self.told: Callable[[Finding, int | None, int | None], None] | None = None
        """Who is told of each: with the line of the log and the number of its message, where that is not the last."""

    def __call__(self, rule_id: str, about: About, /, **values: object) -> None:
        """Raise a finding of ``rule_id`` about an event; ``values`` stand for the braces of its message."""
        self.at(None, rule_id, about, values)

    def at(
        self,
        line: int | None,
        rule_id: str,
        about: About,
        values: Mapping[str, object],
        *,
        layer: str = "",
        error: str = "",
        number: int | None = None,
    ) -> None:
        """The same for what stands in ``line`` of a text log, about the message ``number``, and not where it is raised.

        ``layer``: what is broken, if the line says more than the rule. ``error``: the error code that it is about.
        """
        where = line if line is not None else UNSET
        said = error or UNSET
        one = found(rule_id, about.time_ns, about.side, values, line=where, layer=layer or UNSET, error=said)
        self._out.append(one)
        if self.told is not None:
            self.told(one, line, number)
