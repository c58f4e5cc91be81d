"""The live view, a process of its own: a recording on standard input, shown line by line as it comes.

Below the lines stands what is counted. On a terminal ``m`` begins a note, ``q`` ends the recording.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from atshark.live_view import STOP
from atshark.render import utf8_output
from atshark.render.console import console_on
from atshark.render.text import clock, duration, is_shown, render, shorten
from capture import recording
from capture.chunk import Chunk, MarkChunk, Side
from capture.errors import AtsharkError
from decoder import catalog
from decoder.decode import Decoder
from decoder.events import Call, Event, Finding, Frame, Group, Message, Position, Socket
from decoder.values import printable
from wireshark.export import describe

_TICK_S = 0.1
_BATCH = 200
_QUEUE = 2000
_ARROW = {"mcu": ("→", "cyan"), "module": ("←", "green")}
_SHOWN = (Call, Finding, Frame, Group, Position, Socket)


class Counts:
    """What the last line tells."""

    def __init__(self) -> None:
        self.bytes: dict[Side, int] = {"mcu": 0, "module": 0}
        self.errors = self.findings = self.not_shown = 0
        self.began = time.monotonic()

    def chunk(self, chunk: Chunk) -> None:
        """Count a chunk."""
        self.bytes[chunk.side] += len(chunk.data)
        if isinstance(chunk, MarkChunk):
            if chunk.mark.kind in ("error", "break", "overrun"):
                self.errors += 1
            elif chunk.mark.kind == "shed":
                self.not_shown += int("0" + chunk.mark.text.partition(" ")[0])

    def line(self, title: str, typed: str | None) -> Text:
        """Return the last line."""
        if typed is not None:
            return Text(f" note: {printable(typed)}▏", "black on yellow").append(
                "  Enter keeps it, Esc does not", "dim"
            )
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        text = Text(no_wrap=True, overflow="ellipsis").append(" ● ", "bold red")
        text.append(f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}  ", "bold")
        text.append(f"→ {self.bytes['mcu']:,} B  ", "cyan").append(f"← {self.bytes['module']:,} B  ", "green")
        text.append(f"errors {self.errors}  ", "bold red" if self.errors else "dim")
        text.append(f"findings {self.findings}  ", "yellow" if self.findings else "dim")
        text.append(f"not shown {self.not_shown:,} B  ", "bold red" if self.not_shown else "dim")
        return text.append(f"m note  q stop  {title}", "dim")


def lines(event: Event) -> Text | None:
    """Make the line of a message or a record; None for what the view leaves out."""
    if isinstance(event, Message):
        return None if event.kind in ("blank", "echo", "mux") else _message(event)
    return render(event) if isinstance(event, _SHOWN) and is_shown(event) else None


def _message(one: Message) -> Text:
    arrow, style = _ARROW[one.side]
    if one.result is not None:
        style = "green" if one.result.good else "bold red"
    elif one.kind == "urc":
        style = "blue"
    elif one.kind == "noise":
        style = "red"
    elif one.kind == "data":
        style = "magenta"
    text = Text(clock(one.time_ns), "dim").append(f" {arrow} ", style)
    if one.channel is not None:
        text.append(f"[{one.channel}] ", "bold yellow")
    about = describe(one)
    raw = "" if one.kind in ("data", "noise") else printable(shorten(one.text))
    if raw:
        text.append(f"{raw:<28}  ", style)
    text.append(about if about != raw else "", "dim" if raw else style)
    if one.latency_ns is not None and " after " not in about:
        text.append(f"  {duration(one.latency_ns)}", "magenta")
    return text


class Keyboard:
    """Reads keys from a terminal without waiting, and gives it back as it was. ``typed``: the note that is begun."""

    def __init__(self, number: int, notes: int) -> None:
        import termios  # noqa: PLC0415 - POSIX only
        import tty  # noqa: PLC0415 - POSIX only

        self._number, self._notes = number, notes
        self._before: list[Any] = termios.tcgetattr(number)
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self.typed: str | None = None
        tty.setcbreak(number, termios.TCSANOW)
        os.set_blocking(number, False)

    def poll(self) -> None:
        """Take the keys that were pressed."""
        try:
            data = os.read(self._number, 1024)
        except OSError:
            return
        for key in self._decoder.decode(data):
            self._key(key)

    def _key(self, key: str) -> None:
        if self.typed is None:
            if key == "m":
                self.typed = ""
            elif key == "q":
                self._tell(STOP)
        elif key in "\r\n":
            if self.typed.strip():
                self._tell(self.typed.strip())
            self.typed = None
        elif key == "\x1b":
            self.typed = None
        elif key in "\x7f\b":
            self.typed = self.typed[:-1]
        elif key.isprintable() and len(self.typed) < 500:
            self.typed += key

    def _tell(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._notes, text.encode() + b"\n")

    def close(self) -> None:
        """Give the terminal back."""
        import termios  # noqa: PLC0415 - POSIX only

        os.set_blocking(self._number, True)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._number, termios.TCSANOW, self._before)


def _chunks(waiting: queue.Queue[Chunk | None]) -> None:
    with contextlib.suppress(AtsharkError, OSError, ValueError):
        for chunk in recording.read(cast(BinaryIO, sys.stdin.buffer), "the recorder", []):
            waiting.put(chunk)
    waiting.put(None)


def _taken(waiting: queue.Queue[Chunk | None]) -> Iterator[Chunk | None]:
    """Yield what waits, at most a batch of it; None at the end of the stream."""
    try:
        chunk = waiting.get(timeout=_TICK_S)
        for _ in range(_BATCH):
            yield chunk
            if chunk is None:
                return
            chunk = waiting.get_nowait()
        yield chunk
    except queue.Empty:
        return


def show(console: Console, title: str, keyboard: Keyboard | None) -> None:
    """Show what comes on standard input until it ends."""
    counts = Counts()
    decoder = Decoder(catalog.load())
    waiting: queue.Queue[Chunk | None] = queue.Queue(_QUEUE)
    threading.Thread(target=_chunks, args=(waiting,), daemon=True).start()
    ended = False
    offset = time.time_ns() - time.monotonic_ns()
    live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def tell(events: list[Event]) -> None:
        counts.findings += sum(1 for one in events if isinstance(one, Finding) and one.severity != "note")
        shown = [text for text in map(lines, events) if text is not None]
        if shown:
            console.print(Text("\n").join(shown))

    with live if live is not None else contextlib.nullcontext():
        while not ended:
            events: list[Event] = []
            for chunk in _taken(waiting):
                if chunk is None:
                    ended = True
                    break
                counts.chunk(chunk)
                events += decoder.feed(chunk)
            if not events and not ended:
                events = decoder.tick(time.monotonic_ns() + offset)
            tell(events)
            if keyboard is not None:
                keyboard.poll()
            if live is not None:
                live.update(counts.line(title, keyboard.typed if keyboard is not None else None), refresh=True)
        tell([event for event in decoder.close() if isinstance(event, Message | Finding)])


@click.command()
@click.option("--title", default="")
@click.option("--notes", type=int)
@click.option("--keyboard", "keys", type=int)
def main(title: str, notes: int | None, keys: int | None) -> None:
    """Show a recording that comes on standard input while it is made (started by ``atshark capture``)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keyboard = Keyboard(keys, notes) if keys is not None and notes is not None else None
    try:
        show(console_on(utf8_output()), title, keyboard)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - the process ends
    finally:
        if keyboard is not None:
            keyboard.close()


if __name__ == "__main__":
    main()
