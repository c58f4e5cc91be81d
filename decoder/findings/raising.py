"""Raising findings: each at the time and on the side of the event that it is about."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

from capture.chunk import Side
from decoder.events import Finding
from decoder.findings.rules import rules
from decoder.values import printable

_MAX_VALUE = 200


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

    def __call__(self, rule_id: str, about: About, **values: object) -> None:
        """Raise a finding of ``rule_id`` about an event; ``values`` stand for the braces of its message."""
        rule = rules()[rule_id]
        known = defaultdict(lambda: "?", {name: printable(str(value))[:_MAX_VALUE] for name, value in values.items()})
        message, message_zh = rule.en.format_map(known), rule.zh.format_map(known)
        self._out.append(
            Finding(about.time_ns, about.side, rule_id, rule.severity, message, rule.reference, message_zh)
        )
