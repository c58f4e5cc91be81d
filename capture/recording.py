"""A recording: every byte of both wires with its time, as a pcapng file that any pcapng reader opens.

One interface per wire (named ``mcu`` and ``module`` after who speaks on it), one packet per read, each written
with one unbuffered ``write``: when the process is killed, at most the packet being written is cut. Packets have
link type 252 and name the dissector ``atshark_raw``, so that Wireshark with the plugin needs no "Decode As".
A time of 0 stands for "unknown": pcapng has no other way to say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from capture import pcapng, upper_pdu
from capture.chunk import Chunk, Side, WholeChunk
from capture.errors import AtsharkError

RAW_DISSECTOR = "atshark_raw"
MESSAGE_DISSECTOR = "atshark"
DATA_DISSECTOR = "atshark_data"
APPLICATION = "atshark 0.1.0"
_DISSECTORS = (RAW_DISSECTOR, MESSAGE_DISSECTOR, DATA_DISSECTOR)
_DIRECTION = {"mcu": pcapng.OUTBOUND, "module": pcapng.INBOUND}


class Recorder:
    """Write chunks to a recording as they come. A context manager; ``close`` is safe to call twice.

    ``descriptions`` says what is behind each wire ("/dev/ttyUSB0 115200 8N1"); ``baud`` is in bit/s, 0 if
    unknown. Raises :class:`AtsharkError` if the file cannot be created.
    """

    def __init__(self, path: Path, descriptions: dict[Side, str] | None = None, baud: int = 0) -> None:
        try:
            self._file: BinaryIO = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise AtsharkError(f"{path}: cannot write the recording: {error.strerror}") from error
        self._writer = pcapng.Writer(self._file, APPLICATION)
        texts = descriptions or {}
        self._interfaces: dict[Side, int] = {}
        for side in ("mcu", "module"):
            self._interfaces[side] = self._writer.add_interface(
                side, texts.get(side, ""), link_type=pcapng.LINKTYPE_WIRESHARK_UPPER_PDU, speed=baud
            )

    def write(self, chunk: Chunk) -> None:
        """Append one chunk; it is in the hands of the operating system when this returns."""
        time_ns, side, data = chunk
        packet = upper_pdu.header(RAW_DISSECTOR, side) + data
        self._writer.packet(self._interfaces[side], time_ns or 0, packet, direction=_DIRECTION[side])

    @property
    def size(self) -> int:
        """How many bytes the file has so far."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


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
    foreign = own = 0
    for packet in reader:
        if packet.interface.link_type != pcapng.LINKTYPE_WIRESHARK_UPPER_PDU:
            foreign += 1
            continue
        parts = upper_pdu.split(packet.data, _DISSECTORS)
        if parts is None:
            foreign += 1
            continue
        own += 1
        if parts[2]:
            kind = Chunk if parts[0] == RAW_DISSECTOR else WholeChunk
            yield kind(packet.time_ns or None, parts[1], parts[2])
    if reader.truncated:
        warnings.append(f"{name}: {reader.truncated}; {own} whole packets before it were read")
    if foreign and not own:
        raise AtsharkError(f"{name}: a pcapng file, but none of its {foreign} packets is serial traffic of atshark")
