"""DNS messages: questions and answers. scapy reads and builds them; it is loaded only when one comes.

Source: RFC 1035 4; RFC 3596 (AAAA).
"""

from __future__ import annotations

from typing import Any

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

PORT = 53
_TYPES = {1: "A", 2: "NS", 5: "CNAME", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 255: "ANY"}
_CODES = {0: "", 1: "format error", 2: "server failure", 3: "no such name", 4: "not implemented", 5: "refused"}
_MAX_RECORDS = 64


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """Decode a message for people. Raises :class:`NotThisFormatError`."""
    from scapy.layers.dns import DNS  # noqa: PLC0415 - slow to load

    try:
        message = DNS(data)
        asked, told = (message.qd or [])[:_MAX_RECORDS], (message.an or [])[:_MAX_RECORDS]
        questions = [(_name(one.qname), _TYPES.get(one.qtype, str(one.qtype))) for one in asked]
        answers = [
            (_name(one.rrname), _TYPES.get(one.type, str(one.type)), _name(getattr(one, "rdata", b"")), int(one.ttl))
            for one in told
        ]
    except Exception as error:  # scapy raises what it likes on damaged messages
        raise NotThisFormatError(f"no DNS message: {error}") from error
    if not questions and not answers:
        raise NotThisFormatError("a DNS message without question and answer")
    fields: dict[str, Any] = {
        "id": message.id, "response": bool(message.qr),
        "questions": [{"name": name, "type": kind} for name, kind in questions],
        "answers": [{"name": name, "type": kind, "data": value, "ttl": ttl} for name, kind, value, ttl in answers],
    }  # fmt: skip
    what = ", ".join(f"{kind} {name}" for name, kind in questions)
    if not message.qr:
        return f"query {what}", fields
    fields["code"] = message.rcode
    data_told = ", ".join(value for _, _, value, _ in answers)
    code = _CODES.get(message.rcode, f"code {message.rcode}")
    return f"answer {what}: {data_told or code or 'nothing'}", fields


def _name(value: object) -> str:
    text = to_text(value) if isinstance(value, bytes) else str(value)
    return text.rstrip(".") or "."
