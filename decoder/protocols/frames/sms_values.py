"""Values in messages: addresses, times, how long they are valid, what became of them.

Sources: 3GPP TS 23.040 9.1.2 (numbers and addresses), 9.2.3.11 (time stamps), 9.2.3.12 (validity), 9.2.3.15 (status).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from decoder.protocols.frames import gsm7

DIGITS = "0123456789*#abc"
"""What half-octets stand for; the last value fills."""
ALPHANUMERIC = 5
_INTERNATIONAL = 1
_TYPES = ("unknown", "international", "national", "network", "subscriber", "alphanumeric", "abbreviated", "reserved")
_SHOWN = ("unknown", "international")
"""Types that the number itself shows."""
_LAST_CENTURY = 70
"""Years from here on are those of the last century: nobody sent messages before, and none come from so far ahead."""
_STATUSES = {
    0x00: "delivered", 0x01: "forwarded, delivery not confirmed", 0x02: "replaced by the service centre",
    0x40: "remote procedure error", 0x41: "incompatible destination", 0x42: "connection rejected by the receiver",
    0x43: "not obtainable", 0x44: "quality of service not available", 0x45: "no interworking", 0x46: "validity expired",
    0x47: "deleted by the sender", 0x48: "deleted by the service centre", 0x49: "message does not exist",
}  # fmt: skip
_CAUSES = (
    "congestion", "receiver busy", "no response from the receiver", "service rejected",
    "quality of service not available", "error in the receiver",
)  # fmt: skip
_CLOCK = re.compile(r"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)(?:([+-])(\d\d))?", re.ASCII)
_STATES = ("completed", "still trying", "failed", "failed, not tried again")


def type_of(kind: int) -> str:
    """Return the type of an address."""
    return _TYPES[kind >> 4 & 7]


def number_type(kind: int) -> dict[str, str]:
    """Return what records say of the type of an address: nothing where the number itself shows it."""
    name = type_of(kind)
    return {} if name in _SHOWN else {"number_type": name}


def address_of(kind: int, size: int, value: bytes) -> str:
    """Return an address of ``size`` half-octets: digits, with + if international, or letters."""
    if kind >> 4 & 7 == ALPHANUMERIC:
        return gsm7.text_of(gsm7.septets(value, size * 4 // 7))
    halves = [half for octet in value for half in (octet & 15, octet >> 4)][:size]
    digits = "".join(DIGITS[half] for half in halves[: halves.index(15) if 15 in halves else size])
    return f"+{digits}" if kind >> 4 & 7 == _INTERNATIONAL and digits else digits


def time_of(stamp: bytes) -> str | None:
    """Return a time stamp as ISO 8601, with its zone in quarters of an hour; None if it is none."""
    if len(stamp) != 7 or any(octet & 15 > 9 or octet >> 4 > 9 for octet in stamp[:6]):
        return None
    year, month, day, hour, minute, second = ((octet & 15) * 10 + (octet >> 4) for octet in stamp[:6])
    quarters = (stamp[6] & 7) * 10 + (stamp[6] >> 4)
    shift = timedelta(minutes=-15 * quarters if stamp[6] & 8 else 15 * quarters)
    try:
        century = 1900 if year >= _LAST_CENTURY else 2000
        moment = datetime(century + year, month, day, hour, minute, second, tzinfo=timezone(shift))
    except ValueError:
        return None
    return moment.isoformat()


def clock_of(text: str) -> str | None:
    """Return a time of text mode as ISO 8601: ``yy/MM/dd,hh:mm:ss±zz``, the zone in quarters of an hour."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    *digits, sign, zone = found.groups()
    tens, ones = divmod(int(zone or 0), 10)
    if tens > 7:
        return None
    swapped = [int(one[1] + one[0], 16) for one in digits]
    return time_of(bytes([*swapped, ones << 4 | tens | (8 if sign == "-" else 0)]))


def relative(value: int) -> int:
    """Return a relative validity in seconds."""
    if value < 144:
        return (value + 1) * 300
    if value < 168:
        return 12 * 3600 + (value - 143) * 1800
    return (value - 166) * 86400 if value < 197 else (value - 192) * 7 * 86400


def validity_of(form: int, raw: bytes) -> dict[str, Any]:
    """Return until when a message is valid. ``form``: 0 not told, 1 enhanced, 2 relative, 3 absolute."""
    if form == 2:
        return {"validity_s": relative(raw[0])}
    if form == 3:
        return {"valid_until_iso": time_of(raw)}
    return _enhanced(raw) if form == 1 else {}


def _enhanced(raw: bytes) -> dict[str, Any]:
    """Read an enhanced validity: its first octet says what follows."""
    out: dict[str, Any] = {"single_shot": True} if raw[0] & 0x40 else {}
    form = raw[0] & 7
    if form == 1:
        out["validity_s"] = relative(raw[1])
    elif form == 2:
        out["validity_s"] = raw[1]
    elif form == 3 and all(octet & 15 < 10 and octet >> 4 < 10 for octet in raw[1:4]):
        hours, minutes, seconds = ((octet & 15) * 10 + (octet >> 4) for octet in raw[1:4])
        out["validity_s"] = hours * 3600 + minutes * 60 + seconds
    elif form or raw[0] & 0x80:
        out["validity"] = raw.hex()
    return out


def status_text(status: int) -> str:
    """Say what became of a message."""
    if status in _STATUSES:
        return _STATUSES[status]
    group, cause = status >> 5, status & 0x1F
    if group >= len(_STATES):
        return f"reserved (0x{status:02x})"
    if group in (1, 3) and cause < len(_CAUSES):
        return f"{_STATES[group]}: {_CAUSES[cause]}"
    return f"{_STATES[group]} (0x{status:02x})"
