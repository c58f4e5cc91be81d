"""Why a text log is read as it is: the readings that were tried, and what spoke for each."""

from __future__ import annotations

from atshark.sources.logs.judge import Judged, Verdict
from atshark.sources.logs.reading import Reading
from decoder.values import printable

_SHOWN = 8


def why(verdict: Verdict) -> list[str]:
    """Return the lines that tell of a verdict."""
    out = [f"read as {verdict.reading.name}: {verdict.reading.title}"]
    out += [f"  {line}" for line in _assumed(verdict.reading)]
    out.append("readings that were tried, the best first:")
    out += [f"  {line}" for judged in verdict.tried[:_SHOWN] for line in _tried(judged)]
    dialects = verdict.tried[0].evidence.dialects
    if dialects:
        out.append("dialects that its lines speak: " + ", ".join(f"{name} ({lines})" for name, lines in dialects))
    out.append(f"doubt: {verdict.doubt}" if verdict.doubt else "no doubt")
    return out


def _assumed(reading: Reading) -> list[str]:
    out = []
    if reading.sides is None:
        out.append("who spoke: told from what is said")
    else:
        marks = ", ".join(f'"{printable(mark)}" is the {side}' for mark, side in sorted(reading.sides.items())[:12])
        out.append(f"who spoke: {marks or 'said by the columns'}")
    if reading.quoting.layers:
        out.append(f"taken off around records: {reading.quoting}")
    if reading.tail:
        out.append("taken off behind records: what the program prints there")
    style = reading.style
    if style.hexadecimal:
        out.append("bytes: in hex")
    elif style.escapes:
        out.append(f"bytes: text with escapes ({style.escapes[0]})")
    elif style.lost and reading.form.content != "hex":
        out.append("bytes: text; line ends are put back")
    if reading.echo > 1:
        out.append(f"each command stands there {reading.echo} times: once sent, then echoed")
    return out


def _tried(judged: Judged) -> list[str]:
    one = judged.evidence
    said = (
        f"{one.answered} of {one.commands} commands with a result, {one.shown} with an answer alone, "
        f"{one.unanswered} without; {one.orphans} results without a command; {one.strange} lines that nobody says; "
        f"{one.noise} noise; {one.known} known names; "
        f"{one.missed} lines of traffic left out"
    )
    return [f"{judged.points:8.1f}  {judged.reading.name}: {said}"]
