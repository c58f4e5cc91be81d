"""``atshark wireshark``: put atshark into Wireshark, take it out again, tell whether all is well."""

from __future__ import annotations

import importlib.metadata
import sys

import click

from atshark.cli import DONE, FINDINGS
from atshark.ports import permission_problems, prober_warning
from wireshark import install as installation


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
    click.echo('\nStart Wireshark, choose the profile "atshark" (bottom right), and try the interface "AT tap (demo)".')
    return DONE


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
