"""Every example of the M5310-A MQTT guide V1.0, chapters 1, 3 and 4: names, parameters, pairs."""

from __future__ import annotations

import pytest

from decoder.events import Data
from tests.helpers import compact, records, rules, transactions, urcs
from tests.test_manual_tcpip import chunks, t

CFG = {"host": "183.230.40.39", "port": 6002, "id": "4069959", "keepalive": 60, "user": "75829", "clean": 1}
OPEN = {
    "usr_flag": 1,
    "pwd_flag": 1,
    "will_flag": 0,
    "will_retain": 0,
    "will_qos": 0,
    "will_topic": "",
    "will_mesg": "",
}
PUB = {"topic": "dev/gsm/u", "qos": 2, "retain": 1, "dup": 0, "message_len": 0, "message": "update message"}
PUB_LINE = '> AT+MQTTPUB="dev/gsm/u",2,1,0,0,"update message"'
DP = "03001B7b2274657374223a2268656c6c6fefbc8c776f726c64efbc81227d"
ACK = {"dup": 0, "packid": 10}

EXAMPLES = {
    "1.1": (
        ['> AT+MQTTCFG="183.230.40.39",6002,"4069959",60,"75829","IIOu0oFUg...nTK1uzAcnM=",1', "< OK",
         "> AT+MQTTCFG?", '< +MQTTCFG:"183.230.40.39",6002,"4069959",60,"75829",***,1', "< OK"],
        [t("MQTTCFG", "set", {**CFG, "passwd": "IIOu0oFUg...nTK1uzAcnM="}), t("MQTTCFG", "read", {}, [{**CFG, "passwd": "***"}])],
    ),
    "1.2": (['> AT+MQTTOPEN=1,1,0,0,0,"",""', "< OK", "< +MQTTOPEN: OK"], [t("MQTTOPEN", "set", OPEN, late=[{"result": "OK"}])]),
    "1.4": (
        ['> AT+MQTTSUB="dev/gsm/u",2', "< OK", "< +MQTTSUBACK: 5,2", "> AT+MQTTSUB?", "< +MQTTSUB:", "< dev/gsm/u", "< OK"],
        [t("MQTTSUB", "set", {"topic": "dev/gsm/u", "qos": 2}, late=[{"packid": 5, "code": 2}]), t("MQTTSUB", "read", {}, [{}, {}])],
    ),
    "1.5 text": ([PUB_LINE, "< OK", "< +MQTTPUBREC: 0,10", "< +MQTTPUBCOMP: 0,10"], [t("MQTTPUB", "set", PUB, late=[ACK, ACK])]),
    "1.5 and 4.3, $dp": (
        [f"> AT+MQTTPUB=$dp,2,1,0,30,{DP}", "< OK", "< +MQTTPUBREC:2,0", "< +MQTTPUBCOMP:3,0"],
        [t("MQTTPUB", "set", {**PUB, "topic": "$dp", "message_len": 30, "message": DP}, late=[{"dup": 2, "packid": 0}, {"dup": 3, "packid": 0}])],
    ),
    "1.6": (['> AT+MQTTUNSUB="dev/gsm/u"', "< OK", "< +MQTTUNSUBACK: 8"], [t("MQTTUNSUB", "set", {"topic": "dev/gsm/u"}, late=[{"packid": 8}])]),
    "1.7": (["> AT+MQTTDISC", "< OK", "< +MQTTDISC: OK"], [t("MQTTDISC", "exec", {}, late=[{"result": "OK"}])]),
    "1.8": (["> AT+MQTTDEL", "< OK"], [t("MQTTDEL", "exec", {})]),
    "1.11": (
        ['> AT+MQTTPUB="dev/gsm/u",2,1,"update message"', "< OK", "< +MQTTPUBREC: 0,14", "< +MQTTPUBCOMP: 0,14"],
        [t("MQTTPUB", "set", {"topic": "dev/gsm/u", "qos": 2, "retain": 1, "message": "update message"},
           late=[{"dup": 0, "packid": 14}, {"dup": 0, "packid": 14}])],
    ),
    "ML302, no length": (
        ['> AT+MQTTPUB="a/b",0,0,0,"hi, there"', "< OK"],
        [t("MQTTPUB", "set", {"topic": "a/b", "qos": 0, "retain": 0, "dup": 0, "message": "hi, there"})],
    ),
    "4.2": (['> AT+MQTTSUB="led2",2,0', "< OK", "< +MQTTSUBACK: 5,2"], [t("MQTTSUB", "set", {"topic": "led2", "qos": 2, "index": 0}, late=[{"packid": 5, "code": 2}])]),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    lines, expected = EXAMPLES[name]
    found = records(chunks(lines))
    assert compact(found) == expected
    assert {one.dialect for one in transactions(found)} == {"m5310a-mqtt"}
    assert rules(found) == []


def test_messages_that_arrive_keep_their_bytes() -> None:
    lines = [
        '< +MQTTPUBLISH: 0,2,0,9,"dev/gsm/u",14\r\nupdate message',
        '< +MQTTPUBLISH: 0,0,0,0,$creq/4fc1,14,{"abc": "efg"}',
        "< +MQTTPUBREL: 0,9",
    ]
    found = records(chunks(lines))
    assert [bytes.fromhex(one.data) for one in found if isinstance(one, Data)] == [b"update message", b'{"abc": "efg"}']
    assert [one.name for one in urcs(found)] == ["MQTTPUBLISH", "MQTTPUBLISH", "MQTTPUBREL"]
    assert urcs(found)[0].params == {
        "dup": 0, "qos": 2, "retained": 0, "packid": 9, "topic": "dev/gsm/u", "msg_len": 14, "message": "update message",
    }  # fmt: skip
    assert rules(found) == []


def test_the_dp_example_decodes_to_its_json() -> None:
    (data,) = [one for one in records(chunks([f"> AT+MQTTPUB=$dp,2,1,0,30,{DP}", "< OK"])) if isinstance(one, Data)]
    assert bytes.fromhex(data.data) == b"\x03\x00\x1b" + '{"test":"hello，world！"}'.encode()


def test_the_keep_alive_story_of_chapter_3_3_5() -> None:
    lines = ["< +MQTTPINGRESP:OK", "< +MQTTTO:5", "< +MQTTREC:0", "< +MQTTREC:1", "< +MQTTREC:2", "< +MQTTDISC:OK"]
    found = urcs(records(chunks(lines)))
    assert [one.params for one in found] == [
        {"result": "OK"},
        {"type": 5},
        {"attempt": 0},
        {"attempt": 1},
        {"attempt": 2},
        {"result": "OK"},
    ]
    assert found[1].labels == {"type": "ping"}


@pytest.mark.parametrize("code", [601, 602, 651, 652, 653])
def test_every_error_code_of_chapter_2(code: int) -> None:
    result = transactions(records(chunks(["> AT+MQTTDEL", f"< +CME ERROR: {code}"])))[0].result
    assert result is not None
    assert result.error is not None
    assert result.error.text
