"""Print records on a terminal in colour, or to a pipe without."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from atshark.render.safe import shown
from atshark.render.text import is_shown, render
from decoder.events import INNER, Data, Event, Record, Summary, Transaction

_OF_COMMANDS = ("command", "prompt", "answer")
"""How payload crosses that belongs to a command."""
_MAX_HELD = 64


class _SafeConsole(Console):
    """A console that no text can give commands to: whatever a field forgot is escaped when it is printed."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of ``renderable``, all text in them safe."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else shown(text), style, control)


def console_on(stream: TextIO) -> Console:
    """Make a console on ``stream`` that never wraps or interprets what it prints."""
    return _SafeConsole(file=stream, soft_wrap=True, highlight=False, markup=False, emoji=False)


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
            if not is_shown(event):
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
            self._stream.write(shown(render(record).plain) + "\n")
