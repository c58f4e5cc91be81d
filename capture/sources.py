"""Open any input that the project knows, told apart by content, never by file name."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from capture import chunkfile, pcapng, recording
from capture.chunk import Chunk
from capture.errors import AtsharkError

_HEAD = 4096


class Source:
    """An opened input: iterate over its chunks once; then ``warnings`` holds what was wrong with it."""

    def __init__(self, chunks: Iterator[Chunk], warnings: list[str]) -> None:
        self._chunks = chunks
        self.warnings = warnings

    def __iter__(self) -> Iterator[Chunk]:
        return self._chunks


@contextmanager
def open_source(path: str) -> Iterator[Source]:
    """Open ``path`` ("-" is standard input). Raises :class:`AtsharkError` if it cannot be read or is unknown."""
    name = "standard input" if path == "-" else path
    try:
        with _binary(path) as stream:
            yield _detect(stream, name)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise AtsharkError(f"{name}: cannot be read: {error.strerror or error}") from error


@contextmanager
def _binary(path: str) -> Iterator[io.BufferedReader]:
    if path == "-":
        yield cast(io.BufferedReader, sys.stdin.buffer)
    else:
        with open(path, "rb", buffering=1 << 20) as stream:
            yield cast(io.BufferedReader, stream)


def _detect(stream: io.BufferedReader, name: str) -> Source:
    head = stream.peek(_HEAD)[:_HEAD]
    warnings: list[str] = []
    if not head:
        raise AtsharkError(f"{name}: the input is empty")
    if head[:4] == pcapng.SHB_MAGIC:
        return Source(recording.read(cast(BinaryIO, stream), name, warnings), warnings)
    if chunkfile.sniff(head):
        return Source(chunkfile.read(cast(BinaryIO, stream), name), warnings)
    start = head[:8].hex(" ")
    raise AtsharkError(
        f"{name}: not an input that atshark knows (it begins with {start}); "
        "give a recording, an export, or a chunk file"
    )
