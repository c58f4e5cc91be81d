"""Rules that are nothing but data: a line of a name, with parameters of certain values."""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from decoder.events import Frame, Message, Socket
from decoder.findings.raising import Raise
from decoder.rules import Rule, rules

_COMPARISON = re.compile(r"(<=|>=|<|>|!=)\s*(-?\d+(?:\.\d+)?)")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "!=": operator.ne,
}  # fmt: skip


class Declared:
    """Looks for the rules of rules.toml that say where to look."""

    def __init__(self, raise_: Raise) -> None:
        self._raise = raise_
        self._by_line: dict[tuple[str, str], list[Rule]] = defaultdict(list)
        self._by_frame: dict[str, list[Rule]] = defaultdict(list)
        self._by_change: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules().values():
            if rule.on == "frame":
                for protocol in rule.line:
                    self._by_frame[protocol].append(rule)
            elif rule.on == "socket":
                for change in rule.change:
                    self._by_change[change].append(rule)
            elif rule.on is not None:
                for name in rule.line:
                    self._by_line[rule.on, name].append(rule)

    def names(self, on: str) -> set[str]:
        """Return the names of the commands or answers that rules are about."""
        return {name for kind, name in self._by_line if kind == on}

    def message(self, one: Message) -> None:
        """Look at a line."""
        if one.kind == "command":
            for command in one.commands:
                for rule in self._by_line.get(("command", command.name), ()):
                    if command.form in rule.form and agrees(rule, command.params):
                        self._raise(rule.id, one, line=command.raw, **_texts(command.params))
        elif one.name is not None and one.kind in ("urc", "information"):
            for rule in self._by_line.get(("answer", one.name), ()):
                if agrees(rule, one.params):
                    self._raise(rule.id, one, line=one.text, **_texts({**one.params, **_labels(one)}))

    def frame(self, one: Frame) -> None:
        """Look at a frame."""
        for rule in self._by_frame.get(one.protocol, ()):
            if agrees(rule, one.fields):
                self._raise(rule.id, one, text=one.text, **_texts(one.fields))

    def socket(self, one: Socket) -> None:
        """Look at what happened to a connection."""
        for rule in self._by_change.get(one.change, ()):
            remote = one.flow.remote or one.flow.remote_ip or "?"
            peer = f"{remote}:{one.flow.remote_port}" if one.flow.remote_port else remote
            which = "" if one.connect_id is None else f" {one.connect_id}"
            self._raise(rule.id, one, which=which, peer=peer, because=one.because, up=one.up, down=one.down)


def agrees(rule: Rule, params: Mapping[str, Any]) -> bool:
    """Whether parameters are as a rule wants them."""
    if rule.has and not all(name in params for name in rule.has):
        return False
    for name, wanted in rule.where.items():
        if name not in params:
            return False
        if not _agrees(wanted, params[name]):
            return False
    return True


def _agrees(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, list):
        return value in wanted or any(_agrees(one, value) for one in wanted if isinstance(one, str))
    if isinstance(wanted, str) and (comparison := _comparison(wanted)) is not None:
        compare, limit = comparison
        return isinstance(value, int | float) and compare(value, limit)
    return bool(wanted == value)


@cache
def _comparison(wanted: str) -> tuple[Callable[[Any, Any], bool], float] | None:
    """Read what a rule wants of a value as a comparison, if it is one."""
    match = _COMPARISON.fullmatch(wanted)
    return (_OPERATORS[match[1]], float(match[2])) if match else None


def _texts(params: Mapping[str, Any]) -> dict[str, object]:
    return {name: value for name, value in params.items() if name not in ("line",)}


def _labels(one: Message) -> dict[str, str]:
    return {f"{name}_label": text for name, text in one.labels.items()}
