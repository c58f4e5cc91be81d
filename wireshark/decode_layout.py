"""The layout of the decode that a packet of an export carries, declared with construct: docs/export-format.md.

The exporter writes it by hand (decode_tag.py), because it writes one for every packet; this declaration reads it, and
the tests hold the two together.
"""

from __future__ import annotations

from typing import Any

from construct import (
    Byte,
    Bytes,
    Const,
    ConstructError,
    Container,
    Flag,
    GreedyBytes,
    GreedyRange,
    GreedyString,
    If,
    Int8ub,
    Int16ub,
    Int32ub,
    Int64sb,
    Optional,
    PascalString,
    Prefixed,
    Struct,
    Switch,
    this,
)

VERSION = 1
MAX_SIZE = 65_520
"""A decode is at most so many bytes, without what fills it up."""
NOWHERE = 65535
"""The offset of what does not stand in the packet."""
SEVERAL = 128
"""Added to the type of a parameter that has several values."""

KINDS = (
    "command", "echo", "information", "result", "urc", "prompt", "data", "text", "noise", "blank", "note", "mux",
)  # fmt: skip
FORMS = ("test", "read", "set", "exec", "basic", "s-register", "dial")
ROLES = ("echo", "information", "late urc", "result", "prompt", "payload")
TYPES = ("", "int", "float", "bool", "text", "bytes", "time", "ip")
VIAS = ("command", "prompt", "urc", "answer", "transparent")
ENCODINGS = ("raw", "hex", "escaped", "quoted")
SEVERITIES = ("note", "warning", "error")

FILL = 0
COMMAND, NAME, DIALECT, PARAMETER, ANSWERS_COMMAND, RESULT, LATENCY, REQUEST = range(1, 9)
ANSWERS_REQUEST, GROUP, PAYLOAD, FINDING, GIVEN_UP, GROUP_ENDED, TEXT, DONE, CHANNEL = range(9, 18)
CUT = 127

_SHORT = PascalString(Int8ub, "utf8")
_LONG = PascalString(Int16ub, "utf8")
_PLACE = Struct("start" / Int16ub, "size" / Int16ub)
_REST = GreedyString("utf8")
_ERROR = Struct("kind" / Byte, "code" / _SHORT, "text" / _LONG, "text_zh" / _LONG)
RECORDS: dict[int, Any] = {
    COMMAND: Struct("number" / Int32ub, "form" / Byte, "more" / Flag),
    NAME: _REST,
    DIALECT: _REST,
    PARAMETER: Struct("place" / _PLACE, "type" / Byte, "name" / _SHORT, "label" / _LONG, "value" / GreedyBytes),
    ANSWERS_COMMAND: Struct("number" / Int32ub, "role" / Byte),
    RESULT: Struct("code" / _SHORT, "error" / Optional(_ERROR)),
    LATENCY: Int64sb,
    REQUEST: Int32ub,
    ANSWERS_REQUEST: Int32ub,
    GROUP: Struct("number" / Int32ub, "flags" / Byte, "dialect" / _SHORT, "name" / _SHORT),
    PAYLOAD: Struct(
        "place" / _PLACE,
        "via" / Byte,
        "encoding" / Byte,
        "connection_type" / Byte,
        "connection" / _SHORT,
        "announced_by" / _SHORT,
        "meant" / GreedyBytes,
    ),
    FINDING: Struct(
        "severity" / Byte,
        "time" / Byte,
        "time_ns" / If(this.time == 2, Int64sb),
        "side" / Byte,
        "rule" / _SHORT,
        "message" / _LONG,
        "message_zh" / _LONG,
        "reference" / _SHORT,
    ),
    GIVEN_UP: Struct("number" / Int32ub, "code" / _REST),
    GROUP_ENDED: Struct("number" / Int32ub, "complete" / Flag, "text" / _REST),
    TEXT: _REST,
    DONE: Flag,
    CHANNEL: Byte,
    CUT: Bytes(0),
    FILL: GreedyBytes,
}
"""What the records hold, by type."""
RECORD = Struct("type" / Byte, "value" / Prefixed(Int16ub, Switch(this.type, RECORDS, default=GreedyBytes)))
LAYOUT = Struct("version" / Const(VERSION, Byte), "kind" / Byte, "records" / GreedyRange(RECORD), "rest" / GreedyBytes)
"""A decode. ``rest`` is empty; if it is not, a record contradicts itself."""


def read(decode: bytes) -> Container[Any] | None:
    """Parse the value of a decode tag, or return None if it is of another version or damaged."""
    try:
        parsed = LAYOUT.parse(decode)
    except ConstructError:
        return None
    return None if parsed.rest else parsed
