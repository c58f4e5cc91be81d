"""MQTT 3.1, 3.1.1 and 5.0: control packets, to parse and to build.

Source: MQTT 3.1.1 (OASIS 2014) 2.2, 3; MQTT 5.0 (OASIS 2019) 2.2.2 (properties), 3. MQTT 3.1 has the protocol name
``MQIsdp`` and level 3. A packet's meaning depends on the level of its connection, so every function takes it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from construct import (
    BitsInteger,
    BitStruct,
    Construct,
    ConstructError,
    Container,
    Flag,
    GreedyBytes,
    GreedyRange,
    If,
    Int8ub,
    Int16ub,
    Int32ub,
    Optional,
    Prefixed,
    Struct,
    Switch,
    VarInt,
    this,
)

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

TYPES = (
    "", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE",
    "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)  # fmt: skip
STARTS = re.compile(rb"\x10[\x80-\xff]{0,3}[\x00-\x7f]\x00(?:\x04MQTT|\x06MQIsdp)[\x03-\x05]", re.DOTALL)
"""How the stream of a client begins: with CONNECT."""
MAX_PACKET = 1 << 20
_CONNACK = {0: "accepted", 1: "protocol version refused", 2: "identifier refused", 3: "server unavailable",
            4: "wrong user name or password", 5: "not authorized"}  # fmt: skip

_TEXT = Prefixed(Int16ub, GreedyBytes)
_PROPERTY_TYPES: dict[int, Construct] = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), Int8ub),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), Int16ub),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), Int32ub),
    **dict.fromkeys((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F), _TEXT),
    0x0B: VarInt,
    0x26: Struct("name" / _TEXT, "value" / _TEXT),
}
PROPERTY_NAMES = {
    0x01: "payload_format", 0x02: "message_expiry", 0x03: "content_type", 0x08: "response_topic",
    0x09: "correlation_data", 0x0B: "subscription_id", 0x11: "session_expiry", 0x12: "assigned_client_id",
    0x13: "server_keep_alive", 0x15: "authentication_method", 0x16: "authentication_data",
    0x17: "request_problem_information", 0x18: "will_delay", 0x19: "request_response_information",
    0x1A: "response_information", 0x1C: "server_reference", 0x1F: "reason", 0x21: "receive_maximum",
    0x22: "topic_alias_maximum", 0x23: "topic_alias", 0x24: "maximum_qos", 0x25: "retain_available",
    0x26: "user_property", 0x27: "maximum_packet_size", 0x28: "wildcard_subscriptions", 0x29: "subscription_ids",
    0x2A: "shared_subscriptions",
}  # fmt: skip
_PROPERTIES = Prefixed(VarInt, GreedyRange(Struct("id" / VarInt, "value" / Switch(this.id, _PROPERTY_TYPES))))
_IF_5 = If(this._params.level == 5, _PROPERTIES)
_ACK = Struct("packet_id" / Int16ub, "reason" / Optional(Int8ub), "properties" / Optional(_PROPERTIES))
_CONNECT_FLAGS = BitStruct(
    "username" / Flag, "password" / Flag, "will_retain" / Flag, "will_qos" / BitsInteger(2), "will" / Flag,
    "clean" / Flag, "reserved" / Flag,
)  # fmt: skip
_LEVEL_5 = this.level == 5
BODIES: dict[str, Construct] = {
    "CONNECT": Struct(
        "protocol" / _TEXT,
        "level" / Int8ub,
        "flags" / _CONNECT_FLAGS,
        "keep_alive" / Int16ub,
        "properties" / If(_LEVEL_5, _PROPERTIES),
        "client_id" / _TEXT,
        "will_properties" / If(lambda context: context.flags.will and context.level == 5, _PROPERTIES),
        "will_topic" / If(this.flags.will, _TEXT),
        "will_payload" / If(this.flags.will, _TEXT),
        "username" / If(this.flags.username, _TEXT),
        "password" / If(this.flags.password, _TEXT),
    ),
    "CONNACK": Struct("flags" / Int8ub, "code" / Int8ub, "properties" / _IF_5),
    "PUBLISH": Struct(
        "topic" / _TEXT, "packet_id" / If(this._params.qos > 0, Int16ub), "properties" / _IF_5, "payload" / GreedyBytes
    ),
    "PUBACK": _ACK,
    "PUBREC": _ACK,
    "PUBREL": _ACK,
    "PUBCOMP": _ACK,
    "SUBSCRIBE": Struct(
        "packet_id" / Int16ub,
        "properties" / _IF_5,
        "topics" / GreedyRange(Struct("filter" / _TEXT, "options" / Int8ub)),
    ),
    "SUBACK": Struct("packet_id" / Int16ub, "properties" / _IF_5, "codes" / GreedyRange(Int8ub)),
    "UNSUBSCRIBE": Struct("packet_id" / Int16ub, "properties" / _IF_5, "filters" / GreedyRange(_TEXT)),
    "UNSUBACK": Struct("packet_id" / Int16ub, "properties" / _IF_5, "codes" / GreedyRange(Int8ub)),
    "PINGREQ": Struct(),
    "PINGRESP": Struct(),
    "DISCONNECT": Struct("reason" / Optional(Int8ub), "properties" / Optional(_PROPERTIES)),
    "AUTH": Struct("reason" / Optional(Int8ub), "properties" / Optional(_PROPERTIES)),
}
"""The variable header and payload of each packet, by type."""


_EXAMPLES = tuple(
    b"\x10" + b"\x80" * more + b"\x10" + name
    for more in range(4)
    for name in (b"\x00\x04MQTT\x04", b"\x00\x06MQIsdp\x03")
)


def may_start(stream: bytes | bytearray) -> bool:
    """Tell whether more bytes could make ``stream`` begin with CONNECT."""
    rests = [example[len(stream) :] for example in _EXAMPLES]
    return any(rest and STARTS.match(bytes(stream[:32]) + rest) is not None for rest in rests)


class MqttPacket(NamedTuple):
    """A control packet: its type, the four flags of its first byte, the bytes behind its length."""

    type: str
    flags: int
    body: bytes

    @property
    def qos(self) -> int:
        """The quality of service of a PUBLISH."""
        return self.flags >> 1 & 3


def take(stream: bytes | bytearray) -> tuple[MqttPacket, int] | None:
    """Take the first packet of ``stream``: the packet and its size in bytes; None if more bytes are needed.

    Raises :class:`NotThisFormatError` if no packet begins here.
    """
    if not stream:
        return None
    kind, length, shift = stream[0] >> 4, 0, 0
    if not kind:
        raise NotThisFormatError("packet type 0")
    for index in range(1, 5):
        if index >= len(stream):
            return None
        length |= (stream[index] & 0x7F) << shift
        shift += 7
        if not stream[index] & 0x80:
            end = index + 1 + length
            if length > MAX_PACKET:
                raise NotThisFormatError("a packet too long")
            return (
                (MqttPacket(TYPES[kind], stream[0] & 15, bytes(stream[index + 1 : end])), end)
                if end <= len(stream)
                else None
            )
    raise NotThisFormatError("a length of more than four bytes")


def parse(packet: MqttPacket, level: int) -> Container[Any]:
    """Take the body of a packet apart. Raises :class:`NotThisFormatError`, also for bytes that nothing explains."""
    construct = BODIES[packet.type]
    try:
        body = construct.parse(packet.body, level=level, qos=packet.qos)
        again = construct.build(body, level=level, qos=packet.qos)
    except (ConstructError, KeyError, AttributeError, TypeError) as error:
        raise NotThisFormatError(str(error)) from error
    if again != packet.body:
        raise NotThisFormatError("bytes that are no part of the packet")
    return body


def build(kind: str, level: int, fields: dict[str, Any], flags: int = 0) -> bytes:
    """Build a whole packet from the fields of its body; what may be absent may be left out."""
    packet = MqttPacket(kind, flags, b"")
    absent = {field.name: None for field in BODIES[kind].subcons}
    body: bytes = BODIES[kind].build({**absent, **fields}, level=level, qos=packet.qos)
    length: bytes = VarInt.build(len(body))
    return bytes([TYPES.index(kind) << 4 | flags]) + length + body


def level_of(packet: MqttPacket) -> int:
    """Return the protocol level that a CONNECT asks for (3, 4 or 5)."""
    level: int = parse(packet, 4).level if packet.type == "CONNECT" else 4
    return level


def decode(packet: MqttPacket, level: int) -> tuple[str, dict[str, Any]]:
    """Decode a packet for people. Raises :class:`NotThisFormatError`."""
    body = parse(packet, level)
    fields: dict[str, Any] = {"type": packet.type}
    if packet.type == "PUBLISH":
        fields |= {"dup": bool(packet.flags & 8), "qos": packet.qos, "retain": bool(packet.flags & 1)}
    for name, value in body.items():
        if name.startswith("_") or value is None:
            continue
        fields[name] = _plain(name, value)
    if packet.type == "CONNECT":
        flags = fields.pop("flags")
        fields["clean"] = flags["clean"]
        if flags["will"]:
            fields |= {"will_qos": flags["will_qos"], "will_retain": flags["will_retain"]}
    return " ".join([packet.type, *filter(None, _words(packet, fields))]), fields


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex() if name in ("payload", "will_payload") else to_text(value)
    if name.endswith("properties"):
        return [_property(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(key, item) for key, item in value.items() if not key.startswith("_")}
    if isinstance(value, list):
        return [_plain(name, one) for one in value]
    return value


def _property(one: Any) -> dict[str, Any]:
    value = one.value
    shown: Any = value.hex() if one.id in (0x09, 0x16) and isinstance(value, bytes) else _plain("", value)
    return {"name": PROPERTY_NAMES.get(one.id, str(one.id)), "value": shown}


def _words(packet: MqttPacket, fields: dict[str, Any]) -> list[str]:
    words = []
    if packet.type == "CONNECT":
        words = [f"client {fields['client_id']!r}", f"level {fields['level']}", f"keep-alive {fields['keep_alive']} s"]
    elif packet.type == "CONNACK":
        words = [_CONNACK.get(fields["code"], f"code {fields['code']}")]
    elif packet.type == "PUBLISH":
        words = [fields["topic"], f"QoS {packet.qos}", f"{len(fields['payload']) // 2} bytes"]
    elif packet.type == "SUBSCRIBE":
        words = [", ".join(f"{topic['filter']} QoS {topic['options'] & 3}" for topic in fields["topics"])]
    elif packet.type == "UNSUBSCRIBE":
        words = [", ".join(fields["filters"])]
    elif "codes" in fields:
        words = [", ".join("refused" if code >= 128 else f"granted {code}" for code in fields["codes"])]
    if "packet_id" in fields:
        words.append(f"id {fields['packet_id']}")
    return words
