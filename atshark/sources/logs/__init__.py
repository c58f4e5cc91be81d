"""Text logs, of programs and of people: told apart by content, read as chunks.

Strategy: the head of a log decides. reading.py proposes how it may be read: which encoding (text.py), which format (a
table, a known format, marks learned from the log, or none at all), what stands around the content (quoting.py), how
bytes are written (content.py), whether its marks say who spoke (else speakers.py tells). judge.py decodes the head in
each of these ways and takes the one that makes most sense. Then the whole log is read in one pass, with bounded
memory (assembly.py). Whatever had to be assumed is said in notes.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import BinaryIO

from atshark.sources.logs import host, shape, text
from atshark.sources.logs.assembly import Assembly
from atshark.sources.logs.content import from_hex, is_hex
from atshark.sources.logs.formats import Numbered
from atshark.sources.logs.judge import Verdict, judge
from atshark.sources.logs.reading import HEAD_ENTRIES, PLAIN, Pass, Reading, completed, readings
from atshark.sources.logs.record import Entry
from atshark.sources.notes import Note, joined
from capture.chunk import Chunk, Mark, MarkChunk, Side
from capture.errors import AtsharkError
from capture.timing import timing_of
from decoder.catalog import Catalog

HEAD = 1 << 18
_HEAD_LINES = 2000
_DATED_NS = 50 * 365 * 86_400_000_000_000

_MAX_SAID = 1000
"""Lines of the host that are kept until the traffic behind them comes."""


class Log:
    """A text log that was recognised. ``format`` is its id, ``notes`` what had to be assumed, ``line`` where it is.

    ``verdict`` says which readings were tried and why one was taken. ``reading`` and ``sides`` force them.
    """

    def __init__(
        self, stream: BinaryIO, head: bytes, name: str, encoding: str, *,
        known: Catalog | None = None, reading: str | None = None, sides: Mapping[str, Side] | None = None,
    ) -> None:  # fmt: skip
        self.notes: list[str] = []
        self.name = name
        self.line = 0
        self._encoding = encoding
        whole = len(head) < HEAD
        sample = list(islice(text.lines(io.BytesIO(head), self._encoding), _HEAD_LINES))
        if not whole and len(sample) > 1 and len(sample) < _HEAD_LINES:
            sample.pop()
        self._wash = text.Wash(sample)
        washed = list(self._washed(iter(sample), text.Wash(sample)))
        found = self._traffic(readings(washed), washed)
        if sides is not None:
            found = [one for one in (completed(one, washed, sides) for one in found) if one.sides]
            if not found:
                raise AtsharkError(f"{self.name}: none of its lines has a mark that is called {' or '.join(sides)}")
        if reading is not None:
            found = self._forced(found, reading)
        self.verdict: Verdict = judge(found, washed, known, given=sides is not None)
        self.reading = self.verdict.reading
        self.format = self.reading.format
        entries = list(islice(Pass(self.reading).entries(washed), HEAD_ENTRIES))
        self.timing = timing_of(entry.time_ns for entry in entries)
        self._note(entries)
        self._lines = self._washed(text.lines(stream, self._encoding), self._wash)

    def _washed(self, lines: Iterator[str], wash: text.Wash) -> Iterator[Numbered]:
        for number, line in enumerate(lines, 1):
            kept = wash.line(line)
            if kept is not None:
                yield number, kept

    def _traffic(self, found: list[Reading], head: list[Numbered]) -> list[Reading]:
        """The readings that find AT traffic. Raises AtsharkError if there are none."""
        kept = [one for one in found if _has_traffic(one, list(islice(Pass(one).entries(head), HEAD_ENTRIES)))]
        if not kept:
            raise AtsharkError(f"{self.name}: text, but nothing in its first {len(head)} lines looks like AT traffic")
        return kept

    def _forced(self, found: list[Reading], name: str) -> list[Reading]:
        chosen = [one for one in found if name in (one.name, one.format)]
        if not chosen:
            names = ", ".join(dict.fromkeys(one.name for one in found))
            raise AtsharkError(f"{self.name}: no reading is called {name}; this log may be read as {names}")
        return chosen[:1]

    def _note(self, entries: list[Entry]) -> None:
        reading, style = self.reading, self.reading.style
        notes = [Note(f"read as {reading.title}", f"按{reading.title_zh}读取")]
        if self._encoding != "utf-8":
            notes.append(Note(f"encoding {self._encoding.upper()}", f"编码{self._encoding.upper()}"))
        if reading.quoting.layers:
            notes.append(Note(f"quotes taken off: {reading.quoting}", f"已去掉引号:{reading.quoting}"))
        if reading.sides is None:
            notes.append(Note("who spoke is told from what is said", "收发方向根据内容判断"))
        if not any(entry.time_ns for entry in entries):
            notes.append(Note("no times", "没有时间"))
        elif all((entry.time_ns or 0) < _DATED_NS for entry in entries):
            notes.append(Note("times without a date", "时间没有日期"))
        if style.lost and not any(entry.data for entry in entries):
            notes.append(
                Note(
                    "line ends put back: CR behind commands, CR LF around answers",
                    "已补回换行:命令后为CR,应答前后为CR LF",
                )
            )
        self.notes.append(joined(notes))
        if self.verdict.doubt:
            self.notes.append(Note(f"read with doubt: {self.verdict.doubt}", "读取存疑:没有一种读法与其完全吻合"))

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks of the log."""
        entries = Pass(self.reading)
        assembly = Assembly(self.reading, doubt=self.verdict.doubt)
        said: deque[Numbered] = deque(maxlen=_MAX_SAID)
        for chunk in assembly.chunks(entries.entries(host.overheard(self._lines, said))):
            while said and said[0][0] <= chunk.line:
                number, words = said.popleft()
                self.line = number
                yield MarkChunk.at(chunk.time_ns, chunk.side, Mark("host", words))
            self.line = chunk.line
            yield chunk
        for number, words in said:
            self.line = number
            yield MarkChunk.at(None, "mcu", Mark("host", words))
        skipped = self._wash.outside + entries.skipped
        if skipped:
            counted = "1 line" if skipped == 1 else f"{skipped} lines"
            self.notes.append(Note(f"{counted} left out: none of the log", f"略过{skipped}行:不属于日志"))


def _has_traffic(reading: Reading, entries: list[Entry]) -> bool:
    marked = reading.form is not PLAIN
    starts = [shape.start(line) for entry in entries for line in entry.lines]
    if any(at == 0 or (at is not None and marked) for at in starts) or any(entry.data for entry in entries):
        return True
    hexadecimal = [line for entry in entries for line in entry.lines if entry.content != "text" and is_hex(line)]
    return any(marked or b"AT" in from_hex(line).upper() for line in hexadecimal)


def open_log(
    stream: BinaryIO, head: bytes, name: str, *,
    known: Catalog | None = None, reading: str | None = None, sides: Mapping[str, Side] | None = None,
) -> Log | None:  # fmt: skip
    """Open a text log; None if the input is no text. Raises :class:`AtsharkError` for text without AT traffic."""
    encoding = text.encoding_of(head)
    if not text.is_text(head, encoding):
        return None
    return Log(stream, head, name, encoding, known=known, reading=reading, sides=sides)


__all__ = ["HEAD", "Log", "open_log"]
