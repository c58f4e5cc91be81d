r"""Chunk files: a recording as readable text, one JSON object a line, for samples and for hand-made cases.

Each line holds ``side`` ("mcu" or "module"), ``time_ns`` (an integer, or null or absent when unknown) and the
bytes as either ``hex`` or ``text``; in ``text`` each character stands for the byte of its number (Latin-1).
Lines that begin with ``#`` are remarks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from capture.chunk import Chunk, Side
from capture.errors import AtsharkError


class _Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    side: Side
    time_ns: int | None = None
    text: str | None = None
    hex: str | None = None


_DECODER = msgspec.json.Decoder(_Line)
_PRINTABLE = frozenset(range(0x20, 0x7F)) | {0x0A, 0x0D}


def sniff(head: bytes) -> bool:
    """Tell whether ``head``, the first bytes of a file, looks like a chunk file."""
    for line in head.lstrip().splitlines()[:50]:
        text = line.strip()
        if text and not text.startswith(b"#"):
            return text.startswith(b"{") and b'"side"' in text
    return False


def read(stream: BinaryIO, name: str) -> Iterator[Chunk]:
    """Yield the chunks of a chunk file. Raises :class:`AtsharkError` naming the line that is wrong."""
    for number, line in enumerate(stream, 1):
        text = line.strip()
        if not text or text.startswith(b"#"):
            continue
        try:
            parsed = _DECODER.decode(text)
            if (parsed.text is None) == (parsed.hex is None):
                raise ValueError("exactly one of 'text' and 'hex' is needed")
            data = parsed.text.encode("latin-1") if parsed.text is not None else bytes.fromhex(parsed.hex or "")
        except (msgspec.DecodeError, ValueError) as error:
            raise AtsharkError(f"{name}:{number}: not a line of a chunk file: {error}") from error
        if data:
            yield Chunk(parsed.time_ns, parsed.side, data)


def write(chunks: Iterable[Chunk], stream: BinaryIO) -> None:
    """Write ``chunks`` as lines of a chunk file: as text where all bytes are printable, else as hex."""
    for time_ns, side, data in chunks:
        if not data:
            continue
        if _PRINTABLE.issuperset(data):
            line = _Line(side, time_ns, text=data.decode("ascii"))
        else:
            line = _Line(side, time_ns, hex=data.hex())
        stream.write(msgspec.json.encode(line) + b"\n")
