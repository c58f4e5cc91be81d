"""What the module sends: echoes, prompts, information responses, results, URCs.

Strategy: take a line, look at what it begins with, and ask the pairing whose it is. A prompt has no line end and is
recognised only where one is expected, or when nothing follows it. Whether an OK right behind a URC is the URC's own
or a command's is decided by the dialect and by what this session has shown.
"""

from __future__ import annotations

from capture import grammar
from decoder.catalog import UNFIT, UrcType
from decoder.events import Data, Error, Finding, Message, MessageKind, Result
from decoder.followers.groups import Line
from decoder.link.wire import MAX_LINE, Span
from decoder.pairing.transactions import Answer, CommandLine, Open, goes_transparent, urc_record
from decoder.session.blocks import RawReader
from decoder.session.context import Context, is_text, short
from decoder.session.embedded import InlineReader
from decoder.session.mcu import McuReader
from decoder.session.transparent import Transparent
from decoder.values import to_text


class ModuleReader:
    """Takes lines from the module's wire."""

    def __init__(self, context: Context, mcu: McuReader, transparent: Transparent) -> None:
        self._context = context
        self._wire = context.module
        self._mcu = mcu
        self._transparent = transparent
        self.inline = InlineReader(context, self._answer)
        self.raw = RawReader(context)
        self._own_ok_seen: set[str] = set()
        self._verbose: bool | None = None

    # lines

    def step(self, settled: bool = False) -> bool:
        """Take the next line; False if more bytes or time must decide first. ``settled``: no more bytes come."""
        wire = self._wire
        if not len(wire) or self._transparent.active:
            return False
        if self.raw.expected:
            return self.raw.step()
        if self._mcu.awaits_prompt and (match := wire.match(grammar.PROMPT)):
            self._mcu.prompt(wire.take(match.end()), None)
            return True
        if self._context.awaits_stream is not None and (match := wire.match(grammar.PROMPT)):
            self._enter_stream(self._context.awaits_stream, wire.take(match.end()))
            return False
        if self._mcu.echo is not None and (decided := self._payload_echo(*self._mcu.echo, settled)) is not None:
            return decided
        inline = wire.match(self._context.catalog.inline_head) is not None
        if inline:
            taken = self.inline.step(settled)
            if taken is not None:
                return taken
        match = wire.match(grammar.SETTLED_LINE if settled else grammar.LINE)
        if match is None:
            return self._no_line(settled)
        span = wire.take(match.end())
        if not inline or not self.inline.whole_line(match[1], span):
            self._line(match[1], span, match[2] == b"\r")
        return True

    def settle(self) -> None:
        """Decide what only the next byte could have told: no such byte came."""
        while self.step(settled=True):
            pass

    def _no_line(self, settled: bool) -> bool:
        wire = self._wire
        if len(wire) > MAX_LINE:
            self._context.noise("module", wire.take_line_without_end(), "a line without end")
            return True
        pending = self._context.pairing.pending
        if pending and (match := wire.match(grammar.LONE_PROMPT)):
            if settled:
                self._mcu.prompt(wire.take(match.end()), pending[0].opens[-1])
                return True
            self._context.set_loose(wire, True)
        elif self._is_padding(wire.waiting()):
            if settled:
                self._context.message("blank", "module", wire.take_all())
            else:
                self._context.set_loose(wire, True)
        elif wire.buffer.endswith(b"\r"):
            self._context.set_loose(wire, not settled)
        return False

    @staticmethod
    def _is_padding(waiting: bytes) -> bool:
        """Tell whether only bytes between lines wait. The blank of a prompt is left to what follows it."""
        return waiting != b" " and not waiting.strip(grammar.PADDING)

    def _payload_echo(self, payload: bytes, waiting: Open, settled: bool) -> bool | None:
        """Take the echo of payload. False: wait for the rest of it; None: it is not echoed."""
        raw = self._wire.waiting()
        rest = raw.lstrip(b" ")
        if rest.startswith(payload):
            self._mcu.echo = None
            end = self._wire.position + len(raw) - len(rest) + len(payload)
            span = self._wire.take(end)
            self._context.message("echo", "module", span, owner=waiting.record, owner_number=waiting.number)
            return True
        if settled or not payload.startswith(rest):
            self._mcu.echo = None
            return None
        self._context.set_loose(self._wire, True)
        return False

    def _line(self, line: bytes, span: Span, bare_cr: bool) -> None:
        text = line.rstrip(b" ")
        pairing = self._context.pairing
        code = grammar.FINAL_CODES.get(text)
        if code == "OK" and self._mcu.awaits_ok:
            self._mcu.prompt(span, None, "OK")
        elif code is not None:
            self._result(Result(code), text, span)
        elif text[:1] in (b"+", b"^"):
            error = grammar.parse_error(to_text(text)) if text[:2] == b"+C" else None
            if error:
                self._error(error, text, span)
            else:
                self._answer(pairing.answer(text), text, span)
        elif text[:2] in (b"AT", b"at", b"At", b"A/", b"a/") and (entry := pairing.echo(text)):
            first = entry.opens[0]
            self._context.message(
                "echo", "module", span, text=to_text(text), owner=first.record, owner_number=first.number
            )
        elif text[:7] == b"CONNECT" and grammar.is_connect(text) and self._connect(text, span):
            return
        elif bare_cr and text in grammar.NUMERIC_CODES and self._takes_numbers():
            self._numeric(grammar.NUMERIC_CODES[text], text, span)
        elif not is_text(line):
            self._context.noise("module", span, "lost bytes or wrong line speed?")
        else:
            self._answer(pairing.answer(text), text, span)

    def _takes_numbers(self) -> bool:
        """Tell whether a digit may be a result: ATV0 is in force, or a command waits and nothing says otherwise."""
        return self._verbose is False or (self._verbose is None and len(self._context.pairing.pending) > 0)

    def _numeric(self, code: str, text: bytes, span: Span) -> None:
        if code != "CONNECT":
            self._result(Result(code), text, span)
        elif not self._connect(b"CONNECT", span):
            self._answer(self._context.pairing.answer(text), text, span)

    # answers

    def _answer(self, answer: Answer, line: bytes, span: Span, data: Data | None = None) -> None:
        context, arguments = self._context, answer.arguments
        self._mcu.module_speaks()
        urc = answer.urc if answer.owner is None or answer.late else None
        if urc is not None and urc.spec.reboot:
            self._mcu.end("the module restarted")
        context.expected_ok = None
        raw, first_ns, time_ns = span
        params, labels, owner = arguments.params, arguments.labels, answer.owner
        text = to_text(line)
        record, latency_ns, number = None, None, 0
        kind: MessageKind = "urc" if answer.name else "text"
        if owner is not None:
            record = owner.record
            kind = "urc" if answer.late else "information"
            if answer.late and record.time_ns is not None and time_ns is not None:
                latency_ns = time_ns - record.time_ns
        elif answer.urc is not None and answer.urc.spec.answered is not None:
            number = next(context.numbers)
        context.out.append(
            Message(
                kind, "module", first_ns, time_ns, raw, text, answer.name, params, labels,
                owner=record, latency_ns=latency_ns, data=data, dialect=answer.dialect, readings=(arguments,),
                owner_number=owner.number if owner is not None else 0, number=number,
            )
        )  # fmt: skip
        if owner is None:
            context.out.append(urc_record(answer, text, time_ns))
            if answer.name is not None:
                context.pairing.ranking.saw(answer.name, answer.dialect, shared=answer.shared)
                if number:
                    context.pairing.requested(answer.name, params, labels, text, time_ns, number)
        else:
            command = owner.command
            if command is not None and command.sets and owner.record.form != "test":
                context.states.apply(command.sets, params, defaults=False)
            context.pairing.attach(answer, text, time_ns)
            if command is not None and command.image is not None:
                context.firmware.announced(command.image, params, time_ns)
            if answer.late:
                context.inferred.completed(owner.record, params)
            if command is not None and command.socket is not None:
                context.sockets.answered(command.socket, owner.record, answer.name, params, time_ns, late=answer.late)
        if arguments.fit >= UNFIT and answer.dialect is not None:
            why = f"{short(line)}: the parameters do not fit what {answer.dialect} defines for {answer.name}"
            context.finding(time_ns, "module", "parameters", "note", why)
        if kind == "urc" and answer.name is not None and answer.name in context.groups.rules:
            context.groups.see(Line(answer.name, "module", params, labels, text, time_ns))
        if data is not None:
            if answer.urc is not None and answer.urc.socket is not None:
                context.sockets.seen(answer.urc.socket, params)
            context.payload(data, answer.urc.spec.frame if answer.urc is not None else None, params)
        self.raw.announce(answer, text)
        if urc is None:
            return
        own = owner.record.params if owner is not None else {}
        if urc.socket is not None:
            context.sockets.reported(urc.socket, params, own, time_ns, text, carries=data is not None)
        if urc.spec.frame is not None:
            context.line_frame(urc.spec.frame, params, text, "module", time_ns)
        if urc.infer is not None:
            context.inferred.reported(urc.infer, own, params, time_ns, text, data)
        if urc.spec.image is not None:
            context.firmware.announced(urc.spec.image, params, time_ns)
        if urc.ok != "never":
            context.expected_ok = urc
        if urc.spec.reboot:
            self._reboot(span, answer)

    def _reboot(self, span: Span, answer: Answer) -> None:
        context = self._context
        if context.pairing.pending or context.pairing.late or context.states:
            text = f"the module restarted ({answer.name}); what was open is lost"
            context.finding(span.last_ns, "module", "module.rebooted", "warning", text)
        context.pairing.abandon_all()
        context.pairing.requests.clear()
        context.groups.end()
        context.states.clear()
        context.sockets.restarted(span.last_ns)
        context.inferred.restarted()
        context.firmware.finish(span.last_ns)
        self._verbose = None

    # results

    def _result(self, result: Result, text: bytes, span: Span) -> None:
        context, pairing = self._context, self._context.pairing
        self._mcu.module_speaks()
        if context.expected_ok is not None and result.code == "OK" and self._is_own_ok(context.expected_ok):
            self._own_ok_seen.add(context.expected_ok.name)
            context.expected_ok = None
            context.message("urc", "module", span, text="OK")
            self.raw.begin()
            return
        context.expected_ok = None
        good = result.error is None and result.code in grammar.GOOD_CODES
        self._mcu.result(good)
        marker = len(context.out)
        entry = pairing.result(result, span.last_ns)
        records = context.out[marker:]
        del context.out[marker:]
        if entry is None:
            self._unexpected(result, text, span)
            return
        last = entry.opens[-1]
        record = last.record
        context.message(
            "result", "module", span, text=to_text(text), owner=record, owner_number=last.number, result=result,
            latency_ns=record.latency_ns,
        )  # fmt: skip
        context.out.extend(records)
        if good:
            self.raw.begin()
            for waiting in entry.opens:
                self._succeeded(waiting, result, span.last_ns)
        else:
            self._failed(entry, result, to_text(text), span)

    def _unexpected(self, result: Result, text: bytes, span: Span) -> None:
        kind: MessageKind = "urc" if result.code == "NO CARRIER" else "result"
        self._context.message(kind, "module", span, text=to_text(text), result=result)
        if kind == "result":
            why = f"{to_text(text)}: a result that no command waits for"
            self._context.finding(span.last_ns, "module", "result.unexpected", "note", why)

    def _is_own_ok(self, urc: UrcType) -> bool:
        """Decide whether an OK right behind a URC is the URC's own (ica, onemo-tcpip) or a command's."""
        pending = self._context.pairing.pending
        if urc.ok == "always" or not pending:
            return True
        waiting = pending[0].opens[-1]
        needs_answer = waiting.command is not None and waiting.record.form in waiting.command.answers
        return urc.name in self._own_ok_seen and needs_answer and not pending[0].answered

    def _error(self, error: tuple[str, str], text: bytes, span: Span) -> None:
        pending = self._context.pairing.pending
        dialect = pending[0].opens[-1].record.dialect if pending else None
        self._result(Result(error[0], self._explain(error, dialect)), text, span)

    def _explain(self, error: tuple[str, str], dialect: str | None) -> Error:
        context = self._context
        return context.catalog.error(error[0], error[1], context.pairing.ranking.order(dialect))

    def _failed(self, entry: CommandLine, result: Result, text: str, span: Span) -> None:
        waiting = entry.opens[-1]
        meaning = f" ({result.error.text})" if result.error and result.error.text else ""
        spec = waiting.command.spec if waiting.command else None
        reference = f"{waiting.record.dialect} {spec.section}" if spec else None
        message = f"{to_text(entry.text)}: the module answered {text}{meaning}"
        meaning_zh = f"({result.error.text_zh})" if result.error and result.error.text_zh else ""
        message_zh = f"{to_text(entry.text)}:模组返回{text}{meaning_zh}"
        self._context.out.append(
            Finding(span.last_ns, "module", "command.error", "error", message, reference, message_zh)
        )
        if waiting.command is not None and waiting.command.socket is not None:
            self._context.sockets.failed(waiting.command.socket, waiting.record, span.last_ns, text + meaning)

    def _succeeded(self, waiting: Open, result: Result, time_ns: int | None) -> None:
        record, command = waiting.record, waiting.command
        if record.form == "basic":
            if record.name == "V":
                self._verbose = record.params.get("value") == 1
            elif record.name in ("Z", "&F"):
                self._verbose = None
        if command is None:
            return
        if command.socket is not None:
            more = not all(late.optional for late in waiting.late)
            self._context.sockets.succeeded(command.socket, record, time_ns, more=more)
        if record.form == "set" and command.sets:
            self._context.states.apply(command.sets, record.params, defaults=True)
        if command.block is not None:
            self._context.firmware.asked(command.block, record.params, time_ns)
        if command.infer is not None:
            self._context.inferred.succeeded(command.infer, record, time_ns)
        if command.stream is not None and goes_transparent(waiting):
            if result.code == "CONNECT":
                self._transparent.enter(waiting)
            elif command.stream.after == "prompt":
                self._context.awaits_stream = waiting

    def _enter_stream(self, waiting: Open, span: Span) -> None:
        self._context.message("prompt", "module", span, text=">", owner=waiting.record, owner_number=waiting.number)
        self._context.awaits_stream = None
        self._transparent.enter(waiting)

    def _connect(self, text: bytes, span: Span) -> bool:
        """Handle CONNECT: the final result of a waiting command, or the late result of an earlier one."""
        pending = self._context.pairing.pending
        for entry in pending:
            waiting = entry.opens[-1]
            if waiting.command is None or (waiting.command.stream is not None and not waiting.late):
                self._result(Result("CONNECT"), text, span)
                return True
        answer = self._context.pairing.answer(text)
        owner = answer.owner
        if owner is None or not answer.late:
            if not pending:
                return False
            self._result(Result("CONNECT"), text, span)
            return True
        self._answer(answer, text, span)
        if goes_transparent(owner):
            self._transparent.enter(owner)
        return True
