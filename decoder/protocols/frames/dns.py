"""DNS messages: questions and answers.

Source: RFC 1035 4 (messages, compression); RFC 3596 (AAAA); RFC 2782 (SRV); RFC 4343 2.1 (dots inside a label).
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

PORT = 53
_TYPES = {1: "A", 2: "NS", 5: "CNAME", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 255: "ANY"}
_NAMES = ("NS", "CNAME", "PTR")
_CODES = {0: "", 1: "format error", 2: "server failure", 3: "no such name", 4: "not implemented", 5: "refused"}
_HEADER = struct.Struct("!HHHHHH")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_RESPONSE = 0x8000
_MAX_NAME = 255
_MAX_RECORDS = 64


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """Decode a message for people. Raises :class:`NotThisFormatError`."""
    try:
        number, flags, questions_count, answers_count, _, _ = _HEADER.unpack_from(data)
        questions, at = _questions(data, questions_count)
        answers = _answers(data, at, answers_count)
    except (IndexError, ValueError, struct.error) as error:
        raise NotThisFormatError(f"no DNS message: {error}") from error
    if not questions and not answers:
        raise NotThisFormatError("a DNS message without question and answer")
    fields: dict[str, Any] = {
        "id": number, "response": bool(flags & _RESPONSE), "questions": questions, "answers": answers,
    }  # fmt: skip
    what = ", ".join(f"{one['type']} {one['name']}" for one in questions)
    if not flags & _RESPONSE:
        return f"query {what}", fields
    code = fields["code"] = flags & 0xF
    told = ", ".join(one["data"] for one in answers)
    return f"answer {what}: {told or _CODES.get(code, f'code {code}') or 'nothing'}", fields


def _questions(data: bytes, count: int) -> tuple[list[dict[str, Any]], int]:
    if count > _MAX_RECORDS:
        raise ValueError(f"{count} questions")
    found = []
    at = _HEADER.size
    for _ in range(count):
        name, at = _name(data, at)
        kind, _ = _QUESTION.unpack_from(data, at)
        at += _QUESTION.size
        found.append({"name": name, "type": _TYPES.get(kind, str(kind))})
    return found, at


def _answers(data: bytes, at: int, count: int) -> list[dict[str, Any]]:
    found = []
    for _ in range(min(count, _MAX_RECORDS)):
        name, at = _name(data, at)
        number, _, ttl, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + length > len(data):
            raise ValueError("the data of a record is cut")
        kind = _TYPES.get(number, str(number))
        found.append({"name": name, "type": kind, "data": _said(data, at, length, kind), "ttl": ttl})
        at += length
    return found


def _said(data: bytes, at: int, length: int, kind: str) -> str:
    """Show the data of a record of ``kind``, which may point into the whole message."""
    own = data[at : at + length]
    if kind in ("A", "AAAA"):
        return str(ipaddress.ip_address(own))
    if kind in _NAMES:
        return _name(data, at)[0]
    if kind == "MX":
        return f"{int.from_bytes(own[:2])} {_name(data, at + 2)[0]}"
    if kind == "SRV":
        priority, weight, port = struct.unpack_from("!HHH", own)
        return f"{priority} {weight} {port} {_name(data, at + 6)[0]}"
    if kind == "TXT":
        texts = []
        while own:
            texts.append(to_text(own[1 : 1 + own[0]]))
            own = own[1 + own[0] :]
        return " ".join(texts)
    return own.hex()


def _name(data: bytes, at: int) -> tuple[str, int]:
    """Read a name at ``at``; return it and where the next field begins. A pointer leads backwards only.

    Raises ValueError or IndexError where none is.
    """
    labels: list[str] = []
    size, after, lowest = 0, 0, at
    while (length := data[at]) != 0:
        if length >= 0xC0:
            after = after or at + 2
            at = int.from_bytes(data[at : at + 2]) & 0x3FFF
            if at >= lowest:
                raise ValueError("a name that points forwards")
            lowest = at
            continue
        label = data[at + 1 : at + 1 + length]
        size += length + 1
        if length > 63 or len(label) < length or size >= _MAX_NAME:
            raise ValueError("no label")
        labels.append(to_text(label).replace(".", "\\."))
        at += 1 + length
    return ".".join(labels) or ".", after or at + 1
