"""MQTT: packets of the specifications, scapy as an oracle, what is built comes back, streams in any pieces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.mqtt import MQTT

from decoder.protocols.frames import mqtt
from decoder.protocols.frames.errors import NotThisFormatError

TOPIC = st.text(min_size=1, max_size=20).map(str.encode)
PROPERTY = st.one_of(
    st.builds(lambda value: {"id": 0x02, "value": value}, st.integers(0, 2**32 - 1)),
    st.builds(lambda value: {"id": 0x23, "value": value}, st.integers(0, 65535)),
    st.builds(lambda value: {"id": 0x0B, "value": value}, st.integers(1, 2**28 - 1)),
    st.builds(lambda name, value: {"id": 0x26, "value": {"name": name, "value": value}}, TOPIC, TOPIC),
)
LEVEL = st.sampled_from([3, 4, 5])


@st.composite
def packets(draw: st.DrawFn) -> tuple[int, bytes, str, dict[str, Any]]:
    """Draw (level, bytes, type, fields that must be found)."""
    level = draw(LEVEL)
    properties = draw(st.lists(PROPERTY, max_size=3)) if level == 5 else None
    kind = draw(st.sampled_from(["PUBLISH", "PUBACK", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "PINGREQ", "CONNECT"]))
    number = draw(st.integers(1, 65535))
    fields: dict[str, Any] = {}
    flags = 0
    if kind == "PUBLISH":
        flags = draw(st.sampled_from([0, 2, 4, 3, 13]))
        fields = {
            "topic": draw(TOPIC),
            "packet_id": number if flags & 6 else None,
            "payload": draw(st.binary(max_size=300)),
        }
    elif kind == "PUBACK":
        fields = {"packet_id": number, "reason": None, "properties": None}
    elif kind == "SUBSCRIBE":
        flags = 2
        fields = {
            "packet_id": number,
            "topics": [{"filter": topic, "options": 1} for topic in draw(st.lists(TOPIC, min_size=1, max_size=3))],
        }
    elif kind == "SUBACK":
        fields = {"packet_id": number, "codes": draw(st.lists(st.sampled_from([0, 1, 2, 128]), min_size=1, max_size=3))}
    elif kind == "UNSUBSCRIBE":
        flags = 2
        fields = {"packet_id": number, "filters": draw(st.lists(TOPIC, min_size=1, max_size=3))}
    elif kind == "CONNECT":
        flag = {
            "username": True,
            "password": False,
            "will_retain": False,
            "will_qos": 1,
            "will": True,
            "clean": True,
            "reserved": False,
        }
        fields = {
            "protocol": b"MQIsdp" if level == 3 else b"MQTT",
            "level": level,
            "flags": flag,
            "keep_alive": 60,
            "client_id": draw(TOPIC),
            "will_properties": [],
            "will_topic": draw(TOPIC),
            "will_payload": b"gone",
            "username": b"u",
            "password": None,
        }
    if kind not in ("PUBACK", "PINGREQ"):
        fields["properties"] = properties
    return level, mqtt.build(kind, level, fields, flags), kind, fields


@given(packets())
def test_what_is_built_comes_back(drawn: tuple[int, bytes, str, dict[str, Any]]) -> None:
    level, data, kind, fields = drawn
    taken = mqtt.take(data)
    assert taken is not None
    packet, size = taken
    assert (packet.type, size) == (kind, len(data))
    body = mqtt.parse(packet, level)
    assert all(body[name] == value for name, value in fields.items() if isinstance(value, bytes | int))
    assert mqtt.decode(packet, level)[1]["type"] == kind


@given(packets())
def test_scapy_reads_what_is_built(drawn: tuple[int, bytes, str, dict[str, Any]]) -> None:
    level, data, kind, fields = drawn
    theirs = MQTT(data)
    assert mqtt.TYPES[theirs.type] == kind
    if kind == "PUBLISH" and level < 5:
        assert (bytes(theirs.payload.topic), theirs.QOS) == (fields["topic"], data[0] >> 1 & 3)


@given(st.lists(packets(), min_size=1, max_size=4), st.data())
def test_a_stream_may_come_in_any_pieces(
    drawn: list[tuple[int, bytes, str, dict[str, Any]]], data: st.DataObject
) -> None:
    whole = b"".join(one[1] for one in drawn)
    waiting, found, position = b"", [], 0
    while position < len(whole):
        size = data.draw(st.integers(1, len(whole) - position))
        waiting += whole[position : position + size]
        position += size
        while (taken := mqtt.take(waiting)) is not None:
            found.append(taken[0].type)
            waiting = waiting[taken[1] :]
    assert (found, waiting) == ([one[2] for one in drawn], b"")


@given(st.binary(max_size=100), LEVEL)
def test_any_bytes_are_a_packet_or_not_one(data: bytes, level: int) -> None:
    try:
        taken = mqtt.take(data)
        if taken is not None:
            mqtt.decode(taken[0], level)
    except NotThisFormatError:
        pass


@pytest.mark.parametrize(
    ("data", "level", "text", "fields"),
    [
        # MQTT 3.1.1, figure 3.6: flags of a CONNECT with user name, password and will
        (
            "101a00044d51545404ce000a"
            + "0002"
            + b"id".hex()
            + "0001"
            + b"t".hex()
            + "0001"
            + b"m".hex()
            + "0001"
            + b"u".hex()
            + "0001"
            + b"p".hex(),
            4,
            "CONNECT client 'id' level 4 keep-alive 10 s",
            {"username": "u", "password": "p", "will_topic": "t", "will_qos": 1, "clean": True},
        ),
        ("20020005", 4, "CONNACK not authorized", {"code": 5}),
        # MQTT 3.1.1, 3.3.2.3.1: topic a/b, packet id 10
        ("320700" + "03612f62" + "000a", 4, "PUBLISH a/b QoS 1 0 bytes id 10", {"packet_id": 10, "payload": ""}),
        # MQTT 3.1.1, 3.8.3.1: a/b QoS 1 and c/d QoS 2
        ("820e" + "000a" + "0003612f6201" + "0003632f6402", 4, "SUBSCRIBE a/b QoS 1, c/d QoS 2 id 10", {}),
        ("9005000a000280", 4, "SUBACK granted 0, granted 2, refused id 10", {"codes": [0, 2, 128]}),
        ("c000", 4, "PINGREQ", {}),
        ("e000", 5, "DISCONNECT", {}),
        # MQTT 5.0: a PUBLISH with a topic alias and a user property
        (
            "3013"
            + "0001"
            + b"t".hex()
            + "0d"
            + "230007"
            + "26"
            + "0001"
            + b"k".hex()
            + "0004"
            + b"valu".hex()
            + b"hi".hex(),
            5,
            "PUBLISH t QoS 0 2 bytes",
            {
                "properties": [
                    {"name": "topic_alias", "value": 7},
                    {"name": "user_property", "value": {"name": "k", "value": "valu"}},
                ]
            },
        ),
    ],
)
def test_examples(data: str, level: int, text: str, fields: dict[str, Any]) -> None:
    raw = bytes.fromhex(data)
    raw = raw[:1] + bytes([len(raw) - 2]) + raw[2:]
    taken = mqtt.take(raw)
    assert taken is not None
    shown, found = mqtt.decode(taken[0], level)
    assert shown == text
    assert {key: found[key] for key in fields} == fields
