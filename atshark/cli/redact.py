"""``atshark redact``: a copy of a file without its secrets."""

from __future__ import annotations

from pathlib import Path

import click

from atshark.cli import DONE, FINDINGS, complain, in_force, is_input
from atshark.redact import Options, redact
from capture.outfile import output


@click.command("redact")
@click.argument("file")
@click.option(
    "-o", "--output", "out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
@click.option("--addresses", is_flag=True, help="Hide servers and IP addresses, too.")
@click.option("--topics", is_flag=True, help="Hide MQTT topics, too.")
@click.option("--payloads", is_flag=True, help="Hide messages, too.")
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
def command(file: str, out: Path, addresses: bool, topics: bool, payloads: bool, dialects: tuple[str, ...]) -> int:
    """Write FILE (a recording, an export, a text log) again without its secrets, in its own format.

    Keys, passwords, tokens, IMEI, IMSI, ICCID, phone numbers and places are replaced by others of the same length and
    kind of characters, in whatever encoding they stand. The result is decoded and searched before it is written. Of a
    USB capture, what was said on the AT port is written, as a recording.
    """
    if is_input(out, file):
        raise click.UsageError(f"{out}: the result would overwrite its input; give another file to -o")
    done = redact(file, in_force(dialects), Options(addresses, topics, payloads))
    _write(out, done.data)
    for note in done.notes:
        click.echo(f"atshark: {note}", err=True)
    for kind, count in sorted(done.kinds.items()):
        click.echo(f"{kind}: {count} {'value' if count == 1 else 'values'} replaced")
    count = sum(done.kinds.values())
    for text in done.warnings:
        complain(text)
    click.echo(f"{out}: {len(done.data)} bytes, {count} secrets replaced; decoded and searched", err=True)
    return FINDINGS if done.warnings else DONE


def _write(out: Path, data: bytes) -> None:
    """Write the whole file or nothing."""
    with output(out) as stream:
        stream.write(data)
