"""What the module sends: echoes, prompts, information responses, results, URCs.

Strategy: take a line, look at what it begins with, and ask the pairing whose it is. A prompt has no line end and is
recognised only where one is expected, or when nothing follows it. Whether an OK right behind a URC is the URC's own
or a command's is decided by the dialect and by what this session has shown. Where nothing but lines is expected, all
whole lines of the buffer are taken in one go.
"""

from __future__ import annotations

from msgspec import UNSET

from capture import grammar
from decoder.catalog import FITS, Inline, UrcType
from decoder.catalog.readings import ModuleLine
from decoder.effects import Answered, Reported, Restarted
from decoder.events import Data, Message, MessageKind, Result, Urc
from decoder.link.wire import MAX_LINE, Span
from decoder.pairing.attribution import Answer, nobodys
from decoder.pairing.pending import PendingCommand
from decoder.session.blocks import RawReader
from decoder.session.channel import Channel, short
from decoder.session.downloads import Download
from decoder.session.embedded import InlineReader
from decoder.session.mcu import McuReader
from decoder.session.modes import HELD, LINES
from decoder.session.multiplexed import Multiplexed
from decoder.session.results import Results
from decoder.session.transparent import Transparent

_LINE_ENDS = (b"\r", b"\n")
_BUSY = ("busy p...", "busy s...")
"""ESP-AT refuses a command while it processes one or sends (ESP-AT user guide, AT messages)."""


class ModuleReader:
    """Takes lines from the module's wire."""

    def __init__(self, channel: Channel, mcu: McuReader, transparent: Transparent, multiplexed: Multiplexed) -> None:
        self._channel = channel
        self._catalog = channel.catalog
        self._readings = channel.catalog.readings
        self._pairing = channel.pairing
        self._wire = channel.module_wire
        self._mcu = mcu
        self._transparent = transparent
        self._multiplexed = multiplexed
        self.inline = InlineReader(channel, self._answer)
        self.raw = RawReader(channel)
        self._results = Results(channel, mcu, transparent, multiplexed, self.raw)
        self.download = Download(channel)
        self._follows: UrcType | None = None
        """The URC that the next lines belong to, as long as they are text."""
        self._body = False
        """Whether the next line surely does, whatever command waits."""

    # lines

    def step(self, concluded: bool = False) -> bool:
        """Take the next line; False if more bytes or time must decide first. ``concluded``: no more bytes come."""
        wire, channel = self._wire, self._channel
        if channel.plain:
            if self._whole_lines():
                return True
        elif channel.streams:
            return False
        if wire.position >= len(wire.buffer):
            return False
        if self.raw.expected:
            return self.raw.step(concluded)
        if self.download.active:
            return self.download.step(concluded)
        if channel.mode is HELD and (match := wire.match(grammar.prompt(self._mcu.prompt_text))):
            self._mcu.prompt(wire.take(match.end()), None, self._mcu.prompt_text)
            return True
        if channel.awaits_stream is not None and (match := wire.match(grammar.PROMPT)):
            self._transparent.prompted(channel.awaits_stream, wire.take(match.end()))
            return False
        if self._mcu.echo is not None and (decided := self._payload_echo(*self._mcu.echo, concluded)) is not None:
            return decided
        channel.plain = channel.mode is LINES and channel.awaits_stream is None and self._mcu.echo is None
        head = wire.match(self._catalog.inline_head)
        candidates: tuple[Inline, ...] = ()
        if head is not None:
            candidates = self._catalog.inline_of(head)
            taken = self.inline.step(candidates, concluded)
            if taken is not None:
                return taken
        match = wire.match(grammar.SETTLED_LINE if concluded else grammar.LINE)
        if match is None:
            return self._no_line(concluded)
        span = wire.take(match.end())
        if candidates and self.inline.whole_line(candidates, match[1], span):
            return True
        self._line(self._readings.module_line(match[1], keep=not candidates), span, match[2] == b"\r")
        return True

    def _whole_lines(self) -> bool:
        """Take all lines that end in LF, as long as they are plain ones. True if there was one."""
        wire, channel, known = self._wire, self._channel, self._readings.module
        buffer = wire.buffer
        end = buffer.rfind(b"\n") + 1
        taken = False
        for match in grammar.WHOLE_LINES.finditer(buffer, wire.position, end):
            line, ending = match.groups()
            reading = known.get(line)
            if reading is None:
                if self._catalog.inline_head.match(line) is not None:
                    return taken
                reading = self._readings.module_line(line)
            end = match.end()
            if end - wire.position > MAX_LINE:
                break
            span = wire.take(end)
            if reading.kind == "answer" and reading.name is not None:
                self._answer(self._pairing.answer(reading), reading.text, span)
            else:
                self._line(reading, span, ending == b"\r")
            taken = True
            if not channel.plain:
                break
        return taken

    def conclude(self) -> None:
        """Decide what only the next byte could have told: no such byte came."""
        while self.step(concluded=True):
            pass

    def _no_line(self, concluded: bool) -> bool:
        wire, channel = self._wire, self._channel
        if len(wire) > MAX_LINE:
            channel.noise("module", wire.take_line_without_end(), "endless")
            return True
        pending = self._pairing.pending
        if pending and (match := wire.match(grammar.LONE_PROMPT)):
            if concluded:
                self._mcu.prompt(wire.take(match.end()), self._pairing.current.commands[-1])
                return True
            wire.undecided = True
        elif self._is_padding(wire.waiting()):
            if concluded:
                channel.message("blank", "module", wire.take_all())
            else:
                wire.undecided = True
        elif wire.buffer.endswith(b"\r"):
            wire.undecided = not concluded
        return False

    @staticmethod
    def _is_padding(waiting: bytes) -> bool:
        """Tell whether only bytes between lines wait. The blank of a prompt is left to what follows it."""
        return waiting != b" " and not waiting.strip(grammar.PADDING)

    def _payload_echo(self, payload: bytes, waiting: PendingCommand, concluded: bool) -> bool | None:
        """Take the echo of payload. False: wait for the rest of it; None: it is not echoed."""
        wire, issued = self._wire, waiting.issued
        raw = wire.waiting()
        rest = raw.lstrip(b" ")
        if rest.startswith(payload):
            self._mcu.echo = None
            span = wire.take(wire.position + len(raw) - len(rest) + len(payload))
            self._channel.message("echo", "module", span, owner=issued, owner_number=issued.number)
            return True
        if concluded or not payload.startswith(rest):
            self._mcu.echo = None
            return None
        wire.undecided = True
        return False

    def _line(self, line: ModuleLine, span: Span, bare_cr: bool) -> None:
        kind = line.kind
        if self._body and kind != "answer" and not self._pairing.pending:
            self._answer(nobodys(), line.text, span)
        elif kind == "answer" and not self._refuses(line.text):
            self._answer(self._pairing.answer(line), line.text, span)
        elif line.result is not None:
            if line.result.code == "OK" and self._mcu.awaits_ok:
                self._mcu.prompt(span, None, "OK")
            elif self._is_text(span):
                self._answer(self._pairing.answer(line), line.text, span)
            else:
                self._results.take(line.result, line.text, span)
        elif line.error is not None:
            self._results.error(line.error, line.text, span)
        elif line.own_result is not None and self._pairing.pending:
            self._results.take(line.own_result, line.text, span)
        elif line.echo and (entry := self._pairing.echo(line.line)):
            first = entry.commands[0].issued
            self._channel.message("echo", "module", span, text=line.text, owner=first, owner_number=first.number)
        elif line.connect and self._connect(line, span):
            return
        elif self._refuses(line.text):
            self._results.take(Result(line.text), line.text, span, refused=line.text != "FAIL")
        elif line.digit and bare_cr and self._takes_numbers():
            self._numeric(line, span)
        elif line.noise and not self._pairing.awaits_bare():
            self._channel.noise("module", span, "damaged")
        else:
            self._free(line, span)

    def _free(self, line: ModuleLine, span: Span) -> None:
        """Take a line that only its whole shape tells: a maker's result, an answer, a URC, or text."""
        if self._pairing.pending:
            names = [line.urc.name] if line.urc is not None else [urc.name for urc, _ in line.shapes()]
            for name in names:
                done = self._pairing.ends(name)
                if done is not None:
                    known = self._catalog.results.get(name)
                    self._results.take(known if known is not None else Result(name, done=done), line.text, span)
                    return
            if self._body and not names:
                self._answer(nobodys(), line.text, span)
                return
        self._answer(self._pairing.answer(line), line.text, span)

    def _is_text(self, span: Span) -> bool:
        """Tell whether what looks like a result is the text that belongs below the line before it.

        A result has a line end in front (V.250 5.7.1); a text has that of its line, which is taken already.
        """
        if span.raw[:1] in _LINE_ENDS or not self._pairing.pending:
            return False
        owner = self._pairing.current.commands[-1]
        command, told = owner.issued.command, owner.information
        frame = command.frame if command is not None else None
        return frame is not None and frame.within == "next" and len(told) > 0 and told[-1].name is not None

    def _refuses(self, text: str) -> bool:
        """Tell whether a line says that the newest command is not done, in words that are no result elsewhere."""
        waiting = len(self._pairing.pending)
        if text in _BUSY:
            return waiting > (0 if self._pairing.is_log else 1)
        return text == "FAIL" and waiting > 0 and self._pairing.is_log

    def _takes_numbers(self) -> bool:
        """Tell whether a digit may be a result: ATV0 is in force, or a command waits and nothing says otherwise."""
        verbose = self._channel.verbose
        return verbose is False or (verbose is None and len(self._pairing.pending) > 0)

    def _numeric(self, line: ModuleLine, span: Span) -> None:
        if line.digit != "CONNECT":
            self._results.take(Result(line.digit), line.text, span)
        elif not self._connect(self._readings.module_line(b"CONNECT"), span):
            self._answer(self._pairing.answer(line), line.text, span)

    # answers

    def _answer(self, answer: Answer, text: str, span: Span, payload: tuple[Data, bytes] | None = None, /) -> None:
        """Take a line that is an answer or a URC: whose it is, its text, its bytes, the payload in it."""
        channel, owner, arguments = self._channel, answer.owner, answer.arguments
        urc = answer.urc if owner is None or answer.late else None
        if channel.mode is not LINES:
            self._mcu.module_speaks()
            if urc is not None and urc.spec.reboot:
                self._mcu.end("restart")
        channel.expected_ok = None
        kind: MessageKind = "urc" if answer.name else "text"
        issued, latency_ns, owner_number, number = None, None, 0, 0
        time_ns = span.last_ns
        if owner is not None:
            kind = "urc" if answer.late else "information"
            issued = owner.issued
            owner_number = issued.number
            if answer.late and issued.time_ns is not None and time_ns is not None:
                latency_ns = time_ns - issued.time_ns
        elif answer.urc is not None and answer.urc.spec.answered is not None:
            number = next(channel.module.numbers)
        data = payload[0] if payload is not None else None
        message = Message(
            kind, "module", span.first_ns, time_ns, span.raw, text, answer.name, arguments.params, arguments.labels, (),
            issued, None, latency_ns, data, answer.dialect, (arguments,), (), (), owner_number, number,
        )  # fmt: skip
        channel.out.append(message)
        if owner is None:
            self._unsolicited(answer, message)
        else:
            self._owned(answer, owner, message)
        if arguments.fit is not FITS and arguments.fit.misses and answer.dialect is not None:
            line = short(span.raw.lstrip(grammar.PADDING).rstrip(b"\r\n").rstrip(b" "))
            channel.finding(span.last_ns, "module", "parameters", line=line, dialect=answer.dialect, name=answer.name)
        if payload is not None:
            frame = answer.urc.spec.frame if answer.urc is not None else None
            command = owner.reading.command if owner is not None else None
            channel.carried(*payload, arguments.params, frame=frame, command=command, urc=answer.urc)
        if self.raw.length or urc is not None or (owner is not None and owner.reading.command is not None):
            self.raw.announce(answer, text)
        grouped = kind == "urc" and answer.name in self._catalog.grouped
        if grouped or (urc is not None and urc.effects):
            effects = urc.effects if urc is not None else ()
            channel.tell(Reported((*effects, "group") if grouped else effects, message, urc, message.owner))
        follows, self._follows = self._follows, None
        self._body = False
        if urc is not None and _goes_on(urc, text):
            self._follows = urc
            self._body = urc.spec.frame is not None and urc.spec.frame.within == "next"
        elif follows is not None and answer.name is None and owner is None:
            self._follows = follows
            channel.tell(Reported(follows.effects, message, follows, None))
        if urc is not None:
            if urc.ok != "never":
                channel.expected_ok = urc
            if urc.spec.reboot:
                self._reboot(span, answer)

    def _unsolicited(self, answer: Answer, message: Message) -> None:
        """Nobody waited for it."""
        arguments, name = answer.arguments, answer.name
        labels = arguments.labels.copy() if arguments.labels else UNSET
        self._channel.out.append(
            Urc(message.time_ns, "module", name, answer.dialect, arguments.own_params(), message.text, labels)
        )
        if name is not None:
            self._channel.module.ranking.saw(name, answer.dialect, shared=answer.shared)
            if message.number:
                self._pairing.requested(answer, message.text, message.time_ns, message.number)

    def _owned(self, answer: Answer, owner: PendingCommand, message: Message) -> None:
        """It belongs to a command."""
        channel, command = self._channel, owner.reading.command
        if command is not None and command.sets and owner.reading.form != "test":
            channel.module.settings.apply(command.sets, answer.arguments.params, defaults=False)
        self._pairing.attach(answer, owner, message.text, message.time_ns)
        if answer.arguments.fit is FITS and not answer.late:
            self._mcu.answered(owner)
        if command is not None and command.effects:
            channel.tell(Answered(command.effects, owner.issued, message, answer.late))

    def _reboot(self, span: Span, answer: Answer) -> None:
        channel, module = self._channel, self._channel.module
        if self._pairing.waits or self._multiplexed.waits or module.late or module.settings:
            channel.finding(span.last_ns, "module", "module.rebooted", what=answer.name)
        self._pairing.abandon_all(restarted=True)
        module.requests.clear()
        module.settings.clear()
        self._multiplexed.lost()
        channel.tell(Restarted(span.last_ns))
        channel.verbose = None

    def _connect(self, line: ModuleLine, span: Span) -> bool:
        """Handle CONNECT: the final result of a waiting command, or the late result of an earlier one."""
        pending = self._pairing.pending
        for entry in pending:
            waiting = entry.commands[-1]
            command = waiting.reading.command
            if command is not None and command.brings is not None:
                self.download.begin(waiting, line.text, span)
                return True
            if command is not None and command.raw_after_connect is not None:
                self._channel.message(
                    "prompt", "module", span, text=line.text, owner=waiting.issued, owner_number=waiting.issued.number
                )
                self.raw.connected(command.raw_after_connect, waiting)
                return True
            if command is None or (command.stream is not None and not waiting.late):
                self._results.take(Result("CONNECT"), line.text, span)
                return True
        answer = self._pairing.answer(line)
        owner = answer.owner
        if owner is None or not answer.late:
            if not pending:
                return False
            self._results.take(Result("CONNECT"), line.text, span)
            return True
        self._answer(answer, line.text, span)
        if owner.goes_transparent():
            self._transparent.enter(owner)
        return True


def _goes_on(urc: UrcType, text: str) -> bool:
    """Tell whether the frame of a URC stands on the next lines: always, or because its quote is still open."""
    frame = urc.spec.frame
    if frame is None or frame.within in ("payload", "line"):
        return False
    return frame.within == "next" or text.count('"') % 2 == 1
