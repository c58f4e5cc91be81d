"""OneNET ``$dp``: data points that a device publishes on the topic ``$dp``.

A type byte, a length in two bytes (big-endian) and JSON text of that length; in type 2 the JSON describes raw data
that follows with a length of its own. Other types are shown with their bytes.

Source: M5310-A MQTT OneNET guide 3.3.3 and 4.3 (type 3); OneNET MQTT device access protocol, data point types.
"""

from __future__ import annotations

import json
from typing import Any

from construct import Bytes, ConstructError, GreedyBytes, Int8ub, Int16ub, Int32ub, Prefixed, Struct, this

from decoder.protocols.frames.errors import NotThisFormatError

NAMES = {
    1: "data streams, JSON with times",
    2: "raw data with a JSON description",
    3: "values by stream, JSON",
    4: "values by stream and time, JSON",
    5: "values separated by marks",
    6: "values separated by marks, with a time",
    7: "floating-point values, binary",
}
TEXT = Struct("type" / Int8ub, "text" / Prefixed(Int16ub, GreedyBytes))
"""Types 1, 3 and 4: JSON text with its length in front."""
RAW = Struct("type" / Int8ub, "text" / Prefixed(Int16ub, GreedyBytes), "length" / Int32ub, "data" / Bytes(this.length))
"""Type 2: a JSON description, then data with its length in front."""


def build(kind: int, value: object) -> bytes:
    """Build a data point of type 1, 3 or 4 from what its JSON says."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    made: bytes = TEXT.build({"type": kind, "text": text})
    return made


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """Take a data point apart. Raises :class:`NotThisFormatError`."""
    if not data or data[0] not in NAMES:
        raise NotThisFormatError("no $dp type")
    kind = data[0]
    fields: dict[str, Any] = {"type": kind, "meaning": NAMES[kind]}
    if kind in (1, 2, 3, 4):
        try:
            parsed = (RAW if kind == 2 else TEXT).parse(data)
            value = json.loads(bytes(parsed.text))
        except (ConstructError, ValueError, RecursionError) as error:
            raise NotThisFormatError(str(error)) from error
        fields["json"] = value
        if kind == 2:
            fields["data"] = bytes(parsed.data).hex()
        rest = data[3 + len(parsed.text) + (4 + parsed.length if kind == 2 else 0) :]
    else:
        rest = data[1:]
    if rest:
        fields["rest"] = rest.hex()
    shown = json.dumps(fields["json"], ensure_ascii=False) if "json" in fields else f"{len(rest)} bytes"
    return f"$dp type {kind} ({NAMES[kind]}): {shown}", fields
