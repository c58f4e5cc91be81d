"""What the MCU sends: command lines, and payload after a prompt.

Strategy: three modes. In LINES a command line ends at its CR. A command that announces payload leads to HELD:
whether the next bytes are payload or a line is for the module to say, so they wait. Its prompt leads to PAYLOAD: as
many bytes as announced, or, without a length, what comes until Ctrl-Z or the module's answer. Then
it is lines again.
"""

from __future__ import annotations

import re

from capture import grammar
from decoder.catalog.arguments import Arguments
from decoder.catalog.readings import CommandLine
from decoder.effects import Sent
from decoder.events import Data, Issued, Message
from decoder.link.wire import MAX_LINE, Span
from decoder.pairing.pending import PendingCommand, PendingLine
from decoder.session.announced import Announced, announces, is_nearer_as_hex
from decoder.session.channel import Channel, connection, short
from decoder.session.modes import HELD, LINES, PAYLOAD, Turn
from decoder.times import NEVER, SECOND
from decoder.values import is_text, to_text

HOLD_NS = 10 * SECOND
PAYLOAD_GAP_NS = 30 * SECOND
_LINE_END, _SETTLED_END = re.compile(rb"\r\n|\n|\r(?=[^\n])"), re.compile(rb"\r\n?|\n")
_SHORT = 1024
"""Of so few bytes it is quickly told whether they are one line that only lacks the LF that may follow its CR."""


_ESCAPE = b"\x1b"
"""What the MCU sends instead of the end to give up on payload (TS 27.005 3.3.5)."""


class McuReader:
    """Takes spans from the MCU's wire. ``echo`` is payload whose echo may come back on the module's wire."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._wire = channel.mcu_wire
        self._readings = channel.catalog.readings
        self._repeat = channel.catalog.readings.command(b"A/", keep=False)
        self._grouped = channel.catalog.grouped
        self._payload: Announced | None = None
        self._bare_cr = False
        self.echo: tuple[bytes, PendingCommand] | None = None

    # the other parts

    @property
    def awaits_ok(self) -> bool:
        """Whether an OK of the module asks for payload, and is not a result."""
        return self._channel.mode is HELD and self._payload is not None and self._payload.after_ok

    @property
    def prompt_text(self) -> str:
        """What the module says when it is ready for the announced payload."""
        return self._payload.prompt if self._payload is not None else ">"

    @property
    def announced(self) -> tuple[int, bytes]:
        """How many bytes of announced payload are still to come (0: nobody said how many), and what else ends it."""
        payload = self._payload
        if payload is None:
            return 0, b"\x1a"
        left = payload.length - payload.taken - len(self._wire) if payload.length else 0
        return max(left, 0), payload.end

    def forget(self) -> None:
        """Forget any announced payload: transparent mode begins."""
        self._payload = None

    def pump(self) -> None:
        """Take whatever can be taken."""
        while self.step():
            pass

    def resume(self) -> None:
        """Read what was held back as lines. The other wire spoke, or time passed: a CR at the end ends a line."""
        self.pump()
        self.conclude()

    def prompt(self, span: Span, waiting: PendingCommand | None, text: str = ">") -> None:
        """Take the module's prompt; ``waiting`` is the command that it answers if none announced payload."""
        payload = self._payload
        if payload is None and waiting is not None:
            payload = self._payload = Announced(self._channel.pairing.current, waiting, 0)
        owner = payload.owner.issued if payload else None
        number = owner.number if owner is not None else 0
        self._channel.message("prompt", "module", span, text=text, owner=owner, owner_number=number)
        if payload is not None and text == "OK" and payload.then_prompt:
            payload.after_ok = payload.then_prompt = False
        elif payload is not None:
            self._channel.turn(Turn.PROMPTED)
            self._postpone(span.last_ns, PAYLOAD_GAP_NS)
            self.pump()

    def answered(self, owner: PendingCommand) -> None:
        """The command that announced payload has its information response, which may ask for the payload."""
        payload = self._payload
        if payload is not None and payload.owner is owner and payload.after_answer and self._channel.mode is HELD:
            self._channel.turn(Turn.PROMPTED)
            self._postpone(self._channel.module_wire.last_ns, PAYLOAD_GAP_NS)
            self.pump()

    def module_speaks(self) -> None:
        """A line of the module came: what the MCU sent before it, without an announced length, is payload."""
        payload, size = self._payload, len(self._wire)
        if payload is not None and not payload.length and self._channel.mode is PAYLOAD and size:
            end = payload.end if self._wire.waiting().endswith(payload.end) else b""
            self._take(payload, size, size - len(end))

    def result(self, good: bool) -> None:
        """A final result came while payload was awaited or incomplete."""
        payload = self._payload
        if payload is None:
            return
        held = self._channel.mode is HELD
        if held and good and payload.after_result:
            payload.after_result = False
        elif held and good and self._came_without_prompt(payload):
            self._conclude_payload(payload)
            self.resume()
        elif held:
            self._become_lines()
            self.resume()
        elif not payload.length:
            self._become_lines()
        elif good:
            if len(self._wire):
                self._take(payload, len(self._wire), len(self._wire))
            payload.finished = True
        else:
            self._give_up("error")

    def _came_without_prompt(self, payload: Announced) -> bool:
        """Tell whether what is held is just the announced payload: some modules do not prompt for it."""
        held = self._wire.waiting()
        whole = len(held) == payload.length or (payload.end_early and held.endswith(payload.end))
        return payload.length > 0 and whole and grammar.command_start(held) != 0

    def end(self, why: str) -> None:
        """Stop waiting for payload and go on with lines."""
        if self._payload is not None:
            self._give_up(why)
            self.resume()

    def pass_time(self, now_ns: int) -> None:
        """Give up on payload that has not come by ``now_ns``."""
        if self._payload is not None:
            if self._payload.deadline_ns <= now_ns:
                self.end("stopped")
            else:
                self._channel.wake(self._payload.deadline_ns)

    # lines

    def step(self) -> bool:
        """Take the next span; False if more bytes, time or the module must decide first."""
        wire = self._wire
        if wire.position >= len(wire.buffer):
            return False
        if self._payload is not None and self._channel.mode is not LINES:
            return self._payload_step(self._payload)
        buffer = wire.buffer
        if (
            len(buffer) < _SHORT
            and buffer.find(b"\r") == len(buffer) - 1
            and b"\n" not in buffer
            and b"/" not in buffer
        ):
            wire.undecided = True
            return False
        match = wire.match(grammar.LINE)
        if match is None:
            return self._no_line()
        if match[1].count(b'"') % 2 and (longer := self._over_lines(match[1], match.end())) is not None:
            return longer
        end = match.end()
        if match[2] == b"\r\n" and self._bare_cr and self._channel.pairing.announces_payload(match[1]):
            end -= 1
        self._line(match[1], match.start(1), end)
        return True

    def _over_lines(self, line: bytes, end: int, *, concluded: bool = False) -> bool | None:
        """Take a command of which a string is not closed where its line ends. False: wait; None: it is no such command.

        Certificates stand so in commands (``AT%CMNG``).
        """
        command = self._readings.command(line, keep=False).commands[0].command
        if command is None or not command.spans_lines:
            return None
        wire = self._wire
        closing = wire.buffer.find(b'"', end, wire.position + MAX_LINE)
        ends = _SETTLED_END if concluded else _LINE_END
        match = ends.search(wire.buffer, closing + 1, wire.position + MAX_LINE) if closing >= 0 else None
        if match is None:
            wire.undecided = not concluded
            return None if concluded or len(wire) >= MAX_LINE else False
        start = wire.buffer.index(line, wire.position)
        self._line(wire.buffer[start : match.start()], start, match.end())
        return True

    def _no_line(self) -> bool:
        wire = self._wire
        repeat = wire.match(grammar.REPEAT)
        if repeat:
            while repeat and self._payload is None:
                self.command(self._repeat, wire.take(repeat.end()))
                repeat = wire.match(grammar.REPEAT)
            return True
        if len(wire) > MAX_LINE:
            self._channel.noise("mcu", wire.take_line_without_end(), "endless")
            return True
        wire.undecided = True
        return False

    def conclude(self) -> None:
        """Decide what only the next byte could have told: no such byte came."""
        wire = self._wire
        if wire.position >= len(wire.buffer) or self._channel.mode is HELD:
            return
        if self._payload is not None:
            self._conclude_payload(self._payload)
            return
        match = wire.match(grammar.SETTLED_LINE)
        if match and match[1].count(b'"') % 2 and self._over_lines(match[1], match.end(), concluded=True):
            self.pump()
        elif match:
            self._bare_cr = match[2] == b"\r"
            self._line(match[1], match.start(1), match.end())
            self.pump()
        elif wire.waiting().strip(grammar.PADDING) == b"+++":
            self.command(self._readings.command(b"+++"), wire.take_all())

    def _line(self, line: bytes, start: int, end: int) -> None:
        channel, wire = self._channel, self._wire
        known = self._readings.commands.get(line)
        if known is not None:
            self.command(known, wire.take(end))
            return
        bare = line.rstrip(b" ")
        begin = 0 if bare == b"+++" else grammar.command_start(line)
        if begin == 0:
            self.command(self._readings.command(bare), wire.take(end))
            return
        if begin < 0:
            span = wire.take(end)
            if is_text(line):
                channel.message("text", "mcu", span, text=to_text(line))
                channel.finding(span.last_ns, "mcu", "mcu.text", line=short(line))
            else:
                channel.noise("mcu", span, "no command")
            return
        channel.noise("mcu", wire.take(start + begin), "in front")
        self.command(self._readings.command(bare[begin:]), wire.take(end))

    def command(self, line: CommandLine, span: Span, *, silent: bool = False) -> None:
        """Open the commands of a command line; note what payload it carries or announces."""
        channel = self._channel
        entry = channel.pairing.command(line, span.last_ns, silent=silent)
        channel.expected_ok = None
        channel.awaits_stream = None
        commands = entry.commands
        first = commands[0]
        issued: tuple[Issued, ...] = (first.issued,)
        readings: tuple[Arguments, ...] = (first.reading.arguments,)
        numbers: tuple[int, ...] = (first.issued.number,)
        requests: tuple[int, ...] = (first.request_number,)
        if len(commands) > 1:
            issued = tuple([one.issued for one in commands])
            readings = tuple([one.reading.arguments for one in commands])
            numbers = tuple([one.number for one in issued])
            requests = tuple([one.request_number for one in commands])
        channel.out.append(
            Message(
                "command", "mcu", span.first_ns, span.last_ns, span.raw, line.text, commands=issued, readings=readings,
                numbers=numbers, requests=requests,
            )
        )  # fmt: skip
        for waiting in commands:
            self._opened(waiting, entry, span)

    def _opened(self, waiting: PendingCommand, entry: PendingLine, span: Span) -> None:
        issued, reading = waiting.issued, waiting.reading
        command = reading.command
        grouped = issued.name in self._grouped
        if grouped or (command is not None and command.frame is not None):
            effects = command.effects if command is not None else ()
            self._channel.tell(Sent((*effects, "group") if grouped else effects, issued))
        if command is None:
            return
        if reading.payload is not None:
            self._carried(waiting, span)
        elif command.payload is not None and announces(command, issued.form):
            length = issued.params.get(command.payload.length)
            self._payload = Announced(entry, waiting, length if isinstance(length, int) else 0)
            self._channel.turn(Turn.ANNOUNCED)
            self._postpone(span.last_ns, HOLD_NS)

    def _carried(self, waiting: PendingCommand, span: Span) -> None:
        """Emit the payload that stands in a command."""
        channel, issued, reading = self._channel, waiting.issued, waiting.reading
        body, command = reading.payload, reading.command
        if body is None or command is None:
            return
        number = reading.announced
        connect_id = connection(issued.params)
        looks_hex = number and is_nearer_as_hex(len(body), number) and not grammar.NOT_HEX.search(body)
        syntax = reading.arguments.syntax
        in_hex = syntax is not None and syntax.params[syntax.payload].spec.hex
        said = "hex" if in_hex else channel.module.settings.encoding(command.encoding, connect_id)
        encoding = said or ("hex" if looks_hex else "raw")
        data, raw = channel.decode(span, "mcu", connect_id, issued.name, via="command", encoding=encoding, body=body)
        channel.carried(data, raw, issued.params, frame=command.frame, command=command)
        counted = len(body) // 2 if encoding == "hex" else len(body)
        if number not in (0, counted):
            channel.finding(span.last_ns, "mcu", "send.length", name=issued.name, announced=number, carried=counted)

    # payload

    def _become_lines(self) -> None:
        if self._channel.mode is not LINES:
            self._channel.turn(Turn.ENDED)
        self._payload = None

    def _postpone(self, time_ns: int | None, gap_ns: int) -> None:
        if self._payload is not None:
            slack_ns = self._channel.timing.slack_ns
            self._payload.deadline_ns = NEVER if time_ns is None else time_ns + gap_ns + slack_ns
            self._channel.wake(self._payload.deadline_ns)

    def _payload_step(self, payload: Announced) -> bool:
        wire = self._wire
        if self._channel.mode is HELD:
            if len(wire) <= MAX_LINE:
                return False
            self._give_up("too long")
            return True
        self._postpone(wire.last_ns, PAYLOAD_GAP_NS)
        if payload.finished:
            rest = wire.waiting().lstrip(grammar.PADDING)
            is_command = grammar.command_start(rest[:3]) == 0
            if rest.upper() in (b"", b"A", b"AT") or (is_command and not grammar.LINE_BREAK.search(rest)):
                wire.undecided = True
                return False
            if is_command:
                self._give_up("command")
                return True
        left = payload.length - payload.taken
        if payload.length and len(wire) >= left:
            behind = wire.waiting()[left : left + len(payload.tail)]
            if behind != payload.tail and payload.tail.startswith(behind):
                wire.undecided = True
                return False
            self._complete(payload, left + len(behind) * (behind == payload.tail), left)
            return True
        if not payload.length and len(wire) > MAX_LINE:
            self._give_up("endless")
            return True
        wire.undecided = not payload.length or payload.end_early
        return False

    def _conclude_payload(self, payload: Announced) -> None:
        size = len(self._wire)
        if payload.length:
            left = payload.length - payload.taken
            if size >= left:
                behind = payload.tail if self._wire.waiting().startswith(payload.tail, left) else b""
                self._complete(payload, left + len(behind), left)
                self.pump()
            elif payload.end_early and self._wire.waiting().endswith(payload.end):
                self._complete(payload, size, size - len(payload.end))
        elif self._wire.waiting().endswith((payload.end, _ESCAPE)):
            self._complete(payload, size, size - (len(payload.end) if self._wire.waiting()[-1:] != _ESCAPE else 1))

    def _complete(self, payload: Announced, size: int, meant: int) -> None:
        """Take the last ``size`` bytes of a payload, of which the first ``meant`` count (no Ctrl-Z or +++)."""
        raw = self._take(payload, size, meant)
        self._become_lines()
        if payload.entry.echoed:
            self.echo = (raw, payload.owner)
            self._channel.plain = False

    def _take(self, payload: Announced, size: int, meant: int) -> bytes:
        wire = self._wire
        span = wire.take(wire.position + size)
        owner, command = payload.owner.issued, payload.owner.reading.command
        body = span.raw[:meant]
        data = Data(span.last_ns, "mcu", connection(owner.params), owner.name, "prompt", "raw", meant, body.hex())
        self._channel.message("data", "mcu", span, owner=owner, owner_number=owner.number, data=data)
        frame = command.frame if command is not None else None
        given_up = not payload.length and span.raw[meant:] == _ESCAPE
        self._channel.carried(data, body, owner.params, frame=frame, command=command, given_up=given_up)
        payload.taken += size
        payload.last_ns = span.last_ns
        return span.raw

    def _give_up(self, why: str) -> None:
        """Stop waiting for the rest of a payload; what has come of it is payload, unless the MCU went on."""
        payload = self._payload
        if payload is not None and self._channel.mode is PAYLOAD:
            have = 0 if payload.finished else len(self._wire)
            if have:
                self._take(payload, have, have)
            if payload.length and (payload.taken or not self._channel.pairing.is_log):
                self._channel.finding(
                    payload.last_ns, "mcu", "send.short", line=payload.owner.issued.raw, announced=payload.length,
                    sent=payload.taken, why=why,
                )  # fmt: skip
        self._become_lines()
