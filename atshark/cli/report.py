"""``atshark report``: a session as one HTML page."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from atshark.cli import DONE, FINDINGS, complain, is_input, say
from atshark.redact import redact
from atshark.report import report
from atshark.sources import Wanted, open_source
from capture.outfile import output
from decoder import catalog
from decoder.findings import Lang


@click.command("report")
@click.argument("file")
@click.option(
    "-o", "--output", "out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The page to write."
)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the page.")
@click.option("--redact", "hide", is_flag=True, help="Without secrets: the page of what `atshark redact` writes.")
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
def command(file: str, out: Path, lang: Lang, hide: bool, dialects: tuple[str, ...]) -> int:
    """Write FILE (a recording, an export, a USB capture, a text log) as one HTML page.

    It holds the story, the findings, a time line, the latencies and all records, and needs no
    network and no other file. It can be searched, filtered and printed. The exit status is 1 if the input was cut.
    """
    if is_input(out, file):
        raise click.UsageError(f"{out}: the page would overwrite its input; give another file to -o")
    known = catalog.load(dialects)
    with tempfile.NamedTemporaryFile() as copy:
        warnings: list[str] = []
        if hide:
            done = redact(file, known)
            copy.write(done.data)
            copy.flush()
            warnings = done.warnings
        with open_source(copy.name if hide else file, Wanted(known)) as source:
            page = report(source, known, file, lang)
            cut = bool(source.warnings or warnings)
            say(file, source)
    for text in warnings:
        complain(text)
    data = page.encode("utf-8", "backslashreplace")
    with output(out) as stream:
        stream.write(data)
    click.echo(f"{out}: {len(data) / 1e6:.1f} MB", err=True)
    return FINDINGS if cut else DONE
