"""What a body says, by its content format: JSON, CBOR, SenML, LwM2M JSON and TLV, links.

Strategy: every reader gives a line for people and fields for programs. Values that have a path (LwM2M) get the names,
types and units of their resources. Only bodies of reasonable size are read.

Source: RFC 8259 (JSON), RFC 8949 (CBOR), RFC 8428 (SenML), RFC 6690 (links); OMA LwM2M TS 1.0.2, 6.4.4 (JSON); TS Core
1.1.1, 7.4 (SenML).
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

import cbor2

from decoder.protocols.frames import oma, tlv
from decoder.protocols.frames.errors import NotThisFormatError

MAX_BODY = 1 << 20
_MAX_SHOWN = 160
_MAX_DEPTH = 32
Path = tuple[int, ...]
BodyReader = Callable[[bytes, Path], tuple[str, dict[str, Any]]]

_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s",
    6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""SenML's CBOR labels (RFC 8428 6)."""
_NUMBERS = {name: number for number, name in _LABELS.items()}
_VALUES = ("v", "vs", "vb", "vd", "vlo", "s")
_LINK = re.compile(r"\s*+<([^<>]*+)>((?:\s*+;[^;=,<>\"]++(?:=(?:\"(?:[^\"\\]|\\.)*+\"|[^;,\"]*+))?+)*+)\s*+(?:,|\Z)")
_ATTRIBUTE = re.compile(r";\s*+([^;=,<>\"\s]++)\s*+(?:=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^;,\"]*+)))?")
_NOT_TOKEN = re.compile(r"[^\w.:/@+-]")


def read(kind: str, data: bytes, path: Path = ()) -> tuple[str, dict[str, Any]] | None:
    """Read a body of the content type ``kind`` (as in HTTP, CoAP's registry); None if it is none that is known.

    ``path`` is the object, instance and resource that it was asked for at. Raises :class:`NotThisFormatError`.
    """
    reader = _READERS.get(kind.partition(";")[0].partition(" (")[0].strip().lower())
    if reader is None or not data or len(data) > MAX_BODY:
        return None
    return reader(data, path)


def plain(value: Any, depth: int = 0) -> Any:
    """Turn what CBOR may hold into what JSON can hold: bytes as ``{"hex": …}``, keys as text."""
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)


def _load_json(data: bytes) -> Any:
    try:
        return json.loads(data, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise NotThisFormatError(f"no JSON: {error}") from error


def _load_cbor(data: bytes) -> Any:
    stream = io.BytesIO(data)
    try:
        value = cbor2.load(stream)
    except (cbor2.CBORDecodeError, ValueError, RecursionError, MemoryError, OverflowError, TypeError) as error:
        raise NotThisFormatError(f"no CBOR: {error}") from error
    if stream.tell() != len(data):
        raise NotThisFormatError("bytes behind the CBOR item")
    return value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _json(data: bytes, _path: Path) -> tuple[str, dict[str, Any]]:
    value = plain(_load_json(data))
    return _shown(value), {"json": value}


def _cbor(data: bytes, _path: Path) -> tuple[str, dict[str, Any]]:
    value = plain(_load_cbor(data))
    return _shown(value), {"cbor": value}


def _text(data: bytes, _path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotThisFormatError(str(error)) from error
    return _shown(text), {"content": text}


# SenML


def _senml_json(data: bytes, path: Path) -> tuple[str, dict[str, Any]]:
    return _senml(_load_json(data), path)


def _senml_cbor(data: bytes, path: Path) -> tuple[str, dict[str, Any]]:
    pack = _load_cbor(data)
    if isinstance(pack, list):
        pack = [
            {(_LABELS.get(key, key) if isinstance(key, int) else key): value for key, value in one.items()}
            if isinstance(one, dict)
            else one
            for one in pack
        ]
    return _senml(pack, path)


def _senml(pack: Any, _path: Path) -> tuple[str, dict[str, Any]]:
    if not isinstance(pack, list) or not pack or not all(isinstance(one, dict) for one in pack):
        raise NotThisFormatError("no SenML pack")
    base: dict[str, Any] = {}
    rows = []
    for record in pack:
        base |= {str(key): record[key] for key in record if isinstance(key, str) and key.startswith("b")}
        if not any(name in record for name in _VALUES):
            continue
        row = _row(f"{base.get('bn', '')}{record.get('n', '')}", record, base.get("bu"))
        for value, start in (("v", "bv"), ("s", "bs")):
            if isinstance(record.get(value), int | float) and isinstance(base.get(start), int | float):
                row["value"] = record[value] + base[start]
        if "t" in record or "bt" in base:
            time, begun = record.get("t", 0), base.get("bt", 0)
            if isinstance(time, int | float) and isinstance(begun, int | float):
                row["time"] = time + begun
        rows.append(row)
    return _named(rows)


def _row(name: str, record: dict[str, Any], unit: object = None) -> dict[str, Any]:
    numbers = [int(part) for part in name.split("/") if part.isdecimal() and part.isascii() and len(part) < 6]
    known = oma.resource(numbers[0], numbers[2]) if name.startswith("/") and len(numbers) >= 3 else oma.UNKNOWN
    value = next((record[key] for key in _VALUES if key in record), None)
    given = record.get("u", unit)
    return {"path": name.strip("/") if numbers else name, "name": known.name, "value": plain(value),
            "unit": str(given) if given else known.unit}  # fmt: skip


def _named(rows: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    said = []
    for row in rows:
        name = f" {row['name']}" if row["name"] else ""
        unit = f" {row['unit']}" if row["unit"] else ""
        value = _shown(row["value"]) if isinstance(row["value"], dict) else row["value"]
        said.append(f"{row['path']}{name} = {value}{unit}")
    return ", ".join(said), {"values": rows}


def build_senml(records: Iterable[dict[str, Any]], *, cbor: bool = False) -> bytes:
    """Build a SenML pack from records with the labels of its JSON form."""
    if not cbor:
        return json.dumps(list(records), ensure_ascii=False, separators=(",", ":")).encode()
    made: bytes = cbor2.dumps([{_NUMBERS.get(key, key): value for key, value in one.items()} for one in records])
    return made


# LwM2M JSON


def _lwm2m_json(data: bytes, path: Path) -> tuple[str, dict[str, Any]]:
    value = _load_json(data)
    entries = value.get("e") if isinstance(value, dict) else None
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise NotThisFormatError("no LwM2M JSON")
    base = value.get("bn")
    start = str(base) if isinstance(base, str) and base else "/" + "/".join(map(str, path))
    rows = []
    for one in entries:
        name = str(one.get("n", ""))
        joined = name if name.startswith("/") or not name else start.rstrip("/") + "/" + name
        renamed = {{"sv": "vs", "bv": "vb", "ov": "vlo"}.get(key, key): item for key, item in one.items()}
        row = _row(joined or start, renamed)
        begun = value.get("bt", 0)
        if "t" in one and isinstance(one["t"], int | float) and isinstance(begun, int | float):
            row["time"] = one["t"] + begun
        rows.append(row)
    return _named(rows)


def build_lwm2m_json(base: str, entries: Iterable[dict[str, Any]]) -> bytes:
    """Build LwM2M JSON: a base name and entries (n, v, sv, bv, ov, t)."""
    return json.dumps({"bn": base, "e": list(entries)}, ensure_ascii=False, separators=(",", ":")).encode()


def _tlv(data: bytes, path: Path) -> tuple[str, dict[str, Any]]:
    return tlv.decode(data, path)


# links


def parse_links(text: str) -> list[tuple[str, dict[str, str | None]]]:
    """Parse links: target and attributes of each. Raises :class:`NotThisFormatError`."""
    links, position = [], 0
    while position < len(text):
        match = _LINK.match(text, position)
        if match is None:
            raise NotThisFormatError("no links in the format of RFC 6690")
        attributes: dict[str, str | None] = {}
        for one in _ATTRIBUTE.finditer(match[2]):
            quoted = None if one[2] is None else re.sub(r"\\(.)", r"\1", one[2])
            attributes[one[1]] = quoted if quoted is not None else one[3]
        links.append((match[1], attributes))
        position = match.end()
    if not links:
        raise NotThisFormatError("no links")
    return links


def build_links(links: Iterable[tuple[str, dict[str, str | None]]]) -> str:
    """Build links in the format of RFC 6690."""
    made = []
    for target, attributes in links:
        parts = [f"<{target}>"]
        for name, value in attributes.items():
            if value is None:
                parts.append(name)
            elif value and not _NOT_TOKEN.search(value):
                parts.append(f"{name}={value}")
            else:
                escaped = value.replace("\\", "\\\\").replace('"', '\\"')
                parts.append(f'{name}="{escaped}"')
        made.append(";".join(parts))
    return ",".join(made)


def _links(data: bytes, _path: Path) -> tuple[str, dict[str, Any]]:
    try:
        links = parse_links(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NotThisFormatError(str(error)) from error
    said = []
    for target, attributes in links:
        number = target.strip("/").split("/")[0]
        name = oma.OBJECTS.get(int(number)) if number.isascii() and number.isdecimal() and len(number) < 6 else None
        shown = [key if value is None else f"{key}={value}" for key, value in attributes.items()]
        said.append(" ".join([target, *([f"({name})"] if name else []), *shown]))
    return ", ".join(said), {"links": [{"target": target, "attributes": given} for target, given in links]}


_READERS: dict[str, BodyReader] = {
    "application/json": _json,
    "application/cbor": _cbor,
    "text/plain": _text,
    "application/vnd.oma.lwm2m+cbor": _cbor,
    "application/senml+json": _senml_json,
    "application/sensml+json": _senml_json,
    "application/senml+cbor": _senml_cbor,
    "application/sensml+cbor": _senml_cbor,
    "application/link-format": _links,
    "application/vnd.oma.lwm2m+tlv": _tlv,
    "application/vnd.oma.lwm2m+json": _lwm2m_json,
}
