"""Bytes that a POSIX driver marked: 0xFF 0x00 X is X with a line error, 0xFF 0x00 0x00 a break, 0xFF 0xFF is 0xFF.

Source: POSIX.1-2017, chapter 11.2.2 (PARMRK).
"""

from __future__ import annotations

from collections.abc import Iterator

from capture.chunk import Mark, MarkChunk, MarkKind, ReadChunk, Side

_MARK = 0xFF
_ERRORS_TOLD = 4


class Unmark:
    """Takes what a read returned, in any cuts, and returns bytes and errors in order."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[MarkKind | None, bytes]]:
        """Return pieces: (None, bytes as sent), ("error", the byte as received), ("break", b"")."""
        if not self._rest and _MARK not in data:
            return [(None, data)]
        data = self._rest + data
        out: list[tuple[MarkKind | None, bytes]] = []
        good = bytearray()
        position = 0
        while (found := data.find(_MARK, position)) >= 0:
            good += data[position:found]
            kind = data[found + 1 : found + 2]
            if kind == b"\0":
                if found + 2 >= len(data):
                    break
                if good:
                    out.append((None, bytes(good)))
                    good.clear()
                value = data[found + 2 : found + 3]
                out.append(("error", value) if value != b"\0" else ("break", b""))
                position = found + 3
            elif kind:
                # Doubled, or from a driver that does not double it: one byte 0xFF either way.
                good.append(_MARK)
                position = found + (2 if kind == b"\xff" else 1)
            else:
                break
        self._rest = data[found:] if found >= 0 else b""
        if found < 0:
            good += data[position:]
        if good:
            out.append((None, bytes(good)))
        return out


def marked(
    pieces: list[tuple[MarkKind | None, bytes]], errors: int, name: str, side: Side, read_ns: int, first: int
) -> Iterator[ReadChunk | MarkChunk]:
    """Yield the bytes of a read, and marks for its ``errors``; of very many, the first ones and the number.

    ``name`` is that of the port, ``first`` the time of the first byte, ``read_ns`` that of the read.
    """
    told = 0
    whole = b""
    for kind, piece in pieces:
        if kind is not None and told < _ERRORS_TOLD:
            told += 1
            if whole:
                yield ReadChunk.at(read_ns, side, whole, first)
                whole = b""
            text = "a break" if kind == "break" else f"the byte {piece.hex()} came with a framing or parity error"
            yield MarkChunk.at(read_ns, side, Mark(kind, f"{name}: {text}"))
        whole += piece
    if whole:
        yield ReadChunk.at(read_ns, side, whole, first)
    if errors > told:
        text = f"{name}: {errors - told} more line errors in the same read"
        yield MarkChunk.at(read_ns, side, Mark("error", text))
