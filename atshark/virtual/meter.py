"""A virtual meter that never rests: MQTT over TCP and CoAP over UDP through the virtual module, with a small cloud.

It is what the demo interface in Wireshark plays. The bytes of MQTT and CoAP are put together by hand: what decodes
them is not to be tested against itself, and ``capture`` does not import the decoder.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from atshark.virtual.line import MS, Expect, Script, ScriptedMcu, Send, Wait, simulate
from atshark.virtual.module import VirtualModule, run
from capture.chunk import Chunk

_TCP, _UDP = 1, 2
_TOPIC = b"meter/17/level"


def cloud(data: bytes) -> bytes:
    """Answer like a broker (MQTT 3.1.1) and like a CoAP server, as far as the meter asks (RFC 7252, piggybacked)."""
    kind = data[0] >> 4
    if 4 <= kind <= 5:  # CoAP version 1, confirmable or not
        token = data[4 : 4 + data[0] % 16]
        head = bytes([0x60 | len(token), 0x44 if data[1] == 2 else 0x45]) + data[2:4] + token
        return head if data[1] == 2 else head + b"\xc0\xff21.11.2026 09:30"
    answers = {1: b"\x20\x02\0\0", 8: b"\x90\x03" + data[2:4] + b"\0", 12: b"\xd0\0"}
    if kind == 3 and data[0] & 2:
        at = 4 + int.from_bytes(data[2:4], "big")
        return b"\x40\x02" + data[at : at + 2]
    return answers.get(kind, b"")


def _packet(kind: int, body: bytes) -> bytes:
    return bytes([kind, len(body)]) + body


def _text(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


def _publish(number: int, level: int) -> bytes:
    body = b'{"n":%d,"level":%d}' % (number, level)
    return _packet(0x32, _text(_TOPIC) + (number % 0xFFFF + 1).to_bytes(2, "big") + body)


def _coap(code: int, number: int, rest: bytes) -> bytes:
    token = number.to_bytes(2, "big")
    return bytes([0x42, code]) + (0x4000 + number % 0x4000).to_bytes(2, "big") + token + rest


def _by_prompt(connect_id: int, data: bytes) -> Script:
    yield Send(b"AT+MIPSEND=%d,%d\r" % (connect_id, len(data)))
    yield Expect(rb"> ")
    yield Send(data)
    yield Expect(rb"\r\nOK\r\n")
    yield Expect(rb"\+MIPURC: \"r", 2000 * MS)
    yield Wait(60 * MS)


def meter() -> Script:
    """Script: start, connect, and report for ever."""
    for command in ("AT", "ATE0", "AT+CGMM", "AT+CMEE=1", "AT+CSQ", "AT+CEREG?"):
        yield from run(command)
    yield from run(f'AT+MIPOPEN={_UDP},"UDP","120.27.12.120",5683', rb"\+MIPOPEN: 2,0\r\n")
    yield from run(f'AT+MIPCFG="encoding",{_UDP},1,1')
    ask = _coap(1, 1, b"\xb4time").hex().upper()
    yield from run(f'AT+MIPSEND={_UDP},{len(ask) // 2},"{ask}"', rb"\"rudp\"[^\r]*\r\n")
    yield from run(f'AT+MIPOPEN={_TCP},"TCP","120.27.12.119",6002', rb"\+MIPOPEN: 1,0\r\n")
    yield from _by_prompt(_TCP, _packet(0x10, _text(b"MQTT") + b"\x04\x02\0\x78" + _text(b"meter-17")))
    yield from _by_prompt(_TCP, _packet(0x82, b"\0\x01" + _text(b"meter/17/set") + b"\x01"))
    yield from _by_prompt(_TCP, _publish(1, 40))
    yield from run("AT+MIPSEND=4,3")
    for number in itertools.count(2):
        yield Wait(700 * MS)
        yield from run("AT+CSQ")
        yield from _by_prompt(_TCP, _publish(number, 40 + number * 7 % 20))
        if number % 4 == 0:
            report = _coap(2, number, b"\xb5level\x11\x32\xff" + b'{"level":%d}' % (40 + number * 7 % 20)).hex().upper()
            yield from run(f'AT+MIPSEND={_UDP},{len(report) // 2},"{report}"', rb"\"rudp\"[^\r]*\r\n")
        if number % 8 == 0:
            yield from _by_prompt(_TCP, b"\xc0\0")


def meter_chunks(start_ns: int) -> Iterator[Chunk]:
    """Simulate the meter at 115200 bit/s, beginning at ``start_ns``, without end."""
    return simulate(ScriptedMcu(meter()), VirtualModule(cloud), start_ns=start_ns)
