"""Every example of the ICA AT command set V0.4: names, parameters, pairs, binary data, firmware blocks.

Names are as the manual prints them, misprints included; decodes show the canonical name. ``raw`` marks binary data.
"""

from __future__ import annotations

from typing import Any

import pytest

from capture.chunk import Chunk
from decoder import catalog
from decoder.events import Data, Event
from tests.helpers import MS, START, compact, records, rules, transactions, urcs
from tests.test_manual_tcpip import t

CATALOG = catalog.load(["ica"])
OK = b"\r\nOK\r\n"
BLOCK = bytes.fromhex("112233AABA")


def decode(*lines: str | tuple[str, bytes]) -> list[Event]:
    """Decode lines ("> " from the MCU, "< " from the module) and raw bytes (side, bytes)."""
    now = START
    chunks: list[Chunk] = []
    for line in lines:
        now += 200 * MS
        if isinstance(line, tuple):
            chunks.append(Chunk(now, "mcu" if line[0] == "mcu" else "module", line[1]))
        elif line[0] == ">":
            chunks.append(Chunk(now, "mcu", line[2:].encode() + b"\r"))
        else:
            chunks.append(Chunk(now, "module", b"\r\n" + line[2:].encode() + b"\r\n"))
    return list(records(chunks, CATALOG))


def data(found: list[Event]) -> list[tuple[str, str, bytes]]:
    return [(one.side, one.announced_by, bytes.fromhex(one.data)) for one in found if isinstance(one, Data)]


PARA = ("para_tag", "para_value", "para_tag2", "para_value2", "para_tag3", "para_value3", "para_tag4", "para_value4")


def pairs(*values: object) -> dict[str, Any]:
    return dict(zip(PARA, values, strict=False))


JSON_ON, JSON_TURN = r'"{\"status\":\"on\"}"', r'"{\"action\":\"turnon\"}"'
AUTH = {"auth_value": ["productKey001", "deviceName001", "deviceSecret123"]}
EXAMPLES: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {
    "4": (["> AT+IMQTTMODE?", "< +IMQTTMODE:1", "< OK"], [t("IMQTTMODE", "read", {}, [{"mode": 1}])]),
    "5.2": (["> AT+IMQTTMODE=1", "< OK"], [t("IMQTTMODE", "set", {"mode": 1})]),
    "5.3": (['> AT+IMQTTAUTH="productKey001", "deviceName001", "deviceSecret123"', "< OK", "< +IMQTTAUTH:OK"], [t("IMQTTAUTH", "set", AUTH, late=[{"result": "OK"}])]),
    "5.4 one": (['> AT+MQTTPARA="TIMEOUT", 2', "< OK"], [t("IMQTTPARA", "set", pairs("TIMEOUT", 2))]),
    "5.4 four": (
        ['> AT+MQTTPARA="TIMEOUT", 2, "CLEAN", 1, "KEEPALIVE", 60, "VERSION", "3.1.1"', "< OK"],
        [t("IMQTTPARA", "set", pairs("TIMEOUT", 2, "CLEAN", 1, "KEEPALIVE", 60, "VERSION", "3.1.1"))],
    ),
    "5.4 typographic": (["> AT+IMQTTPARA=“TIMEOUT”,2", "< OK"], [t("IMQTTPARA", "set", pairs("TIMEOUT", 2))]),
    "5.5": (["> AT+MQTTCONN", "< OK"], [t("IMQTTCONN", "exec", {})]),
    "5.6": (
        ['> AT+IMQTTPUB="/test_topic_001",1,"hellosim"', "< +IMQTTPUB:24761", "< OK", "< +IMQTTPUB:24761,0"],
        [t("IMQTTPUB", "set", {"topic": "/test_topic_001", "qos": 1, "message": "hellosim"}, [{"packet_id": 24761}], [{"packet_id": 24761, "status": 0}])],
    ),
    "5.8": (
        ['> AT+MQTTSUB="/test_topic_001",2', "< +MQTTSUB:24761", "< OK", "< +MQTTSUB:24761,1"],
        [t("IMQTTSUB", "set", {"topic": "/test_topic_001", "qos": 2}, [{"packet_id": 24761}], [{"packet_id": 24761, "status": 1}])],
    ),
    "5.9": (
        ['> AT+MQTTUNSUB="/test_topic_001"', "< +MQTTUNSUB:24761", "< OK", "< +IMQTTUNSUB:24761,0"],
        [t("IMQTTUNSUB", "set", {"topic": "/test_topic_001"}, [{"packet_id": 24761}], [{"packet_id": 24761, "status": 0}])],
    ),
    "5.12": (["> AT+IMQTTSTATE?", "< +IMQTTSTATE:2", "< OK"], [t("IMQTTSTATE", "read", {}, [{"state": 2}])]),
    "5.13": (["> AT+MQTTDISCONN", "< OK"], [t("IMQTTDISCONN", "exec", {})]),
    "5.14": (['> AT+IMQTTDBGPARA="PINGRSP", 1', "< OK"], [t("IMQTTDBGPARA", "set", pairs("PINGRSP", 1))]),
    "6.2": (['> AT+ICOAPARA="TIMEOUT", 2', "< OK"], [t("ICOAPPARA", "set", pairs("TIMEOUT", 2))]),
    "6.3": (['> AT+ICOAPAUTH="productKey001", "deviceName001", "deviceSecret123"', "< OK", "< +ICOAPAUTH:OK"], [t("ICOAPAUTH", "set", AUTH, late=[{"result": "OK"}])]),
    "6.4": (
        [f'> AT+ICOAPSENDREQ=2, "/livingroom/light", {JSON_TURN}', "< +ICOAPSENDREQ:24761", "< OK", "< +ICOAPSENDREQ:24761, 0"],
        [t("ICOAPSENDREQ", "set", {"method": 2, "path": "/livingroom/light", "message": '{"action":"turnon"}'}, [{"packet_token": 24761}], [{"packet_token": 24761, "status": 0}])],
    ),
    "6.6": (
        [f'> AT+ICOAPSENDREQN=2, "/livingroom/light", {JSON_TURN}', "< +ICOAPSENDREQN:24761", "< OK"],
        [t("ICOAPSENDREQN", "set", {"method": 2, "path": "/livingroom/light", "message": '{"action":"turnon"}'}, [{"packet_token": 24761}])],
    ),
    "7.2": (['> AT+IHTTPARA="KEEPALIVE", 1, "TIMEOUT", 6', "< OK"], [t("IHTTPPARA", "set", pairs("KEEPALIVE", 1, "TIMEOUT", 6))]),
    "7.3": (['> AT+IHTTPAUTH="productKey001", "deviceName001", "deviceSecret123"', "< OK", "< +IHTTPAUTH:OK"], [t("IHTTPAUTH", "set", AUTH, late=[{"result": "OK"}])]),
    "7.5": (
        [f'> AT+IHTTSENDREQ=2,"/livingroom/light",{JSON_TURN}', "< +IHTTSENDREQ:24761", "< OK"],
        [t("IHTTPSENDREQ", "set", {"method": 2, "path": "/livingroom/light", "message": '{"action":"turnon"}'}, [{"packet_token": 24761}])],
    ),
    "7.9": (["> AT+IHTTPODISCONN", "< OK"], [t("IHTTPDISCONN", "exec", {})]),
    "8.2": (
        ['> AT+IOTAPARA="DURATION", 86400', "< OK", '> AT+IOTAPARA="DURATION", 86400, "BLOCKSIZE", 512', "< OK"],
        [t("IOTAPARA", "set", pairs("DURATION", 86400)), t("IOTAPARA", "set", pairs("DURATION", 86400, "BLOCKSIZE", 512))],
    ),
    "8.3": (['> AT+IOTAVER="hw_1.0.0 fw_1.2.0"', "< OK"], [t("IOTAVER", "set", {"version": "hw_1.0.0 fw_1.2.0"})]),
    "8.5": (
        ["> AT+IOTAPGS=80", "< OK", '> AT+IOTAPGS=-2,"FLASH MEMORY IS NOT ENOUGH"', "< OK"],
        [t("IOTAPGS", "set", {"progress": 80}), t("IOTAPGS", "set", {"progress": -2, "desc": "FLASH MEMORY IS NOT ENOUGH"})],
    ),
    "8.7": (["> AT+IOTABORT", "< OK"], [t("IOTABORT", "exec", {})]),
    "9.2": (["> AT+ILOGLVL=1", "< OK"], [t("ILOGLVL", "set", {"level": 1})]),
    "9.3": (["> AT+IREBOOT=1", "< OK"], [t("IREBOOT", "set", {"reboot_mode": 1})]),
    "9.4": (["> AT+IDEFAULT", "< OK"], [t("IDEFAULT", "exec", {})]),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    lines, expected = EXAMPLES[name]
    found = decode(*lines)
    assert compact(found) == expected
    assert {one.dialect for one in transactions(found)} == {"ica"}
    assert rules(found) == []


@pytest.mark.parametrize(
    "name", ["IMQTTPUBIN", "ICOAPSENDBIN", "ICOAPSENBIN", "ICOAPSENDNBIN", "IHTTPSENDBIN", "IHTTSENBIN"]
)
def test_binary_sends_wait_for_the_ok_that_asks_for_them(name: str) -> None:
    """5.7, 6.5, 6.7, 7.6: the first OK asks for the bytes, the second is the result."""
    head = '"/test_topic_001",1,5' if "MQTT" in name else '2,"/livingroom/light",5'
    found = decode(f"> AT+{name}={head}", "< OK", ("mcu", BLOCK), f"< +{name}:24761", "< OK")
    (one,) = transactions(found)
    assert data(found) == [("mcu", one.name, BLOCK)]
    assert one.information[0].params in ({"packet_id": 24761}, {"packet_token": 24761})
    assert one.result is not None
    assert one.result.code == "OK"
    assert one.latency_ns == 800 * MS
    assert "send.short" not in rules(found)


def test_a_binary_send_without_length_ends_with_plus_signs() -> None:
    body = b"OK\r\nAT+IMQTTCONN\r+ + \x1a"
    found = decode(
        '> AT+IMQTTPUBIN="/t",1,0',
        ("module", b"\r\n>"),
        ("mcu", body + b"+++"),
        "< +IMQTTPUBIN:7",
        "< OK",
        "< +IMQTTPUBIN:7,0",
    )
    assert data(found) == [("mcu", "IMQTTPUBIN", body)]
    assert rules(found) == []


@pytest.mark.parametrize(
    ("line", "name", "params", "body"),
    [
        ('+IMQTTTRCVPUB=24761,"/test_topic_001",5,"hello"', "IMQTTRCVPUB", {"packet_id": 24761, "topic": "/test_topic_001", "msg_len": 5, "payload": "hello"}, b"hello"),
        ("+IMQTTRCVPUB=24761,“/test_topic_001”,5,“hello”", "IMQTTRCVPUB", {"packet_id": 24761, "topic": "/test_topic_001", "msg_len": 5, "payload": "hello"}, b"hello"),
        (f'+ICOAPRCVRSP=24761,"/livingroom/light",15,{JSON_ON}', "ICOAPRCVRSP", {"packet_token": 24761, "path": "/livingroom/light", "msg_len": 15, "payload": JSON_ON[1:-1]}, b'{"status":"on"}'),
        (f'+IHTTPCRVRSP=24761,0,"/livingroom/light",15,{JSON_ON}', "IHTTPRCVRSP", {"packet_token": 24761, "status": 0, "path": "/livingroom/light", "msg_len": 15, "payload": JSON_ON[1:-1]}, b'{"status":"on"}'),
    ],
)  # fmt: skip
def test_messages_in_urcs_with_their_own_ok(line: str, name: str, params: dict[str, Any], body: bytes) -> None:
    """5.10, 6.8, 7.7. The OK never completes a waiting command."""
    found = decode("> AT+IMQTTSTATE?", f"< {line}", "< OK", "< +IMQTTSTATE:2", "< OK")
    (urc,) = urcs(found)
    assert (urc.name, urc.params) == (name, params)
    assert [one[2] for one in data(found)] == [body]
    assert [i.params for i in transactions(found)[0].information] == [{"state": 2}]
    assert rules(found) == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('+IMQTTTRCVPUBIN=24761,"/test_topic_001",5', "IMQTTRCVPUBIN"),
        ('+ICOAPRCVBIN=24761,"/livingroom/light",5', "ICOAPRCVBIN"),
        ('+IHTTPCVBIN=24761,0,"/livingroom/light",5', "IHTTPRCVBIN"),
    ],
)
def test_binary_messages_follow_the_ok_of_their_urc(line: str, name: str) -> None:
    """5.11, 6.9, 7.8."""
    body = b"\r\nOK\n"[:5]
    found = decode(f"< {line}", "< OK", ("module", body), "> AT+ILOGLVL=1", "< OK")
    assert [one.name for one in urcs(found)] == [name]
    assert data(found) == [("module", name, body)]
    assert [one.name for one in transactions(found)] == ["ILOGLVL"]
    assert rules(found) == []


def test_other_urcs() -> None:
    """5.15, 8.4."""
    found = decode(
        "< +IMQTTPINGRSP", "< OK", '< +IOTANEWVER="hw_1.0.0 fw_1.2.0",432945,"93230c3bde425a9d7984a594ac55ea1e"', "< OK"
    )
    assert [(one.name, one.params) for one in urcs(found)] == [
        ("IMQTTPINGRSP", {}),
        (
            "IOTANEWVER",
            {"version": "hw_1.0.0 fw_1.2.0", "img_size": 432945, "checksum": "93230c3bde425a9d7984a594ac55ea1e"},
        ),
    ]
    assert rules(found) == []


def test_a_synchronous_http_response() -> None:
    """7.4."""
    found = decode(f'> AT+IHTTSEND=2, "/livingroom/light", {JSON_TURN}', "< OK", f"< +IHTTSEND:0, 15, {JSON_ON}")
    (one,) = transactions(found)
    assert one.name == "IHTTPSEND"
    assert one.urcs[0].params == {"status": 0, "resp_len": 15, "payload": JSON_ON[1:-1]}
    assert [d[2] for d in data(found)] == [b'{"status":"on"}']


def test_firmware_blocks_and_their_crc() -> None:
    """8.6: the first block is damaged, its repeat is not."""
    good = bytes.fromhex("112233AABB")
    found = decode(
        "> AT+IOTABLOCK=0",
        "< +IOTABLOCK=5, 0x1DD1",
        "< OK",
        ("module", BLOCK),
        "> AT+IOTABLOCK=1",
        "< +IOTABLOCK=5, 0x1DD1",
        "< OK",
        ("module", good),
    )
    assert data(found) == [("module", "IOTABLOCK", BLOCK), ("module", "IOTABLOCK", good)]
    assert rules(found) == ["payload.crc"]
    assert [one.information[0].params for one in transactions(found)] == [{"msg_len": 5, "checksum": "0x1DD1"}] * 2


def test_a_number_in_quotes_is_a_text_if_it_is_not_written_as_numbers_are() -> None:
    """Where an answer is a packet id or a topic: "00" is a topic, 7 an id, and so is "7"."""
    for text, params in (
        ('"00"', {"topic": "00"}),
        ('"+5"', {"topic": "+5"}),
        ("7", {"packet_id": 7}),
        ('"7"', {"packet_id": 7}),
    ):
        (one,) = transactions(decode("> AT+IMQTTUNSUB?", f"< +IMQTTUNSUB: {text}", "< OK"))
        assert one.information[0].params == params
