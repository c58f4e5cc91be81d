"""``atshark diff``: where a bad session parts from a good one."""

from __future__ import annotations

from typing import TextIO

import click
from rich.text import Text

from atshark.cli import DONE, FINDINGS, in_force, say
from atshark.diff import Comparison, Difference, compare, steps
from atshark.render import utf8_output
from atshark.render.console import console_on
from atshark.render.safe import json
from atshark.render.text import clock, shorten
from atshark.sources import Wanted, open_source
from decoder.values import printable

_MARKS = {
    "missing": ("-", "red"),
    "added": ("+", "green"),
    "answer": ("≠", "bold yellow"),
    "arguments": ("~", "cyan"),
    "slower": ("⏱", "magenta"),
    "faster": ("⏱", "blue"),
}


@click.command("diff")
@click.argument("good")
@click.argument("bad")
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    show_default=True,
    help="How it is printed.",
)
@click.option(
    "--limit", type=click.IntRange(1), default=200, show_default=True, help="Differences that are printed as text."
)
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
def command(good: str, bad: str, output: str, limit: int, dialects: tuple[str, ...]) -> int:
    """Compare the sessions GOOD and BAD (recordings, exports, USB captures, text logs) by what was done, not by time.

    Shown are the step where they first part, what is missing or came on top (-, +), what was answered differently (≠),
    said with other arguments (~), or took much longer (⏱). The exit status is 0 if there is no
    difference, 1 if there is.
    """
    known = in_force(dialects)
    with open_source(good, Wanted(known)) as source:
        first = steps(source, known)
        say(good, source)
    with open_source(bad, Wanted(known)) as source:
        second = steps(source, known)
        say(bad, source)
    found = compare(first, second)
    stream = utf8_output()
    if output == "jsonl":
        stream.write(
            json(
                {
                    "kind": "comparison",
                    "steps": found.steps,
                    "alike": found.alike,
                    "differences": len(found.differences),
                }
            ).decode()
            + "\n"
        )
        for one in found.differences:
            stream.write(json(one).decode() + "\n")
    else:
        _print(found, stream, good, bad, limit)
    return FINDINGS if found.differences else DONE


def _print(found: Comparison, stream: TextIO, good: str, bad: str, limit: int) -> None:
    console = console_on(stream)
    a, b = found.steps
    console.print(f"{printable(good)}: {a} steps; {printable(bad)}: {b} steps")
    if not found.differences:
        console.print(Text("no difference", style="green"))
        return
    if found.alike == a == b:
        console.print(f"all {a} steps are alike, but for how long they took")
    else:
        console.print(Text(f"alike up to step {found.alike}; then:", style="bold"))
    for one in found.differences[:limit]:
        console.print(_line(one))
    if len(found.differences) > limit:
        console.print(f"… {len(found.differences) - limit} more (--limit)")


def _line(one: Difference) -> Text:
    mark, style = _MARKS[one.kind]
    place = f"{one.at[0] or '':>5} {one.at[1] or '':>5}"
    time = clock(one.time_ns[1] if one.time_ns[1] is not None else one.time_ns[0])
    times = f" ({one.count} times)" if one.count > 1 else ""
    text = Text(f"{place} {time} ").append(f"{mark} ", style)
    if one.kind in ("missing", "added"):
        return text.append(printable(shorten(one.good or one.bad or "")) + times)
    if one.kind == "answer" and one.what == "another result":
        text.append(printable(shorten(one.good or "")) + "\n" + " " * 27)
        return text.append(printable(shorten(one.bad or "")))
    return text.append(f"{printable(shorten(one.bad or ''))}: {printable(shorten(one.what))}")
