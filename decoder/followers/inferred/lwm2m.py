"""LwM2M messages of a client inside the module: registration, requests of the server, answers, notifications.

Source: OMA LwM2M TS 1.0.2, 5.3 (registration), 5.4 (device management), 5.5 (information reporting), 8.2 (CoAP); OneMO
LwM2M manual 3 (what the lines mean).
"""

from __future__ import annotations

import struct
from typing import Any

from capture.chunk import Side
from decoder.followers.inferred.builder import Builder, Fields, Made
from decoder.followers.inferred.coap import (
    ACK,
    CON,
    CONTENT_FORMAT,
    URI_PATH,
    URI_QUERY,
    made,
    number_option,
    path_options,
    token_of,
)
from decoder.protocols.frames import content, tlv
from decoder.protocols.frames.coap import Message, Option

_OBSERVE, _ACCEPT, _LOCATION = 6, 17, 8
_TLV, _LINKS = 11542, 40
_RESULTS = {1: 0x45, 2: 0x44, 11: 0x80, 12: 0x81, 13: 0x84, 14: 0x85, 15: 0x86}
_MAX_PARTS = 256
_Memory = dict[str, Any]


def _path(fields: Fields) -> tuple[str, ...]:
    parts = []
    for name in ("object", "instance", "resource"):
        if not fields.has(name) or fields.number(name) < 0:
            break
        parts.append(str(fields.number(name)))
    return tuple(parts)


def _uri(path: tuple[str, ...]) -> tuple[Option, ...]:
    return tuple(Option(URI_PATH, part.encode()) for part in path)


def _identifier(fields: Fields) -> int:
    return fields.number("mid") & 0xFFFF


def _asked(memory: _Memory, fields: Fields, path: tuple[str, ...]) -> None:
    """Remember the path that a message id stands for."""
    asked: dict[tuple[int, int], tuple[str, ...]] = memory.setdefault("lwm2m asked", {})
    if len(asked) >= _MAX_PARTS:
        asked.clear()
    asked[fields.number("ref"), _identifier(fields)] = path


def _path_asked(memory: _Memory, fields: Fields) -> tuple[str, ...]:
    path: tuple[str, ...] = memory.get("lwm2m asked", {}).get((fields.number("ref"), _identifier(fields)), ())
    return path


def _next_id(memory: _Memory) -> int:
    """Number messages whose id no line shows."""
    count: int = memory.get("lwm2m count", 0) + 1
    memory["lwm2m count"] = count
    return count & 0xFFFF


def value_bytes(value: object, kind: int) -> bytes:
    """Encode a value of a line by its data type (1 string, 2 opaque, 3 integer, 4 float, 5 boolean, 6 hex string).

    The width of numbers is not shown on the line: the smallest that holds the value is taken.
    """
    if kind in (2, 6) and isinstance(value, str):
        return bytes.fromhex(value)
    if kind == 3 and isinstance(value, int):
        size = next(size for size in (1, 2, 4, 8) if -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1)
        return value.to_bytes(size, "big", signed=True)
    if kind == 4 and isinstance(value, int | float):
        single = struct.pack(">f", value)
        return single if float(f"{struct.unpack('>f', single)[0]:.7g}") == float(value) else struct.pack(">d", value)
    if kind == 5:
        return b"\1" if value in (True, 1, "1", "true") else b"\0"
    return str(value).encode("utf-8", "surrogateescape")


def _parts(fields: Fields, memory: _Memory, what: str) -> list[tuple[int, int, bytes]] | None:
    """Gather the values of a message in parts; None while more are to come."""
    key = f"lwm2m {what}", fields.number("ref"), _identifier(fields)
    waiting: dict[tuple[str, int, int], list[tuple[int, int, bytes]]] = memory.setdefault("lwm2m parts", {})
    if len(waiting) > _MAX_PARTS:
        waiting.clear()
    row = (
        fields.number("instance"),
        fields.number("resource"),
        value_bytes(fields.values.get("value", ""), fields.number("type")),
    )
    rows = waiting.setdefault(key, [])
    if len(rows) < _MAX_PARTS:
        rows.append(row)
    if fields.number("flag") & 0xFF:
        return None
    return waiting.pop(key)


def _tlv_of(rows: list[tuple[int, int, bytes]], path: tuple[str, ...]) -> bytes:
    """Build TLV for values at ``path``: with their instances if the path names only an object."""
    resources = {instance: [] for instance, _, _ in rows}  # type: dict[int, list[tlv.Entry]]
    for instance, resource, value in rows:
        resources[instance].append(tlv.Entry(tlv.RESOURCE, resource, value))
    if len(path) < 2:
        return tlv.build(tuple(tlv.Entry(tlv.INSTANCE, one, tuple(inner)) for one, inner in resources.items()))
    return tlv.build(tuple(entry for inner in resources.values() for entry in inner))


def _add_object(fields: Fields, _side: Side, memory: _Memory) -> None:
    objects: dict[int, dict[int, list[int]]] = memory.setdefault("lwm2m objects", {})
    bits = fields.text("bitmap", "1")[:64]
    if len(objects) < 64:
        objects[fields.number("object")] = {number: [] for number, bit in enumerate(bits) if bit == "1"}


def _object_links(memory: _Memory) -> str:
    links: list[tuple[str, dict[str, str | None]]] = []
    for number, instances in memory.get("lwm2m objects", {}).items():
        links += [(f"/{number}/{instance}", {}) for instance in instances] or [(f"/{number}", {})]
    return content.build_links(links)


def _register(fields: Fields, _side: Side, memory: _Memory) -> Made:
    options = [*path_options("rd"), number_option(CONTENT_FORMAT, _LINKS)]
    options.append(Option(URI_QUERY, b"lwm2m=1.0"))
    if fields.number("lifetime") > 0:
        options.append(Option(URI_QUERY, b"lt=%d" % fields.number("lifetime")))
    identifier = memory["lwm2m open"] = _next_id(memory)
    message = Message(CON, 2, identifier, token_of(identifier), tuple(options), _object_links(memory).encode())
    return made(message, ("rd",), ("token", "message_id", "endpoint name", "binding", "the module's own objects"))


def _registered(fields: Fields, _side: Side, memory: _Memory) -> Made:
    identifier = memory.get("lwm2m open", 0)
    code = fields.number("code", 0x41)
    options = (Option(_LOCATION, b"rd"),) if code == 0x41 else ()
    unknown = ("token", "message_id", "location" if code == 0x41 else "code")
    return made(Message(ACK, code, identifier, token_of(identifier), options), ("rd",), unknown)


def _update(fields: Fields, _side: Side, memory: _Memory) -> Made:
    options = list(path_options("rd"))
    payload = b""
    if fields.number("lifetime") > 0:
        options.append(Option(URI_QUERY, b"lt=%d" % fields.number("lifetime")))
    if fields.number("with_objects"):
        options.append(number_option(CONTENT_FORMAT, _LINKS))
        payload = _object_links(memory).encode()
    identifier = memory["lwm2m open"] = _next_id(memory)
    message = Message(CON, 2, identifier, token_of(identifier), tuple(options), payload)
    return made(message, ("rd",), ("token", "message_id", "location"))


def _deregister(_fields: Fields, _side: Side, memory: _Memory) -> Made:
    identifier = memory["lwm2m open"] = _next_id(memory)
    message = Message(CON, 4, identifier, token_of(identifier), path_options("rd"))
    return made(message, ("rd",), ("token", "message_id", "location"))


def _request(
    fields: Fields,
    code: int,
    path: tuple[str, ...],
    memory: _Memory,
    more: tuple[Option, ...] = (),
    payload: bytes = b"",
) -> Made:
    _asked(memory, fields, path)
    identifier = _identifier(fields)
    message = Message(CON, code, identifier, token_of(identifier), (*_uri(path), *more), payload)
    return made(message, path, ("token",))


def _read(fields: Fields, _side: Side, memory: _Memory) -> Made:
    return _request(fields, 1, _path(fields), memory)


def _observe(fields: Fields, _side: Side, memory: _Memory) -> Made:
    path = _path(fields)
    flag = 0 if fields.number("observe", 1) else 1
    if not flag:
        memory.setdefault("lwm2m observed", {})[fields.number("ref"), _identifier(fields)] = path
    return _request(fields, 1, path, memory, (number_option(_OBSERVE, flag),))


def _discover(fields: Fields, _side: Side, memory: _Memory) -> Made:
    memory.setdefault("lwm2m discovered", {})[fields.number("ref"), fields.number("object")] = _identifier(fields)
    return _request(fields, 1, _path(fields), memory, (number_option(_ACCEPT, _LINKS),))


def _execute(fields: Fields, _side: Side, memory: _Memory) -> Made:
    more = (number_option(CONTENT_FORMAT, 0),) if fields.data("payload") else ()
    return _request(fields, 2, _path(fields), memory, more, fields.data("payload"))


def _parameter(fields: Fields, _side: Side, memory: _Memory) -> Made:
    query = tuple(Option(URI_QUERY, part.strip().encode()) for part in fields.text("query").split(";") if part.strip())
    return _request(fields, 3, _path(fields), memory, query)


def _write(fields: Fields, _side: Side, memory: _Memory) -> Made | None:
    rows = _parts(fields, memory, "write")
    if rows is None:
        return None
    path = _path(fields)[: 3 if len(rows) == 1 else 2]
    body = _tlv_of(rows, path)
    return _request(fields, 3, path, memory, (number_option(CONTENT_FORMAT, _TLV),), body)


def _answer(
    fields: Fields, memory: _Memory, payload: bytes = b"", form: int = 0, more: tuple[Option, ...] = ()
) -> Made:
    identifier = _identifier(fields)
    code = _RESULTS.get(fields.number("result", 2), 0xA0)
    options = (*more, number_option(CONTENT_FORMAT, form)) if payload else more
    message = Message(ACK, code, identifier, token_of(identifier), options, payload)
    return made(message, _path_asked(memory, fields), ("token", "type"))


def _response(fields: Fields, _side: Side, memory: _Memory) -> Made:
    return _answer(fields, memory)


def _observe_response(fields: Fields, _side: Side, memory: _Memory) -> Made:
    identifier = _identifier(fields)
    observed = (fields.number("ref"), identifier) in memory.get("lwm2m observed", {})
    good = observed and fields.number("result") == 1
    found = _answer(fields, memory, more=(number_option(_OBSERVE, 0),) if good else ())
    return found._replace(unknown=(*found.unknown, "payload")) if good else found


def _read_response(fields: Fields, _side: Side, memory: _Memory) -> Made | None:
    if not fields.has("value"):
        return _answer(fields, memory)
    rows = _parts(fields, memory, "read")
    if rows is None:
        return None
    path = _path_asked(memory, fields) or _path(fields)
    return _answer(fields, memory, _tlv_of(rows, path), _TLV)


def _discover_response(fields: Fields, _side: Side, memory: _Memory) -> Made | None:
    """Answer the discovery of an object; what is told before one only prepares the module."""
    if not fields.has("mid"):
        asked: dict[tuple[int, int], int] = memory.get("lwm2m discovered", {})
        identifier = asked.pop((fields.number("ref"), fields.number("object", -1)), None)
        if identifier is None:
            return None
        fields.values["mid"] = identifier
    path = _path_asked(memory, fields)
    number = int(path[0]) if path and path[0].isdecimal() else fields.number("object")
    instances = memory.get("lwm2m objects", {}).get(number) or {0: []}
    resources = [part.strip() for part in fields.text("resources").split(";") if part.strip()]
    links: list[tuple[str, dict[str, str | None]]] = [
        (f"/{number}/{instance}/{resource}", {}) for instance in instances for resource in resources
    ]
    return _answer(fields, memory, content.build_links(links).encode(), _LINKS)


def _notify(fields: Fields, _side: Side, memory: _Memory) -> Made | None:
    rows = _parts(fields, memory, "notify")
    if rows is None:
        return None
    observed: dict[tuple[int, int], tuple[str, ...]] = memory.get("lwm2m observed", {})
    path = observed.get((fields.number("ref"), _identifier(fields)))
    unknown = ["token", "message_id", "observe sequence"]
    if path is None:
        path = _path(fields)[:2]
    count = memory["lwm2m sequence"] = memory.get("lwm2m sequence", 0) + 1
    kind = CON if fields.has("ackid") else 1
    if not fields.has("ackid"):
        unknown.append("type")
    identifier = _next_id(memory)
    acknowledged: dict[int, int] = memory.setdefault("lwm2m notified", {})
    if len(acknowledged) >= _MAX_PARTS:
        acknowledged.clear()
    acknowledged[fields.number("ackid", -1)] = identifier
    options = (number_option(_OBSERVE, count & 0xFFFFFF), number_option(CONTENT_FORMAT, _TLV))
    body = _tlv_of(rows, path)
    message = Message(kind, 0x45, identifier, token_of(_identifier(fields)), options, body)
    return made(message, path, tuple(unknown))


def _notified(fields: Fields, _side: Side, memory: _Memory) -> Made | None:
    identifier = memory.get("lwm2m notified", {}).get(fields.number("ackid", -1))
    return None if identifier is None else made(Message(ACK, 0, identifier), (), ("message_id",))


BUILDERS: dict[str, Builder] = {
    "lwm2m.object": _add_object,
    "lwm2m.register": _register,
    "lwm2m.registered": _registered,
    "lwm2m.update": _update,
    "lwm2m.deregister": _deregister,
    "lwm2m.read": _read,
    "lwm2m.observe": _observe,
    "lwm2m.discover": _discover,
    "lwm2m.execute": _execute,
    "lwm2m.parameter": _parameter,
    "lwm2m.write": _write,
    "lwm2m.response": _response,
    "lwm2m.observe-response": _observe_response,
    "lwm2m.read-response": _read_response,
    "lwm2m.discover-response": _discover_response,
    "lwm2m.notify": _notify,
    "lwm2m.notified": _notified,
}
