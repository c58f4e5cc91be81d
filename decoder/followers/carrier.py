"""A connection as what it carried: counts, and the events that come of bytes. Sockets and PPP share it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from capture.chunk import Side
from decoder.events import Body, Event, Flow, Frame, Segment, Socket
from decoder.protocols.conversation import Conversation
from decoder.protocols.streams import Finds, Part
from decoder.rules import found

Change = Literal["opened", "failed", "closed", "closed by peer", "reset", "lost"]


class Carrier:
    """What a connection carries. ``began_ns``: when it was asked for."""

    __slots__ = ("_announced_by", "_conversation", "_last_ns", "began_ns", "down", "flow", "up")

    def __init__(self, flow: Flow, began_ns: int | None) -> None:
        self.flow = flow
        self.began_ns = began_ns
        self.up = self.down = 0
        self._conversation = Conversation(flow.transport, flow.remote_port)
        self._announced_by = ""
        self._last_ns: int | None = None

    def carry(self, time_ns: int | None, side: Side, raw: bytes, announced_by: str) -> Iterator[Event]:
        """Take bytes that ``side`` sent at once, and yield what they are."""
        if side == "mcu":
            self.up += len(raw)
        else:
            self.down += len(raw)
        self._announced_by, self._last_ns = announced_by, time_ns
        yield Segment(time_ns, side, self.flow, raw)
        if self._conversation.listens:
            yield from self._said(side, self._conversation.feed(side, raw))

    def finish(self) -> Iterator[Event]:
        """The connection ended; what only its end could end is complete."""
        for side in ("mcu", "module"):
            yield from self._said(side, self._conversation.finish(side))

    @property
    def carried(self) -> int:
        """How many bytes went either way."""
        return self.up + self.down

    def lead(self, remote: str | None, address: str | None, port: int | None) -> None:
        """Name the peer of a connection that has carried nothing yet."""
        self.flow = msgspec.structs.replace(self.flow, remote=remote, remote_ip=address, remote_port=port)
        self._conversation = Conversation(self.flow.transport, port)

    def tell(self, change: Change, time_ns: int | None, side: Side, why: str, unread: int = 0) -> Socket:
        """Make the record of a change."""
        return Socket(
            time_ns, side, self.flow.connect_id, change, self.flow, why, self.began_ns, self.up, self.down, unread
        )

    def _said(self, side: Side, finds: Finds) -> Iterator[Event]:
        time_ns, flow = self._last_ns, self.flow
        for one in finds:
            if isinstance(one, Part):
                yield Body(time_ns, side, flow.number, *one)
            elif one.broken:
                which = f"connection {flow.connect_id}" if flow.connect_id is not None else f"flow {flow.number}"
                values = {"what": f"{which}, {one.protocol}", "side": side, "why": one.text}
                yield found("frame.malformed", time_ns, side, values, reference=one.fields["reference"])
            else:
                yield Frame(
                    time_ns, side, one.protocol, flow.connect_id, self._announced_by, one.text, one.fields,
                    flow=flow.number,
                )  # fmt: skip
