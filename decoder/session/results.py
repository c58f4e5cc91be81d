"""Final results of the module: whose they are, and what follows from them.

Strategy: a result ends the command line that waits; an OK right behind a URC may be the URC's own. A command that is
done may change settings, begin transparent mode or the multiplexer, or let announced raw bytes come.
"""

from __future__ import annotations

from capture import grammar
from decoder.catalog import UrcType
from decoder.effects import Ended, Reported
from decoder.events import Event, Message, MessageKind, Result, Severity
from decoder.link.wire import Span
from decoder.pairing.pending import PendingCommand, PendingLine
from decoder.session.blocks import RawReader
from decoder.session.channel import Channel
from decoder.session.mcu import McuReader
from decoder.session.modes import LINES
from decoder.session.multiplexed import Multiplexed
from decoder.session.refusal import meaning, refusal
from decoder.session.transparent import Transparent


class Results:
    """Takes final results."""

    def __init__(
        self, channel: Channel, mcu: McuReader, transparent: Transparent, multiplexed: Multiplexed, raw: RawReader
    ) -> None:
        self._channel = channel
        self._catalog = channel.catalog
        self._pairing = channel.pairing
        self._mcu = mcu
        self._transparent = transparent
        self._multiplexed = multiplexed
        self._raw = raw

    def take(self, result: Result, text: str, span: Span, *, refused: bool = False, whose: str = "") -> None:
        """Take a final result, by its text and bytes.

        ``refused``: it says that the newest command is not done. ``whose``: the dialect of a maker's error code.
        """
        channel, out = self._channel, self._channel.out
        if channel.mode is not LINES:
            self._mcu.module_speaks()
        expected = channel.expected_ok
        if expected is not None:
            if result.code == "OK" and self._is_own_ok(expected):
                channel.module.own_ok.add(expected.name)
                channel.expected_ok = None
                channel.message("urc", "module", span, text="OK")
                self._raw.begin()
                return
            channel.expected_ok = None
        good = result.good
        if channel.mode is not LINES:
            self._mcu.result(good)
        marker = len(out)
        entry = self._pairing.result(span.last_ns, refused=refused)
        if entry is None:
            self._unexpected(result, text, span)
            return
        given_up: tuple[Event, ...] = ()
        if len(out) > marker:
            given_up = tuple(out[marker:])
            del out[marker:]
        issued = entry.commands[-1].issued
        out.append(
            Message(
                "result", "module", span.first_ns, span.last_ns, span.raw, text, owner=issued, result=result,
                latency_ns=entry.latency_ns, owner_number=issued.number,
            )
        )  # fmt: skip
        if given_up:
            out.extend(given_up)
        self._pairing.complete(entry, result)
        if good:
            if self._raw.length:
                self._raw.begin()
            for waiting in entry.commands:
                if waiting.reading.command is not None:
                    self._succeeded(waiting, result, span.last_ns)
                elif waiting.reading.form == "basic":
                    self._told_verbosity(waiting)
        else:
            self._failed(entry, result, text, span, whose)

    def _unexpected(self, result: Result, text: str, span: Span) -> None:
        kind: MessageKind = "urc" if result.code in grammar.ENDS_OF_CALLS else "result"
        self._channel.message(kind, "module", span, text=text, result=result)
        if result.code in grammar.ENDS_OF_CALLS:
            message = self._channel.out[-1]
            assert isinstance(message, Message)
            self._channel.tell(Reported(("call",), message, None, None))
        if kind == "result":
            severity: Severity = "note" if result.good else "error"
            self._channel.finding(span.last_ns, "module", "result.unexpected", severity=severity, line=text)

    def _is_own_ok(self, urc: UrcType) -> bool:
        """Decide whether an OK right behind a URC is the URC's own (ica, onemo-tcpip) or a command's."""
        pending = self._pairing.pending
        if urc.ok == "always" or not pending:
            return True
        current = self._pairing.current
        reading = current.commands[-1].reading
        needs_answer = reading.command is not None and reading.form in reading.command.answers
        return urc.name in self._channel.module.own_ok and needs_answer and not current.answered

    def error(self, error: tuple[str, str], text: str, span: Span) -> None:
        """Take a final result with an error: its kind and its code or words."""
        pending = self._pairing.pending
        dialect = self._pairing.current.commands[-1].issued.dialect if pending else None
        order = self._channel.module.ranking.order(dialect)
        explained, whose = self._catalog.error(error[0], error[1], order)
        self.take(Result(error[0], explained), text, span, whose=whose)

    def _failed(self, entry: PendingLine, result: Result, text: str, span: Span, whose: str) -> None:
        waiting = entry.commands[-1]
        command = waiting.reading.command
        self._channel.out.append(refusal(waiting, result, text, span.last_ns, whose))
        if command is not None and command.effects:
            self._end(waiting, span.last_ns, good=False, why=text + meaning(result, text))

    def _end(self, waiting: PendingCommand, time_ns: int | None, *, good: bool, why: str) -> None:
        """Tell that a command with effects got its result."""
        more = bool(waiting.late) and not all(late.optional for late in waiting.late)
        effects = waiting.reading.command.effects if waiting.reading.command is not None else ()
        self._channel.tell(Ended(effects, waiting.issued, time_ns, good, why, more, tuple(waiting.information)))

    def _told_verbosity(self, waiting: PendingCommand) -> None:
        issued = waiting.issued
        if issued.name == "V":
            self._channel.verbose = issued.params.get("value") == 1
        elif issued.name in ("Z", "&F"):
            self._channel.verbose = None

    def _succeeded(self, waiting: PendingCommand, result: Result, time_ns: int | None) -> None:
        command, form = waiting.reading.command, waiting.reading.form
        assert command is not None
        if form == "basic":
            self._told_verbosity(waiting)
        elif form == "set" and command.sets:
            self._channel.module.settings.apply(command.sets, waiting.issued.params, defaults=True)
        if command.effects:
            self._end(waiting, time_ns, good=True, why=result.code)
        if command.stream is not None and waiting.goes_transparent():
            if command.stream.multiplexes:
                self._multiplexed.enter("advanced" if waiting.issued.params.get("mux_mode") == 1 else "basic")
            elif result.code == "CONNECT" or command.stream.after == "ok":
                self._transparent.enter(waiting)
            elif command.stream.after == "prompt":
                self._channel.awaits_stream = waiting
                self._channel.plain = False
