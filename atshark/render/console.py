"""Print records on a terminal in colour, or to a pipe without."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from rich.console import Console

from atshark.render.text import render
from decoder.events import Record


def console_on(stream: TextIO) -> Console:
    """Make a console on ``stream`` that never wraps or interprets what it prints."""
    return Console(file=stream, soft_wrap=True, highlight=False, markup=False, emoji=False)


def printer(stream: TextIO) -> Callable[[list[Record]], None]:
    """Return a function that prints records on ``stream``, in colour if it is a terminal."""
    console = console_on(stream)
    if not console.is_terminal:

        def write_plain(records: list[Record]) -> None:
            stream.write("".join(render(record).plain + "\n" for record in records))

        return write_plain

    def write(records: list[Record]) -> None:
        for record in records:
            console.print(render(record))

    return write
