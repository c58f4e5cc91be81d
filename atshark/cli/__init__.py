"""The command ``atshark``: one file per verb, loaded when it is called, so that the command starts at once."""

from __future__ import annotations

import errno
import gc
import importlib
import importlib.util
import io
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from atshark.render.safe import shown
from capture.errors import AtsharkError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from atshark.sources import Source
    from decoder.catalog import Catalog

VERBS = {
    "batch": "Decode many files into a dataset, here or on a cluster.",
    "capture": "Record and decode two serial ports, live.",
    "check": "Say what went wrong in files, and what to try.",
    "decode": "Decode a recording, an export or a text log.",
    "diff": "Compare two sessions by what was done.",
    "demo": "See it work without hardware.",
    "dialects": "Show what atshark knows; check a dialect file.",
    "export": "Write a pcapng file for Wireshark.",
    "extract": "Write what was carried to files: payloads, streams, bodies, firmware.",
    "query": "Ask a dataset: errors, slow commands, firmware, SQL.",
    "redact": "Copy a file without keys, identities and places.",
    "report": "Write a session as one HTML page: story, findings, time line, records.",
    "wireshark": "Install dissector, live capture and profile into Wireshark.",
}
HIDDEN = {"extcap": "Called by Wireshark."}
DONE, FINDINGS, UNUSABLE = 0, 1, 2


def say(file: str, source: Source) -> None:
    """Say on standard error what a reader had to assume, and what was wrong with its input."""
    for text in (*(f"{'standard input' if file == '-' else file}: {note}" for note in source.notes), *source.warnings):
        complain(text)


def in_force(dialects: Iterable[str]) -> Catalog:
    """Load dialects, or all of them; tell which of the user's own files are broken and left out."""
    from decoder import catalog  # noqa: PLC0415 - the command starts at once

    known = catalog.load(dialects)
    for problem in known.problems:
        complain(problem)
    return known


def complain(text: object) -> None:
    """Tell a problem on standard error; what comes from a file in it is safe on a terminal."""
    click.echo(f"atshark: {shown(str(text))}", err=True)


def is_input(out: Path, file: str) -> bool:
    """Tell whether ``out`` is the file that ``file`` (which may name a port of it) is read from."""
    from atshark.sources import split_port  # noqa: PLC0415 - the command starts at once

    name, _ = split_port(file)
    return name != "-" and out.exists() and os.path.exists(name) and out.samefile(name)


def needs_batch() -> None:
    """Raise :class:`AtsharkError` if what `batch` and `query` need is not installed."""
    missing = [name for name in ("distributed", "duckdb", "fsspec", "pyarrow") if not importlib.util.find_spec(name)]
    if missing:
        raise AtsharkError(f"this needs {', '.join(missing)}: pip install 'atshark[batch]'")


class _NobodyReadsError(Exception):
    """What a command writes is not read any more. (click ends with status 1 at a BrokenPipeError.)"""


class _Verbs(click.Group):
    """A group whose commands live in modules of their own."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _NobodyReadsError from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS and cmd_name not in HIDDEN:
            return None
        command: click.Command = importlib.import_module(f"atshark.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="atshark", message="%(prog)s %(version)s")
def cli() -> None:
    """Listen to the serial line between a microcontroller and a cellular module, and say what happened."""


class _ClosedOutput(io.RawIOBase):
    """Stands for a standard output that was closed before the command began."""

    def writable(self) -> bool:
        return True

    def write(self, _data: object, /) -> int:
        raise OSError(errno.EBADF, "it is closed")


def _stand_in() -> None:
    """Put something in place of standard streams that are closed: no file may get their numbers."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(cast(BinaryIO, _ClosedOutput()), "utf-8", write_through=True)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lasts as long as the process


def _discard_output() -> None:
    """Let what is left in the buffer of standard output go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):  # no file is behind it
        sys.stdout = open(nowhere, "w", encoding="utf-8")  # noqa: SIM115 - the process ends


def main() -> None:
    """Run the command and exit: 0 done, 1 findings or partial, 2 unusable input or arguments."""
    gc.set_threshold(100_000, 50, 50)  # records hold no cycles; collecting seldom saves a fifth of the time
    _stand_in()
    try:
        code = cli.main(standalone_mode=False, prog_name="atshark")
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = UNUSABLE
    except AtsharkError as error:
        complain(error)
        code = UNUSABLE
    except (KeyboardInterrupt, click.Abort):
        code = 130
    except (_NobodyReadsError, BrokenPipeError):
        _discard_output()
        code = DONE
    except OSError as error:
        complain(f"{error.filename or 'standard output'}: cannot be written: {error.strerror or error}")
        _discard_output()
        code = UNUSABLE
    sys.exit(code if isinstance(code, int) else DONE)
