"""``atshark export``: any input to a pcapng file that Wireshark opens."""

from __future__ import annotations

from pathlib import Path

import click

from atshark.cli import DONE, FINDINGS, is_input, say
from atshark.sources import open_source
from decoder import catalog
from decoder.decode import Decoder
from wireshark.export import export


@click.command("export")
@click.argument("file")
@click.option(
    "-w", "--write", "out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
def command(file: str, out: Path, dialects: tuple[str, ...]) -> int:
    """Export FILE (a recording, an export, a USB capture, a text log; "-" is standard input) for Wireshark."""
    known = catalog.load(dialects)
    with open_source(file) as source:
        if is_input(out, file):
            raise click.UsageError(f"{out}: the export would overwrite its input; give another file to -w")
        packets = export(source, Decoder(known, timing=source.timing), out)
        say(file, source)
        click.echo(f"{out}: {packets} packets", err=True)
        return FINDINGS if source.warnings else DONE
