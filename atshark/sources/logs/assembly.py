"""The records of a log to chunks: who said each, as which bytes.

Strategy: a record whose mark says whose it is, is that side's. All others are taken apart into lines, cleaned of what
a program printed into them (parts.py), and told apart by what they say (speakers.py), with a few lines of outlook:
whether a command stands there again, and whether an answer follows. Memory is bounded by the outlook.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from atshark.sources.logs import shape
from atshark.sources.logs.content import from_hex, is_hex, meant, of_size, to_bytes, written
from atshark.sources.logs.parts import Cleaner, parted, plain_punctuation, uncommented, unremarked
from atshark.sources.logs.reading import Reading
from atshark.sources.logs.record import Entry
from atshark.sources.logs.speakers import Speakers
from capture import grammar
from capture.chunk import LogChunk, Side

_OUTLOOK = 10
_INFO = re.compile(rb"[+#%^][A-Za-z]\w+ ?:")
_COUNTS = re.compile(rb"(?<=[:, ])\d{1,5}(?=,|\s*$)")
_LINES = re.compile(r"[^\r\n]*(?:\r*\n|\r+)|[^\r\n]+")
_PROSE = re.compile(r"[\u3400-\u9fff]{4,}|[.!?;,](?:\s|$)|^\s*(?:#|\*|-|>\s\w)|(?<![A-Za-z])(?:[A-Za-z]{2,}\s+){4,}")
_NARROWEST = 40
"""Columns of the narrowest terminal that wraps: where nothing marks a read, the module ended a shorter line itself."""


class _Item(NamedTuple):
    """A record of a side (``line`` None), or one line that is to be told."""

    entry: Entry
    side: Side | None
    line: str | None

    @property
    def shown(self) -> str:
        """What a reader sees of it first."""
        return self.line if self.line is not None else "\n".join(self.entry.lines).strip()


class Assembly:
    """Turns the records of a log into chunks, by a reading. ``dropped``: what a program printed between."""

    def __init__(self, reading: Reading, *, doubt: str = "") -> None:
        self._reading = reading
        self._style = reading.style
        self._doubt = doubt
        self._exact = not reading.style.lost
        self._speakers = Speakers(echo=reading.echo)
        self._cleaner = Cleaner()
        self._counts: Collection[int] = ()
        self._held: list[Entry] = []
        """Lines of payload of which not all have come: together they tell what their line ends were."""
        self._sizes: frozenset[int] = frozenset()
        self.line = 0

    @property
    def dropped(self) -> int:
        """How many lines had text of a program in them."""
        return self._cleaner.dropped

    def chunks(self, entries: Iterable[Entry]) -> Iterator[LogChunk]:
        """Yield the chunks of the records."""
        if self._reading.told:
            entries = without_prose(entries)
        items = (item for entry in mended(entries, self._reading) for item in self._items(entry))
        for item, following, alike in _outlook(items):
            self.line = item.entry.number
            if item.line is None:
                yield from self._released()
                yield from self._known(item.entry, item.side or "module")
            else:
                yield from self._told(item.entry, item.line, following, alike)
        yield from self._released()

    def _items(self, entry: Entry) -> Iterator[_Item]:
        sides = self._reading.sides
        side = sides.get(entry.mark or "", entry.side) if sides is not None else None
        if side is not None:
            yield _Item(entry, side, None)
        elif entry.data is not None or self._style.hexadecimal or entry.content == "hex" or self._hex(entry):
            yield _Item(entry, None, None)
        elif self._style.escapes:
            for line in _LINES.findall(meant("\n".join(entry.lines), self._style)):
                yield _Item(entry, None, line)
        else:
            for line in entry.lines:
                yield _Item(entry, None, line)

    @staticmethod
    def _hex(entry: Entry) -> bool:
        return (
            entry.content == "either" and len(entry.lines) == 1 and len(entry.lines[0]) > 8 and _is_dump(entry.lines[0])
        )

    def _known(self, entry: Entry, side: Side) -> Iterator[LogChunk]:
        """A record whose side is known, or whose bytes are."""
        if self._reading.sides is None or self._reading.sides.get(entry.mark or "", entry.side) is None:
            raw = entry._replace(content="hex") if entry.data is None else entry
            data = written(raw, "module", self._style, payload=False)
            told, _ = self._speakers.tell(data.decode("utf-8", "surrogateescape"))
            if data:
                yield self._at(entry, told, data)
            return
        bytes_known = bool(
            self._style.escapes or self._style.hexadecimal or entry.data is not None or entry.content == "hex"
        )
        shown = "\n".join(entry.lines)
        payload = self._speakers.heard(side, meant(shown, self._style) if self._style.escapes else shown)
        if side == "mcu" and not payload and not bytes_known:
            entry = entry._replace(lines=tuple(uncommented(plain_punctuation(line)) for line in entry.lines))
        if side == "module" and self._style.lost and not bytes_known and entry.size is None:
            lines = [part for line in entry.lines for part in parted(unremarked(plain_punctuation(line)))]
            entry = entry._replace(lines=tuple(lines))
        yield from self._chunk(entry, side, payload=payload)

    def _told(self, entry: Entry, line: str, following: str, alike: int) -> Iterator[LogChunk]:
        if self._speakers.awaits_line_end and not line.strip() and shape.is_final(following.strip()):
            self._speakers.tell("  ")
            yield self._at(entry, "mcu", b"\r\n")
            return
        if self._style.escapes:
            side, payload = self._speakers.tell(line.strip("\r\n"), alike)
            if side == "mcu" and not payload:
                line = line.strip("\r\n") + "\r"
            elif side == "module" and "module" not in self._style.ends and line.rstrip("\r\n") == line:
                line = f"\r\n{line}\r\n"
            yield self._at(entry, side, to_bytes(line))
            return
        for clean in self._cleaner.lines(line, following):
            for part in parted(clean):
                side, payload = self._speakers.tell(part, alike)
                one = entry._replace(lines=(part,), size=None)
                if payload and self._style.lost:
                    self._held.append(one)
                    self._sizes = self._speakers.sizes
                    if not self._speakers.awaits_payload:
                        yield from self._released()
                    continue
                yield from self._released()
                if side == "mcu":
                    one = one._replace(lines=(uncommented(part),))
                yield from self._chunk(one, side, payload=False)

    def _released(self) -> Iterator[LogChunk]:
        """Yield the payload that is held, its lines put together so that it is as long as its command says."""
        held, self._held = self._held, []
        if not held:
            return
        lines = tuple(line for one in held for line in one.lines)
        size = next((one for one in sorted(self._sizes) if len(lines) > 1 and of_size(lines, one) is not None), None)
        data = written(held[0]._replace(lines=lines, size=size), "mcu", self._style, payload=True)
        if data:
            yield self._at(held[0], "mcu", data)

    def _chunk(self, entry: Entry, side: Side, *, payload: bool) -> Iterator[LogChunk]:
        data = written(entry, side, self._style, payload=payload)
        if payload and self._speakers.further and self._style.lost:
            data = b"\r\n" + data
        if side == "module" and self._style.lost and entry.data is None:
            data = self._counted(data)
        if data:
            yield self._at(entry, side, data)

    def _counted(self, data: bytes) -> bytes:
        """Take the line end in front of a line off that is as long as the line before it says: it is its payload."""
        line = data.strip(b"\r\n")
        if not line:
            return data
        counts = self._counts
        self._counts = frozenset(map(int, _COUNTS.findall(line))) if _INFO.match(line) else ()
        return data.removeprefix(b"\r\n") if len(line) in counts or len(line) / 2 in counts else data

    def _at(self, entry: Entry, side: Side, data: bytes) -> LogChunk:
        exact = self._exact or entry.data is not None or entry.content == "hex"
        return LogChunk.at(entry.time_ns, side, data, entry.number, exact=exact, doubt=self._doubt)


def _is_dump(line: str) -> bool:
    return is_hex(line) and " " in line.strip() and from_hex(line)[:2].upper() in (b"AT", b"\r\n", b"OK")


def _outlook(items: Iterable[_Item]) -> Iterator[tuple[_Item, str, int]]:
    """Yield each item with the next line that is not blank, and how many lines from it on say the same."""
    ahead: deque[_Item] = deque()
    source = iter(items)
    for item in source:
        ahead.append(item)
        if len(ahead) > _OUTLOOK:
            yield _seen(ahead)
    while ahead:
        yield _seen(ahead)


def _seen(ahead: deque[_Item]) -> tuple[_Item, str, int]:
    item = ahead.popleft()
    if item.line is None:
        return item, "", 1
    bare, following, alike = item.line.strip().casefold(), "", 1
    for one in ahead:
        shown = one.shown.strip()
        if not shown:
            continue
        following = following or shown
        if alike and shown.casefold() == bare:
            alike += 1
        else:
            break
    return item, following, alike


def mended(entries: Iterable[Entry], reading: Reading) -> Iterator[Entry]:
    """Put answers together that a logger has cut, where the line ends do not tell."""
    held: Entry | None = None
    lost = reading.style.lost
    for entry in entries:
        whole = entry
        if held is not None:
            first = entry.lines[0] if entry.lines else ""
            if entry.mark == held.mark and entry.side == held.side and first and _goes_on(first.strip()):
                whole = held._replace(lines=(*held.lines[:-1], held.lines[-1] + first, *entry.lines[1:]), size=None)
            else:
                yield held
            held = None
        if lost and entry.data is None and entry.content != "hex" and _cut(whole):
            held = whole
        else:
            yield whole
    if held is not None:
        yield held


def _goes_on(text: str) -> bool:
    """Whether a record may be the rest of the one before."""
    return not shape.is_answer(text) and not grammar.is_command(text)


def _cut(entry: Entry) -> bool:
    """Whether a record ends inside a line: inside quotes, or inside a name or a result."""
    if entry.side == "mcu" or not entry.lines:
        return False
    last = entry.lines[-1]
    bare = last.strip()
    if not bare or grammar.is_command(bare):
        return False
    if bare[0] in "+^" and bare.count('"') % 2 == 1:
        return entry.mark is not None or entry.time_ns is not None or len(last) >= _NARROWEST
    return bare in ("O", "E", "ER", "ERR", "ERRO", "+") or re.fullmatch(r"\+[A-Z]{2,4}", bare) is not None


def without_prose(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Leave out what people wrote around the lines of a log that has no marks."""
    held: list[Entry] = []
    begun = False
    for entry in entries:
        line = entry.lines[0] if entry.lines else ""
        if is_hex(line) or (shape.start(unremarked(line)) == 0 and not _names_a_command(line)):
            begun = True
            yield from held
            held.clear()
            yield entry
        elif not line.strip():
            (held.append(entry) if held else None)
            if not held and begun:
                yield entry
        elif _PROSE.search(line) and not begun and not _glued(line):
            continue
        elif _PROSE.search(line) and not _glued(line):
            held.append(entry)
            if len(held) > 64:
                held.clear()
        else:
            yield from held
            held.clear()
            yield entry


def _names_a_command(line: str) -> bool:
    """Whether a line that begins with a command is a sentence about it."""
    bare = line.strip()
    if not grammar.is_command(bare) or shape.is_whole_command(bare):
        return False
    parts = list(parted(bare))
    return len(parts) == 1 and not shape.is_whole_command(uncommented(bare))


def _glued(line: str) -> bool:
    """Whether a command stands right behind other text, without a blank: a program printed both."""
    return re.search(r"[^\s\w\"'(]AT[+^$%*#&][A-Z]{2,}", line) is not None
