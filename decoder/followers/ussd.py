"""USSD: what the MCU asks the network and what the network says, read as text. One record a line that carries text.

Which lines those are stands in the dialects (``frame = { protocol = "ussd", within = … }`` names the parameter). An
answer may stand on several lines: it goes on until its quote is closed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from capture.chunk import Side
from decoder.catalog.spec import FrameSpec
from decoder.effects import Reported, Restarted, Sent
from decoder.events import Frame, Params
from decoder.followers.follower import Hear, Seat
from decoder.followers.texts import Texts
from decoder.protocols.frames import ussd

PROTOCOL = "ussd"
_MAX_TEXT = 2000
_BEHIND = re.compile(r'"\s*(?:,\s*(\d{1,3}))?\s*$')
"""The end of an answer: its quote, and the coding if it is told."""


class _Open(msgspec.Struct):
    """An answer whose quote is still open."""

    about: str
    params: Params
    text: str
    time_ns: int | None


class Ussd(Texts):
    """Reads USSD."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._open: _Open | None = None

    def hears(self) -> Mapping[type, Hear]:
        """Commands, URCs, the character set."""
        return {**super().hears(), Sent: self._sent, Reported: self._reported}

    def finish(self, last_ns: int | None) -> None:
        """The session is over: what came of an answer is all of it."""
        self._close(None)

    def _restarted(self, event: Restarted) -> None:
        self._close(None)
        super()._restarted(event)

    def _sent(self, event: Sent) -> None:
        command = event.issued.command
        spec = command.frame if command is not None else None
        if spec is not None and spec.protocol == PROTOCOL and event.issued.form == "set":
            self._read(spec, event.issued.params, "mcu", event.issued.time_ns, event.issued.name)

    def _reported(self, event: Reported) -> None:
        spec = event.urc.spec.frame if event.urc is not None else None
        if spec is None or spec.protocol != PROTOCOL:
            return
        message = event.message
        if message.name is None:
            self._more(message.text, message.time_ns)
            return
        self._close(None)
        if message.text.count('"') % 2:
            begun = message.text.partition('"')[2]
            self._open = _Open(message.name, message.params, begun, message.time_ns)
        else:
            self._read(spec, message.params, "module", message.time_ns, message.name)

    def _more(self, text: str, time_ns: int | None) -> None:
        """Take another line of an answer."""
        answer = self._open
        if answer is None:
            return
        answer.text += "\n" + text
        answer.time_ns = time_ns
        end = _BEHIND.search(text)
        if end is not None or len(answer.text) > _MAX_TEXT:
            self._close(end)

    def _close(self, end: re.Match[str] | None) -> None:
        """The answer is over, with ``end`` behind its text."""
        answer, self._open = self._open, None
        if answer is None:
            return
        text = answer.text[: len(answer.text) - len(end[0])] if end is not None else answer.text
        coding = int(end[1]) if end is not None and end[1] else None
        self._emit(answer.params, text, coding, "module", answer.time_ns, answer.about)

    def _read(self, spec: FrameSpec, params: Params, side: Side, time_ns: int | None, about: str) -> None:
        text, coding = params.get(spec.within), params.get("coding")
        if text is not None:
            self._emit(params, str(text), coding if isinstance(coding, int) else None, side, time_ns, about)

    def _emit(self, params: Params, text: str, coding: int | None, side: Side, time_ns: int | None, about: str) -> None:
        kind = "request" if side == "mcu" else "answer"
        fields: dict[str, Any] = {"type": kind}
        if isinstance(state := params.get("ussd_state"), int):
            fields["state"] = state
        in_range = coding if coding is not None and 0 <= coding < 256 else None
        fields |= ussd.read(text[:_MAX_TEXT], in_range, self._charset)
        said = repr(fields["text"]) if "text" in fields else f"{len(fields['data']) // 2} bytes"
        data = msgspec.UNSET if fields["written"] == "plain" else text[:_MAX_TEXT].lower()
        self._out.append(Frame(time_ns, side, PROTOCOL, None, about, f"USSD {kind} {said}", fields, data=data))
