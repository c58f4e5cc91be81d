"""The input of a verb: FILE, or ``--mcu`` and ``--module``, two files of one wire each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import click

from atshark.cli import is_input
from atshark.sources import AS_IT_IS, Source, Wanted, open_source
from atshark.sources.pair import open_pair

_MCU = click.option("--mcu", metavar="FILE", help="What the MCU's wire said, where each wire has a file of its own.")
_MODULE = click.option("--module", metavar="FILE", help="What the module's wire said: with --mcu, instead of FILE.")


class Input(NamedTuple):
    """An input as it was given: ``files`` are one, or that of the MCU and that of the module."""

    files: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return " + ".join(self.files)

    @property
    def file(self) -> str:
        """The one file; raises click.UsageError if there are two."""
        if len(self.files) != 1:
            raise click.UsageError("this works with one FILE, not with --mcu and --module")
        return self.files[0]

    def open(self, wanted: Wanted = AS_IT_IS) -> AbstractContextManager[Source]:
        """Open it, as :func:`atshark.sources.open_source` does."""
        if len(self.files) == 1:
            return open_source(self.files[0], wanted)
        mcu, module = self.files
        return open_pair(mcu, module, wanted)

    def is_overwritten_by(self, out: Path) -> bool:
        """Tell whether ``out`` is one of its files."""
        return any(is_input(out, one) for one in self.files)


def pair_of(mcu: str | None, module: str | None) -> Input | None:
    """Return the input of ``--mcu`` and ``--module``; None if neither was given. Raises click.UsageError."""
    if mcu is None and module is None:
        return None
    if mcu is None or module is None:
        raise click.UsageError("--mcu and --module belong together: one file of each wire")
    return Input((mcu, module))


def one_input(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command FILE, ``--mcu`` and ``--module``; it gets them as its argument ``given``."""

    @functools.wraps(command)
    def with_input(file: str | None, mcu: str | None, module: str | None, **options: Any) -> int:
        pair = pair_of(mcu, module)
        if (pair is None) == (file is None):
            raise click.UsageError("give either FILE, or --mcu FILE and --module FILE")
        return command(given=pair if pair is not None else Input((file or "-",)), **options)

    return click.argument("file", required=False)(_MCU(_MODULE(with_input)))


def several_inputs(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command FILES, ``--mcu`` and ``--module``; a pair is its argument ``pair``, None if there is none."""

    @functools.wraps(command)
    def with_inputs(files: tuple[str, ...], mcu: str | None, module: str | None, **options: Any) -> int:
        pair = pair_of(mcu, module)
        if (pair is None) == (not files):
            raise click.UsageError("give either FILES, or --mcu FILE and --module FILE")
        return command(files=files, pair=pair, **options)

    return click.argument("files", nargs=-1)(_MCU(_MODULE(with_inputs)))
