"""The content of records to bytes: hex, escapes, and line ends that a log has lost.

What the bytes were is decided for a log as a whole, from its head (:class:`Style`); what had to be assumed is said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from atshark.sources.logs.record import Entry
from capture import grammar
from capture.chunk import Side
from decoder.link import cmux

_HEX = re.compile(r"\s*(?:0[xX])?[0-9A-Fa-f]{2}(?:[\s,:;-]*(?:0[xX])?[0-9A-Fa-f]{2})*[\s,;]*")
_NOT_HEX = re.compile(r"0[xX]|[^0-9A-Fa-f]")
_NAMES = {"CR": "\r", "LF": "\n", "LN": "\n", "NL": "\n",
          "NUL": "\0", "SUB": "\x1a", "CTRL-Z": "\x1a", "CTRLZ": "\x1a",
          "ESC": "\x1b", "TAB": "\t", "HT": "\t", "SP": " ",
          "BEL": "\a", "BS": "\b", "EOT": "\x04", "ETX": "\x03"}  # fmt: skip
_C = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\", '"': '"', "'": "'", "a": "\a", "e": "\x1b"}
_FAMILIES: dict[str, re.Pattern[str]] = {
    "c": re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([0-3][0-7]{2})|([0-9A-F]{2})(?![0-9A-Fa-f])|([rnt0\\\"'ae]))"),
    "angle": re.compile(r"<(?:(0[xX][0-9A-Fa-f]{2}|[0-9A-F]{2})|(" + "|".join(_NAMES) + r"))>", re.IGNORECASE),
    "square": re.compile(r"\[(?:(0[xX][0-9A-Fa-f]{2}|[0-9A-F]{2})|(" + "|".join(_NAMES) + r"))\]", re.IGNORECASE),
    "brace": re.compile(r"\{(?:(0[xX]?[0-9A-Fa-f]{2}|[0-9A-F]{2})|(" + "|".join(_NAMES) + r"))\}", re.IGNORECASE),
    "caret": re.compile(r"\^([JMZ@\[])"),
    "paren": re.compile(r"(.?)\((\d{3})\) ?"),
    "symbol": re.compile(r"([␀-␟␡])"),
}
_LINE_END: dict[str, str] = {
    "c": r"\\(?:[rn]|x0[adAD]|01[25]|0[AD](?![0-9A-Fa-f]))",
    "angle": r"<(?:CR|LF|LN|NL|(?:0[xX])?0[AaDd])>",
    "square": r"\[(?:CR|LF|LN|NL|(?:0[xX])?0[AaDd])\]",
    "brace": r"\{(?:CR|LF|LN|NL|(?:0[xX]?)?0[AaDd])\}",
    "caret": r"\^[JM]",
    "paren": r"\(01[03]\)",
    "symbol": r"[␍␊]",
}
"""How a family writes CR and LF: only these show that a family is in use. Numbers in brackets may be anything."""
_ANYWHERE = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _LINE_END.items()}
_ENDED = (b"\r", b"\n")
_CTRL_Z = re.compile(r"(?:<?CTRL[-+ ]?Z>?|\^Z|\\x1[aA]|␚|<SUB>)\s*$", re.IGNORECASE)


class Style(NamedTuple):
    """How a log writes bytes. ``exact``: the line ends inside records are those of the wire.

    ``escapes``: the family of escapes, once for each time that it was applied. ``ends``: whose records end like lines
    of the wire; those of the others get their ends back.
    """

    hexadecimal: bool = False
    escapes: tuple[str, ...] = ()
    exact: bool = False
    ends: frozenset[Side] = frozenset()

    @property
    def lost(self) -> bool:
        """Whether line ends had to be put back."""
        return not (self.hexadecimal or self.escapes or self.exact)


def style_of(entries: Sequence[Entry]) -> Style:
    """Decide from the first records of a log."""
    filled = [entry for entry in entries if any(line.strip() for line in entry.lines)]
    single = ["\n".join(entry.lines) for entry in filled]
    if not filled:
        return Style()
    if all(entry.content == "hex" for entry in filled):
        return Style(hexadecimal=True)
    if all(entry.content in ("hex", "either") for entry in filled):
        texts = [" ".join(entry.lines) for entry in filled]
        if all(_HEX.fullmatch(text) for text in texts):
            said = [from_hex(text) for text in texts]
            if b"AT" in b"".join(said).upper() or any(cmux.find(one)[1] is not None for one in said):
                return Style(hexadecimal=True)
    for name, pattern in _ANYWHERE.items():
        told = sum(1 for text in single if pattern.search(text))
        if told * 10 >= 3 * len(single):
            deeper = sum(1 for text in single if pattern.search(unescaped(text, name)))
            return Style(escapes=(name, name) if name == "c" and deeper * 2 >= told else (name,))
    several = [entry for entry in filled if len(entry.lines) > 1 and entry.side != "mcu"]
    led = [entry for entry in several if not entry.lines[0].strip() and len(entry.lines) > 2]
    return Style(exact=len(led) >= 1 and 2 * len(led) >= len(several))


def from_hex(text: str) -> bytes:
    """Read hex digits, however they are set apart; an odd digit at the end is left out."""
    digits = _NOT_HEX.sub("", text)
    return bytes.fromhex(digits[: len(digits) & ~1])


def is_hex(text: str) -> bool:
    """Whether a text is nothing but bytes in hex."""
    return _HEX.fullmatch(text) is not None


def to_bytes(text: str) -> bytes:
    """Encode as UTF-8; what was no text in the file is as it was."""
    return text.encode("utf-8", "surrogateescape")


def unescaped(text: str, family: str) -> str:
    """Replace the escapes of one family."""
    if family == "c":
        return _FAMILIES[family].sub(_c_escape, text)
    if family == "caret":
        return _FAMILIES[family].sub(lambda match: chr(ord(match[1]) & 0x1F), text)
    if family == "paren":
        return _FAMILIES[family].sub(_paren_escape, text)
    if family == "symbol":
        return _FAMILIES[family].sub(lambda match: chr((ord(match[1]) - 0x2400) & 0x7F), text)
    return _FAMILIES[family].sub(
        lambda match: _byte(int(match[1].lower().removeprefix("0x"), 16)) if match[1] else _NAMES[match[2].upper()],
        text,
    )


def shows(lines: tuple[str, ...], style: Style) -> bool:
    """Whether a record has escapes at all: some programs print only what they send with them."""
    return any(_ANYWHERE[style.escapes[0]].search(line) for line in lines)


def meant(text: str, style: Style) -> str:
    """Replace the escapes of a log."""
    for family in style.escapes:
        text = unescaped(text, family)
    return text


def _ended(data: bytes, side: Side, style: Style, *, payload: bool) -> bytes:
    """Put back the line ends that a program has left out of records with escapes in them."""
    if not data or payload:
        return data
    if style.escapes[0] == "caret" and side == "module" and data.endswith(b"\r"):
        return data + b"\n"
    if data.endswith(_ENDED) or side in style.ends or data.strip() in (b">", b"+++"):
        return data
    return data + b"\r" if side == "mcu" else data + b"\r\n"


def _paren_escape(match: re.Match[str]) -> str:
    byte = _byte(int(match[2]) & 0xFF)
    return byte if match[1] in ("", byte) else match[1] + byte


def _c_escape(match: re.Match[str]) -> str:
    if match[1] or match[3]:
        return _byte(int(match[1] or match[3], 16))
    return _byte(int(match[2], 8)) if match[2] else _C[match[4]]


def _byte(value: int) -> str:
    """Write a byte so that :func:`to_bytes` gives it back."""
    return chr(value) if value < 0x80 else chr(0xDC00 + value)


def written(entry: Entry, side: Side, style: Style, *, payload: bool) -> bytes:
    """Return the bytes of a record that ``side`` sent; ``payload``: it answers a prompt."""
    if entry.data is not None:
        return entry.data
    if entry.content == "hex" or (style.hexadecimal and entry.content == "either"):
        return from_hex(" ".join(entry.lines))
    if style.escapes and (side in style.ends or shows(entry.lines, style)):
        return _ended(to_bytes(meant("\n".join(entry.lines).strip("\n"), style)), side, style, payload=payload)
    if entry.size is not None and (sized := of_size(entry.lines, entry.size)) is not None:
        return sized
    if style.exact and len(entry.lines) > 1:
        return to_bytes("\r\n".join(entry.lines))
    lines = _trimmed(entry.lines)
    text = "\r\n".join(lines)
    if side == "mcu":
        if payload:
            ended = _CTRL_Z.sub("", text)
            return to_bytes(ended) + (b"\x1a" if ended != text else b"")
        return to_bytes(text.rstrip()) + (b"" if text.strip() == "+++" else b"\r")
    if grammar.is_prompt(text.strip()):
        return b"\r\n> "
    if to_bytes(text.strip()) in grammar.NUMERIC_CODES:  # after ATV0; it ends with CR alone (V.250 6.2.6)
        return to_bytes(text.strip()) + b"\r"
    return b"\r\n" + to_bytes(text.rstrip()) + b"\r\n" if text.strip() else b""


def _trimmed(lines: tuple[str, ...]) -> list[str]:
    out = list(lines)
    while out and not out[0].strip():
        del out[0]
    while out and not out[-1].strip():
        del out[-1]
    if out:
        out[0] = out[0].lstrip(" \t")
    return out


def of_size(lines: tuple[str, ...], size: int) -> bytes | None:
    """Put back the line ends that make a record as long as the log, or the command, says it is; None: none do."""
    bare = _trimmed(lines)
    for inner in (list(lines), bare, [line for line in bare if line.strip()]):
        for between, lead, number in product(("\r\n", "\n", "\r", "\r\n\r\n"), ("", "\r\n"), range(5)):
            tail = ("", between, "\r", "\r\n", "\n")[number]
            data = to_bytes(lead + between.join(inner) + tail)
            if len(data) == size:
                return data
    return None
