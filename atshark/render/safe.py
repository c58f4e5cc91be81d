"""What comes from a line, made safe where it is shown: terminals, pages, spreadsheets, JSON.

The renderers escape field by field, so that a field cannot break a line; these functions stand behind all of them.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from decoder.values import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What begins a formula in a spreadsheet (OWASP, CSV injection), in full width too: some convert it."""
_RAW_CONTROL = re.compile(
    rb"\x7f|\xc2[\x80-\x9f\xad]|\xd8[\x80-\x85\x9c]|\xdb\x9d|\xdc\x8f|\xe0(?:\xa2[\x90\x91]|\xa3\xa2)|\xe1\xa0\x8e"
    rb"|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]"
    rb"|\xf0\x91\x82\xbd|\xf0\x91\x83\x8d|\xf0\x93\x90[\xb0-\xbf]|\xf0\x9b\xb2[\xa0-\xa3]|\xf0\x9d\x85[\xb3-\xba]"
    rb"|\xf3\xa0[\x80-\xbf][\x80-\xbf]"
)
"""The same in UTF-8, but what JSON escapes by itself."""


def shown(text: str) -> str:
    """Escape what a terminal would obey; line ends stay."""
    if text.isprintable():
        return text
    return "\n".join(map(printable, text.split("\n")))


def all_shown(value: Any) -> Any:
    """Escape all texts in a value made of lists, dicts and texts."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list | tuple):
        return [all_shown(one) for one in value]
    if isinstance(value, dict):
        return {shown(key) if isinstance(key, str) else key: all_shown(one) for key, one in value.items()}
    return value


def cell(value: object) -> object:
    """Make the cell of a table: no control character, nothing that a spreadsheet would run."""
    if not isinstance(value, str):
        return value
    safe = printable(value)
    return "'" + safe if value.startswith(_FORMULA) else safe


def json(value: Any) -> bytes:
    """Encode as JSON in which control and format characters are escapes: the same value, safe on a terminal."""
    try:
        return escaped(msgspec.json.encode(value))
    except UnicodeEncodeError:  # a lone surrogate: a file name that is no UTF-8
        return escaped(msgspec.json.encode(all_shown(msgspec.to_builtins(value))))


def escaped(encoded: bytes) -> bytes:
    """Escape what is left raw in JSON that is encoded already."""
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return _RAW_CONTROL.sub(_as_escape, encoded)


def _as_escape(match: re.Match[bytes]) -> bytes:
    units = match[0].decode().encode("utf-16-be").hex()
    return b"".join(b"\\u" + units[at : at + 4].encode() for at in range(0, len(units), 4))
