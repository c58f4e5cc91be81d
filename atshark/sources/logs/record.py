"""What a reader of a log finds: one record a line, or a block of lines, in the order of the file."""

from __future__ import annotations

from typing import Literal, NamedTuple

from capture.chunk import Side

Content = Literal["text", "hex", "escaped", "either"]
"""How bytes are written: as text, as hex digits, as text with escapes, or as text or hex, whichever fits."""


class Entry(NamedTuple):
    """One record of a log.

    ``mark`` is what stood where the direction stands, ``side`` what that means; both None if nothing did.
    ``lines`` is the content, line ends removed; ``size`` how many bytes the log says they are; ``data`` the bytes,
    where the format writes bytes. ``number`` is the line of the file (from 1).
    """

    number: int
    time_ns: int | None
    mark: str | None
    side: Side | None
    lines: tuple[str, ...]
    content: Content = "text"
    size: int | None = None
    data: bytes | None = None
