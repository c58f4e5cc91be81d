"""Logs that are tables: CSV of logic analysers and of people's own scripts, and JSON lines.

Columns are known by their names.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from atshark.sources.logs import shape
from atshark.sources.logs.formats import Numbered
from atshark.sources.logs.record import Content, Entry
from atshark.sources.logs.times import SECOND, Clock
from capture.chunk import Side

_TIMES = (
    "time",
    "timestamp",
    "time [s]",
    "time(s)",
    "start_time",
    "start",
    "ts",
    "date",
    "datetime",
    "t",
    "时间",
    "time_ns",
    "time_ms",
    "time_us",
)
_SIDES = ("side", "dir", "direction", "name", "channel", "port", "source", "src", "type", "from", "wire", "方向")
_HEX = ("hex", "data_hex", "hexdata", "bytes", "value")
_TEXT = ("text", "data", "payload", "ascii", "content", "message", "msg", "line", "raw", "内容", "数据", "value")
_MCU = {
    "tx",
    "send",
    "sent",
    "mcu",
    "host",
    "out",
    "->",
    "=>",
    ">",
    ">>",
    "te",
    "dte",
    "w",
    "write",
    "发",
    "发送",
    "mcu tx",
    "request",
    "req",
    "down",
}
_MODULE = {
    "rx",
    "recv",
    "receive",
    "received",
    "module",
    "modem",
    "device",
    "in",
    "<-",
    "<=",
    "<",
    "<<",
    "ta",
    "dce",
    "r",
    "read",
    "收",
    "接收",
    "mcu rx",
    "response",
    "resp",
    "up",
}
_LONGEST = 65536
_UNITS = {"time_ns": 1, "time_us": 1_000, "time_ms": 1_000_000}


def side_of(mark: str) -> Side | None:
    """Read a word for a direction, from the MCU's point of view; None if it says nothing."""
    word = mark.strip().strip("[]()<>:").lower() or mark.strip().lower()
    if mark.strip().lower() in _MCU or word in _MCU:
        return "mcu"
    return "module" if mark.strip().lower() in _MODULE or word in _MODULE else None


class Table:
    """A table of which the columns are known."""

    def __init__(self, title: str, title_zh: str, columns: dict[str, str]) -> None:
        self.title, self.title_zh = title, title_zh
        self.columns = columns
        self.clock = Clock()
        self.skipped = 0

    def fresh(self) -> Table:
        """The same table at its beginning."""
        return Table(self.title, self.title_zh, self.columns)

    def entry(self, number: int, row: dict[str, Any]) -> Entry | None:
        """Turn a row into a record; None if it has no content."""
        columns = self.columns
        kind = str(row.get(columns.get("kind", ""), "") or "").lower()
        if kind and kind not in ("data", "rx data", "tx data"):
            return None
        raw = row.get(columns["content"])
        if raw is None or raw == "":
            return None
        time_ns = self._time(row)
        mark = str(row.get(columns.get("side", ""), "") or "") or None
        side = side_of(mark) if mark else None
        data, text, content = self._content(raw)
        return Entry(number, time_ns, mark, side, () if data is not None else (text,), content, data=data)

    def _time(self, row: dict[str, Any]) -> int | None:
        name = self.columns.get("time", "")
        value = row.get(name)
        if value in (None, ""):
            return None
        unit = _UNITS.get(name.strip().lower(), 1_000_000 if self.columns.get("unit") == "ms" else None)
        if unit is not None:
            return int(float(str(value)) * unit) if not str(value).isdigit() else int(str(value)) * unit
        text = str(value)
        try:
            number = float(text)
        except ValueError:
            return self.clock.ns(text)
        if number > 1e17:
            return int(number)
        if number > 1e14:
            return int(number * 1000)
        if number > 1e11:
            return int(number * 1_000_000)
        whole, _, fraction = text.partition(".")
        self.clock.dated = number > 1e8
        if whole.isdigit() and (fraction.isdigit() or not fraction):
            return int(whole) * SECOND + int((fraction or "0").ljust(9, "0")[:9]) or 1
        return int(number * SECOND) or 1

    def _content(self, raw: Any) -> tuple[bytes | None, str, Content]:
        text = raw if isinstance(raw, str) else json.dumps(raw)
        if isinstance(raw, list) and all(isinstance(one, int) and 0 <= one < 256 for one in raw):
            return bytes(raw), "", "text"
        if self.columns.get("bytes") == "one":
            return _one_byte(text), "", "text"
        return None, text, "hex" if self.columns.get("as") == "hex" else "either"


def _one_byte(text: str) -> bytes:
    """Read a byte as logic analysers write it: 0x41, 41, 65, A, ' ', \\r, COMMA."""
    text = text.strip("'\"") if len(text) > 1 else text
    named = {"\\r": 13, "\\n": 10, "\\t": 9, "\\0": 0, "comma": 44, "space": 32, "cr": 13, "lf": 10}
    if text.lower() in named:
        return bytes([named[text.lower()]])
    for base, digits in ((16, text.lower().removeprefix("0x").removeprefix("\\x")), (16, text.strip("[]"))):
        if len(digits) == 2 or text.lower().startswith("0x"):
            try:
                return bytes([int(digits, base) & 0xFF])
            except ValueError:
                continue
    return text.encode("utf-8", "surrogateescape")[:1]


def csv_table(head: list[Numbered]) -> tuple[Table, str] | None:
    """Find the table in the head of a log: its columns and delimiter; None if it is none."""
    try:
        return _csv_table(head)
    except csv.Error:
        return None


def _csv_table(head: list[Numbered]) -> tuple[Table, str] | None:
    filled = [line[:_LONGEST] for _, line in head if line.strip()]
    if len(filled) < 2:
        return None
    for delimiter in (",", ";", "\t"):
        names = [name.strip() for name in next(csv.reader([filled[0]], delimiter=delimiter))]
        lower = [name.lower() for name in names]
        if len(names) < 2 or shape.start(filled[0]) is not None or len(set(lower)) < len(lower):
            continue
        columns = _columns(names, lower)
        if columns is None:
            continue
        rows = [dict(zip(names, row, strict=False)) for row in csv.reader(filled[1:50], delimiter=delimiter)]
        values = [row.get(columns["content"], "") for row in rows]
        values = [value for value in values if value]
        if not values:
            continue
        if all(
            len(value.strip("'\"")) <= 2
            or (value.lower().startswith("0x") and len(value) <= 4)
            or value.lower() in ("\\r", "\\n", "comma", "space", "' '")
            for value in values
        ):
            columns["bytes"] = "one"
        elif columns["content"].lower() in _HEX:
            columns["as"] = "hex"
        _guess_unit(columns, [row.get(columns.get("time", "")) for row in rows])
        analyser = "logic analyser, one byte a row", "逻辑分析仪(每行一字节)"
        return Table(*(analyser if columns.get("bytes") else ("table (CSV)", "表格(CSV)")), columns), delimiter
    return None


def _columns(names: list[str], lower: list[str]) -> dict[str, str] | None:
    columns: dict[str, str] = {}
    for role, known in (("time", _TIMES), ("content", (*_HEX[:4], *_TEXT)), ("side", _SIDES)):
        for candidate in known:
            found = next(
                (i for i, name in enumerate(lower) if name == candidate or name.split(" [")[0] == candidate), None
            )
            if found is not None and names[found] not in columns.values():
                columns[role] = names[found]
                break
    if "content" not in columns or "time" not in columns:
        return None
    if "type" in lower and columns.get("side", "").lower() != "type":
        columns["kind"] = names[lower.index("type")]
    return columns


def csv_entries(table: Table, delimiter: str, lines: Iterable[Numbered]) -> Iterator[Entry]:
    """Yield the rows of a CSV as records."""
    numbers: list[int] = [0]

    def fed() -> Iterator[str]:
        for number, line in lines:
            numbers[0] = number
            yield line

    rows = csv.reader(fed(), delimiter=delimiter)
    names: list[str] | None = None
    while True:
        try:
            row = next(rows, None)
        except csv.Error:
            table.skipped += 1
            continue
        if row is None:
            return
        if names is None:
            if row:
                names = [name.strip() for name in row]
            continue
        entry = table.entry(numbers[0], dict(zip(names, row, strict=False)))
        if entry is not None:
            yield entry
        else:
            table.skipped += bool(row)


def json_table(head: list[Numbered]) -> Table | None:
    """Find the columns of a log that is one JSON object a line; None if it is none."""
    filled = [line for _, line in head if line.strip()][:50]
    objects = [found for line in filled[:-1] or filled if (found := _object(line)) is not None]
    if not objects or len(objects) < 0.9 * len(filled[:-1] or filled):
        return None
    names = list(dict.fromkeys(name for one in objects for name in one))
    columns = _columns(names, [name.lower() for name in names]) or _columns_untimed(names)
    if columns is None:
        return None
    if columns["content"].lower() in _HEX[:4]:
        columns["as"] = "hex"
    _guess_unit(columns, [one.get(columns.get("time", "")) for one in objects])
    return Table("JSON lines", "JSON行", columns)


def _guess_unit(columns: dict[str, str], values: list[Any]) -> None:
    """Whole numbers that are no epoch count milliseconds, as firmware does."""
    numbers = [str(value) for value in values if value not in (None, "")]
    if len(numbers) >= 3 and all(number.isdigit() and len(number) <= 9 for number in numbers):
        columns["unit"] = "ms"


def _columns_untimed(names: list[str]) -> dict[str, str] | None:
    lower = [name.lower() for name in names]
    columns = {}
    for role, known in (("content", (*_HEX[:4], *_TEXT)), ("side", _SIDES)):
        found = next((names[lower.index(one)] for one in known if one in lower), None)
        if found is not None:
            columns[role] = found
    return columns if len(columns) == 2 else None


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def json_entries(table: Table, lines: Iterable[Numbered]) -> Iterator[Entry]:
    """Yield the objects of a log of JSON lines as records."""
    for number, line in lines:
        if not line.strip():
            continue
        row = _object(line)
        entry = table.entry(number, row) if row is not None else None
        if entry is not None:
            yield entry
        else:
            table.skipped += 1
