"""Short messages: PDUs and texts in what the MCU sends behind a prompt and what the module lists, and those in parts.

Which lines announce a message stands in the dialects (``frame = { protocol = "sms" }``, ``within`` "next": it is the
next line). A PDU is known by its announced length; in text mode the line says number and time, and the text stands
below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capture.chunk import Side
from decoder.catalog.spec import FrameSpec
from decoder.effects import Answered, Carried, Reported
from decoder.events import Frame, Params
from decoder.followers.follower import Follower, Hear, Seat
from decoder.protocols.frames import sms
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.rules import found

PROTOCOL = "sms"
_MAX_MESSAGES = 64
_LONGEST_LENGTH = 3
"""Digits of the length of a PDU (TS 27.005 4.3); short codes of services have more, or stand in text mode."""
_MAX_TEXT = 10_000


class Sms(Follower):
    """Reads short messages."""

    effects = frozenset(["frame"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._said: Params | None = None
        """What the line said that announces a message."""
        self._parts: dict[tuple[object, ...], dict[int, str]] = {}

    def hears(self) -> Mapping[type, Hear]:
        """Answers, URCs, payload."""
        return {Answered: self._answered, Reported: self._reported, Carried: self._carried}

    def _answered(self, event: Answered) -> None:
        command = event.issued.command
        if command is not None and _is_sms(command.frame):
            self._line(event.message.name, event.message.params, event.message.text, event.message.time_ns)

    def _reported(self, event: Reported) -> None:
        if event.urc is not None and _is_sms(event.urc.spec.frame):
            self._line(event.message.name, event.message.params, event.message.text, event.message.time_ns)

    def _line(self, name: str | None, params: Params, text: str, time_ns: int | None) -> None:
        if name is not None:
            self._said = params
            return
        said, self._said = self._said, None
        if said is None:
            return
        length = said.get("pdu_length")
        if isinstance(length, int):
            self._pdu(text, "module", length, time_ns, "+")
        elif "number" in said or "service_time" in said:
            self._text(said, text, "module", time_ns)

    def _carried(self, event: Carried) -> None:
        if not _is_sms(event.frame):
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
        kind = "submit" if side == "mcu" else "deliver"
        fields: dict[str, Any] = {"type": kind, "number": str(said.get("number", "")), "text": text[:_MAX_TEXT]}
        if "service_time" in said:
            fields["time"] = said["service_time"]
        self._emit(Frame(time_ns, side, PROTOCOL, None, "text mode", sms.told(fields), fields))

    def _emit(self, frame: Frame) -> None:
        self._out.append(frame)
        part = frame.fields.get("part")
        if not isinstance(part, dict) or "text" not in frame.fields:
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
            told = f"{sms.told(fields)} ({part['of']} parts)"
            self._out.append(Frame(frame.time_ns, frame.side, PROTOCOL, None, frame.announced_by, told, fields))


def _length(params: Params) -> int | None:
    """Return the length of a PDU that a command announces: a number of up to three digits is no one's telephone."""
    given = str(params.get("pdu_length", params.get("number", "")))
    return int(given) if given.isascii() and given.isdigit() and len(given) <= _LONGEST_LENGTH else None


def _is_sms(spec: FrameSpec | None) -> bool:
    return spec is not None and spec.protocol == PROTOCOL
