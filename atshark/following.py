"""The export beside a recording, a process of its own: it follows the file that the tap writes, and exports what comes.

Strategy: the recording on the disk is the buffer, so the export may lag behind as far as it must and loses nothing,
and the tap waits for nothing. Standard input is held open by the tap: when it ends, however that comes about, what is
left of the recording is exported. A recording in several files becomes as many exports by one decoder: what began in
one file ends in the next. Each packet is one ``write``, so the export is whole at any moment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import click

from atshark.beside import STOPPED
from atshark.sources import open_source
from capture import recording
from capture.chunk import Chunk
from capture.errors import AtsharkError
from capture.recording import WholeBlocks
from capture.rotation import existing, numbered
from decoder import catalog
from decoder.decode import Decoder
from wireshark.export import Exporter

RESERVE = 50_000_000
"""Bytes that the export leaves free on the disk of the recording."""
_LOOK_EVERY = 1_000_000
_POLL_S = 0.05
_NICE = 5

PACKED = (".gz", ".zst")
_LOOKS = 3

Part = tuple[int, Iterator[Chunk]]
"""The number of a file of the recording (0 if it is the only one), and its chunks."""


class _Growing:
    """A file that is still written, as a stream: a read waits for more until the file is ``complete``."""

    def __init__(self, file: BinaryIO, complete: Callable[[], bool], wait: Callable[[float], object]) -> None:
        self._file, self._complete, self._wait = file, complete, wait

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, b"" at the end."""
        while True:
            complete = self._complete()  # asked first: nothing is written to the file after that
            data = self._file.read(size)
            if data or complete:
                return data
            self._wait(_POLL_S)


def follow(path: Path, several: bool, ended: threading.Event, say: Callable[[str], None]) -> Iterator[Part]:
    """Yield the files of the recording ``path`` as they come, until ``ended``; ``say`` is told what was missed."""
    if not several:
        yield 0, _chunks(lambda: path, ended.is_set, ended.wait, say)
        return
    last = 0
    while True:
        done = ended.is_set()
        number = next((number for number in existing(path) if number > last), None)
        if number is not None:
            if number > last + 1:
                say(f"{number - last - 1} files of the recording were deleted before they could be exported")
            last = number
            yield (
                number,
                _chunks(partial(_file, path, number), partial(_complete, path, number, ended), ended.wait, say),
            )
        elif done:
            return
        else:
            ended.wait(_POLL_S)


def _file(path: Path, number: int) -> Path:
    return existing(path).get(number, numbered(path, number))


def _complete(path: Path, number: int, ended: threading.Event) -> bool:
    return ended.is_set() or max(existing(path), default=0) > number


def _chunks(
    file: Callable[[], Path], complete: Callable[[], bool], wait: Callable[[float], object], say: Callable[[str], None]
) -> Iterator[Chunk]:
    """Yield the chunks of a file, which may be compressed or go away while one looks for it."""
    warnings: list[str] = []
    for _ in range(_LOOKS):
        path = file()
        try:
            if path.suffix in PACKED:
                with open_source(str(path)) as source:
                    yield from source
                    warnings = source.warnings
            else:
                with open(path, "rb", buffering=0) as stream:
                    growing = cast(BinaryIO, _Growing(stream, complete, wait))
                    yield from recording.read(growing, path.name, warnings)
        except FileNotFoundError:
            continue
        for warning in warnings:
            say(warning)
        return
    say(f"{path.name} was deleted before it could be exported")


def export(path: Path, out: Path, several: bool, keep: int, ended: threading.Event, say: Callable[[str], None]) -> None:
    """Export the recording ``path`` to ``out`` while it grows. ``keep``: so many files of it stay; 0: all.

    Raises OSError if a file cannot be written, :class:`AtsharkError` if one is there already or the disk gets full.
    """
    decoder = Decoder(catalog.load(()))
    stream: WholeBlocks | None = None
    try:
        for number, chunks in follow(path, several, ended, say):
            if stream is not None:
                stream.close()
            stream, exporter = _begin(path, numbered(out, number) if several else out, several)
            if keep:
                numbered(out, number - keep).unlink(missing_ok=True)
            checked = 0
            for chunk in chunks:
                events = decoder.feed(chunk)
                if events:
                    exporter.write(events)
                if stream.size - checked > _LOOK_EVERY:
                    checked = stream.size
                    _leave_room(path, out)
        if stream is not None:
            exporter.write(decoder.close())
    finally:
        if stream is not None:
            stream.close()


def _begin(path: Path, out: Path, several: bool) -> tuple[WholeBlocks, Exporter]:
    _leave_room(path, out)
    if several and out.exists():
        raise AtsharkError(f"{out} exists already")
    stream = WholeBlocks(out)
    try:
        exporter = Exporter(cast(BinaryIO, stream))
        stream.publish()
    except OSError:
        stream.close()
        raise
    return stream, exporter


def _leave_room(path: Path, out: Path) -> None:
    """Raise :class:`AtsharkError` when the disk of both gets full: the recording comes first."""
    if os.stat(path.parent).st_dev != os.stat(out.parent).st_dev:
        return
    if shutil.disk_usage(path.parent).free < RESERVE:
        raise AtsharkError(f"less than {RESERVE // 1_000_000} MB are free, which are left to the recording")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--several", is_flag=True)
@click.option("--keep", type=int, default=0)
def main(path: Path, out: Path, several: bool, keep: int) -> None:
    """Export the recording PATH to OUT while it grows, until standard input ends."""
    ended = threading.Event()

    def wait() -> None:
        while os.read(0, 4096):  # not by way of sys.stdin: its lock, held at the end, would abort the process
            pass
        ended.set()

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tap
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICE)
    threading.Thread(target=wait, daemon=True).start()
    try:
        export(path, out, several, keep, ended, _say)
    except (AtsharkError, OSError) as error:
        _say(f"the export stopped: {getattr(error, 'strerror', None) or error}")
        sys.exit(STOPPED)


if __name__ == "__main__":
    main()
