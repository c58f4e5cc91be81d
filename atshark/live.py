"""Record from a tap, and hand on the decode while it runs without ever slowing the recorder.

The recorder has a thread of its own: it reads both ports and writes the recording. What it read goes into a
bounded queue for the decoder; when what takes the decode falls behind, chunks for it are dropped and counted, never
those of the recording.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from capture.chunk import Chunk
from capture.errors import AtsharkError
from capture.recording import Recorder
from capture.tap import Tap
from decoder.catalog import Catalog
from decoder.decode import Decoder
from decoder.events import Event

QUEUE_SIZE = 10_000
TICK_S = 0.05


class Live:
    """One run of the tap. Events get to ``take`` as they are known; ``bytes`` counts what was read.

    ``path``: the recording to write; None keeps none.
    """

    def __init__(
        self,
        tap: Tap,
        path: Path | None,
        catalog: Catalog,
        take: Callable[[list[Event]], None],
    ) -> None:
        self._tap = tap
        self._path = path
        self._catalog = catalog
        self._take = take
        self._queue: queue.Queue[Chunk | None] = queue.Queue(QUEUE_SIZE)
        self._failure: Exception | None = None
        self.bytes = {"mcu": 0, "module": 0}
        self.not_shown = 0

    def run(self, finished: Callable[[], bool]) -> None:
        """Record until :meth:`Tap.stop`, the end of both ports, or ``finished()``.

        Raises :class:`AtsharkError` if the recording cannot be written (what was written stays).
        """
        recorder = None if self._path is None else Recorder(self._path, self._tap.descriptions, self._tap.speeds)
        thread = threading.Thread(target=self._record, args=(recorder,), name="recorder", daemon=True)
        thread.start()
        try:
            self._decode(finished)
        finally:
            self._tap.stop()
            thread.join()
            if recorder is not None:
                recorder.close()
            self._tap.close()
        if self._failure is not None:
            raise AtsharkError(f"{self._path}: recording stopped: {self._failure}") from self._failure

    def _record(self, recorder: Recorder | None) -> None:
        try:
            for chunk in self._tap:
                if chunk is None:
                    continue
                if recorder is not None:
                    recorder.write(chunk)
                self.bytes[chunk.side] += len(chunk.data)
                try:
                    self._queue.put_nowait(chunk)
                except queue.Full:
                    self.not_shown += len(chunk.data)
        except Exception as error:
            self._failure = error
        while True:
            try:
                self._queue.put(None, timeout=TICK_S)
            except queue.Full:
                continue
            return

    def _decode(self, finished: Callable[[], bool]) -> None:
        decoder = Decoder(self._catalog)
        while True:
            try:
                chunk = self._queue.get(timeout=TICK_S)
            except queue.Empty:
                self._hand_on(decoder.tick(self._tap.now()))
            else:
                if chunk is None:
                    break
                self._hand_on(decoder.feed(chunk))
            if finished():
                self._tap.stop()
        self._hand_on(decoder.close())

    def _hand_on(self, events: list[Event]) -> None:
        if events:
            self._take(events)
