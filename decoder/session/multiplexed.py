"""A multiplexed line: both wires carry frames, and each channel in them is a session of its own.

Strategy: what is cut from a wire is a frame or damage; every byte is in one of them. The information field of a frame
goes to the session of its channel, which shares the state of the module and the list of events with all others. The
line is plain again after both ends agreed on it (CLD, DISC of channel 0), or if one of them speaks plainly where a
frame should begin: that end thinks so.

Source: 3GPP TS 27.010 5.3.4 (DISC), 5.4.6.3.3 (CLD), 5.5.2 (convergence layer 2), 5.7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from capture.chunk import Chunk, Side
from decoder.effects import OnChannel
from decoder.events import Event, Frame, LinkFrame
from decoder.link import cmux
from decoder.link.wire import MAX_LINE, Span, Wire
from decoder.session.channel import Channel, short
from decoder.session.mcu import McuReader
from decoder.session.modes import Turn
from decoder.times import NEVER

GAP_NS = 300_000_000
"""Silence inside a frame after which its rest is lost."""
_SHORT_GAP_NS = 20_000_000
"""The same if what was to be its information field holds a good frame."""
NAME = "CMUX"
_PLAIN: dict[Side, re.Pattern[bytes]] = {
    "mcu": re.compile(rb"[\r\n]*([Aa][Tt][ -~]*)\r"),
    "module": re.compile(rb"[\0\r\n]*([ -~]{2,})\r?\n"),
}
"""What shows that an end has left the multiplexer: a command line, a line of text."""


class Inner(Protocol):
    """The session of a channel: what :class:`decoder.session.Session` does, and what this room needs of it."""

    @property
    def told(self) -> bool:
        """Whether there were effects among the last events."""

    def feed(self, chunk: Chunk) -> list[Event]:
        """Take a chunk; return all events that wait."""

    def tick(self, now_ns: int) -> list[Event]:
        """Let time pass; return all events that wait."""

    def finish(self) -> list[Event]:
        """End the input; return all events that wait."""

    @property
    def waits(self) -> bool:
        """Whether a command waits for its result."""

    def lost(self) -> list[Event]:
        """The module restarted: what is open will not be answered; return all events that wait."""

    def alarm(self) -> int:
        """Return when time will decide something next."""


class Multiplexed:
    """Takes frames from both wires. ``opened`` makes the session of a channel; ``used``: there are, or were, frames."""

    def __init__(self, channel: Channel, mcu: McuReader, opened: Callable[[], Inner]) -> None:
        self._channel = channel
        self._mcu = mcu
        self._opened = opened
        self._option: cmux.Option = "basic"
        self._follows: dict[Side, bool] = {"mcu": False, "module": False}
        self._channels: dict[int, Inner] = {}
        self._second_layer: set[int] = set()
        self._closing = False
        self._told_plain = False
        self._spoke: dict[Side, bool] = {"mcu": False, "module": False}
        """Who has sent a frame since the multiplexer began."""
        self.used = False

    def enter(self, option: cmux.Option) -> None:
        """Begin: from here on both wires carry frames."""
        self.used = True
        self._option = option
        self._follows = {"mcu": False, "module": False}
        self._closing = False
        self._spoke = {"mcu": False, "module": False}
        self._channel.expected_ok = None
        self._mcu.forget()
        self._channel.turn(Turn.MULTIPLEXED)
        for wire in (self._channel.mcu_wire, self._channel.module_wire):
            wire.undecided = False

    def step(self, wire: Wire) -> bool:
        """Take what is whole on a wire. True if the line is plain again and lines are left on it."""
        side = wire.side
        while len(wire):
            plain = wire.match(_PLAIN[side])
            if plain is not None:
                self._speaks_plainly(wire, plain[1])
                return True
            found = cmux.cut(wire.buffer, wire.position, self._option, follows=self._follows[side])
            if found is None:
                if len(wire) > MAX_LINE:
                    self._damaged(wire, len(wire.buffer))
                    continue
                if wire.last_ns is not None:
                    self._channel.wake(wire.last_ns + _SHORT_GAP_NS + self._channel.timing.slack_ns)
                return False
            if found.frame is None:
                self._damaged(wire, found.end)
                continue
            self._follows[side] = True
            self._frame(wire, found.frame, wire.take(found.end))
            if not self._channel.streams:
                return len(wire) > 0
        return False

    def conclude(self, wire: Wire) -> None:
        """Nothing more belongs to what waits on a wire."""
        while len(wire) and self._channel.streams:
            self._give_up(wire)

    def pass_time(self, now_ns: int) -> None:
        """Give up on what is not complete by ``now_ns``, and let time pass on all channels, in its order."""
        for wire in (self._channel.mcu_wire, self._channel.module_wire):
            while len(wire) and self._channel.streams and self._is_over(wire, now_ns):
                self._give_up(wire)
        self._pass_on_channels(now_ns)
        self._channel.wake(min((one.alarm() for one in self._channels.values()), default=NEVER))

    def _pass_on_channels(self, now_ns: int) -> None:
        """Let each channel decide what it does by ``now_ns``, whichever is the first to."""
        channels = dict(self._channels)
        while channels:
            at_ns, dlci = min((one.alarm(), dlci) for dlci, one in channels.items())
            if at_ns > now_ns:
                return
            self._told(dlci, lambda one, at_ns=at_ns: one.tick(at_ns))  # type: ignore[misc]
            if channels[dlci].alarm() <= at_ns:
                self._told(dlci, lambda one: one.tick(now_ns))
                del channels[dlci]

    def finish(self) -> None:
        """The input ended."""
        for dlci in self._channels:
            self._told(dlci, lambda one: one.finish())

    def lost(self) -> None:
        """The module restarted."""
        for dlci in self._channels:
            self._told(dlci, lambda one: one.lost())

    @property
    def waits(self) -> bool:
        """Whether a command of a channel waits for its result."""
        return any(one.waits for one in self._channels.values())

    def _speaks_plainly(self, wire: Wire, line: bytes) -> None:
        """An end speaks plainly where a frame should begin: for it the line is multiplexed no longer."""
        channel = self._channel
        self.conclude(channel.other(wire))
        spoken = self._spoke["module"] and self._spoke[wire.side]
        if spoken and not self._closing and not self._told_plain:
            self._told_plain = True
            channel.finding(wire.last_ns, wire.side, "mux.plain", who=wire.side, line=short(line))
        if channel.streams:
            self._leave()

    def _is_over(self, wire: Wire, now_ns: int) -> bool:
        """Tell whether what waits on a wire will not be completed."""
        silent = self._channel.silent
        return silent(wire, GAP_NS, now_ns) or (
            silent(wire, _SHORT_GAP_NS, now_ns) and cmux.find(wire.buffer, wire.position)[1] is not None
        )

    def _give_up(self, wire: Wire) -> None:
        """Nothing completes what waits: the first of it is no frame; what is behind it may be one."""
        waiting = wire.waiting()
        if not waiting.strip(cmux.flag(self._option)):
            self._channel.message("blank", wire.side, wire.take_all())
            self._follows[wire.side] = True
            return
        start = len(waiting) - len(waiting.lstrip(waiting[:1]))
        at, option = cmux.find(waiting, start)
        if option is None:
            self._damaged(wire, len(wire.buffer))
            return
        self._option = option
        self._damaged(wire, wire.position + at)
        self.step(wire)

    def _damaged(self, wire: Wire, end: int) -> None:
        self._follows[wire.side] = False
        span = wire.take(end)
        self._channel.message("noise", wire.side, span)
        shown = span.raw[:32].hex(" ")
        count = len(span.raw)
        self._channel.finding(span.last_ns, wire.side, "mux.damaged", count=count, side=wire.side, bytes=shown)

    def _frame(self, wire: Wire, frame: cmux.Frame, span: Span) -> None:
        channel, side = self._channel, wire.side
        self._spoke[side] = True
        told = cmux.said(frame)
        text, fields = cmux.describe(frame, told)
        channel.message("mux", side, span, text=text)
        channel.out.append(LinkFrame(span.last_ns, side, "mux", cmux.as_basic(frame, span.raw)))
        channel.out.append(Frame(span.last_ns, side, "cmux", None, NAME, text, fields))
        if frame.dlci == 0:
            self._control(frame, told)
        elif frame.kind in ("UIH", "UI"):
            data = cmux.behind_status(frame.data) if frame.dlci in self._second_layer else frame.data
            if data:
                chunk = Chunk(span.last_ns, side, data)
                self._told(frame.dlci, lambda one: one.feed(chunk))

    def _told(self, dlci: int, do: Callable[[Inner], list[Event]]) -> None:
        """Let a channel do something; its events stand between two marks."""
        out = self._channel.out
        one = self._channels.get(dlci)
        if one is None:
            one = self._channels[dlci] = self._opened()
        out.append(OnChannel(dlci))
        out.extend(do(one))
        out.append(OnChannel(None))
        self._channel.told = True
        self._channel.wake(one.alarm())

    def _control(self, frame: cmux.Frame, told: list[cmux.Message]) -> None:
        """Follow what changes how frames are read, and what ends the multiplexer."""
        if frame.kind == "DISC":
            self._closing = True
        elif frame.kind in ("UA", "DM") and self._closing:
            self._leave()
        cmux.note_layers(told, self._second_layer)
        for one in told:
            if one.name == "CLD" and one.command and not self._closing:
                self._closing = True
            elif one.name == "CLD":
                self._leave()
                return

    def _leave(self) -> None:
        self._channel.turn(Turn.LEFT)
