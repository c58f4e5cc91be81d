"""The multiplexer where nobody has seen it begin: frames of it are looked for in what may as well be lines.

Strategy: a flag in a chunk begins the hunt on its wire. What comes from there on waits, for a short while, until a
frame with a good checksum is whole: then the multiplexer has begun; or until it is clear that there is none: then it
is read as ever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from capture.chunk import Chunk, Side, WholeChunk, with_data
from decoder.events import Event
from decoder.link import cmux
from decoder.link.wire import MAX_LINE, Wire
from decoder.session.channel import Channel
from decoder.session.multiplexed import GAP_NS

if TYPE_CHECKING:
    from decoder.session import Session

_IN_A_LINE: dict[Side, re.Pattern[bytes]] = {
    "mcu": re.compile(rb"[\r\n]*[Aa][Tt]"), "module": re.compile(rb"[\r\n]*(?:[+^$%*#&!][A-Z]|[A-Z]{2})"),
}  # fmt: skip
"""How a line begins: no frame of the multiplexer begins before its end."""
BASIC, ADVANCED = 0xF9, 0x7E
"""Flags of the multiplexer. To look for a number in bytes costs an eighth of looking for bytes."""


class Hunt:
    """Looks for the multiplexer on the wires of a session.

    ``wires``: those that end with what may be the beginning of a frame; ``on``: it may begin here at all.
    """

    def __init__(self, session: Session, channel: Channel, *, on: bool) -> None:
        self._session, self._channel = session, channel
        self.on = on
        self.wires: set[Side] = set()

    def pass_time(self, now_ns: int) -> None:
        """Give up on frames whose end has not come by ``now_ns``."""
        for side in sorted(self.wires):
            wire = self._channel.wire(side)
            if self._channel.silent(wire, GAP_NS, now_ns):
                self.no_frame(wire)

    def give_up(self) -> None:
        """No more bytes come."""
        for side in sorted(self.wires):
            self.no_frame(self._channel.wire(side))

    def take(self, chunk: Chunk) -> list[Event]:
        """Take a chunk in which the multiplexer may begin."""
        channel, side = self._channel, chunk.side
        wire = channel.wire(side)
        before = self._session.approach(chunk)
        if not self._session.expects_lines(side):
            return self._go_on(before, chunk)
        if side not in self.wires:
            at, option = cmux.find(chunk.data)
            if at < 0 or (isinstance(chunk, WholeChunk) and (at > 0 or option is None)):
                return self._go_on(before, chunk, plain=True)
            if at > 0:
                before = self._go_on(before, with_data(chunk, chunk.data[:at]), plain=True)
                chunk = with_data(chunk, chunk.data[at:])
            is_whole = wire.undecided and wire.buffer.endswith((b"\r", b"\n"))
            if len(wire) and not is_whole and wire.match(_IN_A_LINE[side]):
                return self._go_on(before, chunk, plain=True)
            if at > 0 and not self._session.expects_lines(side):
                return self._go_on(before, chunk)
        if wire.undecided:
            self._session.conclude(wire)
        if channel.streams:
            return self._go_on(before + self._session.drain(), chunk)
        whole = isinstance(chunk, WholeChunk)
        adds = side not in self.wires or _may_end_a_frame(wire.buffer[-1:], chunk.data)
        wire.append(chunk.time_ns, chunk.data)
        self.wires.add(side)
        if adds or whole or len(wire) > MAX_LINE:
            self._probe(wire, whole=whole)
        else:
            self._await_end(wire)
        return before + self._session.drain()

    def _await_end(self, wire: Wire) -> None:
        """What waits on a wire may be the beginning of a frame until it is silent."""
        if wire.last_ns is not None:
            self._channel.wake(wire.last_ns + GAP_NS + self._channel.timing.slack_ns)

    def _go_on(self, before: list[Event], chunk: Chunk, *, plain: bool = False) -> list[Event]:
        """Take a chunk behind others that led to the events ``before``."""
        told = self._channel.told
        events = self._session.feed(chunk, plain=plain)
        self._channel.told |= told
        return before + events if before else events

    def _probe(self, wire: Wire, *, whole: bool = False) -> None:
        """Look for a frame of the multiplexer at the end of a wire; ``whole``: no later byte belongs to it."""
        channel = self._channel
        at, option = cmux.find(wire.buffer, wire.position)
        if option is not None:
            self.wires.clear()
            if at > wire.position:
                self._read_before(wire, at)
            self._session.multiplexed.enter(option)
            for one in (wire, channel.other(wire)):
                self._session.pump(one)
        elif at < 0 or whole or len(wire) > MAX_LINE:
            self.no_frame(wire)
        else:
            self._await_end(wire)

    def _read_before(self, wire: Wire, at: int) -> None:
        """Read what is in front of the first frame, as if nothing had come behind it."""
        rest = wire.cut_off(at)
        self._session.pump(wire)
        self._session.conclude(wire)
        if len(wire):
            self._channel.noise(wire.side, wire.take_all(), "before mux")
        for time_ns, data in rest:
            wire.append(time_ns, data)

    def no_frame(self, wire: Wire) -> None:
        """What waited for the end of a frame is none."""
        self.wires.discard(wire.side)
        self._session.pump(wire)


def _may_end_a_frame(last: bytes, data: bytes) -> bool:
    """Tell whether bytes behind ``last`` may complete a frame: they hold a flag, and not only more of the same."""
    return (BASIC in data or ADVANCED in data) and (last not in (b"\xf9", b"~") or data.strip(last) != b"")
