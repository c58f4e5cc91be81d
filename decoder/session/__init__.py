"""The decoder: chunks of two wires in, messages and records out.

Strategy: a push machine without I/O and without a clock. A reader per wire takes spans from it, a third takes both
wires in transparent mode:

    mcu.py          lines -> (command that announces payload) held -> (prompt) payload -> lines
    module.py       lines; inline.py those with payload inside
    transparent.py  both wires, after CONNECT, until "+++" that stands alone is answered by OK

What a span means may depend on the other wire; then the bytes wait, bounded in size and time. Every decision rests
on bytes and their times only, never on how they were cut into chunks. Time passes with the chunks, and by
:meth:`Session.tick` while both wires are silent. A wire is *loose* while only its next byte can tell what the last
ones are (a CR that LF may follow); it *settles* when the other side speaks, time goes by, or the input ends.
"""

from __future__ import annotations

from capture import grammar
from capture.chunk import Chunk, WholeChunk
from decoder.catalog import Catalog
from decoder.events import Event
from decoder.link.wire import Wire
from decoder.session.context import SETTLE_NS, Context
from decoder.session.mcu import McuReader
from decoder.session.module import ModuleReader
from decoder.session.transparent import Transparent
from decoder.times import NEVER

_CLOSING_ROUNDS = 4


class Session:
    """Decode one pair of wires. Feed chunks in the order in which they arrived; take the events that result."""

    def __init__(self, catalog: Catalog) -> None:
        context = self._context = Context(catalog)
        self._pairing, self._groups = context.pairing, context.groups
        self._mcu = McuReader(context)
        self._transparent = Transparent(context, self._mcu)
        self._module = ModuleReader(context, self._mcu, self._transparent)
        self._now_ns = -NEVER
        self._last_ns: int | None = None

    def feed(self, chunk: Chunk) -> list[Event]:
        """Take a chunk and return the events that it completes."""
        time_ns, side, data = chunk
        context = self._context
        if side == "mcu":
            wire, other = context.mcu, context.module
        else:
            wire, other = context.module, context.mcu
        if not data:
            return []
        if context.loose[other.side]:
            self._settle(other)
        if context.loose[side] and (time_ns is None) != (wire.last_ns is None):
            self._settle(wire)
        if time_ns is not None:
            if time_ns < self._now_ns and context.loose[side]:
                self._settle(wire)
            self._now_ns = time_ns
            if self._last_ns is None or time_ns > self._last_ns:
                self._last_ns = time_ns
            if time_ns >= context.wake_ns or time_ns >= self._pairing.wake_ns or time_ns >= self._groups.wake_ns:
                self._pass_time(time_ns)
        wire.append(time_ns, data)
        self._pump(wire)
        if len(wire) and isinstance(chunk, WholeChunk) and not self._transparent.active:
            self._complete(wire)
        return self._drain()

    def _complete(self, wire: Wire) -> None:
        """Decide about a message that is whole: no later byte can belong to it."""
        if wire is self._context.module and self._module.inline.waits:
            self._module.inline.give_up(whole=True)
            self._pump(wire)
        self._settle(wire)

    def tick(self, now_ns: int) -> list[Event]:
        """Let time pass without bytes. ``now_ns`` must not be before the last chunk."""
        context = self._context
        if now_ns >= min(context.wake_ns, context.pairing.wake_ns, context.groups.wake_ns):
            self._pass_time(now_ns)
        return self._drain()

    def close(self) -> list[Event]:
        """End the input: everything that waits is decided now."""
        context = self._context
        for _ in range(_CLOSING_ROUNDS):
            for wire in (context.module, context.mcu):
                self._settle(wire)
            if not len(context.mcu) and not len(context.module):
                break
            if self._module.inline.waits:
                self._module.inline.give_up()
                self._pump(context.module)
            if self._module.raw.expected:
                self._module.raw.give_up()
                self._pump(context.module)
            self._transparent.give_up()
            self._mcu.end("the input ended")
        self._mcu.end("the input ended")
        for wire in (context.mcu, context.module):
            if len(wire):
                self._leftover(wire)
        context.pairing.abandon_all()
        context.groups.end()
        context.sockets.finish()
        context.inferred.finish()
        context.firmware.finish(self._last_ns)
        context.out.append(context.pairing.ranking.summary(self._last_ns))
        return self._drain()

    def _drain(self) -> list[Event]:
        out = self._context.out
        if not out:
            return []
        events = out[:]
        out.clear()
        return events

    def _pass_time(self, now_ns: int) -> None:
        context = self._context
        context.wake_ns = NEVER
        for wire in (context.module, context.mcu):
            if context.loose[wire.side] and wire.last_ns is not None:
                if wire.last_ns + SETTLE_NS <= now_ns:
                    self._settle(wire)
                else:
                    context.wake(wire.last_ns + SETTLE_NS)
        if self._module.inline.pass_time(now_ns) or self._module.raw.pass_time(now_ns):
            self._pump(context.module)
        self._mcu.pass_time(now_ns)
        self._transparent.pass_time(now_ns)
        context.pairing.expire(now_ns)
        if now_ns >= context.groups.wake_ns:
            context.groups.expire(now_ns)

    def _settle(self, wire: Wire) -> None:
        self._context.loose[wire.side] = False
        if self._transparent.active:
            self._transparent.settle(wire)
            if not self._transparent.active and len(wire):
                self._pump(wire)
                self._settle(wire)
        elif wire is self._context.mcu:
            self._mcu.settle()
        else:
            self._module.settle()

    def _pump(self, wire: Wire) -> None:
        is_mcu = wire is self._context.mcu
        while True:
            if self._transparent.active:
                more = self._transparent.step(wire)
            else:
                more = self._mcu.step() if is_mcu else self._module.step()
            if not more:
                return

    def _leftover(self, wire: Wire) -> None:
        raw = wire.waiting().lstrip(grammar.PADDING)
        if not raw:
            self._context.message("blank", wire.side, wire.take_all())
            return
        command = wire is self._context.mcu and grammar.command_start(raw) == 0
        why = "the input ends inside a command line" if command else "the input ends inside a line"
        self._context.noise(wire.side, wire.take_all(), why)
