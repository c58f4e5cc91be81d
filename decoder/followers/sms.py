"""Short messages and broadcasts: in what the MCU sends behind a prompt and what the module lists, and those in parts.

Which lines announce a message stands in the dialects (``frame = { protocol = "sms" }``, ``within`` "next": it is the
next line). A PDU is known by its announced length; in text mode the line says number and time, and the text stands
below it, on as many lines as it has. How text is written, commands told before (``messages``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from capture.chunk import Side
from decoder.catalog.spec import FrameSpec
from decoder.effects import Answered, Carried, Ended, Reported, Restarted
from decoder.events import Frame, Message, Params
from decoder.followers.follower import Follower, Hear, Seat
from decoder.followers.parts import Part, Parts
from decoder.protocols.frames import cbs, sms, user_data, written
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.frames.sms_values import clock_of, relative, status_text, type_of
from decoder.protocols.frames.user_data import UserData
from decoder.rules import found

PROTOCOL = "sms"
_BROADCAST = "cbs"
_LONGEST_LENGTH = 3
"""Digits of the length of a PDU (TS 27.005 4.3); short codes of services have more, or stand in text mode."""
_MAX_TEXT = 10_000
_MAX_LINES = 100
_STORED_TO_SEND = ("STO", "2", "3")
"""States of stored messages that are ours, as text and PDU mode write them."""
_RELATIVE = 2


class _Said(msgspec.Struct):
    """A line that announces a message, and the lines of its text that came."""

    protocol: str
    message: Message
    waits: bool
    """Whether a later line tells that the text is over: it belongs to a command."""
    lines: list[str] = []
    time_ns: int | None = None


class _Content(NamedTuple):
    """What a part of a message says: its record, and its user data if that is known."""

    frame: Frame
    user: UserData | None


class Sms(Follower):
    """Reads short messages and broadcasts."""

    effects = frozenset(["frame", "messages"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._said: _Said | None = None
        self._parts: Parts[_Content] = Parts()
        self._charset = ""
        self._format: object = None
        self._coding: Params = {}

    def hears(self) -> Mapping[type, Hear]:
        """Answers, URCs, payload, and what was set."""
        return {
            Answered: self._answered, Reported: self._reported, Carried: self._carried, Ended: self._ended,
            Restarted: self._restarted,
        }  # fmt: skip

    def finish(self, last_ns: int | None) -> None:
        """The session is over: what came of a text is all of it."""
        self._close()

    def _restarted(self, _event: Restarted) -> None:
        self._close()
        self._charset, self._format, self._coding = "", None, {}

    # what is set

    def _ended(self, event: Ended) -> None:
        self._close()
        command = event.issued.command
        if command is not None and event.good and event.issued.form == "set":
            self._set(command.messages, event.issued.params)

    def _set(self, what: str, params: Params) -> None:
        if what == "charset":
            self._charset = str(params.get("charset", "")).upper()
        elif what == "format":
            self._format = params.get("sms_format")
        elif what == "coding":
            self._coding = params

    # what the module says

    def _answered(self, event: Answered) -> None:
        command = event.issued.command
        if command is None:
            return
        self._set(command.messages, event.message.params)
        if _is_ours(command.frame):
            self._line(PROTOCOL, event.message, waits=True)

    def _reported(self, event: Reported) -> None:
        spec = event.urc.spec.frame if event.urc is not None else None
        if spec is not None and _is_ours(spec):
            self._line(spec.protocol, event.message, waits=False)

    def _line(self, protocol: str, message: Message, *, waits: bool) -> None:
        if message.name is not None:
            self._close()
            self._begin(_Said(protocol, message, waits))
        elif self._said is not None:
            self._more(self._said, message)

    def _begin(self, said: _Said) -> None:
        """Take a line that announces a message, or is one."""
        params, message = said.message.params, said.message
        if "report_status" in params:
            self._status_report(message)
        elif "msg_ref" not in params or said.protocol == _BROADCAST:
            self._said = said
        elif written.octets_of(given := str(params.get("service_time", ""))) is not None:
            length = len(given) // 2
            self._pdu(given, "module", length, message.time_ns, message.name or "", acknowledges=True)

    def _more(self, said: _Said, message: Message) -> None:
        """Take a line below: a PDU, or a line of a text."""
        params = said.message.params
        length = params.get("pdu_length")
        said.lines.append(message.text)
        said.time_ns = message.time_ns
        if isinstance(length, int):
            self._said = None
            if said.protocol == _BROADCAST:
                self._broadcast(message.text, message.time_ns, said.message.name or "")
            elif not self._pdu(message.text, "module", length, message.time_ns, said.message.name or ""):
                self._malformed(message.text, said.message.name or "", "module", message.time_ns)
        elif len(said.lines) >= _MAX_LINES or not (said.waits or _goes_on(said)):
            self._close()

    def _close(self) -> None:
        """No more lines of the text come."""
        said, self._said = self._said, None
        if said is None or not said.lines:
            return
        text, params = "\n".join(said.lines), said.message.params
        if said.protocol == _BROADCAST:
            self._broadcast_text(params, text, said.time_ns, said.message.name or "")
        elif "number" in params or "service_time" in params:
            self._text(params, text, "module", said.time_ns, said.message.name or "")

    # what the MCU sends

    def _carried(self, event: Carried) -> None:
        if not _is_ours(event.frame):
            return
        data, length = event.data, _length(event.params)
        text = event.raw.decode("utf-8", "replace")
        kind = event.command.messages if event.command is not None else ""
        if length is not None and self._format != 1:
            about = data.announced_by
            acks, given_up = kind == "acknowledges", event.given_up
            if self._pdu(text.strip(), data.side, length, data.time_ns, about, acknowledges=acks, given_up=given_up):
                return
            if self._format == 0 or written.octets_of(text.strip()) is not None:
                self._malformed(text.strip(), about, data.side, data.time_ns)
                return
        if kind != "commands" and ("number" in event.params or length is not None):
            about = data.announced_by
            self._text(event.params, text, data.side, data.time_ns, about, given_up=event.given_up)

    # messages

    def _pdu(
        self,
        text: str,
        side: Side,
        length: int | None,
        time_ns: int | None,
        about: str,
        *,
        acknowledges: bool = False,
        given_up: bool = False,
    ) -> bool:
        """Read a PDU; tell whether it is one. Half a byte at its end is none."""
        raw = written.octets_of(text[: len(text) & ~1])
        if raw is None:
            return False
        try:
            decoded = sms.decode(raw, side, length, acknowledges=acknowledges)
        except NotThisFormatError:
            return False
        fields = decoded.fields | ({"given_up": True} if given_up else {})
        if "announced" in fields and side == "mcu":
            values = {"line": about, "announced": length, "sent": fields["length"]}
            self._out.append(found("sms.length", time_ns, side, values))
        frame = Frame(time_ns, side, PROTOCOL, None, about, decoded.told, fields, data=raw.hex())
        self._emit(_Content(frame, decoded.user), raw.hex())
        return True

    def _malformed(self, text: str, about: str, side: Side, time_ns: int | None) -> None:
        """Tell of hex, or whatever it is, that is no PDU."""
        raw = written.octets_of(text[: len(text) & ~1])
        if raw is not None:
            told = f"SMS unreadable {len(raw)} bytes"
            self._out.append(Frame(time_ns, side, PROTOCOL, None, about, told, {"type": "unreadable"}, data=raw.hex()))
        self._out.append(
            found("frame.malformed", time_ns, side, {"what": f"{about}, sms", "side": side, "why": "other"})
        )

    def _text(
        self,
        said: Params,
        text: str,
        side: Side,
        time_ns: int | None,
        about: str,
        *,
        given_up: bool = False,
    ) -> None:
        """Read a message of text mode."""
        given = str(said.get("number", said.get("pdu_length", "")))
        number = written.number_of(given, self._charset)
        ours = side == "mcu" or str(said.get("message_state", "")).startswith(_STORED_TO_SEND)
        fields: dict[str, Any] = {"type": "submit" if ours else "deliver", "mode": "text"}
        if smsc := written.number_of(str(said.get("sca", "")), self._charset):
            fields["smsc"] = smsc
        fields["number"] = number
        if (moment := clock_of(str(said.get("service_time", "")))) is not None:
            fields["time_iso"] = moment
        how = self._coding if side == "mcu" else said
        if (
            (kind := said.get("number_type"))
            and isinstance(kind, int)
            and type_of(kind) not in ("unknown", "international")
        ):
            fields["number_type"] = type_of(kind)
        first, validity = how.get("first_octet"), str(how.get("validity", ""))
        if isinstance(first, int) and first >> 3 & 3 == _RELATIVE and re.fullmatch(r"\d{1,3}", validity, re.ASCII):
            fields["validity_s"] = relative(min(int(validity), 255))
        header = written.Header(*(_octet(how.get(name)) for name in ("first_octet", "coding", "length")))
        read, user = written.message(text[:_MAX_TEXT], self._charset, header, sure=number != given)
        fields |= read | ({"given_up": True} if given_up else {})
        data = text.lower() if user is not None else msgspec.UNSET
        frame = Frame(time_ns, side, PROTOCOL, None, about, sms.told(fields), fields, data=data)
        self._emit(_Content(frame, user), f"{said.get('service_time', '')} {text}")

    def _status_report(self, message: Message) -> None:
        """Read a status report of text mode: it is one line."""
        said = message.params
        status = _octet(said.get("report_status"))
        fields: dict[str, Any] = {
            "type": "status-report", "mode": "text",
            "number": written.number_of(str(said.get("recipient", "")), self._charset),
            "reference": said.get("msg_ref"), "time_iso": clock_of(str(said.get("service_time", ""))),
            "discharge_iso": clock_of(str(said.get("discharge_time", ""))),
        }  # fmt: skip
        if status is not None:
            fields |= {"status": status, "status_text": status_text(status)}
        self._out.append(Frame(message.time_ns, "module", PROTOCOL, None, message.name or "", sms.told(fields), fields))

    def _broadcast(self, text: str, time_ns: int | None, about: str) -> None:
        try:
            page = cbs.decode(bytes.fromhex(text))
        except (ValueError, NotThisFormatError):
            self._malformed(text, about, "module", time_ns)
            return
        frame = Frame(time_ns, "module", _BROADCAST, None, about, page.told, page.fields, data=text.lower())
        self._emit(_Content(frame, None), text.lower())

    def _broadcast_text(self, said: Params, text: str, time_ns: int | None, about: str) -> None:
        """Read a broadcast of text mode (TS 27.005 3.1: serial number, message identifier, coding, page, pages)."""
        fields = cbs.of_text(
            [_octet(said.get(name), 0xFFFF) for name in ("index", "msg_ref", "coding", "page", "pages")]
        )
        fields["text"] = written.text_of(text[:_MAX_TEXT], self._charset, None)[0]
        frame = Frame(time_ns, "module", _BROADCAST, None, about, cbs.told(fields), fields)
        self._emit(_Content(frame, None), text)

    def _emit(self, content: _Content, raw: str) -> None:
        """Emit a message, and the whole one if it was the last part of it."""
        frame, fields = content.frame, content.frame.fields
        self._out.append(frame)
        part = fields.get("part") or fields.get("page")
        if "given_up" in fields or not isinstance(part, dict) or (frame.protocol == _BROADCAST and part["of"] < 2):
            return
        about = fields.get("serial", fields.get("number"))
        key = (frame.protocol, frame.side, fields["type"], about, fields.get("message_id"), part.get("ref"), part["of"])
        parts = self._parts.add(key, part["number"], part["of"], Part(raw, content))
        if parts is not None:
            self._whole(parts, frame)

    def _whole(self, parts: list[_Content], last: Frame) -> None:
        each = [one.frame.fields for one in parts]
        users = [one.user for one in parts if one.user is not None]
        name: Literal["text", "data"] = "text" if all("text" in one for one in each) else "data"
        said: dict[str, Any] = {name: "".join(one.get(name, "") for one in each)}
        if len(users) == len(parts):
            said = user_data.said(users)
        fields = {key: value for key, value in each[0].items() if key not in ("part", "page", "text", "data")}
        fields |= {**said, "parts": len(parts)}
        told = cbs.told(fields) if last.protocol == _BROADCAST else sms.told(fields)
        told = f"{told} ({len(parts)} parts)"
        self._out.append(Frame(last.time_ns, last.side, last.protocol, None, last.announced_by, told, fields))


def _goes_on(said: _Said) -> bool:
    """Tell whether more lines of a text must come, by the length that its line told."""
    length = said.message.params.get("length")
    return (
        isinstance(length, int) and written.octets_of(said.lines[0]) is None and len("\n".join(said.lines)) + 1 < length
    )


def _octet(value: object, most: int = 255) -> int | None:
    """Return a value that is a whole number and small enough, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None


def _length(params: Params) -> int | None:
    """Return the length of a PDU that a command announces: a number of up to three digits is no one's telephone."""
    given = str(params.get("pdu_length", params.get("number", "")))
    return int(given) if given.isascii() and given.isdigit() and len(given) <= _LONGEST_LENGTH else None


def _is_ours(spec: FrameSpec | None) -> bool:
    return spec is not None and spec.protocol in (PROTOCOL, _BROADCAST)
