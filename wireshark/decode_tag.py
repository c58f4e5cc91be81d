"""The decode of a packet, written for the tag of its header that carries it.

decode_layout.py declares the layout, docs/export-format.md describes it. What the arguments of a line became is written
once and kept, because lines repeat; the rest of a tag is numbers and short texts.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from capture.chunk import Side
from decoder.catalog import Arguments
from decoder.events import Data, Error, Finding, GivenUp, GroupEnded, Issued, Joined, Message, Result
from wireshark.decode_layout import (
    ANSWERS_COMMAND,
    ANSWERS_REQUEST,
    CHANNEL,
    COMMAND,
    CUT,
    DIALECT,
    DONE,
    ENCODINGS,
    FILL,
    FINDING,
    FORMS,
    GIVEN_UP,
    GROUP,
    GROUP_ENDED,
    KINDS,
    LATENCY,
    MAX_SIZE,
    NAME,
    NOWHERE,
    PARAMETER,
    PAYLOAD,
    REQUEST,
    RESULT,
    SEVERAL,
    SEVERITIES,
    VERSION,
    VIAS,
)

_HEAD = struct.Struct(">BH")
_NUMBER = struct.Struct(">BHI")
_LATENCY = struct.Struct(">BHq")
_COMMAND = struct.Struct(">BHIBB")
_ANSWERS = struct.Struct(">BHIB")
_PLACE = struct.Struct(">HH")
_CUT = _HEAD.pack(CUT, 0)
_FILL = [b"", *(_HEAD.pack(FILL, size) + bytes(size) for size in (2, 3, 0))]
"""What makes a decode 0, 1, 2 or 3 bytes longer, but for multiples of four."""
_KIND = {kind: bytes([VERSION, number]) for number, kind in enumerate(KINDS)}
_FORM = {form: number for number, form in enumerate(FORMS)}
_ROLE = {"echo": 0, "information": 1, "text": 1, "urc": 2, "result": 3, "prompt": 4, "data": 5}
_TYPE = {"hex": 5, "time of day": 6, "ip": 7}
_PYTHON_TYPE = {int: 1, float: 2, bool: 3}
_TEXT = 4
_SIDES: tuple[Side | None, ...] = ("mcu", "module", None)
_QUOTES = (b'"', "“".encode(), "”".encode())
_ANSWER_HEAD = re.compile(
    rb"[\r\n \0]*([+^$%*#!][A-Za-z][\w\-./]*[ \t]*[:=]|\+[A-Za-z][\w\-./]*[ \t]*,)?[ \t]*", re.ASCII
)
_CACHE_SIZE = 4096
_LONG_RECORD = 4096
"""Records of more bytes stand last, so that what does not fit is they."""


class Place(NamedTuple):
    """Where something stands in the bytes of a packet."""

    start: int
    size: int


_NO_PLACE = Place(NOWHERE, 0)


def _short(text: str) -> bytes:
    value = text.encode("utf-8", "backslashreplace")[:255]
    return bytes([len(value)]) + value


def _long(text: str) -> bytes:
    value = text.encode("utf-8", "backslashreplace")[:NOWHERE]
    return len(value).to_bytes(2, "big") + value


def _record(kind: int, value: bytes) -> bytes:
    value = value[:NOWHERE]
    return _HEAD.pack(kind, len(value)) + value


def _text_record(kind: int, text: str) -> bytes:
    return _record(kind, text.encode("utf-8", "backslashreplace"))


class TagWriter:
    """Writes the decodes of a session's packets."""

    def __init__(self) -> None:
        self._parameters: dict[tuple[int, bytes], tuple[Arguments, bytes]] = {}
        self._names: dict[tuple[str | None, str | None], bytes] = {}
        self._results: dict[Result, bytes] = {}

    def message(self, message: Message, more: Iterable[Finding | GivenUp | Joined | Data]) -> bytes:
        """Write the decode of a message; ``more`` is what was found with it."""
        parts, ties = [_KIND[message.kind]], []
        for one in more:
            if isinstance(one, Finding):
                parts.append(_finding(one, message.time_ns))
            elif isinstance(one, GivenUp):
                parts.append(_aside(one))
            else:
                ties.append(_group(one) if isinstance(one, Joined) else _payload(message, one))
        if message.data is not None:
            ties.append(_payload(message, message.data))
        long = [one for one in ties if len(one) > _LONG_RECORD]
        if long:
            ties = [one for one in ties if len(one) <= _LONG_RECORD]
        if message.kind == "command":
            self._commands(message, parts, ties)
        else:
            self._answer(message, parts, ties)
        if message.channel is not None:
            parts.append(_record(CHANNEL, bytes([message.channel])))
        return _whole(parts + long)

    def note(self, more: Iterable[Finding | GivenUp | GroupEnded]) -> bytes:
        """Write the decode of a note: what became known without a message."""
        return _whole([_KIND["note"], *map(_aside, more)])

    def _commands(self, message: Message, parts: list[bytes], ties: list[bytes]) -> None:
        last = len(message.commands) - 1
        for index, (command, number, reading, request) in enumerate(
            zip(message.commands, message.numbers, message.readings, message.requests, strict=True)
        ):
            parts.append(_COMMAND.pack(COMMAND, 6, number, _FORM[command.form], index < last))
            if request:
                parts.append(_NUMBER.pack(ANSWERS_REQUEST, 4, request))
            if index == last:
                parts += ties
            parts.append(self._name(command.name, command.dialect))
            if request:
                latency = command.request.latency_ns if command.request else None
                if isinstance(latency, int):
                    parts.append(_LATENCY.pack(LATENCY, 8, latency))
            if reading.params:
                parts.append(self._arguments(reading, message, index))

    def _answer(self, message: Message, parts: list[bytes], ties: list[bytes]) -> None:
        if message.owner_number:
            role = _ROLE.get(message.kind, 1)
            parts.append(_ANSWERS.pack(ANSWERS_COMMAND, 5, message.owner_number, role))
        if message.number:
            parts.append(_NUMBER.pack(REQUEST, 4, message.number))
        parts += ties
        if message.name is not None or message.dialect is not None:
            parts.append(self._name(message.name, message.dialect))
        if message.result is not None:
            parts.append(self._result(message.result))
        if message.latency_ns is not None:
            parts.append(_LATENCY.pack(LATENCY, 8, message.latency_ns))
        for reading in message.readings:
            if reading.params:
                parts.append(self._arguments(reading, message, 0))

    def _name(self, name: str | None, dialect: str | None) -> bytes:
        found = self._names.get((name, dialect))
        if found is None:
            found = b"" if name is None else _text_record(NAME, name)
            if dialect is not None:
                found += _text_record(DIALECT, dialect)
            if len(self._names) >= _CACHE_SIZE:
                self._names.clear()
            self._names[name, dialect] = found
        return found

    def _result(self, result: Result) -> bytes:
        found = self._results.get(result)
        if found is None:
            found = _record(RESULT, _short(result.code) + _error(result.error))
            if isinstance(result.done, bool):
                found += _record(DONE, bytes([result.done]))
            if len(self._results) >= _CACHE_SIZE:
                self._results.clear()
            self._results[result] = found
        return found

    def _arguments(self, reading: Arguments, message: Message, index: int) -> bytes:
        """Write the parameters of ``reading``, by which the command ``index`` of a line, or an answer, was read."""
        raw = message.raw
        key = id(reading), raw
        found = self._parameters.get(key)
        if found is not None and found[0] is reading:
            return found[1]
        if message.commands:
            start = _arguments_of(message.commands[: index + 1], raw)
        else:
            head = _ANSWER_HEAD.match(raw)
            start = head.end() if head is not None and head[1] is not None else -1
        written = _parameters(reading, raw, start, message.data)
        if len(raw) <= _CACHE_SIZE:
            if len(self._parameters) >= _CACHE_SIZE:
                self._parameters.clear()
            self._parameters[key] = reading, written
        return written


def _group(one: Joined) -> bytes:
    flags = one.first + 2 * one.last
    value = one.number.to_bytes(4, "big") + bytes([flags]) + _short(one.dialect) + _short(one.name)
    return _record(GROUP, value)


def _whole(parts: list[bytes]) -> bytes:
    whole = b"".join(parts)
    if len(whole) <= MAX_SIZE:
        return whole + _FILL[-len(whole) % 4]
    size = position = 2
    while position + 3 <= len(whole):
        position += 3 + int.from_bytes(whole[position + 1 : position + 3], "big")
        if position > MAX_SIZE - len(_CUT):
            break
        size = position
    return whole[:size] + _CUT + _FILL[-(size + len(_CUT)) % 4]


def _aside(one: Finding | GivenUp | GroupEnded) -> bytes:
    if isinstance(one, GivenUp):
        return _record(GIVEN_UP, one.number.to_bytes(4, "big") + one.code.encode("ascii"))
    if isinstance(one, GroupEnded):
        return _record(GROUP_ENDED, one.number.to_bytes(4, "big") + b"\0" + one.text.encode("utf-8"))
    return _finding(one, None)


def _error(error: Error | None) -> bytes:
    if error is None:
        return b""
    kind = 0 if error.code is None else 1 if isinstance(error.code, int) else 2
    code = "" if error.code is None else str(error.code)
    return bytes([kind]) + _short(code) + _long(error.text or "") + _long(error.text_zh or "")


def _finding(finding: Finding, packet_ns: int | None) -> bytes:
    head = bytes([SEVERITIES.index(finding.severity)])
    if finding.time_ns is None:
        head += b"\1"
    elif finding.time_ns == packet_ns:
        head += b"\0"
    else:
        head += b"\2" + finding.time_ns.to_bytes(8, "big", signed=True)
    chinese = finding.message_zh if isinstance(finding.message_zh, str) else ""
    texts = _short(finding.rule) + _long(finding.message) + _long(chinese) + _short(finding.reference or "")
    return _record(FINDING, head + bytes([_SIDES.index(finding.side)]) + texts)


def _payload(message: Message, data: Data) -> bytes:
    meant = bytes.fromhex(data.data)
    place = _place_of_payload(message, data, meant)
    written = message.raw[place.start : place.start + place.size] if place.start != NOWHERE else None
    if written is not None and data.encoding == "hex":
        known = written.lower() == data.data.encode("ascii")
    else:
        known = written == meant
    connection = data.connect_id
    kind = 0 if connection is None else 1 if isinstance(connection, int) else 2
    head = bytes([VIAS.index(data.via), ENCODINGS.index(data.encoding), kind])
    texts = _short("" if connection is None else str(connection)) + _short(data.announced_by)
    return _record(PAYLOAD, _PLACE.pack(*place) + head + texts + (b"" if known else meant))


def _place_of_payload(message: Message, data: Data, meant: bytes) -> Place:
    """Find the bytes of the packet that are the payload, as they were written."""
    raw = message.raw
    if message.kind == "data":
        size = len(meant) if raw.startswith(meant) else len(raw)
        return _place(0, size)
    written = data.data.encode("ascii") if data.encoding == "hex" else meant
    start = raw.rfind(written) if written else -1
    if start < 0 and data.encoding == "hex":
        start = raw.lower().rfind(written)
    return _NO_PLACE if start < 0 else _place(start, len(written))


def _place(start: int, size: int) -> Place:
    return Place(start, size) if start < NOWHERE and size <= NOWHERE else _NO_PLACE


def _arguments_of(commands: Sequence[Issued], raw: bytes) -> int:
    """Find where the arguments of the last of ``commands`` begin: behind all, if its name is not there (``A/``)."""
    position = 0
    for command in commands:
        name = re.escape(command.name.lstrip("+^$%*#!&\\").encode("utf-8"))
        operator = {"set": rb"[=:]", "test": rb"=\?", "read": rb"\?"}.get(command.form, rb"=?")
        if command.form == "s-register":
            name = rb"[Ss]\d+"
        found = re.compile(name + rb"[ \t]*" + operator, re.IGNORECASE).search(raw, position)
        if found is None:
            return len(raw)
        position = found.end()
    return position


def _places(reading: Arguments, raw: bytes, start: int, data: Data | None) -> list[Place]:
    """Find the arguments of a line in its bytes, one after the other; from the first that is not there on, none.

    ``start``: where they begin; -1 in a line that does not begin with a name: somewhere.
    """
    shaped, start = start < 0, max(start, 0)
    found: list[Place] = []
    syntax = reading.syntax
    payload = syntax.payload if syntax is not None else -1
    for index, text in enumerate(reading.texts):
        while raw[start : start + 1] in (b" ", b"\t"):
            start += 1
        written = [text.encode("utf-8", "surrogateescape")]
        if shaped:
            start = max(start, raw.find(written[0], start))
        if index == payload and data is not None:
            written.append(bytes.fromhex(data.data))
        lead = next((quote for quote in _QUOTES if raw.startswith(quote, start)), b"")
        for one in written:
            if raw.startswith(one, start):
                end = start + len(one)
                quoted = len(lead) if len(one) > len(lead) and one.startswith(lead) and lead else 0
                tail = next((len(quote) for quote in _QUOTES if quoted and one.endswith(quote)), 0)
                if not (quoted and tail and len(one) >= quoted + tail):
                    quoted = tail = 0
                found.append(_place(start + quoted, len(one) - quoted - tail))
                break
            if lead and raw.startswith(one, start + len(lead)):
                end = start + len(lead) + len(one)
                found.append(_place(start + len(lead), len(one)))
                end += next((len(quote) for quote in _QUOTES if raw.startswith(quote, end)), 0)
                break
        else:
            break
        while raw[end : end + 1] in (b" ", b"\t"):
            end += 1
        start = end + (raw[end : end + 1] in (b",", b":"))
    return found


def _parameters(reading: Arguments, raw: bytes, start: int, data: Data | None) -> bytes:
    places = _places(reading, raw, start, data)
    by_name: dict[str, list[Place]] = {}
    for name, place in zip(reading.names, [*places, *[_NO_PLACE] * len(reading.names)], strict=False):
        by_name.setdefault(name, []).append(place)
    types: dict[str, str] = {}
    for param in reading.syntax.params if reading.syntax is not None else ():
        types[param.name] = param.type
        if param.type == "time":
            types[param.name], types[param.quantity_name] = "string", "time of day"
    parts = []
    last = _NO_PLACE
    for name, value in reading.params.items():
        label = reading.labels.get(name, "")
        several = isinstance(value, list)
        values: list[Any] = value if isinstance(value, list) else [value]
        own = by_name.get(name) or [last]
        for index, one in enumerate(values):
            last = own[min(index, len(own) - 1)]
            parts.append(_parameter(name, one, label, types.get(name, ""), last, raw, several=several))
    return b"".join(parts)


def _parameter(
    name: str, value: object, label: str, declared: str, place: Place, raw: bytes, *, several: bool
) -> bytes:
    kind = _PYTHON_TYPE.get(type(value)) or _TYPE.get(declared, _TEXT)
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    written = text.encode("utf-8", "backslashreplace")
    if place.start != NOWHERE and place.size and raw[place.start : place.start + place.size] == written:
        written = b""
    head = _PLACE.pack(*place) + bytes([kind + SEVERAL * several])
    return _record(PARAMETER, head + _short(name) + _long(label) + written)
