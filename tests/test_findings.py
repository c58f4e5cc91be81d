"""Each rule of findings fires where it should, and keeps silent where it should."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Formatter
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from atshark.sources import open_source
from capture.chunk import MARK_KINDS, Chunk, Mark, MarkChunk, MarkKind
from decoder import decode
from decoder.decode import Decoder
from decoder.events import Event, Finding
from decoder.findings import advice, message
from decoder.findings import rules as all_rules
from decoder.findings.story import Story
from tests.helpers import ROOT, SAMPLES, START, run, sample_files, standard

SECOND = 1_000_000_000
_LINE = re.compile(r"\s*([\d.]+) ([<>]) ?(.*)")


def talked(text: str) -> list[Chunk]:
    """Chunks of lines ``SECONDS > what the MCU said`` and ``SECONDS < what the module said``; {} holds raw bytes."""
    out = []
    for line in filter(str.strip, text.splitlines()):
        match = _LINE.fullmatch(line)
        assert match, line
        mcu, words = match[2] == ">", match[3]
        if words.startswith("{"):
            data = words[1:-1].encode().decode("unicode_escape").encode("latin-1")
        else:
            data = words.encode() + b"\r" if mcu else b"\r\n" + words.encode() + b"\r\n"
        out.append(Chunk(START + int(float(match[1]) * SECOND), "mcu" if mcu else "module", data))
    return out


def inspected(chunks: list[Chunk]) -> list[Event]:
    return list(decode.run(chunks, standard()))


def found(text: str) -> list[Finding]:
    return [event for event in inspected(talked(text)) if isinstance(event, Finding)]


OPEN = '0 > AT+MIPOPEN=0,"TCP","a.example",80\n0.1 < OK\n0.2 < +MIPOPEN: 0,0\n'
MQTT = '0 > AT+MQTTCFG="h",6002,"id",120,"u","p",1\n0.1 < OK\n1 > AT+MQTTOPEN=1,1,0,0,0,"",""\n1.1 < OK\n1.5 < +MQTTOPEN: OK\n'
LOGIN = "0 > AT+MIPLOPEN=0,300\n0.1 < OK\n0.2 < +MIPLEVENT: 0,6\n"
OBSERVED = LOGIN + "0.3 < +MIPLOBSERVE: 0,1,1,3200,0,-1\n0.4 > AT+MIPLOBSERVERSP=0,1,1\n0.5 < OK\n"
NOTIFY = 'AT+MIPLNOTIFY=0,0,3200,0,5750,1,4,"test",0,0'

CASES: dict[str, tuple[str, str]] = {
    "command.error": ("0 > AT+CPIN?\n0.1 < +CME ERROR: 10", "0 > AT+CPIN?\n0.1 < +CPIN: READY\n0.1 < OK"),
    "state.sim": ('0 > AT+CPIN?\n0.1 < +CPIN: SIM PIN\n0.2 < OK\n1 > AT+CREG?\n1.1 < +CREG: 0,0\n1.2 < OK', '0 > AT+CPIN?\n0.1 < +CPIN: SIM PIN\n0.2 < OK\n1 > AT+CPIN="1234"\n1.1 < OK'),
    "state.signal": ("0 > AT+CSQ\n0.1 < +CSQ: 99,99\n0.2 < OK\n1 > AT+CREG?\n1.1 < +CREG: 0,2\n1.2 < OK", "0 > AT+CSQ\n0.1 < +CSQ: 99,99\n0.2 < OK\n1 > AT+CREG?\n1.1 < +CREG: 0,1\n1.2 < OK"),
    "state.card": ("0 > AT+QSIMSTAT?\n0.1 < +QSIMSTAT: 1,0\n0.2 < OK\n1 > AT+CREG?\n1.1 < +CREG: 0,0\n1.2 < OK", "0 > AT+QSIMSTAT?\n0.1 < +QSIMSTAT: 1,0\n0.2 < OK\n1 < +QSIMSTAT: 1,1\n2 > AT+CREG?\n2.1 < +CREG: 0,1\n2.2 < OK\n9 > AT+CFUN=0\n9.1 < +QSIMSTAT: 1,0\n9.2 < OK"),
    "state.registration": ("0 > AT+CSQ\n0.1 < +CSQ: 20,99\n0.2 < OK\n1 > AT+CEREG?\n1.1 < +CEREG: 0,2\n1.2 < OK", "1 > AT+CEREG?\n1.1 < +CEREG: 0,2\n1.2 < OK\n9 < +CEREG: 1"),
    "state.attach": ("0 > AT+CGATT?\n0.1 < +CGATT: 0\n0.2 < OK", "0 > AT+CGATT?\n0.1 < +CGATT: 0\n0.2 < OK\n1 > AT+CGATT=1\n2 < OK"),
    "state.clock": ('0 > AT+CCLK?\n0.1 < +CCLK: "80/01/06,00:00:10+00"\n0.2 < OK', '0 > AT+CCLK?\n0.1 < +CCLK: "80/01/06,00:00:10+00"\n0.2 < OK\n9 > AT+CCLK?\n9.1 < +CCLK: "24/01/06,00:00:10+00"\n9.2 < OK'),
    "line.failure": ("0 > AT+HTTPACTION=0\n0.1 < OK\n5 < +HTTPACTION: 0,603,0", "0 > AT+HTTPACTION=0\n0.1 < OK\n5 < +HTTPACTION: 0,200,9"),
    "command.unanswered": ("0 > AT+CSQ\n400 > AT\n400.1 < OK", "0 > AT+CSQ\n0.1 < +CSQ: 20,99\n0.1 < OK\n400 > AT\n400.1 < OK"),
    "module.silent": ("0 > AT\n3 > AT\n6 > AT\n9 > AT\n12 > AT", "0 > AT\n3 > AT\n6 < OK\n9 > AT\n9.1 < OK\n12 > AT"),
    "answer.late": ("0 > AT+COPS?\n200 < OK\n201 > AT\n201.1 < OK", "0 > AT+COPS?\n2 < OK\n3 < OK"),
    "late.missing": ('0 > AT+MDNSGIP="a"\n0.1 < OK\n200 > AT\n200.1 < OK', '0 > AT+MDNSGIP="a"\n0.1 < OK\n1 < +MDNSGIP: "a","1.2.3.4"\n200 > AT\n200.1 < OK'),
    "request.unanswered": (OBSERVED + "1 < +MIPLREAD: 0,7,3200,0,5750\n30 > AT\n30.1 < OK", OBSERVED + '1 < +MIPLREAD: 0,7,3200,0,5750\n2 > AT+MIPLREADRSP=0,7,1,3200,0,5750,1,4,"abcd",0,0\n2.1 < OK\n30 > AT\n30.1 < OK'),
    "result.unexpected": ("0 < OK\n1 > AT\n1.1 < OK", "1 > AT\n1.1 < OK"),
    "module.rebooted": (OPEN + "1 < MATREADY", OPEN + "1 > AT\n1.1 < OK"),
    "parameters": ("0 < +CSQ: x,y,z,1", "0 > AT+CSQ\n0.1 < +CSQ: 20,99\n0.1 < OK"),
    "parameter.range": ("0 > AT+MIPSEND=9,3\n0.1 < ERROR", OPEN + '1 > AT+MIPSEND=0,3,"abc"\n1.1 < +MIPSEND: 0,3\n1.1 < OK'),
    "parameter.version": ('0 > AT+IMQTTPARA="VERSION","5"\n0.1 < OK', '0 > AT+IMQTTPARA="VERSION","3.1.1"\n0.1 < OK'),
    "noise": ("0 < {\\x80\\x81\\x82\\x83\\r\\n}\n1 > AT\n1.1 < OK", "1 > AT\n1.1 < OK"),
    "mcu.text": ("0 > hello there\n1 > AT\n1.1 < OK", "1 > AT\n1.1 < OK"),
    "line.speed": ("".join(f"{i} < {{\\x80\\x81\\x82\\xf3\\r\\n}}\n" for i in range(8)), "0 < {\\x80\\x81\\x82\\r\\n}\n1 > AT\n1.1 < OK"),
    "line.interleaved": ("0 > AT+CSAT+CEREG?\n0.1 < ERROR", '0 > AT+MQTTPUB="t",0,0,0,0,"AT+CSQ"\n0.1 < OK\n1 > AT+CSQ;+CEREG?\n1.1 < OK'),
    "line.echo-damaged": ("0 > AT+CSQ\n0.1 < {AT+SQ\\r\\n}\n0.2 < ERROR", "0 > AT+CSQ\n0.1 < {AT+CSQ\\r\\n}\n0.2 < OK"),
    "send.length": (OPEN + '1 > AT+MIPSEND=0,5,"abc"\n1.1 < ERROR', OPEN + '1 > AT+MIPSEND=0,3,"abc"\n1.1 < OK'),
    "send.short": (OPEN + "1 > AT+MIPSEND=0,50\n1.1 < {\\r\\n> }\n1.2 > {abc}\n3 < MATREADY", OPEN + "1 > AT+MIPSEND=0,3\n1.1 < {\\r\\n> }\n1.2 > {abc}\n1.3 < OK"),
    "send.partial": (OPEN + '1 > AT+MIPSEND=0,4,"abcd"\n1.1 < +MIPSEND: 0,2\n1.1 < OK', OPEN + '1 > AT+MIPSEND=0,4,"abcd"\n1.1 < +MIPSEND: 0,4\n1.1 < OK'),
    "send.closed": (OPEN + '1 < +MIPURC: "disconn",0,1\n2 > AT+MIPSEND=0,2,"hi"\n2.1 < +CME ERROR: 553', OPEN + '2 > AT+MIPSEND=0,2,"hi"\n2.1 < +MIPSEND: 0,2\n2.1 < OK'),
    "send.too-long": (OPEN + f'1 > AT+MIPSEND=0,1500,"{"x" * 1500}"\n2 < ERROR', OPEN + f'1 > AT+MIPSEND=0,1400,"{"x" * 1400}"\n2 < OK'),
    "send.hex-as-text": (OPEN + '1 > AT+MIPSEND=0,8,"0A0B0C0D"\n1.1 < OK', '0 > AT+MIPCFG="encoding",0,1,1\n0.1 < OK\n' + '1 > AT+MIPSEND=0,4,"0A0B0C0D"\n1.1 < OK'),
    "send.not-pushed": ('0 > AT+LSIPSEND=1,"abc"\n0.1 < +LSIPSEND:1,1497\n0.1 < OK\n1 > AT+LSIPCLOSE=1\n1.1 < OK', '0 > AT+LSIPSEND=1,"abc"\n0.1 < +LSIPSEND:1,1497\n0.1 < OK\n1 > AT+LSIPPUSH=1\n1.1 < OK\n2 > AT+LSIPCLOSE=1\n2.1 < OK'),
    "buffer.full": ('0 > AT+LSIPSEND=1,"abc"\n0.1 < +LSIPSEND:1,0\n0.1 < OK\n1 > AT+LSIPPUSH=1\n1.1 < OK', '0 > AT+LSIPSEND=1,"abc"\n0.1 < +LSIPSEND:1,1497\n0.1 < OK\n1 > AT+LSIPPUSH=1\n1.1 < OK'),
    "payload.length": (OPEN + '1 < +MIPURC: "rtcp",0,9,abc\n2 > AT\n2.1 < OK', OPEN + '1 < +MIPURC: "rtcp",0,3,abc\n2 > AT\n2.1 < OK'),
    "payload.hex": ('0 > AT+MIPCFG="encoding",0,1,1\n0.1 < OK\n1 > AT+MIPSEND=0,4,"0A0B0"\n1.1 < ERROR', '0 > AT+MIPCFG="encoding",0,1,1\n0.1 < OK\n1 > AT+MIPSEND=0,2,"0A0B"\n1.1 < OK'),
    "payload.crc": ("0 > AT+IOTABLOCK=0\n0.1 < +IOTABLOCK=5, 0x1DD1\n0.1 < OK\n0.2 < {\\x11\\x22\\x33\\xaa\\xba}\n1 > AT\n1.1 < OK", "0 > AT+IOTABLOCK=0\n0.1 < +IOTABLOCK=5, 0x1DD1\n0.1 < OK\n0.2 < {\\x11\\x22\\x33\\xaa\\xbb}\n1 > AT\n1.1 < OK"),
    "data.unread": ('0 > AT+MIPOPEN=1,"TCP","a",80,30,2\n0.1 < OK\n0.2 < +MIPOPEN: 1,0\n1 < +MIPURC: "rtcp",1,10,10\n2 > AT+MIPCLOSE=1\n2.1 < OK\n2.2 < +MIPCLOSE: 1,0', OPEN + "2 > AT+MIPCLOSE=0\n2.1 < OK\n2.2 < +MIPCLOSE: 0,0"),
    "data.dropped": (OPEN + '1 < +MIPURC: "drop",0,512', OPEN + "1 > AT\n1.1 < OK"),
    "socket.failed": ('0 > AT+MIPOPEN=0,"TCP","a",80\n0.1 < OK\n9 < +MIPOPEN: 0,558', OPEN),
    "socket.lost": (OPEN + '1 < +MIPURC: "disconn",0,3', OPEN + "1 > AT+MIPCLOSE=0\n1.1 < OK\n1.2 < +MIPCLOSE: 0,0"),
    "socket.closed-by-peer": (OPEN + '1 < +MIPURC: "disconn",0,1', OPEN),
    "dns.failed": ('0 > AT+MPING="a.example"\n0.1 < OK\n5 < +MPING: 1', '0 > AT+MPING="a.example"\n0.1 < OK\n1 < +MPING: 0,"1.2.3.4",16,60,50'),
    "ping.failed": ('0 > AT+MPING="a.example"\n0.1 < OK\n5 < +MPING: 4', '0 > AT+MPING="a.example"\n0.1 < OK\n1 < +MPING: 0,"1.2.3.4",16,60,50'),
    "ping.lost": ('0 > AT+MPING="a"\n0.1 < OK\n5 < +MPING: "statistics",4,1,10,20,15', '0 > AT+MPING="a"\n0.1 < OK\n5 < +MPING: "statistics",4,0,10,20,15'),
    "datagram.not-sent": (OPEN + '1 < +MIPURC: "seq",0,7,1', OPEN + '1 < +MIPURC: "seq",0,7,0'),
    "registration.lost": ('0 < +CEREG: 1,"5A1F","0C6E9D10",9\n9 < +CEREG: 2', '0 < +CEREG: 2\n9 < +CEREG: 1,"5A1F","0C6E9D10",9'),
    "registration.denied": ("0 < +CEREG: 3", "0 < +CEREG: 2"),
    "signal.weak": ('0 > AT+CSQ\n0.1 < +CSQ: 3,99\n0.1 < OK\n1 > AT+MIPOPEN=0,"TCP","a",80\n1.1 < OK\n9 < +MIPOPEN: 0,558', '0 > AT+CSQ\n0.1 < +CSQ: 23,99\n0.1 < OK\n1 > AT+MIPOPEN=0,"TCP","a",80\n1.1 < OK\n9 < +MIPOPEN: 0,558'),
    "psm.differs": ('0 > AT+CPSMS=1,,,"00100001","00000101"\n0.1 < OK\n9 < +CEREG: 1,"5A1F","0C6E9D10",9,,,"00000101","01000001"', '0 > AT+CPSMS=1,,,"00100001","00000101"\n0.1 < OK\n9 < +CEREG: 1,"5A1F","0C6E9D10",9,,,"00000101","00100001"'),
    "edrx.differs": ('0 > AT+CEDRXS=1,5,"0101"\n0.1 < OK\n1 > AT+CEDRXRDP\n1.1 < +CEDRXRDP: 5,"0101","1001","0011"\n1.1 < OK', '0 > AT+CEDRXS=1,5,"0101"\n0.1 < OK\n1 > AT+CEDRXRDP\n1.1 < +CEDRXRDP: 5,"0101","0101","0011"\n1.1 < OK'),
    "lwm2m.login-failed": ("0 > AT+MIPLOPEN=0,300\n0.1 < OK\n9 < +MIPLEVENT: 0,7", LOGIN),
    "lwm2m.bootstrap-failed": ("0 < +MIPLEVENT: 0,1\n9 < +MIPLEVENT: 0,3", "0 < +MIPLEVENT: 0,1\n9 < +MIPLEVENT: 0,2"),
    "lwm2m.notify-failed": (OBSERVED + "2 < +MIPLEVENT: 0,25,7", OBSERVED + "2 < +MIPLEVENT: 0,26,7"),
    "lwm2m.deleted": (LOGIN + "9 < +MIPLEVENT: 0,31", LOGIN),
    "lwm2m.nat-aged": (LOGIN + "9 < +MIPLEVENT: 0,32", LOGIN),
    "lwm2m.dropped": (LOGIN + "9 < +MIPLEVENT: 0,33", LOGIN),
    "lwm2m.not-sent": (LOGIN + "9 < +MIPLNSMI: 0,0,7", LOGIN + "9 < +MIPLNSMI: 0,1,7"),
    "lwm2m.answer.late": (OBSERVED + '1 < +MIPLREAD: 0,7,3200,0,5750\n5.5 > AT+MIPLREADRSP=0,7,1,3200,0,5750,1,4,"abcd",0,0\n5.6 < OK', OBSERVED + '1 < +MIPLREAD: 0,7,3200,0,5750\n1.5 > AT+MIPLREADRSP=0,7,1,3200,0,5750,1,4,"abcd",0,0\n1.6 < OK'),
    "lwm2m.mid.unknown": (OBSERVED + "1 < +MIPLWRITE: 0,7,3200,0,5750,1,4,abcd,0,0\n1.5 > AT+MIPLWRITERSP=0,8,2\n1.6 < +CIS ERROR: 653", OBSERVED + "1 < +MIPLWRITE: 0,7,3200,0,5750,1,4,abcd,0,0\n1.5 > AT+MIPLWRITERSP=0,7,2\n1.6 < OK"),
    "lwm2m.notify.early": (LOGIN + f"1 > {NOTIFY}\n1.1 < OK", OBSERVED + f"1 > {NOTIFY}\n1.1 < OK"),
    "lwm2m.value.quotes": (OBSERVED + "1 > AT+MIPLNOTIFY=0,0,3200,0,5750,1,4,test,0,0\n1.1 < OK", OBSERVED + f"1 > {NOTIFY}\n1.1 < OK"),
    "lwm2m.value.length": (OBSERVED + '1 > AT+MIPLNOTIFY=0,0,3200,0,5750,1,9,"test",0,0\n1.1 < OK', OBSERVED + '1 > AT+MIPLNOTIFY=0,0,3200,0,5505,2,10,"E309C82FE6",0,0\n1.1 < OK'),
    "lwm2m.parts": (OBSERVED + '1 > AT+MIPLNOTIFY=0,0,3200,0,5750,1,4,"test",3,0\n1.1 < OK', OBSERVED + '1 > AT+MIPLNOTIFY=0,0,3200,0,5500,5,1,"0",2,1\n1.1 < OK\n2 > AT+MIPLNOTIFY=0,0,3200,0,5501,3,3,"-12",1,2\n2.1 < OK\n3 > AT+MIPLNOTIFY=0,0,3200,0,5750,1,4,"test",0,0\n3.1 < OK'),
    "lwm2m.too-long": (OBSERVED + "".join(f'{i} > AT+MIPLNOTIFY=0,0,3200,0,5750,1,600,"{"x" * 600}",{2 - i},{flag}\n{i}.1 < OK\n' for i, flag in ((1, 1), (2, 0))), OBSERVED + f'1 > AT+MIPLNOTIFY=0,0,3200,0,5750,1,600,"{"x" * 600}",0,0\n1.1 < OK'),
    "lwm2m.ackid.repeated": (OBSERVED + f"1 > {NOTIFY},7\n1.1 < OK\n1.2 < +MIPLEVENT: 0,26,7\n2 > {NOTIFY},7\n2.1 < OK", OBSERVED + f"1 > {NOTIFY},7\n1.1 < OK\n1.2 < +MIPLEVENT: 0,26,7\n2 > {NOTIFY},8\n2.1 < OK"),
    "lwm2m.lifetime.short": ("0 > AT+MIPLOPEN=0,5\n0.1 < OK\n0.2 < +MIPLEVENT: 0,6", LOGIN),
    "lwm2m.lifetime.over": (LOGIN + "400 > AT\n400.1 < OK", LOGIN + "200 > AT+MIPLUPDATE=0,300,0\n200.1 < OK\n200.2 < +MIPLEVENT: 0,11\n400 > AT\n400.1 < OK"),
    "lwm2m.updateset.late": (LOGIN + "1 > AT+MIPLUPDATESET=0,1\n1.1 < OK", "0 > AT+MIPLUPDATESET=0,1\n0.1 < OK\n" + LOGIN.replace("0 >", "1 >").replace("0.1", "1.1").replace("0.2", "1.2")),
    "lwm2m.updateset.short": ("0 > AT+MIPLUPDATESET=0,1\n0.1 < OK\n1 > AT+MIPLOPEN=0,30\n1.1 < OK", "0 > AT+MIPLUPDATESET=0,1\n0.1 < OK\n1 > AT+MIPLOPEN=0,300\n1.1 < OK"),
    "lwm2m.attributes": (LOGIN + '1 < +MIPLPARAMETER: 0,9,3200,0,5750,17,"pmin=60; pmax=10;"', LOGIN + '1 < +MIPLPARAMETER: 0,9,3200,0,5750,17,"pmin=10; pmax=60;"'),
    "mqtt.keep-alive": ('0 > AT+MQTTTO=60\n0.1 < OK\n1 > AT+MQTTCFG="h",6002,"id",60,"u","p",1\n1.1 < OK', MQTT),
    "mqtt.timeout": (MQTT + "9 < +MQTTTO: 2", MQTT),
    "mqtt.ping-timeouts": (MQTT + "60 < +MQTTTO: 5\n70 < +MQTTPINGRSP", MQTT + "70 < +MQTTPINGRSP"),
    "mqtt.reconnect-failed": (MQTT + "60 < +MQTTTO: 5\n70 < +MQTTTO: 5\n80 < +MQTTTO: 5\n81 < +MQTTREC: 0\n90 < +MQTTREC: 1\n99 < +MQTTDISC: OK", MQTT + "60 < +MQTTTO: 5\n70 < +MQTTPINGRSP"),
    "mqtt.connect-refused": (OPEN + "1 > AT+MIPSEND=0,16\n1.1 < {\\r\\n> }\n1.2 > {\\x10\\x0e\\x00\\x04MQTT\\x04\\x02\\x00<\\x00\\x02id}\n1.3 < +MIPSEND: 0,16\n1.3 < OK\n1.5 < {\\r\\n+MIPURC: \"rtcp\",0,4,\\x20\\x02\\x00\\x05\\r\\n}", OPEN + "1 > AT+MIPSEND=0,16\n1.1 < {\\r\\n> }\n1.2 > {\\x10\\x0e\\x00\\x04MQTT\\x04\\x02\\x00<\\x00\\x02id}\n1.3 < +MIPSEND: 0,16\n1.3 < OK\n1.5 < {\\r\\n+MIPURC: \"rtcp\",0,4,\\x20\\x02\\x00\\x00\\r\\n}"),
    "mqtt.subscription-refused": (MQTT + '2 > AT+MQTTSUB="t",1\n2.1 < OK\n2.5 < +MQTTSUBACK: 5,128', MQTT + '2 > AT+MQTTSUB="t",1\n2.1 < OK\n2.5 < +MQTTSUBACK: 5,1'),
    "mqtt.unacknowledged": (MQTT + '2 > AT+MQTTPUB="t",1,0,0,0,"a"\n2.1 < OK\n2.5 < +MQTTPUBACK: 3\n4 > AT+MQTTPUB="t",2,0,0,0,"a"\n4.1 < OK\n4.5 < +MQTTPUBREC: 0,4\n400 > AT\n400.1 < OK', MQTT + '2 > AT+MQTTPUB="t",1,0,0,0,"a"\n2.1 < OK\n2.5 < +MQTTPUBACK: 3\n400 > AT\n400.1 < OK'),
    "mqtt.publish-failed": ('0 > AT+IMQTTPUB="t",1,"a"\n0.1 < +IMQTTPUB:7\n0.1 < OK\n9 < +IMQTTPUB:7,1', '0 > AT+IMQTTPUB="t",1,"a"\n0.1 < +IMQTTPUB:7\n0.1 < OK\n9 < +IMQTTPUB:7,0'),
    "state.power": ("0 > AT+CFUN=4\n0.1 < OK\n5 > AT+CGATT=1\n5.1 < ERROR", "0 > AT+CFUN=4\n0.1 < OK\n1 > AT+CFUN=1\n1.1 < OK\n5 > AT+CGATT=1\n5.1 < ERROR"),
    "state.sleep": ("0 > AT\n0.1 < OK\n1 < ^ENTERPSMMODE\n60 > AT\n80 > AT\n99 > AT+CSQ\n130 > AT", "0 > AT\n0.1 < OK\n1 < ^ENTERPSMMODE\n60 < ^EXITPSMMODE\n70 > AT\n90 > AT+CSQ\n130 > AT"),
    "command.hurried": ("0 > AT\n0.1 < OK\n1 > AT+COPS=?\n1.5 > AT+CSQ\n1.6 < +CSQ: 20,99\n1.6 < OK", "0 > AT\n0.1 < OK\n1 > AT+COPS=?\n170 > AT+CSQ\n170.6 < +CSQ: 20,99\n170.6 < OK"),
    "order.needs": ('0 > AT+CMQTTACCQ=0,"id"\n0.1 < ERROR', '0 > AT+CMQTTSTART\n0.1 < OK\n0.2 < +CMQTTSTART: 0\n1 > AT+CMQTTACCQ=0,"id"\n1.1 < ERROR'),
    "mqtt.closed": (OPEN + "1 > AT+MIPSEND=0,16\n1.1 < {\\r\\n> }\n1.2 > {\\x10\\x0e\\x00\\x04MQTT\\x04\\x02\\x00<\\x00\\x02id}\n1.3 < +MIPSEND: 0,16\n1.3 < OK\n1.5 < {\\r\\n+MIPURC: \"rtcp\",0,4,\\x20\\x02\\x00\\x00\\r\\n}\n9 < +MIPURC: \"disconn\",0,2", OPEN + "1 > AT+MIPSEND=0,16\n1.1 < {\\r\\n> }\n1.2 > {\\x10\\x0e\\x00\\x04MQTT\\x04\\x02\\x00<\\x00\\x02id}\n1.3 < +MIPSEND: 0,16\n1.3 < OK\n1.5 < {\\r\\n+MIPURC: \"rtcp\",0,4,\\x20\\x02\\x00\\x00\\r\\n}\n9 > AT+MIPCLOSE=0\n9.1 < OK\n9.2 < +MIPCLOSE: 0"),
    "http.status": (OPEN + "1 > AT+MIPSEND=0,18\n1.1 < {\\r\\n> }\n1.2 > {GET / HTTP/1.1\\r\\n\\r\\n}\n1.3 < +MIPSEND: 0,18\n1.3 < OK\n1.5 < {\\r\\n+MIPURC: \"rtcp\",0,45,HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\n\\r\\n\\r\\n}", OPEN + "1 > AT+MIPSEND=0,18\n1.1 < {\\r\\n> }\n1.2 > {GET / HTTP/1.1\\r\\n\\r\\n}\n1.3 < +MIPSEND: 0,18\n1.3 < OK\n1.5 < {\\r\\n+MIPURC: \"rtcp\",0,38,HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n\\r\\n}"),
    "carrier.lost": ("0 > ATD*99#\n0.1 < CONNECT\n1 > {hello}\n2 < NO CARRIER", "0 > ATD*99#\n0.1 < CONNECT\n1 > {hello}\n3 > {+++}\n4.5 < OK\n5 > ATH\n5.1 < OK\n6 < NO CARRIER"),
    "firmware.repeated": ("0 > AT+IOTABLOCK=1\n0.1 < ERROR", "0 > AT+IOTABLOCK=0\n0.1 < ERROR"),
    "firmware.failed": ('0 > AT+IOTAPGS=-2,"FLASH"\n0.1 < OK', '0 > AT+IOTAPGS=50,"half"\n0.1 < OK'),
}  # fmt: skip
ELSEWHERE = {
    "transparent.escape": "test_decoding", "transparent.lost": "test_decoding", "firmware.image": "test_extract", "file.whole": "test_files", "file.damaged": "test_files",
    "firmware.damaged": "test_extract", "sms.length": "test_sms", "tls.alert": "test_cause", "dns.refused": "test_cause", "ppp.refused": "test_cause",
    **dict.fromkeys(
        ("mux.damaged", "mux.plain", "mux.unanswered", "mux.refused", "mux.long", "mux.closed", "mux.flow", "mux.stopped",
         "mux.pushed"), "test_cmux",
    ),
    "frame.malformed": "test_frames", "ppp.fcs": "test_ppp", "tcp.gap": "test_ppp", "log.doubt": "test_any_log",
}  # fmt: skip
"""Rules of the decoder that need more than a few lines: their tests stand elsewhere."""


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_fires_and_keeps_silent(rule: str) -> None:
    loud, silent = CASES[rule]
    assert rule in [one.rule for one in found(loud)]
    assert rule not in [one.rule for one in found(silent)]


MARKS = [
    "tap.gap", "tap.back", "tap.silent", "tap.break", "tap.error", "tap.overrun", "tap.order", "tap.skew", "tap.speed",
    "tap.identified", "tap.shed", "tap.note", "tap.stall", "tap.file", "tap.host",
]  # fmt: skip


@pytest.mark.parametrize("rule", MARKS)
def test_a_mark_of_the_recording_is_a_finding(rule: str) -> None:
    kind = cast(MarkKind, rule.removeprefix("tap."))
    events = Decoder(standard()).feed(MarkChunk.at(START, "module", Mark(kind, "what \x1b happened")))
    assert [(one.rule, one.side, one.time_ns) for one in events if isinstance(one, Finding)] == [
        (rule, "module", START)
    ]
    (one,) = [one for one in events if isinstance(one, Finding)]
    assert "what" in message(one, "en")
    assert "\x1b" not in one.message
    assert re.search("[\u4e00-\u9fff]", message(one, "zh"))


def test_every_rule_has_a_test() -> None:
    assert set(all_rules()) == set(CASES) | set(ELSEWHERE) | set(MARKS)
    assert {f"tap.{kind}" for kind in MARK_KINDS} == set(MARKS)
    for rule, module in ELSEWHERE.items():
        texts = "".join(path.read_text("utf-8") for path in (ROOT / "tests").glob(f"{module}*.py"))
        assert f'"{rule}"' in texts, (rule, module)


def test_every_finding_is_of_a_rule_and_speaks_two_languages() -> None:
    for rule in CASES:
        for one in found(CASES[rule][0]):
            assert one.rule in all_rules(), one.rule
            assert one.severity == all_rules()[one.rule].severity, one.rule
            if one.rule not in ("noise", "send.hex-as-text"):  # these ask
                assert "?" not in one.message or "?" in CASES[rule][0], one.message
            assert re.search("[\u4e00-\u9fff]", message(one, "zh")), one
            assert "{" not in message(one, "zh"), one
            assert one.message not in message(one, "zh"), one
            advice(one, "zh")


@pytest.mark.parametrize("stem", ["meter", "protocols", "binary"])
def test_good_sessions_have_no_findings(stem: str) -> None:
    with open_source(str(SAMPLES / f"{stem}.pcapng")) as source:
        assert [one for one in inspected(list(source)) if isinstance(one, Finding) and one.severity != "note"] == []


def test_the_firmware_update_of_the_manual_is_no_error_but_what_it_shows() -> None:
    text = CASES["payload.crc"][1]
    assert [one.rule for one in found(text) if one.severity == "error"] == []


def test_findings_do_not_depend_on_chunks() -> None:
    for path in sample_files():
        with open_source(str(path)) as source:
            chunks = list(source)
        cut = [Chunk(c.time_ns, c.side, c.data[i : i + 1]) for c in chunks for i in range(len(c.data))]
        whole, pieces = inspected(chunks), inspected(cut)
        assert [e for e in whole if isinstance(e, Finding)] == [e for e in pieces if isinstance(e, Finding)], path.name


def story(text: str) -> list[str]:
    told = Story(standard())
    for event in inspected(talked(text)):
        told.hear(event)
    assert len(told.tell("zh")) == len(told.tell())
    return told.tell()


def test_story() -> None:
    notified = "".join(f"{i} > {NOTIFY},{i}\n{i}.1 < OK\n{i}.2 < +MIPLEVENT: 0,26,{i}\n" for i in range(1, 15))
    assert story('0 < +CEREG: 1,"5A1F","0C6E9D10",9\n' + OBSERVED + notified + "20 < +MIPLEVENT: 0,31") == [
        "registered", "logged in to the LwM2M platform", "14 notifications acknowledged", "the platform deleted the device",
    ]  # fmt: skip


def test_the_ticket_of_602() -> None:
    """A pasted log in, an explanation out."""
    text = MQTT + '2 > AT+MQTTPUB="t",0,0,0,0,"a"\n2.1 < +CME ERROR: 602'
    error = next(one for one in found(text) if one.rule == "command.error")
    assert "AT+MQTTSTAT?" in advice(error)
    assert "AT+MQTTSTAT?" in advice(error, "zh")
    assert "模组返回" in message(error, "zh")


# the command


def checked(*arguments: object) -> tuple[int, str, str]:
    done = run("check", *arguments)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_check_on_the_terminal() -> None:
    code, text, _ = checked(SAMPLES / "logs" / "sscom.txt")
    assert code == 1
    cause = text.splitlines()[1]
    assert "cause (likely): AT+MIPSEND=5,3: the module answered +CME ERROR: 553" in cause
    assert "line 111, 08:21:15.633" in cause
    assert "try: The connection is not open" in text
    assert "story: registered → connection 0 to 120.27.12.119:2040 opened" in text


def test_check_exit_status(tmp_path: Path) -> None:
    warned = tmp_path / "warned.log"
    warned.write_text('TX: AT+MPING="a"\nRX: OK\nRX: +MPING: "statistics",4,1,10,20,15\n')
    assert checked(SAMPLES / "meter.pcapng")[0] == 0
    assert checked(warned)[0] == 0
    assert checked("--fail-on", "warning", warned)[0] == 1
    code, text, _ = checked(tmp_path / "nothing", SAMPLES / "meter.pcapng")
    assert code == 2
    assert "nothing" in text
    assert "meter.pcapng" in text


def test_check_many_files_with_a_table() -> None:
    code, text, _ = checked("--lang", "zh", SAMPLES / "logs")
    assert code == 1
    assert "文件" in text
    assert len(re.findall(r"^│", text, re.MULTILINE)) == len(list((SAMPLES / "logs").iterdir()))


def test_check_jsonl() -> None:
    code, text, _ = checked("--format", "jsonl", SAMPLES / "logs" / "words.txt", SAMPLES / "m5310a.jsonl")
    rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert code == 1
    assert [row["kind"] for row in rows].count("file") == 2
    assert {row["rule"] for row in rows if row["kind"] == "finding"} >= {"command.error", "mqtt.reconnect-failed"}
    assert next(row for row in rows if row["kind"] == "finding")["line"] is not None


def test_check_sarif() -> None:
    code, text, _ = checked("--format", "sarif", SAMPLES / "logs" / "words.txt")
    log = json.loads(text)
    assert code == 1
    assert log["version"] == "2.1.0"
    result = log["runs"][0]["results"][0]
    assert result["level"] == "error"
    assert result["ruleId"] in {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]}
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] > 1


def test_check_junit(tmp_path: Path) -> None:
    evil = tmp_path / "evil.log"
    evil.write_bytes(b'TX: AT+X="</failure><script>\x1b[2J\x01"\nRX: ERROR\n')
    code, text, _ = checked("--format", "junit", evil, SAMPLES / "meter.pcapng")
    suites = ElementTree.fromstring(text)
    assert code == 1
    assert [(suite.get("tests"), suite.get("failures")) for suite in suites] == [("1", "1"), ("1", "0")]
    assert "\x1b" not in text


def test_the_terminal_gets_no_orders(tmp_path: Path) -> None:
    evil = tmp_path / "evil\x1b[2J.log"
    evil.write_bytes(b'TX: AT+X="\x1b[2J\x9b2J\xe2\x80\xae"\nRX: ERROR\nRX: +MIPOPEN: 0,\x1b]0;x\x07\n')
    for output in ("text", "jsonl", "sarif", "junit"):
        _, text, problems = checked("--format", output, evil)
        assert "\x1b" not in text + problems
        assert "\u202e" not in text or output in ("jsonl", "sarif")


def test_the_two_messages_of_a_rule_have_the_same_values() -> None:
    """But for what only one of the languages needs: a translated value, a label that only exists in English."""
    for rule in all_rules().values():
        english, chinese = ({part[1] for part in Formatter().parse(text) if part[1]} for text in (rule.en, rule.zh))
        assert {name.removesuffix("_zh") for name in chinese} <= english, rule.id
        for word in rule.words.values():
            assert all(word), rule.id


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_findings_are_told_in_both_languages(path: Path) -> None:
    with open_source(str(path)) as source:
        told = [one for one in decode.run(source, standard()) if isinstance(one, Finding)]
    for one in told:
        assert isinstance(one.message_zh, str), one
        assert one.message_zh, one
        assert "?" not in one.message_zh.replace("?:", "").replace("?)", "") or "?" in one.message, one
