"""``atshark check``: what went wrong in files, and what to try."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from atshark.check import Checked, check
from atshark.cli import DONE, FINDINGS, UNUSABLE, in_force
from atshark.cli.inputs import Input, several_inputs
from atshark.render import utf8_output
from atshark.render.findings import WRITERS
from atshark.sources import Wanted
from capture.errors import AtsharkError
from decoder.catalog import Catalog
from decoder.findings import Lang
from decoder.findings.story import Story


@click.command("check")
@several_inputs
@click.option(
    "--format",
    "output",
    type=click.Choice(list(WRITERS)),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="From which severity on the exit status is 1.",
)
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the findings."
)
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
def command(
    files: tuple[str, ...], pair: Input | None, output: str, fail_on: str, lang: Lang, dialects: tuple[str, ...]
) -> int:
    """Say what went wrong in FILES (anything that `decode` reads; folders are searched) and what to try.

    The exit status is 0 if nothing is wrong, 1 if there are findings of the severity of --fail-on or worse, and 2 if a
    file could not be read.
    """
    known = in_force(dialects)
    paths = [pair] if pair is not None else [Input((path,)) for path in _expanded(files)]
    if not paths:
        raise AtsharkError(f"{', '.join(files)}: no file is in there")
    done: list[Checked] = []

    def results() -> Iterator[Checked]:
        shown = len(paths) > 1 and sys.stderr.isatty()
        with click.progressbar(paths, file=sys.stderr if shown else None, hidden=not shown) as bar:
            for path in bar:
                done.append(_checked(path, known))
                yield done[-1]

    WRITERS[output](results(), utf8_output(), lang)
    if any(one.problem for one in done):
        if output != "text":
            for one in done:
                if one.problem:
                    click.echo(f"atshark: {one.problem}", err=True)
        return UNUSABLE
    bad = sum(one.counts["error"] + (one.counts["warning"] if fail_on == "warning" else 0) for one in done)
    return FINDINGS if bad else DONE


def _checked(given: Input, known: Catalog) -> Checked:
    try:
        with given.open(Wanted(known)) as source:
            return check(source, known, given.name)
    except AtsharkError as error:
        return Checked(given.name, Story(known), problem=str(error))


def _expanded(files: tuple[str, ...]) -> Iterator[str]:
    for file in files:
        path = Path(file)
        if file != "-" and path.is_dir():
            yield from (str(one) for one in sorted(path.rglob("*")) if one.is_file())
        else:
            yield file
