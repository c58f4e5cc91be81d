"""Writing apart from reading: a slow disk must not keep the tap from emptying the ports.

A thread takes chunks from a bounded queue. When it is full (the disk hangs) reading waits for it: what is lost then is
lost in the driver, and counted there. The thread also looks, every half second, whether the file is what it wrote.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from capture.chunk import Chunk
from capture.recording import Recorder
from capture.rotation import RotatingRecorder

LIMIT = 64 * 1024 * 1024
_SYNC_S = 5.0
_CHECK_S = 0.5
_HANGS_S = 2.0
_OVERHEAD = 200


class Background:
    """Writes chunks to a recorder in a thread. ``failure``: why it stopped, None while all is well."""

    def __init__(self, recorder: Recorder | RotatingRecorder, limit: int = LIMIT) -> None:
        self._recorder = recorder
        self._limit = limit
        self._waiting: deque[Chunk] = deque()
        self._size = 0
        self._written = 0
        self._changed = threading.Condition()
        self._closing = False
        self._idle = False
        self.failure: Exception | None = None
        self.waited_s = 0.0
        self.abandoned = False
        self._busy_since: float | None = None
        self.final: int | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def write(self, chunk: Chunk) -> None:
        """Hand over a chunk; waits only while the queue is full."""
        self._size += len(chunk.data) + _OVERHEAD
        self._waiting.append(chunk)
        if self._idle:
            with self._changed:
                self._changed.notify()
        if self._size - self._written > self._limit:
            self._wait()

    def _wait(self) -> None:
        began = time.monotonic()
        while self._size - self._written > self._limit and self.failure is None and not self.abandoned:
            time.sleep(0.001)
        self.waited_s += time.monotonic() - began

    def _run(self) -> None:
        synced = checked = time.monotonic()
        try:
            while True:
                while self._waiting:
                    chunk = self._waiting.popleft()
                    self._busy_since = time.monotonic()
                    self._recorder.write(chunk)
                    self._busy_since = None
                    self._written += len(chunk.data) + _OVERHEAD
                    if time.monotonic() - checked >= _CHECK_S:
                        self._recorder.check()
                        checked = time.monotonic()
                now = time.monotonic()
                closing = self._closing and not self._waiting
                if closing or now - synced >= _SYNC_S:
                    self._busy_since = now
                    self._recorder.sync()
                    self._busy_since = None
                    synced = time.monotonic()
                if closing or now - checked >= _CHECK_S:
                    self._recorder.check()
                    checked = time.monotonic()
                with self._changed:
                    self._idle = True
                    if not self._waiting:
                        if self._closing and closing:
                            return
                        self._changed.wait(_CHECK_S)
                    self._idle = False
        except Exception as error:  # whatever it is: it must be told, and end the recording
            self.failure = error
            self._waiting.clear()

    @property
    def hangs_s(self) -> float:
        """For how long the disk has not answered, in seconds; 0 while it is no longer than usual."""
        since = self._busy_since
        waited = 0.0 if since is None else time.monotonic() - since
        return waited if waited >= _HANGS_S else 0.0

    @property
    def unwritten(self) -> int:
        """How many bytes wait for the disk (with what is kept beside them)."""
        return self._size - self._written

    @property
    def moved(self) -> bool:
        """Whether the file was given another name while it was written."""
        return self._recorder.moved

    def held(self) -> int | None:
        """Return how many bytes the file really has, None if that cannot be found out."""
        try:
            return self._recorder.held()
        except (OSError, ValueError):
            return None

    def abandon(self) -> None:
        """Do not wait for the disk any more: :meth:`close` returns at once, and what waits is lost."""
        self.abandoned = True

    def close(self) -> None:
        """Write what waits, and close the recording. The size that the file has then is kept in ``final``."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        while self._thread.is_alive() and not self.abandoned:
            self._thread.join(0.1)
        self.final = self.held() if not self._thread.is_alive() else None
        if not self._thread.is_alive():
            self._recorder.close()
