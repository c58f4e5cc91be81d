"""A recording: every byte of both wires with its time, as a pcapng file that any pcapng reader opens.

One interface per wire (named ``mcu`` and ``module`` after who speaks on it), one packet per read, each written
with one unbuffered ``write``: when the process is killed, at most the packet being written is cut. Packets have
link type 252 and name the dissector ``atshark_raw``, so that Wireshark with the plugin needs no "Decode As".
A time of 0 stands for "unknown": pcapng has no other way to say it. Where the line speed is known, a packet's time is
that at which its first byte began, and a tag says how much later it was read. Marks (gaps, line errors, notes) are
packets that name the dissector ``atshark_mark``: their kind, a line feed, their text.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, cast

from capture import outfile, pcapng, upper_pdu
from capture.chunk import LATEST_NS, MARK_KINDS, Chunk, Mark, MarkChunk, ReadChunk, Side, WholeChunk
from capture.errors import AtsharkError
from capture.pcap import Packets

try:
    import fcntl
except ImportError:  # Windows has other locks
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

RAW_DISSECTOR = "atshark_raw"
MARK_DISSECTOR = "atshark_mark"
MESSAGE_DISSECTOR = "atshark"
DATA_DISSECTOR = "atshark_data"
NOTE_DISSECTOR = "atshark_note"
CHANNEL = "uart."
"""How the names of interfaces begin that hold what a channel of a multiplexed line said, beside its frames."""
APPLICATION = "atshark 0.1.0"
_DISSECTORS = (RAW_DISSECTOR, MESSAGE_DISSECTOR, DATA_DISSECTOR, MARK_DISSECTOR)
_MAX_MARK = 1000
_CACHED = 1 << 16
"""Bytes before a block that may stand on the same page of the cache."""
_LINK_TYPE = pcapng.LINKTYPE_WIRESHARK_UPPER_PDU
_DIRECTION = {"mcu": pcapng.OUTBOUND, "module": pcapng.INBOUND}


class ChunkWriter:
    """Write chunks as pcapng packets to ``stream``, each with one ``write``.

    ``descriptions`` says what is behind each wire ("/dev/ttyUSB0 115200 8N1"); ``speeds`` are in bit/s.
    """

    def __init__(
        self, stream: BinaryIO, descriptions: dict[Side, str] | None = None, speeds: dict[Side, int] | None = None
    ) -> None:
        self._writer = pcapng.Writer(stream, APPLICATION)
        texts, known = descriptions or {}, speeds or {}
        self._interfaces: dict[Side, int] = {}
        for side in ("mcu", "module"):
            self._interfaces[side] = self._writer.add_interface(
                side, texts.get(side, ""), link_type=pcapng.LINKTYPE_WIRESHARK_UPPER_PDU, speed=known.get(side, 0)
            )

    def write(self, chunk: Chunk) -> None:
        """Append one chunk."""
        time_ns, side, data = chunk
        if isinstance(chunk, ReadChunk):
            packet = upper_pdu.read_header(RAW_DISSECTOR, side, max(0, (time_ns or 0) - chunk.first_ns)) + data
            time_ns = chunk.first_ns
        elif isinstance(chunk, MarkChunk):
            packet = mark_packet(chunk.mark, side)
        else:
            packet = upper_pdu.header(RAW_DISSECTOR, side) + data
        self._writer.packet(self._interfaces[side], time_ns or 0, packet, direction=_DIRECTION[side])


class OutputLostError(OSError):
    """The file that is written is not what it should be any more; the text says what happened to it."""


class WholeBlocks(io.RawIOBase):
    """A file to which a block is written wholly or not at all: what a full disk cut is taken back.

    ``moved``: the file has another name now, and is written all the same.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.moved = False
        self._partial: Path | None
        self._file, self._partial = outfile.create(path, secret=True)
        self._lock()
        self.size = 0
        self._last = b""

    def _lock(self) -> None:
        """Say to other recorders that this one writes the file."""
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def publish(self) -> None:
        """Give the file its name, which so far has another one. Raises OSError if another recorder writes that file."""
        partial, self._partial = self._partial, None
        assert partial is not None
        try:
            if outfile.replaced(self._path) is not None and _is_locked(self._path):
                raise OutputLostError(errno.EBUSY, "another recorder is writing this file")
            os.replace(partial, self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write a block. Raises OSError if the disk does not take it; nothing of it is in the file then."""
        view = memoryview(data)
        done = 0
        try:
            while done < len(view):
                done += self._file.write(view[done:]) or 0
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self.size)
                self._file.seek(self.size)
            raise
        self.size += done
        self._last = bytes(view)
        return done

    def sync(self) -> None:
        """Wait for the disk, and ask it for the newest block: some say that they took what they did not."""
        number = self._file.fileno()
        outfile.synced(number)
        start = self.size - len(self._last)
        if hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):
                os.posix_fadvise(number, max(0, start - _CACHED), 0, os.POSIX_FADV_DONTNEED)
        if hasattr(os, "pread") and os.pread(number, len(self._last), start) != self._last:
            raise OutputLostError(errno.EIO, "the disk does not hold what it said it took")

    def held(self) -> int:
        """Return how many bytes the file really has. Raises OSError."""
        return os.fstat(self._file.fileno()).st_size

    def check(self) -> None:
        """Look whether the file is there and holds what was written. Raises :class:`OutputLostError` if not."""
        own = os.fstat(self._file.fileno())
        if own.st_size != self.size:
            raise OutputLostError(errno.EIO, f"{self.size} bytes were written, but the file has another size")
        try:
            named: os.stat_result | None = os.stat(self._path)
        except OSError:
            named = None
        same = named is not None and (named.st_ino, named.st_dev) == (own.st_ino, own.st_dev)
        if not same and not own.st_nlink:
            raise OutputLostError(
                errno.ENOENT, "the file was replaced" if named is not None else "the file was deleted"
            )
        self.moved = not same

    def close(self) -> None:
        """Close the file; one that has not got its name goes."""
        if self._partial is not None:
            with contextlib.suppress(OSError):
                self._partial.unlink()
            self._partial = None
        self._file.close()
        super().close()


def _is_locked(path: Path) -> bool:
    """Tell whether a recorder holds the lock of a file."""
    if fcntl is None:
        return False
    try:
        with open(path, "rb") as stream:
            fcntl.flock(stream.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class Recorder:
    """Write chunks to a recording as they come. A context manager; ``close`` is safe to call twice.

    The file gets its name with its head in it, in place of a regular file that had the name. The other arguments are
    those of :class:`ChunkWriter`. Raises :class:`AtsharkError` if the file cannot be created.
    """

    def __init__(
        self, path: Path, descriptions: dict[Side, str] | None = None, speeds: dict[Side, int] | None = None
    ) -> None:
        file: WholeBlocks | None = None
        try:
            self._file = file = WholeBlocks(path)
            self._writer = ChunkWriter(cast(BinaryIO, self._file), descriptions, speeds)
            file.publish()
        except OSError as error:
            if file is not None:
                file.close()
            raise AtsharkError(f"{path}: cannot write the recording: {error.strerror}") from error

    def write(self, chunk: Chunk) -> None:
        """Append one chunk; it is in the hands of the operating system when this returns.

        Raises OSError if the disk does not take it; the file then ends with the chunk before it.
        """
        self._writer.write(chunk)

    def sync(self) -> None:
        """Wait until what was written is on the disk. Raises OSError if the disk says that it is not."""
        self._file.sync()

    def check(self) -> None:
        """Look whether the file still is what was written. Raises :class:`OutputLostError` if it is not."""
        self._file.check()

    @property
    def moved(self) -> bool:
        """Whether the file was given another name; it is written all the same."""
        return self._file.moved

    def held(self) -> int:
        """Return how many bytes the file really has. Raises OSError."""
        return self._file.held()

    @property
    def size(self) -> int:
        """How many bytes the file has so far."""
        return self._file.size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def mark_packet(mark: Mark, side: Side) -> bytes:
    """Build the packet that carries a mark."""
    text = f"{mark.kind}\n{mark.text}".encode("utf-8", "backslashreplace")
    return upper_pdu.header(MARK_DISSECTOR, side) + text[:_MAX_MARK]


def _mark(data: bytes) -> Mark:
    kind, _, text = data.decode("utf-8", "replace").partition("\n")
    for known in MARK_KINDS:
        if kind == known:
            return Mark(known, text[:_MAX_MARK])
    return Mark("note", f"{kind}: {text}"[:_MAX_MARK])


def record(chunks: Iterable[Chunk], path: Path) -> None:
    """Write ``chunks`` to a recording at ``path``."""
    with Recorder(path) as recorder:
        for chunk in chunks:
            recorder.write(chunk)


def read(stream: BinaryIO, name: str, warnings: list[str]) -> Iterator[Chunk]:
    """Yield the chunks of a recording or of an export (as :class:`WholeChunk`), in file order.

    A cut or damaged end is told in ``warnings``; all whole packets before it are yielded. Raises
    :class:`AtsharkError` if the file is pcapng but holds nothing of ours.
    """
    reader = pcapng.Reader(stream, name)
    return from_packets(reader, reader, name, warnings)


def from_packets(packets: Iterable[pcapng.Packet], reader: Packets, name: str, warnings: list[str]) -> Iterator[Chunk]:
    """Yield the chunks of ``packets``, which ``reader`` yields, as :func:`read` does."""
    plain: dict[bytes, Side] = {upper_pdu.header(RAW_DISSECTOR, side): side for side in ("mcu", "module")}
    size = len(next(iter(plain)))
    foreign = own = 0
    for packet in packets:
        data = packet.data
        raw_side = plain.get(data[:size])
        if raw_side is not None and len(data) > size and packet.interface.link_type == _LINK_TYPE:
            own += 1
            yield Chunk(packet.time_ns or None, raw_side, data[size:])
            continue
        chunk = _chunk(packet) if packet.interface.link_type == _LINK_TYPE else None
        if chunk is None:
            foreign += 1
            continue
        own += 1
        if chunk.data or isinstance(chunk, MarkChunk):
            yield chunk
    if reader.truncated:
        warnings.append(f"{name}: {reader.truncated}; {own} whole packets before it were read")
    if foreign and not own:
        raise AtsharkError(f"{name}: none of its {foreign} packets is serial traffic of atshark")


def is_own(packet: pcapng.Packet) -> bool:
    """Tell whether a packet is one that a recording or an export of this project holds."""
    return packet.interface.link_type == _LINK_TYPE and upper_pdu.split(packet.data, _DISSECTORS) is not None


def _chunk(packet: pcapng.Packet) -> Chunk | None:
    """Return what a packet carries, None if it is none of ours, or of a channel whose frames are there too."""
    if packet.interface.name.startswith(CHANNEL):
        return None
    parts = upper_pdu.split(packet.data, _DISSECTORS)
    if parts is None:
        return None
    dissector, side, data = parts
    time_ns = packet.time_ns or None
    if dissector == MARK_DISSECTOR:
        return MarkChunk.at(time_ns, side, _mark(data))
    if dissector != RAW_DISSECTOR:
        return WholeChunk(time_ns, side, data)
    delay = upper_pdu.read_delay(packet.data)
    if time_ns is None or delay is None or not 0 < time_ns <= LATEST_NS - delay:
        return Chunk(time_ns, side, data)
    return ReadChunk.at(time_ns + delay, side, data, time_ns)
