"""The recorder's end of the live view: another process that shows what is recorded, and never slows the recording.

It gets the chunks as a recording on its standard input, through a pipe into which nothing is ever waited for: what it
does not take in time is dropped here, counted, and told to it. The user's notes come back on another pipe.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import BinaryIO, cast

from capture.chunk import Chunk, Mark, MarkChunk, Side
from capture.recording import ChunkWriter

_LIMIT = 1 << 20
_ENOUGH = 1 << 16
_PIPE_SIZE = 1 << 20
_SET_PIPE_SIZE = 1031
STOP = "\0stop"


class _Pipe:
    """The pipe to the viewer, as a stream that takes whole blocks and never waits."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._waiting = bytearray()
        self.closed = False
        os.set_blocking(number, False)
        with contextlib.suppress(OSError, ImportError, AttributeError):
            import fcntl  # noqa: PLC0415 - POSIX only

            fcntl.fcntl(number, _SET_PIPE_SIZE, _PIPE_SIZE)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def write(self, block: bytes) -> int:
        self._waiting += block
        self.flush()
        return len(block)

    def flush(self) -> None:
        try:
            while self._waiting:
                done = os.write(self._number, self._waiting)
                del self._waiting[:done]
        except BlockingIOError:
            return
        except OSError:
            self.closed = True
            self._waiting.clear()

    def close(self) -> None:
        """End the stream: what the viewer has not taken yet, it takes now."""
        with contextlib.suppress(OSError):
            os.set_blocking(self._number, True)
            self.flush()
        with contextlib.suppress(OSError):
            os.close(self._number)


class Viewer:
    """A running view. ``not_shown`` counts the bytes that it did not get."""

    def __init__(self, descriptions: dict[Side, str], title: str) -> None:
        keyboard = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        notes_out, notes_in = os.pipe()
        arguments = [sys.executable, "-m", "atshark.view", "--title", title]
        inherited: tuple[int, ...] = ()
        if os.name == "posix":
            keys = None if keyboard is None else os.dup(keyboard)
            inherited = (notes_in,) if keys is None else (notes_in, keys)
            arguments += ["--notes", str(notes_in)]
            if keys is not None:
                arguments += ["--keyboard", str(keys)]
        self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, pass_fds=inherited)
        for number in (notes_in, *inherited[1:]):
            os.close(number)
        os.set_blocking(notes_out, False)
        self._notes = notes_out
        self._partial = b""
        assert self._process.stdin is not None
        self._pipe = _Pipe(os.dup(self._process.stdin.fileno()))
        self._process.stdin.close()
        self._process.stdin = None
        self._writer = ChunkWriter(cast(BinaryIO, self._pipe), descriptions)
        self._shed = 0
        self.not_shown = 0

    def send(self, chunk: Chunk) -> None:
        """Show a chunk, or drop it if the view is behind."""
        pipe = self._pipe
        if pipe.closed:
            return
        if pipe.waiting > (_ENOUGH if self._shed else _LIMIT):
            self._shed += len(chunk.data)
            self.not_shown += len(chunk.data)
            pipe.flush()
            return
        if self._shed:
            text = f"{self._shed} bytes were recorded but not shown: the display could not follow"
            self._shed = 0
            self._writer.write(MarkChunk.at(chunk.time_ns, chunk.side, Mark("shed", text)))
        self._writer.write(chunk)

    def idle(self) -> None:
        """Go on sending what waits."""
        self._pipe.flush()

    def notes(self) -> list[str]:
        """Return what the user typed since the last call, a line each; :data:`STOP` if it should end."""
        try:
            data = os.read(self._notes, 4096)
        except (BlockingIOError, OSError):
            return []
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def close(self) -> None:
        """Let the view end, and wait for it."""
        self._pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._notes)
