"""``atshark wireshark``: put atshark into Wireshark, take it out again, tell whether all is well, open files in it."""

from __future__ import annotations

import importlib.metadata
import sys

import click

from atshark.cli import DONE, FINDINGS, in_force, say
from atshark.ports import permission_problems, prober_warning
from atshark.sources import open_source
from atshark.window import show, temporary
from capture.errors import AtsharkError
from decoder.decode import Decoder
from wireshark import health
from wireshark import install as installation
from wireshark.export import export


@click.group("wireshark")
def command() -> None:
    """Dissector, live capture interfaces and profile for Wireshark."""


@command.command("install")
def install() -> int:
    """Install the dissector, the capture interfaces "AT tap" and "AT tap (demo)", and the profile "atshark"."""
    where = installation.folders()
    if not where.version:
        click.echo("atshark: Wireshark was not found; installing where it usually looks", err=True)
    for line in installation.install(where):
        click.echo(line)
    if where.version and health.loaded() is None:
        click.echo(f"atshark: the dissector is in its place, but {health.why_not_loaded(where)}", err=True)
    click.echo('\nStart Wireshark, choose the profile "atshark" (bottom right), and try the interface "AT tap (demo)".')
    return DONE


@command.command("open")
@click.argument("file")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- WIRESHARK ARGUMENTS]")
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
def open_file(file: str, arguments: tuple[str, ...], dialects: tuple[str, ...]) -> int:
    """Show FILE in Wireshark: a recording, an export, a text log, a capture; "-" is standard input.

    It is exported to a temporary file, which is gone when Wireshark ends. What stands behind -- is handed to Wireshark:
    atshark wireshark open ticket.txt -- -Y atshark.finding
    """
    program = health.find_window()
    where = installation.folders()
    known = in_force(dialects)
    with temporary(file) as out:
        with open_source(file) as source:
            export(source, Decoder(known), out)
            say(file, source)
            partial = bool(source.warnings)
        options = ["-C", installation.PROFILE] if (where.profiles / installation.PROFILE).is_dir() else []
        if health.loaded() is None:
            installed = (where.plugins / installation.PLUGIN).exists()
            problem = health.why_not_loaded(where) if installed else "run `atshark wireshark install` first"
            click.echo(f"atshark: the dissector is missing, packets show their comments only: {problem}", err=True)
        status = show([program, *options, "-r", str(out), *arguments])
    if status:
        raise AtsharkError(f"Wireshark ended with status {status}")
    return FINDINGS if partial else DONE


@command.command("uninstall")
def uninstall() -> int:
    """Remove what install has written, and nothing else."""
    lines = list(installation.uninstall(installation.folders()))
    click.echo("\n".join(lines) if lines else "nothing of atshark is installed")
    return DONE


@command.command("status")
def status() -> int:
    """Tell what is installed, what is missing, and whether the serial ports can be opened."""
    where = installation.folders()
    click.echo(f"atshark {importlib.metadata.version('atshark')}, Python {sys.version.split()[0]} ({sys.executable})")
    click.echo(f"Wireshark {where.version}" if where.version else "Wireshark: not found; install it, then run install")
    good = bool(where.version)
    for file in installation.files(where):
        state = file.state
        good &= state in ("current", "adapted")
        click.echo(f"{file.title}: {_STATES[state]} ({file.path})")
        if state == "outdated" and (told := installation.difference(file)):
            click.echo(f"  {told}")
        if file.title == installation.DISSECTOR and state in ("current", "outdated") and where.version:
            source = health.loaded()
            good &= source is not None
            click.echo(f"  loaded from {source}" if source else f"  {health.why_not_loaded(where)}")
    problems = permission_problems()
    for problem in problems:
        click.echo(f"ports: {problem}")
    warning = prober_warning()
    if warning:
        click.echo(warning)
    return DONE if good and not problems else FINDINGS


_STATES = {
    "current": "installed",
    "adapted": "installed, and changed by you",
    "missing": "missing; run `atshark wireshark install`",
    "outdated": "of another version, or changed; `atshark wireshark install` writes it again",
    "foreign": "another file of this name is there; move it away, then run `atshark wireshark install`",
}
