"""``atshark export``: any input to a pcapng file that Wireshark opens."""

from __future__ import annotations

from pathlib import Path

import click

from atshark.cli import DONE, FINDINGS, in_force, say
from atshark.cli.inputs import Input, one_input
from decoder.decode import Decoder
from wireshark.export import export


@click.command("export")
@one_input
@click.option(
    "-w", "--write", "out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
def command(given: Input, out: Path, dialects: tuple[str, ...]) -> int:
    """Export FILE (a recording, an export, a USB capture, a text log; "-" is standard input) for Wireshark."""
    known = in_force(dialects)
    with given.open() as source:
        if given.is_overwritten_by(out):
            raise click.UsageError(f"{out}: the export would overwrite its input; give another file to -w")
        packets = export(source, Decoder(known, timing=source.timing), out)
        say(given.name, source)
        click.echo(f"{out}: {packets} packets", err=True)
        return FINDINGS if source.warnings else DONE
