"""USSD strings and cell broadcast pages: how they are coded, and what they say.

Source: 3GPP TS 23.038 5 (coding of both), TS 23.041 9.4.1.2 (pages), TS 27.007 7.15 (``+CUSD``), TS 27.005 3.4.1
(``+CBM``).
"""

from __future__ import annotations

from typing import Any, Literal

from construct import ConstructError, GreedyBytes, Int8ub, Int16ub, Struct

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.frames.gsm7 import septets, text_of

PAGE = Struct("serial" / Int16ub, "message_id" / Int16ub, "dcs" / Int8ub, "page" / Int8ub, "data" / GreedyBytes)
_LANGUAGES = (
    "de", "en", "it", "fr", "es", "nl", "sv", "da", "pt", "fi", "no", "el", "tr", "hu", "pl", "",
    "cs", "he", "ar", "ru", "is",
)  # fmt: skip
"""TS 23.038 5: of the coding groups 0 and 2."""
_LONGEST = 93
_FILL = "\r"
_HEX = frozenset("0123456789ABCDEFabcdef")
Coding = Literal["gsm7", "8bit", "ucs2", "plain"]


def coding_of(dcs: int) -> Literal["gsm7", "8bit", "ucs2"]:
    """Return how text is coded (TS 23.038 5)."""
    group = dcs >> 4
    if dcs == 0x11:
        return "ucs2"
    if 4 <= group <= 7 or group == 9:
        return ("gsm7", "8bit", "ucs2", "gsm7")[dcs >> 2 & 3]
    return "8bit" if group == 15 and dcs & 4 else "gsm7"


def ucs2_of(text: str) -> str | None:
    """Return what hex digits of UCS2 say; None if they are none, or say what nobody writes."""
    if len(text) < 4 or len(text) % 4 or not _HEX.issuperset(text):
        return None
    said = bytes.fromhex(text).decode("utf-16-be", "replace")
    return said if all(one.isprintable() or one in "\r\n" for one in said) and "\ufffd" not in said else None


def ussd_text(text: str, dcs: int | None) -> tuple[str, Coding]:
    """Read the string of a USSD line: modules print it plain, as hex of UCS2, or as hex of packed septets."""
    coding = coding_of(dcs) if dcs is not None else None
    wide = ucs2_of(text)
    if wide is not None and (coding == "ucs2" or _is_latin(text)):
        return wide, "ucs2"
    if coding != "ucs2" and len(text) >= 6 and len(text) % 2 == 0 and _HEX.issuperset(text) and not text.isdigit():
        raw = bytes.fromhex(text)
        said = text_of(septets(raw, len(raw) * 8 // 7)).rstrip(_FILL + "@")
        if said and all(one.isprintable() or one in "\r\n" for one in said):
            return said, "gsm7"
    return text, "plain"


def _is_latin(text: str) -> bool:
    """Tell whether hex digits look like UCS2 whatever is said of them: every other byte is zero."""
    return len(text) >= 8 and all(text[at : at + 2] == "00" for at in range(0, len(text), 4))


def page_of(raw: bytes) -> dict[str, Any]:
    """Take a page of a cell broadcast message apart. Raises :class:`NotThisFormatError`."""
    if len(raw) > _LONGEST:
        raise NotThisFormatError("no page of a cell broadcast message")
    try:
        page = PAGE.parse(raw)
    except ConstructError as error:
        raise NotThisFormatError(str(error)) from error
    data, coding = bytes(page.data), coding_of(page.dcs)
    fields: dict[str, Any] = {
        "type": "broadcast", "serial": page.serial, "message_id": page.message_id,
        "part": {"ref": page.serial, "number": page.page >> 4 or 1, "of": page.page & 15 or 1}, "coding": coding,
    }  # fmt: skip
    language = page.dcs & 15 | (page.dcs >> 4 & 2) << 3
    if page.dcs in (0x10, 0x11):
        skip = 3 if coding == "gsm7" else 2
        fields["language"] = text_of(septets(data, 2))
    else:
        skip = 0
        if page.dcs >> 4 in (0, 2) and language < len(_LANGUAGES) and _LANGUAGES[language]:
            fields["language"] = _LANGUAGES[language]
    if coding == "gsm7":
        values = septets(data, len(data) * 8 // 7)
        if len(data) % 7 == 0 and values[-1:] == [0]:
            del values[-1]  # the seven bits that are left over where the last octet is full
        fields["text"] = text_of(values[skip:]).rstrip(_FILL)
    elif coding == "ucs2":
        fields["text"] = data[skip:].decode("utf-16-be", "replace").rstrip(_FILL)
    else:
        fields["data"] = data.hex()
    return fields
