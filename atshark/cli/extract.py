"""``atshark extract``: what a session carried, as files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from atshark.cli import DONE, FINDINGS, complain, in_force, say
from atshark.extract import Extracted, extract
from atshark.sources import open_source
from decoder.decode import NO_STAGES, run


@click.command("extract")
@click.argument("file")
@click.option(
    "-d",
    "--directory",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="A new or empty folder for the files.",
)
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
def command(file: str, folder: Path, dialects: tuple[str, ...]) -> int:
    """Write what FILE carried to files: payloads, streams, datagrams, bodies, firmware images.

    index.jsonl in the folder lists them with size, MD5 and where they came from. The exit status is 1 if a body or
    image is not complete, or the input was cut.
    """
    known = in_force(dialects)
    with open_source(file) as source:
        written = extract(run(source, known, NO_STAGES), folder)
        say(file, source)
        wrong = _report(written, folder)
        return FINDINGS if wrong or source.warnings else DONE


def _report(written: list[Extracted], folder: Path) -> int:
    counts = Counter(entry.kind for entry in written)
    sizes = Counter[str]()
    for entry in written:
        sizes[entry.kind] += entry.length
    for kind, count in counts.items():
        click.echo(f"{count:6} {kind:9} {sizes[kind]:12,} bytes")
    if not written:
        click.echo("nothing was carried", err=True)
    wrong = [entry for entry in written if not entry.complete]
    for entry in wrong:
        why = "; ".join(entry.problems) or "its end never came"
        complain(f"{folder / entry.file}: not complete: {why}")
    return len(wrong)
