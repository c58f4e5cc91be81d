"""Short messages, USSD and cell broadcast: PDUs and texts that cross behind a prompt, in lists, in URCs; their parts.

Which lines announce a message stands in the dialects (``frame = { protocol = "sms" }``, ``within`` "next": it is the
next line). A PDU is known by its announced length; in text mode the line says number and time, and the text stands
below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from capture.chunk import Side
from decoder.catalog.spec import FrameSpec
from decoder.effects import Answered, Carried, Reported, Sent
from decoder.events import Frame, Message, Params
from decoder.followers.follower import Follower, Hear, Seat
from decoder.protocols.frames import broadcast, sms
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.rules import found

PROTOCOL, USSD, BROADCAST = "sms", "ussd", "cbs"
_UCS2_CODING = 8
_MAX_MESSAGES = 64
_LONGEST_LENGTH = 3
"""Digits of the length of a PDU (TS 27.005 4.3); short codes of services have more, or stand in text mode."""
_MAX_TEXT = 10_000
_SHORTEST_WIDE = 11
"""Digits of hex in which a number may stand as UCS2: three of it, and no telephone number has a multiple of four."""


class Sms(Follower):
    """Reads short messages."""

    effects = frozenset(["frame"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._said: Params | None = None
        """What the line said that announces a message."""
        self._protocol = PROTOCOL
        self._parts: dict[tuple[object, ...], dict[int, str]] = {}

    def hears(self) -> Mapping[type, Hear]:
        """Commands, answers, URCs, payload."""
        return {Sent: self._sent, Answered: self._answered, Reported: self._reported, Carried: self._carried}

    def _sent(self, event: Sent) -> None:
        issued = event.issued
        spec = issued.command.frame if issued.command is not None else None
        if spec is not None and spec.protocol == USSD and issued.form == "set":
            self._ussd(issued.params, issued.raw, "mcu", issued.time_ns, "request")

    def _answered(self, event: Answered) -> None:
        command = event.issued.command
        if command is not None and command.frame is not None and event.issued.form != "test" and not event.late:
            self._line(command.frame, event.message)

    def _reported(self, event: Reported) -> None:
        if event.urc is not None and event.urc.spec.frame is not None:
            self._line(event.urc.spec.frame, event.message)

    def _line(self, spec: FrameSpec, message: Message) -> None:
        """Take a line that announces a message, or the one below it."""
        if spec.protocol == USSD and message.name is not None:
            label = message.labels.get("ussd_state", "")
            self._ussd(message.params, message.text, "module", message.time_ns, "answer", label)
        if spec.protocol not in (PROTOCOL, BROADCAST):
            return
        if message.name is not None:
            self._said, self._protocol = message.params, spec.protocol
            return
        said, self._said = self._said, None
        if said is None:
            return
        length = said.get("pdu_length")
        if self._protocol == BROADCAST:
            self._broadcast(said, message.text, message.time_ns, in_hex=isinstance(length, int))
        elif isinstance(length, int):
            self._pdu(message.text, "module", length, message.time_ns, "+")
        elif "number" in said or "service_time" in said:
            self._text(said, message.text, "module", message.time_ns)

    def _ussd(self, params: Params, about: str, side: Side, time_ns: int | None, kind: str, state: str = "") -> None:
        text = params.get("ussd_text")
        if not isinstance(text, str) or not text:
            return
        dcs = params.get("coding")
        said, coding = broadcast.ussd_text(text[:_MAX_TEXT], dcs if isinstance(dcs, int) else None)
        fields = {"type": kind, "text": said, "coding": coding, **({"state": state} if state else {})}
        self._out.append(Frame(time_ns, side, USSD, None, about, f"USSD {kind} {said!r}", fields))

    def _broadcast(self, said: Params, text: str, time_ns: int | None, *, in_hex: bool) -> None:
        fields: dict[str, Any]
        if in_hex:
            try:
                fields = broadcast.page_of(bytes.fromhex(text))
            except (ValueError, NotThisFormatError):
                return
        else:
            part = {"ref": said.get("serial"), "number": said.get("page"), "of": said.get("pages")}
            fields = {"type": "broadcast", "message_id": said.get("message_id"), "part": part, "text": text[:_MAX_TEXT]}
        shown = repr(fields["text"]) if "text" in fields else f"{len(fields['data']) // 2} bytes"
        told = f"broadcast {fields['message_id']} page {fields['part']['number']} of {fields['part']['of']} {shown}"
        self._emit(Frame(time_ns, "module", BROADCAST, None, "+", told, fields, data=text.lower() if in_hex else UNSET))

    def _carried(self, event: Carried) -> None:
        if event.frame is None or event.frame.protocol != PROTOCOL:
            return
        length = _length(event.params)
        text = event.raw.decode("utf-8", "replace")
        data = event.data
        if length is not None and self._pdu(text.strip(), data.side, length, data.time_ns, data.announced_by):
            return
        if "number" in event.params:
            self._text(event.params, text, data.side, data.time_ns)

    def _pdu(self, text: str, side: Side, length: int, time_ns: int | None, about: str) -> bool:
        """Read a PDU; tell whether it is one."""
        try:
            told, fields = sms.decode(bytes.fromhex(text), side, length)
        except (ValueError, NotThisFormatError):
            return False
        if "announced" in fields and side == "mcu":
            values = {"line": about, "announced": length, "sent": fields["length"]}
            self._out.append(found("sms.length", time_ns, side, values))
        self._emit(Frame(time_ns, side, PROTOCOL, None, about, told, fields, data=text.lower()))
        return True

    def _text(self, said: Params, text: str, side: Side, time_ns: int | None) -> None:
        """Take a message in text mode: plain, or number and text as hex of UCS2 (AT+CSCS)."""
        number = str(said.get("number", ""))
        wide = broadcast.ucs2_of(number) if len(number) > _SHORTEST_WIDE else None
        coded = wide is not None or said.get("coding") == _UCS2_CODING
        inside = broadcast.ucs2_of(text.strip()) if coded else None
        fields: dict[str, Any] = {
            "type": "submit" if side == "mcu" else "deliver", "number": wide or number,
            "text": (inside if inside is not None else text)[:_MAX_TEXT],
        }  # fmt: skip
        stamp = str(said.get("service_time", ""))
        if stamp:
            fields["time_iso"] = sms.time_in_text(stamp)
        self._emit(Frame(time_ns, side, PROTOCOL, None, "text mode", sms.told(fields), fields))

    def _emit(self, frame: Frame) -> None:
        self._out.append(frame)
        part = frame.fields.get("part")
        if not isinstance(part, dict) or part["of"] == 1 or "text" not in frame.fields:
            return
        key = (frame.side, frame.fields["type"], frame.fields.get("number"), part["ref"], part["of"])
        if key not in self._parts and len(self._parts) >= _MAX_MESSAGES:
            self._parts.pop(next(iter(self._parts)))
        parts = self._parts.setdefault(key, {})
        parts[part["number"]] = frame.fields["text"]
        if len(parts) == part["of"] and set(parts) == set(range(1, part["of"] + 1)):
            del self._parts[key]
            whole = "".join(parts[number] for number in sorted(parts))
            fields = {name: value for name, value in frame.fields.items() if name != "part"}
            fields |= {"text": whole, "parts": part["of"]}
            shown = (
                frame.text.partition(" page ")[0] + f" {whole!r}" if frame.protocol == BROADCAST else sms.told(fields)
            )
            told = f"{shown} ({part['of']} parts)"
            self._out.append(Frame(frame.time_ns, frame.side, frame.protocol, None, frame.announced_by, told, fields))


def _length(params: Params) -> int | None:
    """Return the length of a PDU that a command announces: a number of up to three digits is no one's telephone."""
    given = str(params.get("pdu_length", params.get("number", "")))
    return int(given) if given.isascii() and given.isdigit() and len(given) <= _LONGEST_LENGTH else None
