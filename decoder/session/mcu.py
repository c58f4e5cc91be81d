"""What the MCU sends: command lines, and payload after a prompt.

Strategy: three modes. In ``lines`` a command line ends at its CR. A command that announces payload leads to
``held``: whether the next bytes are payload or a line is for the module to say, so they wait. Its prompt leads to
``payload``: as many bytes as announced, or, without a length, what comes until Ctrl-Z or the module's answer. Then
it is lines again.
"""

from __future__ import annotations

from typing import Literal

from capture import grammar
from decoder.events import Data
from decoder.followers.groups import Line
from decoder.link.wire import MAX_LINE, Span
from decoder.pairing.transactions import CommandLine, Open
from decoder.session.context import Context, connection, is_text, short
from decoder.times import NEVER, SECOND
from decoder.values import to_text

HOLD_NS = 10 * SECOND
PAYLOAD_GAP_NS = 30 * SECOND


def _is_nearer_as_hex(size: int, announced: int) -> bool:
    """Tell whether ``size`` digits are rather ``announced`` bytes in hex than as many characters."""
    return size % 2 == 0 and abs(size // 2 - announced) < abs(size - announced)


class _Payload:
    """Payload that a command announced. ``length`` 0: without a length. ``finished``: the module has answered.

    ``last_ns``: when the last byte of it came (or of the command, if none has).
    """

    __slots__ = (
        "after_ok", "after_result", "deadline_ns", "end", "end_early", "entry", "finished", "last_ns", "length", "open",
        "taken", "then_prompt",
    )  # fmt: skip

    def __init__(self, entry: CommandLine, waiting: Open, length: int) -> None:
        rule = waiting.command.payload if waiting.command else None
        after = rule.after if rule is not None else "prompt"
        self.after_ok = after == "ok-prompt" or (after == "ok" and length > 0)
        self.then_prompt = after == "ok-prompt"
        self.after_result = after == "result"
        self.end_early = rule is not None and rule.end_early
        self.end = b"+++" if rule is not None and "+++" in rule.end else b"\x1a"
        self.entry = entry
        self.open = waiting
        self.length = length
        self.finished = False
        self.taken = 0
        self.deadline_ns = NEVER
        self.last_ns = entry.time_ns


class McuReader:
    """Takes spans from the MCU's wire. ``echo`` is payload whose echo may come back on the module's wire."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wire = context.mcu
        self._mode: Literal["lines", "held", "payload"] = "lines"
        self._payload: _Payload | None = None
        self._bare_cr = False
        self.echo: tuple[bytes, Open] | None = None

    # the other parts

    @property
    def awaits_prompt(self) -> bool:
        """Whether a command waits for the module's prompt."""
        return self._mode == "held"

    @property
    def awaits_ok(self) -> bool:
        """Whether an OK of the module asks for payload, and is not a result."""
        return self._mode == "held" and self._payload is not None and self._payload.after_ok

    def reset(self) -> None:
        """Forget any announced payload: transparent mode begins."""
        self._become_lines()

    def pump(self) -> None:
        """Take whatever can be taken."""
        while self.step():
            pass

    def resume(self) -> None:
        """Read what was held back as lines. The other wire spoke, or time passed: a CR at the end ends a line."""
        self.pump()
        self.settle()

    def prompt(self, span: Span, waiting: Open | None, text: str = ">") -> None:
        """Take the module's prompt; ``waiting`` is the command that it answers if none announced payload."""
        payload = self._payload
        if payload is None and waiting is not None:
            payload = self._payload = _Payload(self._context.pairing.pending[0], waiting, 0)
        owner, number = (payload.open.record, payload.open.number) if payload else (None, 0)
        self._context.message("prompt", "module", span, text=text, owner=owner, owner_number=number)
        if payload is not None and text == "OK" and payload.then_prompt:
            payload.after_ok = payload.then_prompt = False
        elif payload is not None:
            self._mode = "payload"
            self._postpone(span.last_ns, PAYLOAD_GAP_NS)
            self.pump()

    def module_speaks(self) -> None:
        """A line of the module came: what the MCU sent before it, without an announced length, is payload."""
        payload, size = self._payload, len(self._wire)
        if payload is not None and not payload.length and self._mode == "payload" and size:
            end = payload.end if self._wire.waiting().endswith(payload.end) else b""
            self._take(payload, size, size - len(end))

    def result(self, good: bool) -> None:
        """A final result came while payload was awaited or incomplete."""
        payload = self._payload
        if payload is None:
            return
        if self._mode == "held" and good and payload.after_result:
            payload.after_result = False
        elif self._mode == "held" and good and self._came_without_prompt(payload):
            self._settle_payload(payload)
            self.resume()
        elif self._mode == "held":
            self._become_lines()
            self.resume()
        elif not payload.length:
            self._become_lines()
        elif good:
            if len(self._wire):
                self._take(payload, len(self._wire), len(self._wire))
            payload.finished = True
        else:
            self._give_up("the module ended it with an error")

    def _came_without_prompt(self, payload: _Payload) -> bool:
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
                self.end("the MCU stopped sending")
            else:
                self._context.wake(self._payload.deadline_ns)

    # lines

    def step(self) -> bool:
        """Take the next span; False if more bytes, time or the module must decide first."""
        wire = self._wire
        if not len(wire):
            return False
        if self._payload is not None and self._mode != "lines":
            return self._payload_step(self._payload)
        match = wire.match(grammar.LINE)
        if match is None:
            return self._no_line()
        end = match.end()
        if match[2] == b"\r\n" and self._bare_cr and self._announces_payload(match[1]):
            end -= 1
        self._line(match[1], match.start(1), end)
        return True

    def _no_line(self) -> bool:
        wire = self._wire
        repeat = wire.match(grammar.REPEAT)
        if repeat:
            while repeat and self._payload is None:
                self.command(b"A/", wire.take(repeat.end()))
                repeat = wire.match(grammar.REPEAT)
            return True
        if len(wire) > MAX_LINE:
            self._context.noise("mcu", wire.take_line_without_end(), "a line without end")
            return True
        self._context.set_loose(wire, True)
        return False

    def settle(self) -> None:
        """Decide what only the next byte could have told: no such byte came."""
        wire = self._wire
        if not len(wire) or self._mode == "held":
            return
        if self._payload is not None:
            self._settle_payload(self._payload)
            return
        match = wire.match(grammar.SETTLED_LINE)
        if match:
            self._bare_cr = match[2] == b"\r"
            self._line(match[1], match.start(1), match.end())
            self.pump()
        elif wire.waiting().strip(grammar.PADDING) == b"+++":
            self.command(b"+++", wire.take_all())

    def _announces_payload(self, line: bytes) -> bool:
        """Tell whether payload may follow the line at once. An MCU that ends lines with CR alone sends no LF."""
        return any(
            one.command is not None and one.command.payload is not None and one.payload is None
            for one in self._context.pairing.read(line)
        )

    def _line(self, line: bytes, start: int, end: int) -> None:
        context, wire = self._context, self._wire
        begin = 0 if line.rstrip(b" ") == b"+++" else grammar.command_start(line)
        if begin < 0:
            span = wire.take(end)
            if is_text(line):
                context.message("text", "mcu", span, text=to_text(line))
                text = f"the MCU sent text that is no command: {short(line)}"
                context.finding(span.last_ns, "mcu", "mcu.text", "note", text)
            else:
                context.noise("mcu", span, "not a command line; wrong line speed?")
            return
        if begin > 0:
            context.noise("mcu", wire.take(start + begin), "in front of a command line")
            line = line[begin:]
        self.command(line.rstrip(b" "), wire.take(end))

    def command(self, line: bytes, span: Span, *, silent: bool = False) -> None:
        """Open the commands of a command line; note what payload it carries or announces."""
        context = self._context
        entry = context.pairing.command(line, span.last_ns, silent=silent)
        context.expected_ok = None
        context.awaits_stream = None
        opens = entry.opens
        context.message(
            "command", "mcu", span, text=to_text(line), commands=tuple([one.record for one in opens]),
            readings=tuple([one.arguments for one in opens]), numbers=tuple([one.number for one in opens]),
            requests=tuple([one.request_number for one in opens]),
        )  # fmt: skip
        for waiting in opens:
            record, command = waiting.record, waiting.command
            if record.name in context.groups.rules:
                labels = record.labels or {}
                context.groups.see(Line(record.name, "mcu", record.params, labels, record.raw, record.time_ns))
            if command is None:
                continue
            if command.frame is not None and record.form == "set":
                context.line_frame(command.frame, record.params, record.raw, "mcu", record.time_ns)
            if waiting.payload is not None:
                self._carried(waiting, span)
            elif command.payload is not None and waiting.record.form == "set":
                length = waiting.record.params.get(command.payload.length)
                self._payload = _Payload(entry, waiting, length if isinstance(length, int) else 0)
                self._mode = "held"
                self._postpone(span.last_ns, HOLD_NS)

    def _carried(self, waiting: Open, span: Span) -> None:
        """Emit the payload that stands in a command."""
        context, record, body, command = self._context, waiting.record, waiting.payload, waiting.command
        if body is None or command is None:
            return
        number = waiting.announced
        connect_id = connection(record.params)
        looks_hex = number and _is_nearer_as_hex(len(body), number) and not grammar.NOT_HEX.search(body)
        encoding = context.states.encoding(command.encoding, connect_id) or ("hex" if looks_hex else "raw")
        data = context.decode(span, "mcu", connect_id, record.name, via="command", encoding=encoding, body=body)
        context.payload(data, command.frame, record.params, command.sends)
        counted = len(body) // 2 if encoding == "hex" else len(body)
        if number not in (0, counted):
            text = f"{record.name}: the command announces {number} bytes but carries {counted}"
            context.finding(span.last_ns, "mcu", "send.length", "error", text)

    # payload

    def _become_lines(self) -> None:
        self._mode = "lines"
        self._payload = None

    def _postpone(self, time_ns: int | None, gap_ns: int) -> None:
        if self._payload is not None:
            self._payload.deadline_ns = NEVER if time_ns is None else time_ns + gap_ns
            self._context.wake(self._payload.deadline_ns)

    def _payload_step(self, payload: _Payload) -> bool:
        wire = self._wire
        if self._mode == "held":
            if len(wire) <= MAX_LINE:
                return False
            self._give_up("more bytes than any payload")
            return True
        self._postpone(wire.last_ns, PAYLOAD_GAP_NS)
        if payload.finished:
            rest = wire.waiting().lstrip(grammar.PADDING)
            is_command = grammar.command_start(rest[:3]) == 0
            if rest.upper() in (b"", b"A", b"AT") or (is_command and not grammar.LINE_BREAK.search(rest)):
                self._context.set_loose(wire, True)
                return False
            if is_command:
                self._give_up("the MCU sent a command instead")
                return True
        left = payload.length - payload.taken
        if payload.length and len(wire) >= left:
            self._complete(payload, left, left)
            return True
        if not payload.length and len(wire) > MAX_LINE:
            self._give_up("no end of the payload was found")
            return True
        self._context.set_loose(wire, not payload.length or payload.end_early)
        return False

    def _settle_payload(self, payload: _Payload) -> None:
        size = len(self._wire)
        if payload.length:
            left = payload.length - payload.taken
            if size >= left:
                self._complete(payload, left, left)
                self.pump()
            elif payload.end_early and self._wire.waiting().endswith(payload.end):
                self._complete(payload, size, size - len(payload.end))
        elif self._wire.waiting().endswith((payload.end, b"\x1b")):
            self._complete(payload, size, size - (len(payload.end) if self._wire.waiting()[-1:] != b"\x1b" else 1))

    def _complete(self, payload: _Payload, size: int, meant: int) -> None:
        """Take the last ``size`` bytes of a payload, of which the first ``meant`` count (no Ctrl-Z or +++)."""
        raw = self._take(payload, size, meant)
        self._become_lines()
        if payload.entry.echoed:
            self.echo = (raw, payload.open)

    def _take(self, payload: _Payload, size: int, meant: int) -> bytes:
        wire = self._wire
        span = wire.take(wire.position + size)
        record = payload.open.record
        body = span.raw[:meant]
        connect_id = connection(record.params)
        data = Data(span.last_ns, "mcu", connect_id, record.name, "prompt", "raw", meant, body.hex())
        number = payload.open.number
        self._context.message("data", "mcu", span, owner=record, owner_number=number, data=data)
        command = payload.open.command
        frame, sends = (command.frame, command.sends) if command is not None else (None, None)
        self._context.payload(data, frame, record.params, sends)
        payload.taken += size
        payload.last_ns = span.last_ns
        return span.raw

    def _give_up(self, why: str) -> None:
        """Stop waiting for the rest of a payload; what has come of it is payload, unless the MCU went on."""
        payload = self._payload
        if payload is not None and self._mode == "payload":
            have = 0 if payload.finished else len(self._wire)
            if have:
                self._take(payload, have, have)
            if payload.length:
                text = f"{payload.open.record.raw}: {payload.length} bytes were announced, {payload.taken} came ({why})"
                self._context.finding(payload.last_ns, "mcu", "send.short", "warning", text)
        self._become_lines()
