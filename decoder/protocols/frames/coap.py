"""CoAP over UDP and TCP: messages, options and their names.

Source: RFC 7252 3 (message format), 3.1 (option format), 5.10 (options), 12 (numbers); RFC 7641 (Observe); RFC 7959
(Block1 and Block2); RFC 8323 3.2 (message format over TCP), 5 (signals). The numbers stand in coap.toml.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, NamedTuple

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Const,
    Construct,
    ConstructError,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Struct,
    this,
)

from decoder.protocols.frames import content
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

_TABLES = tomllib.loads((resources.files("decoder.protocols.frames") / "coap.toml").read_text("utf-8"))
CODES: dict[int, str] = {int(code, 16): name for code, name in _TABLES["codes"].items()}
OPTIONS: dict[int, tuple[str, str]] = {int(number): (name, kind) for number, (name, kind) in _TABLES["options"].items()}
SIGNALS: dict[int, dict[int, tuple[str, str]]] = {
    int(code, 16): {int(number): (name, kind) for number, (name, kind) in options.items()}
    for code, options in _TABLES["signals"].items()
}
CONTENT_FORMATS: dict[int, str] = {int(number): name for number, name in _TABLES["content_formats"].items()}
TYPES = ("CON", "NON", "ACK", "RST", "")
_MARKER = 0xFF
_URI_PATH = 11
_FIRST_SIGNAL = 0xE0
OVER_TCP = -1
"""The type and message id of a message over TCP, which has neither."""
MAX_MESSAGE = 1 << 20
_MAX_OPTIONS = 128


class Option(NamedTuple):
    """An option: its number and its bytes."""

    number: int
    value: bytes


class _Options(Construct):  # type: ignore[misc]
    """Options up to the payload marker or the end: deltas and lengths in nibbles, extended by 13 and 14."""

    def _parse(self, stream: Any, _context: Any, _path: Any) -> list[Option]:
        options: list[Option] = []
        number = 0
        while first := stream.read(1):
            if first[0] == _MARKER:
                stream.seek(-1, 1)
                break
            if len(options) >= _MAX_OPTIONS:
                raise ConstructError("more options than a message has")
            number += _extended(stream, first[0] >> 4)
            length = _extended(stream, first[0] & 15)
            options.append(Option(number, _exactly(stream, length)))
        return options

    def _build(self, options: Any, stream: Any, _context: Any, _path: Any) -> Any:
        number = 0
        for option in sorted(options, key=lambda one: one[0]):
            delta, more_delta = _split(option[0] - number)
            length, more_length = _split(len(option[1]))
            stream.write(bytes([delta << 4 | length]) + more_delta + more_length + option[1])
            number = option[0]
        return options


def _exactly(stream: Any, count: int) -> bytes:
    data: bytes = stream.read(count)
    if len(data) != count:
        raise ConstructError("the message ends inside an option")
    return data


def _extended(stream: Any, nibble: int) -> int:
    if nibble == 13:
        return _exactly(stream, 1)[0] + 13
    if nibble == 14:
        return int.from_bytes(_exactly(stream, 2), "big") + 269
    if nibble == 15:
        raise ConstructError("a reserved option nibble")
    return nibble


def _split(value: int) -> tuple[int, bytes]:
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, (value - 269).to_bytes(2, "big")


MESSAGE = Struct(
    "header"
    / BitStruct("version" / Const(1, BitsInteger(2)), "type" / BitsInteger(2), "token_length" / BitsInteger(4)),
    "code" / Int8ub,
    "message_id" / Int16ub,
    "token" / Bytes(this.header.token_length),
    "options" / _Options(),
    "tail" / GreedyBytes,
)
"""A message; ``tail`` is empty, or the payload marker and the payload."""


TCP_BODY = Struct(
    "code" / Int8ub, "token" / Bytes(this._params.token_length), "options" / _Options(), "tail" / GreedyBytes
)
"""What follows the length of a message over TCP."""


class Message(NamedTuple):
    """A CoAP message. ``code`` holds class and detail in one byte; ``payload`` is empty if there is none."""

    type: int
    code: int
    message_id: int
    token: bytes = b""
    options: tuple[Option, ...] = ()
    payload: bytes = b""


def parse(data: bytes) -> Message:
    """Parse a datagram. Raises :class:`NotThisFormatError`."""
    try:
        raw = MESSAGE.parse(data)
    except ConstructError as error:
        raise NotThisFormatError(str(error)) from error
    tail = bytes(raw.tail)
    if raw.header.token_length > 8 or tail == bytes([_MARKER]):
        raise NotThisFormatError("a token too long, or a payload marker without payload")
    message = Message(
        raw.header.type, raw.code, raw.message_id, bytes(raw.token), tuple(map(_option, raw.options)), tail[1:]
    )
    if message.code == 0 and (message.token or message.options or message.payload):
        raise NotThisFormatError("an empty message that is not empty")
    return message


def _option(raw: Any) -> Option:
    return Option(raw[0], bytes(raw[1]))


def build(message: Message) -> bytes:
    """Build a datagram. Options are brought into order."""
    made: bytes = MESSAGE.build(
        {
            "header": {"version": 1, "type": message.type, "token_length": len(message.token)},
            "code": message.code,
            "message_id": message.message_id,
            "token": message.token,
            "options": list(message.options),
            "tail": bytes([_MARKER]) + message.payload if message.payload else b"",
        }
    )
    return made


def take_tcp(stream: bytes | bytearray) -> tuple[Message, int] | None:
    """Take a message from a TCP stream: the message and its size; None if more bytes are needed.

    Raises :class:`NotThisFormatError`.
    """
    if not stream:
        return None
    nibble, token_length = stream[0] >> 4, stream[0] & 15
    if token_length > 8:
        raise NotThisFormatError("a token too long")
    extra = {13: 1, 14: 2, 15: 4}.get(nibble, 0)
    if len(stream) < 1 + extra:
        return None
    more = int.from_bytes(stream[1 : 1 + extra], "big")
    length = more + {1: 13, 2: 269, 4: 65805}[extra] if extra else nibble
    size = 1 + extra + 1 + token_length + length
    if length > MAX_MESSAGE:
        raise NotThisFormatError("a message too long")
    if len(stream) < size:
        return None
    try:
        raw = TCP_BODY.parse(bytes(stream[1 + extra : size]), token_length=token_length)
    except ConstructError as error:
        raise NotThisFormatError(str(error)) from error
    if raw.code not in CODES:
        raise NotThisFormatError("no CoAP code")
    tail = bytes(raw.tail)
    return Message(OVER_TCP, raw.code, OVER_TCP, bytes(raw.token), tuple(map(_option, raw.options)), tail[1:]), size


def build_tcp(message: Message) -> bytes:
    """Build a message for a TCP stream; its type and message id play no role."""
    tail = bytes([_MARKER]) + message.payload if message.payload else b""
    fields = {"code": message.code, "token": message.token, "options": list(message.options), "tail": tail}
    body: bytes = TCP_BODY.build(fields, token_length=len(message.token))
    length = len(body) - 1 - len(message.token)
    for nibble, size, base in ((15, 4, 65805), (14, 2, 269), (13, 1, 13)):
        if length >= base:
            return bytes([nibble << 4 | len(message.token)]) + (length - base).to_bytes(size, "big") + body
    return bytes([length << 4 | len(message.token)]) + body


def starts_tcp(stream: bytes | bytearray) -> bool | None:
    """Tell whether a stream begins with CSM, as CoAP over TCP does (RFC 8323 5.3); None if more bytes must tell."""
    if not stream:
        return None
    position = 1 + {13: 1, 14: 2, 15: 4}.get(stream[0] >> 4, 0)
    if stream[0] & 15:
        return False
    return None if len(stream) <= position else stream[position] == 0xE1


def value_of(message: Message, name: str) -> Any:
    """Return the value of the first option of a name, None if it has none."""
    for option in message.options:
        known, kind = OPTIONS.get(option.number, ("", "opaque"))
        if known == name:
            return _value(option.value, kind)
    return None


def media_type(message: Message) -> str:
    """Return the content format of the payload by name, "" if none is given."""
    number = value_of(message, "Content-Format")
    return CONTENT_FORMATS.get(number, str(number)) if number is not None else ""


def path_of(message: Message) -> tuple[str, ...]:
    """Return the segments of the path that a request names."""
    return tuple(to_text(option.value) for option in message.options if option.number == _URI_PATH)


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """Decode a datagram for people. Raises :class:`NotThisFormatError`."""
    message = parse(data)
    return describe(message, path_of(message))


def describe(message: Message, asked: tuple[str, ...], body: bytes | None = None) -> tuple[str, dict[str, Any]]:
    """Tell people what a message is: codes, options and content formats by name, what its payload says.

    ``asked`` is the path of the request that it is or answers; values are named by it. ``body`` is the whole of which
    the payload is the last block; b"" if it is a block before. Raises :class:`NotThisFormatError` if its code is none.
    """
    over_tcp = message.type == OVER_TCP
    if message.code not in CODES or (message.code >= _FIRST_SIGNAL and not over_tcp):
        raise NotThisFormatError("no CoAP code")
    number = f"{message.code >> 5}.{message.code & 31:02}"
    fields: dict[str, Any] = {
        "type": TYPES[message.type], "code": number, "name": CODES[message.code], "message_id": message.message_id,
        "token": message.token.hex(),
    }  # fmt: skip
    if over_tcp:
        del fields["type"], fields["message_id"]
    table = SIGNALS.get(message.code, OPTIONS)
    options = [(option, *table.get(option.number, ("", "opaque"))) for option in message.options]
    if options:
        fields["options"] = [
            {"number": option.number, "name": name or None, "value": _value(option.value, kind)}
            for option, name, kind in options
        ]
    path = "/" + "/".join(path_of(message))
    query = [to_text(option.value) for option, name, _ in options if name == "Uri-Query"]
    located = [to_text(option.value) for option, name, _ in options if name == "Location-Path"]
    formats = [int.from_bytes(option.value, "big") for option, name, _ in options if name == "Content-Format"]
    is_request = 0 < message.code < 32
    if is_request:
        fields["path"] = path
    if query:
        fields["query"] = query
    if located:
        fields["location"] = "/" + "/".join(located)
    if formats:
        fields["content_format"] = CONTENT_FORMATS.get(formats[0], str(formats[0]))
    if message.payload:
        fields["payload"] = message.payload.hex()
    head = [
        *([] if over_tcp else [TYPES[message.type]]),
        CODES[message.code] if message.code < 32 else f"{number} {CODES[message.code]}",
    ]
    if is_request:
        head.append(path + ("?" + "&".join(query) if query else ""))
    if located:
        head.append(fields["location"])
    more = [f"{name} {_shown(_value(option.value, kind))}" for option, name, kind in options if name in _SHOWN]
    if not over_tcp:
        more.append(f"id {message.message_id}")
    if message.payload:
        more.append(f"{len(message.payload)} bytes")
    whole = message.payload if body is None else body
    if body:
        more.append(f"the last of {len(body)}")
        fields["body_length"] = len(body)
    if whole and formats:
        numbers = tuple(int(segment) for segment in asked if segment.isascii() and segment.isdigit())
        try:
            told = content.read(fields["content_format"], whole, numbers)
        except NotThisFormatError:
            more.append(f"no {fields['content_format']}")
        else:
            if told is not None:
                fields |= told[1]
                more.append(told[0])
    return ", ".join([" ".join(head), *more]), fields


_SHOWN = ("Observe", "Block1", "Block2")


def _value(data: bytes, kind: str) -> Any:
    if kind == "string":
        return to_text(data)
    if kind == "uint":
        return int.from_bytes(data, "big")
    if kind == "block":
        value = int.from_bytes(data, "big")
        return {"number": value >> 4, "more": bool(value & 8), "size": 1 << ((value & 7) + 4)}
    return data.hex()


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['number']}/{int(value['more'])}/{value['size']}"
    return str(value)
