"""LwM2M TLV: resources, multiple resources and object instances, nested.

Source: OMA LwM2M TS 1.0.2, 6.4.3 (format), 6.4.3.1 (examples), appendix C (data types).
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    ConstructError,
    GreedyRange,
    IfThenElse,
    Int8ub,
    Int16ub,
    Int24ub,
    Rebuild,
    Struct,
    Switch,
    this,
)

from decoder.protocols.frames import oma
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

KINDS = ("object instance", "resource instance", "multiple resource", "resource")
INSTANCE, RESOURCE_INSTANCE, MULTIPLE, RESOURCE = range(4)
_MAX_DEPTH = 3


def _length_type(context: Any) -> int:
    size = len(context._.value)
    return 0 if size < 8 else 1 if size < 1 << 8 else 2 if size < 1 << 16 else 3


def _short_length(context: Any) -> int:
    size = len(context._.value)
    return size if size < 8 else 0


ENTRY = Struct(
    "head"
    / BitStruct(
        "kind" / BitsInteger(2),
        "wide_id" / Rebuild(BitsInteger(1), lambda context: int(context._.id > 0xFF)),
        "length_type" / Rebuild(BitsInteger(2), _length_type),
        "short_length" / Rebuild(BitsInteger(3), _short_length),
    ),
    "id" / IfThenElse(this.head.wide_id, Int16ub, Int8ub),
    "length"
    / Rebuild(
        Switch(this.head.length_type, {1: Int8ub, 2: Int16ub, 3: Int24ub}),
        lambda context: len(context.value) if len(context.value) > 7 else None,
    ),
    "value" / Bytes(lambda context: context.length if context.head.length_type else context.head.short_length),
)
"""One entry: kind, identifier of 8 or 16 bits, length of 3, 8, 16 or 24 bits, value."""
_ENTRIES = GreedyRange(ENTRY)


class Entry(NamedTuple):
    """An entry: ``value`` is bytes, or the entries inside it."""

    kind: int
    id: int
    value: bytes | tuple[Entry, ...]


def parse(data: bytes, depth: int = 0) -> tuple[Entry, ...]:
    """Parse all of ``data``. Raises :class:`NotThisFormatError`."""
    try:
        raw = _ENTRIES.parse(data)
        size = sum(len(ENTRY.build(entry)) for entry in raw)
    except ConstructError as error:
        raise NotThisFormatError(str(error)) from error
    if not raw or size != len(data) or depth > _MAX_DEPTH:
        raise NotThisFormatError("no TLV entries, or bytes behind them")
    return tuple(_entry(entry, depth) for entry in raw)


def _entry(raw: Any, depth: int) -> Entry:
    value = bytes(raw.value)
    inner = raw.head.kind in (INSTANCE, MULTIPLE) and value
    return Entry(raw.head.kind, raw.id, parse(value, depth + 1) if inner else value)


def build(entries: tuple[Entry, ...]) -> bytes:
    """Build TLV from entries."""
    return b"".join(
        ENTRY.build(
            {
                "head": {"kind": entry.kind},
                "id": entry.id,
                "value": entry.value if isinstance(entry.value, bytes) else build(entry.value),
            }
        )
        for entry in entries
    )


def decode(data: bytes, path: tuple[int, ...] = ()) -> tuple[str, dict[str, Any]]:
    """Decode TLV that stands at ``path`` (object, instance) for people. Raises :class:`NotThisFormatError`."""
    rows = [row for entry in parse(data) for row in _rows(entry, list(path[:2]), path[0] if path else None)]
    text = ", ".join(f"{row['path']}{' ' + row['name'] if row['name'] else ''} = {_shown(row)}" for row in rows)
    return text, {"values": rows}


def _rows(entry: Entry, path: list[int], obj: int | None) -> list[dict[str, Any]]:
    inside = path[:1] if entry.kind == INSTANCE else path
    here = [*inside, entry.id]
    if isinstance(entry.value, tuple):
        return [row for inner in entry.value for row in _rows(inner, here, obj)]
    number = here[-2] if entry.kind == RESOURCE_INSTANCE and len(here) > 1 else entry.id
    known = oma.resource(obj, number)
    value = value_of(entry.value, known.type)
    return [
        {
            "path": "/".join(map(str, here)), "name": known.name, "value": value, "unit": known.unit,
            "hex": entry.value.hex(),
        }
    ]  # fmt: skip


def value_of(data: bytes, kind: str) -> Any:
    """Read a value by its type; of an unknown type, as text if it is printable, else as hex."""
    if kind in ("integer", "time") and len(data) in (1, 2, 4, 8):
        return int.from_bytes(data, "big", signed=True)
    if kind == "float" and len(data) in (4, 8):
        number: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
        return round(number, 6) if len(data) == 4 else number
    if kind == "boolean" and data in (b"\0", b"\1"):
        return data == b"\1"
    if kind == "string" or (not kind and data.isascii() and data.decode("ascii").isprintable()):
        return to_text(data)
    return data.hex()


def _shown(row: dict[str, Any]) -> str:
    return f"{row['value']}{' ' + row['unit'] if row['unit'] else ''}"
