"""Transparent mode: after CONNECT every byte of both wires is data, until it is not.

Strategy: bytes that come without a pause are one run, and a run is one piece of data. Mode ends when a run of the
MCU is ``+++`` alone, with silence in front of it, and the module answers OK; or when the module says that the
connection is gone. A ``+++`` that nobody confirms was data. If whole commands are answered again, the end was
missed, and that is said.

Source: OneMO TCP/IP manual 3.13; ITU-T V.250 has no escape sequence, the guard time is Hayes practice (S12).
"""

from __future__ import annotations

import re

from capture import grammar
from capture.chunk import Side
from decoder.catalog import FITS, Catalog, best
from decoder.effects import Connected, Disconnected
from decoder.events import Data, Issued
from decoder.link.wire import Span, Wire
from decoder.pairing.pending import PendingCommand
from decoder.session.channel import Channel, ConnectId, connection
from decoder.session.mcu import McuReader
from decoder.session.modes import Turn
from decoder.times import SECOND
from decoder.values import to_text

GUARD_NS = 200_000_000
"""Silence on the MCU wire in front of "+++" that makes it an escape sequence."""
ESCAPE_ANSWER_NS = 5 * SECOND
MAX_RUN = 4096
_LOST_AFTER = 2
_ALWAYS = "*"
_ESCAPE = re.compile(rb"\+\+\+(?:\r\n?)?\Z")
_ESCAPE_OK = re.compile(rb"(.*?)((?:\r\n)?OK\r\n)\Z", re.DOTALL)
_NO_CARRIER = re.compile(grammar.NO_CARRIER + rb"\Z")
_AFTER_FRAME = re.compile(rb"(?:\A|\x7e)(%b)" % grammar.NO_CARRIER)
"""NO CARRIER where a frame of PPP could begin: no frame begins like this."""
_TERMINATE: dict[Side, re.Pattern[bytes]] = {
    "mcu": re.compile(rb"\xc0!(?:\x05|\}%)"), "module": re.compile(rb"\xc0!(?:\x06|\}&)"),
}  # fmt: skip
"""How the MCU ends PPP: LCP Terminate-Request, and its Ack, codes escaped or not (RFC 1661 5.5, RFC 1662 4.2)."""
_NUMBER_AFTER_FRAME = re.compile(rb"\x7e3\r\Z")
"""NO CARRIER as a digit (ATV0), right behind a frame."""


class _Stream:
    """The connection that is in transparent mode. ``escape``: the size of a "+++" that waits for its OK, or 0.

    ``link``: it is PPP; ``hung_up``: the MCU has asked for its end.
    """

    __slots__ = (
        "affixed",
        "connect_id",
        "dialect",
        "escape",
        "escape_answer",
        "escape_ns",
        "exchanges",
        "hung_up",
        "link",
        "name",
        "suspect",
    )

    def __init__(
        self, issued: Issued, connect_id: ConnectId, *, escape_answer: bool, affixed: bool, link: bool
    ) -> None:
        self.name, self.dialect = issued.name, issued.dialect
        self.affixed = affixed
        self.link = link
        self.connect_id = connect_id
        self.escape_answer = escape_answer
        self.escape = 0
        self.escape_ns: int | None = None
        self.suspect = self.hung_up = False
        self.exchanges = 0

    def ended_by(self, catalog: Catalog, text: str) -> dict[str, str]:
        """Return by which parameters a line that is but a word ends the stream, as its dialect says."""
        urc = catalog.urc_of(text, self.dialect)
        return urc.spec.ends_stream if urc is not None and urc.dialect == self.dialect else {}


class Transparent:
    """Takes runs of data from both wires in transparent mode."""

    def __init__(self, channel: Channel, mcu: McuReader) -> None:
        self._channel = channel
        self._mcu = mcu
        self._patience_ns = ESCAPE_ANSWER_NS + channel.timing.slack_ns
        self._escape_line = channel.catalog.readings.command(b"+++")
        self._stream: _Stream | None = None

    @property
    def active(self) -> bool:
        """Whether transparent mode is on."""
        return self._stream is not None

    def leave(self, *, carrier_lost: bool) -> None:
        """The input shows that data mode has ended: what is left on the wires was data."""
        stream = self._stream
        if stream is not None:
            if carrier_lost:
                self._carrier_lost(stream)
            for wire in (self._channel.mcu_wire, self._channel.module_wire):
                if len(wire):
                    self._run(stream, wire, len(wire.buffer))
            self._end()

    def enter(self, waiting: PendingCommand) -> None:
        """Begin: the module is ready for the data of the command ``waiting``."""
        channel, issued, command = self._channel, waiting.issued, waiting.reading.command
        rule = command.stream if command is not None else None
        link = rule is not None and rule.ppp and self._channel.exact
        escape_answer = rule is None or rule.escape_answer
        affixed = rule is not None and rule.affixed
        self._stream = _Stream(
            issued, connection(issued.params), escape_answer=escape_answer, affixed=affixed, link=link
        )
        effects = command.effects if command is not None else ()
        channel.tell(Connected(effects, issued, channel.module_wire.last_ns, link))
        self._mcu.forget()
        channel.turn(Turn.CONNECTED)
        channel.mcu_wire.undecided = False
        if len(channel.mcu_wire):
            self.step(channel.mcu_wire)

    def prompted(self, waiting: PendingCommand, span: Span) -> None:
        """Begin at the prompt behind the OK of the command ``waiting``."""
        issued = waiting.issued
        self._channel.message("prompt", "module", span, text=">", owner=issued, owner_number=issued.number)
        self._channel.awaits_stream = None
        self.enter(waiting)

    def step(self, wire: Wire) -> bool:
        """Look at new bytes. True if transparent mode ended and lines are left on ``wire``."""
        stream = self._stream
        if stream is None or not len(wire):
            return False
        if wire is self._channel.mcu_wire:
            self._refute(stream)
        elif stream.link and (match := _AFTER_FRAME.search(wire.waiting())):
            if match.start(1):
                self._run(stream, wire, wire.position + match.start(1))
            self._carrier_lost(stream)
            self._leave()
            return len(wire) > 0
        elif wire.buffer.endswith(b"\r\n") and self._ends(stream):
            return len(wire) > 0
        if len(wire) >= MAX_RUN:
            self._refute(stream)
        while len(wire) >= MAX_RUN:
            self._run(stream, wire, wire.position + MAX_RUN)
        wire.undecided = len(wire) > 0
        return False

    def conclude(self, wire: Wire) -> None:
        """A run is complete: the other side spoke, or there was silence."""
        stream = self._stream
        if stream is None or not len(wire):
            return
        if wire is self._channel.mcu_wire:
            if stream.affixed and (match := _ESCAPE.search(wire.waiting())) and match.start():
                self._run(stream, wire, wire.position + match.start())
                self._end()
                self._mcu.command(self._escape_line, wire.take_all(), silent=True)
                return
            if self._is_escape(stream, wire):
                if not stream.escape_answer:
                    self._end()
                    self._mcu.command(self._escape_line, wire.take_all(), silent=True)
                    return
                if not stream.escape:
                    self._channel.turn(Turn.ESCAPED)
                stream.escape = len(wire)
                stream.escape_ns = wire.last_ns
                if wire.last_ns is not None:
                    self._channel.wake(wire.last_ns + self._patience_ns)
                return
            stream.suspect = grammar.is_lone_command(wire.waiting())
            if not stream.suspect:
                stream.exchanges = 0
        elif stream.link and _NUMBER_AFTER_FRAME.search(wire.waiting()):
            self._run(stream, wire, len(wire.buffer) - 2)
            self._end()
            return
        elif stream.escape:
            return
        elif stream.suspect:
            stream.exchanges = stream.exchanges + 1 if _is_answer(wire.waiting()) else 0
            stream.suspect = False
        self._run(stream, wire, len(wire.buffer))
        if stream.exchanges >= _LOST_AFTER:
            self._channel.finding(wire.last_ns, "module", "transparent.lost", name=stream.name)
            self._end()

    def pass_time(self, now_ns: int) -> None:
        """Give up on the confirmation of a "+++" by ``now_ns``."""
        stream = self._stream
        if stream is not None and stream.escape and stream.escape_ns is not None:
            if stream.escape_ns + self._patience_ns <= now_ns:
                self.give_up()
            else:
                self._channel.wake(stream.escape_ns + self._patience_ns)

    def give_up(self) -> None:
        """The "+++" was not confirmed: it was data after all."""
        stream = self._stream
        if stream is None or not stream.escape:
            return
        self._channel.finding(stream.escape_ns, "mcu", "transparent.escape", name=stream.name)
        self._refute(stream)

    def _refute(self, stream: _Stream) -> None:
        """The "+++" was data; so is what the module sent after it."""
        if stream.escape:
            mcu, module = self._channel.mcu_wire, self._channel.module_wire
            size, stream.escape = stream.escape, 0
            self._channel.turn(Turn.REFUTED)
            self._run(stream, mcu, mcu.position + size)
            if len(module):
                self._run(stream, module, len(module.buffer))

    def _is_escape(self, stream: _Stream, wire: Wire) -> bool:
        waiting = wire.waiting()
        if wire.last_ns is None:
            match = _ESCAPE.search(waiting)
            if match and match.start():
                self._run(stream, wire, wire.position + match.start())
            return match is not None
        if not _ESCAPE.match(waiting):
            return False
        return wire.quiet_ns is None or self._channel.timing.perhaps_as_long(wire.quiet_ns, GUARD_NS)

    def _ends(self, stream: _Stream) -> bool:
        wire = self._channel.module_wire
        waiting = wire.waiting()
        if stream.escape and (match := _ESCAPE_OK.match(waiting)):
            self._mcu.command(self._escape_line, self._channel.mcu_wire.take_all())
            if match[1]:
                self._run(stream, wire, wire.position + len(match[1]))
            self._end()
            return True
        if _NO_CARRIER.match(waiting):
            self._carrier_lost(stream)
            self._leave()
            return True
        if self._connection_gone(stream, wire):
            self._leave()
            return True
        return False

    def _carrier_lost(self, stream: _Stream) -> None:
        """The module says NO CARRIER: that is worth a word if the MCU did not ask for it."""
        self._channel.tell(Disconnected(stream.connect_id, self._channel.module_wire.last_ns, "NO CARRIER"))
        if stream.connect_id is None and not stream.hung_up:
            self._channel.finding(self._channel.module_wire.last_ns, "module", "carrier.lost", name=stream.name)

    def _leave(self) -> None:
        """The module ended transparent mode: what the MCU has sent was data."""
        stream = self._stream
        self._end()
        if stream is not None and len(self._channel.mcu_wire):
            self._run(stream, self._channel.mcu_wire, len(self._channel.mcu_wire.buffer))

    def _end(self) -> None:
        self._stream = None
        self._channel.turn(Turn.LEFT)

    def _connection_gone(self, stream: _Stream, wire: Wire) -> bool:
        """Tell whether a whole run is the URC by which the module gives this connection up."""
        line = wire.match(grammar.SETTLED_LINE)
        if line is None or (line.end() != len(wire.buffer) and not stream.affixed):
            return False
        text = to_text(line[1])
        parts = grammar.parse_information(text)
        if parts is None:
            return _ALWAYS in stream.ended_by(self._channel.catalog, text)
        urc = self._channel.catalog.urcs.get(parts[0].lstrip("+"))
        if urc is None or not urc.spec.ends_stream:
            return False
        arguments = best(urc.syntaxes, parts[1])
        ends = all(value == "*" or arguments.params.get(name) == value for name, value in urc.spec.ends_stream.items())
        own = connection(arguments.params) in (stream.connect_id, connection({}))
        return ends and arguments.fit is FITS and own

    def _run(self, stream: _Stream, wire: Wire, end: int) -> None:
        span = wire.take(end)
        size = len(span.raw)
        if stream.link:
            stream.hung_up = stream.hung_up or _TERMINATE[wire.side].search(span.raw) is not None
        data = Data(
            span.last_ns, wire.side, stream.connect_id, stream.name, "transparent", "raw", size, span.raw.hex()
        )  # fmt: skip
        self._channel.message("data", wire.side, span, data=data)
        self._channel.carried(data, span.raw, {}, kind="link" if stream.link else "stream")


def _is_answer(run: bytes) -> bool:
    return run.startswith(b"\r\n") and grammar.ends_with_result(run)
