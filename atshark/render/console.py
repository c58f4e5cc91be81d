"""Print records on a terminal in colour, or to a pipe without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console

from atshark.render.text import render
from decoder.events import INNER, Event


def console_on(stream: TextIO) -> Console:
    """Make a console on ``stream`` that never wraps or interprets what it prints."""
    return Console(file=stream, soft_wrap=True, highlight=False, markup=False, emoji=False)


def printer(stream: TextIO) -> Callable[[Sequence[Event]], None]:
    """Return a function that prints the records among events on ``stream``, in colour if it is a terminal."""
    console = console_on(stream)

    def write(events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, INNER):
                continue
            if console.is_terminal:
                console.print(render(event))
            else:
                stream.write(render(event).plain + "\n")

    return write
