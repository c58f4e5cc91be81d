"""Frames that a dialect names: in payload, in a line, or in a parameter of it."""

from __future__ import annotations

from collections.abc import Mapping

from capture.chunk import Side
from decoder.catalog.conditions import applies
from decoder.catalog.spec import FrameSpec
from decoder.effects import Answered, Carried, Reported, Sent
from decoder.events import Params
from decoder.followers.follower import Follower, Hear
from decoder.protocols import frames
from decoder.rules import found


class NamedFrames(Follower):
    """Decodes what dialects say is a frame."""

    effects = frozenset(["frame"])

    def hears(self) -> Mapping[type, Hear]:
        """Commands, their answers, URCs, payload."""
        return {Sent: self._sent, Answered: self._answered, Reported: self._reported, Carried: self._carried}

    def _sent(self, event: Sent) -> None:
        issued = event.issued
        if issued.command is not None and issued.command.frame is not None and issued.form == "set":
            self._line(issued.command.frame, issued.params, issued.raw, "mcu", issued.time_ns)

    def _answered(self, event: Answered) -> None:
        command, message = event.issued.command, event.message
        if command is not None and command.frame is not None and message.name is not None:
            self._line(command.frame, message.params, message.text, "module", message.time_ns)

    def _reported(self, event: Reported) -> None:
        message, urc = event.message, event.urc
        if urc is not None and urc.spec.frame is not None:
            self._line(urc.spec.frame, message.params, message.text, "module", message.time_ns)

    def _carried(self, event: Carried) -> None:
        """Decode payload of which the dialect says what it is, whichever connection it belongs to."""
        spec, data = event.frame, event.data
        if spec is None or spec.protocol not in frames.CODECS:
            return
        frame = frames.decode(spec.protocol, event.raw, data.time_ns, data.side, data.announced_by, data.connect_id)
        if frame is None:
            values = {"what": f"{data.announced_by}, {spec.protocol}", "side": data.side, "why": "other"}
            self._out.append(found("frame.malformed", data.time_ns, data.side, values))
        else:
            self._out.append(frame)

    def _line(self, spec: FrameSpec, params: Params, raw: str, side: Side, time_ns: int | None) -> None:
        """Decode the frame that a line is, or that one of its parameters holds."""
        if spec.within == "payload" or not applies(spec.when, params):
            return
        if spec.within == "line":
            frame = frames.decode(spec.protocol, raw.encode("utf-8", "surrogateescape"), time_ns, side, raw)
        else:
            frame = frames.decode_text(spec.protocol, str(params.get(spec.within, "")), time_ns, side, raw)
        if frame is not None:
            self._out.append(frame)
