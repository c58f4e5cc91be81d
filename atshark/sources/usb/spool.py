"""Transfers put in order of time, and kept until it is known which are wanted: in memory first, then on disk."""

from __future__ import annotations

import heapq
import struct
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple

from capture.errors import AtsharkError

_MAX_HELD, _MAX_HELD_BYTES = 8192, 16 << 20
_MAX_MEMORY = 8 << 20
_RECORD = struct.Struct("<qII")
_UNKNOWN = -1


class Piece(NamedTuple):
    """What one transfer carried: ``endpoint`` is a number that the caller gave."""

    time_ns: int | None
    endpoint: int
    data: bytes


class InOrder:
    """Takes transfers as they stand in a file and gives them back in order of time.

    A transfer may stand 8,192 transfers (or 16 MiB) from where it belongs; ``late`` counts those that stand farther,
    which stay where they are. One without a time stays behind the one before it.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Piece]] = []
        self._bytes = self._count = self._last = self._given = 0
        self.late = 0

    def push(self, piece: Piece) -> Iterator[Piece]:
        """Take one; yield those that are due."""
        key = self._last if piece.time_ns is None else piece.time_ns
        self._last = max(self._last, key)
        self._count += 1
        self._bytes += len(piece.data)
        heapq.heappush(self._heap, (key, self._count, piece))
        while len(self._heap) > _MAX_HELD or self._bytes > _MAX_HELD_BYTES:
            yield self._pop()

    def close(self) -> Iterator[Piece]:
        """Yield what is held."""
        while self._heap:
            yield self._pop()

    def _pop(self) -> Piece:
        key, _, piece = heapq.heappop(self._heap)
        self._bytes -= len(piece.data)
        self.late += key < self._given
        self._given = max(self._given, key)
        return piece


class Spool:
    """Keeps pieces, as many as there are. A context manager: what it wrote to disk goes with it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._file = tempfile.SpooledTemporaryFile(max_size=_MAX_MEMORY)  # noqa: SIM115 - closed by __exit__

    def add(self, piece: Piece) -> None:
        """Keep one. Raises :class:`AtsharkError` if the disk is full."""
        time_ns, endpoint, data = piece
        try:
            self._file.write(_RECORD.pack(_UNKNOWN if time_ns is None else time_ns, endpoint, len(data)) + data)
        except OSError as error:
            raise AtsharkError(
                f"{self._name}: no room for a copy of its ports in {tempfile.gettempdir()}: {error.strerror}"
            ) from error

    def pieces(self) -> Iterator[Piece]:
        """Yield what was kept, in order."""
        self._file.seek(0)
        while head := self._file.read(_RECORD.size):
            time_ns, endpoint, size = _RECORD.unpack(head)
            yield Piece(None if time_ns == _UNKNOWN else time_ns, endpoint, self._file.read(size))

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()
