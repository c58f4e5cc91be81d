"""Formats of logs that write one record a line, or a head line and its content below: each is a file in ``known/``.

A format says by a regular expression what a record looks like: its groups are ``time`` (``time2`` where it may stand in
two places, ``ms`` since the start), ``side`` (the mark of the direction), ``text`` (the content) and, where the program
writes them, ``content`` (ASCII or HEX) and ``size`` (bytes).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from atshark.sources.logs import content, quoting, shape
from atshark.sources.logs.record import Content, Entry
from atshark.sources.logs.times import SECOND, STAMP, Clock
from capture import grammar
from capture.chunk import Side

Numbered = tuple[int, str]
STAMP_SIGN, DIGIT_SIGN = "\x01", "\x02"
_DIGITS, _BLANKS = re.compile(r"\d+"), re.compile(r"[ \t]+")
_LEADING = re.compile(
    r"^(?:\s|\\[rn]|\\x0[adAD]|\\0[AD]|[<\[{](?:CR|LF|0[xX]?0[AaDd]|0[AD])[>\]}]|\^[MJ]|\(01[03]\)|␍|␊)+",
    re.IGNORECASE,
)
"""White space and line ends in front of content, however they are written."""
_QUOTE = re.compile(r"^(?:[bBuU]?[\"'`“‘]|\[)+(?:\\[rn])*")
_ANYTHING = re.compile(r"\w")
_MAX_SIZE = 1 << 16
"""Characters of a record; the rest is another one."""
_MISSED = 1000
_MAX_QUOTED = 100
"""Lines of a record that is quoted over several."""
_CONTENTS: dict[str, Content] = {"hex": "hex", "ascii": "text", "text": "text", "asc": "text"}


def normal(prefix: str) -> str:
    """Make marks that differ in times and counters equal."""
    return _BLANKS.sub(" ", _DIGITS.sub(DIGIT_SIGN, STAMP.sub(STAMP_SIGN, prefix))).lstrip()


class LogFormat(msgspec.Struct, forbid_unknown_fields=True):
    """A format: ``line`` finds a record; ``more`` says what lines that it does not find are.

    ``zh``: the title in Chinese, where it is another. ``sides``: which mark means which side, in lower case.
    ``rank``: formats of a higher rank are asked first. ``ends``: characters that the program adds behind the
    content. ``needs``: a pattern that some line must have. ``learned``: the marks are those of learned.py: with
    their times inside, and compared by :func:`normal`. ``skip``: lines that are the program's own, whatever
    ``more`` says. ``said``: pairs of a pattern and what it means, where a program writes results in its own words.
    ``whole``: every record is a whole line, also where it does not end like one.
    """

    title: str
    line: str
    zh: str = ""
    sides: dict[str, Side] = {}
    content: Content = "text"
    more: Literal["nothing", "text", "hex", "told"] = "nothing"
    hex: str = r"\s*(?:[0-9A-Fa-f]{4,8}:?\s+)?(?P<hex>(?:[0-9A-Fa-f]{2}[ -]?)+)(?:\s{2,}.*|\s+\|.*)?$"
    ends: str = ""
    needs: str = ""
    learned: bool = False
    rank: int = 5
    id: str = ""
    skip: str = ""
    said: list[tuple[str, str]] = []
    whole: bool = False

    def pattern(self) -> re.Pattern[str]:
        """Return the compiled pattern of a record."""
        return re.compile(self.line)


@cache
def known() -> tuple[LogFormat, ...]:
    """Load the formats that come with atshark, those of high rank first."""
    found = []
    for file in resources.files("atshark.sources.logs").joinpath("known").iterdir():
        if file.name.endswith(".toml"):
            one = msgspec.convert(tomllib.loads(file.read_text("utf-8")), LogFormat)
            one.id = file.name.removesuffix(".toml")
            found.append(one)
    return tuple(sorted(found, key=lambda one: (-one.rank, one.id)))


def _content(literal: str) -> str:
    """What a literal holds, without the line ends at its end."""
    inner = literal[literal.index(literal[-1]) + 1 : -1]
    return content.unescaped(inner, "c").strip("\r\n")


class Stamps:
    """Takes a column with a time off lines that hold records of another format.

    ``now_ns``: the time of the line last given.
    """

    def __init__(self, form: LogFormat) -> None:
        self._line = form.pattern()
        self._learned = form.learned
        self._escaped = form.content == "escaped"
        self.clock = Clock()
        self.now_ns: int | None = None

    def lines(self, lines: Iterable[Numbered]) -> Iterator[Numbered]:
        """Yield what stands behind the column; a line that has none as it is."""
        for number, line in lines:
            match = self._line.match(line)
            if match is None:
                yield number, line
                continue
            when = None
            if self._learned:
                stamp = STAMP.search(match["side"])
                when = stamp[0] if stamp else None
            elif "time" in match.re.groupindex:
                when = match["time"]
            if when:
                self.now_ns = self.clock.ns(when)
            yield number, _content(match["text"]) if self._escaped else match["text"]


class Reader:
    """Reads the records of one log; ``skipped`` counts lines that are none, ``missed`` those that look like some."""

    def __init__(self, form: LogFormat, stamps: Stamps | None = None) -> None:
        self.form = form
        self.clock = Clock()
        self.skipped = 0
        self.missed = 0
        self._stamps = stamps
        self._line = form.pattern()
        self._hex = re.compile(form.hex)
        self._skip = re.compile(form.skip) if form.skip else None
        self._said = [(re.compile(pattern), meaning) for pattern, meaning in form.said]

    def entries(self, lines: Iterable[Numbered]) -> Iterator[Entry]:
        """Yield the records in ``lines``, each when the next one begins."""
        more = self.form.more
        may_quote = "side" in self._line.groupindex
        entry: Entry | None = None
        extra: list[str] = []
        size = 0
        quoted = False
        for number, line in lines:
            match = self._line.match(line)
            if match:
                if entry is not None:
                    yield self._finished(entry, extra)
                entry, extra, size = self._begun(number, match), [], 0
                quoted = may_quote and len(entry.lines) == 1 and quoting.is_open(entry.lines[0])
            elif quoted and entry is not None:
                extra.append(line)
                quoted = not quoting.closes(entry.lines[0], line) and len(extra) < _MAX_QUOTED
            elif self._skip is not None and self._skip.match(line):
                if entry is not None:
                    yield self._finished(entry, extra)
                    entry, extra = None, []
                self.skipped += 1
            elif more == "told":
                if entry is not None:
                    yield self._finished(entry, extra)
                    entry, extra = None, []
                yield Entry(number, self._now(), None, None, (line,), "text")
            elif entry is None or more == "nothing":
                self.skipped += _ANYTHING.search(line) is not None
                self.missed += self.missed < _MISSED and shape.begins_traffic(line.strip())
            elif (content := line if more == "text" else self._digits(line)) is not None:
                size += len(line)
                if size > _MAX_SIZE:
                    yield self._finished(entry, extra)
                    entry, extra, size = entry._replace(number=number, lines=(), size=None), [], len(line)
                extra.append(content)
            else:
                self.skipped += _ANYTHING.search(line) is not None
        if entry is not None:
            yield self._finished(entry, extra)

    def _now(self) -> int | None:
        return self._stamps.now_ns if self._stamps is not None else None

    def _digits(self, line: str) -> str | None:
        match = self._hex.match(line)
        return match["hex"] if match else None

    def _begun(self, number: int, match: re.Match[str]) -> Entry:
        found = match.groupdict()
        mark = (found.get("side") or "").strip()
        when = found.get("time") or found.get("time2")
        time_ns = self.clock.ns(when) if when else None
        if self.form.learned:
            stamp = STAMP.search(mark)
            time_ns = self.clock.ns(stamp[0]) if stamp else None
            mark = normal(mark).strip()
        if found.get("ms"):
            time_ns = int(found["ms"]) * (SECOND // 1000) or 1
            self.clock.dated = False
        text = found.get("text") or ""
        if self.form.ends:
            text = text.rstrip().removesuffix(self.form.ends)
        content = _CONTENTS.get((found.get("content") or "").lower(), self.form.content)
        for pattern, meaning in self._said:
            if said := pattern.fullmatch(text):
                text = said.expand(meaning)
                break
        if time_ns is None:
            time_ns = self._now()
        side = self.form.sides.get(mark if self.form.learned else mark.lower())
        size = int(found["size"]) if found.get("size") else None
        lines = (text,) if text or "text" in found else ()
        return Entry(number, time_ns, mark or None, side, lines, content, size)

    def _finished(self, entry: Entry, extra: list[str]) -> Entry:
        if self.form.more == "hex":
            return entry._replace(lines=(" ".join([*entry.lines, *extra]).strip(),), content="hex")
        if self.form.ends:
            extra = [line.rstrip().removesuffix(self.form.ends) for line in extra]
        return entry._replace(lines=(*entry.lines, *extra)) if extra else entry


def coverage(form: LogFormat, lines: list[Numbered]) -> float:
    """Tell how much of the AT traffic in ``lines`` is in records of ``form``: 0 to 1."""
    pattern, hexadecimal = form.pattern(), re.compile(form.hex)
    skip = re.compile(form.skip) if form.skip else None
    if form.needs and not any(re.search(form.needs, line) for _, line in lines):
        return 0.0
    records = explained = traffic = filled = passed = 0
    inside = False
    for _, line in lines:
        if not line.strip():
            continue
        filled += 1
        match = pattern.match(line)
        if match is None and skip is not None and skip.match(line):
            passed += 1
            continue
        records += match is not None
        inside = inside or match is not None
        good = match is not None or (
            (inside or form.more == "told")
            and (form.more in ("text", "told") or (form.more == "hex" and hexadecimal.match(line) is not None))
        )
        content = match.groupdict().get("text") or "" if match else line
        at = shape.start(_QUOTE.sub("", _LEADING.sub("", content), count=1))
        if at is not None:
            traffic += 1
            unmarked = match is None and grammar.is_command(content.lstrip())
            explained += good and not unmarked and at == 0
        elif good and form.content == "hex":
            traffic, explained = traffic + 1, explained + 1
    if records + passed < 2 and records < filled:
        return 0.0
    whole = (records + (filled - records if form.more != "nothing" and inside else 0)) / max(1, filled)
    return explained / traffic if traffic else whole
