"""TLS and DTLS: records, and what of a handshake is not encrypted: versions, server name, cipher suites, alerts.

Source: RFC 5246 6.2, 7.2, 7.4; RFC 8446 4, 5; RFC 6066 3 (server name); RFC 7301 (ALPN); RFC 6347 4 (DTLS 1.2). Names
stand in tls.toml.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, NamedTuple

from construct import (
    Bytes,
    Construct,
    ConstructError,
    Container,
    GreedyBytes,
    GreedyRange,
    Int8ub,
    Int16ub,
    Int24ub,
    Optional,
    Prefixed,
    Rebuild,
    Struct,
    len_,
    this,
)

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

_TABLES: dict[str, dict[str, str]] = tomllib.loads(
    (resources.files("decoder.protocols.frames") / "tls.toml").read_text("utf-8")
)
VERSIONS, TYPES, HANDSHAKES, ALERTS, CIPHERS = (
    {int(number, 0): name for number, name in _TABLES[table].items()}
    for table in ("versions", "types", "handshakes", "alerts", "ciphers")
)
HANDSHAKE, ALERT, DATA = 22, 21, 23
_SERVER_NAME, _ALPN, _VERSIONS, _CONNECTION_ID = 0, 16, 43, 54

RECORD = Struct("type" / Int8ub, "version" / Int16ub, "fragment" / Prefixed(Int16ub, GreedyBytes))
DTLS_RECORD = Struct(
    "type" / Int8ub,
    "version" / Int16ub,
    "epoch" / Int16ub,
    "sequence" / Bytes(6),
    "fragment" / Prefixed(Int16ub, GreedyBytes),
)
_EXTENSION = Struct("type" / Int16ub, "data" / Prefixed(Int16ub, GreedyBytes))
_EXTENSIONS = Optional(Prefixed(Int16ub, GreedyRange(_EXTENSION)))


def _client_hello(*cookie: Construct) -> Construct:
    """Declare a ClientHello; that of DTLS has a cookie."""
    return Struct(
        "version" / Int16ub,
        "random" / Bytes(32),
        "session_id" / Prefixed(Int8ub, GreedyBytes),
        *cookie,
        "ciphers" / Prefixed(Int16ub, GreedyRange(Int16ub)),
        "compressions" / Prefixed(Int8ub, GreedyBytes),
        "extensions" / _EXTENSIONS,
    )


CLIENT_HELLO = _client_hello()
DTLS_CLIENT_HELLO = _client_hello("cookie" / Prefixed(Int8ub, GreedyBytes))
SERVER_HELLO = Struct(
    "version" / Int16ub,
    "random" / Bytes(32),
    "session_id" / Prefixed(Int8ub, GreedyBytes),
    "cipher" / Int16ub,
    "compression" / Int8ub,
    "extensions" / _EXTENSIONS,
)
MESSAGE = Struct("type" / Int8ub, "body" / Prefixed(Int24ub, GreedyBytes))
DTLS_MESSAGE = Struct(
    "type" / Int8ub,
    "length" / Int24ub,
    "sequence" / Int16ub,
    "offset" / Int24ub,
    "size" / Rebuild(Int24ub, len_(this.body)),
    "body" / Bytes(this.size),
)
_SERVER_NAMES = Prefixed(Int16ub, GreedyRange(Struct("type" / Int8ub, "name" / Prefixed(Int16ub, GreedyBytes))))
_PROTOCOLS = Prefixed(Int16ub, GreedyRange(Prefixed(Int8ub, GreedyBytes)))
_MANY_VERSIONS = Prefixed(Int8ub, GreedyRange(Int16ub))
_MAX_FRAGMENT = 16384 + 2048


class Record(NamedTuple):
    """A record: its type, version and fragment; of DTLS also the epoch."""

    type: int
    version: int
    fragment: bytes
    epoch: int | None = None


def take(stream: bytes | bytearray) -> tuple[Record, int] | None:
    """Take a TLS record from the beginning of ``stream``: the record and its size; None if more bytes are needed.

    Raises :class:`NotThisFormatError`.
    """
    head = bytes(stream[:5])
    if (head[:1] and head[0] not in TYPES) or head[1:2] not in (b"", b"\x03") or head[2:3] > b"\x04":
        raise NotThisFormatError("no TLS record begins here")
    if len(head) < 5:
        return None
    size = 5 + int.from_bytes(head[3:], "big")
    if size > 5 + _MAX_FRAGMENT:
        raise NotThisFormatError("a record too long")
    if len(stream) < size:
        return None
    raw = RECORD.parse(bytes(stream[:size]))
    return Record(raw.type, raw.version, bytes(raw.fragment)), size


def take_dtls(datagram: bytes) -> list[Record]:
    """Take all DTLS records of a datagram. Raises :class:`NotThisFormatError` if it is not made of them."""
    records, position = [], 0
    while position < len(datagram):
        if datagram[position] not in TYPES or datagram[position + 1 : position + 2] != b"\xfe":
            raise NotThisFormatError("no DTLS record begins here")
        try:
            raw = DTLS_RECORD.parse(datagram[position:])
        except ConstructError as error:
            raise NotThisFormatError(str(error)) from error
        records.append(Record(raw.type, raw.version, bytes(raw.fragment), raw.epoch))
        position += 13 + len(raw.fragment)
    if not records:
        raise NotThisFormatError("an empty datagram")
    return records


def describe(record: Record, *, encrypted: bool = False) -> tuple[str, dict[str, Any]]:
    """Tell people what a record is. ``encrypted``: its sender has changed to encrypted records before."""
    dtls = record.epoch is not None
    hidden = encrypted or bool(record.epoch)
    version = VERSIONS.get(record.version, f"version 0x{record.version:04x}")
    fields: dict[str, Any] = {
        "record": TYPES[record.type], "version": version, "length": len(record.fragment),
        "encrypted": hidden or record.type == DATA,
    }  # fmt: skip
    if record.type == ALERT and len(record.fragment) == 2 and not hidden:
        level, number = record.fragment
        fields |= {"level": {1: "warning", 2: "fatal"}.get(level, str(level)), "alert": ALERTS.get(number, str(number))}
        return f"{version} alert {fields['level']} {fields['alert']}", fields
    if record.type == HANDSHAKE and not hidden:
        messages = _messages(record, dtls)
        if messages:
            fields["handshake"] = messages
            return f"{version} " + ", ".join(_said(message) for message in messages), fields
    shown = "encrypted " if hidden and record.type != DATA else ""
    return f"{version} {shown}{TYPES[record.type]}, {len(record.fragment)} bytes", fields


def _messages(record: Record, dtls: bool) -> list[dict[str, Any]]:
    form = DTLS_MESSAGE if dtls else MESSAGE
    found: list[dict[str, Any]] = []
    position = 0
    while position < len(record.fragment):
        try:
            raw = form.parse(record.fragment[position:])
        except ConstructError:
            kind = record.fragment[position]
            if kind in HANDSHAKES and not found:
                found.append({"type": HANDSHAKES[kind], "partial": True})
            break
        position += len(form.build(raw))
        if raw.type not in HANDSHAKES:
            return []
        message: dict[str, Any] = {"type": HANDSHAKES[raw.type]}
        whole = not dtls or (raw.offset == 0 and raw.size == raw.length)
        if raw.type in (1, 2) and whole:
            message |= _hello(bytes(raw.body), _hello_form(raw.type, dtls))
        elif not whole:
            message["partial"] = True
        found.append(message)
    return found


def _hello_form(kind: int, dtls: bool) -> Construct:
    if kind == 2:
        return SERVER_HELLO
    return DTLS_CLIENT_HELLO if dtls else CLIENT_HELLO


def _hello(body: bytes, form: Construct) -> dict[str, Any]:
    try:
        raw: Container[Any] = form.parse(body)
    except ConstructError:
        return {"partial": True}
    found: dict[str, Any] = {"version": VERSIONS.get(raw.version, hex(raw.version))}
    if "ciphers" in raw:
        found["ciphers"] = [cipher_name(number) for number in raw.ciphers]
    else:
        found["cipher"] = cipher_name(raw.cipher)
    for extension in raw.extensions or ():
        _extension(extension.type, bytes(extension.data), found, client="ciphers" in raw)
    return found


def _extension(kind: int, data: bytes, found: dict[str, Any], *, client: bool) -> None:
    try:
        if kind == _SERVER_NAME and data:
            found["server_name"] = to_text(_SERVER_NAMES.parse(data)[0].name)
        elif kind == _ALPN:
            found["alpn"] = [to_text(bytes(name)) for name in _PROTOCOLS.parse(data)]
        elif kind == _VERSIONS:
            versions = _MANY_VERSIONS.parse(data) if client else [Int16ub.parse(data)]
            found["versions"] = [VERSIONS[number] for number in versions if number in VERSIONS]
        elif kind == _CONNECTION_ID:
            found["connection_id"] = data[1:].hex()
    except (ConstructError, IndexError):
        found["damaged_extension"] = kind


def cipher_name(number: int) -> str:
    """Name a cipher suite, by number if the table does not have it."""
    return CIPHERS.get(number, f"0x{number:04x}")


def _said(message: dict[str, Any]) -> str:
    words = [message["type"]]
    if "server_name" in message:
        words.append(f"for {message['server_name']}")
    if "ciphers" in message:
        words.append(f"{len(message['ciphers'])} ciphers")
    if "cipher" in message:
        words.append(message["cipher"])
    if message.get("partial"):
        words.append("(in part)")
    return " ".join(words)
