"""Short messages in PDU mode: what ``+CMT``, ``+CMGR`` and ``AT+CMGS`` carry as hex.

Source: 3GPP TS 23.040 9.2.2 (DELIVER, SUBMIT, STATUS-REPORT, COMMAND and the reports of DELIVER and SUBMIT), 9.2.3
(their elements); TS 27.005 3.1, 4 (where the address of the service centre stands in front, and what a length counts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from construct import Bytes, ConstructError, GreedyBytes, If, Int8ub, Struct, Switch, Tell, this

from decoder.protocols.frames import dcs, user_data
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.frames.sms_values import address_of, number_type, status_text, time_of, type_of, validity_of
from decoder.protocols.frames.user_data import UserData

ADDRESS = Struct("size" / Int8ub, "kind" / Int8ub, "at" / Tell, "value" / Bytes((this.size + 1) // 2))
"""``size`` counts the half-octets that are used; ``at`` is where they begin."""
_USER_DATA = Struct("size" / Int8ub, "at" / Tell, "data" / GreedyBytes)
_PID, _DCS, _DATA = 1, 2, 4
"""Bits of the indicator that say which optional elements follow."""
OPTIONAL = Struct(
    "indicator" / Int8ub,
    "more" / If(this.indicator & 0x80, Int8ub),
    "stamp" / If(this._.stamped, Bytes(7)),
    "pid" / If(this.indicator & _PID, Int8ub),
    "dcs" / If(this.indicator & _DCS, Int8ub),
    "user" / If(this.indicator & _DATA, _USER_DATA),
    "rest" / GreedyBytes,
)
DELIVER = Struct(
    "first" / Int8ub, "address" / ADDRESS, "pid" / Int8ub, "dcs" / Int8ub, "stamp" / Bytes(7), "user" / _USER_DATA
)
SUBMIT = Struct(
    "first" / Int8ub, "reference" / Int8ub, "address" / ADDRESS, "pid" / Int8ub, "dcs" / Int8ub,
    "validity" / Switch(this.first >> 3 & 3, {1: Bytes(7), 2: Bytes(1), 3: Bytes(7)}, default=Bytes(0)),
    "user" / _USER_DATA,
)  # fmt: skip
STATUS_REPORT = Struct(
    "first" / Int8ub, "reference" / Int8ub, "address" / ADDRESS, "stamp" / Bytes(7), "done" / Bytes(7),
    "status" / Int8ub, "at" / Tell, "rest" / GreedyBytes,
)  # fmt: skip
COMMAND = Struct(
    "first" / Int8ub, "reference" / Int8ub, "pid" / Int8ub, "command" / Int8ub, "number" / Int8ub, "address" / ADDRESS,
    "user" / _USER_DATA,
)  # fmt: skip
ACKNOWLEDGEMENT = Struct("first" / Int8ub, "cause" / If(this._.failed, Int8ub), "at" / Tell, "rest" / GreedyBytes)
_NO_INDICATOR = 0xF8
"""Bits that an indicator does not have: an octet with one of them is a cause of failure, which is 0x80 or more."""
OF_MOBILE = ("submit", "command", "deliver-report")
"""Types of PDU that a module sends to the network."""
_MAX_DIGITS = 20
_MAX_SERVICE_CENTRE = 12
_LONGEST = 300
_HEADER = 0x40
Side = Literal["mcu", "module"]
PlaceKind = Literal["digits", "letters", "septets", "ucs2", "octets"]


class Place(NamedTuple):
    """Where a secret stands in a PDU: from which byte on. ``kind`` tells how it is written.

    "digits": ``size`` half-octets, swapped; "letters": as many half-octets of septets; "septets": ``size`` of them
    behind ``skip`` bits; "ucs2", "octets": ``size`` bytes behind ``skip`` bits.
    """

    kind: PlaceKind
    start: int
    size: int
    skip: int = 0


class Decoded(NamedTuple):
    """A PDU, taken apart: in one line, in fields; its user data, and what in it is secret.

    ``start``: its first byte behind the address of the service centre.
    """

    told: str
    fields: dict[str, Any]
    user: UserData | None
    places: tuple[Place, ...]
    start: int


def decode(raw: bytes, side: Side = "module", tpdu_length: int | None = None, *, acknowledges: bool = False) -> Decoded:
    """Take a PDU apart, the address of the service centre in front. ``tpdu_length``: octets behind that, as announced.

    ``acknowledges``: it is the report of a DELIVER or SUBMIT. A PDU without a service centre is read if its length says
    that it is one.
    Raises :class:`NotThisFormatError`.
    """
    if not 2 <= len(raw) <= _LONGEST:
        raise NotThisFormatError("no PDU of a short message")
    if tpdu_length == len(raw) and raw[0]:
        try:
            found = _Reader(raw, 0, side, acknowledges).read({})
        except NotThisFormatError:
            pass
        else:
            if not found.fields.keys() & {"missing", "extra"}:
                return found
    return _with_service_centre(raw, side, tpdu_length, acknowledges)


def decode_again(raw: bytes, side: Side, fields: Mapping[str, Any]) -> Decoded | None:
    """Take a PDU apart of which ``fields`` were read before; None if it was none."""
    acknowledges = str(fields.get("type")).endswith(("deliver-report", "submit-report"))
    for length in (fields.get("announced"), len(raw)):
        try:
            found = decode(raw, side, length, acknowledges=acknowledges)
        except NotThisFormatError:
            continue
        if found.fields.get("type") == fields.get("type") and found.fields.get("number") == fields.get("number"):
            return found
    return None


def _with_service_centre(raw: bytes, side: Side, tpdu_length: int | None, acknowledges: bool) -> Decoded:
    size = raw[0]
    if size > _MAX_SERVICE_CENTRE or size + 1 >= len(raw):
        raise NotThisFormatError("no address of a service centre in front")
    fields: dict[str, Any] = {}
    if size > 1:
        fields["smsc"] = address_of(raw[1], 2 * (size - 1), raw[2 : size + 1])
    behind = len(raw) - 1 - size
    if tpdu_length is not None and tpdu_length != behind:
        fields |= {"announced": tpdu_length, "length": behind}
    return _Reader(raw, 1 + size, side, acknowledges).read(fields)


class _Reader:
    """Reads the TPDU that begins at a byte of a PDU."""

    def __init__(self, raw: bytes, start: int, side: Side, acknowledges: bool) -> None:
        self._tpdu = raw[start:]
        self._start = start
        self._side = side
        self._acknowledges = acknowledges
        self._user: UserData | None = None
        self._places: list[Place] = []
        if start > 2:
            self._place_address(raw[1], 2, 2 * (start - 2))

    def read(self, fields: dict[str, Any]) -> Decoded:
        """Read it, behind what is known already. Raises :class:`NotThisFormatError`."""
        kind = self._tpdu[0] & 3
        try:
            if self._acknowledges:
                found = self._acknowledgement(kind)
            elif kind == 0:
                found = self._deliver()
            elif kind == 1:
                found = self._submit()
            elif kind == 2:
                found = self._command() if self._side == "mcu" else self._status_report()
            else:
                raise NotThisFormatError("a type of PDU that is not read")
        except ConstructError as error:
            raise NotThisFormatError(str(error)) from error
        whole = {"type": found.pop("type"), **fields, **found}
        return Decoded(told(whole), whole, self._user, tuple(self._places), self._start)

    def _deliver(self) -> dict[str, Any]:
        raw = DELIVER.parse(self._tpdu)
        return {
            "type": "deliver", **self._address(raw.address), **_stamp("time", bytes(raw.stamp)),
            **_flags(raw.first, {0x80: "reply_path", 0x20: "report_wanted"}), **self._body(raw, raw.dcs),
        }  # fmt: skip

    def _submit(self) -> dict[str, Any]:
        raw = SUBMIT.parse(self._tpdu)
        return {
            "type": "submit", **self._address(raw.address), "reference": raw.reference,
            **validity_of(raw.first >> 3 & 3, bytes(raw.validity)),
            **_flags(raw.first, {0x80: "reply_path", 0x20: "report_wanted", 0x04: "duplicates_rejected"}),
            **self._body(raw, raw.dcs),
        }  # fmt: skip

    def _status_report(self) -> dict[str, Any]:
        raw = STATUS_REPORT.parse(self._tpdu)
        return {
            "type": "status-report", **self._address(raw.address), "reference": raw.reference,
            **_stamp("time", bytes(raw.stamp)), **_stamp("discharge", bytes(raw.done)), "status": raw.status,
            "status_text": status_text(raw.status), **_flags(raw.first, {0x20: "of_command"}),
            **self._optional(raw, stamped=False),
        }  # fmt: skip

    def _command(self) -> dict[str, Any]:
        raw = COMMAND.parse(self._tpdu)
        data = bytes(raw.user.data)
        self._places.append(Place("octets", self._start + raw.user.at, len(data)))
        fields = {
            "type": "command", **self._address(raw.address), "reference": raw.reference, "command": raw.command,
            "message_number": raw.number, **_flags(raw.first, {0x20: "report_wanted"}), "data": data.hex(),
        }  # fmt: skip
        if raw.pid:
            fields["pid"] = raw.pid
        if raw.user.size > len(data):
            fields["missing"] = raw.user.size - len(data)
        return fields

    def _acknowledgement(self, kind: int) -> dict[str, Any]:
        """Read the report of a DELIVER or SUBMIT: it has a cause if it says that it failed (9.2.2.1a, 9.2.2.2a)."""
        if kind > 1:
            raise NotThisFormatError("no report")
        failed = len(self._tpdu) > 1 and bool(self._tpdu[1] & _NO_INDICATOR)
        raw = ACKNOWLEDGEMENT.parse(self._tpdu, failed=failed)
        fields: dict[str, Any] = {"type": "submit-report" if kind else "deliver-report"}
        if failed:
            fields["failure_cause"] = raw.cause
        return fields | self._optional(raw, stamped=kind == 1)

    def _address(self, raw: Any) -> dict[str, Any]:
        """Return the number, and its type where digits do not tell it."""
        if raw.size > _MAX_DIGITS:
            raise NotThisFormatError("an address that is too long")
        self._place_address(raw.kind, self._start + raw.at, raw.size)
        return {"number": address_of(raw.kind, raw.size, bytes(raw.value)), **number_type(raw.kind)}

    def _place_address(self, kind: int, start: int, count: int) -> None:
        letters = type_of(kind) == "alphanumeric"
        self._places.append(Place("letters" if letters else "digits", start, count))

    def _optional(self, raw: Any, *, stamped: bool) -> dict[str, Any]:
        """Read what an indicator says that follows (9.2.3.27); of a status report even the indicator may be absent."""
        rest = bytes(raw.rest)
        if not rest and not stamped:
            return {}
        try:
            found = OPTIONAL.parse(rest, stamped=stamped)
        except ConstructError:
            if stamped:
                raise
            return {"extra": len(rest)}
        fields: dict[str, Any] = _stamp("time", bytes(found.stamp)) if stamped else {}
        if found.pid:
            fields["pid"] = found.pid
        if found.user is not None:
            fields |= self._user_data(raw.first, found.dcs or 0, found.user, self._start + raw.at + found.user.at)
        elif found.rest:
            fields["extra"] = len(found.rest)
        return fields

    def _body(self, raw: Any, coding: int) -> dict[str, Any]:
        fields = {"pid": raw.pid} if raw.pid else {}
        return fields | self._user_data(raw.first, coding, raw.user, self._start + raw.user.at)

    def _user_data(self, first: int, coding: int, raw: Any, start: int) -> dict[str, Any]:
        scheme = dcs.of_message(coding)
        user = self._user = user_data.read(scheme, raw.size, bytes(raw.data), header=bool(first & _HEADER))
        if user.is_septets:
            self._places.append(Place("septets", start, len(user.values), user.skip))
        else:
            self._places.append(
                Place("ucs2" if scheme.name == "ucs2" else "octets", start, len(user.values), user.skip)
            )
        return scheme.fields(coding) | user.fields()


def _stamp(name: str, raw: bytes) -> dict[str, Any]:
    """Return a time stamp; one that is no time stands there in hex too."""
    moment = time_of(raw)
    return {f"{name}_iso": moment} if moment is not None else {f"{name}_iso": None, f"{name}_raw": raw.hex()}


def _flags(first: int, names: dict[int, str]) -> dict[str, Any]:
    return {name: True for bit, name in names.items() if first & bit}


def told(fields: dict[str, Any]) -> str:
    """Say a message in one line."""
    words = [f"SMS {fields.get('type', '?')}"]
    if fields.get("number"):
        words.append(f"{'from' if fields['type'] == 'deliver' else 'to'} {fields['number']}")
    if "part" in fields:
        words.append(f"part {fields['part']['number']} of {fields['part']['of']}")
    if "status" in fields:
        words.append(fields.get("status_text") or status_text(fields["status"]))
    if "failure_cause" in fields:
        words.append(f"failed, cause 0x{fields['failure_cause']:02x}")
    if "text" in fields:
        words.append(repr(fields["text"]))
    elif fields.get("data"):
        words.append(f"{len(fields['data']) // 2} bytes")
    return " ".join(words)
