"""``atshark capture``: record one or two ports, and show what is said."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import click

from atshark.beside import LiveExport
from atshark.cli import DONE, FINDINGS, complain
from atshark.live_view import STOP, LiveView
from capture.chunk import Mark, MarkChunk
from capture.errors import AtsharkError
from capture.recording import OutputLostError, Recorder
from capture.rotation import Compression, RotatingRecorder, Rotation, numbered, parse
from capture.tap import DEFAULT_BAUD, IDENTIFY_S, Tap
from capture.writing import Background

_LOWEST, _HIGHEST = 50, 12_000_000
_NOTES_S = 0.05


def _speed(text: str) -> int:
    """Read a speed in bit/s; 0 stands for "auto"."""
    number = int(text) if text.isdecimal() and len(text) < 12 else 0
    if text.lower() != "auto" and not _LOWEST <= number <= _HIGHEST:
        raise click.BadParameter(f"{text!r} is neither a speed from {_LOWEST} to {_HIGHEST} bit/s nor 'auto'")
    return number


@click.command("capture")
@click.argument("mcu_port")
@click.argument("module_port", default="-")
@click.option(
    "-w",
    "--write",
    "out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The recording to write (pcapng).",
)
@click.option(
    "--export",
    "wire",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write an export for Wireshark, too, beside the recording, while it grows.",
)
@click.option(
    "-b",
    "--baud",
    default=str(DEFAULT_BAUD),
    show_default=True,
    type=_speed,
    metavar="BIT/S|auto",
    help="Line speed; auto: find it by listening. AT+IPR on the line is followed either way.",
)
@click.option(
    "--module-baud", type=click.IntRange(_LOWEST, _HIGHEST), help="Speed of the module's wire, if it differs."
)
@click.option("--framing", default="8N1", show_default=True, help="Data bits, parity, stop bits: 8N1, 7E1 …")
@click.option("--identify", is_flag=True, help="Find out from the traffic which port is the MCU's.")
@click.option("--rotate", metavar="100MB|1h", help="Begin a new file after this size or time; names get a number.")
@click.option("--keep", type=click.IntRange(min=1), help="With --rotate: keep this many files, delete the oldest.")
@click.option(
    "--compress", type=click.Choice(["gzip", "zstd"]), help="With --rotate: compress files that are finished."
)
@click.option("--overwrite", is_flag=True, help="Write over a recording of this name.")
@click.option("--no-reattach", is_flag=True, help="Do not wait for an adapter that went away.")
@click.option("--duration", type=click.FloatRange(min=0, min_open=True), help="Stop after this many seconds.")
@click.option(
    "--show/--quiet", "shown", default=None, help="Show what is said, or not. Without either: on a terminal only."
)
def command(
    mcu_port: str,
    module_port: str,
    out: Path,
    wire: Path | None,
    baud: int,
    module_baud: int | None,
    framing: str,
    identify: bool,
    rotate: str | None,
    keep: int | None,
    compress: Compression | None,
    overwrite: bool,
    no_reattach: bool,
    duration: float | None,
    shown: bool | None,
) -> int:
    """Listen on MCU_PORT (the wire on which the MCU sends) and MODULE_PORT, and record both.

    A port is a device, or socket://HOST:PORT, or rfc2217://HOST:PORT; "-" (or nothing) stands for a wire that is not
    tapped. Nothing is ever written to a port and no control line is driven. An adapter that is unplugged leaves a mark
    in the recording, and is taken up again when it is back. On a terminal the traffic is shown; m adds a note to the
    recording, q or Ctrl-C stops.
    """
    rotation = _rotation(rotate, keep, compress)
    _not_over_another(out, wire, rotation, overwrite)
    tap = Tap(
        None if mcu_port == "-" else mcu_port,
        None if module_port == "-" else module_port,
        baud or None,
        module_baud=module_baud,
        framing=framing.upper(),
        reattach=not no_reattach,
    )
    writers: list[Background] = []
    for number in (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ())):
        signal.signal(number, lambda _number, _frame: _asked_to_stop(tap, writers))
    try:
        if identify:
            _identify(tap, mcu_port, module_port)
        writer = Background(_recorder(out, rotation, tap))
        writers.append(writer)
        if shown if shown is not None else sys.stdout.isatty():
            view: LiveView | None = LiveView(tap.descriptions, str(out))
        else:
            view = None
        exporting = None if wire is None else LiveExport(out, wire, rotation is not None, keep)
        names = " and ".join(f"{port.name} ({side}, {tap.speeds[side]} bit/s)" for side, port in tap.ports.items())
        click.echo(f"recording {names} to {out}; stop with Ctrl-C", err=True)
        counts = _record(tap, writer, view, exporting, duration)
    finally:
        tap.close()
    if exporting is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        exporting.close()
    return _told(tap, writer, view, exporting, out, counts)


def _not_over_another(out: Path, wire: Path | None, rotation: Rotation | None, overwrite: bool) -> None:
    """Refuse names of files that are there already; those of several recordings are looked at one by one."""
    if wire is not None and os.path.abspath(wire) == os.path.abspath(out):
        raise click.UsageError(f"{wire}: the export would overwrite the recording; give another file to --export")
    for option, path in (("-w", out), ("--export", wire)):
        if path is not None and not overwrite and path.is_file() and path.stat().st_size:
            raise click.UsageError(f"{path}: exists already; give another name to {option}, or --overwrite")
    if wire is not None and rotation is not None and numbered(wire, 1).exists():
        raise click.UsageError(f"{numbered(wire, 1)}: exists already; give another name to --export, or move it away")
    if wire is not None and not wire.absolute().parent.is_dir():
        raise click.UsageError(f"{wire}: there is no such folder")


def _asked_to_stop(tap: Tap, writers: list[Background]) -> None:
    """Stop; when asked again while the disk hangs, do not wait for it any more."""
    if tap.stopped and any(writer.hangs_s for writer in writers):
        for writer in writers:
            writer.abandon()
    tap.stop()


def _rotation(rotate: str | None, keep: int | None, compress: Compression | None) -> Rotation | None:
    if rotate is None and (keep is not None or compress is not None):
        raise click.UsageError("--keep and --compress need --rotate")
    try:
        return None if rotate is None else parse(rotate, keep, compress)
    except ValueError as error:
        raise click.UsageError(f"--rotate: {error}") from error


def _recorder(out: Path, rotation: Rotation | None, tap: Tap) -> Recorder | RotatingRecorder:
    if rotation is None:
        return Recorder(out, tap.descriptions, tap.speeds)
    return RotatingRecorder(out, rotation, tap.descriptions, tap.speeds)


def _identify(tap: Tap, mcu_port: str, module_port: str) -> None:
    if "-" in (mcu_port, module_port):
        raise click.UsageError("--identify needs two ports")
    click.echo(f"listening for at most {IDENTIFY_S:.0f} s to find out which port is the MCU's …", err=True)
    click.echo(tap.identify(), err=True)


def _record(
    tap: Tap, writer: Background, view: LiveView | None, exporting: LiveExport | None, duration: float | None
) -> dict[str, int]:
    """Record until the tap stops or the time is over. Return how many bytes came from each side."""
    counts = {"mcu": 0, "module": 0}
    deadline = None if duration is None else time.monotonic() + duration
    asked = 0.0
    told: set[str] = set()

    def tell(what: str, text: str) -> None:
        """Tell at once, and once, what happens to the file: in the view, or on standard error."""
        if what not in told:
            told.add(what)
            if view is not None:
                view.send(MarkChunk.at(tap.now(), next(iter(tap.speeds)), Mark("file", text)))
            else:
                complain(text)

    try:
        for chunk in tap:
            if chunk is not None:
                writer.write(chunk)
                counts[chunk.side] += len(chunk.data)
                if view is not None:
                    view.send(chunk)
            now = time.monotonic()
            if view is not None and now - asked >= _NOTES_S:
                asked = now
                view.idle()
                for note in view.notes():
                    if note == STOP:
                        tap.stop()
                    else:
                        tap.note(note)
            if exporting is not None and view is None:
                for problem in exporting.news():
                    click.echo(f"atshark: {problem}", err=True)
            if writer.moved:
                tell("moved", "the file was given another name; it is written under that one")
            if writer.hangs_s:
                tell("hangs", "the disk does not answer; what comes is kept in memory")
            if writer.failure is not None and view is not None:
                tell("failure", f"recording stopped: {_reason(writer.failure)}")
            if (deadline is not None and now >= deadline) or writer.failure is not None:
                tap.stop()
    finally:
        writer.close()
        if view is not None:
            view.close()
    return counts


def _reason(failure: Exception) -> object:
    return getattr(failure, "strerror", None) or failure


def _told(
    tap: Tap,
    writer: Background,
    view: LiveView | None,
    exporting: LiveExport | None,
    out: Path,
    counts: dict[str, int],
) -> int:
    """Say at the end what was recorded, and what was not."""
    for problem in [] if exporting is None else exporting.news():
        click.echo(f"atshark: {problem}", err=True)
    held = "what is in the file is not known" if writer.final is None else f"{writer.final} bytes"
    if writer.abandoned:
        left = f"{writer.unwritten} bytes waited for the disk, which did not answer"
        raise AtsharkError(f"{out}: recording stopped: {left}; {held}")
    if isinstance(writer.failure, OutputLostError):
        raise AtsharkError(f"{out}: recording stopped: {_reason(writer.failure)}; it had {held}")
    if writer.failure is not None:
        raise AtsharkError(
            f"{out}: recording stopped: {_reason(writer.failure)}; everything before is in the file ({held})"
        )
    problems = list(tap.lost.values())
    if writer.moved:
        problems.append(f"{out}: the file was given another name while it was written; it is whole under that one")
    if tap.overruns:
        problems.append(f"the driver lost bytes ({tap.overruns} overruns)")
    problems += [f"{count} line errors on the {side} wire" for side, count in tap.errors.items() if count]
    if writer.waited_s:
        problems.append(f"the disk was too slow: reading had to wait {writer.waited_s:.1f} s for it")
    for problem in problems:
        click.echo(f"atshark: {problem}", err=True)
    if view is not None and view.not_shown:
        click.echo(f"atshark: {view.not_shown} bytes were recorded but not shown: the display was behind", err=True)
    if tap.skew:
        click.echo(f"atshark: {tap.skew}", err=True)
    click.echo(f"{out}: {counts['mcu']} bytes from the MCU, {counts['module']} from the module", err=True)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    return FINDINGS if problems or (exporting is not None and not exporting.whole) else DONE
