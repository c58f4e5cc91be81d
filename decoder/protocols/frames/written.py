"""Texts and numbers as text mode and USSD write them: as they are, as hex of UCS2, as hex of septets or octets.

Which it is, the character set of the MCU and the data coding scheme tell (TS 27.005 3.1, TS 27.007 5.5 and 7.15). Where
no line told them, hex is read as UCS2 or septets only if what it says then looks like text, and hardly can by chance.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from decoder.protocols.frames import gsm7, user_data
from decoder.protocols.frames.dcs import Coding, of_message
from decoder.protocols.frames.user_data import UserData

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_ASCII_IN_UCS2 = re.compile(r"(?:00[2-7][0-9A-Fa-f])+")
_SCRIPTS = ((0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0xDFF), (0xE00, 0xE7F),
            (0x2010, 0x20BF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFF00, 0xFFEF),
            (0x1F300, 0x1FAFF))  # fmt: skip
"""Code points of what people write, from and to."""
_BLANKS = "\r\n\t"
_MOST_SCRIPTS = 4
"""Latin, one more, its punctuation and its wide forms."""
_SURE = 3
"""Characters beyond ASCII that are no chance any more."""
_SURELY = 12
"""Hex digits of so few ASCII characters in UCS2 that they are no chance any more."""
_HEADER = 0x40
_UCS2 = 8
_PART_HEADERS = (5, 6)
"""Lengths of a header that has only the element in it that tells a part."""
Way = Literal["plain", "ucs2", "septets", "octets"]


def octets_of(text: str) -> bytes | None:
    """Return the octets that a text gives as hex; None if it is no hex."""
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def ucs2_of(text: str) -> str | None:
    """Return what hex of UCS2 says; None if it is none."""
    raw = octets_of(text)
    return raw.decode("utf-16-be", "replace") if raw is not None and len(raw) % 2 == 0 else None


def number_of(text: str, charset: str) -> str:
    """Return a number, or the letters that stand for one: as they are, or as hex of UCS2 gives them."""
    if charset == "UCS2" or is_surely_ucs2(text):
        return ucs2_of(text) or text
    return text


def text_of(text: str, charset: str, coding: Coding | None, *, sure: bool = False) -> tuple[str, Way]:
    """Return what a text says, and how it was written.

    ``coding``: as its line told, None if it did not; ``sure``: another text of the same line was written in UCS2.
    """
    meant = ucs2_of(text)
    if meant is None:
        return text, "plain"
    told = charset == "UCS2" or sure or (coding is not None and coding.name == "ucs2")
    return (meant, "ucs2") if told or (not charset and looks_meant(text, meant)) else (text, "plain")


def is_ascii_in_ucs2(text: str) -> bool:
    """Tell whether hex digits are those of ASCII characters in UCS2."""
    return _ASCII_IN_UCS2.fullmatch(text) is not None


def is_surely_ucs2(text: str) -> bool:
    """Tell whether hex digits are those of so many ASCII characters in UCS2 that no chance makes them."""
    return len(text) >= _SURELY and is_ascii_in_ucs2(text)


def looks_meant(text: str, meant: str) -> bool:
    """Tell whether hex digits were written for what they say in UCS2: it is text, and no chance makes it so."""
    scripts = {
        next((low for low, high in _SCRIPTS if low <= ord(one) <= high), None) for one in meant if one not in _BLANKS
    }
    if None in scripts or len(scripts) > _MOST_SCRIPTS:
        return False
    return is_surely_ucs2(text) or sum(not one.isascii() for one in meant) >= _SURE


class Header(NamedTuple):
    """What a line of text mode tells of its message besides: None where it does not.

    ``first`` octet, data coding scheme, ``size`` of the user data in septets or octets.
    """

    first: int | None = None
    dcs: int | None = None
    size: int | None = None


def message(text: str, charset: str, header: Header, *, sure: bool = False) -> tuple[dict[str, Any], UserData | None]:
    """Read a message of text mode; if there is a user data header in it, return the user data too.

    One with a header, and one of octets, stands there as hex of its user data. ``sure``: as in :func:`text_of`.
    """
    dcs = header.dcs or 0
    coding = of_message(dcs) if header.dcs is not None else None
    raw = octets_of(text)
    if raw is not None and (header.first & _HEADER if header.first is not None else _is_part(raw)):
        user = _user_data(raw, header)
        return user.coding.fields(dcs) | user.fields(), user
    fields = coding.fields(dcs) if coding is not None else {}
    if raw is not None and coding is not None and coding.name in ("8bit", "compressed"):
        return fields | {"data": raw.hex()}, None
    return fields | {"text": text_of(text, charset, coding, sure=sure)[0]}, None


def _user_data(raw: bytes, header: Header) -> UserData:
    """Read user data with a header; where no line told its coding, it is UCS2 if that looks like text."""
    scheme = of_message(header.dcs or 0)
    behind = raw[1 + raw[0] :]
    if header.dcs is None and len(behind) % 2 == 0 and looks_meant(behind.hex(), behind.decode("utf-16-be", "replace")):
        scheme = of_message(_UCS2)
    most = len(raw) * 8 // 7 if scheme.name == "gsm7" else len(raw)
    size = header.size if header.size is not None and header.size < most else most
    return user_data.read(scheme, size, raw, header=True)


def _is_part(raw: bytes) -> bool:
    """Tell whether octets begin as the part of a message does: with a header that has nothing but that in it."""
    return raw[0] in _PART_HEADERS and user_data.read(of_message(4), len(raw), raw, header=True).part is not None


def header_size(text: str) -> int:
    """Return how many octets of user data that stand as hex in text mode are its header: 0 if that has none."""
    raw = octets_of(text)
    return 1 + raw[0] if raw is not None and _is_part(raw) else 0


def septets_of(raw: bytes) -> str:
    """Return the text of septets that fill octets; a CR fills the last if they would leave room for one more."""
    text = gsm7.text_of(gsm7.septets(raw, len(raw) * 8 // 7))
    return text[:-1] if len(raw) % 7 == 0 and text.endswith("\r") else text
