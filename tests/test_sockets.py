"""Connections: streams and datagrams put together from the line, whatever way their bytes crossed it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.chunk import Chunk
from decoder.events import Finding, Frame, Record, Socket
from decoder.protocols.frames import coap, mqtt
from decoder.protocols.frames.coap import Message, Option
from tests.helpers import answer, command, records, talk

Said = tuple[str, bytes]
CONNECT = mqtt.build(
    "CONNECT",
    4,
    {
        "protocol": b"MQTT",
        "level": 4,
        "keep_alive": 60,
        "client_id": b"meter",
        "flags": {
            "username": False,
            "password": False,
            "will_retain": False,
            "will_qos": 0,
            "will": False,
            "clean": True,
            "reserved": False,
        },
    },
)
CONNACK = bytes.fromhex("20020000")
NASTY = b'+++\r\nOK\r\n> "rtcp",0,5,AT+CSQ\r\x1a\x00' + bytes(range(256))


def publish(payload: bytes) -> bytes:
    return mqtt.build("PUBLISH", 4, {"topic": b"up/t", "packet_id": 7, "payload": payload}, 2)


def frames(found: list[Record]) -> list[Frame]:
    return [one for one in found if isinstance(one, Frame)]


def opened(kind: str = "TCP", mode: str = "") -> list[Said]:
    return [command(f'AT+MIPOPEN=0,"{kind}","10.0.0.1",1883{mode}'), answer("OK"), answer("+MIPOPEN: 0,0")]


def prompted(data: bytes) -> list[Said]:
    sent = b"\r\n+MIPSEND: 0,%d\r\n\r\nOK\r\n" % len(data)
    return [command(f"AT+MIPSEND=0,{len(data)}"), ("module", b"\r\n> "), ("mcu", data), ("module", sent)]


def as_hex(data: bytes) -> list[Said]:
    return [command(f'AT+MIPSEND=0,{len(data)},"{data.hex()}"'), answer(f"+MIPSEND: 0,{len(data)}", "OK")]


def received(data: bytes, kind: str = "rtcp") -> list[Said]:
    return [("module", b'\r\n+MIPURC: "%b",0,%d,' % (kind.encode(), len(data)) + data + b"\r\n")]


@pytest.mark.parametrize("send", [prompted, as_hex])
def test_mqtt_over_a_socket(send: object) -> None:
    assert callable(send)
    lines = [*opened()]
    if send is as_hex:
        lines += [command('AT+MIPCFG="encoding",0,1,0'), answer("OK")]
    lines += [*send(CONNECT), *received(CONNACK), *send(publish(NASTY)), *received(bytes.fromhex("40020007"))]
    found = frames(records(talk(*lines)))
    assert [(one.side, one.text) for one in found] == [
        ("mcu", "CONNECT client 'meter' level 4 keep-alive 60 s"),
        ("module", "CONNACK accepted"),
        ("mcu", f"PUBLISH up/t QoS 1 {len(NASTY)} bytes id 7"),
        ("module", "PUBACK id 7"),
    ]
    assert found[2].fields["payload"] == NASTY.hex()
    assert {(one.protocol, one.connect_id, one.origin) for one in found} == {("mqtt", 0, "observed")}


@given(st.data())
def test_a_stream_in_any_pieces_gives_the_same_packets(data: st.DataObject) -> None:
    whole = CONNECT + publish(NASTY) + publish(b"") + bytes.fromhex("c000")
    lines, position = opened(), 0
    while position < len(whole):
        size = data.draw(st.integers(1, len(whole) - position))
        lines += as_hex(whole[position : position + size])
        position += size
    texts = [
        one.text.split()[0]
        for one in frames(records(talk(command('AT+MIPCFG="encoding",0,1,0'), answer("OK"), *lines)))
    ]
    assert texts == ["CONNECT", "PUBLISH", "PUBLISH", "PINGREQ"]


def test_mqtt_in_transparent_mode() -> None:
    lines: list[Said] = [command('AT+MIPOPEN=0,"TCP","10.0.0.1",1883,60,1'), answer("OK"), answer("CONNECT")]
    chunks = talk(*lines, ("mcu", CONNECT), ("module", CONNACK), ("mcu", publish(b"+++")))
    assert [one.text.split()[0] for one in frames(records(chunks))] == ["CONNECT", "CONNACK", "PUBLISH"]


def test_coap_in_datagrams() -> None:
    request = coap.build(Message(0, 1, 9, b"\x01", (Option(11, b"t"),)))
    reply = coap.build(Message(2, 0x45, 9, b"\x01", (Option(12, b""),), b"21.5"))
    found = frames(records(talk(*opened("UDP"), *prompted(request), *received(reply, "rudp"))))
    assert [(one.protocol, one.text) for one in found] == [
        ("coap", "CON GET /t, id 9"),
        ("coap", 'ACK 2.05 Content, id 9, 4 bytes, "21.5"'),
    ]
    assert found[1].fields["payload"] == b"21.5".hex()


def test_lwm2m_values_are_named_by_what_was_asked_for() -> None:
    ask = coap.build(
        Message(0, 1, 9, b"\x01\x02", (Option(6, b""), Option(11, b"3"), Option(11, b"0"), Option(17, b"\x2d\x16")))
    )
    value = coap.build(
        Message(2, 0x45, 9, b"\x01\x02", (Option(6, b"\x05"), Option(12, b"\x2d\x16")), bytes.fromhex("C1094E"))
    )
    notify = coap.build(
        Message(1, 0x45, 10, b"\x01\x02", (Option(6, b"\x06"), Option(12, b"\x2d\x16")), bytes.fromhex("C1094D"))
    )
    found = frames(records(talk(*opened("UDP"), *received(ask, "rudp"), *prompted(value), *prompted(notify))))
    assert [one.text.split(", ")[-1] for one in found] == [
        "id 9",
        "3/0/9 Battery Level = 78 %",
        "3/0/9 Battery Level = 77 %",
    ]
    assert found[1].fields["values"][0]["value"] == 78


def test_what_is_no_protocol_stays_payload() -> None:
    found = records(talk(*opened(), *prompted(b"hello"), *received(b"world"), *prompted(CONNECT)))
    assert frames(found) == []
    assert frames(records(talk(*opened("UDP"), *prompted(b"just text")))) == []


def test_a_stream_that_breaks_off_is_told_once() -> None:
    lines = [*opened(), *prompted(CONNECT), *received(b"\x00garbage"), *received(b"\x00more"), *prompted(publish(b"x"))]
    found = records(talk(*lines))
    assert [one.rule for one in found if isinstance(one, Finding)] == ["frame.malformed"]
    assert [one.text.split()[0] for one in frames(found)] == ["CONNECT"]


def test_a_connection_number_that_is_used_again_begins_anew() -> None:
    closed = [command("AT+MIPCLOSE=0"), answer("OK"), answer("+MIPCLOSE: 0")]
    found = records(talk(*opened(), *prompted(b"text"), *closed, *opened(), *prompted(CONNECT)))
    assert [one.protocol for one in frames(found)] == ["mqtt"]


def test_other_makers_sockets_too() -> None:
    lines: list[Said] = [command('AT+CIPSTART=0,"TCP","10.0.0.1",1883'), ("module", b"0,CONNECT\r\n\r\nOK\r\n")]
    lines += [
        command(f"AT+CIPSEND=0,{len(CONNECT)}"),
        answer("OK"),
        ("module", b"\r\n>"),
        ("mcu", CONNECT),
        answer("SEND OK"),
    ]
    lines += [("module", b"\r\n+IPD,0,4:" + CONNACK)]
    assert [one.text for one in frames(records(talk(*lines)))] == [
        "CONNECT client 'meter' level 4 keep-alive 60 s",
        "CONNACK accepted",
    ]


def test_cutting_into_bytes_changes_nothing() -> None:
    chunks = talk(*opened(), *prompted(CONNECT), *received(CONNACK))
    single = [Chunk(one.time_ns, one.side, bytes([byte])) for one in chunks for byte in one.data]
    assert frames(records(single)) == frames(records(chunks))


def test_data_read_by_switching_the_mode_counts_as_read() -> None:
    lines = [
        *opened(mode=",30,2"),
        answer('+MIPURC: "rtcp",0,5,5'),
        command("AT+MIPMODE=0,0"),
        answer("+MIPRD: 0,0,5,he\r\no", "OK"),
    ]
    closed = [command("AT+MIPCLOSE=0"), answer("OK"), answer("+MIPCLOSE: 0")]
    found = records(talk(*lines, *closed))
    assert [one for one in found if isinstance(one, Finding)] == []
    (last,) = [one for one in found if isinstance(one, Socket) and one.change == "closed"]
    assert (last.down, last.unread) == (5, 0)


def test_data_that_is_never_read_is_said() -> None:
    lines = [
        *opened(mode=",30,2"),
        answer('+MIPURC: "rtcp",0,5,5'),
        command("AT+MIPRD=0,2"),
        answer("+MIPRD: 0,3,2,he", "OK"),
    ]
    found = records(talk(*lines, answer('+MIPURC: "disconn",0,1')))
    assert [one.message for one in found if isinstance(one, Finding)] == ["connection 0 ended with 3 bytes never read"]


def test_a_log_that_begins_in_the_middle() -> None:
    """Nobody recorded how the connection was opened, but what it carries shows its transport."""
    request = coap.build(Message(0, 1, 9, b"\x01", (Option(11, b"t"),)))
    found = records(talk(*received(request, "rudp"), *prompted(coap.build(Message(2, 0x45, 9, b"\x01")))))
    assert [one.text for one in frames(found)] == ["CON GET /t, id 9", "ACK 2.05 Content, id 9"]
