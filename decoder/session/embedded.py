"""Lines of the module with payload inside: ``+MIPURC: "rtcp",0,5,`` and then five bytes that may be anything.

Strategy: the catalog gives a regular expression for what stands in front of the payload. A length is believed only
if a line end stands where the payload ends: as many bytes as announced, or twice as many hex digits, in quotes or
not, after a blank or not. What cannot end a line is excluded byte by byte, so the decision does not depend on how
much has arrived beyond it. If everything is excluded, the payload ends at the next plausible line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from capture import grammar
from decoder.catalog import Inline, best
from decoder.events import Data, Params
from decoder.link.wire import MAX_LINE, Span
from decoder.pairing.transactions import Answer
from decoder.session.context import ConnectId, Context, connection
from decoder.times import SECOND
from decoder.values import to_text

GAP_NS = 1 * SECOND
"""Silence after which the rest of an announced payload is not expected any more."""
_REST_OF_LINE = re.compile(rb"[ \t]*\d+[ \t]*(?=[\r\n]|\Z)")
_LEADS = tuple(
    (blank + opening, closing)
    for blank in (b"", b" ")
    for opening, closing in ((b"", b""), (b'"', b'"'), ("“".encode(), "”".encode()))
)

Take = Callable[[Answer, bytes, Span, Data | None], None]


class InlineReader:
    """Takes lines with payload inside from the module's wire and hands them to ``take``."""

    def __init__(self, context: Context, take: Take) -> None:
        self._context = context
        self._wire = context.module
        self._take = take
        self._awaited: Inline | None = None
        self._ordinary = -1
        """Where a line begins that was found to be an ordinary one."""

    @property
    def waits(self) -> bool:
        """Whether the rest of an announced payload is awaited."""
        return self._awaited is not None

    def step(self, settled: bool) -> bool | None:
        """Try to take a line with payload inside. True: taken; False: wait for more; None: an ordinary line."""
        self._awaited = None
        if self._wire.taken == self._ordinary:
            return None
        for inline in self._context.catalog.inline:
            match = self._wire.match(inline.head)
            if match is not None and self._applies(inline) and self._carries_payload(inline, match):
                return self._find_payload(inline, match, settled)
        return None

    def whole_line(self, line: bytes, span: Span) -> bool:
        """Take an ordinary line that announces payload but does not carry it as announced.

        Either it gives counts, as in the buffered modes, or what follows up to the end of the line is payload.
        """
        for inline in self._context.catalog.inline:
            match = inline.head.match(line)
            if match is None or not self._applies(inline) or not _is_length(match[_counter(inline)]):
                continue
            if self._carries_payload(inline, match):
                self._emit(inline, match, line[match.end() :], line, span, "raw")
                return True
            parts = grammar.parse_information(to_text(line))
            syntaxes = self._context.catalog.counting(inline.name)
            arguments = best(syntaxes, parts[1] if parts else "")
            self._take(self._context.pairing.answer(line, arguments, inline.name), line, span, None)
            return True
        return False

    def pass_time(self, now_ns: int) -> bool:
        """Give up on a payload whose rest has not come by ``now_ns``. True if it was given up."""
        if self._awaited is None or not self._context.silent(self._wire, GAP_NS, now_ns):
            return False
        self.give_up()
        return True

    def give_up(self, *, whole: bool = False) -> None:
        """Take what there is of a payload whose rest did not come. ``whole``: what there is, is one line."""
        inline, self._awaited = self._awaited, None
        match = self._wire.match(inline.head) if inline is not None else None
        if inline is None or match is None:
            return
        end = len(self._wire.buffer)
        if whole and inline.payload_line != "same" and end == match.end():
            self._ordinary = self._wire.taken
            return
        ended = self._wire.buffer.endswith((b"\r", b"\n"))
        exact = end - match.end() == int(match[_counter(inline)]) and not ended
        if whole and not exact:
            end = len(self._wire.buffer.removesuffix(b"\n").removesuffix(b"\r"))
        if exact or whole or self._resume(inline, match, end, True) is None:
            self._line(inline, match, (match.end(), end), end, "raw", True)

    def _applies(self, inline: Inline) -> bool:
        """Tell whether a line without a name can be the answer that ``inline`` describes."""
        return not inline.bare or self._context.pairing.awaits(inline.name)

    def _carries_payload(self, inline: Inline, match: re.Match[bytes]) -> bool:
        """Tell whether payload follows, and not a count as in the buffered modes."""
        if not _is_length(match[_counter(inline)]):
            return False
        if inline.payload_line == "next" and int(match[_counter(inline)]) == 0:
            return False
        if not inline.cached:
            return True
        connect_id = _number(match.groupdict().get("connect_id"))
        modes = {name: self._context.states.get(name, connect_id) for name in (*inline.cached, *inline.carried)}
        if any(modes[name] in values for name, values in inline.cached.items()):
            return False
        if inline.carried:
            sure = any(modes[name] in values for name, values in inline.carried.items())
        else:
            sure = any(mode is not None for mode in modes.values())
        return sure or not self._gives_count(inline, match)

    def _gives_count(self, inline: Inline, match: re.Match[bytes]) -> bool:
        rest = _REST_OF_LINE.match(match.string, match.end())
        length = int(match[_counter(inline)])
        if rest is None or len(rest[0]) in (length, 2 * length):
            return False
        count = inline.syntax.payload + 1
        syntaxes = self._context.catalog.counting(inline.name)
        return any(one.minimum <= count <= one.maximum for one in syntaxes)

    def _find_payload(self, inline: Inline, match: re.Match[bytes], settled: bool) -> bool | None:
        """Find where the payload ends.

        ``limit`` is how far one has to read to exclude what is excluded: only bytes up to there take part.
        """
        buffer, start = self._wire.buffer, match.end()
        length = int(match[_counter(inline)])
        if inline.exact:
            return self._exactly(inline, match, length)
        encoding = self._context.states.encoding(inline.encoding, _number(match.groupdict().get("connect_id")))
        raw, in_hex = (length, encoding or "raw"), (2 * length, "hex")
        candidates = (in_hex, (length, "raw")) if encoding == "hex" else (raw, in_hex)
        waiting, limit = False, start
        for size, kind in candidates:
            for lead, tail in _LEADS:
                if not buffer.startswith(lead, start):
                    continue
                begin = start + len(lead)
                end = begin + size + len(tail)
                if kind == "hex" and (not size or (bad := grammar.NOT_HEX.search(buffer, begin, begin + size))):
                    limit = max(limit, bad.end() if size and bad else start)
                    continue
                if len(buffer) <= end:
                    waiting = True
                    continue
                limit = max(limit, end + 1)
                if _ends_line(buffer, end) and buffer.startswith(tail, begin + size):
                    return self._line(inline, match, (begin, begin + size), end, kind, settled)
        if not waiting:
            return self._resume(inline, match, limit, settled)
        return self._await_rest(inline)

    def _await_rest(self, inline: Inline) -> bool:
        """Wait for the rest of an announced payload, but not for longer than ``GAP_NS`` of silence."""
        self._awaited = inline
        if self._wire.last_ns is not None:
            self._context.wake(self._wire.last_ns + GAP_NS)
        return False

    def _exactly(self, inline: Inline, match: re.Match[bytes], length: int) -> bool:
        """Take payload that ends where its length says, whatever follows."""
        wire, buffer, end = self._wire, self._wire.buffer, match.end() + length
        if len(buffer) < end:
            return self._await_rest(inline)
        line = buffer[match.start("line") : end]
        self._emit(inline, match, buffer[match.end() : end], line, wire.take(end), "raw")
        return True

    def _resume(self, inline: Inline, match: re.Match[bytes], limit: int, settled: bool) -> bool | None:
        """The length leads to no line end: bytes were lost, or it is wrong. Go on with the next line before limit."""
        buffer, start = self._wire.buffer, match.end()
        stop = grammar.PLAUSIBLE_LINE.search(buffer, start, limit) or grammar.LINE_BREAK.search(buffer, start, limit)
        if stop is None:
            return None
        return self._line(inline, match, (start, stop.start()), stop.start(), "raw", settled)

    def _line(
        self, inline: Inline, match: re.Match[bytes], body: tuple[int, int], end: int, encoding: str, settled: bool
    ) -> bool:
        wire, buffer = self._wire, self._wire.buffer
        if not settled and buffer[end:] == b"\r":
            self._context.set_loose(wire, True)
            return False
        stop = end + (buffer[end : end + 1] == b"\r")
        stop += buffer[stop : stop + 1] == b"\n"
        line = buffer[match.start("line") : end]
        self._emit(inline, match, buffer[body[0] : body[1]], line, wire.take(stop), encoding)
        return True

    def _emit(
        self, inline: Inline, match: re.Match[bytes], body: bytes, line: bytes, span: Span, encoding: str
    ) -> None:
        params = inline.syntax.params[: inline.syntax.payload]
        before = [to_text(match[param.name]).strip(grammar.BLANK) for param in params]
        announced = int(before[inline.counter]) if before[inline.counter].isdigit() else None
        if encoding == "raw" and announced is not None and _escaped_length(body.strip(b" ")) == announced:
            body, encoding = body.strip(b" ")[1:-1], "quoted"
        arguments = inline.syntax.read([*before, to_text(body)])
        sizes = {"hex": 2 * (announced or 0), "quoted": len(body)}
        if announced is not None and len(body) != sizes.get(encoding, announced):
            text = f"{inline.name}: {announced} bytes of payload were announced, {len(body)} came"
            self._context.finding(span.last_ns, "module", "payload.length", "warning", text)
        answer = self._context.pairing.answer(line, arguments, inline.name)
        data = self._context.decode(
            span, "module", _connection(answer, arguments.params), inline.name,
            via="urc" if answer.owner is None else "answer", encoding=encoding, body=body,
        )  # fmt: skip
        self._take(answer, line, span, data)


def _connection(answer: Answer, params: Params) -> ConnectId:
    """Return the connection that a line names, or else the command that it answers."""
    named = connection(params)
    return connection(answer.owner.record.params) if named is None and answer.owner is not None else named


def _escaped_length(body: bytes) -> int:
    r"""Return how long a quoted string with ``\"`` in it really is, or -1 if it is no quoted string."""
    return len(body[1:-1].replace(b'\\"', b'"')) if len(body) > 1 and body[:1] == body[-1:] == b'"' else -1


def _counter(inline: Inline) -> str:
    return inline.syntax.params[inline.syntax.payload].length


def _is_length(text: bytes) -> bool:
    return len(text) <= 8 and text.strip().isdigit() and int(text) <= MAX_LINE


def _number(text: bytes | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None


def _ends_line(buffer: bytes, end: int) -> bool:
    """Tell whether a line ends at ``end``. Between CR and LF it does not: then a byte of payload was lost."""
    return buffer[end] == 0x0D or (buffer[end] == 0x0A and buffer[end - 1] != 0x0D)
