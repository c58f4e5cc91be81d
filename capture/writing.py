"""Writing apart from reading: a slow disk must not keep the tap from emptying the ports.

A thread takes chunks from a bounded queue. When it is full (the disk hangs) reading waits for it: what is lost then is
lost in the driver, and counted there.
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
        while self._size - self._written > self._limit and self.failure is None:
            time.sleep(0.001)
        self.waited_s += time.monotonic() - began

    def _run(self) -> None:
        synced = time.monotonic()
        try:
            while True:
                while self._waiting:
                    chunk = self._waiting.popleft()
                    self._recorder.write(chunk)
                    self._written += len(chunk.data) + _OVERHEAD
                if time.monotonic() - synced >= _SYNC_S:
                    self._recorder.sync()
                    synced = time.monotonic()
                with self._changed:
                    self._idle = True
                    if not self._waiting:
                        if self._closing:
                            return
                        self._changed.wait(_SYNC_S)
                    self._idle = False
        except Exception as error:  # whatever it is: it must be told, and end the recording
            self.failure = error
            self._waiting.clear()

    def close(self) -> None:
        """Write what waits, and close the recording."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._recorder.close()
