"""MQTT packets of a client inside the module.

Source: MQTT 3.1.1, 3; MQTT 3.1 for clients that are set to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from capture.chunk import Side
from decoder.followers.inferred.builder import Builder, Fields, Made
from decoder.protocols.frames import mqtt

_LEVELS = {"3.1": 3, "3": 3, "3.1.1": 4, "4": 4, "5.0": 5, "5": 5}
_LEVEL = "mqtt level"


def _made(kind: str, level: int, body: dict[str, Any], flags: int = 0, unknown: tuple[str, ...] = ()) -> Made:
    data = mqtt.build(kind, level, body, flags)
    taken = mqtt.take(data)
    assert taken is not None
    text, fields = mqtt.decode(taken[0], level)
    if "packet_id" in unknown:
        text = text.removesuffix(" id 0") + " id ?"
    return Made("mqtt", text, fields, data, unknown)


def _connect(fields: Fields, _side: Side, memory: dict[str, Any]) -> Made:
    level = memory[_LEVEL] = _LEVELS.get(fields.text("version", "3.1.1"), 4)
    will = bool(fields.number("will", int(fields.has("will_topic") and bool(fields.text("will_topic")))))
    username = bool(fields.text("username")) and bool(fields.number("use_username", 1))
    password = bool(fields.text("password")) and bool(fields.number("use_password", 1))
    unknown = [name for name in ("client_id", "keep_alive") if not fields.has(name)]
    body: dict[str, Any] = {
        "protocol": b"MQIsdp" if level == 3 else b"MQTT",
        "level": level,
        "flags": {
            "username": username, "password": password, "will_retain": will and bool(fields.number("will_retain")),
            "will_qos": fields.number("will_qos") & 3 if will else 0, "will": will,
            "clean": bool(fields.number("clean", 1)), "reserved": False,
        },
        "keep_alive": fields.number("keep_alive", 0) & 0xFFFF,
        "client_id": fields.data("client_id"),
        "properties": [], "will_properties": [],
    }  # fmt: skip
    if will:
        body |= {"will_topic": fields.data("will_topic"), "will_payload": fields.data("will_message")}
    if username:
        body["username"] = fields.data("username")
    if password:
        body["password"] = fields.data("password")
    return _made("CONNECT", level, body, 0, tuple(unknown))


def _connack(fields: Fields, _side: Side, memory: dict[str, Any]) -> Made:
    return _made("CONNACK", _level(memory), {"flags": 0, "code": fields.number("code") & 255, "properties": []})


def _publish(fields: Fields, _side: Side, memory: dict[str, Any]) -> Made:
    known = fields.has("packet_id")
    unknown = [name for name in ("qos", "retain") if not fields.has(name)]
    qos = fields.number("qos", 1 if known and fields.number("packet_id") else 0) & 3
    if qos and not known:
        unknown.append("packet_id")
    flags = bool(fields.number("dup")) << 3 | qos << 1 | bool(fields.number("retain"))
    body: dict[str, Any] = {"topic": fields.data("topic"), "payload": fields.data("payload"), "properties": []}
    if qos:
        body["packet_id"] = fields.number("packet_id") & 0xFFFF
    return _made("PUBLISH", _level(memory), body, flags, tuple(unknown))


def _subscribe(fields: Fields, _side: Side, memory: dict[str, Any]) -> Made:
    topics = [{"filter": fields.data("topic"), "options": fields.number("qos") & 3}]
    body = {"packet_id": fields.number("packet_id") & 0xFFFF, "topics": topics, "properties": []}
    return _made("SUBSCRIBE", _level(memory), body, 2, _without_id(fields))


def _suback(fields: Fields, _side: Side, memory: dict[str, Any]) -> Made:
    codes = [fields.number("code") & 255]
    body = {"packet_id": fields.number("packet_id") & 0xFFFF, "codes": codes, "properties": []}
    return _made("SUBACK", _level(memory), body, 0, _without_id(fields))


def _unsubscribe(fields: Fields, _side: Side, memory: dict[str, Any]) -> Made:
    body = {"packet_id": fields.number("packet_id") & 0xFFFF, "filters": [fields.data("topic")], "properties": []}
    return _made("UNSUBSCRIBE", _level(memory), body, 2, _without_id(fields))


def _acknowledge(kind: str) -> Callable[[Fields, Side, dict[str, Any]], Made]:
    def build(fields: Fields, _side: Side, memory: dict[str, Any]) -> Made:
        body: dict[str, Any] = {"packet_id": fields.number("packet_id") & 0xFFFF}
        if kind == "UNSUBACK":
            body |= {"properties": [], "codes": []}
        return _made(kind, _level(memory), body, 2 if kind == "PUBREL" else 0, _without_id(fields))

    return build


def _plain(kind: str) -> Callable[[Fields, Side, dict[str, Any]], Made]:
    return lambda _fields, _side, memory: _made(kind, _level(memory), {})


def _level(memory: dict[str, Any]) -> int:
    level: int = memory.get(_LEVEL, 4)
    return level


def _without_id(fields: Fields) -> tuple[str, ...]:
    return () if fields.has("packet_id") else ("packet_id",)


BUILDERS: dict[str, Builder] = {
    "mqtt.connect": _connect,
    "mqtt.connack": _connack,
    "mqtt.publish": _publish,
    "mqtt.subscribe": _subscribe,
    "mqtt.suback": _suback,
    "mqtt.unsubscribe": _unsubscribe,
    **{f"mqtt.{kind.lower()}": _acknowledge(kind) for kind in ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "UNSUBACK")},
    **{f"mqtt.{kind.lower()}": _plain(kind) for kind in ("PINGREQ", "PINGRESP", "DISCONNECT")},
}
