"""Open any input that the project knows, told apart by content, never by file name."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from atshark.sources.captures import open_capture
from atshark.sources.logs import HEAD, Log, open_log
from atshark.sources.logs.judge import Verdict
from capture import chunkfile
from capture.chunk import LATEST_NS, Chunk, Side, without_time
from capture.errors import AtsharkError
from capture.timing import EXACT, Timing
from decoder.catalog import Catalog

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_HEAD = 4096
_PIECE = 1 << 17


class Source:
    """An opened input: iterate over its chunks once; then ``warnings`` holds what was wrong with it.

    ``format`` says what it is; ``notes`` what its reader had to assume; ``timing`` how exact its times are.
    """

    def __init__(
        self, chunks: Iterator[Chunk], warnings: list[str], form: str, log: Log | None = None, timing: Timing = EXACT,
        notes: list[str] | None = None,
    ) -> None:  # fmt: skip
        self._chunks = chunks
        self._log = log
        self.warnings = warnings
        self.notes: list[str] = log.notes if log is not None else [] if notes is None else notes
        self.format = log.format if log is not None else form
        self.timing = log.timing if log is not None else timing

    @property
    def is_text(self) -> bool:
        """Whether it is a text log."""
        return self._log is not None

    @property
    def verdict(self) -> Verdict | None:
        """How a text log is read, and why; None for other inputs."""
        return self._log.verdict if self._log is not None else None

    @property
    def line(self) -> int | None:
        """The line of the text log that the last chunk came from; None where the input has no lines."""
        return self._log.line if self._log is not None else None

    def __iter__(self) -> Iterator[Chunk]:
        strange = 0
        for chunk in self._chunks:
            if chunk.time_ns is None or 0 < chunk.time_ns <= LATEST_NS:
                yield chunk
            else:
                strange += chunk.time_ns != 0
                yield without_time(chunk)
        if strange:
            self.notes.append(f"{strange:,} times are none that a clock shows, and are taken for unknown")


class Wanted(NamedTuple):
    """How a text log is to be read, where that is not left to the log itself.

    ``catalog``: by which readings are judged; ``reading``: the name of one; ``sides``: which mark is whose.
    """

    catalog: Catalog | None = None
    reading: str | None = None
    sides: Mapping[str, Side] | None = None


AS_IT_IS = Wanted()


@contextmanager
def open_source(path: str, wanted: Wanted = AS_IT_IS) -> Iterator[Source]:
    """Open ``path`` ("-" is standard input). ``FILE#PORT`` is a port of a USB capture.

    Raises :class:`AtsharkError` if it cannot be read, is unknown, or has no such port.
    """
    file, port = split_port(path)
    name = "standard input" if file == "-" else file
    try:
        stream = sys.stdin.buffer if file == "-" else open(file, "rb", buffering=0)  # noqa: SIM115 - closed below
    except OSError as error:
        raise AtsharkError(f"{name}: cannot be read: {error.strerror or error}") from error
    except (ValueError, AttributeError) as error:  # a NUL in the name; no standard input
        raise AtsharkError(f"{name}: cannot be read: {error}") from error
    try:
        yield _detect(buffered(cast(BinaryIO, stream), name), name, wanted, port)
    finally:
        if file != "-":
            stream.close()


def split_port(path: str) -> tuple[str, str]:
    """Part ``FILE#PORT`` into both; the port is "" if none is given, or if there is a file of the whole name."""
    file, mark, port = path.rpartition("#")
    if mark and not os.path.exists(path) and os.path.exists(file):
        return file, port
    return path, ""


@contextmanager
def open_stream(stream: BinaryIO, name: str, wanted: Wanted = AS_IT_IS) -> Iterator[Source]:
    """Open what ``stream`` holds, as :func:`open_source` does; ``name`` is for messages."""
    yield _detect(buffered(stream, name), name, wanted)


class _Named(io.RawIOBase):
    """An input whose errors say which input it is, so that they are not taken for those of an output."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        read = getattr(self._stream, "readinto1", None) or getattr(self._stream, "readinto", None)
        try:
            if read is not None:
                count: int | None = read(buffer)
                return count
            view = memoryview(buffer)
            data = self._stream.read(len(view))
            view[: len(data)] = data
            return len(data)
        except OSError as error:
            raise AtsharkError(f"{self._name}: cannot be read: {error.strerror or error}") from error


def buffered(stream: BinaryIO, name: str) -> io.BufferedReader:
    """Return a stream whose errors name the input."""
    return io.BufferedReader(_Named(stream, name), 1 << 20)


class _Unpacked(io.RawIOBase):
    """What is inside a compressed stream, as far as it can be read; a damaged or cut end is told in ``warnings``."""

    def __init__(self, stream: BinaryIO, name: str, warnings: list[str]) -> None:
        self._stream = stream
        self._name = name
        self._warnings = warnings

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        try:
            data = self._stream.read(min(len(view), _PIECE))
        except Exception as error:  # EOFError, zlib.error, zstandard.ZstdError: each library has its own
            if not self._warnings:
                self._warnings.append(f"{self._name}: the compressed file is cut or damaged: {error}")
            return 0
        view[: len(data)] = data
        return len(data)


def unpacked(stream: io.BufferedReader, name: str, warnings: list[str]) -> io.BufferedReader:
    """Return what is inside, if ``stream`` is compressed by gzip or zstd."""
    head = stream.peek(4)[:4]
    if head[:2] == b"\x1f\x8b":
        import gzip  # noqa: PLC0415 - few inputs are compressed

        inside = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    elif head == b"\x28\xb5\x2f\xfd":
        import zstandard  # noqa: PLC0415 - few inputs are compressed

        inside = cast(BinaryIO, zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True))
    else:
        return stream
    return io.BufferedReader(_Unpacked(inside, name, warnings), _PIECE)


def _detect(stream: io.BufferedReader, name: str, wanted: Wanted, port: str = "") -> Source:
    warnings: list[str] = []
    stream = unpacked(stream, name, warnings)
    head = stream.peek(_HEAD)[:_HEAD]
    if not head:
        raise AtsharkError(warnings[0] if warnings else f"{name}: the input is empty")
    capture = open_capture(cast(BinaryIO, stream), head, name, port, warnings)
    if capture is not None:
        return Source(capture.chunks, warnings, capture.format, None, capture.timing, capture.notes)
    if port:
        raise AtsharkError(f"{name}: only USB captures have ports to choose from; leave out #{port}")
    if chunkfile.sniff(head):
        return Source(chunkfile.read(cast(BinaryIO, stream), name), warnings, "chunks")
    start = stream.read(HEAD)
    rest = cast(BinaryIO, io.BufferedReader(_Rejoined(start, stream)))
    log = open_log(rest, start, name, known=wanted.catalog, reading=wanted.reading, sides=wanted.sides)
    if log is not None:
        return Source(log.chunks(), warnings, log.format, log)
    raise AtsharkError(
        f"{name}: not an input that atshark knows (it begins with {head[:8].hex(' ')}); "
        "give a recording, an export, a USB capture, a text log, or a chunk file"
    )


class _Rejoined(io.RawIOBase):
    """A stream of which the beginning has been read already."""

    def __init__(self, start: bytes, rest: io.BufferedReader) -> None:
        self._start = memoryview(start)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._start:
            view = memoryview(buffer)
            count = min(len(view), len(self._start))
            view[:count] = self._start[:count]
            self._start = self._start[count:]
            return count
        return self._rest.readinto1(buffer)
