"""Inferred frames: what the module must have said, for each maker's MQTT, CoAP, HTTP and LwM2M commands."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.catalog.effects import InferredFrame
from decoder.events import Frame
from decoder.followers.inferred import BUILDERS
from decoder.followers.inferred.lwm2m import value_bytes
from decoder.protocols.frames import coap, http, mqtt
from tests import dialogue
from tests.helpers import events, records, tshark
from tests.test_export_ip import exported

MQTT_M5310 = """
> AT+MQTTCFG="183.230.40.39",6002,"dev",60,"usr","pw",1
< OK
> AT+MQTTOPEN=1,1,1,0,1,"will/t","gone"
< OK
< +MQTTOPEN: OK
> AT+MQTTSUB="a/b",1
< OK
< +MQTTSUBACK: 3,1
> AT+MQTTPUB="up",1,0,0,0,"hi"
< OK
< +MQTTPUBACK: 4,1
> AT+MQTTPUB="up",2,1,0,4,"0D0A0001"
< OK
< +MQTTPUBREC: 0,5
< +MQTTPUBCOMP: 0,5
> AT+MQTTUNSUB="a/b"
< OK
< +MQTTUNSUBACK: 6
> AT+MQTTDISC
< OK
< +MQTTDISC: OK
"""
LWM2M = """
> AT+MIPLADDOBJ=0,3303,2,"11",2,0
< OK
> AT+MIPLOPEN=0,3600,30
< OK
< +MIPLEVENT: 0,6
< +MIPLOBSERVE: 0,700,1,3303,0,-1
> AT+MIPLOBSERVERSP=0,700,1
< OK
< +MIPLDISCOVER: 0,701,3303
> AT+MIPLDISCOVERRSP=0,3303,1,9,"5700;5701"
< OK
> AT+MIPLNOTIFY=0,700,3303,0,5700,4,4,21.5,1,1
< OK
> AT+MIPLNOTIFY=0,700,3303,0,5701,1,3,"Cel",0,0,77
< OK
< +MIPLEVENT: 0,26,77
< +MIPLREAD: 0,702,3303,0,5700
> AT+MIPLREADRSP=0,702,1,3303,0,5700,4,4,22.5,0,0
< OK
< +MIPLWRITE: 0,703,3303,0,5605,1,1,x,0
> AT+MIPLWRITERSP=0,703,2
< OK
< +MIPLEXECUTE: 0,704,3303,0,5605,3,"now"
> AT+MIPLEXECUTERSP=0,704,13
< OK
> AT+MIPLUPDATE=0,7200,1
< OK
< +MIPLEVENT: 0,11
> AT+MIPLCLOSE=0
< OK
< +MIPLEVENT: 0,15
"""
EXAMPLES = {
    "m5310a MQTT": (MQTT_M5310, [
        "> CONNECT client 'dev' level 4 keep-alive 60 s", "< CONNACK accepted", "> SUBSCRIBE a/b QoS 1 id 3", "< SUBACK granted 1 id 3",
        "> PUBLISH up QoS 1 2 bytes id 4", "< PUBACK id 4", "> PUBLISH up QoS 2 4 bytes id 5", "< PUBREC id 5", "> PUBREL id 5", "< PUBCOMP id 5",
        "> UNSUBSCRIBE a/b id 6", "< UNSUBACK id 6", "> DISCONNECT",
    ]),
    "m5310a, messages that arrive": ("""
<< \\r\\n+MQTTPUBLISH: 0,1,0,9,"t",5\\r\\nhe,"o\\r\\n
< +MQTTPINGRSP: OK
""", ["< PUBLISH t QoS 1 5 bytes id 9", "> PUBACK id 9", "> PINGREQ", "< PINGRESP"]),
    "ica MQTT": ("""
> AT+IMQTTPARA="KEEPALIVE",90,"CLEAN",0,"VERSION","3.1"
< OK
> AT+IMQTTCONN
< OK
> AT+IMQTTPUB="/t",2,"v"
< +IMQTTPUB:8
< OK
< +IMQTTPUB:8,0
""", ["> CONNECT client '' level 3 keep-alive 90 s", "< CONNACK accepted", "> PUBLISH /t QoS 2 1 bytes id 8", "< PUBREC id 8", "> PUBREL id 8", "< PUBCOMP id 8"]),
    "ica CoAP": ("""
> AT+ICOAPSENDREQ=2,"/light/1","{on}"
< +ICOAPSENDREQ:513
< OK
< +ICOAPSENDREQ:513,0
< +ICOAPRCVRSP=513,"/light/1",2,"ok"
< OK
""", ["> CON POST /light/1, id 513, 4 bytes", "< ACK 2.05 Content, id 513, 2 bytes"]),
    "ica HTTP": ("""
> AT+IHTTPSEND=2,"/light","x=1"
< OK
< +IHTTPSEND:0,4,"done"
""", ["> POST /light, 3 bytes", "< 200 OK, 4 bytes"]),
    "LwM2M": (LWM2M, [
        "> CON POST /rd?lwm2m=1.0&lt=3600, id ?, 19 bytes, /3303/0 (Temperature), /3303/1 (Temperature)", "< ACK 2.01 Created /rd, id ?",
        "< CON GET /3303/0, Observe 0, id 700", "> ACK 2.05 Content, Observe 0, id 700", "< CON GET /3303, id 701",
        "> ACK 2.05 Content, id 701, 59 bytes, /3303/0/5700 (Temperature), /3303/0/5701 (Temperature), /3303/1/5700 (Temperature), /3303/1/5701 (Temperature)",
        "> CON 2.05 Content, Observe 1, id ?, 13 bytes, 3303/0/5700 Sensor Value = 21.5, 3303/0/5701 Sensor Units = Cel", "< ACK Empty, id ?",
        "< CON GET /3303/0/5700, id 702", "> ACK 2.05 Content, id 702, 7 bytes, 3303/0/5700 Sensor Value = 22.5",
        "< CON PUT /3303/0/5605, id 703, 4 bytes, 3303/0/5605 Reset Min and Max Measured Values = 78", "> ACK 2.04 Changed, id 703",
        '< CON POST /3303/0/5605, id 704, 3 bytes, "now"', "> ACK 4.04 Not Found, id 704",
        "> CON POST /rd?lt=7200, id ?, 19 bytes, /3303/0 (Temperature), /3303/1 (Temperature)", "< ACK 2.04 Changed, id ?", "> CON DELETE /rd, id ?", "< ACK 2.02 Deleted, id ?",
    ]),
}  # fmt: skip


def inferred(text: str) -> list[Frame]:
    return [one for one in records(dialogue.chunks(text)) if isinstance(one, Frame)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_the_module_must_have_said(name: str) -> None:
    text, expected = EXAMPLES[name]
    found = inferred(text)
    assert [("> " if one.side == "mcu" else "< ") + one.text for one in found] == expected
    assert {one.origin for one in found} == {"inferred"}
    assert all(one.announced_by in text for one in found if "\n" not in one.announced_by)


def test_what_no_line_shows_is_named() -> None:
    unknown = {one.text.split(",")[0]: one.fields.get("unknown", []) for one in inferred(LWM2M) + inferred(MQTT_M5310)}
    assert unknown["CON GET /3303/0"] == ["token"]
    assert "message_id" in unknown["CON 2.05 Content"]
    assert unknown["PUBLISH up QoS 1 2 bytes id 4"] == []
    late = MQTT_M5310.replace("< +MQTTPUBACK: 4,1\n", "")
    assert [one.fields["unknown"] for one in inferred(late) if one.text.startswith("PUBLISH up QoS 1")] == [
        ["packet_id"]
    ]


def test_a_refused_command_is_no_frame() -> None:
    assert inferred('> AT+MQTTPUB="t",1,0,0,0,"x"\n< +CME ERROR: 602\n') == []


@pytest.mark.outside
def test_each_opens_in_plain_tshark(tmp_path: Path) -> None:
    """The frames of every sample, without the plugin: right protocol, fields, and a comment that says what they are."""
    sent = "\n".join(text for text, _ in EXAMPLES.values())
    frames = [one for one in events(dialogue.chunks(sent)) if isinstance(one, Frame)]
    path = exported(tmp_path, dialogue.chunks(sent))
    names = [
        "frame.protocols",
        "frame.comment",
        "mqtt.topic",
        "mqtt.msg",
        "coap.opt.uri_path_recon",
        "http.request.uri",
        "http.file_data",
    ]
    options = [option for name in names for option in ("-e", name)]
    text = tshark(
        path, "-Y", 'frame.interface_name == "inferred"', "-T", "fields", "-E", "separator=|", *options, plugin=False
    )
    rows = [line.split("|") for line in text.splitlines()]
    assert len(rows) == len(frames)
    for frame, (protocols, comment, topic, message, uri, target, body) in zip(frames, rows, strict=True):
        assert frame.protocol in protocols.split(":")
        assert comment.startswith("inferred from ")
        if frame.text.startswith("PUBLISH"):
            assert topic == frame.fields["topic"]
            assert message.replace(":", "") == frame.fields["payload"]
        if frame.protocol == "coap" and "path" in frame.fields:
            assert uri == frame.fields["path"]
        if "method" in frame.fields:
            assert target.endswith(frame.fields["target"])
            assert body
    assert tshark(path, "-Y", 'frame.interface_name == "inferred" && _ws.malformed', plugin=False) == ""
    assert "21.5" in tshark(path, "-Y", "coap", "-V", plugin=False)


def test_the_schema_knows_every_builder() -> None:
    assert set(get_args(InferredFrame)) == set(BUILDERS)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_of_any_size(value: int) -> None:
    assert int.from_bytes(value_bytes(value, 3), "big", signed=True) == value


def test_the_data_of_a_frame_is_the_frame() -> None:
    for one in (frame for text, _ in EXAMPLES.values() for frame in inferred(text)):
        data = bytes.fromhex(str(one.data))
        if one.protocol == "mqtt":
            assert mqtt.take(data) is not None
        elif one.protocol == "coap":
            assert coap.build(coap.parse(data)) == data
        else:
            assert http.take(data) is not None
