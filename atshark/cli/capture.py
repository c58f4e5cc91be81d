"""``atshark capture``: record two ports, and show what is said."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from atshark.cli import DONE, FINDINGS
from atshark.live import Live
from atshark.render import utf8_output
from atshark.render.console import printer
from capture.rotation import parse
from capture.tap import Tap
from decoder import catalog


@click.command("capture")
@click.argument("mcu_port")
@click.argument("module_port")
@click.option(
    "-w",
    "--write",
    "out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The recording to write (pcapng).",
)
@click.option(
    "-b", "--baud", default=115200, show_default=True, type=click.IntRange(50, 12_000_000), help="Line speed, bit/s."
)
@click.option("--module-baud", type=click.IntRange(50, 12_000_000), help="Speed of the module's wire, if it differs.")
@click.option("--framing", default="8N1", show_default=True, help="Data bits, parity, stop bits: 8N1, 7E1 …")
@click.option("--rotate", metavar="100MB|1h", help="Begin a new file after this size or time; names get a number.")
@click.option("--keep", type=click.IntRange(min=1), help="With --rotate: keep this many files, delete the oldest.")
@click.option("--duration", type=click.FloatRange(min=0, min_open=True), help="Stop after this many seconds.")
@click.option("--quiet", is_flag=True, help="Record only; show nothing.")
def command(
    mcu_port: str, module_port: str, out: Path, baud: int, module_baud: int | None, framing: str, rotate: str | None,
    keep: int | None, duration: float | None, quiet: bool,
) -> int:  # fmt: skip
    """Listen on MCU_PORT (the wire on which the MCU sends) and MODULE_PORT, record and decode.

    Nothing is ever written to a port and no control line is driven. Stop with Ctrl-C.
    """
    if keep is not None and rotate is None:
        raise click.UsageError("--keep needs --rotate")
    try:
        rotation = None if rotate is None else parse(rotate, keep)
    except ValueError as error:
        raise click.UsageError(f"--rotate: {error}") from error
    tap = Tap(mcu_port, module_port, baud, module_baud=module_baud, framing=framing.upper())
    live = Live(tap, out, baud, catalog.load(), None if quiet else printer(utf8_output()), rotation)
    for number in (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ())):
        signal.signal(number, lambda _number, _frame: tap.stop())
    if not quiet:
        click.echo(
            f"recording {mcu_port} (MCU) and {module_port} (module) at {baud} bit/s to {out}; stop with Ctrl-C",
            err=True,
        )
    live.run(duration)
    for problem in tap.lost.values():
        click.echo(f"atshark: {problem}", err=True)
    if live.not_shown:
        click.echo(
            f"atshark: the display could not follow: {live.not_shown} bytes were recorded but not shown", err=True
        )
    counts = f"{live.bytes['mcu']} bytes from the MCU, {live.bytes['module']} from the module"
    click.echo(f"{out}: {counts}", err=True)
    return FINDINGS if tap.lost else DONE
