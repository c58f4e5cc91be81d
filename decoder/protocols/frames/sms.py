"""Short messages in PDU mode: what ``+CMT``, ``+CMGR`` and ``AT+CMGS`` carry as hex.

Sources: 3GPP TS 23.040 9.2 (DELIVER, SUBMIT, their reports, STATUS-REPORT, COMMAND), 9.1.2 (addresses, numbers),
9.2.3.24 (user data header); TS 23.038 4 (coding). The alphabets are gsm7.py's.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from construct import Bytes, ConstructError, GreedyBytes, Int8ub, Int16ub, Struct, Switch, this

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.frames.gsm7 import packed, septets, septets_of, text_of

ADDRESS = Struct("size" / Int8ub, "kind" / Int8ub, "value" / Bytes((this.size + 1) // 2))
"""TS 23.040 9.1.2.5: ``size`` counts half-octets that are used."""
DELIVER = Struct(
    "first" / Int8ub, "address" / ADDRESS, "pid" / Int8ub, "dcs" / Int8ub, "stamp" / Bytes(7), "size" / Int8ub,
    "data" / GreedyBytes,
)  # fmt: skip
SUBMIT = Struct(
    "first" / Int8ub, "reference" / Int8ub, "address" / ADDRESS, "pid" / Int8ub, "dcs" / Int8ub,
    "validity" / Switch(this.first >> 3 & 3, {1: Bytes(7), 2: Bytes(1), 3: Bytes(7)}, default=Bytes(0)),
    "size" / Int8ub, "data" / GreedyBytes,
)  # fmt: skip
REPORT = Struct(
    "first" / Int8ub, "reference" / Int8ub, "address" / ADDRESS, "stamp" / Bytes(7), "done" / Bytes(7),
    "status" / Int8ub, "rest" / GreedyBytes,
)  # fmt: skip
COMMAND = Struct(
    "first" / Int8ub, "reference" / Int8ub, "pid" / Int8ub, "command" / Int8ub, "number" / Int8ub, "address" / ADDRESS,
    "size" / Int8ub, "data" / GreedyBytes,
)  # fmt: skip
PORTS = Struct("to" / Int16ub, "from" / Int16ub)
_PARTS = (("pid", Int8ub), ("dcs", Int8ub), ("user", Struct("size" / Int8ub, "data" / GreedyBytes)))
"""What the parameter indicator of a report says that follows, by its bits (9.2.3.27)."""
_NO_DATA = {"size": 0, "data": b""}

_DIGITS = "0123456789*#abc"
_ALPHANUMERIC = 5
_HEADER = 0x40
_CONCATENATED_8, _CONCATENATED_16, _PORTS_16 = 0x00, 0x08, 0x05
_SINGLE, _LOCKING = 0x24, 0x25
"""Elements of a user data header (TS 23.040 9.2.3.24)."""
_LONGEST = 300
_STAMP = re.compile(r"(\d\d(?:\d\d)?)/(\d\d)/(\d\d) ?,? ?(\d\d):(\d\d):(\d\d)(?:([+-])(\d\d))?", re.ASCII)
Side = Literal["mcu", "module"]
Coding = Literal["gsm7", "8bit", "ucs2", "compressed"]


def number_of(kind: int, size: int, value: bytes) -> str:
    """Return an address: digits, with + if international, or letters (TS 23.040 9.1.2.5)."""
    if kind >> 4 & 7 == _ALPHANUMERIC:
        return text_of(septets(value, size * 4 // 7))
    digits = [half for octet in value for half in (octet & 15, octet >> 4)][:size]
    shown = "".join(_DIGITS[half] for half in digits if half < len(_DIGITS))
    return f"+{shown}" if kind >> 4 & 7 == 1 else shown


def address_of(number: str) -> dict[str, Any]:
    """Make the fields of an address from a number of digits, with + if international."""
    digits = number.removeprefix("+")
    halves = [_DIGITS.index(one) for one in digits] + [15] * (len(digits) % 2)
    value = bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True))
    return {"size": len(digits), "kind": 0x91 if number.startswith("+") else 0x81, "value": value}


def time_of(stamp: bytes) -> str | None:
    """Return a time stamp as ISO 8601, with its zone in quarters of an hour; None if it is none (9.2.3.11)."""
    pairs = [(octet & 15) * 10 + (octet >> 4) for octet in stamp]
    zone = (stamp[6] & 7) * 10 + (stamp[6] >> 4)
    sign = -1 if stamp[6] & 8 else 1
    try:
        year, month, day, hour, minute, second = pairs[:6]
        shift = timezone(sign * timedelta(minutes=15 * zone))
        moment = datetime(2000 + year, month, day, hour, minute, second, tzinfo=shift)
    except ValueError:
        return None
    return moment.isoformat()


def stamp_of(moment: datetime) -> bytes:
    """Write a time stamp; ``moment`` has a zone in quarters of an hour."""
    offset = moment.utcoffset() or timedelta()
    quarters = round(offset / timedelta(minutes=15))
    pairs = [moment.year % 100, moment.month, moment.day, moment.hour, moment.minute, moment.second, abs(quarters)]
    out = bytearray(value // 10 | (value % 10) << 4 for value in pairs)
    out[6] |= 8 if quarters < 0 else 0
    return bytes(out)


def coding_of(dcs: int) -> Coding:
    """Return how the data of a message is coded (TS 23.038 4)."""
    group = dcs >> 4
    if group < 8:
        return "compressed" if dcs & 0x20 else ("gsm7", "8bit", "ucs2", "gsm7")[dcs >> 2 & 3]
    if group == 15:
        return "8bit" if dcs & 4 else "gsm7"
    return "ucs2" if group == 14 else "gsm7"


def _class_of(dcs: int) -> dict[str, Any]:
    """Return the class of a message, if it has one, and whether it tells that others wait (TS 23.038 4)."""
    group = dcs >> 4
    if (group < 8 and dcs & 0x10) or group == 15:
        return {"class": dcs & 3}
    if 12 <= group <= 14:
        return {"waiting": ("voicemail", "fax", "electronic mail", "other")[dcs & 3], "waiting_on": bool(dcs & 8)}
    return {}


def validity_of(raw: bytes) -> int | None:
    """Return for how long a message is valid, seconds; None if that is no span (9.2.3.12.1, 9.2.3.12.3)."""
    if len(raw) == 1:
        return _relative(raw[0])
    if len(raw) != 7 or raw[0] & 0x80:
        return None
    form, value = raw[0] & 7, raw[1:]
    if form == 1:
        return _relative(value[0])
    if form == 2:
        return value[0]
    if form == 3:
        hours, minutes, seconds = ((octet & 15) * 10 + (octet >> 4) for octet in value[:3])
        return (hours * 60 + minutes) * 60 + seconds
    return None


def _relative(value: int) -> int:
    if value < 144:
        return (value + 1) * 300
    if value < 168:
        return 12 * 3600 + (value - 143) * 1800
    return (value - 166) * 86400 if value < 197 else (value - 192) * 7 * 86400


def _header(raw: bytes) -> dict[str, Any]:
    """Read the elements of a user data header (9.2.3.24)."""
    fields: dict[str, Any] = {}
    others: dict[str, str] = {}
    at = 0
    while at + 2 <= len(raw):
        name, size = raw[at], raw[at + 1]
        value = raw[at + 2 : at + 2 + size]
        at += 2 + size
        if name == _CONCATENATED_8 and len(value) == 3:
            fields["part"] = {"ref": value[0], "of": value[1], "number": value[2]}
        elif name == _CONCATENATED_16 and len(value) == 4:
            fields["part"] = {"ref": value[0] << 8 | value[1], "of": value[2], "number": value[3]}
        elif name == _PORTS_16 and len(value) == 4:
            ports = PORTS.parse(value)
            fields["port"], fields["port_from"] = ports["to"], ports["from"]
        elif name in (_SINGLE, _LOCKING) and len(value) == 1:
            fields["single_shift" if name == _SINGLE else "locking_shift"] = value[0]
        else:
            others[f"0x{name:02x}"] = value.hex()
    if others:
        fields["header"] = others
    return fields


def _body(first: int, dcs: int, size: int, data: bytes) -> dict[str, Any]:
    """Read user data: ``text``, or ``data`` in hex, and what its header says."""
    coding = coding_of(dcs)
    fields: dict[str, Any] = {"coding": coding, **_class_of(dcs)}
    head = b""
    if first & _HEADER and data:
        head = data[1 : 1 + data[0]]
        fields |= _header(head)
    skip = len(head) + 1 if first & _HEADER and data else 0
    if coding == "gsm7":
        used = -(-skip * 8 // 7)
        values = septets(data, max(0, size - used), used * 7)
        fields["text"] = text_of(values, fields.get("locking_shift", 0), fields.get("single_shift", 0))
    elif coding == "ucs2":
        fields["text"] = data[skip:size].decode("utf-16-be", "replace")
    else:
        fields["data"] = data[skip:size].hex()
    needed = -(-size * 7 // 8) if coding == "gsm7" else size
    if len(data) < needed:
        fields["missing"] = needed - len(data)
    return fields


def decode(raw: bytes, side: Side = "module", tpdu_length: int | None = None) -> tuple[str, dict[str, Any]]:
    """Take a PDU apart, the address of the service centre in front. ``tpdu_length``: octets behind that, as announced.

    Raises :class:`NotThisFormatError`.
    """
    if not 2 <= len(raw) <= _LONGEST:
        raise NotThisFormatError("no PDU of a short message")
    size = raw[0]
    if size > 12 or size + 1 >= len(raw):
        raise NotThisFormatError("no address of a service centre in front")
    fields: dict[str, Any] = {}
    if size > 1:
        fields["smsc"] = number_of(raw[1], 2 * (size - 1), raw[2 : size + 1]).rstrip("abc")
    tpdu = raw[1 + size :]
    if tpdu_length is not None and tpdu_length != len(tpdu):
        fields["announced"] = tpdu_length
        fields["length"] = len(tpdu)
    kind = tpdu[0] & 3
    if kind == 3 and side == "module":  # reserved, and to be taken for a message that came (9.2.3.1)
        kind = 0
    try:
        if kind == 0 and side == "module":
            fields = {"type": "deliver", **fields, **_deliver(tpdu)}
        elif kind == 0:
            fields = {**fields, **_stored_or_report(tpdu)}
        elif kind == 1:
            fields = {"type": "submit", **fields, **_submit(tpdu)}
        elif kind == 2 and side == "module":
            fields = {"type": "status-report", **fields, **_report(tpdu)}
        elif kind == 2:
            fields = {"type": "command", **fields, **_command(tpdu)}
        else:
            raise NotThisFormatError("a type of PDU that is not read")
    except ConstructError as error:
        raise NotThisFormatError(str(error)) from error
    return told(fields), fields


def said_in(raw: bytes) -> bytes:
    """Return what of a PDU is the message itself, behind all headers; empty if it has none, or is no PDU."""
    tpdu = raw[1 + raw[0] :] if raw else b""
    try:
        found = {0: DELIVER, 1: SUBMIT}[tpdu[0] & 3].parse(tpdu)
    except (IndexError, KeyError, ConstructError):
        return b""
    data = bytes(found.data)
    return data[1 + data[0] :] if found.first & _HEADER and data else data


def _address(raw: Any) -> str:
    return number_of(raw.kind, raw.size, bytes(raw.value))


def _deliver(tpdu: bytes) -> dict[str, Any]:
    raw = DELIVER.parse(tpdu)
    stamp = time_of(bytes(raw.stamp))
    if stamp is None:
        raise NotThisFormatError("no time stamp")
    return {"number": _address(raw.address), "time_iso": stamp, **_body(raw.first, raw.dcs, raw.size, bytes(raw.data))}


def _submit(tpdu: bytes) -> dict[str, Any]:
    raw = SUBMIT.parse(tpdu)
    fields: dict[str, Any] = {"number": _address(raw.address), "reference": raw.reference}
    seconds = validity_of(bytes(raw.validity))
    if seconds is not None:
        fields["validity_s"] = seconds
    elif len(raw.validity) == 7 and raw.first >> 3 & 3 == 3:
        fields["valid_until_iso"] = time_of(bytes(raw.validity))
    if raw.first & 0x20:
        fields["report_wanted"] = True
    return {**fields, **_body(raw.first, raw.dcs, raw.size, bytes(raw.data))}


def _report(tpdu: bytes) -> dict[str, Any]:
    raw = REPORT.parse(tpdu)
    more = _indicated(raw.first, bytes(raw.rest)) if raw.rest else {}
    return {
        "number": _address(raw.address), "reference": raw.reference, "time_iso": time_of(bytes(raw.stamp)),
        "discharge_iso": time_of(bytes(raw.done)), "status": raw.status, **more,
    }  # fmt: skip


def _stored_or_report(tpdu: bytes) -> dict[str, Any]:
    """Read what the MCU sends as type 0: a message that it stores, or its report on one that came."""
    try:
        return {"type": "deliver", **_deliver(tpdu)}
    except (ConstructError, NotThisFormatError):
        fields: dict[str, Any] = {"type": "deliver-report"}
        at = 1
        if len(tpdu) > 1 and tpdu[1] & 0x80:
            fields["cause"] = tpdu[1]
            at = 2
        return {**fields, **_indicated(tpdu[0], tpdu[at:])}


def _indicated(first: int, rest: bytes) -> dict[str, Any]:
    """Read what a parameter indicator says that follows it."""
    found: dict[str, Any] = {}
    indicator, at = (rest[0], 1) if rest else (0, 1)
    for bit, (name, shape) in enumerate(_PARTS):
        if indicator >> bit & 1:
            found[name] = shape.parse(rest[at:])
            at += 1
    user = found.get("user", _NO_DATA)
    return _body(first, found.get("dcs", 0), user["size"], bytes(user["data"])) if "user" in found else {}


def _command(tpdu: bytes) -> dict[str, Any]:
    raw = COMMAND.parse(tpdu)
    return {
        "number": _address(raw.address), "reference": raw.reference, "command": raw.command,
        "message_number": raw.number, "data": bytes(raw.data).hex(),
    }  # fmt: skip


def time_in_text(text: str) -> str | None:
    """Return the time of a line in text mode, ``yy/MM/dd,hh:mm:ss±zz``, as ISO 8601 (TS 27.005 3.1); None if none."""
    match = _STAMP.match(text)
    if match is None:
        return None
    *parts, sign, quarters = match.groups()
    year, month, day, hour, minute, second = map(int, parts)
    try:
        shift = timedelta(minutes=15 * int(quarters or 0)) * (-1 if sign == "-" else 1)
        zone = timezone(shift) if sign else None
        return datetime(2000 + year % 100, month, day, hour, minute, second, tzinfo=zone).isoformat()
    except ValueError:
        return None


def told(fields: dict[str, Any]) -> str:
    """Say a message in one line."""
    way = "from" if fields.get("type") == "deliver" else "to"
    words = [f"SMS {fields.get('type', '?')}"]
    if fields.get("number"):
        words.append(f"{way} {fields['number']}")
    if "part" in fields:
        words.append(f"part {fields['part']['number']} of {fields['part']['of']}")
    if "status" in fields:
        words.append("delivered" if fields["status"] < 3 else f"status {fields['status']}")
    if "text" in fields:
        words.append(repr(fields["text"]))
    elif "data" in fields:
        words.append(f"{len(fields['data']) // 2} bytes")
    return " ".join(words)


def build(fields: dict[str, Any]) -> bytes:
    """Build a DELIVER or SUBMIT, without an address of a service centre in front, from what :func:`decode` gives.

    Raises ValueError or KeyError for what it cannot say.
    """
    coding, head = fields["coding"], b""
    if part := fields.get("part"):
        long = part["ref"] > 255
        ref = part["ref"].to_bytes(2 if long else 1, "big")
        head += bytes([_CONCATENATED_16 if long else _CONCATENATED_8, 2 + len(ref)]) + ref
        head += bytes([part["of"], part["number"]])
    shifts = fields.get("locking_shift", 0), fields.get("single_shift", 0)
    for name, language in ((_LOCKING, shifts[0]), (_SINGLE, shifts[1])):
        head += bytes([name, 1, language]) if language else b""
    head = bytes([len(head)]) + head if head else b""
    if coding == "gsm7":
        values = septets_of(fields["text"], *shifts)
        used = -(-len(head) * 8 // 7)
        data = bytearray(packed(values, used * 7))
        data[: len(head)] = head
        size = used + len(values)
    else:
        data = bytearray(
            head + (fields["text"].encode("utf-16-be") if coding == "ucs2" else bytes.fromhex(fields["data"]))
        )
        size = len(data)
    dcs = {"gsm7": 0, "8bit": 4, "ucs2": 8}[coding]
    flag = _HEADER if head else 0
    common = {"address": address_of(fields["number"]), "pid": 0, "dcs": dcs, "size": size, "data": bytes(data)}
    if fields["type"] == "deliver":
        stamp = stamp_of(datetime.fromisoformat(fields["time_iso"]))
        made: bytes = DELIVER.build({"first": flag | 4, "stamp": stamp, **common})
    else:
        made = SUBMIT.build({"first": flag | 1, "reference": fields["reference"], "validity": b"", **common})
    return b"\0" + made
