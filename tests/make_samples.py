"""Write the samples and the decode that each must give: ``make samples``. Review the difference by eye.

A sample is a recording (.pcapng) or a chunk file (.jsonl); ``samples/golden/NAME.jsonl`` is its decode.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from atshark.sources import open_source
from atshark.virtual.line import MS, Expect, Script, ScriptedMcu, Send, Wait, simulate
from atshark.virtual.module import VirtualModule, run, send_after_prompt, storm, tour_chunks, transparent
from capture import chunkfile, recording
from capture.chunk import Chunk
from decoder.protocols.frames import coap, mqtt
from decoder.protocols.frames.coap import Message, Option
from tests import dialogue, mux_session, ppp_session, sms_session
from tests.helpers import SAMPLES, START, answer, command, records, talk

GOLDEN = SAMPLES / "golden"
CR = b"\r"


def scripted(script: Script) -> list[Chunk]:
    return list(simulate(ScriptedMcu(script), VirtualModule(), start_ns=START))


def polling() -> Script:
    """A meter: registers, opens a connection, reports ten times, with echo on all the time."""
    yield from run("AT")
    yield from run("AT+CEREG=1")
    yield Expect(rb"\+CEREG: 1,")
    yield from run('AT+MIPOPEN=2,"TCP","meter.example",7000', rb"\+MIPOPEN: 2,0\r\n")
    for number in range(10):
        yield from run("AT+CSQ")
        yield from run(f'AT+MIPSEND=2,12,"reading {number:04d}"', rb'"rtcp",2,12,.{12}\r\n')
        yield Wait(300 * MS)
    yield from run("AT+MIPCLOSE=2", rb"\+MIPCLOSE: 2")


def binary() -> Script:
    """Payload that looks like everything else, after the prompt and in transparent mode."""
    yield from run("ATE0")
    yield from run('AT+MIPOPEN=0,"TCP","10.0.0.1",80', rb"\+MIPOPEN: 0,0\r\n")
    for data in (b"+++", b"\r\nOK\r\n", b"AT+CSQ\r", b"\x1a", bytes(range(256)) * 4, b'\r\n+MIPURC: "disconn",0,1\r\n'):
        yield from send_after_prompt(0, data)
    yield from storm(0, 5)
    yield from run("AT+MIPMODE=0,1", rb"CONNECT\r\n", 500 * MS)
    yield from transparent((b"AT+CSQ\r", b"+++ not alone", b"\x00\xff" * 300, b"bye +++"))
    yield Send(b"AT+MIPSTATE=0\r")
    yield Expect(rb"OK\r\n")


def no_answer() -> list[Chunk]:
    """A module that sleeps: three tries, an answer to the last, a late result that never comes, an unasked OK."""
    first = talk(
        command("AT"), command("AT"), command("AT"), answer("OK"), command("AT+CPIN?"), answer("+CME ERROR: 10"),
        command('AT+MDNSGIP="nowhere.example"'), answer("OK"), command("AT+COPS?"),
    )  # fmt: skip
    later = talk(("module", b"\r\nOK\r\n", 200_000), command("AT+CGATT=1"), answer("ERROR"))
    return first + later


def numeric() -> list[Chunk]:
    """ATV0: results are digits; also echo, concatenated commands, lower case, A/, S-registers, basic syntax."""
    return talk(
        ("mcu", b"ATE1V0\r"), ("module", b"ATE1V0\r0\r"), ("mcu", b"AT+CSQ\r"), ("module", b"AT+CSQ\r\r\n+CSQ: 22,99\r\n0\r"),
        ("mcu", b"A/"), ("module", b"A/\r\n+CSQ: 21,99\r\n0\r"), ("mcu", b"at+csq;+cereg?\r"),
        ("module", b"at+csq;+cereg?\r\r\n+CSQ: 20,99\r\n\r\n+CEREG: 0,5\r\n0\r"), ("mcu", b"ATS0=2\r"), ("module", b"ATS0=2\r0\r"),
        ("mcu", b"ATS0?\r"), ("module", b"ATS0?\r\r\n002\r\n0\r"), ("mcu", b"AT&F\r"), ("module", b"AT&F\r4\r"),
        ("mcu", b"ATV1\r"), ("module", b"ATV1\r\r\nOK\r\n"), ("mcu", b"ATI\r"), ("module", b"ATI\r\r\nCMIOT\r\nML302A\r\nRev 1.0\r\n\r\nOK\r\n"),
    )  # fmt: skip


def damaged() -> list[Chunk]:
    """Wrong baud at first, lost bytes in a line and in payload, a restart in the middle of a payload."""
    noise = random.Random(7)
    good = scripted(polling())
    chunks = [
        Chunk(START - 3000 * MS + i * 20 * MS, "module", bytes(noise.choices(range(128, 256), k=14))) for i in range(3)
    ]
    for index, (time_ns, side, data) in enumerate(good):
        if index % 37 == 20:
            data = data[: len(data) // 2]  # noqa: PLW2901 - half of the chunk is lost
        if data:
            chunks.append(Chunk(time_ns, side, data))
    end = chunks[-1].time_ns or 0
    rest = talk(
        command('AT+MIPOPEN=0,"TCP","10.0.0.1",80'), answer("OK"), answer("+MIPOPEN: 0,0"),
        ("mcu", b"AT+MIPSEND=0,200\r"), ("module", b"\r\n> "), ("mcu", b"only a part of what was prom"),
        ("module", b'\r\n+MIPURC: "rtcp",0,40,cut off he'), ("module", b"\x00\r\nMATREADY\r\n\r\n+MATREADY: 1\r\n", 1500),
        command("AT"), answer("OK"), command("AT+CSQ"), answer("+CSQ: 18,99", "OK"),
    )  # fmt: skip
    return chunks + [Chunk((time_ns or 0) - START + end, side, data) for time_ns, side, data in rest]


def pasted() -> list[Chunk]:
    """What a text log gives: no times, a chunk a line, chatty text in between."""
    lines = [
        ("module", b"boot: ROM v1.2\r\n"), ("module", b"RDY\r\n"), ("mcu", b"AT+CGMM\r\n"), ("module", b"ML307R\r\n"), ("module", b"OK\r\n"),
        ("mcu", b'AT+MPING="iot.10086.cn",10,2\r\n'), ("module", b"OK\r\n"), ("module", b'+MPING: 0,"183.230.40.127",16,88,50\r\n'),
        ("module", b"+MPING: 4\r\n"), ("module", b'+MPING: "statistics",2,1,88,88,88\r\n'),
        ("mcu", b"AT+MNTP\r\n"), ("module", b"OK\r\n"), ("module", b"+MNTP: 2\r\n"),
        ("mcu", b"AT+QUNKNOWN=1,\"two\",(3)\r\n"), ("module", b"+QUNKNOWN: 5,\"six\"\r\n"), ("module", b"OK\r\n"),
        ("mcu", b'AT+MIPOPEN=0,"UDP","10.0.0.1",5683,10,3\r\n'), ("module", b"OK\r\n"), ("module", b"+MIPOPEN: 0,0\r\n"),
        ("module", b'+MIPURC: "rudp",0,1\r\n'), ("module", b'+MIPURC: "drop",0,512\r\n'), ("module", b"OK\r\n"),
        ("mcu", b"AT+MIPRD=0,1\r\n"), ("module", b"+MIPRD: 0,0,5,hello\r\n"), ("module", b"OK\r\n"),
        ("module", b'+MIPURC: "disconn",0,3\r\n'), ("mcu", b"AT+MIPSEND=0,2,\"hi\"\r\n"), ("module", b"+CME ERROR: 553\r\n"),
    ]  # fmt: skip
    return [Chunk(None, "mcu" if side == "mcu" else "module", data) for side, data in lines]


def m5310a() -> list[Chunk]:
    """An M5310-A from power-on to log-out, as its guide's chapter 4 does it, with a failing keep-alive at the end."""
    lines: list[tuple[str, bytes] | tuple[str, bytes, int]] = [
        ("module", b"\r\nREBOOT_CAUSE_SECURITY_RESET_PIN\r\n\r\nRDY\r\n"), command("AT"), answer("OK"), command("AT+CSQ"), answer("+CSQ: 21,99", "OK"),
        command("AT+CEREG?"), answer("+CEREG: 0,1", "OK"), command("AT+CGATT?"), answer("+CGATT: 1", "OK"),
        command('AT+MQTTCFG="183.230.40.39",6002,"40213547",600,"168649","O7xSECRETg0=",1'), answer("OK"),
        command("AT+MQTTCFG?"), answer('+MQTTCFG:"183.230.40.39",6002,"40213547",600,"168649",***,1', "OK"),
        command("AT+MQTTTO=10"), answer("OK"), command("AT+MQTTPING=0"), answer("OK"), command("AT+MQTTSTAT?"), answer("+MQTTSTAT:1", "OK"),
        command('AT+MQTTOPEN=1,1,0,0,0,"",""'), answer("OK"), ("module", b"\r\n+MQTTOPEN: OK\r\n", 800),
        command('AT+MQTTSUB="led2",2,0'), answer("OK"), answer("+MQTTSUBACK: 5,2"), command('AT+MQTTSUB="denied",1'), answer("OK"), answer("+MQTTSUBACK: 6,128"),
        command("AT+MQTTSUB?"), answer("+MQTTSUB:", "led2", "OK"),
    ]  # fmt: skip
    for number in range(8):
        text = f"update message {number}"
        lines += [command(f'AT+MQTTPUB="led2",{number % 3},1,0,0,"{text}"'), answer("OK")]
        if number % 3 == 1:
            lines.append(answer(f"+MQTTPUBACK: {10 + number},1"))
        elif number % 3 == 2:
            lines += [answer(f"+MQTTPUBREC: 0,{10 + number}"), answer(f"+MQTTPUBCOMP: 0,{10 + number}")]
        lines.append(("module", f'\r\n+MQTTPUBLISH: 0,2,0,{number},"led2",{len(text)}\r\n{text}\r\n'.encode(), 300))
        lines.append(answer(f"+MQTTPUBREL: 0,{number}"))
        lines.append(answer("+MQTTPINGRSP: OK"))
    lines += [
        command("AT+MQTTPUB=$dp,2,1,0,30,03001B7b2274657374223a2268656c6c6fefbc8c776f726c64efbc81227d"), answer("OK"), answer("+MQTTPUBREC: 0,30"), answer("+MQTTPUBCOMP: 0,30"),
        ("module", b'\r\n+MQTTPUBLISH: 0,0,0,0,$creq/4fc1,21,{"a": "x,y", "b": 1}\r\n', 900), command('AT+MQTTUNSUB="led2"'), answer("OK"), answer("+MQTTUNSUBACK: 8"),
        *(("module", b"\r\n+MQTTTO:5\r\n", 60_000) for _ in range(3)), *(("module", f"\r\n+MQTTREC:{i}\r\n".encode(), 20_000) for i in range(3)), ("module", b"\r\n+MQTTDISC:OK\r\n", 20_000),
        command('AT+MQTTPUB="led2",0,0,0,0,"lost"'), answer("+CME ERROR: 651"), command("AT+MQTTSTAT?"), answer("+MQTTSTAT:2", "OK"),
        command('AT+MQTTOPEN=1,1,0,0,0,"",""'), answer("OK"), ("module", b"\r\n+MQTTOPEN: OK\r\n", 800), command("AT+MQTTDISC"), answer("OK"), answer("+MQTTDISC: OK"),
        command("AT+MQTTDEL"), answer("OK"), command("AT+MQTTDISC"), answer("+CME ERROR: 602"),
    ]  # fmt: skip
    return talk(*lines)


def ica() -> list[Chunk]:
    """An ICA module: authentication, MQTT with text and binary, CoAP, HTTP, a firmware block that has to be repeated."""
    own = b"\r\n\r\nOK\r\n"
    lines: list[tuple[str, bytes] | tuple[str, bytes, int]] = [
        command("AT+CGMI"), answer("ICA", "OK"), command("AT+CGMM"), answer("M100", "OK"), command("AT+CGMR"), answer("fw_1.2.0", "OK"),
        command("AT+ILOGLVL=1"), answer("OK"), command("AT+IMQTTMODE=1"), answer("OK"), command("AT+IMQTTMODE?"), answer("+IMQTTMODE:1", "OK"),
        command('AT+IMQTTAUTH="productKey001", "deviceName001", "deviceSecret123"'), answer("OK"), answer("+IMQTTAUTH:OK"),
        command('AT+IMQTTPARA="TIMEOUT", 2, "CLEAN", 1, "KEEPALIVE", 60, "VERSION", "3.1.1"'), answer("OK"), command("AT+IMQTTCONN"), answer("OK"),
        command("AT+IMQTTSTATE?"), answer("+IMQTTSTATE:2", "OK"), command('AT+IMQTTSUB="/a/update",2'), answer("+IMQTTSUB:1", "OK"), answer("+IMQTTSUB:1,1"),
    ]  # fmt: skip
    for number in range(6):
        body = bytes([13, 10, number, 43, 43])
        lines += [
            command(f'AT+IMQTTPUB="/a/update",1,"value {number}"'), answer(f"+IMQTTPUB:{100 + number}", "OK"), answer(f"+IMQTTPUB:{100 + number},0"),
            ("module", b'\r\n+IMQTTRCVPUB=7,"/a/get",5,"hello"' + own, 200),
            command('AT+IMQTTPUBIN="/a/bin",1,5'), answer("OK"), ("mcu", body, 15), answer(f"+IMQTTPUBIN:{200 + number}", "OK"), answer(f"+IMQTTPUBIN:{200 + number},0"),
            ("module", b'\r\n+IMQTTRCVPUBIN:8,"/a/bin",5' + own + body, 200), ("module", b"\r\n+IMQTTPINGRSP" + own, 200),
        ]  # fmt: skip
    lines += [
        command('AT+ICOAPSENDREQ=2,"/livingroom/light","{\\"action\\":\\"turnon\\"}"'), answer("+ICOAPSENDREQ:24761", "OK"), answer("+ICOAPSENDREQ:24761,0"),
        ("module", b'\r\n+ICOAPRCVRSP=24761,"/livingroom/light",15,"{\\"status\\":\\"on\\"}"' + own, 200),
        command('AT+IHTTPSEND=2,"/livingroom/light","x"'), answer("OK"), answer('+IHTTPSEND:0,15,"{\\"status\\":\\"on\\"}"'),
        command('AT+IMQTTPUBIN="/a/bin",0,0'), ("module", b"\r\n>"), ("mcu", b"as long as it takes\r\nOK+++", 30), answer("+IMQTTPUBIN:9", "OK"), answer("+IMQTTPUBIN:9,1"),
        ("module", b'\r\n+IOTANEWVER="fw_1.3.0",10,"d41d8cd98f00b204e9800998ecf8427e"' + own, 200),
        command("AT+IOTABLOCK=0"), answer("+IOTABLOCK=5, 0x1DD1", "OK"), ("module", bytes.fromhex("112233AABA"), 5),
        command("AT+IOTABLOCK=1"), answer("+IOTABLOCK=5, 0x1DD1", "OK"), ("module", bytes.fromhex("112233AABB"), 5),
        command('AT+IOTAPGS=-2,"FLASH MEMORY IS NOT ENOUGH"'), answer("OK"), command("AT+IOTABORT"), answer("OK"),
        command("AT+IMQTTDISCONN"), answer("OK"), command("AT+IMQTTPUB=\"/a\",1,\"late\""), answer("+CME ERROR: 3"), command("AT+IREBOOT=0"), answer("OK"),
    ]  # fmt: skip
    return talk(*lines)


def protocols() -> list[Chunk]:
    """A meter with its own stacks: MQTT over a TCP socket, CoAP and LwM2M over a UDP socket."""
    flags = dict.fromkeys(("username", "password", "will_retain", "will", "reserved"), False)
    hello = {
        "protocol": b"MQTT",
        "level": 4,
        "flags": {**flags, "will_qos": 0, "clean": True},
        "keep_alive": 120,
        "client_id": b"meter-17",
    }
    tlv_format = Option(12, (11542).to_bytes(2, "big"))
    register = (Option(11, b"rd"), Option(12, b"\x28"), Option(15, b"ep=meter-17"), Option(15, b"lt=86400"))
    observe = (Option(6, b""), Option(11, b"3303"), Option(11, b"0"), Option(17, (11542).to_bytes(2, "big")))
    lines: list[tuple[str, bytes] | tuple[str, bytes, int]] = [
        command("AT+CGMM"), answer("ML307A", "OK"), command('AT+MIPOPEN=0,"TCP","broker.example.com",1883'), answer("OK"), answer("+MIPOPEN: 0,0"),
    ]  # fmt: skip
    for sent, received in (
        (mqtt.build("CONNECT", 4, hello), mqtt.build("CONNACK", 4, {"flags": 0, "code": 0})),
        (
            mqtt.build("SUBSCRIBE", 4, {"packet_id": 1, "topics": [{"filter": b"down/#", "options": 1}]}, 2),
            mqtt.build("SUBACK", 4, {"packet_id": 1, "codes": [1]}),
        ),
        (
            mqtt.build("PUBLISH", 4, {"topic": b"up/t", "packet_id": 2, "payload": b'{"t":21.5}\r\nOK\r\n'}, 2),
            mqtt.build("PUBACK", 4, {"packet_id": 2}),
        ),
        (
            mqtt.build("PINGREQ", 4, {}),
            mqtt.build("PINGRESP", 4, {}) + mqtt.build("PUBLISH", 4, {"topic": b"down/led", "payload": b"on"}),
        ),
    ):
        lines += [
            *_prompted(0, sent),
            ("module", b'\r\n+MIPURC: "rtcp",0,%d,' % len(received) + received + b"\r\n", 60),
        ]
    lines += [
        command("AT+MIPCLOSE=0"),
        answer("OK"),
        answer("+MIPCLOSE: 0,0"),
        command('AT+MIPOPEN=1,"UDP","lwm2m.example.com",5683'),
        answer("OK"),
        answer("+MIPOPEN: 1,0"),
    ]
    for datagram in (
        _prompted(1, coap.build(Message(0, 2, 1, b"\x01", register, b"</3/0>,</3303/0>"))),
        _datagram(coap.build(Message(2, 0x41, 1, b"\x01", (Option(8, b"rd"), Option(8, b"5a3f"))))),
        _datagram(coap.build(Message(0, 1, 900, b"\xaa\xbb", observe))),
        _prompted(
            1,
            coap.build(
                Message(
                    2,
                    0x45,
                    900,
                    b"\xaa\xbb",
                    (Option(6, b"\x01"), tlv_format),
                    bytes.fromhex("E4164441AC0000E3164543656C"),
                )
            ),
        ),
        _prompted(
            1,
            coap.build(
                Message(0, 0x45, 2, b"\xaa\xbb", (Option(6, b"\x02"), tlv_format), bytes.fromhex("E4164441B40000"))
            ),
        ),
        _datagram(coap.build(Message(2, 0, 2))),
    ):
        lines += datagram
    return talk(*lines, command("AT+MIPCLOSE=1"), answer("OK"), answer("+MIPCLOSE: 1,0"))


def _prompted(connect_id: int, data: bytes) -> list[tuple[str, bytes] | tuple[str, bytes, int]]:
    done = f"\r\n+MIPSEND: {connect_id},{len(data)}\r\n\r\nOK\r\n".encode()
    return [command(f"AT+MIPSEND={connect_id},{len(data)}"), ("module", b"\r\n> "), ("mcu", data, 15), ("module", done)]


def _datagram(data: bytes) -> list[tuple[str, bytes] | tuple[str, bytes, int]]:
    return [("module", b'\r\n+MIPURC: "rudp",1,%d,' % len(data) + data + b"\r\n", 80)]


RECORDINGS = {
    "tour": lambda: tour_chunks(START),
    "meter": lambda: scripted(polling()),
    "binary": lambda: scripted(binary()),
    "damaged": damaged,
    "protocols": protocols,
    "ppp": ppp_session.session,
    "cmux": mux_session.session,
    "messages": sms_session.session,
}
CHUNK_FILES = {
    "no-answer": no_answer,
    "numeric": numeric,
    "pasted": pasted,
    "m5310a": m5310a,
    "ica": ica,
}
"""Sessions in Python; those in the notation of dialogue.py are files in tests/sessions."""


def sessions() -> dict[str, Callable[[], list[Chunk]]]:
    """Find the sessions that are written down in tests/sessions."""
    texts = {path.stem: path.read_text("utf-8") for path in sorted(dialogue.SESSIONS.glob("*.txt"))}
    return {name: partial(dialogue.chunks, text) for name, text in texts.items()}


def golden_lines(path: Path) -> Iterator[bytes]:
    with open_source(str(path)) as source:
        yield from (msgspec.json.encode(record) + b"\n" for record in records(source))


def write(chunks: Iterable[Chunk], path: Path) -> None:
    if path.suffix == ".pcapng":
        recording.record(chunks, path)
    else:
        with path.open("wb") as stream:
            chunkfile.write(chunks, stream)


def main() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for suffix, makers in ((".pcapng", RECORDINGS), (".jsonl", {**CHUNK_FILES, **sessions()})):
        for name, make in makers.items():
            path = SAMPLES / (name + suffix)
            write(make(), path)
            (GOLDEN / f"{name}.jsonl").write_bytes(b"".join(golden_lines(path)))


if __name__ == "__main__":
    main()
