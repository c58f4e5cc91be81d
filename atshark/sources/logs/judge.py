"""Which reading of a log is right? The decoder judges: each is decoded, and what speaks for it is counted.

Strategy: the head of the log is read by each candidate and decoded. Commands with a result speak for a reading, as do
answers that belong to commands, and names that dialects know; results without a command, commands without an answer,
lines that nobody says and noise speak against it. The best wins. How much it leaves unexplained, and how close
another one comes that says something else, is the doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import NamedTuple

from atshark.sources.logs.assembly import Assembly
from atshark.sources.logs.formats import Numbered
from atshark.sources.logs.reading import HEAD_ENTRIES, Pass, Reading, other_sides
from capture.chunk import LogChunk
from capture.timing import timing_of
from decoder import catalog
from decoder.events import Finding, Message, Summary, Transaction, Urc
from decoder.session import Session

_UNSURE, _DOUBTFUL = 0.2, 0.36
_FEW = 3


class Evidence(NamedTuple):
    """What the head of a log says when it is read in one way."""

    commands: int = 0
    answered: int = 0
    shown: int = 0
    unanswered: int = 0
    orphans: int = 0
    strange: int = 0
    known: int = 0
    noise: int = 0
    missed: int = 0
    dialects: tuple[tuple[str, int], ...] = ()

    @property
    def points(self) -> float:
        """What speaks for the reading, less what speaks against it."""
        good = 2.0 * self.answered + 1.0 * self.shown + 0.5 * self.known
        return (
            good
            - 1.0 * self.unanswered
            - 1.0 * self.orphans
            - 0.4 * self.strange
            - 2.0 * self.noise
            - 1.0 * self.missed
        )

    @property
    def unexplained(self) -> float:
        """The share of what was said that this reading does not explain: 0 to 1."""
        bad = self.unanswered + self.orphans + 0.5 * self.strange + 2 * self.noise + self.missed
        return bad / max(1.0, bad + self.answered + self.shown + 0.25 * self.known)


class Judged(NamedTuple):
    """A reading with its evidence and its points."""

    reading: Reading
    evidence: Evidence
    points: float


class Verdict(NamedTuple):
    """The reading that was taken, why (all that were tried, the best first), and the doubt: "" or a sentence."""

    reading: Reading
    tried: tuple[Judged, ...]
    doubt: str


@cache
def _standard() -> catalog.Catalog:
    return catalog.load()


def weigh(reading: Reading, head: list[Numbered], known: catalog.Catalog | None = None) -> Evidence:
    """Decode the head by a reading, and count."""
    passed = Pass(reading)
    entries = list(islice(passed.entries(head), HEAD_ENTRIES))
    session = Session(known or _standard(), timing_of(entry.time_ns for entry in entries))
    counts = dict.fromkeys(Evidence._fields[:-1], 0)
    dialects: tuple[tuple[str, int], ...] = ()
    chunks: Sequence[LogChunk] = list(Assembly(reading).chunks(entries))
    for event in [event for chunk in chunks for event in session.feed(chunk)] + session.close():
        if isinstance(event, Transaction):
            counts["commands"] += 1
            counts["known"] += event.dialect is not None
            result = event.result
            if result is not None and result.code not in ("unanswered", "timeout"):
                counts["answered"] += 1
            elif event.raw != "AT":  # repeated until the module is up
                counts["shown" if event.information else "unanswered"] += 1
        elif isinstance(event, Urc):
            counts["strange" if event.name is None else "known"] += event.name is None or event.dialect is not None
        elif isinstance(event, Message):
            counts["noise"] += event.kind == "noise"
            counts["strange"] += event.kind == "text" and event.side == "mcu"
        elif isinstance(event, Finding):
            counts["orphans"] += event.rule == "result.unexpected" and counts["commands"] > 0
        elif isinstance(event, Summary):
            dialects = tuple((use.dialect, use.lines) for use in event.dialects)
    counts["missed"] = passed.missed
    return Evidence(**counts, dialects=dialects)


def judge(
    found: Sequence[Reading], head: list[Numbered], known: catalog.Catalog | None = None, *, given: bool = False
) -> Verdict:
    """Choose the best of several readings of a head. ``given``: their sides are, and no others are tried."""
    judged = sorted((_judged(one, place, head, known) for place, one in enumerate(found)), key=lambda one: -one.points)
    best = judged[0]
    if best.evidence.unexplained > _UNSURE and not given:
        names = {one.reading.name for one in judged}
        others = [other for one in judged[:2] for other in other_sides(one.reading) if other.name not in names]
        judged += [_judged(one, len(found), head, known) for one in others]
        judged.sort(key=lambda one: -one.points)
        judged = [*(one for one in judged if _plausible(one)), *(one for one in judged if not _plausible(one))]
    best = judged[0]
    return Verdict(best.reading, tuple(judged), _doubt(judged))


def _plausible(judged: Judged) -> bool:
    """A reading that turns the marks round must have commands with answers to show for it."""
    return not judged.reading.name.endswith("/swapped") or judged.evidence.answered > 0


def _judged(reading: Reading, place: int, head: list[Numbered], known: catalog.Catalog | None) -> Judged:
    evidence = weigh(reading, head, known)
    points = evidence.points
    if reading.form.rank > 5 and reading.form.id not in ("plain", "learned"):
        points += abs(points) * 0.03 * (reading.form.rank - 5) + 0.5
    if reading.name.endswith(("/told", "/swapped")):
        points -= 0.5 + 0.05 * abs(points)
    return Judged(reading, evidence, points - 0.01 * place)


def _doubt(judged: list[Judged]) -> str:
    best = judged[0]
    evidence = best.evidence
    heard = evidence.commands + evidence.orphans + evidence.strange
    if heard >= _FEW and evidence.unexplained > _DOUBTFUL:
        have = evidence.answered + evidence.shown
        return (
            f"the log fits no reading well: {have} of {evidence.commands} commands have an answer, "
            f"{evidence.orphans} results no command, {evidence.strange} lines are nobody's"
        )
    return ""
