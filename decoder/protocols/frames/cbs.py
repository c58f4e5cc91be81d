"""Cell broadcast: a page as ``+CBM`` carries it.

Sources: 3GPP TS 23.041 9.4.1.2 (serial number, message identifier, page), 9.4.2 (the form of UMTS); TS 23.038 5
(coding, languages).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from construct import Bytes, ConstructError, GreedyBytes, GreedyRange, Int8ub, Int16ub, Struct

from decoder.protocols.frames import dcs, gsm7, user_data
from decoder.protocols.frames.dcs import Coding
from decoder.protocols.frames.errors import NotThisFormatError

PAGE = Struct("serial" / Int16ub, "message_id" / Int16ub, "dcs" / Int8ub, "page" / Int8ub, "content" / GreedyBytes)
UMTS = Struct(
    "kind" / Int8ub, "message_id" / Int16ub, "serial" / Int16ub, "dcs" / Int8ub, "count" / Int8ub,
    "pages" / GreedyRange(Struct("content" / Bytes(82), "used" / Int8ub)), "rest" / GreedyBytes,
)  # fmt: skip
_LONGEST_PAGE = 88
_MESSAGE = 1
_SCOPES = ("cell, at once", "network", "area", "cell")
"""Where the serial number is valid (9.4.1.2.1)."""
_WARNINGS = ((0x1100, 0x1107, "etws"), (0x1112, 0x112F, "public warning"))
"""Message identifiers of warnings (9.4.1.2.2), from and to."""
_LANGUAGE_OCTETS = 2


class Page(NamedTuple):
    """A page: in one line, in fields."""

    told: str
    fields: dict[str, Any]


def decode(raw: bytes) -> Page:
    """Read a broadcast. Raises :class:`NotThisFormatError`."""
    try:
        if len(raw) > _LONGEST_PAGE and raw[0] == _MESSAGE:
            return _umts(UMTS.parse(raw))
        if len(raw) > _LONGEST_PAGE:
            raise NotThisFormatError("longer than a page")
        found = PAGE.parse(raw)
    except ConstructError as error:
        raise NotThisFormatError(str(error)) from error
    fields = _numbers(found.serial, found.message_id)
    number, of = found.page >> 4, found.page & 15
    fields["page"] = {"number": number, "of": of} if 1 <= number <= of else {"number": 1, "of": 1}
    fields |= _content(dcs.of_broadcast(found.dcs), found.dcs, bytes(found.content))
    return Page(told(fields), fields)


def _umts(found: Any) -> Page:
    scheme = dcs.of_broadcast(found.dcs)
    each = [_content(scheme, found.dcs, bytes(one.content)[: one.used]) for one in found.pages]
    if not each:
        raise NotThisFormatError("no page")
    fields = _numbers(found.serial, found.message_id) | each[0]
    name = "text" if "text" in each[0] else "data"
    fields |= {name: "".join(one[name] for one in each), "pages": len(each)}
    return Page(told(fields), fields)


def _numbers(serial: int, message_id: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "type": "broadcast", "serial": serial, "scope": _SCOPES[serial >> 14], "message_code": serial >> 4 & 0x3FF,
        "update": serial & 15, "message_id": message_id,
    }  # fmt: skip
    for first, last, what in _WARNINGS:
        if first <= message_id <= last:
            fields["warning"] = what
    return fields


def _content(scheme: Coding, code: int, data: bytes) -> dict[str, Any]:
    fields = scheme.fields(code)
    if scheme.header:
        size = len(data) * 8 // 7 if scheme.name == "gsm7" else len(data)
        fields |= user_data.read(scheme, size, data, header=True).fields()
    elif scheme.name == "gsm7":
        fields["text"] = gsm7.text_of(gsm7.septets(data, len(data) * 8 // 7))
        if scheme.language_first and fields["text"][2:3] == "\r":
            fields |= {"language": fields["text"][:2], "text": fields["text"][3:]}
    elif scheme.name == "ucs2":
        if scheme.language_first:
            fields["language"] = gsm7.text_of(gsm7.septets(data[:_LANGUAGE_OCTETS], 2))
            data = data[_LANGUAGE_OCTETS:]
        fields["text"] = data.decode("utf-16-be", "replace")
    else:
        fields["data"] = data.hex()
    if "text" in fields:
        fields["text"] = fields["text"].rstrip("\r")
    return fields


def told(fields: dict[str, Any]) -> str:
    """Say a broadcast in one line."""
    words = [f"broadcast {fields['message_id']}"]
    if "warning" in fields:
        words.append(f"({fields['warning']})")
    page = fields.get("page")
    if page is not None and page["of"] > 1:
        words.append(f"page {page['number']} of {page['of']}")
    words.append(repr(fields["text"]) if "text" in fields else f"{len(fields['data']) // 2} bytes")
    return " ".join(words)


def of_text(values: list[int | None]) -> dict[str, Any]:
    """Return what a line of text mode tells of a broadcast: serial number, message identifier, coding, page, pages."""
    serial, message_id, code, page, pages = (one or 0 for one in values)
    fields = _numbers(serial, message_id) | {"page": {"number": page or 1, "of": max(page, pages, 1)}}
    return fields | dcs.of_broadcast(code & 0xFF).fields(code & 0xFF)
