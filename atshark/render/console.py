"""Print records on a terminal in colour, or to a pipe without."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import TextIO

from rich.console import Console

from atshark.render.text import render
from decoder.events import INNER, Data, Event, Record, Summary, Transaction

_OF_COMMANDS = ("command", "prompt", "answer")
"""How payload crosses that belongs to a command."""
_MAX_HELD = 64


def console_on(stream: TextIO) -> Console:
    """Make a console on ``stream`` that never wraps or interprets what it prints."""
    return Console(file=stream, soft_wrap=True, highlight=False, markup=False, emoji=False)


class Printer:
    """Prints the records among events on ``stream``, in colour if it is a terminal.

    Payload of a command or an answer is known before its transaction is over; it is shown behind it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = console_on(stream)
        self._held: deque[Data] = deque()

    def __call__(self, events: Sequence[Event]) -> None:
        """Print what of ``events`` is a record."""
        for event in events:
            if isinstance(event, INNER):
                continue
            if isinstance(event, Data) and event.via in _OF_COMMANDS:
                if len(self._held) >= _MAX_HELD:
                    self._show(self._held.popleft())
                self._held.append(event)
                continue
            if isinstance(event, Summary):
                self.finish()
            self._show(event)
            if self._held and isinstance(event, Transaction):
                self._show_held([event.name, *(one.name for one in event.information)])

    def finish(self) -> None:
        """Print what is held back: its transaction will not come."""
        while self._held:
            self._show(self._held.popleft())

    def _show_held(self, names: Collection[str | None]) -> None:
        for _ in range(len(self._held)):
            data = self._held.popleft()
            if data.announced_by in names:
                self._show(data)
            else:
                self._held.append(data)

    def _show(self, record: Record) -> None:
        if self._console.is_terminal:
            self._console.print(render(record))
        else:
            self._stream.write(render(record).plain + "\n")
