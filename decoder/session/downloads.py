"""Raw bytes of the module behind CONNECT, and then the answer and result of the command: a file, a web page.

Strategy: CONNECT may say how many, and they are counted. Else the answer behind them does (it is believed where it says
just as many as stand in front of it), or they end with an OK: of those in them none is the last. What is the last is
known when the command's own URC follows, or by silence. A line of the MCU ends them, too.

Source: Quectel file, HTTP and FTP manuals (AT+QFDWL, AT+QFREAD, AT+QHTTPREAD, AT+QFTPGET).
"""

from __future__ import annotations

import re

from capture import grammar
from decoder.events import Data
from decoder.link.wire import Span
from decoder.pairing.pending import PendingCommand
from decoder.session.channel import Channel
from decoder.times import SECOND

GAP_NS = 30 * SECOND
MAX_COUNTED = 1 << 20
PIECE = 65536
"""More bytes than these become several pieces of payload."""
_AHEAD = 256
"""No line that ends a download is longer, with its line ends."""
_COUNT = re.compile(r"CONNECT (\d{1,7})\Z", re.ASCII)
_NUMBERS = re.compile(rb"\d+")
_OK = rb"(?:\A|\r\n)OK\r\n"
_FAILED = re.compile(rb"(?:\A|\r\n)(?:ERROR|NO CARRIER|\+CM[ES] ERROR:[^\r\n]{1,100})\r\n\Z")


class Download:
    """Takes what a command brings from the module's wire. ``active``: it is not over."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._wire = channel.module_wire
        self._waiting: PendingCommand | None = None
        self._count = self._taken = self._seen = 0
        self._end = self._end_at_rest = _FAILED
        self.active = False

    def begin(self, waiting: PendingCommand, text: str, span: Span) -> None:
        """CONNECT came, for a command that brings something."""
        command = waiting.reading.command
        assert command is not None
        assert command.brings is not None
        issued = waiting.issued
        self._channel.message("prompt", "module", span, text=text, owner=issued, owner_number=issued.number)
        self._channel.plain = False
        self._waiting, self._taken, self._seen, self.active = waiting, 0, 0, True
        match = _COUNT.match(text)
        self._count = int(match[1]) if match is not None and int(match[1]) <= MAX_COUNTED else 0
        name = re.escape(issued.name.lstrip("+").encode())
        line = rb"[+]?%b[ \t]*:[^\r\n]{0,200}\r\n" % name
        if command.brings.counted:
            self._end = re.compile(rb"(?:\r\n)?(?P<line>%b)" % line)
            self._end_at_rest = re.compile(rb"(?:\r\n)?%b(?:\r\n)?OK\r\n\Z" % line)
        else:
            self._end = re.compile(rb"%b(?=\r\n%b)" % (_OK, line))
            self._end_at_rest = re.compile(_OK + rb"\Z")
        if self._count == 0:
            self._wire.undecided = True

    def step(self, concluded: bool) -> bool:
        """Take what has come, as far as it is certain. ``concluded``: silence, or the MCU spoke."""
        wire = self._wire
        if self._count:
            return self._counted()
        found = self._find()
        at, end = found if found is not None else (-1, 0)
        if len(wire) >= PIECE + _AHEAD and (at < 0 or end > PIECE + _AHEAD):
            self._take(PIECE)
            self._seen = 0
            return True
        if at < 0 and concluded:
            at = self._rest()
        if at < 0:
            wire.undecided = True
            if wire.last_ns is not None:
                self._channel.wake(wire.last_ns + GAP_NS)
            return False
        self._take(at)
        self.active = False
        return True

    def _counted(self) -> bool:
        if len(self._wire) < self._count:
            if self._wire.last_ns is not None:
                self._channel.wake(self._wire.last_ns + GAP_NS)
            return False
        self._take(self._count)
        self.active = False
        return True

    def _find(self) -> tuple[int, int] | None:
        """Find the line that surely ends the bytes: where they end, and where it does."""
        wire = self._wire
        start = wire.position
        for match in self._end.finditer(wire.buffer, max(start, start + self._seen - _AHEAD)):
            at = match.start() - start
            numbers = _NUMBERS.findall(match["line"]) if "line" in match.groupdict() else None
            if numbers is None or b"%d" % (self._taken + at) in numbers:
                return at, match.end() - start
            if wire.buffer.startswith(b"\r\n", match.start()) and b"%d" % (self._taken + at + 2) in numbers:
                return at + 2, match.end() - start
        self._seen = len(wire)
        return None

    def _rest(self) -> int:
        """Return where the bytes end if nothing more comes; -1 if they do not look like it."""
        wire = self._wire
        tail = wire.buffer[max(wire.position, len(wire.buffer) - 2 * _AHEAD) :]
        match = self._end_at_rest.search(tail) or _FAILED.search(tail)
        return -1 if match is None else len(wire) - len(tail) + match.start()

    def interrupted(self, data: bytes) -> None:
        """The MCU sent ``data`` meanwhile: a command says that it does not wait for more."""
        if grammar.command_start(data) == 0:
            self.give_up()

    def pass_time(self, now_ns: int) -> bool:
        """Give up on bytes that have not come by ``now_ns``. True if they were given up."""
        if not self.active or not self._channel.silent(self._wire, GAP_NS, now_ns):
            return False
        self.give_up()
        return True

    def give_up(self) -> None:
        """Take what there is, if it does not end as it should."""
        self.active = False
        self._take(len(self._wire))

    def _take(self, size: int) -> None:
        waiting = self._waiting
        if size == 0 or waiting is None:
            return
        span = self._wire.take(self._wire.position + size)
        issued, command = waiting.issued, waiting.reading.command
        self._taken += size
        data = Data(span.last_ns, "module", None, issued.name, "answer", "raw", size, span.raw.hex())
        self._channel.message("data", "module", span, owner=issued, owner_number=issued.number, data=data)
        self._channel.carried(data, span.raw, issued.params, command=command)
