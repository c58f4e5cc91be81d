"""The decoder: chunks of two wires in, messages and records out.

Strategy: a push machine without I/O and without a clock. Each wire is in one of a few modes and a small method
per mode takes the next span from it:

    MCU wire:     lines -> (command that announces payload) held -> (prompt) payload -> lines
    module wire:  lines, some with payload inside whose length the line itself announces
    both:         transparent, after CONNECT, until "+++" that stands alone is answered by OK

What a span means may depend on the other wire; then the bytes wait, bounded in size and time. Every decision
rests on bytes and their times only, never on how they were cut into chunks. Time passes with the chunks, and by
:meth:`Session.tick` while both wires are silent.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from capture.chunk import Chunk, Side
from decoder import grammar
from decoder.catalog import UNFIT, Arguments, Catalog, Inline, best
from decoder.events import Data, Event, Finding, Message, MessageKind, Result, Severity, Transaction
from decoder.framing import Span, Wire
from decoder.grammar import split_arguments
from decoder.transactions import SECOND, Answer, CommandLine, Open, Pairing, urc_record
from decoder.values import decode_payload, to_text

SETTLE_NS = 50_000_000
"""Silence after which a CR at the end needs no LF, a run of transparent data is complete, "> " is a prompt."""
GUARD_NS = 200_000_000
"""Silence on the MCU wire around "+++" that makes it an escape sequence."""
ESCAPE_ANSWER_NS = 5 * SECOND
INLINE_GAP_NS = 1 * SECOND
HOLD_NS = 10 * SECOND
PAYLOAD_GAP_NS = 30 * SECOND
MAX_LINE = 65536
MAX_RUN = 4096
MAX_CONNECTIONS = 256
_NEVER = 1 << 80
_ENCODINGS = {0: "raw", 1: "hex", 2: "escaped"}
_ESCAPE = re.compile(rb"\+\+\+(?:\r\n?)?\Z")
_ESCAPE_OK = re.compile(rb"(.*?)((?:\r\n)?OK\r\n)\Z", re.DOTALL)
_NO_CARRIER = re.compile(rb"(?:\r\n)?NO CARRIER\r\n\Z")
_WHOLE_COMMAND = re.compile(rb"[Aa][Tt][^\r\n]*\r\n?\Z")
_ANSWER_END = re.compile(rb"\r\n(?:OK|ERROR|\+CM[ES] ERROR: ?[^\r\n]*)\r\n\Z")
_PLAUSIBLE_LINE = re.compile(rb"\r\n(?:\r\n)?(?:\+[A-Z]+[:=]|OK\r|ERROR\r|\^[A-Z]+|AT[+^])")
_LINE_END = re.compile(rb"[\r\n]")
_REST_OF_LINE = re.compile(rb"[ \t]*\d+[ \t]*(?=[\r\n]|\Z)")
_NOT_HEX = re.compile(rb"[^0-9A-Fa-f]")
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")

Mode = Literal["lines", "held", "payload", "stream"]


class _Payload:
    """Payload that a command announced and that the MCU sends after the prompt."""

    __slots__ = ("deadline_ns", "entry", "finished", "length", "open", "taken")

    def __init__(self, entry: CommandLine, waiting: Open, length: int) -> None:
        self.entry = entry
        self.open = waiting
        self.length = length
        self.finished = False
        self.taken = 0
        self.deadline_ns = _NEVER


class _Stream:
    """Transparent mode of one connection."""

    __slots__ = ("connect_id", "escape", "escape_ns", "exchanges", "name", "suspect")

    def __init__(self, name: str, connect_id: int | str | None) -> None:
        self.name = name
        self.connect_id = connect_id
        self.escape = False
        self.escape_ns: int | None = None
        self.suspect = False
        self.exchanges = 0


class Session:
    """Decode one pair of wires. Feed chunks in the order in which they arrived; take the events that result."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._out: list[Event] = []
        self._pairing = Pairing(catalog, self._out)
        self._mcu = Wire("mcu")
        self._module = Wire("module")
        self._mode: Mode = "lines"
        self._payload: _Payload | None = None
        self._stream: _Stream | None = None
        self._states: dict[tuple[str, Any], int] = {}
        self._loose = {"mcu": False, "module": False}
        self._inline_wait: Inline | None = None
        self._payload_echo: tuple[bytes, Transaction] | None = None
        self._urc_ok: str | None = None
        self._urc_ok_learned: set[str] = set()
        self._verbose: bool | None = None
        self._bare_cr = False
        self._now_ns = -_NEVER
        self._wake_ns = _NEVER

    # the outside

    def feed(self, chunk: Chunk) -> list[Event]:
        """Take a chunk and return the events that it completes."""
        time_ns, side, data = chunk
        if side == "mcu":
            wire, other = self._mcu, self._module
        else:
            wire, other = self._module, self._mcu
        if not data:
            return []
        if self._loose[other.side]:
            self._settle(other)
        if time_ns is not None:
            if time_ns < self._now_ns and self._loose[side]:
                self._settle(wire)
            self._now_ns = time_ns
        if time_ns is not None and (time_ns >= self._wake_ns or time_ns >= self._pairing.wake_ns):
            self._pass_time(time_ns)
        wire.append(time_ns, data)
        self._pump(wire)
        return self._drain()

    def tick(self, now_ns: int) -> list[Event]:
        """Let time pass without bytes. ``now_ns`` must not be before the last chunk."""
        if now_ns >= self._wake_ns or now_ns >= self._pairing.wake_ns:
            self._pass_time(now_ns)
        return self._drain()

    def close(self) -> list[Event]:
        """End the input: everything that waits is decided now."""
        for _ in range(4):
            for wire in (self._module, self._mcu):
                self._settle(wire)
            if not len(self._mcu) and not len(self._module):
                break
            self._release_waits()
        for wire in (self._mcu, self._module):
            if len(wire):
                self._leftover(wire)
        self._pairing.abandon_all()
        return self._drain()

    def _drain(self) -> list[Event]:
        out = self._out[:]
        self._out.clear()
        return out

    # time

    def _pass_time(self, now_ns: int) -> None:
        self._wake_ns = _NEVER
        for wire in (self._module, self._mcu):
            if self._loose[wire.side] and wire.last_ns is not None:
                if wire.last_ns + SETTLE_NS <= now_ns:
                    self._settle(wire)
                else:
                    self._wake(wire.last_ns + SETTLE_NS)
        self._pass_waits(now_ns)
        self._pairing.expire(now_ns)

    def _pass_waits(self, now_ns: int) -> None:
        if self._inline_wait is not None and self._module.last_ns is not None:
            deadline = self._module.last_ns + INLINE_GAP_NS
            if deadline <= now_ns:
                self._give_up_inline()
            else:
                self._wake(deadline)
        if self._payload is not None:
            if self._payload.deadline_ns <= now_ns:
                self._end_payload("the MCU stopped sending")
                self._resume_mcu()
            else:
                self._wake(self._payload.deadline_ns)
        stream = self._stream
        if stream is not None and stream.escape and stream.escape_ns is not None:
            if stream.escape_ns + ESCAPE_ANSWER_NS <= now_ns:
                self._refute_escape(answered=False)
            else:
                self._wake(stream.escape_ns + ESCAPE_ANSWER_NS)

    def _wake(self, time_ns: int) -> None:
        self._wake_ns = min(self._wake_ns, time_ns)

    def _set_loose(self, wire: Wire, loose: bool) -> None:
        self._loose[wire.side] = loose
        if loose and wire.last_ns is not None:
            self._wake(wire.last_ns + SETTLE_NS)

    def _settle(self, wire: Wire) -> None:
        """Decide what only the next byte of ``wire`` could have told: no such byte came."""
        self._loose[wire.side] = False
        if self._stream is not None:
            self._settle_stream(wire)
        elif wire is self._mcu:
            self._settle_mcu()
        else:
            while self._module_step(settled=True):
                pass

    def _release_waits(self) -> None:
        if self._inline_wait is not None:
            self._give_up_inline()
        if self._stream is not None and self._stream.escape:
            self._refute_escape(answered=False)
        if self._payload is not None:
            self._end_payload("the input ended")
            self._resume_mcu()

    # bytes to spans

    def _pump(self, wire: Wire) -> None:
        while True:
            if self._stream is not None:
                if not self._stream_step(wire):
                    return
            elif wire is self._module:
                if not self._module_step():
                    return
            elif not self._mcu_step():
                return

    def _message(self, kind: MessageKind, side: Side, span: Span, **fields: Any) -> Message:
        message = Message(kind, side, span[1], span[2], span[0], **fields)
        self._out.append(message)
        return message

    def _finding(
        self, span: Span | None, side: Side, rule: str, severity: Severity, text: str, reference: str | None = None
    ) -> None:
        self._out.append(Finding(span[2] if span else None, side, rule, severity, text, reference))

    def _leftover(self, wire: Wire) -> None:
        raw = wire.waiting()
        if not raw.strip(b"\r\n \0"):
            self._message("blank", wire.side, wire.take_all())
        elif wire is self._mcu and grammar.command_start(raw.lstrip(b"\r\n \0")) == 0:
            self._noise(wire, wire.take_all(), "the input ends inside a command line")
        else:
            self._noise(wire, wire.take_all(), "the input ends inside a line")

    def _noise(self, wire: Wire, span: Span, why: str) -> None:
        self._message("noise", wire.side, span)
        shown = span.raw if len(span.raw) <= 32 else span.raw[:32]
        dots = "" if len(span.raw) <= 32 else "…"
        text = f"{len(span.raw)} bytes from the {wire.side} cannot be decoded ({why}): {shown.hex(' ')}{dots}"
        self._finding(span, wire.side, "noise", "warning", text)

    # MCU wire

    def _mcu_step(self) -> bool:
        wire = self._mcu
        if not len(wire):
            return False
        if self._mode == "payload":
            return self._payload_step()
        if self._mode == "held":
            if len(wire) <= MAX_LINE:
                return False
            self._end_payload("more bytes than any payload")
            return True
        match = wire.match(grammar.LINE)
        if match is None:
            repeat = wire.match(grammar.REPEAT)
            if repeat:
                self._command(b"A/", wire.take(repeat.end()))
                return True
            if len(wire) > MAX_LINE:
                self._noise(wire, wire.take_all(), "a line without end")
                return False
            self._set_loose(wire, True)
            return False
        end = match.end()
        if match[2] == b"\r\n" and self._bare_cr and self._announces_payload(match[1]):
            end -= 1
        self._mcu_line(match[1], match.start(1), end)
        return True

    def _announces_payload(self, line: bytes) -> bool:
        """Tell whether payload may follow the line at once. An MCU that ends lines with CR alone sends no LF."""
        return any(
            one.command is not None and one.command.payload is not None and one.payload is None
            for one in self._pairing.read(line)
        )

    def _settle_mcu(self) -> None:
        wire = self._mcu
        if not len(wire):
            return
        if self._mode == "payload":
            self._settle_payload()
            return
        if self._mode == "held":
            return
        match = wire.match(grammar.SETTLED_LINE)
        if match:
            self._bare_cr = match[2] == b"\r"
            self._mcu_line(match[1], match.start(1), match.end())
            self._pump(wire)
        elif wire.waiting().strip(b"\r\n \0") == b"+++":
            self._command(b"+++", wire.take_all())

    def _resume_mcu(self) -> None:
        """Read what was held back as lines. The other wire spoke, or time passed: a CR at the end ends a line."""
        self._pump(self._mcu)
        self._settle_mcu()

    def _mcu_line(self, line: bytes, start: int, end: int) -> None:
        wire = self._mcu
        begin = grammar.command_start(line)
        if begin < 0:
            span = wire.take(end)
            if _is_text(line):
                self._message("text", "mcu", span, text=to_text(line))
                self._finding(span, "mcu", "mcu.text", "note", f"the MCU sent text that is no command: {_short(line)}")
            else:
                self._noise(wire, span, "not a command line; wrong line speed?")
            return
        if begin > 0:
            self._noise(wire, wire.take(start + begin), "in front of a command line")
            line = line[begin:]
        self._command(line.rstrip(b" "), wire.take(end))

    def _command(self, line: bytes, span: Span) -> None:
        pairing = self._pairing
        entry = pairing.command(line, span.last_ns)
        self._urc_ok = None
        opens = entry.opens
        self._message("command", "mcu", span, text=to_text(line), commands=tuple(one.record for one in opens))
        for waiting in opens:
            command = waiting.command
            if command is None:
                continue
            if waiting.payload is not None:
                self._command_payload(waiting, span)
            rule = command.payload
            if rule is not None and waiting.record.form == "set" and waiting.payload is None:
                length = waiting.record.params.get(rule.length)
                payload = _Payload(entry, waiting, length if isinstance(length, int) else 0)
                self._payload = payload
                self._mode = "held"
                if span.last_ns is not None:
                    payload.deadline_ns = span.last_ns + HOLD_NS
                    self._wake(payload.deadline_ns)

    def _command_payload(self, waiting: Open, span: Span) -> None:
        record = waiting.record
        payload = waiting.payload
        assert payload is not None
        assert waiting.command is not None
        syntax = next(one for one in waiting.command.syntaxes if one.payload >= 0)
        announced = record.params.get(syntax.params[syntax.payload].length)
        connect_id = _connect_id(record.params)
        encoding = self._encoding(waiting.command.encoding, connect_id, payload, announced)
        self._data(span, "mcu", connect_id, record.name, "command", encoding, payload, announced)

    # payload after a prompt

    def _prompt(self, span: Span, waiting: Open | None) -> None:
        owner = waiting.record if waiting else None
        self._message("prompt", "module", span, text=">", owner=owner)
        if self._payload is None and waiting is not None:
            self._payload = _Payload(self._pairing.pending[0], waiting, 0)
        if self._payload is not None:
            self._mode = "payload"
            self._payload.deadline_ns = _NEVER
            if span.last_ns is not None:
                self._payload.deadline_ns = span.last_ns + PAYLOAD_GAP_NS
                self._wake(self._payload.deadline_ns)
            self._pump(self._mcu)

    def _payload_step(self) -> bool:
        wire, payload = self._mcu, self._payload
        assert payload is not None
        if wire.last_ns is not None:
            payload.deadline_ns = wire.last_ns + PAYLOAD_GAP_NS
            self._wake(payload.deadline_ns)
        if payload.finished:
            rest = wire.waiting().lstrip(b"\r\n \0")
            if rest.upper() in (b"", b"A", b"AT"):
                self._set_loose(wire, True)
                return False
            if grammar.command_start(rest[:3]) == 0:
                self._end_payload("the MCU sent a command instead")
                return True
        left = payload.length - payload.taken
        if payload.length and len(wire) >= left:
            self._take_payload(left, left)
            return True
        if not payload.length and len(wire) > MAX_LINE:
            self._end_payload("no end of the payload was found")
            return True
        self._set_loose(wire, not payload.length)
        return False

    def _settle_payload(self) -> None:
        payload = self._payload
        if payload is None:
            return
        size = len(self._mcu)
        if payload.length:
            left = payload.length - payload.taken
            if size >= left:
                self._take_payload(left, left)
                self._pump(self._mcu)
        elif self._mcu.waiting()[-1:] in (b"\x1a", b"\x1b"):
            self._take_payload(size, size - 1)

    def _take_payload(self, size: int, meant: int) -> None:
        """Take the last ``size`` bytes of a payload, of which the first ``meant`` count (no Ctrl-Z)."""
        payload = self._payload
        assert payload is not None
        raw = self._take_piece(size, meant)
        self._mode = "lines"
        self._payload = None
        if payload.entry.echoed:
            self._payload_echo = (raw, payload.open.record)

    def _take_piece(self, size: int, meant: int) -> bytes:
        wire, payload = self._mcu, self._payload
        assert payload is not None
        span = wire.take(wire.position + size)
        record = payload.open.record
        meaning = span.raw[:meant]
        data = Data(
            span.last_ns, "mcu", _connect_id(record.params), record.name, "prompt", "raw", meant, meaning.hex()
        )  # fmt: skip
        self._message("data", "mcu", span, owner=record, data=data)
        self._out.append(data)
        payload.taken += size
        return span.raw

    def _end_payload(self, why: str) -> None:
        """Stop waiting for the rest of a payload; what has come of it is payload, unless the MCU went on."""
        payload = self._payload
        assert payload is not None
        if self._mode == "payload":
            have = 0 if payload.finished else len(self._mcu)
            if have:
                self._take_piece(have, have)
            if payload.length:
                text = f"{payload.open.record.raw}: {payload.length} bytes were announced, {payload.taken} came ({why})"
                self._finding(Span(b"", None, self._mcu.last_ns), "mcu", "send.short", "warning", text)
        self._mode = "lines"
        self._payload = None

    def _result_during_payload(self, good: bool) -> None:
        """A final result came while payload was awaited or incomplete."""
        payload = self._payload
        if payload is None:
            return
        if self._mode == "held":
            self._mode = "lines"
            self._payload = None
            self._resume_mcu()
        elif not payload.length:
            self._mode = "lines"
            self._payload = None
        elif good:
            if len(self._mcu):
                self._take_piece(len(self._mcu), len(self._mcu))
            payload.finished = True
        else:
            self._end_payload("the module ended it with an error")

    def _take_endless_payload(self) -> None:
        """A line of the module came: what the MCU sent before it, without an announced length, is payload."""
        payload = self._payload
        size = len(self._mcu)
        if payload is not None and not payload.length and self._mode == "payload" and size:
            self._take_piece(size, size - (self._mcu.waiting()[-1:] == b"\x1a"))

    # module wire

    def _module_step(self, settled: bool = False) -> bool:
        wire = self._module
        if self._stream is not None or not len(wire):
            return False
        if self._mode == "held" and (match := wire.match(grammar.PROMPT)):
            payload = self._payload
            self._prompt(wire.take(match.end()), payload.open if payload else None)
            return True
        if self._payload_echo is not None:
            if self._take_payload_echo(settled):
                return True
            if self._payload_echo is not None:
                self._set_loose(wire, True)
                return False
        self._take_endless_payload()
        inline = wire.match(self._catalog.inline_head) is not None
        if inline:
            taken = self._inline_step(settled)
            if taken is not None:
                return taken
        match = wire.match(grammar.SETTLED_LINE if settled else grammar.LINE)
        if match is None:
            return self._no_module_line(settled)
        span = wire.take(match.end())
        if not inline or not self._stray_inline(match[1], span):
            self._module_line(match[1], span, match[2] == b"\r")
        return True

    def _no_module_line(self, settled: bool) -> bool:
        wire = self._module
        if len(wire) > MAX_LINE:
            self._noise(wire, wire.take_all(), "a line without end")
            return False
        pending = self._pairing.pending
        if pending and (match := wire.match(grammar.LONE_PROMPT)):
            if settled:
                self._prompt(wire.take(match.end()), pending[0].opens[-1])
                return True
            self._set_loose(wire, True)
            return False
        if wire.buffer.endswith(b"\r"):
            self._set_loose(wire, not settled)
        return False

    def _take_payload_echo(self, settled: bool) -> bool:
        assert self._payload_echo is not None
        payload, record = self._payload_echo
        raw = self._module.waiting()
        blank = len(raw) - len(raw.lstrip(b" "))
        rest = raw[blank:]
        if rest.startswith(payload):
            self._payload_echo = None
            end = self._module.position + blank + len(payload)
            self._message("echo", "module", self._module.take(end), owner=record)
            return True
        if settled or not payload.startswith(rest):
            self._payload_echo = None
        return False

    def _module_line(self, line: bytes, span: Span, bare_cr: bool) -> None:
        text = line.rstrip(b" ")
        code = grammar.FINAL_CODES.get(text)
        if code is not None:
            self._result(Result(code), text, span)
            return
        first = text[:1]
        if first in b"+^" and first:
            if first == b"+" and (error := grammar.parse_error(to_text(text))):
                self._error(error, text, span)
            else:
                self._answer(self._pairing.answer(text), text, span)
            return
        if text[:2] in (b"AT", b"at", b"At", b"A/", b"a/") and (entry := self._pairing.echo(text)):
            owner = entry.opens[0].record
            self._message("echo", "module", span, text=to_text(text), owner=owner)
            return
        if text[:7] == b"CONNECT" and self._connect(text, span):
            return
        numeric = grammar.NUMERIC_CODES.get(text)
        if numeric is not None and bare_cr and self._pairing.pending and self._verbose is not True:
            if numeric == "CONNECT":
                self._connect(b"CONNECT", span)
            else:
                self._result(Result(numeric), text, span)
            return
        if not _is_text(line):
            self._message("noise", "module", span)
            shown = _short_hex(span.raw)
            why = f"{len(span.raw)} bytes from the module cannot be decoded (lost bytes or wrong line speed?): {shown}"
            self._finding(span, "module", "noise", "warning", why)
            return
        self._answer(self._pairing.answer(text), text, span)

    def _answer(self, answer: Answer, line: bytes, span: Span, data: Data | None = None) -> None:
        arguments = answer.arguments
        self._urc_ok = None
        fields: dict[str, Any] = {
            "text": to_text(line), "name": answer.name, "params": arguments.params, "labels": arguments.labels,
            "data": data,
        }  # fmt: skip
        if answer.owner is not None:
            record = answer.owner.record
            kind: MessageKind = "urc" if answer.late else "information"
            if answer.late and record.time_ns is not None and span.last_ns is not None:
                fields["latency_ns"] = span.last_ns - record.time_ns
            self._message(kind, "module", span, owner=record, **fields)
            self._apply_states(answer.owner, arguments)
            self._pairing.attach(answer, line, span.last_ns)
            if answer.late:
                self._expect_urc_ok(answer)
        else:
            known = answer.name is not None and answer.dialect is not None
            self._message("urc" if known or answer.name else "text", "module", span, **fields)
            self._out.append(urc_record(answer, line, span.last_ns))
            self._expect_urc_ok(answer)
        if arguments.fit >= UNFIT and answer.dialect is not None:
            text = f"{_short(line)}: the parameters do not fit what {answer.dialect} defines for {answer.name}"
            self._finding(span, "module", "parameters", "note", text)
        if data is not None:
            self._out.append(data)
        if answer.urc is not None and answer.urc.spec.reboot:
            self._reboot(span, answer)

    def _expect_urc_ok(self, answer: Answer) -> None:
        if answer.urc is not None and answer.urc.ok != "never":
            self._urc_ok = answer.urc.name

    def _reboot(self, span: Span, answer: Answer) -> None:
        if self._pairing.pending or self._pairing.late or self._states:
            name = answer.name or "?"
            self._finding(
                span, "module", "module.rebooted", "warning", f"the module restarted ({name}); what was open is lost"
            )
        self._pairing.abandon_all()
        self._states.clear()
        self._verbose = None
        if self._payload is not None:
            self._end_payload("the module restarted")
            self._resume_mcu()

    # results

    def _result(self, result: Result, text: bytes, span: Span, error_text: str = "") -> None:
        if self._urc_ok is not None and result.code == "OK" and self._belongs_to_urc():
            self._urc_ok_learned.add(self._urc_ok)
            self._urc_ok = None
            self._message("urc", "module", span, text="OK")
            return
        self._urc_ok = None
        pairing = self._pairing
        good = result.error is None and result.code in ("OK", "CONNECT", "SEND OK")
        entry = pairing.pending[0] if pairing.pending else None
        if entry is not None and self._payload is not None:
            self._result_during_payload(good)
        marker = len(self._out)
        entry = pairing.result(result, span.last_ns)
        records = self._out[marker:]
        del self._out[marker:]
        if entry is None:
            if self._payload is not None:
                self._result_during_payload(good)
            kind: MessageKind = "urc" if result.code == "NO CARRIER" else "result"
            self._message(kind, "module", span, text=to_text(text), result=result)
            if kind == "result":
                self._finding(
                    span, "module", "result.unexpected", "note", f"{to_text(text)}: a result that no command waits for"
                )
            return
        record = entry.opens[-1].record
        self._message(
            "result", "module", span, text=to_text(text), owner=record, result=result, latency_ns=record.latency_ns
        )
        self._out.extend(records)
        if good:
            for waiting in entry.opens:
                self._succeeded(waiting, result, span)
        else:
            self._failed(entry, result, to_text(text), span)

    def _belongs_to_urc(self) -> bool:
        """Decide whether an OK right behind a URC is the URC's own (ica, onemo-tcpip) or a command's."""
        urc = self._catalog.urcs.get(self._urc_ok or "")
        if urc is None:
            return False
        if urc.ok == "always" or not self._pairing.pending:
            return True
        waiting = self._pairing.pending[0].opens[-1]
        command = waiting.command
        needs_answer = command is not None and waiting.record.form in command.answers
        return urc.name in self._urc_ok_learned and needs_answer and not self._pairing.pending[0].answered

    def _error(self, error: tuple[str, str], text: bytes, span: Span) -> None:
        pending = self._pairing.pending
        dialect = pending[0].opens[-1].record.dialect if pending else None
        explained = self._catalog.error(error[0], error[1], dialect)
        self._result(Result(error[0], explained), text, span)

    def _failed(self, entry: CommandLine, result: Result, text: str, span: Span) -> None:
        waiting = entry.opens[-1]
        meaning = f" ({result.error.text})" if result.error and result.error.text else ""
        spec = waiting.command.spec if waiting.command else None
        reference = f"{waiting.record.dialect} {spec.section}" if spec else None
        message = f"{to_text(entry.text)}: the module answered {text}{meaning}"
        self._finding(span, "module", "command.error", "error", message, reference)

    def _succeeded(self, waiting: Open, result: Result, span: Span) -> None:
        record, command = waiting.record, waiting.command
        if record.form == "basic" and record.name in ("V", "Z", "&F"):
            self._verbose = record.params.get("value") == 1 if record.name == "V" else None
            if record.name == "V" and "value" not in record.params:
                self._verbose = False
        if command is None:
            return
        if record.form == "set" and command.sets:
            self._apply_sets(command.sets, record.params, defaults=True)
        if result.code == "CONNECT" and command.stream is not None:
            self._enter_stream(record)

    def _apply_states(self, owner: Open, arguments: Arguments) -> None:
        if owner.command is not None and owner.command.sets and owner.record.form != "test":
            self._apply_sets(owner.command.sets, arguments.params, defaults=False)

    def _apply_sets(self, sets: list[Any], params: dict[str, Any], defaults: bool) -> None:
        for rule in sets:
            key = params.get(rule.key) if rule.key else None
            for state, name in rule.values.items():
                value = params.get(name, rule.defaults.get(state) if defaults else None)
                if isinstance(value, int):
                    if len(self._states) >= MAX_CONNECTIONS:
                        self._states.clear()
                    self._states[state, key] = value

    # payload inside module lines

    def _inline_step(self, settled: bool) -> bool | None:
        """Try to take a line with payload inside. True: taken; False: wait for more; None: an ordinary line."""
        self._inline_wait = None
        for inline in self._catalog.inline:
            match = self._module.match(inline.head)
            if match is not None and self._carries_payload(inline, match):
                return self._take_inline(inline, match, settled)
        return None

    def _carries_payload(self, inline: Inline, match: re.Match[bytes]) -> bool:
        """Tell whether payload follows, and not a count as in the buffered modes."""
        if not _is_length(match[_length_name(inline)]):
            return False
        if not inline.cached:
            return True
        connect_id = _number(match.groupdict().get("connect_id"))
        modes = [self._states.get((name, connect_id)) for name in inline.cached]
        if any(mode in values for mode, values in zip(modes, inline.cached.values(), strict=True)):
            return False
        return any(mode is not None for mode in modes) or not self._gives_count(inline, match)

    def _gives_count(self, inline: Inline, match: re.Match[bytes]) -> bool:
        rest = _REST_OF_LINE.match(match.string, match.end())
        urc = self._catalog.urcs.get(inline.name)
        length = int(match[_length_name(inline)])
        if rest is None or urc is None or len(rest[0]) in (length, 2 * length):
            return False
        count = inline.syntax.payload + 1
        return any(one.minimum <= count <= one.maximum for one in urc.syntaxes if one.payload < 0)

    def _take_inline(self, inline: Inline, match: re.Match[bytes], settled: bool) -> bool | None:
        """Find the payload of a line: as long as announced, or twice as long in hex, in quotes or not.

        What does not lead to the end of a line is excluded. ``limit`` is how far one has to read to exclude it:
        when nothing is left, only bytes up to there take part in the decision.
        """
        wire = self._module
        buffer, start = wire.buffer, match.end()
        length = int(match[_length_name(inline)])
        connect_id = _number(match.groupdict().get("connect_id"))
        encoding = self._state_encoding(inline.encoding, connect_id)
        raw, in_hex = (length, encoding or "raw"), (2 * length, "hex")
        if encoding == "hex":
            raw = (length, "raw")
        waiting, limit = False, start
        for size, kind in (in_hex, raw) if encoding == "hex" else (raw, in_hex):
            for lead in (b"", b'"', b" ", b' "'):
                quote = lead.endswith(b'"')
                begin = start + len(lead)
                end = begin + size + quote
                if not buffer.startswith(lead, start):
                    continue
                if kind == "hex" and (not size or (bad := _NOT_HEX.search(buffer, begin, begin + size))):
                    limit = max(limit, bad.end() if size and bad else start)
                    continue
                if len(buffer) <= end:
                    waiting = True
                    continue
                limit = max(limit, end + 1)
                if _ends_line(buffer, end) and (not quote or buffer[end - 1 : end] == b'"'):
                    return self._inline_line(inline, match, (begin, begin + size), end, kind, settled)
        if waiting:
            self._inline_wait = inline
            if wire.last_ns is not None:
                self._wake(wire.last_ns + INLINE_GAP_NS)
            return False
        return self._damaged_inline(inline, match, limit, settled)

    def _damaged_inline(self, inline: Inline, match: re.Match[bytes], limit: int, settled: bool) -> bool | None:
        """The announced length leads to no line end: bytes were lost, or it is wrong. Go on with the next line."""
        buffer, start = self._module.buffer, match.end()
        stop = _PLAUSIBLE_LINE.search(buffer, start, limit) or _LINE_END.search(buffer, start, limit)
        if stop is None:
            return None
        end = stop.start()
        return self._inline_line(inline, match, (start, end), end, "raw", settled)

    def _inline_line(
        self, inline: Inline, match: re.Match[bytes], body_at: tuple[int, int], end: int, encoding: str, settled: bool
    ) -> bool:
        wire = self._module
        buffer = wire.buffer
        if not settled and buffer[end:] == b"\r":
            self._set_loose(wire, True)
            return False
        stop = end + (buffer[end : end + 1] == b"\r")
        stop += buffer[stop : stop + 1] == b"\n"
        line = buffer[match.start("line") : end]
        body = buffer[slice(*body_at)]
        self._inline_answer(inline, match["line"], body, line, wire.take(stop), encoding)
        return True

    def _inline_answer(self, inline: Inline, head: bytes, body: bytes, line: bytes, span: Span, encoding: str) -> None:
        parts = grammar.parse_information(to_text(head))
        before = split_arguments(parts[1])[: inline.syntax.payload] if parts else []
        arguments = inline.syntax.read([*before, to_text(body)])
        announced = arguments.params.get(inline.syntax.params[inline.syntax.payload].length)
        if isinstance(announced, int) and len(body) != announced and (encoding != "hex" or len(body) != 2 * announced):
            text = f"{inline.name}: {announced} bytes of payload were announced, {len(body)} came"
            self._finding(span, "module", "payload.length", "warning", text)
        answer = self._pairing.answer(line, arguments)
        via: Literal["answer", "urc"] = "urc" if answer.owner is None else "answer"
        connect_id = _connect_id(arguments.params)
        data = self._make_data(span, "module", connect_id, inline.name, via, encoding, body)
        self._answer(answer, line, span, data)

    def _stray_inline(self, line: bytes, span: Span) -> bool:
        """Take a line that announces payload but does not carry it as announced.

        Either it gives counts, as in the buffered modes, or what follows up to the end of the line is payload.
        """
        for inline in self._catalog.inline:
            match = inline.head.match(line)
            if match is None or not _is_length(match[_length_name(inline)]):
                continue
            if self._carries_payload(inline, match):
                self._inline_answer(inline, match["line"], line[match.end() :], line, span, "raw")
                return True
            urc = self._catalog.urcs[inline.name]
            text = to_text(line).partition(":" if b":" in line else "=")[2].strip(grammar.BLANK)
            arguments = best([syntax for syntax in urc.syntaxes if syntax.payload < 0], text)
            self._answer(self._pairing.answer(line, arguments), line, span)
            return True
        return False

    def _give_up_inline(self) -> None:
        """The rest of an announced payload did not come."""
        wire, inline = self._module, self._inline_wait
        self._inline_wait = None
        match = wire.match(inline.head) if inline is not None else None
        if inline is not None and match is not None:
            length = int(match[_length_name(inline)])
            end = len(wire.buffer)
            whole = end - match.end() == length
            if whole or self._damaged_inline(inline, match, end, True) is None:
                self._inline_line(inline, match, (match.end(), end), end, "raw", True)
        self._pump(wire)

    # payload and its encoding

    def _state_encoding(self, state: str, connect_id: Any) -> str | None:
        value = self._states.get((state, connect_id), self._states.get((state, None)))
        return _ENCODINGS.get(value) if value is not None else None

    def _encoding(self, state: str, connect_id: Any, payload: bytes, announced: Any) -> str:
        known = self._state_encoding(state, connect_id)
        if known is not None:
            return known
        if isinstance(announced, int) and announced and len(payload) == 2 * announced and not _NOT_HEX.search(payload):
            return "hex"
        return "raw"

    def _make_data(
        self, span: Span, side: Side, connect_id: Any, name: str, via: Any, encoding: str, body: bytes
    ) -> Data:
        meant = decode_payload(body, encoding)
        if meant is None:
            text = (
                f"{name}: the payload is not pairs of hex digits, though the encoding of connection {connect_id} is hex"
            )
            self._finding(span, side, "payload.hex", "warning", text)
            encoding, meant = "raw", body
        kind: Any = encoding
        return Data(span.last_ns, side, connect_id, name, via, kind, len(meant), meant.hex())

    def _data(
        self, span: Span, side: Side, connect_id: Any, name: str, via: Any, encoding: str, body: bytes, announced: Any
    ) -> None:
        self._out.append(self._make_data(span, side, connect_id, name, via, encoding, body))
        counted = len(body) // 2 if encoding == "hex" else len(body)
        if isinstance(announced, int) and announced not in (0, counted):
            text = f"{name}: the command announces {announced} bytes but carries {counted}"
            self._finding(span, side, "send.length", "error", text)

    # transparent mode

    def _connect(self, text: bytes, span: Span) -> bool:
        """Handle CONNECT: the final result of a waiting command, or the late result of an earlier one."""
        pending = self._pairing.pending
        for entry in pending:
            command = entry.opens[-1].command
            if command is None or (command.stream is not None and not command.late):
                self._result(Result("CONNECT"), text, span)
                return True
        answer = self._pairing.answer(text)
        if answer.owner is None or not answer.late:
            if pending:
                self._result(Result("CONNECT"), text, span)
                return True
            return False
        owner = answer.owner
        self._answer(answer, text, span)
        if owner.command is not None and owner.command.stream is not None:
            self._enter_stream(owner.record)
        return True

    def _enter_stream(self, record: Transaction) -> None:
        self._stream = _Stream(record.name, _connect_id(record.params))
        self._mode = "lines"
        self._payload = None
        self._loose["mcu"] = False
        if len(self._mcu):
            self._stream_step(self._mcu)

    def _stream_step(self, wire: Wire) -> bool:
        stream = self._stream
        assert stream is not None
        if not len(wire):
            return False
        if wire is self._mcu:
            if stream.escape:
                self._refute_escape(answered=True)
            elif wire.buffer[wire.position : wire.position + 3] == b"+++" and _ESCAPE.match(wire.buffer, wire.position):
                stream.escape_ns = wire.last_ns
        elif wire.buffer.endswith(b"\r\n") and self._ends_stream(stream):
            return len(wire) > 0
        while len(wire) >= MAX_RUN:
            self._run(wire, wire.position + MAX_RUN)
        self._set_loose(wire, len(wire) > 0)
        return False

    def _settle_stream(self, wire: Wire) -> None:
        stream = self._stream
        assert stream is not None
        if not len(wire):
            return
        if wire is self._mcu:
            if self._is_escape(wire):
                stream.escape = True
                if wire.last_ns is not None:
                    stream.escape_ns = wire.last_ns
                    self._wake(wire.last_ns + ESCAPE_ANSWER_NS)
                return
            stream.suspect = _WHOLE_COMMAND.match(wire.waiting()) is not None
            if not stream.suspect:
                stream.exchanges = 0
            self._run(wire, len(wire.buffer))
            return
        if stream.suspect:
            stream.exchanges = stream.exchanges + 1 if _is_answer(wire.waiting()) else 0
            stream.suspect = False
        self._run(wire, len(wire.buffer))
        if stream.exchanges >= 2:
            text = f"commands are answered again: transparent mode of {stream.name} ended without a recognised +++"
            self._finding(Span(b"", None, wire.last_ns), "module", "transparent.lost", "warning", text)
            self._stream = None

    def _is_escape(self, wire: Wire) -> bool:
        waiting = wire.waiting()
        if wire.last_ns is None:
            match = re.search(rb"\+\+\+(?:\r\n?)?\Z", waiting)
            if match and match.start():
                self._run(wire, wire.position + match.start())
            return match is not None
        if not _ESCAPE.match(waiting):
            return False
        return wire.quiet_ns is None or wire.quiet_ns >= GUARD_NS

    def _refute_escape(self, answered: bool) -> None:
        """The "+++" was data after all: more bytes followed it, or nothing confirmed it."""
        stream = self._stream
        assert stream is not None
        stream.escape = False
        wire = self._mcu
        match = _ESCAPE.match(wire.waiting())
        if not answered:
            text = f"+++ did not end transparent mode of {stream.name}: the module did not answer OK"
            self._finding(Span(b"", None, stream.escape_ns), "mcu", "transparent.escape", "warning", text)
            if match:
                self._run(wire, len(wire.buffer))

    def _ends_stream(self, stream: _Stream) -> bool:
        wire = self._module
        waiting = wire.waiting()
        if stream.escape and (match := _ESCAPE_OK.match(waiting)):
            if match[1]:
                self._run(wire, wire.position + len(match[1]))
            self._stream = None
            self._command(b"+++", self._mcu.take_all())
            return True
        if _NO_CARRIER.match(waiting):
            self._leave_stream(stream)
            return True
        line = wire.match(grammar.SETTLED_LINE)
        if line is not None and line.end() == len(wire.buffer) and line[1][:1] == b"+" and b'"' in line[1]:
            answer = self._pairing.answer(line[1])
            ends = answer.urc.spec.ends_stream if answer.urc else {}
            if ends and answer.arguments.fit == 0 and self._names_connection(ends, answer, stream):
                self._leave_stream(stream)
                return True
        return False

    @staticmethod
    def _names_connection(ends: dict[str, str], answer: Answer, stream: _Stream) -> bool:
        params = answer.arguments.params
        return all(params.get(name) == value for name, value in ends.items()) and (
            _connect_id(params) == stream.connect_id
        )

    def _leave_stream(self, stream: _Stream) -> None:
        if len(self._mcu):
            self._run(self._mcu, len(self._mcu.buffer))
        stream.escape = False
        self._stream = None

    def _run(self, wire: Wire, end: int) -> None:
        stream = self._stream
        assert stream is not None
        span = wire.take(end)
        raw = span.raw
        data = Data(
            span.last_ns, wire.side, stream.connect_id, stream.name, "transparent", "raw", len(raw), raw.hex()
        )  # fmt: skip
        self._message("data", wire.side, span, data=data)
        self._out.append(data)


def _connect_id(params: dict[str, Any]) -> int | str | None:
    value = params.get("connect_id")
    return value if isinstance(value, int | str) else None


def _number(text: bytes | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None


def _is_length(text: bytes) -> bool:
    return text.strip().isdigit() and len(text) <= 8


def _length_name(inline: Inline) -> str:
    return inline.syntax.params[inline.syntax.payload].length


def _ends_line(buffer: bytes, end: int) -> bool:
    """Tell whether a line ends at ``end``. Between CR and LF it does not: then a byte of payload was lost."""
    return buffer[end] == 0x0D or (buffer[end] == 0x0A and buffer[end - 1] != 0x0D)


def _is_answer(run: bytes) -> bool:
    return run.startswith(b"\r\n") and _ANSWER_END.search(run[-80:]) is not None


def _is_text(line: bytes) -> bool:
    """Tell text from noise: no control characters, and if it is not UTF-8, at least half of it ASCII (GBK logs)."""
    if _CONTROL.search(line):
        return False
    if line.isascii():
        return len(line) > 1
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return 2 * len(_HIGH.findall(line)) <= len(line)
    return True


def _short(line: bytes) -> str:
    return to_text(line if len(line) <= 80 else line[:80] + b"...")


def _short_hex(data: bytes) -> str:
    return data[:32].hex(" ") + ("…" if len(data) > 32 else "")
