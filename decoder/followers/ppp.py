"""PPP in transparent mode: the link between MCU and module, and the connections inside.

Strategy: what stands between two flags is a frame; its checksum decides. Frames that negotiate the link are records,
IP packets go on to :mod:`decoder.protocols.ip`. Bytes in front of the first flag are no frame. A frame whose checksum
is wrong is told, and lost, as it was for its receiver.

Source: RFC 1662, RFC 1661.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from capture.chunk import Side
from decoder.effects import Carried, Connected, OnChannel
from decoder.events import Data, Event, Frame, LinkFrame
from decoder.followers.follower import Follower, Hear, Seat
from decoder.protocols.frames import ppp
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.ip import Network, Progress
from decoder.rules import found

MAX_FRAME = 65536
_MAX_NAMES = 256
_FLAG = b"\x7e"


class Ppp(Follower):
    """Follows the link that a dial command opened on a channel; after another CONNECT without dialling it goes on."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._numbers = seat.connections
        self._channel: int | None = None
        self._links: dict[int | None, _Link] = {}

    def hears(self) -> Mapping[type, Hear]:
        """The begin of transparent mode, and its bytes."""
        return {Connected: self._connected, Carried: self._carried, OnChannel: self._on_channel}

    def _on_channel(self, event: OnChannel) -> None:
        self._channel = event.dlci

    def _connected(self, event: Connected) -> None:
        if event.link and (event.issued.form == "dial" or self._channel not in self._links):
            self._links[self._channel] = _Link(self._out, self._numbers)

    def _carried(self, event: Carried) -> None:
        link = self._links.get(self._channel)
        if event.kind == "link" and link is not None:
            link.feed(event.data, event.raw)


class _Link:
    """A PPP link. Appends events to ``out``; ``numbers`` count connections."""

    def __init__(self, out: list[Event], numbers: Iterator[int]) -> None:
        self._out = out
        self._waiting: dict[Side, bytearray] = {"mcu": bytearray(), "module": bytearray()}
        self._begun: dict[Side, bool] = {"mcu": False, "module": False}
        self._names: dict[str, str] = {}
        self._network = Network(numbers.__next__, self._names.get)

    def feed(self, data: Data, raw: bytes) -> None:
        """Take bytes of the link."""
        side = data.side
        waiting = self._waiting[side]
        waiting += raw
        if _FLAG not in waiting:
            if len(waiting) > MAX_FRAME:
                waiting.clear()
            return
        *frames, rest = bytes(waiting).split(_FLAG)
        waiting[:] = rest[:MAX_FRAME]
        for frame in frames:
            if self._begun[side] and frame:
                self._frame(data, frame)
            self._begun[side] = True

    def _frame(self, data: Data, raw: bytes) -> None:
        time_ns, side = data.time_ns, data.side
        if raw.endswith(b"\x7d"):
            return
        frame = ppp.unwrap(raw)
        if frame is None:
            self._out.append(found("ppp.fcs", time_ns, side, {"count": len(raw), "side": side}))
            return
        self._out.append(LinkFrame(time_ns, side, "ppp", frame))
        try:
            packet = ppp.parse(frame)
            if packet.protocol in (ppp.IP, ppp.IPV6):
                for step in self._network.packet(side, packet.data, time_ns):
                    self._step(data, step)
                return
            text, fields = ppp.describe(packet)
        except NotThisFormatError:
            values = {"what": f"PPP, {len(frame)} bytes", "side": side, "why": "contradiction"}
            self._out.append(found("frame.malformed", time_ns, side, values, reference="RFC 1661"))
            return
        self._out.append(Frame(time_ns, side, "ppp", None, data.announced_by, text, fields))

    def _step(self, data: Data, step: Progress) -> None:
        connection, side, time_ns = step.connection, step.side, data.time_ns
        flow = connection.flow
        because = f"{flow.transport.upper()} inside PPP"
        if step.change == "opened":
            self._out.append(connection.tell("opened", time_ns, side, because))
        if step.gap:
            values = {"count": step.gap, "flow": flow.number, "remote": flow.remote}
            self._out.append(found("tcp.gap", time_ns, side, values))
        if step.data:
            for event in connection.carry(time_ns, side, step.data, data.announced_by):
                if isinstance(event, Frame) and event.protocol == "dns":
                    self._learn(event)
                self._out.append(event)
        if step.change is not None and step.change != "opened":
            self._out.extend(connection.finish())
            self._out.append(connection.tell(step.change, time_ns, side, because))

    def _learn(self, answer: Frame) -> None:
        """Remember which name an address was asked for by."""
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        for question in answer.fields["questions"][:1]:
            for told in answer.fields["answers"]:
                if told["type"] in ("A", "AAAA"):
                    self._names[told["data"]] = question["name"]
