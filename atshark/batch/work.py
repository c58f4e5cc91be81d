"""One part of the work: decode its inputs, write its files. Runs in any process, on any machine."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from functools import cache
from typing import Any, BinaryIO, cast

import fsspec

from atshark.batch.plan import Input, Part
from atshark.batch.store import Store
from atshark.batch.tables import ROWS, SCHEMAS, Table, cause
from atshark.sources import Source, open_source, open_stream
from capture.chunk import Chunk
from capture.errors import AtsharkError
from decoder import catalog
from decoder.catalog import Catalog
from decoder.decode import run
from decoder.events import Event, Finding, Summary, Transaction

_IDENTITY = ("manufacturer", "model", "firmware")
"""Roles of commands whose answer is a column of ``files``."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors of the dataset's disk, not of an input."""
Row = dict[str, Any]
"""What the table ``files`` says of an input, by column."""


@cache
def _catalog(dialects: tuple[str, ...]) -> Catalog:
    return catalog.load(dialects)


def work(part: Part, dataset: str, dialects: tuple[str, ...] = ()) -> dict[str, int]:
    """Decode the inputs of ``part`` into the tables at ``dataset``. Return how many came out with which status."""
    store = Store(dataset)
    try:
        tables = {name: Table(store, name, part.name) for name in SCHEMAS}
        counts: dict[str, int] = {}
        for one in part.inputs:
            row = _decode(one, tables, _catalog(dialects))
            counts[row["status"]] = counts.get(row["status"], 0) + 1
            tables["files"].add(_values(row))
        for name, table in tables.items():
            if name != "files":
                table.close()
        tables["files"].close()
    except OSError as error:
        raise AtsharkError(f"{dataset}: cannot be written: {error.strerror or error}") from error
    finally:
        store.discard()
    return counts


def given_up(part: Part, dataset: str, problem: str) -> dict[str, int]:
    """Write a part of which no worker survived the decoding: its inputs are in ``files``, with the problem."""
    store = Store(dataset)
    table = Table(store, "files", part.name)
    for one in part.inputs:
        row = Row(file=one.path, size=one.size, version=one.version, status="crashed", problem=problem)
        table.add(_values(row))
    table.close()
    return {"crashed": len(part.inputs)}


def _values(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in SCHEMAS["files"].names)


@contextlib.contextmanager
def _opened(path: str) -> Any:
    if "://" not in path:
        with open_source(path) as source:
            yield source
    else:
        with fsspec.open(path, "rb") as stream, open_stream(cast(BinaryIO, stream), path) as source:
            yield source


def _decode(one: Input, tables: dict[str, Table], known: Catalog) -> Row:
    row = Row(file=one.path, size=one.size, version=one.version, status="ok")
    row.update(dict.fromkeys(("mcu_bytes", "module_bytes", "transactions", "urcs", "frames", "findings"), 0))
    row.update(errors=0, warnings=0)
    try:
        with _opened(one.path) as source:
            number = 0
            for event in run(_counted(source, row), known):
                number = _take(event, number, row, tables, known)
            row["format"] = source.format
            if source.warnings:
                row.update(status="partial", problem="; ".join(source.warnings))
    except AtsharkError as error:
        row.update(status="unreadable", problem=str(error))
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise
        row.update(status="unreadable", problem=str(error))
    except Exception as error:  # a fault of ours must not cost the other files
        row.update(status="failed", problem=f"{type(error).__name__}: {error}")
    return row


def _counted(source: Source, row: Row) -> Iterator[Chunk]:
    for chunk in source:
        row[f"{chunk.side}_bytes"] += len(chunk.data)
        if chunk.time_ns is not None:
            if row.get("first_ns") is None:
                row["first_ns"] = chunk.time_ns
            row["last_ns"] = chunk.time_ns
        yield chunk


def _take(event: Event, number: int, row: Row, tables: dict[str, Table], known: Catalog) -> int:
    made = ROWS.get(type(event))
    if made is None:
        if isinstance(event, Summary):
            names = [use.dialect for use in event.dialects]
            row["dialect"] = next((name for name in names if name != "3gpp"), names[0] if names else None)
            for rank, one in enumerate(event.causes, 1):
                tables["causes"].add((row["file"], number, one.time_ns, one.side, None, *cause(one, rank)))
                number += 1
        return number
    table, values = made
    record = cast(Any, event)
    channel = record.channel if isinstance(record.channel, int) else None
    tables[table].add((row["file"], number, record.time_ns, record.side, channel, *values(event)))
    row[table] = row.get(table, 0) + 1
    if isinstance(event, Finding):
        if event.severity != "note":
            row[event.severity + "s"] += 1
    elif isinstance(event, Transaction) and event.information:
        first = event.information[0]
        role = known.role_of.get(event.name)
        if role in _IDENTITY:
            row.setdefault(role, str(first.params.get("text") or first.raw)[:100])
        elif role == "operator" and event.form == "read" and (name := first.params.get("oper")):
            row.setdefault("operator", str(name)[:100])
    return number + 1
