"""A recording in several files: a new one after so many bytes or so much time, old ones deleted.

Each file is a whole recording. Their names sort in the order of time: ``session-00001.pcapng`` and so on.
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from pathlib import Path
from typing import NamedTuple

from capture.chunk import Chunk, Side
from capture.errors import AtsharkError
from capture.recording import Recorder

_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}
_TIMES = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKmMgG])i?[bB]?")
_TIME = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h|d)")


class Rotation(NamedTuple):
    """When a new file begins: after ``size`` bytes or ``seconds``; ``keep`` files stay. None: not by that, or all."""

    size: int | None = None
    seconds: float | None = None
    keep: int | None = None


def parse(text: str, keep: int | None = None) -> Rotation:
    """Read ``100MB``, ``500k``, ``1h``, ``30min``. Raises ValueError for anything else."""
    if match := _SIZE.fullmatch(text):
        return Rotation(size=max(1, int(float(match[1]) * _UNITS[match[2].lower()])), keep=keep)
    if match := _TIME.fullmatch(text):
        return Rotation(seconds=max(0.001, float(match[1]) * _TIMES[match[2]]), keep=keep)
    raise ValueError(f"{text!r} is neither a size (100MB) nor a time (1h, 30min)")


class RotatingRecorder:
    """Writes chunks to one file after the other. ``files`` are those that exist, the oldest first.

    Raises :class:`AtsharkError` if a file cannot be created, or one of its name exists: nothing is overwritten.
    """

    def __init__(
        self, path: Path, rotation: Rotation, descriptions: dict[Side, str] | None = None, baud: int = 0
    ) -> None:
        self._path = path
        self._rotation = rotation
        self._descriptions = descriptions
        self._baud = baud
        self._number = 0
        self._began_ns: int | None = None
        self.files: deque[Path] = deque()
        self._recorder = self._next()

    def write(self, chunk: Chunk) -> None:
        """Append one chunk, in a new file if it is time for one."""
        size, seconds, _ = self._rotation
        if self._began_ns is None:
            self._began_ns = chunk.time_ns
        full = size is not None and self._recorder.size >= size
        old = seconds is not None and (chunk.time_ns or 0) - (self._began_ns or 0) >= seconds * 1e9
        if full or old:
            self._recorder.close()
            self._recorder = self._next()
            self._began_ns = chunk.time_ns
        self._recorder.write(chunk)

    def close(self) -> None:
        """Close the file."""
        self._recorder.close()

    def _next(self) -> Recorder:
        self._number += 1
        path = self._path.with_name(f"{self._path.stem}-{self._number:05d}{self._path.suffix}")
        if path.exists():
            raise AtsharkError(f"{path}: exists already; give another name to -w, or move the old recording away")
        recorder = Recorder(path, self._descriptions, self._baud)
        self.files.append(path)
        keep = self._rotation.keep
        while keep is not None and len(self.files) > keep:
            with contextlib.suppress(FileNotFoundError):
                self.files.popleft().unlink()
        return recorder
