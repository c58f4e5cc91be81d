"""The recorder's end of the live view: another process that shows what is recorded, and never slows the recording.

It gets the chunks as a recording on its standard input, through a pipe into which nothing is ever waited for: what it
does not take in time is dropped here, counted, and told to it. The user's notes come back on another pipe.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import subprocess
import sys
import threading
import time
from typing import BinaryIO, cast

from capture.chunk import Chunk, Mark, MarkChunk, Side
from capture.recording import ChunkWriter

_LIMIT = 1 << 20
_ENOUGH = 1 << 16
_PIPE_SIZE = 1 << 20
_SET_PIPE_SIZE = 1031
_PATIENCE_S = 3.0
"""For so long the view may take what it has not shown yet, and end."""
STOP = "\0stop"


class _Pipe:
    """The pipe to the view, as a stream that takes whole blocks and never waits."""

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
        """End the stream: what the view has not taken yet, it takes now, if it takes anything."""
        until = time.monotonic() + _PATIENCE_S
        while self._waiting and (left := until - time.monotonic()) > 0:
            if select.select([], [self._number], [], left)[1]:
                self.flush()
        with contextlib.suppress(OSError):
            os.close(self._number)


class _ThreadedPipe:
    """The same where a pipe cannot be told not to wait (Windows): a thread waits in our stead."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._put = self._done = 0
        self.closed = False
        self._thread = threading.Thread(target=self._run, name="view", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return self._put - self._done

    def write(self, block: bytes) -> int:
        self._put += len(block)
        self._blocks.put(block)
        return len(block)

    def flush(self) -> None:
        pass

    def _run(self) -> None:
        while (block := self._blocks.get()) is not None:
            try:
                view = memoryview(block)
                while view:
                    view = view[os.write(self._number, view) :]
            except OSError:
                self.closed = True
            self._done += len(block)

    def close(self) -> None:
        """End the stream: what the view has not taken yet, it takes now."""
        self._blocks.put(None)
        self._thread.join(_PATIENCE_S)
        with contextlib.suppress(OSError):
            os.close(self._number)


class LiveView:
    """A running view. ``not_shown`` counts the bytes that it did not get."""

    def __init__(self, descriptions: dict[Side, str], title: str) -> None:
        arguments = [sys.executable, "-m", "atshark.screen", "--title", title]
        inherited: tuple[int, ...] = ()
        self._notes: int | None = None
        self._partial = b""
        if os.name == "posix" and sys.stdin is not None and sys.stdin.isatty():
            self._notes, notes_in = os.pipe()
            os.set_blocking(self._notes, False)
            inherited = (notes_in, os.dup(sys.stdin.fileno()))
            arguments += ["--notes", str(inherited[0]), "--keyboard", str(inherited[1])]
        self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, pass_fds=inherited)
        for number in inherited:
            os.close(number)
        assert self._process.stdin is not None
        number = os.dup(self._process.stdin.fileno())
        self._pipe = _Pipe(number) if os.name == "posix" else _ThreadedPipe(number)
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
        if self._notes is None:
            return []
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
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._notes is not None:
            os.close(self._notes)
