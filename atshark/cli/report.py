"""``atshark report``: a session as one HTML page."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from atshark.cli import DONE, FINDINGS, complain, in_force, say
from atshark.cli.inputs import Input, one_input
from atshark.redact import redact
from atshark.report import report
from atshark.sources import Wanted
from capture.outfile import output
from decoder.findings import Lang


@click.command("report")
@one_input
@click.option(
    "-o", "--output", "out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The page to write."
)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the page.")
@click.option("--redact", "hide", is_flag=True, help="Without secrets: the page of what `atshark redact` writes.")
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
def command(given: Input, out: Path, lang: Lang, hide: bool, dialects: tuple[str, ...]) -> int:
    """Write FILE (a recording, an export, a USB capture, a text log) as one HTML page.

    It holds the story, the findings, a time line, the latencies and all records, and needs no
    network and no other file. It can be searched, filtered and printed. The exit status is 1 if the input was cut.
    """
    if given.is_overwritten_by(out):
        raise click.UsageError(f"{out}: the page would overwrite its input; give another file to -o")
    known = in_force(dialects)
    with tempfile.NamedTemporaryFile() as copy:
        warnings: list[str] = []
        if hide:
            done = redact(given.file, known)
            copy.write(done.data)
            copy.flush()
            warnings = done.warnings
        with (Input((copy.name,)) if hide else given).open(Wanted(known)) as source:
            page = report(source, known, given.name, lang)
            cut = bool(source.warnings or warnings)
            say(given.name, source)
    for text in warnings:
        complain(text)
    data = page.encode("utf-8", "backslashreplace")
    with output(out) as stream:
        stream.write(data)
    click.echo(f"{out}: {len(data) / 1e6:.1f} MB", err=True)
    return FINDINGS if cut else DONE
