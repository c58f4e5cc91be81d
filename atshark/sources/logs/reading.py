"""A reading of a text log: everything that must be known to turn its lines into what was said, as a value.

Strategy: :func:`readings` proposes several from the head of a log: known formats that explain some of it, formats
learned from it, and none at all; each with the quoting, the escapes and the sides that its own records show. judge.py
decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from atshark.sources.logs import shape, tables
from atshark.sources.logs.content import Style, from_hex, is_hex, meant, shows, style_of
from atshark.sources.logs.formats import LogFormat, Numbered, Reader, Stamps, coverage, known
from atshark.sources.logs.learned import learn
from atshark.sources.logs.quoting import Quoting, opened, quoting_of
from atshark.sources.logs.record import Entry
from atshark.sources.logs.speakers import repeats
from capture import grammar
from capture.chunk import Side

HEAD_ENTRIES = 400
LITERAL = LogFormat(
    title="lines quoted as a whole", zh="整行带引号的日志",
    line=r"(?P<side>[^'\"]{0,120}?)(?P<text>[bBuU]?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))[\s,)\]]*$",
    content="escaped", id="quoted", learned=True,
)  # fmt: skip
"""Each line is a literal, whatever stands in front: what the literal holds is a line of a log of its own."""
PLAIN = LogFormat(
    title="lines without marks", zh="无收发标记的文本", line=r"(?P<text>.*)$", content="either", id="plain"
)
_GOOD, _SURE, _SOME, _LITTLE = 0.6, 0.95, 0.25, 0.1
_MAX_KNOWN = 4
_SAMPLE = 300
"""Lines by which known formats are told, if they have traffic in them."""
_TAIL = re.compile(
    r"(?:(?<!\s)\s++(?:\.\.\.\w+|\(\d+ ?(?:ms|us|s)?\)|\[\d+ ?(?:ms|us|s)?\]|\|\s*\d+|@\s*\d+)"
    r"|(?<![ \t])[ \t]*+(?:<-+|->|=>|<=|[<\[(]?(?:TX|RX|SENT|RECV|MCU|MODULE)[>\])]?))\s*$",
    re.IGNORECASE,
)
"""What programs print behind their records: words behind dots, counters and milliseconds in brackets, marks."""

Sides = Mapping[str, Side]


class Reading(NamedTuple):
    """How a log is read. ``outer``: a column with times around the records; ``table``: columns, of CSV or JSON lines.

    ``tail``: something that the program prints stands behind each record. ``sides``: which mark is whose, None if
    what is said tells. ``echo``: how often each command stands there, where that is so. ``share``: of the traffic
    that is in records of this form.
    """

    name: str
    form: LogFormat
    share: float = 1.0
    outer: LogFormat | None = None
    table: tables.Table | None = None
    delimiter: str = ""
    quoting: Quoting = Quoting()
    tail: bool = False
    style: Style = Style()
    sides: Sides | None = None
    echo: int = 1

    @property
    def format(self) -> str:
        """The id of the format, as it is told to programs."""
        if self.table is not None:
            return "csv" if self.delimiter else "jsonl"
        return f"{self.outer.id}+{self.form.id}" if self.outer is not None else self.form.id

    @property
    def title(self) -> str:
        """What the format is, for people."""
        if self.table is not None:
            return self.table.title
        return f"{self.outer.title}, in it {self.form.title}" if self.outer is not None else self.form.title

    @property
    def title_zh(self) -> str:
        """The same in Chinese."""
        if self.table is not None:
            return self.table.title_zh
        own = self.form.zh or self.form.title
        return f"{self.outer.zh or self.outer.title}(其中为{own})" if self.outer is not None else own

    @property
    def told(self) -> bool:
        """Whether there are no marks at all: lines of anybody may stand there."""
        return self.table is None and self.form is PLAIN


class Pass:
    """One pass over the lines of a log by a reading. ``skipped``: lines that were none of it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._table = reading.table.fresh() if reading.table is not None else None
        outer = reading.outer
        self._stamps = Stamps(outer) if outer is not None else Stamps(PLAIN) if self._table is not None else None
        inner = reading.form is not PLAIN or self._table is None
        self._reader = Reader(reading.form, self._stamps) if inner else None

    @property
    def skipped(self) -> int:
        """How many lines were left out so far."""
        return (self._table.skipped if self._table is not None else 0) + (
            self._reader.skipped if self._reader is not None else 0
        )

    @property
    def missed(self) -> int:
        """How many of the lines that were left out look like AT traffic."""
        return self._reader.missed if self._reader is not None else 0

    def entries(self, lines: Iterable[Numbered]) -> Iterator[Entry]:
        """Yield the records, quotes taken off."""
        reading = self._reading
        found = self._records(lines)
        if reading.quoting.layers or reading.tail:
            return (self._opened(entry) for entry in found)
        return found

    def _records(self, lines: Iterable[Numbered]) -> Iterator[Entry]:
        if self._table is not None:
            rows = (
                tables.csv_entries(self._table, self._reading.delimiter, lines)
                if self._reading.delimiter
                else tables.json_entries(self._table, lines)
            )
            return rows if self._reader is None else self._reader.entries(self._contents(rows))
        assert self._reader is not None
        return self._reader.entries(self._stamps.lines(lines) if self._stamps is not None else lines)

    def _contents(self, rows: Iterable[Entry]) -> Iterator[Numbered]:
        assert self._stamps is not None
        for entry in rows:
            if entry.lines:
                self._stamps.now_ns = entry.time_ns
                yield entry.number, entry.lines[0]

    def _opened(self, entry: Entry) -> Entry:
        if entry.data is not None or entry.content == "hex":
            return entry
        if self._reading.tail and entry.lines:
            entry = entry._replace(lines=(*entry.lines[:-1], _TAIL.sub("", entry.lines[-1], count=1)))
        return opened(entry, self._reading.quoting) if self._reading.quoting.layers else entry


def readings(head: list[Numbered]) -> list[Reading]:
    """Propose readings of a log that begins with ``head``, the likeliest first."""
    table, delimiter = tables.json_table(head), ""
    if table is None and (found := tables.csv_table(head)):
        table, delimiter = found
    if table is not None:
        bare = Reading("csv" if delimiter else "jsonl", PLAIN, table=table, delimiter=delimiter)
        return [completed(reading, head) for reading in _in_table(bare, head)]
    out: list[Reading] = _quoted_whole(head)
    forms = _known(head)
    sure = bool(forms) and forms[0][0] >= _SURE and forms[0][1].rank >= 8
    for share, form in forms[:1] if sure else forms:
        out += _with_inner(Reading(form.id, form, share), head)
    if not sure:
        names = ("learned", "learned-2", "learned-3")
        for name, form in zip(names, learn(head), strict=False):
            out += _with_inner(Reading(name, form, coverage(form, head)), head)
        out.append(Reading("plain", PLAIN))
    done: list[Reading] = []
    for reading in out:
        whole = completed(reading, head)
        done.append(whole)
        if _contradicted(whole, head):
            done += other_sides(whole)
    return done


def _known(head: list[Numbered]) -> list[tuple[float, LogFormat]]:
    """The formats that explain some of the head, those that explain it best and say most first."""
    return _known_in(head[:_SAMPLE]) or (_known_in(head) if len(head) > _SAMPLE else [])


def _known_in(head: list[Numbered]) -> list[tuple[float, LogFormat]]:
    found: list[tuple[float, LogFormat]] = []
    for form in known():
        share = coverage(form, head)
        if share >= (_LITTLE if form.rank >= 8 else _SOME):
            found.append((share, form))
            if share >= _SURE and form.rank >= 9:
                break
    return sorted(found, key=lambda one: (one[0] < _GOOD, -one[1].rank, -one[0]))[:_MAX_KNOWN]


def _with_inner(reading: Reading, head: list[Numbered]) -> list[Reading]:
    """A reading, and those of what stands behind a column that says nothing about direction."""
    form = reading.form
    if form.sides or form.content == "hex" or form.more == "hex":
        return [reading]
    inside = list(Stamps(form).lines(head))
    starts = [at for _, line in inside if (at := shape.start(line)) is not None]
    if sum(1 for at in starts if at > 0) * 3 < len(starts) or not starts:
        return [reading]
    out = []
    for share, inner in _known(inside)[:2]:
        if inner.sides:
            out.append(Reading(f"{form.id}+{inner.id}", inner, share, outer=form))
    for number, inner in enumerate(learn(inside)[:2], 1):
        out.append(Reading(f"{form.id}+learned{number if number > 1 else ''}", inner, 1.0, outer=form))
    return [*out, reading]


def _quoted_whole(head: list[Numbered]) -> list[Reading]:
    """Readings of a log whose lines are literals with marks of their own inside."""
    lines = [line for _, line in head if line.strip()]
    pattern = LITERAL.pattern()
    if len(lines) < 2 or sum(1 for line in lines if pattern.match(line)) * 10 < 8 * len(lines):
        return []
    inside = list(Stamps(LITERAL).lines(head))
    starts = [at for _, line in inside if (at := shape.start(line)) is not None]
    if sum(1 for at in starts if at > 0) * 2 < len(starts) or not starts:
        return []
    forms = [(share, form) for share, form in _known(inside)[:2] if form.sides] + [
        (1.0, form) for form in learn(inside)[:1]
    ]
    return [Reading(f"quoted+{form.id}", form, share, outer=LITERAL) for share, form in forms]


def _in_table(bare: Reading, head: list[Numbered]) -> list[Reading]:
    """A column may hold lines of a log with marks of their own."""
    entries = list(islice(Pass(bare).entries(head), HEAD_ENTRIES))
    contents = [(entry.number, entry.lines[0]) for entry in entries if entry.lines and entry.content != "hex"]
    starts = [at for _, line in contents if (at := shape.start(line)) is not None]
    if starts and sum(1 for at in starts if at > 0) > len(starts) // 2:
        forms = [form for _, form in _known(contents)[:1]] or learn(contents)[:1]
        return [bare._replace(name=f"{bare.name}+{form.id}", form=form) for form in forms] + [bare]
    return [bare]


def completed(reading: Reading, head: list[Numbered], forced: Sides | None = None) -> Reading:
    """Find out what a form leaves open: quoting, escapes, sides, echoes. ``forced``: sides that are given."""
    bare = list(islice(Pass(reading).entries(head), HEAD_ENTRIES))
    tails = [entry for entry in bare if entry.data is None and entry.content != "hex" and any(entry.lines)]
    ends = [(entry.lines[-1], _TAIL.sub("", entry.lines[-1], count=1)) for entry in tails]
    traffic = [(whole, bare) for whole, bare in ends if shape.begins_traffic(bare.strip())]
    tailed = sum(1 for whole, bare in traffic if whole != bare)
    reading = reading._replace(tail=tailed >= 3 and tailed >= 0.7 * len(traffic))
    if reading.tail:
        bare = list(islice(Pass(reading).entries(head), HEAD_ENTRIES))
    if reading.form.content != "hex":
        reading = reading._replace(quoting=quoting_of(bare))
    entries = [opened(entry, reading.quoting) for entry in bare] if reading.quoting.layers else bare
    style = style_of(entries)
    sides = _given(forced, entries) if forced is not None else sides_of(entries)
    if style.escapes and not reading.form.whole:
        style = style._replace(ends=_ends(entries, style, sides))
    lines = [line for entry in entries for line in entry.lines]
    if style.escapes:
        lines = [part for line in lines for part in meant(line, style).splitlines()]
    return reading._replace(style=style, sides=sides, echo=repeats(lines))


def _given(forced: Sides, entries: list[Entry]) -> Sides:
    """The sides that are given, for the marks as they stand in the log: a part of a mark names it."""
    out: dict[str, Side] = {}
    for mark in {entry.mark for entry in entries if entry.mark}:
        names = [name for name in forced if name.casefold() in mark.casefold()]
        if names:
            out[mark] = forced[max(names, key=len)]
    return out


def _contradicted(reading: Reading, head: list[Numbered]) -> bool:
    """Whether what is said contradicts the marks: answers stand at the MCU's."""
    sides = reading.sides
    if sides is None or reading.style.hexadecimal or reading.form.content == "hex":
        return False
    against = total = 0
    for entry in islice(Pass(reading).entries(head), HEAD_ENTRIES):
        first = next((line.strip() for line in entry.lines if line.strip()), "")
        total += shape.begins_traffic(first)
        against += sides.get(entry.mark or "", entry.side) == "mcu" and shape.is_answer(first)
    return against * 10 >= max(1, total)


def other_sides(reading: Reading) -> list[Reading]:
    """The same reading with the sides the other way round, and told from what is said."""
    if reading.sides is None:
        return []
    swapped: dict[str, Side] = {mark: "module" if side == "mcu" else "mcu" for mark, side in reading.sides.items()}
    return [
        reading._replace(name=f"{reading.name}/swapped", sides=swapped),
        reading._replace(name=f"{reading.name}/told", sides=None),
    ]


def _ends(entries: list[Entry], style: Style, sides: Sides | None) -> frozenset[Side]:
    """Whose records end like lines of the wire."""
    ended: dict[Side, list[bool]] = {"mcu": [], "module": []}
    for entry in entries:
        text = meant("\n".join(entry.lines).strip("\n"), style)
        side = sides.get(entry.mark or "", entry.side) if sides is not None else None
        if side is None:
            side = "mcu" if grammar.is_command(text.strip()) else "module"
        if text.strip() and shows(entry.lines, style):
            ended[side].append(text.endswith(("\r", "\n")))
    return frozenset(side for side, found in ended.items() if sum(found) * 10 >= 3 * len(found) and found)


def sides_of(entries: list[Entry]) -> Sides | None:
    """Which mark is whose; None if the marks do not say who spoke: there are none, or all lines have the same."""
    commands: dict[str, int] = {}
    answers: dict[str, int] = {}
    sides: dict[str, Side] = {}
    for entry in entries:
        mark = entry.mark or (entry.side or "")
        first = next((line.strip() for line in entry.lines if line.strip()), "")
        if entry.content != "text" and is_hex(first):
            first = from_hex(first).decode("utf-8", "replace").strip()
        first = _LED.sub("", first)
        if entry.side is not None:
            sides[mark] = entry.side
        if grammar.is_command(first):
            commands[mark] = commands.get(mark, 0) + 1
        elif shape.is_answer(_ENDED.sub("", first)):
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


_LED = re.compile(r"^(?:\\[rn]|\\x0[adAD]|<[CcLl][RrFfNn]>|\^[MJ]|[␍␊])+")
_ENDED = re.compile(r"(?:\\[rn]|\\x0[adAD]|<[CcLl][RrFfNn]>|\^[MJ]|[␍␊])+.*$")


def _wires(entries: list[Entry]) -> Sides | None:
    """Tell unnamed wires by all that was said on each, where records are bytes."""
    said: dict[str, bytearray] = {}
    for entry in entries:
        if entry.data:
            said.setdefault(entry.mark or "", bytearray()).extend(entry.data)
    mcu = [mark for mark, data in said.items() if data.upper().startswith(b"AT") and b"\nOK" not in data]
    if not said or len(said) > 2 or len(mcu) > 1 or (len(said) == 2 and not mcu):
        return None
    return {mark: "mcu" if mark in mcu else "module" for mark in said}
