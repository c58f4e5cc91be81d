"""Two sessions side by side: aligned by what was done, not by time.

Strategy: a session is a list of steps (commands with their form, URCs, what happened to connections). The lists are
aligned by longest common blocks; aligned steps are compared by their answers, results and latencies. A run of the same
step that is only longer in one session is one difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import islice
from typing import Literal

import msgspec

from capture.chunk import Chunk
from decoder.catalog import Catalog
from decoder.decode import NO_STAGES, run
from decoder.events import Event, Information, Params, Socket, Transaction, Urc

MAX_STEPS = 50_000
"""Steps of a session that are compared."""
_EXACT = 3000
_SLOWER, _AT_LEAST_NS = 3.0, 500_000_000
_FLEETING = ("rssi", "ber", "rssi_dbm", "ci", "tac", "time", "time_s", "rsrp", "rsrq", "sinr", "mid", "num")
"""Values that differ from session to session without meaning anything."""

Kind = Literal["missing", "added", "answer", "arguments", "slower", "faster"]


class Step(msgspec.Struct, frozen=True):
    """Something that was done or happened. ``key`` aligns it, ``text`` shows it."""

    key: tuple[str, str, str]
    text: str
    params: Params
    outcome: str
    answers: tuple[str, ...]
    latency_ns: int | None
    time_ns: int | None


class Difference(msgspec.Struct):
    """Where the sessions differ. ``at``: the number of the step in each (from 1), None if it is not there.

    ``count``: how many steps of the same kind in a row.
    """

    kind: Kind
    at: tuple[int | None, int | None]
    good: str | None
    bad: str | None
    what: str
    time_ns: tuple[int | None, int | None] = (None, None)
    count: int = 1


class Comparison(msgspec.Struct):
    """The result: how many steps each has, how many are alike before the first difference, and all differences."""

    steps: tuple[int, int]
    alike: int
    differences: list[Difference]


def steps(source: Iterable[Chunk], known: Catalog) -> list[Step]:
    """Tell what was done in a session, as far as :data:`MAX_STEPS`. Raises what the source raises."""
    return list(islice(_steps(run(source, known, NO_STAGES)), MAX_STEPS))


def _steps(events: Iterable[Event]) -> Iterator[Step]:
    for event in events:
        if isinstance(event, Transaction):
            result = event.result
            outcome = "no result" if result is None else result.code
            if result is not None and result.error is not None:
                outcome += f" {result.error.code}" + (f" ({result.error.text})" if result.error.text else "")
            answers = tuple(map(_answer, (*event.information, *event.urcs)))
            key = ("command", event.name, str(event.form))
            yield Step(key, event.raw, event.params, outcome, answers, event.latency_ns, event.time_ns)
        elif isinstance(event, Urc):
            key = ("urc", event.name or event.raw, str(event.params.get("kind", "")))
            yield Step(key, event.raw, event.params, "", (), None, event.time_ns)
        elif isinstance(event, Socket) and event.change != "closed":
            which = "" if event.connect_id is None else f" {event.connect_id}"
            text = f"connection{which} {event.change} ({event.because})"
            key = ("connection", str(event.connect_id), event.change)
            yield Step(key, text, {}, "", (), None, event.time_ns)


def _answer(one: Information) -> str:
    """An answer by its name and by what its coded values mean; free text by its kind only."""
    meanings = [] if isinstance(one.labels, msgspec.UnsetType) else sorted(set(one.labels.values()))
    return " ".join([one.name or "text", *(f"({text})" for text in meanings)])


def compare(good: list[Step], bad: list[Step]) -> Comparison:
    """Align two sessions and say where they differ."""
    matcher = SequenceMatcher(
        None, [one.key for one in good], [one.key for one in bad], autojunk=max(len(good), len(bad)) > _EXACT
    )
    differences: list[Difference] = []
    alike: int | None = None
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                found = list(_different(good[i], bad[j], i, j))
                if found and alike is None and any(one.kind in ("answer", "arguments") for one in found):
                    alike = i
                differences += found
            continue
        if alike is None:
            alike = i1
        differences += _alone(good, i1, i2, "missing")
        differences += _alone(bad, j1, j2, "added")
    return Comparison((len(good), len(bad)), len(good) if alike is None else alike, differences)


def _alone(side: list[Step], start: int, end: int, kind: Kind) -> Iterator[Difference]:
    at = start
    while at < end:
        last = at
        while last + 1 < end and side[last + 1].key == side[at].key:
            last += 1
        one = side[at]
        told = f"{one.text} → {one.outcome}" if one.outcome else one.text
        place = (at + 1, None) if kind == "missing" else (None, at + 1)
        times = (one.time_ns, None) if kind == "missing" else (None, one.time_ns)
        good, bad = (told, None) if kind == "missing" else (None, told)
        yield Difference(
            kind,
            place,
            good,
            bad,
            "only in the first" if kind == "missing" else "only in the second",
            times,
            last - at + 1,
        )
        at = last + 1


def _different(good: Step, bad: Step, i: int, j: int) -> Iterator[Difference]:
    at, times = (i + 1, j + 1), (good.time_ns, bad.time_ns)
    if good.outcome != bad.outcome:
        told = f"{good.text} → {good.outcome}", f"{bad.text} → {bad.outcome}"
        yield Difference("answer", at, *told, "another result", times)
    elif good.answers != bad.answers:
        lost = [one for one in good.answers if one not in bad.answers]
        more = [one for one in bad.answers if one not in good.answers]
        what = (
            "; ".join([f"without {', '.join(lost)}"] * bool(lost) + [f"with {', '.join(more)}"] * bool(more))
            or "other answers"
        )
        yield Difference("answer", at, good.text, bad.text, what, times)
    changed = [
        f"{name}: {good.params.get(name)} → {bad.params.get(name)}"
        for name in dict.fromkeys([*good.params, *bad.params])
        if good.params.get(name) != bad.params.get(name) and name not in _FLEETING
    ]
    if changed:
        yield Difference("arguments", at, good.text, bad.text, ", ".join(changed), times)
    if good.latency_ns and bad.latency_ns:
        a, b = good.latency_ns, bad.latency_ns
        if b > a * _SLOWER and b - a >= _AT_LEAST_NS:
            yield Difference("slower", at, good.text, bad.text, f"{a / 1e6:.0f} ms → {b / 1e6:.0f} ms", times)
        elif a > b * _SLOWER and a - b >= _AT_LEAST_NS:
            yield Difference("faster", at, good.text, bad.text, f"{a / 1e6:.0f} ms → {b / 1e6:.0f} ms", times)
