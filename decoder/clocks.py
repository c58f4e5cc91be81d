"""What the times of two wires are worth: by how much their clocks differ, and whether they tell the order.

Strategy: a difference is good by which most commands get a result before the next one, and the answers in front of
it are theirs. It is searched for among those up to a second, and then in steps of a millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from capture import grammar
from capture.chunk import Chunk
from decoder.catalog import Catalog

_STEP_NS, _STEPS = 25_000_000, 40
"""Differences of the clocks that are tried: up to one second either way."""
_BREAKS = re.compile(rb"[\r\n]+")
_LINES_AHEAD = 64
_WORTH = 2
"""So many contradictions less than without a difference are worth assuming one."""
_FINE_NS, _QUICK_NS = 1_000_000, 5_000_000
"""Steps in which the difference is told in the end, and how long a quick module takes to answer."""
_ENOUGH, _MAY_CONTRADICT = 4, 0.1
"""So many commands are needed to trust the times, of which no more than this part may contradict what is said."""


class Clocks(NamedTuple):
    """What the times of two wires are worth. ``skew_ns`` is added to the module's; ``agree``: they tell the order."""

    skew_ns: int
    agree: bool


class _Moment(NamedTuple):
    """A command, with the names of what may answer it, or a result, with the names of what was said before it."""

    time_ns: int
    is_result: bool
    names: frozenset[str]


def clocks(catalog: Catalog, mcu: Iterable[Chunk], module: Iterable[Chunk]) -> Clocks:
    """Tell by how much later than that of the module the clock of the MCU's log shows the same moment.

    Of the differences that are tried, those are good by which most commands get a result before the next one, and its
    answers are theirs. By the smallest of them the fastest answer comes right behind its command: the true difference
    is little more, for modules are quick to answer something.
    """
    commands = [
        _Moment(one.time_ns, False, takes(catalog, one.data.strip(b"\r\n ")))
        for one in mcu
        if one.time_ns is not None and _ends_command(one.data)
    ]
    results = [*_results(catalog, module)]
    if not commands or not results:
        return Clocks(0, agree=False)
    costs = {step: _cost(commands, results, step * _STEP_NS) for step in range(-_STEPS, _STEPS + 1)}
    least = min(costs.values())
    agree = least <= _MAY_CONTRADICT * len(commands) and len(commands) >= _ENOUGH
    if costs[0] - least < _WORTH:
        return Clocks(0, agree and costs[0] == least)
    first = min((step for step in costs if costs[step] == least), key=abs)
    while costs.get(first - 1) == least:
        first -= 1
    edge_ns = first * _STEP_NS
    while edge_ns > (first - 1) * _STEP_NS and _cost(commands, results, edge_ns - _FINE_NS) == least:
        edge_ns -= _FINE_NS
    return Clocks(edge_ns + _QUICK_NS, agree)


def _results(catalog: Catalog, module: Iterable[Chunk]) -> Iterator[_Moment]:
    names: set[str] = set()
    for one in module:
        for line in lines(one.data):
            if is_result(line):
                if one.time_ns is not None:
                    yield _Moment(one.time_ns, True, frozenset(names))
                names.clear()
            else:
                names |= names_in(catalog, line)


def takes(catalog: Catalog, command: bytes) -> frozenset[str]:
    """Return the names of the answers to a command, however it is read."""
    read = [each for one in catalog.readings.parse(command) for each in (one, *one.rivals)]
    return frozenset([name for one in read for name in one.takes])


def names_in(catalog: Catalog, line: bytes) -> frozenset[str]:
    """Return the names under which dialects know a line; none if it has no name."""
    parts = grammar.parse_information(line.decode("latin-1"))
    return frozenset(catalog.names_of(parts[0].removeprefix("+")) if parts is not None else ())


def _ends_command(data: bytes) -> bool:
    return b"\r" in data and grammar.command_start(data.lstrip(b"\r\n")) == 0


def _cost(commands: list[_Moment], results: list[_Moment], skew_ns: int) -> int:
    """Count what makes no sense if the clocks differ so: results of nothing, or of another command, two at a time."""
    moments = sorted([*commands, *(one._replace(time_ns=one.time_ns + skew_ns) for one in results)])
    cost = 0
    waiting: frozenset[str] | None = None
    for one in moments:
        if one.is_result:
            cost += waiting is None or (bool(waiting) and bool(one.names) and waiting.isdisjoint(one.names))
            waiting = None
        else:
            cost += waiting is not None
            waiting = one.names
    return cost


def is_result(line: bytes) -> bool:
    """Tell whether a line is a final result, in words or as a digit."""
    return line in grammar.NUMERIC_CODES or _is_final(line)


def _is_final(line: bytes) -> bool:
    return grammar.is_final(line.decode("latin-1"))


def lines(data: bytes) -> Iterator[bytes]:
    """Yield the first lines of ``data`` that are not empty."""
    for number, line in enumerate(_BREAKS.split(data, _LINES_AHEAD)):
        if number >= _LINES_AHEAD:
            return
        bare = line.strip(b" ")
        if bare:
            yield bare
