"""Bytes that a POSIX driver marked: 0xFF 0x00 X is X with a line error, 0xFF 0x00 0x00 a break, 0xFF 0xFF is 0xFF.

Source: POSIX.1-2017, chapter 11.2.2 (PARMRK).
"""

from __future__ import annotations

from capture.chunk import MarkKind

_MARK = 0xFF


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
