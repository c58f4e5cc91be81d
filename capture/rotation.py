"""A recording in several files: a new one after so many bytes or so much time, old ones deleted, full ones compressed.

Each file is a whole recording. Their names sort in the order of time: ``session-00001.pcapng`` and so on. A finished
file is compressed by a thread of its own, beside the original, which goes when its copy is whole.
"""

from __future__ import annotations

import gzip
import re
import shutil
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast

from capture.chunk import Chunk, Side
from capture.errors import AtsharkError
from capture.recording import Recorder

_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}
_TIMES = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKmMgG])i?[bB]?")
_TIME = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h|d)")


Compression = Literal["gzip", "zstd"]
_SUFFIX = {"gzip": ".gz", "zstd": ".zst"}


class Rotation(NamedTuple):
    """When a new file begins: after ``size`` bytes or ``seconds``; ``keep`` files stay. None: not by that, or all.

    ``compress``: finished files become ``.gz`` or ``.zst``.
    """

    size: int | None = None
    seconds: float | None = None
    keep: int | None = None
    compress: Compression | None = None


def parse(text: str, keep: int | None = None, compress: Compression | None = None) -> Rotation:
    """Read ``100MB``, ``500k``, ``1h``, ``30min``. Raises ValueError for anything else."""
    if match := _SIZE.fullmatch(text):
        return Rotation(size=max(1, int(float(match[1]) * _UNITS[match[2].lower()])), keep=keep, compress=compress)
    if match := _TIME.fullmatch(text):
        return Rotation(seconds=max(0.001, float(match[1]) * _TIMES[match[2]]), keep=keep, compress=compress)
    raise ValueError(f"{text!r} is neither a size (100MB) nor a time (1h, 30min)")


def numbered(path: Path, number: int) -> Path:
    """Name the file ``number`` of what is asked for under the name ``path``."""
    return path.with_name(f"{path.stem}-{number:05d}{path.suffix}")


def existing(path: Path) -> dict[int, Path]:
    """Find the files of the recording ``path`` by their numbers, in order: a file rather than its compressed copy."""
    name = re.compile(re.escape(path.stem) + r"-(\d{5,})" + re.escape(path.suffix) + r"(?:\.gz|\.zst)?")
    found: dict[int, Path] = {}
    for other in sorted(path.parent.iterdir(), reverse=True):
        if match := name.fullmatch(other.name):
            found[int(match[1])] = other
    return dict(sorted(found.items()))


class RotatingRecorder:
    """Writes chunks to one file after the other. ``files`` are those that exist, the oldest first.

    Raises :class:`AtsharkError` if a file cannot be created, or one of its name exists: nothing is overwritten.
    """

    def __init__(
        self,
        path: Path,
        rotation: Rotation,
        descriptions: dict[Side, str] | None = None,
        speeds: dict[Side, int] | None = None,
    ) -> None:
        self._path = path
        self._rotation = rotation
        self._descriptions = descriptions
        self._speeds = speeds
        self._number = 0
        self._closed = False
        self._packer = ThreadPoolExecutor(1, "packer") if rotation.compress is not None else None
        self._lock = threading.Lock()
        self._began_ns: int | None = None
        self.files: deque[Path] = deque()
        self._recorder = self._next()

    def write(self, chunk: Chunk) -> None:
        """Append one chunk, in a new file if it is time for one."""
        size, seconds = self._rotation.size, self._rotation.seconds
        if self._began_ns is None:
            self._began_ns = chunk.time_ns
        full = size is not None and self._recorder.size >= size
        old = seconds is not None and (chunk.time_ns or 0) - (self._began_ns or 0) >= seconds * 1e9
        if full or old:
            self._finish()
            self._recorder = self._next()
            self._began_ns = chunk.time_ns
        self._recorder.write(chunk)

    def close(self) -> None:
        """Close the file, and wait for what is being compressed."""
        if not self._closed:
            self._closed = True
            self._finish()
        if self._packer is not None:
            self._packer.shutdown()

    def sync(self) -> None:
        """Wait until what was written is on the disk. Raises OSError if the disk says that it is not."""
        self._recorder.sync()

    def check(self) -> None:
        """Look whether the newest file still is what was written. Raises OSError if it is not."""
        self._recorder.check()

    @property
    def moved(self) -> bool:
        """Whether the newest file was given another name."""
        return self._recorder.moved

    def held(self) -> int:
        """Return how many bytes the newest file really has. Raises OSError."""
        return self._recorder.held()

    def _finish(self) -> None:
        self._recorder.close()
        if self._packer is not None:
            self._packer.submit(self._pack, self.files[-1])

    def _pack(self, path: Path) -> None:
        """Compress a finished file. If that fails, the file stays as it is."""
        assert self._rotation.compress is not None
        packed = path.with_name(path.name + _SUFFIX[self._rotation.compress])
        partial = packed.with_name(packed.name + ".part")
        try:
            with open(path, "rb") as source, _compressed(partial, self._rotation.compress) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            partial.rename(packed)
        except OSError:
            partial.unlink(missing_ok=True)
            return
        with self._lock:
            if path in self.files:
                self.files[self.files.index(path)] = packed
            else:
                packed.unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def _next(self) -> Recorder:
        self._number += 1
        path = numbered(self._path, self._number)
        if any(path.with_name(path.name + end).exists() for end in ("", *_SUFFIX.values())):
            raise AtsharkError(f"{path}: exists already; give another name to -w, or move the old recording away")
        recorder = Recorder(path, self._descriptions, self._speeds)
        keep = self._rotation.keep
        with self._lock:
            self.files.append(path)
            while keep is not None and len(self.files) > keep:
                self.files.popleft().unlink(missing_ok=True)
        return recorder


def _compressed(path: Path, how: Compression) -> BinaryIO:
    if how == "gzip":
        return cast(BinaryIO, gzip.open(path, "wb", compresslevel=6))
    import zstandard  # noqa: PLC0415 - only where it is asked for

    return cast(BinaryIO, zstandard.open(path, "wb"))
