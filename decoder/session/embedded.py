"""Lines of the module with payload inside: ``+MIPURC: "rtcp",0,5,`` and then five bytes that may be anything.

Strategy: the catalog gives a regular expression for what stands in front of the payload. A length is believed only
if a line end stands where the payload ends: as many bytes as announced, or twice as many hex digits, in quotes or
not, after a blank or not. What cannot end a line is excluded byte by byte, so the decision does not depend on how
much has arrived beyond it. If everything is excluded, the payload ends at the next plausible line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from capture import grammar
from decoder.catalog import Inline, best
from decoder.events import Data, Params
from decoder.link.wire import MAX_LINE, Span
from decoder.pairing.attribution import Answer
from decoder.session.channel import Channel, ConnectId, Via, connection
from decoder.times import SECOND
from decoder.values import to_text

GAP_NS = 1 * SECOND
"""Silence after which the rest of an announced payload is not expected any more."""
_REST_OF_LINE = re.compile(rb"[ \t]*\d+[ \t]*(?=[\r\n]|\Z)")
_TAIL = re.compile(rb"(?:,[^,\r\n]{0,64}+)++")
"""Arguments behind payload."""
# In quotes comes first: of "hello<LF>" in quotes the first bytes look like a whole line without them.
_LEADS = tuple(
    (blank + opening, closing)
    for blank in (b"", b" ")
    for opening, closing in ((b'"', b'"'), ("“".encode(), "”".encode()), (b"", b""))
)


class Take(Protocol):
    """Takes lines."""

    def __call__(self, answer: Answer, text: str, span: Span, payload: tuple[Data, bytes] | None = None, /) -> None:
        """Take a line: whose it is, its text, its bytes, the payload in it."""


class InlineReader:
    """Takes lines with payload inside from the module's wire and hands them to ``take``."""

    def __init__(self, channel: Channel, take: Take) -> None:
        self._channel = channel
        self._wire = channel.module_wire
        self._take = take
        self._catalog = channel.catalog
        self._awaited: Inline | None = None
        self._ordinary = -1
        """Where a line begins that was found to be an ordinary one."""

    @property
    def waits(self) -> bool:
        """Whether the rest of an announced payload is awaited."""
        return self._awaited is not None

    def step(self, candidates: tuple[Inline, ...], concluded: bool) -> bool | None:
        """Try to take a line with payload inside. True: taken; False: wait for more; None: an ordinary line."""
        self._awaited = None
        wire = self._wire
        if wire.taken == self._ordinary:
            return None
        for inline in self._likeliest(candidates):
            match = wire.match(inline.head)
            if match is not None and self._applies(inline) and self._carries_payload(inline, match):
                return self._find_payload(inline, match, concluded)
        return None

    def whole_line(self, candidates: tuple[Inline, ...], line: bytes, span: Span) -> bool:
        """Take an ordinary line that announces payload but does not carry it as announced.

        Either it gives counts, as in the buffered modes, or what follows up to the end of the line is payload.
        """
        for inline in self._likeliest(candidates):
            match = inline.head.match(line)
            if match is None or not self._applies(inline) or not _is_length(match[inline.length]):
                continue
            if self._carries_payload(inline, match):
                self._emit(inline, match, line[match.end() :], line, span, "raw")
                return True
            parts = grammar.parse_information(to_text(line))
            syntaxes = self._catalog.counting(inline.name, inline.dialect)
            arguments = best(syntaxes, parts[1] if parts else "")
            self._take(self._channel.pairing.answer_with_payload(inline, arguments), to_text(line), span)
            return True
        return False

    def pass_time(self, now_ns: int) -> bool:
        """Give up on a payload whose rest has not come by ``now_ns``. True if it was given up."""
        if self._awaited is None or not self._channel.silent(self._wire, GAP_NS, now_ns):
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
        exact = end - match.end() == int(match[inline.length]) and not ended
        if whole and not exact:
            end = len(self._wire.buffer.removesuffix(b"\n").removesuffix(b"\r"))
        if exact or whole or self._resume(inline, match, end, True) is None:
            self._line(inline, match, (match.end(), end), end, "raw", True)

    def _likeliest(self, candidates: tuple[Inline, ...]) -> Sequence[Inline]:
        """Return what a line is by the dialect of the command that waits for it, and by what the session showed."""
        first = candidates[0].dialect
        if all(one.dialect == first for one in candidates):
            return candidates
        pairing, prefer = self._channel.pairing, self._channel.module.ranking.prefer

        def badness(one: Inline) -> tuple[bool, tuple[int, int, int]]:
            found = pairing.attribution.awaited(one.name)
            command = found[1].reading.command if found is not None else None
            return (command is not None and command.dialect != one.dialect, prefer(one.dialect))

        rated = [(badness(one), one) for one in candidates]
        best = min(rate for rate, _ in rated)
        return [one for rate, one in rated if rate == best]

    def _applies(self, inline: Inline) -> bool:
        """Tell whether a line without a name can be the answer that ``inline`` describes."""
        return not (inline.bare or inline.shared) or self._channel.pairing.attribution.awaited(inline.name) is not None

    def _carries_payload(self, inline: Inline, match: re.Match[bytes]) -> bool:
        """Tell whether payload follows, and not a count as in the buffered modes."""
        if not _is_length(match[inline.length]):
            return False
        if inline.payload_line == "next" and int(match[inline.length]) == 0:
            return False
        if not inline.cached:
            return True
        settings = self._channel.module.settings
        if not settings:
            return not self._gives_count(inline, match)
        connect_id = _connect_id(inline, match)
        modes = {name: settings.get(name, connect_id) for name in (*inline.cached, *inline.carried)}
        if any(modes[name] in values for name, values in inline.cached.items()):
            return False
        if inline.carried:
            sure = any(modes[name] in values for name, values in inline.carried.items())
        else:
            sure = any(mode is not None for mode in modes.values())
        return sure or not self._gives_count(inline, match)

    def _gives_count(self, inline: Inline, match: re.Match[bytes]) -> bool:
        rest = _REST_OF_LINE.match(match.string, match.end())
        length = int(match[inline.length])
        if rest is None or len(rest[0]) in (length, 2 * length):
            return False
        count = inline.syntax.payload + 1
        syntaxes = self._catalog.counting(inline.name, inline.dialect)
        return any(one.minimum <= count <= one.maximum for one in syntaxes)

    def _find_payload(self, inline: Inline, match: re.Match[bytes], concluded: bool) -> bool | None:
        """Find where the payload ends.

        ``limit`` is how far one has to read to exclude what is excluded: only bytes up to there take part.
        """
        buffer, start = self._wire.buffer, match.end()
        length = int(match[inline.length])
        if inline.exact:
            return self._exactly(inline, match, length)
        encoding = self._channel.module.settings.encoding(inline.encoding, _connect_id(inline, match))
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
                if tail and len(buffer) > begin + size and buffer[begin + size] != tail[0]:
                    limit = max(limit, begin + size + 1)
                    continue
                if len(buffer) <= end:
                    waiting = True
                    if tail:
                        return self._await_rest(inline)
                    continue
                limit = max(limit, end + 1)
                if not buffer.startswith(tail, begin + size):
                    continue
                if _ends_line(buffer, end):
                    return self._line(inline, match, (begin, begin + size), end, kind, concluded)
                if inline.tail and (behind := _TAIL.match(buffer, end)):
                    limit = max(limit, behind.end() + 1)
                    if behind.end() == len(buffer):
                        waiting = True
                    elif behind[0].count(b",") <= inline.tail:
                        return self._line(inline, match, (begin, begin + size), behind.end(), kind, concluded)
        if not waiting:
            return self._resume(inline, match, limit, concluded)
        return self._await_rest(inline)

    def _await_rest(self, inline: Inline) -> bool:
        """Wait for the rest of an announced payload, but not for longer than ``GAP_NS`` of silence."""
        self._awaited = inline
        if self._wire.last_ns is not None:
            self._channel.wake(self._wire.last_ns + GAP_NS)
        return False

    def _exactly(self, inline: Inline, match: re.Match[bytes], length: int) -> bool:
        """Take payload that ends where its length says, whatever follows."""
        wire, buffer, end = self._wire, self._wire.buffer, match.end() + length
        if len(buffer) < end:
            return self._await_rest(inline)
        line = buffer[match.start("line") : end]
        self._emit(inline, match, buffer[match.end() : end], line, wire.take(end), "raw")
        return True

    def _resume(self, inline: Inline, match: re.Match[bytes], limit: int, concluded: bool) -> bool | None:
        """The length leads to no line end: bytes were lost, or it is wrong. Go on with the next line before limit."""
        buffer, start = self._wire.buffer, match.end()
        stop = grammar.PLAUSIBLE_LINE.search(buffer, start, limit) or grammar.LINE_BREAK.search(buffer, start, limit)
        if stop is None:
            return None
        return self._line(inline, match, (start, stop.start()), stop.start(), "raw", concluded)

    def _line(
        self, inline: Inline, match: re.Match[bytes], body: tuple[int, int], end: int, encoding: str, concluded: bool
    ) -> bool:
        wire, buffer = self._wire, self._wire.buffer
        if not concluded and buffer[end:] == b"\r":
            wire.undecided = True
            return False
        stop = end + (buffer[end : end + 1] == b"\r")
        stop += buffer[stop : stop + 1] == b"\n"
        line = buffer[match.start("line") : end]
        behind = buffer[body[1] : end]
        self._emit(inline, match, buffer[body[0] : body[1]], line, wire.take(stop), encoding, behind)
        return True

    def _emit(
        self,
        inline: Inline,
        match: re.Match[bytes],
        body: bytes,
        line: bytes,
        span: Span,
        encoding: str,
        behind: bytes = b"",
    ) -> None:
        params = inline.syntax.params[: inline.syntax.payload]
        before = [to_text(match[param.name]).strip(grammar.BLANK) for param in params]
        announced = int(before[inline.counter]) if before[inline.counter].isdigit() else None
        if encoding == "raw" and announced is not None and _escaped_length(body.strip(b" ")) == announced:
            body, encoding = body.strip(b" ")[1:-1], "quoted"
        more = [to_text(one) for one in behind.split(b",")[1:]] if inline.tail else []
        arguments = inline.syntax.read([*before, to_text(body), *more])
        sizes = {"hex": 2 * (announced or 0), "quoted": len(body)}
        if announced is not None and len(body) != sizes.get(encoding, announced):
            self._channel.finding(
                span.last_ns,
                "module",
                "payload.length",
                name=inline.name,
                announced=announced,
                kind="payload",
                came=len(body),
            )
        answer = self._channel.pairing.answer_with_payload(inline, arguments)
        via: Via = "urc" if answer.owner is None else "answer"
        connect_id = _connection(answer, arguments.params)
        payload = self._channel.decode(span, "module", connect_id, inline.name, via=via, encoding=encoding, body=body)
        self._take(answer, to_text(line), span, payload)


def _connection(answer: Answer, params: Params) -> ConnectId:
    """Return the connection that a line names, or else the command that it answers."""
    named = connection(params)
    return connection(answer.owner.issued.params) if named is None and answer.owner is not None else named


def _escaped_length(body: bytes) -> int:
    r"""Return how long a quoted string with ``\"`` in it really is, or -1 if it is no quoted string."""
    return len(body[1:-1].replace(b'\\"', b'"')) if len(body) > 1 and body[:1] == body[-1:] == b'"' else -1


def _is_length(text: bytes) -> bool:
    return len(text) <= 8 and text.strip().isdigit() and int(text) <= MAX_LINE


def _connect_id(inline: Inline, match: re.Match[bytes]) -> int | None:
    text = match["connect_id"] if inline.connects else b""
    return int(text) if text.strip().isdigit() else None


def _ends_line(buffer: bytes, end: int) -> bool:
    """Tell whether a line ends at ``end``. Between CR and LF it does not: then a byte of payload was lost."""
    return buffer[end] == 0x0D or (buffer[end] == 0x0A and buffer[end - 1] != 0x0D)
