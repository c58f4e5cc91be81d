"""Every example of the OneMO TCP/IP manual V5.0.0, chapters 3 and 4: names, parameters, pairs.

``>`` is a line of the MCU, ``<`` one of the module, as the manual prints them (remarks behind // left out). What
is expected is written beside it: (name, form, parameters, information, late URCs, result).
"""

from __future__ import annotations

from typing import Any

import pytest

from capture.chunk import Chunk, Side
from decoder.events import Data
from tests.helpers import MS, START, compact, events, records, rules, transactions, urcs

P = dict[str, Any]


def t(
    name: str, form: str, params: P, information: list[P] | None = None, late: list[P] | None = None, result: str = "OK"
) -> tuple[Any, ...]:
    return (name, form, params, information or [], late or [], result)


def chunks(lines: list[str]) -> list[Chunk]:
    out = []
    time_ns = START
    for line in lines:
        side: Side = "mcu" if line[0] == ">" else "module"
        time_ns += 500 * MS
        text = line[2:].encode()
        if side == "module":
            out.append(Chunk(time_ns, side, b"\r\n" + text + b"\r\n"))
        else:
            out.append(Chunk(time_ns, side, text if text == b"+++" else text + b"\r"))
    return out


OPEN_TCP = t(
    "MIPOPEN",
    "set",
    {"connect_id": 0, "proto_type": "TCP", "address": "120.27.12.119", "remote_port": 2040},
    late=[{"connect_id": 0, "result": 0}],
)
OPEN_TCP_LINES = ['> AT+MIPOPEN=0,"TCP","120.27.12.119",2040', "< OK", "< +MIPOPEN: 0,0"]
CLOSE = t("MIPCLOSE", "set", {"connect_id": 0}, late=[{"connect_id": 0}])
CLOSE_LINES = ["> AT+MIPCLOSE=0", "< OK", "< +MIPCLOSE: 0"]
SEND_LINES = ['> AT+MIPSEND=0,11,"12345678900"', "< +MIPSEND: 0,11", "< OK"]
SEND = t(
    "MIPSEND",
    "set",
    {"connect_id": 0, "send_length": 11, "data": "12345678900"},
    [{"connect_id": 0, "send_length": 11}],
)
STATE = t(
    "MIPSTATE",
    "set",
    {"connect_id": 0},
    [{"connect_id": 0, "service_type": "TCP", "address": "120.27.12.119", "remote_port": 2040, "state": "CONNECTED"}],
)
STATE_LINES = ["> AT+MIPSTATE=0", '< +MIPSTATE: 0,"TCP","120.27.12.119",2040,"CONNECTED"', "< OK"]
V6 = "2001:DA8:8000:1::80"


def ping(ip: str, times: list[int], ttl: int, statistics: list[int]) -> list[P]:
    rows: list[P] = [{"result": 0, "ip": ip, "packet_len": 16, "time": ms, "ttl": ttl} for ms in times]
    names = ("sent", "lost", "rtt_min", "rtt_max", "rtt_avg")
    return [*rows, {"kind": "statistics", **dict(zip(names, statistics, strict=True))}]


def rows(ip: str, times: list[int], ttl: int, statistics: str) -> list[str]:
    return [f'< +MPING: 0,"{ip}",16,{ms},{ttl}' for ms in times] + [f'< +MPING: "statistics",{statistics}']


V4_TIMES, V6_TIMES = [607, 334, 347, 320], [548, 187, 178, 156]
NTP_LINES = [
    '> AT+MNTP="cn.ntp.org.cn",,0',
    "< OK",
    '< +MNTP: 0,"19/02/21,07:29:20+32"',
    '> AT+MNTP="cn.ntp.org.cn",123,1,30',
    "< OK",
    '< +MNTP: 0,"19/02/21,07:35:02+32"',
    "> AT+CCLK?",
]
NTP = [
    t(
        "MNTP",
        "set",
        {"server": "cn.ntp.org.cn", "sync": 0},
        late=[{"result": 0, "time": "19/02/21,07:29:20+32", "time_iso": "2019-02-21T07:29:20+08:00"}],
    ),
    t(
        "MNTP",
        "set",
        {"server": "cn.ntp.org.cn", "port": 123, "sync": 1, "timeout": 30},
        late=[{"result": 0, "time": "19/02/21,07:35:02+32", "time_iso": "2019-02-21T07:35:02+08:00"}],
    ),
    t("CCLK", "read", {}, [{"time": "19/02/21,07:35:03+32", "time_iso": "2019-02-21T07:35:03+08:00"}]),
]
DNS_CFG_LINES = ['> AT+MDNSCFG="ip","114.114.114.114","8.8.8.8"', "< OK"]
DNS_CFG = t("MDNSCFG", "set", {"cmd": "ip", "address1": "114.114.114.114", "address2": "8.8.8.8"})

EXAMPLES: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {
    "3.1 autofree": (
        ['> AT+MIPCFG="autofree",0,1', "< OK", '> AT+MIPCFG="autofree",0', '< +MIPCFG: "autofree",0,1', "< OK"],
        [t("MIPCFG", "set", {"cmd": "autofree", "connect_id": 0, "free_mode": 1}),
         t("MIPCFG", "set", {"cmd": "autofree", "connect_id": 0}, [{"cmd": "autofree", "connect_id": 0, "free_mode": 1}])],
    ),
    "3.2 test": (
        ["> AT+MIPTKA=?", "< +MIPTKA: (0-4), (0-1), (30-7200), (30-600), (1-9)", "< OK"],
        [t("MIPTKA", "test", {}, [{"connect_id": "(0-4)", "keepalive": "(0-1)", "keepidle": "(30-7200)",
                                   "keepinterval": "(30-600)", "keepcount": "(1-9)"}])],
    ),
    "3.2 read": (
        ["> AT+MIPTKA?", "< +MIPTKA: 0, 1, 90, 75, 3", "< +MIPTKA: 1,0", "< +MIPTKA: 2,0", "< +MIPTKA: 3,0", "< +MIPTKA: 4,0", "< OK"],
        [t("MIPTKA", "read", {}, [{"connect_id": 0, "keepalive": 1, "keepidle": 90, "keepinterval": 75, "keepcount": 3},
                                  *({"connect_id": i, "keepalive": 0} for i in range(1, 5))])],
    ),
    "3.2 one": (
        ["> AT+MIPTKA=0", "< +MIPTKA: 0,1,90,75,3", "< OK"],
        [t("MIPTKA", "set", {"connect_id": 0},
           [{"connect_id": 0, "keepalive": 1, "keepidle": 90, "keepinterval": 75, "keepcount": 3}])],
    ),
    "3.2 set": (
        ["> AT+MIPTKA=0,1,120,60,1", "< OK"],
        [t("MIPTKA", "set", {"connect_id": 0, "keepalive": 1, "keepidle": 120, "keepinterval": 60, "keepcount": 1})],
    ),
    "3.3 test": (
        ["> AT+MIPOPEN=?", "< +MIPOPEN: (0-4),,,(0-65535), (1-180), (0-3), (0-65535)", "< OK"],
        [t("MIPOPEN", "test", {}, [{"connect_id": "(0-4)", "remote_port": "(0-65535)", "timeout": "(1-180)",
                                    "access_mode": "(0-3)", "local_port": "(0-65535)"}])],
    ),
    "3.3 open": (
        [*OPEN_TCP_LINES, '> AT+MIPOPEN=1,"UDP","120.27.12.119",2040', "< OK", "< +MIPOPEN: 1,0"],
        [OPEN_TCP, t("MIPOPEN", "set", {"connect_id": 1, "proto_type": "UDP", "address": "120.27.12.119", "remote_port": 2040},
                     late=[{"connect_id": 1, "result": 0}])],
    ),
    "3.4 test": (
        ["> AT+MIPCLOSE=?", "< +MIPCLOSE: (0-4), (0-3)", "< OK"],
        [t("MIPCLOSE", "test", {}, [{"connect_id": "(0-4)", "mode": "(0-3)"}])],
    ),
    "3.4 close": (CLOSE_LINES, [CLOSE]),
    "3.5 test": (
        ["> AT+MIPSEND=?", "< +MIPSEND: (0-4), (0-1460),, (0-2), (1-255)", "< OK"],
        [t("MIPSEND", "test", {}, [{"connect_id": "(0-4)", "send_length": "(0-1460)", "rai": "(0-2)", "seq": "(1-255)"}])],
    ),
    "3.5 send": (
        ['> AT+MIPSEND=0,10,"0123456789"', "< +MIPSEND: 0,10", "< OK"],
        [t("MIPSEND", "set", {"connect_id": 0, "send_length": 10, "data": "0123456789"}, [{"connect_id": 0, "send_length": 10}])],
    ),
    "3.6 test": (
        ["> AT+MIPRD=?", "< +MIPRD: (0-4), (0-4096)", "< OK"],
        [t("MIPRD", "test", {}, [{"connect_id": "(0-4)", "read_len": "(0-4096)"}])],
    ),
    "3.6 read": (
        ["> AT+MIPRD=0,20", "< +MIPRD: 0,10,20,01234567890123456789", "< OK"],
        [t("MIPRD", "set", {"connect_id": 0, "read_len": 20},
           [{"connect_id": 0, "unread_len": 10, "data_len": 20, "data": "01234567890123456789"}])],
    ),
    "3.7 test": (
        ["> AT+MIPMODE=?", "< +MIPMODE: (0-4), (0-3), (512-1460), (100-2000)", "< OK"],
        [t("MIPMODE", "test", {}, [{"connect_id": "(0-4)", "access_mode": "(0-3)", "packet_size": "(512-1460)", "waittm": "(100-2000)"}])],
    ),
    "3.7 query and switch": (
        ["> AT+MIPMODE=0", "< +MIPMODE: 0,0", "< OK", "> AT+MIPMODE=0,2", "< OK"],
        [t("MIPMODE", "set", {"connect_id": 0}, [{"connect_id": 0, "access_mode": 0}]),
         t("MIPMODE", "set", {"connect_id": 0, "access_mode": 2})],
    ),
    "3.8 all": (
        ["> AT+MIPSTATE?", '< +MIPSTATE: 0,"TCP","120.27.12.119",2040,"CONNECTED"', '< +MIPSTATE: 1,"TCP","120.27.12.119",2040,"CONNECTING"',
         '< +MIPSTATE: 2,,,,"INITIAL"', '< +MIPSTATE: 3,"UDP","120.27.12.119",2040,"CONNECTED"', '< +MIPSTATE: 4,,,,"INITIAL"', "< OK"],
        [t("MIPSTATE", "read", {}, [
            {"connect_id": 0, "service_type": "TCP", "address": "120.27.12.119", "remote_port": 2040, "state": "CONNECTED"},
            {"connect_id": 1, "service_type": "TCP", "address": "120.27.12.119", "remote_port": 2040, "state": "CONNECTING"},
            {"connect_id": 2, "state": "INITIAL"},
            {"connect_id": 3, "service_type": "UDP", "address": "120.27.12.119", "remote_port": 2040, "state": "CONNECTED"},
            {"connect_id": 4, "state": "INITIAL"}])],
    ),
    "3.8 one": (STATE_LINES, [STATE]),
    "3.9 test": (["> AT+MIPSACK=?", "< +MIPSACK: (0-5)", "< OK"], [t("MIPSACK", "test", {}, [{"connect_id": "(0-5)"}])]),
    "3.9 query": (
        ["> AT+MIPSACK=0", "< +MIPSACK: 10,10,0,30", "< OK"],
        [t("MIPSACK", "set", {"connect_id": 0}, [{"sent": 10, "acked": 10, "nack": 0, "received": 30}])],
    ),
    "3.10 test": (
        ["> AT+MDNSCFG=?", '< +MDNSCFG: "ip",,', '< +MDNSCFG: "ipv6",,', '< +MDNSCFG: "priority", (0, 1)',
         '< +MDNSCFG: "cached", (0, 1), (1-65535)', '< +MDNSCFG: "timeout", (1-60), (1-9)', "< OK"],
        [t("MDNSCFG", "test", {}, [{"cmd": "ip"}, {"cmd": "ipv6"}, {"cmd": "priority", "list": "(0, 1)"},
                                   {"cmd": "cached", "cached_mode": "(0, 1)", "cached_period": "(1-65535)"},
                                   {"cmd": "timeout", "time": "(1-60)", "retries": "(1-9)"}])],
    ),
    "3.10 set": (DNS_CFG_LINES, [DNS_CFG]),
    "3.10 query": (
        ['> AT+MDNSCFG="ip"', '< +MDNSCFG: "ip","114.114.114.114","8.8.8.8"', "< OK"],
        [t("MDNSCFG", "set", {"cmd": "ip"}, [{"cmd": "ip", "address1": "114.114.114.114", "address2": "8.8.8.8"}])],
    ),
    "3.10 query, as the syntax table prints it": (
        ['> AT+MDNSCFG="ip"', '< +MIPCFGDNSCFG: "ip","114.114.114.114","8.8.8.8"', "< OK"],
        [t("MDNSCFG", "set", {"cmd": "ip"}, [{"cmd": "ip", "address1": "114.114.114.114", "address2": "8.8.8.8"}])],
    ),
    "3.11 test": (["> AT+MDNSGIP=?", "< +MDNSGIP:,(0-4)", "< OK"], [t("MDNSGIP", "test", {}, [{"cid": "(0-4)"}])]),
    "3.11 NB": (
        ['> AT+MDNSGIP="iot.10086.cn"', "< OK", '< +MDNSGIP: "iot.10086.cn", "183.230.40.127"',
         '> AT+MDNSGIP="iot.10086.cn"', "< OK", '< +MDNSGIP: "iot.10086.cn","2409:8060:8EA:601:0:3:3E:5464"'],
        [t("MDNSGIP", "set", {"domainname": "iot.10086.cn"}, late=[{"domainname": "iot.10086.cn", "ip": ["183.230.40.127"]}]),
         t("MDNSGIP", "set", {"domainname": "iot.10086.cn"},
           late=[{"domainname": "iot.10086.cn", "ip": ["2409:8060:8EA:601:0:3:3E:5464"]}])],
    ),
    "3.11 4G": (
        ['> AT+MDNSGIP="iot.10086.cn"', "< OK", '< +MDNSGIP: "iot.10086.cn", "183.230.40.127", "2409:8060:8EA:601:0:3:3E:5464"'],
        [t("MDNSGIP", "set", {"domainname": "iot.10086.cn"},
           late=[{"domainname": "iot.10086.cn", "ip": ["183.230.40.127", "2409:8060:8EA:601:0:3:3E:5464"]}])],
    ),
    "3.11 not resolved": (
        ['> AT+MDNSGIP="www.baidu.com"', "< OK", "< +MDNSGIP: www.baidu.com"],
        [t("MDNSGIP", "set", {"domainname": "www.baidu.com"}, late=[{"domainname": "www.baidu.com"}])],
    ),
    "3.12 test": (
        ["> AT+MPING=?", "< +MPING:,(1-60),(1-65535),(1-1400)", "< OK"],
        [t("MPING", "test", {}, [{"timeout": "(1-60)", "ping_num": "(1-65535)", "packet_len": "(1-1400)"}])],
    ),
    "3.12 IPv4": (
        ['> AT+MPING="ipv6.sjtu.edu.cn"', "< OK", *rows("202.120.35.204", V4_TIMES, 235, " 4,0,320,607,402")],
        [t("MPING", "set", {"host": "ipv6.sjtu.edu.cn"}, late=ping("202.120.35.204", V4_TIMES, 235, [4, 0, 320, 607, 402]))],
    ),
    "3.12 IPv6": (
        ['> AT+MPING="ipv6.sjtu.edu.cn"', "< OK", *rows(V6, V6_TIMES, 51, " 4,0,156,548,267")],
        [t("MPING", "set", {"host": "ipv6.sjtu.edu.cn"}, late=ping(V6, V6_TIMES, 51, [4, 0, 156, 548, 267]))],
    ),
    "3.15 NB": ([*NTP_LINES, "< +CCLK: 19/02/21,07:35:03+32", "< OK"], NTP),
    "3.15 4G": ([*NTP_LINES, '< +CCLK: "19/02/21,07:35:03+32"', "< OK"], NTP),
    "4.1": (
        [*OPEN_TCP_LINES, *STATE_LINES, *SEND_LINES, '< +MIPURC: "rtcp",0,10,ABCDE12345', *CLOSE_LINES],
        [OPEN_TCP, STATE, SEND, CLOSE],
    ),
    "4.2": (
        ['> AT+MIPOPEN=0,"UDP","120.27.12.119",2040', "< OK", "< +MIPOPEN: 0,0", *STATE_LINES,
         '> AT+MIPSEND=0,11,"12345678900",0,1', "< +MIPSEND: 0,11", "< OK", '< +MIPURC: "sea",0,1,0',
         '< +MIPURC: "rudp",0,10,ABCDE12345', *CLOSE_LINES],
        [t("MIPOPEN", "set", {"connect_id": 0, "proto_type": "UDP", "address": "120.27.12.119", "remote_port": 2040},
           late=[{"connect_id": 0, "result": 0}]), STATE,
         t("MIPSEND", "set", {"connect_id": 0, "send_length": 11, "data": "12345678900", "rai": 0, "seq": 1},
           [{"connect_id": 0, "send_length": 11}], [{"kind": "sea", "connect_id": 0, "seq": 1, "result": 0}]), CLOSE],
    ),
    "4.3": (
        [*OPEN_TCP_LINES, "> AT+MIPMODE=0,1", "< OK", "< CONNECT", "> +++", "< OK", "> AT+MIPSACK=0", "< +MIPSACK: 22,22,0,10", "< OK", *CLOSE_LINES],
        [OPEN_TCP, t("MIPMODE", "set", {"connect_id": 0, "access_mode": 1}, late=[{}]), t("+++", "exec", {}),
         t("MIPSACK", "set", {"connect_id": 0}, [{"sent": 22, "acked": 22, "nack": 0, "received": 10}]), CLOSE],
    ),
    "4.4 switch to stream cache": (
        ['> AT+MIPOPEN=0,"TCP","120.27.12.119",2040', "< Ok", "< +MIPOPEN: 0,0", "> AT+MIPMODE=0,2", "< OK"],
        [OPEN_TCP, t("MIPMODE", "set", {"connect_id": 0, "access_mode": 2})],
    ),
    "4.4 TCP": (
        ['> AT+MIPOPEN=0,"TCP","120.27.12.119",2040,10,2', "< OK", "< +MIPOPEN: 0,0", *SEND_LINES,
         '< +MIPURC: "rtcp",0,10,10', '< +MIPURC: "rtcp",0,10,20', "> AT+MIPRD=0", "< +MIPRD: 0,20", "< OK",
         "> AT+MIPRD=0,10", "< +MIPRD: 0,10,10,ABCDE12345", "< OK", "> AT+MIPRD=0,0", "< +MIPRD: 0,0,10,ABCDE12345", "< OK", *CLOSE_LINES],
        [t("MIPOPEN", "set", {"connect_id": 0, "proto_type": "TCP", "address": "120.27.12.119", "remote_port": 2040, "timeout": 10, "access_mode": 2},
           late=[{"connect_id": 0, "result": 0}]), SEND,
         t("MIPRD", "set", {"connect_id": 0}, [{"connect_id": 0, "unread_len": 20}]),
         t("MIPRD", "set", {"connect_id": 0, "read_len": 10}, [{"connect_id": 0, "unread_len": 10, "data_len": 10, "data": "ABCDE12345"}]),
         t("MIPRD", "set", {"connect_id": 0, "read_len": 0}, [{"connect_id": 0, "unread_len": 0, "data_len": 10, "data": "ABCDE12345"}]), CLOSE],
    ),
    "4.4 UDP": (
        ['> AT+MIPOPEN=0,"UDP","120.27.12.119",2040,10,3', "< OK", "< +MIPOPEN: 0,0", *SEND_LINES,
         '< +MIPURC: "rudp",0,1', '< +MIPURC: "rudp",0,2', "> AT+MIPRD=0", "< +MIPRD: 0,2", "< OK",
         "> AT+MIPRD=0,1", "< +MIPRD: 0,1,10,ABCDE12345", "< OK", "> AT+MIPRD=0,0", "< +MIPRD: 0,0,10,ABCDE12345", "< OK", *CLOSE_LINES],
        [t("MIPOPEN", "set", {"connect_id": 0, "proto_type": "UDP", "address": "120.27.12.119", "remote_port": 2040, "timeout": 10, "access_mode": 3},
           late=[{"connect_id": 0, "result": 0}]), SEND,
         t("MIPRD", "set", {"connect_id": 0}, [{"connect_id": 0, "unread_len": 2}]),
         t("MIPRD", "set", {"connect_id": 0, "read_len": 1}, [{"connect_id": 0, "unread_len": 1, "data_len": 10, "data": "ABCDE12345"}]),
         t("MIPRD", "set", {"connect_id": 0, "read_len": 0}, [{"connect_id": 0, "unread_len": 0, "data_len": 10, "data": "ABCDE12345"}]), CLOSE],
    ),
    "4.5 four pings": (
        ['> AT+MPING="ipv6.sjtu.edu.cn"', "< OK", *rows(V6, V6_TIMES, 51, "4,0,156,548,267")],
        [t("MPING", "set", {"host": "ipv6.sjtu.edu.cn"}, late=ping(V6, V6_TIMES, 51, [4, 0, 156, 548, 267]))],
    ),
    "4.5 one ping": (
        ['> AT+MPING="ipv6.sjtu.edu.cn",30,1', "< OK", '< +MPING: 0,"202.120.35.204", 16,496,233'],
        [t("MPING", "set", {"host": "ipv6.sjtu.edu.cn", "timeout": 30, "ping_num": 1},
           late=[{"result": 0, "ip": "202.120.35.204", "packet_len": 16, "time": 496, "ttl": 233}])],
    ),
    "4.5 no ping": (
        ['> AT+MPING="ipv6.sjtu.edu.cn"', "< OK", "< +MPING: 3"],
        [t("MPING", "set", {"host": "ipv6.sjtu.edu.cn"}, late=[{"result": 3}])],
    ),
    "4.6": (
        [*DNS_CFG_LINES, '> AT+MDNSCFG="ip"', '< +MIPCFG: "ip","114.114.114.114","8.8.8.8"', "< OK",
         '> AT+MDNSGIP="www.baidu.com"', "< OK", '< +MDNSGIP: "www.baidu.com", "183.232.231.172"'],
        [DNS_CFG, t("MDNSCFG", "set", {"cmd": "ip"}, [{"cmd": "ip", "address1": "114.114.114.114", "address2": "8.8.8.8"}]),
         t("MDNSGIP", "set", {"domainname": "www.baidu.com"}, late=[{"domainname": "www.baidu.com", "ip": ["183.232.231.172"]}])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    lines, expected = EXAMPLES[name]
    found = records(chunks(lines))
    assert compact(found) == expected
    assert all(one.dialect for one in transactions(found))
    assert all(one.dialect for one in urcs(found))
    assert rules(found) == []


def test_urcs_of_chapter_3_14_keep_their_own_ok() -> None:
    lines = [
        '< +MIPURC: "rtcp",0,10,0123456789',
        "< OK",
        '< +MIPURC: "rtcp",0,10,10',
        "< OK",
        '< +MIPURC: "drop",0,10',
        "< OK",
    ]
    found = records(chunks(lines))
    assert [one.params for one in urcs(found)] == [
        {"kind": "rtcp", "connect_id": 0, "recv_length": 10, "data": "0123456789"},
        {"kind": "rtcp", "connect_id": 0, "recv_length": 10, "total_length": 10},
        {"kind": "drop", "connect_id": 0, "drop_length": 10},
    ]
    assert rules(found) == ["data.dropped"]


def test_transparent_example_of_chapter_4_3_carries_its_data() -> None:
    lines = [*OPEN_TCP_LINES, "> AT+MIPMODE=0,1", "< OK", "< CONNECT"]
    opening = chunks(lines)
    now = opening[-1].time_ns or 0
    more = [("mcu", b"12345678900", 1), ("module", b"ABCDE12345", 2), ("mcu", b"+++", 4), ("module", b"\r\nOK\r\n", 5)]
    found = events(
        [*opening, *(Chunk(now + s * 1000 * MS, "mcu" if side == "mcu" else "module", data) for side, data, s in more)]
    )
    data = [event for event in found if isinstance(event, Data)]
    assert [(one.side, one.connect_id, bytes.fromhex(one.data)) for one in data] == [
        ("mcu", 0, b"12345678900"), ("module", 0, b"ABCDE12345"),
    ]  # fmt: skip
    assert transactions(found)[-1].name == "+++"


@pytest.mark.parametrize("code", [*range(550, 563), 570, 571, 572, 575, 576, 577, 580, 581, 582])
def test_every_error_code_of_chapter_5_has_its_meaning_in_two_languages(code: int) -> None:
    found = transactions(records(chunks(["> AT+MIPSEND=0,1", f"< +CME ERROR: {code}"])))[0]
    assert found.result is not None
    assert found.result.error is not None
    assert found.result.error.code == code
    assert found.result.error.text
    assert found.result.error.text_zh
