"""Text logs, of programs and of people: told apart by content, read as chunks.

Strategy: the head of a log decides: which encoding (text.py), which format (a table, a known format, marks learned from
the log, or none at all), how bytes are written (content.py), whether its marks say who spoke (else speakers.py tells).
Then the whole log is read in one pass, with bounded memory. Whatever had to be assumed is said in notes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from typing import BinaryIO

from atshark.sources.logs import shape, tables, text
from atshark.sources.logs.content import Style, from_hex, is_hex, style_of, unescaped, written
from atshark.sources.logs.formats import LogFormat, Numbered, Reader, coverage, known
from atshark.sources.logs.learned import learn
from atshark.sources.logs.record import Entry
from atshark.sources.logs.speakers import Speakers
from capture import grammar
from capture.chunk import Chunk, Side
from capture.errors import AtsharkError
from capture.timing import timing_of

HEAD = 1 << 18
_HEAD_LINES = 2000
_HEAD_ENTRIES = 400
_GOOD = 0.6
_PLAIN = LogFormat(title="lines without marks", line=r"(?P<text>.*)$", content="either", id="plain")
_COMMENT = re.compile(r"(?<![:/])//")
_JOINED = re.compile(rf"(?<=[^\s:=,])[ \t]+(?={grammar.RESULT_BEHIND}\s*$)|(?<=^OK)[ \t]*(?=[+^][A-Z]{{3,}}\w*\s*[:=])")
_JOINED_COMMAND = re.compile(r"^(AT[^\s\"]*(?:\"[^\"]*\"[^\s\"]*)*)\s+(?=[+^][A-Z]|(?:OK|ERROR)\s*$)")


class Log:
    """A text log that was recognised. ``format`` is its id, ``notes`` what had to be assumed, ``line`` where it is."""

    def __init__(self, stream: BinaryIO, head: bytes, name: str, encoding: str) -> None:
        self.notes: list[str] = []
        self.name = name
        self.line = 0
        self._encoding = encoding
        whole = len(head) < HEAD
        sample = list(islice(text.lines(io.BytesIO(head), self._encoding), _HEAD_LINES))
        if not whole and len(sample) > 1 and len(sample) < _HEAD_LINES:
            sample.pop()
        self._wash = text.Wash(sample)
        washed = self._washed(iter(sample), text.Wash(sample))
        self._recognise(list(washed))
        self._lines = self._washed(text.lines(stream, self._encoding), self._wash)

    def _washed(self, lines: Iterator[str], wash: text.Wash) -> Iterator[Numbered]:
        for number, line in enumerate(lines, 1):
            kept = wash.line(line)
            if kept is not None:
                yield number, kept

    def _recognise(self, head: list[Numbered]) -> None:
        self._table = tables.json_table(head)
        self._delimiter = ""
        if self._table is None and (found := tables.csv_table(head)):
            self._table, self._delimiter = found
        self._format = _PLAIN
        self._inner: Reader | None = None
        if self._table is not None:
            self.format, title = ("csv" if self._delimiter else "jsonl"), self._table.title
            self._look_inside(head)
        else:
            self._format = _choose(head)
            self.format, title = self._format.id, self._format.title
        self._reader = Reader(self._format)
        entries = list(islice(self._entries(iter(head), trial=True), _HEAD_ENTRIES))
        marked = self._format is not _PLAIN
        starts = [shape.start(line) for entry in entries for line in entry.lines]
        traffic = sum(1 for at in starts if at == 0 or (at is not None and marked))
        hexadecimal = [line for entry in entries for line in entry.lines if entry.content != "text" and is_hex(line)]
        traffic += sum(1 for line in hexadecimal if marked or b"AT" in from_hex(line).upper())
        if not traffic and not any(entry.data for entry in entries):
            raise AtsharkError(f"{self.name}: text, but nothing in its first {len(head)} lines looks like AT traffic")
        self._style = style_of(entries)
        self._sides = _sides(entries)
        self._echo = _echoes(entries)
        self._note(title, entries)
        self.timing = timing_of(entry.time_ns for entry in entries)

    def _look_inside(self, head: list[Numbered]) -> None:
        """A column may hold lines of a log with marks of their own."""
        entries = list(islice(self._entries(iter(head), trial=True), _HEAD_ENTRIES))
        contents = [(entry.number, entry.lines[0]) for entry in entries if entry.lines and entry.content != "hex"]
        starts = [at for _, line in contents if (at := shape.start(line)) is not None]
        if starts and sum(1 for at in starts if at > 0) > len(starts) // 2:
            form = _choose(contents)
            self._inner = Reader(form) if form is not _PLAIN else None

    def _entries(self, lines: Iterator[Numbered], *, trial: bool = False) -> Iterator[Entry]:
        if self._table is not None:
            if self._delimiter:
                entries = tables.csv_entries(self._table, self._delimiter, lines)
            else:
                entries = tables.json_entries(self._table, lines)
            return entries if self._inner is None else _inside(entries, self._inner)
        reader = Reader(self._format) if trial else self._reader
        return reader.entries(lines)

    def _note(self, title: str, entries: list[Entry]) -> None:
        notes = [f"read as {title}"]
        if self._encoding != "utf-8":
            notes.append(f"encoding {self._encoding.upper()}")
        if self._sides is None:
            notes.append("who spoke is told from what is said")
        if not any(entry.time_ns for entry in entries):
            notes.append("no times")
        elif all((entry.time_ns or 0) < 50 * 365 * 86_400_000_000_000 for entry in entries):
            notes.append("times without a date")
        if self._style.lost and not any(entry.data for entry in entries):
            notes.append("line ends put back: CR behind commands, CR LF around answers")
        self.notes.append("; ".join(notes))

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks of the log."""
        speakers = Speakers(echo=self._echo)
        entries = self._entries(iter(self._lines))
        if self._format is _PLAIN and self._table is None:
            entries = _without_prose(entries)
        for entry in _mended(entries, self._style):
            self.line = entry.number
            yield from self._entry(entry, speakers)
        skipped = self._wash.outside + (self._table.skipped if self._table is not None else self._reader.skipped)
        if skipped:
            self.notes.append(f"{skipped} {'line' if skipped == 1 else 'lines'} left out: none of the log")

    def _entry(self, entry: Entry, speakers: Speakers) -> Iterator[Chunk]:
        side = self._sides.get(entry.mark or "", entry.side) if self._sides is not None else None
        if side is not None:
            shown = "\n".join(entry.lines)
            payload = speakers.heard(side, shown)
            if side == "mcu" and not payload and not (self._style.escapes or self._style.hexadecimal):
                entry = entry._replace(lines=tuple(_uncommented(line) for line in entry.lines))
            if side == "module" and self._style.lost and entry.content != "hex" and entry.size is None:
                entry = entry._replace(lines=tuple(part for line in entry.lines for part in _parted(line)))
            yield from self._chunk(entry, side, speakers, payload=payload)
            return
        if entry.data is not None or self._style.hexadecimal or entry.content == "hex":
            data = written(entry, "module", self._style, payload=False)
            told, payload = speakers.tell(data.decode("utf-8", "surrogateescape"))
            if data:
                yield Chunk(entry.time_ns, told, data)
            return
        for line in entry.lines:
            for part in _parted(line):
                told, payload = speakers.tell(_plain_text(part, self._style))
                command = told == "mcu" and not payload and not self._style.escapes
                kept = _uncommented(part) if command else part
                yield from self._chunk(entry._replace(lines=(kept,), size=None), told, speakers, payload=payload)

    def _chunk(self, entry: Entry, side: Side, speakers: Speakers, *, payload: bool) -> Iterator[Chunk]:
        data = written(entry, side, self._style, payload=payload)
        if payload and speakers.further and self._style.lost:
            data = b"\r\n" + data
        if data:
            yield Chunk(entry.time_ns, side, data)


def _inside(entries: Iterator[Entry], inner: Reader) -> Iterator[Entry]:
    """Read the lines of a log that stand in a column of a table."""
    for entry in entries:
        found = inner.inside(entry)
        if found is not None:
            yield found


def _choose(head: list[Numbered]) -> LogFormat:
    """Choose the format that explains the AT traffic of the head."""
    best: tuple[float, LogFormat] | None = None
    for form in known():
        share = coverage(form, head)
        if share >= _GOOD and (best is None or (form.rank == best[1].rank and share > best[0])):
            best = (share, form)
        if best is not None and form.rank < best[1].rank:
            break
    if best is not None:
        return best[1]
    found = learn(head)
    return found if found is not None and coverage(found, head) >= _GOOD else _PLAIN


def _sides(entries: list[Entry]) -> dict[str, Side] | None:
    """Which mark is whose; None if the marks do not say who spoke: there are none, or all lines have the same."""
    commands: dict[str, int] = {}
    answers: dict[str, int] = {}
    sides: dict[str, Side] = {}
    for entry in entries:
        mark = entry.mark or (entry.side or "")
        first = next((line.strip() for line in entry.lines if line.strip()), "")
        if entry.content != "text" and is_hex(first):
            first = from_hex(first).decode("utf-8", "replace").strip()
        if entry.side is not None:
            sides[mark] = entry.side
        if grammar.is_command(first):
            commands[mark] = commands.get(mark, 0) + 1
        elif grammar.is_answer(first):
            answers[mark] = answers.get(mark, 0) + 1
    if not sides:
        if all(entry.data for entry in entries):
            return _wires(entries)
        marks = {entry.mark for entry in entries if entry.mark}
        of_mcu = [mark for mark in marks if commands.get(mark, 0) > answers.get(mark, 0)]
        if len(marks) != 2 or len(of_mcu) != 1:
            return None
        return {mark: "mcu" if mark == of_mcu[0] else "module" for mark in marks}
    spoke = set(sides.values())
    if len(spoke) == 1 and any(commands.get(mark) for mark in sides) and any(answers.get(mark) for mark in sides):
        return None
    mcu = [mark for mark, side in sides.items() if side == "mcu"]
    of_module = sum(commands.get(mark, 0) for mark, side in sides.items() if side == "module")
    of_mcu_answers = sum(answers.get(mark, 0) for mark in mcu)
    if mcu and of_mcu_answers > sum(commands.get(mark, 0) for mark in mcu) and of_module:
        return {mark: "module" if side == "mcu" else "mcu" for mark, side in sides.items()}
    if not mcu and of_module:
        return None
    return sides


def _echoes(entries: list[Entry]) -> bool:
    """Whether commands stand there twice, once as the module repeats them."""
    lines = [line.strip() for entry in entries for line in entry.lines if line.strip()]
    return any(one == two and grammar.is_command(one) and len(one) > 2 for one, two in pairwise(lines))


def _wires(entries: list[Entry]) -> dict[str, Side] | None:
    """Tell unnamed wires by all that was said on each, where records are bytes."""
    said: dict[str, bytearray] = {}
    for entry in entries:
        if entry.data:
            said.setdefault(entry.mark or "", bytearray()).extend(entry.data)
    mcu = [mark for mark, data in said.items() if data.upper().startswith(b"AT") and b"\nOK" not in data]
    if not said or len(said) > 2 or len(mcu) > 1 or (len(said) == 2 and not mcu):
        return None
    return {mark: "mcu" if mark in mcu else "module" for mark in said}


def _plain_text(part: str, style: Style) -> str:
    if not style.escapes:
        return part
    return unescaped(part, style.escapes[0]).strip("\r\n")


def _uncommented(line: str) -> str:
    """Take a comment off a command: what follows // outside quotes."""
    for match in _COMMENT.finditer(line):
        if line.count('"', 0, match.start()) % 2 == 0:
            return line[: match.start()].rstrip()
    return line


def _parted(line: str) -> Iterator[str]:
    """Take a line apart that was several: an echo and its answer, an answer and its result, a prompt and payload."""
    if match := re.match(r"\s*(>) ?(?=\S)", line):
        yield ">"
        yield line[match.end() :]
        return
    if grammar.is_final(line.strip()):
        yield line
        return
    if match := _JOINED_COMMAND.match(line.strip()):
        yield match[1]
        line = line.strip()[match.end() :]
    elif grammar.is_command(line.strip()):
        yield line
        return
    at = 0
    for match in _JOINED.finditer(line):
        if line.count('"', 0, match.start()) % 2 == 0:
            yield line[at : match.start()]
            at = match.end()
    yield line[at:]


def _mended(entries: Iterable[Entry], style: Style) -> Iterator[Entry]:
    """Put answers together that a logger has cut, where the line ends do not tell."""
    held: Entry | None = None
    for entry in entries:
        whole = entry
        if held is not None:
            first = entry.lines[0] if entry.lines else ""
            if entry.mark == held.mark and entry.side == held.side and first and _goes_on(first.strip()):
                whole = held._replace(lines=(*held.lines[:-1], held.lines[-1] + first, *entry.lines[1:]), size=None)
            else:
                yield held
            held = None
        if style.lost and entry.data is None and entry.content != "hex" and _cut(whole):
            held = whole
        else:
            yield whole
    if held is not None:
        yield held


def _goes_on(text: str) -> bool:
    """Whether a record may be the rest of the one before."""
    return not grammar.is_answer(text) and not grammar.is_command(text)


def _cut(entry: Entry) -> bool:
    """Whether a record ends inside a line: inside quotes, or inside a name or a result."""
    if entry.side == "mcu" or not entry.lines:
        return False
    last = entry.lines[-1]
    bare = last.strip()
    if not bare or grammar.is_command(bare):
        return False
    if bare[0] in "+^" and bare.count('"') % 2 == 1:
        return True
    return bare in ("O", "E", "ER", "ERR", "ERRO", "+") or re.fullmatch(r"\+[A-Z]{2,4}", bare) is not None


_PROSE = re.compile(r"[\u3400-\u9fff]{4,}|[.!?;,](?:\s|$)|^\s*(?:#|\*|-|>\s\w)|(?<![A-Za-z])(?:[A-Za-z]{2,}\s+){4,}")


def _without_prose(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Leave out what people wrote around the lines of a log that has no marks."""
    held: list[Entry] = []
    begun = False
    for entry in entries:
        line = entry.lines[0] if entry.lines else ""
        if shape.start(line) == 0 or is_hex(line):
            begun = True
            yield from held
            held.clear()
            yield entry
        elif not line.strip():
            (held.append(entry) if held else None)
        elif _PROSE.search(line) and not begun:
            continue
        elif _PROSE.search(line):
            held.append(entry)
            if len(held) > 64:
                held.clear()
        else:
            yield from held
            held.clear()
            yield entry


def open_log(stream: BinaryIO, head: bytes, name: str) -> Log | None:
    """Open a text log; None if the input is no text. Raises :class:`AtsharkError` for text without AT traffic."""
    encoding = text.encoding_of(head)
    return Log(stream, head, name, encoding) if text.is_text(head, encoding) else None


__all__ = ["HEAD", "Log", "open_log"]
