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
from decoder.followers.follower import Hear, Seat
from decoder.followers.parts import Part, Parts
from decoder.followers.texts import Texts
from decoder.protocols.frames import cbs, sms, user_data, written
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.frames.sms_values import clock_of, number_type, relative, status_text
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


class _Where(NamedTuple):
    """Where a message stood: which line announced it (``about``); ``given_up``: the MCU did not send it."""

    side: Side
    time_ns: int | None
    about: str
    given_up: bool = False

    def record(self, protocol: str, told: str, fields: dict[str, Any], data: str | msgspec.UnsetType) -> Frame:
        """Make the record of it; ``data``: its bytes in hex, if they are known."""
        if self.given_up:
            fields = fields | {"given_up": True}
        return Frame(self.time_ns, self.side, protocol, None, self.about, told, fields, data=data)


class Sms(Texts):
    """Reads short messages and broadcasts."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._said: _Said | None = None
        self._parts: Parts[_Content] = Parts()

    def hears(self) -> Mapping[type, Hear]:
        """Answers, URCs, payload, and what was set."""
        return {**super().hears(), Reported: self._reported, Carried: self._carried}

    def finish(self, last_ns: int | None) -> None:
        """The session is over: what came of a text is all of it."""
        self._close()

    def _restarted(self, event: Restarted) -> None:
        self._close()
        super()._restarted(event)

    def _ended(self, event: Ended) -> None:
        self._close()
        super()._ended(event)

    # what the module says

    def _answered(self, event: Answered) -> None:
        super()._answered(event)
        command = event.issued.command
        if command is not None and _is_ours(command.frame):
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
            self._pdu(given, length, _of_module(message, message.time_ns), acknowledges=True)

    def _more(self, said: _Said, message: Message) -> None:
        """Take a line below: a PDU, or a line of a text."""
        params = said.message.params
        length = params.get("pdu_length")
        said.lines.append(message.text)
        said.time_ns = message.time_ns
        if isinstance(length, int):
            self._said = None
            where = _of_module(said.message, message.time_ns)
            if said.protocol == _BROADCAST:
                self._broadcast(message.text, where)
            elif not self._pdu(message.text, length, where):
                self._malformed(message.text, where)
        elif len(said.lines) >= _MAX_LINES or not (said.waits or _goes_on(said)):
            self._close()

    def _close(self) -> None:
        """No more lines of the text come."""
        said, self._said = self._said, None
        if said is None or not said.lines:
            return
        text, params, where = "\n".join(said.lines), said.message.params, _of_module(said.message, said.time_ns)
        if said.protocol == _BROADCAST:
            self._broadcast_text(params, text, where)
        elif "number" in params or "service_time" in params:
            self._text(params, text, where)

    # what the MCU sends

    def _carried(self, event: Carried) -> None:
        if not _is_ours(event.frame):
            return
        data, length = event.data, _length(event.params)
        text = event.raw.decode("utf-8", "replace")
        kind = event.command.messages if event.command is not None else ""
        where = _Where(data.side, data.time_ns, data.announced_by, event.given_up)
        if length is not None and self._format != 1:
            if self._pdu(text.strip(), length, where, acknowledges=kind == "acknowledges"):
                return
            if self._format == 0 or written.octets_of(text.strip()) is not None:
                self._malformed(text.strip(), where)
                return
        if kind != "commands" and ("number" in event.params or length is not None):
            self._text(event.params, text, where)

    # messages

    def _pdu(self, text: str, length: int, where: _Where, *, acknowledges: bool = False) -> bool:
        """Read a PDU; tell whether it is one. Half a byte at its end is none."""
        raw = written.octets_of(text[: len(text) & ~1])
        if raw is None:
            return False
        try:
            decoded = sms.decode(raw, where.side, length, acknowledges=acknowledges)
        except NotThisFormatError:
            return False
        if "announced" in decoded.fields and where.side == "mcu":
            values = {"line": where.about, "announced": length, "sent": decoded.fields["length"]}
            self._out.append(found("sms.length", where.time_ns, where.side, values))
        frame = where.record(PROTOCOL, decoded.told, decoded.fields, raw.hex())
        self._emit(_Content(frame, decoded.user), raw.hex())
        return True

    def _malformed(self, text: str, where: _Where) -> None:
        """Tell of hex, or whatever it is, that is no PDU."""
        raw = written.octets_of(text[: len(text) & ~1])
        if raw is not None:
            told = f"SMS unreadable {len(raw)} bytes"
            self._out.append(where._replace(given_up=False).record(PROTOCOL, told, {"type": "unreadable"}, raw.hex()))
        values = {"what": f"{where.about}, sms", "side": where.side, "why": "other"}
        self._out.append(found("frame.malformed", where.time_ns, where.side, values))

    def _text(self, said: Params, text: str, where: _Where) -> None:
        """Read a message of text mode."""
        given = str(said.get("number", said.get("pdu_length", "")))
        number = written.number_of(given, self._charset)
        ours = where.side == "mcu" or str(said.get("message_state", "")).startswith(_STORED_TO_SEND)
        fields: dict[str, Any] = {"type": "submit" if ours else "deliver", "mode": "text"}
        if smsc := written.number_of(str(said.get("sca", "")), self._charset):
            fields["smsc"] = smsc
        fields["number"] = number
        if (moment := clock_of(str(said.get("service_time", "")))) is not None:
            fields["time_iso"] = moment
        how = self._coding if where.side == "mcu" else said
        if isinstance(kind := said.get("number_type"), int):
            fields |= number_type(kind)
        first, validity = how.get("first_octet"), str(how.get("validity", ""))
        if isinstance(first, int) and first >> 3 & 3 == _RELATIVE and re.fullmatch(r"\d{1,3}", validity, re.ASCII):
            fields["validity_s"] = relative(min(int(validity), 255))
        header = written.Header(*(_octet(how.get(name)) for name in ("first_octet", "coding", "length")))
        read, user = written.message(text[:_MAX_TEXT], self._charset, header, sure=number != given)
        fields |= read
        frame = where.record(PROTOCOL, sms.told(fields), fields, text.lower() if user is not None else msgspec.UNSET)
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

    def _broadcast(self, text: str, where: _Where) -> None:
        try:
            page = cbs.decode(bytes.fromhex(text))
        except (ValueError, NotThisFormatError):
            self._malformed(text, where)
            return
        self._emit(_Content(where.record(_BROADCAST, page.told, page.fields, text.lower()), None), text.lower())

    def _broadcast_text(self, said: Params, text: str, where: _Where) -> None:
        """Read a broadcast of text mode (TS 27.005 3.1: serial number, message identifier, coding, page, pages)."""
        fields = cbs.of_text(
            [_octet(said.get(name), 0xFFFF) for name in ("serial", "message_id", "coding", "page", "pages")]
        )
        fields["text"] = written.text_of(text[:_MAX_TEXT], self._charset, None)[0]
        self._emit(_Content(where.record(_BROADCAST, cbs.told(fields), fields, msgspec.UNSET), None), text)

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


def _of_module(head: Message, time_ns: int | None) -> _Where:
    """Return where a message stood that the module told: ``head`` is the line that announced it."""
    return _Where("module", time_ns, head.name or "")


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
