"""A channel, decoded: chunks of two wires in, messages and records out.

Strategy: a push machine without I/O and without a clock. A reader per wire takes spans from it, a third takes both
wires in transparent mode:

    mcu.py          lines -> (command that announces payload) held -> (prompt) payload -> lines
    module.py       lines; results.py what ends a command; embedded.py those with payload inside, blocks.py what
                    follows an OK, downloads.py what follows CONNECT
    transparent.py  both wires, after CONNECT, until "+++" that stands alone is answered by OK
    multiplexed.py  both wires, after AT+CMUX or where hunt.py finds frames, until it ends; a session a channel

modes.py says which of them is at work. What a span means may depend on the other wire; then the bytes wait, bounded in
size and time. Every decision rests on bytes and their times only, never on how they were cut into chunks. Time passes
with the chunks, and by :meth:`Session.tick` while both wires are silent. A wire is *undecided* while only its next byte
can tell what the last ones are (a CR that LF may follow); that is *concluded* when the other side speaks, time goes by,
or the input ends.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from capture import grammar
from capture.chunk import Chunk, LogChunk, Side, WholeChunk
from capture.timing import EXACT, Timing
from decoder.catalog import Catalog
from decoder.events import Event
from decoder.link.wire import Wire
from decoder.pairing.module import Module
from decoder.pairing.written import Log
from decoder.session.channel import SILENCE_NS, Channel
from decoder.session.hunt import ADVANCED, BASIC, Hunt
from decoder.session.mcu import McuReader
from decoder.session.modes import Mode
from decoder.session.module import ModuleReader
from decoder.session.multiplexed import Multiplexed
from decoder.session.transparent import Transparent
from decoder.times import NEVER

_CLOSING_ROUNDS = 4
_COMMAND = re.compile(rb"[Aa][Tt](?:[+^$%*#&][A-Za-z][ -~]*|[A-Za-z]?\d?)?")


def _ends_data(chunk: LogChunk) -> bool:
    """Whether a record of a log shows that data mode has ended: a command line, or the loss of the carrier."""
    if chunk.side == "module":
        return chunk.data.strip() == b"NO CARRIER"
    line = chunk.data.rstrip(b"\r\n")
    return len(line) < len(chunk.data) and _COMMAND.fullmatch(line) is not None


class Awaits(NamedTuple):
    """What may come next, for who must decide which wire speaks first (decoder/order.py).

    ``pending``: a command waits for its result; ``takes``: names of the answers to what waits; ``lines``: the command
    lines that wait, in upper case; ``payload``: bytes of the MCU that the module has asked for, 0 if nobody said how
    many, None if it has not asked; ``end``: what else ends them; ``held``: a command announced payload, the module
    has not asked for it yet; ``asks``: a prompt may come, which is ``prompt``; ``unread``: a line of the module is
    not complete; ``stream``: transparent mode; ``inside``: payload of the module is not complete; ``own_ok``: an OK
    that belongs to the URC before it comes, ``may_be_own_ok``: or may come.
    """

    pending: bool
    takes: frozenset[str]
    lines: frozenset[bytes]
    payload: int | None
    end: bytes
    held: bool
    asks: bool
    prompt: str
    unread: bool
    stream: bool
    inside: bool
    own_ok: bool
    may_be_own_ok: bool


class Session:
    """Decode one pair of wires. Feed chunks in the order in which they arrived; take the events that result.

    ``shared``: what it has in common with the other channels of a multiplexed line; ``multiplexed`` is such a line.
    """

    def __init__(self, catalog: Catalog, timing: Timing = EXACT, shared: Module | None = None) -> None:
        channel = self._channel = Channel(catalog, timing, shared)
        self._silence_ns = SILENCE_NS + timing.slack_ns
        self._mcu = McuReader(channel)
        self._transparent = Transparent(channel, self._mcu)
        self.multiplexed = Multiplexed(channel, self._mcu, lambda: Session(catalog, timing, channel.module))
        self._hunt = Hunt(self, channel, on=shared is None)
        self._module = ModuleReader(channel, self._mcu, self._transparent, self.multiplexed)
        self._now_ns = self._latest_ns = -NEVER

    @property
    def last_ns(self) -> int | None:
        """The latest time that it heard of."""
        last_ns = max(self._now_ns, self._latest_ns)
        return None if last_ns == -NEVER else last_ns

    @property
    def awaits(self) -> Awaits:
        """What may come next."""
        channel, mcu = self._channel, self._mcu
        pending = channel.pairing.pending
        left, end = mcu.announced
        return Awaits(
            channel.pairing.waits,
            frozenset([name for entry in pending for one in entry.commands for name in one.takes]),
            frozenset([entry.text.upper() for entry in pending]),
            left if channel.mode is Mode.PAYLOAD else None,
            end,
            channel.mode is Mode.HELD,
            channel.mode is Mode.HELD or channel.awaits_stream is not None,
            mcu.prompt_text,
            len(channel.module_wire.waiting().strip(grammar.PADDING)) > 0,
            channel.streams,
            self._module.inline.waits or self._module.raw.expected or self._module.download.active,
            channel.expected_ok is not None and channel.expected_ok.ok == "always",
            channel.expected_ok is not None,
        )

    def settle(self, side: Side) -> None:
        """Nothing more of a side comes before the other speaks: decide what its next byte would have told."""
        self.conclude(self._channel.wire(side))
        self._channel.out.clear()

    def feed(self, chunk: Chunk, *, plain: bool = False) -> list[Event]:
        """Take a chunk and return the events that it completes. ``plain``: no multiplexer begins or ends in it."""
        time_ns, side, data = chunk
        if not data:
            return []
        channel = self._channel
        if plain:
            pass
        elif channel.streams:
            if channel.mode is Mode.MULTIPLEX:
                return self._feed_frames(chunk)
        elif (BASIC in data or ADVANCED in data or self._hunt.wires) and self._hunt.on and self.expects_lines(side):
            return self._hunt.take(chunk)
        if type(chunk) is LogChunk:
            self._note_log(chunk)
        if side == "mcu":
            wire, other = channel.mcu_wire, channel.module_wire
        else:
            wire, other = channel.module_wire, channel.mcu_wire
        channel.told = False
        if other.undecided:
            self.conclude(other)
            if side == "mcu" and self._module.download.active:
                self._module.download.interrupted(data)
        if time_ns is None or wire.undecided or other.undecided or not self._now_ns <= time_ns < channel.alarm():
            self._approach(time_ns, wire, other)
        else:
            self._now_ns = time_ns
        wire.append(time_ns, data)
        if channel.streams:
            self.pump(wire)
        else:
            reader = self._mcu if side == "mcu" else self._module
            while reader.step():
                if channel.streams:
                    self.pump(wire)
                    break
        if isinstance(chunk, WholeChunk) and wire.position < len(wire.buffer):
            runs = channel.streams and channel.mode is not Mode.MULTIPLEX
            if time_ns is None or not runs:
                self._complete(wire)
        out = channel.out
        events = out[:]
        out.clear()
        return events

    def _feed_frames(self, chunk: Chunk) -> list[Event]:
        """Take a chunk of a multiplexed line; what its time decides may end the multiplexer."""
        before = self.approach(chunk)
        events = self.feed(chunk, plain=self._channel.mode is Mode.MULTIPLEX)
        self._channel.told = True
        return before + events

    def expects_lines(self, side: Side) -> bool:
        """Tell whether a wire carries lines, and no payload, as far as is known."""
        if self._channel.mode is not Mode.LINES:
            return False
        module = self._module
        return side == "mcu" or not (module.inline.waits or module.raw.expected or module.download.active)

    def _note_log(self, chunk: LogChunk) -> None:
        """Take notice that the input is a log, of where it is, and of a record that can be no data."""
        module = self._channel.module
        if module.log is None:
            module.log = Log()
        if chunk.side == "mcu":
            module.log.line = chunk.line
        self._channel.exact = chunk.exact
        if self._transparent.active and _ends_data(chunk):
            self._transparent.leave(carrier_lost=chunk.side == "module")

    @property
    def told(self) -> bool:
        """Whether there were effects among the last events of :meth:`feed`."""
        return self._channel.told

    def approach(self, chunk: Chunk) -> list[Event]:
        """Decide what the coming of a chunk decides, and return the events; :meth:`feed` does it by itself."""
        time_ns, side, data = chunk
        channel = self._channel
        if data and side == "mcu":
            self._approach(time_ns, channel.mcu_wire, channel.module_wire)
        elif data:
            self._approach(time_ns, channel.module_wire, channel.mcu_wire)
        return self.drain()

    def _approach(self, time_ns: int | None, wire: Wire, other: Wire) -> None:
        if other.undecided:
            self.conclude(other)
        if wire.undecided and (time_ns is None) != (wire.last_ns is None):
            self.conclude(wire)
        if time_ns is None:
            return
        if wire.undecided and time_ns < self._now_ns:
            self.conclude(wire)
        if time_ns < self._now_ns:
            self._latest_ns = max(self._latest_ns, self._now_ns)
        self._now_ns = time_ns
        if time_ns >= self._channel.alarm() or wire.undecided or other.undecided:
            self._pass_time(time_ns)

    def _complete(self, wire: Wire) -> None:
        """Decide about a message that is whole: no later byte can belong to it."""
        if wire is self._channel.module_wire and self._module.inline.waits:
            self._module.inline.give_up(whole=True)
            self.pump(wire)
        self.conclude(wire)

    def tick(self, now_ns: int) -> list[Event]:
        """Let time pass without bytes. ``now_ns`` must not be before the last chunk."""
        channel = self._channel
        undecided = channel.mcu_wire.undecided or channel.module_wire.undecided
        if undecided or now_ns >= channel.alarm():
            self._pass_time(now_ns)
        return self.drain()

    def close(self) -> list[Event]:
        """End the input: everything that waits is decided now."""
        self._end()
        channel = self._channel
        channel.out.append(channel.module.ranking.summary(self.last_ns))
        return self.drain()

    def finish(self) -> list[Event]:
        """End the input of a channel: the summary is that of the line."""
        self._end()
        return self.drain()

    @property
    def waits(self) -> bool:
        """Whether a command waits for its result."""
        return bool(self._channel.pairing.waits)

    def lost(self) -> list[Event]:
        """The module restarted: what is open will not be answered."""
        self._mcu.end("restart")
        self._channel.pairing.abandon_all(restarted=True)
        return self.drain()

    def alarm(self) -> int:
        """Return when time will decide something next."""
        channel = self._channel
        wires = (channel.mcu_wire, channel.module_wire)
        ends = [one.last_ns + self._silence_ns for one in wires if one.undecided and one.last_ns is not None]
        return min([channel.alarm(), *ends])

    def _end(self) -> None:
        channel = self._channel
        mcu, module = channel.mcu_wire, channel.module_wire
        self._hunt.give_up()
        for _ in range(_CLOSING_ROUNDS):
            for wire in (module, mcu):
                self.conclude(wire)
            if not len(mcu) and not len(module):
                break
            if self._module.inline.waits:
                self._module.inline.give_up()
                self.pump(module)
            if self._module.raw.expected:
                self._module.raw.give_up()
                self.pump(module)
            if self._module.download.active:
                self._module.download.give_up()
                self.pump(module)
            self._transparent.give_up()
            self._mcu.end("end")
        self._mcu.end("end")
        for wire in (mcu, module):
            if len(wire):
                self._leftover(wire)
        self.multiplexed.finish()
        channel.pairing.abandon_all()

    def drain(self) -> list[Event]:
        """Return the events that have not been returned yet."""
        out = self._channel.out
        if not out:
            return []
        events = out[:]
        out.clear()
        return events

    def _pass_time(self, now_ns: int) -> None:
        channel = self._channel
        for wire in (channel.module_wire, channel.mcu_wire):
            if wire.undecided and wire.last_ns is not None and wire.last_ns + self._silence_ns <= now_ns:
                self.conclude(wire)
        if now_ns >= channel.wake_ns:
            channel.wake_ns = NEVER
            reader = self._module
            if any(one.pass_time(now_ns) for one in (reader.inline, reader.raw, reader.download)):
                self.pump(channel.module_wire)
            self._mcu.pass_time(now_ns)
            self._transparent.pass_time(now_ns)
            self._hunt.pass_time(now_ns)
            self.multiplexed.pass_time(now_ns)
            for wire in (channel.module_wire, channel.mcu_wire):
                if not channel.streams and len(wire) and wire.side not in self._hunt.wires:
                    self.pump(wire)
        if now_ns >= channel.pairing.wake_ns:
            channel.pairing.expire(now_ns)

    def conclude(self, wire: Wire) -> None:
        """Decide what only the next byte of a wire could have told."""
        wire.undecided = False
        if self._channel.streams:
            self._stream.conclude(wire)
            if not self._channel.streams and len(wire):
                self.pump(wire)
                self.conclude(wire)
        elif wire is self._channel.mcu_wire:
            self._mcu.conclude()
        else:
            self._module.conclude()

    def pump(self, wire: Wire) -> None:
        """Take from a wire whatever can be taken."""
        channel = self._channel
        reader = self._mcu if wire is channel.mcu_wire else self._module
        while True:
            more = self._stream.step(wire) if channel.streams else reader.step()
            if not more:
                return

    @property
    def _stream(self) -> Transparent | Multiplexed:
        return self.multiplexed if self._channel.mode is Mode.MULTIPLEX else self._transparent

    def _leftover(self, wire: Wire) -> None:
        raw = wire.waiting().lstrip(grammar.PADDING)
        if not raw:
            self._channel.message("blank", wire.side, wire.take_all())
            return
        command = wire is self._channel.mcu_wire and grammar.command_start(raw) == 0
        why = "ends in command" if command else "ends in line"
        self._channel.noise(wire.side, wire.take_all(), why)
