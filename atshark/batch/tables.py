"""The tables of a dataset: their columns, and the rows that records become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from atshark.batch.store import Store
from decoder.events import Call, Cause, Finding, Frame, Position, Socket, Transaction, Urc

_TEXT, _INT, _SMALL = pa.string(), pa.int64(), pa.int32()
_WHERE = [("file", _TEXT), ("n", _SMALL), ("time_ns", _INT), ("side", _TEXT), ("channel", _SMALL)]
_REAL = pa.float64()
SCHEMAS: dict[str, pa.Schema] = {
    "transactions": pa.schema(
        [
            *_WHERE,
            ("name", _TEXT),
            ("form", _TEXT),
            ("dialect", _TEXT),
            ("params", _TEXT),
            ("raw", _TEXT),
            ("result", _TEXT),
            ("error_code", _TEXT),
            ("error_text", _TEXT),
            ("latency_ns", _INT),
            ("information", _TEXT),
            ("urcs", _TEXT),
        ]
    ),
    "urcs": pa.schema([*_WHERE, ("name", _TEXT), ("dialect", _TEXT), ("params", _TEXT), ("raw", _TEXT)]),
    "frames": pa.schema(
        [
            *_WHERE,
            ("protocol", _TEXT),
            ("connect_id", _TEXT),
            ("origin", _TEXT),
            ("announced_by", _TEXT),
            ("text", _TEXT),
            ("fields", _TEXT),
            ("flow", _SMALL),
        ]
    ),
    "sockets": pa.schema(
        [
            *_WHERE,
            ("connect_id", _TEXT),
            ("change", _TEXT),
            ("flow", _SMALL),
            ("transport", _TEXT),
            ("remote", _TEXT),
            ("remote_ip", _TEXT),
            ("remote_port", _SMALL),
            ("inside", _TEXT),
            ("because", _TEXT),
            ("began_ns", _INT),
            ("up", _INT),
            ("down", _INT),
            ("unread", _INT),
        ]
    ),
    "calls": pa.schema(
        [
            *_WHERE,
            ("direction", _TEXT),
            ("number", _TEXT),
            ("began_ns", _INT),
            ("answered", pa.bool_()),
            ("answered_after_ns", _INT),
            ("length_ns", _INT),
            ("ended", _TEXT),
            ("because", _TEXT),
        ]
    ),
    "positions": pa.schema(
        [
            *_WHERE,
            ("latitude", _REAL),
            ("longitude", _REAL),
            ("fix", _TEXT),
            ("by", _TEXT),
            ("because", _TEXT),
            ("altitude_m", _REAL),
            ("time_iso", _TEXT),
            ("satellites", _SMALL),
            ("accuracy_m", _REAL),
            ("speed_kmh", _REAL),
            ("course", _REAL),
        ]
    ),
    "findings": pa.schema(
        [
            *_WHERE,
            ("rule", _TEXT),
            ("severity", _TEXT),
            ("message", _TEXT),
            ("message_zh", _TEXT),
            ("reference", _TEXT),
        ]
    ),
    "causes": pa.schema(
        [
            *_WHERE,
            ("rank", _SMALL),
            ("rule", _TEXT),
            ("layer", _TEXT),
            ("certainty", _TEXT),
            ("message", _TEXT),
            ("message_zh", _TEXT),
            ("advice", _TEXT),
            ("reference", _TEXT),
            ("line", _SMALL),
            ("consequences", _SMALL),
            ("recovered", pa.bool_()),
        ]
    ),
    "files": pa.schema(
        [
            ("file", _TEXT),
            ("size", _INT),
            ("version", _TEXT),
            ("status", _TEXT),
            ("problem", _TEXT),
            ("format", _TEXT),
            ("mcu_bytes", _INT),
            ("module_bytes", _INT),
            ("first_ns", _INT),
            ("last_ns", _INT),
            ("transactions", _INT),
            ("urcs", _INT),
            ("frames", _INT),
            ("findings", _INT),
            ("errors", _INT),
            ("warnings", _INT),
            ("dialect", _TEXT),
            ("manufacturer", _TEXT),
            ("model", _TEXT),
            ("firmware", _TEXT),
            ("operator", _TEXT),
        ]
    ),
}
"""Of each table its columns. ``n`` counts the rows of a file, over all tables, in the order of ``decode``."""
_ROWS = 20_000
_json = msgspec.json.Encoder().encode


def _dump(value: Any) -> str | None:
    return _json(value).decode() if value else None


def _transaction(one: Transaction) -> tuple[Any, ...]:
    result = one.result
    error = result.error if result is not None else None
    return (
        one.name,
        one.form,
        one.dialect,
        _dump(one.params),
        one.raw,
        result.code if result is not None else None,
        None if error is None or error.code is None else str(error.code),
        error.text if error is not None else None,
        one.latency_ns,
        _dump(one.information),
        _dump(one.urcs),
    )


def _urc(one: Urc) -> tuple[Any, ...]:
    return one.name, one.dialect, _dump(one.params), one.raw


def _frame(one: Frame) -> tuple[Any, ...]:
    key = None if one.connect_id is None else str(one.connect_id)
    return one.protocol, key, one.origin, one.announced_by, one.text, _dump(one.fields), one.flow


def _socket(one: Socket) -> tuple[Any, ...]:
    flow = one.flow
    key = None if one.connect_id is None else str(one.connect_id)
    peer = flow.transport, flow.remote, flow.remote_ip, flow.remote_port, flow.inside
    return key, one.change, flow.number, *peer, one.because, one.began_ns, one.up, one.down, one.unread


def _fields(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda one: tuple(getattr(one, name) for name in names)


def _own(table: str) -> tuple[str, ...]:
    """Return the columns of a table that are fields of its records."""
    return tuple(SCHEMAS[table].names[len(_WHERE) :])


def _finding(one: Finding) -> tuple[Any, ...]:
    zh = one.message_zh if isinstance(one.message_zh, str) else None
    return one.rule, one.severity, one.message, zh, one.reference


def cause(one: Cause, rank: int) -> tuple[Any, ...]:
    """Return the row of a cause behind its place; ``rank`` is 1 for the likeliest of a file."""
    told = one.message, one.message_zh, one.advice or None, one.reference
    return rank, one.rule, one.layer or None, one.certainty, *told, one.line, one.consequences, one.recovered


ROWS: dict[type, tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
    Transaction: ("transactions", _transaction),
    Urc: ("urcs", _urc),
    Frame: ("frames", _frame),
    Socket: ("sockets", _socket),
    Call: ("calls", _fields(_own("calls"))),
    Position: ("positions", _fields(_own("positions"))),
    Finding: ("findings", _finding),
}


def stored(text: str) -> str:
    """Return a text as a table holds it: what is no Unicode (a file name's bytes) is shown as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _array(column: list[Any], kind: pa.DataType) -> pa.Array:
    """Make the column of a table; a number that it cannot hold is left out."""
    try:
        return pa.array(column, kind)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        if kind == _TEXT:
            return pa.array([None if one is None else stored(one) for one in column], kind)
        bound = 1 << (kind.bit_width - 1)
        return pa.array([one if one is not None and -bound <= one < bound else None for one in column], kind)


class Table:
    """Writes the rows of one part of a table; the file exists from the first row group on, and counts once closed."""

    def __init__(self, store: Store, name: str, part: str) -> None:
        self._store, self._path = store, f"{name}/{part}.parquet"
        self._schema = SCHEMAS[name]
        self._columns: list[list[Any]] = [[] for _ in self._schema]
        self._writer: pq.ParquetWriter | None = None
        self._file: Any = None

    def add(self, row: tuple[Any, ...]) -> None:
        """Add a row."""
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        if len(self._columns[0]) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._writer is None:
            self._file = self._store.create(self._path)
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        arrays = [_array(column, kind.type) for column, kind in zip(self._columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        for column in self._columns:
            column.clear()

    def close(self) -> None:
        """Write what is left (a table without rows has no file), and put the file in its place."""
        if self._columns[0]:
            self._flush()
        if self._writer is not None:
            self._writer.close()
            self._file.close()
            self._store.commit(self._path)
