"""PPP: a dial-up session with LCP, PAP, IPCP, DNS and MQTT inside, and what tshark says of its export."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.chunk import Chunk, Side
from decoder.effects import Carried, Connected
from decoder.events import Data, Finding, Frame, Issued, Message, Record, Segment, Socket, Urc
from decoder.followers.ppp import Ppp
from decoder.protocols.frames import mqtt, ppp
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.frames.ppp import PppPacket
from tests.helpers import answer, command, events, records, talk, tshark
from tests.playbook import Playbook
from tests.ppp_session import BEGIN, END, HANDSHAKE, NAMES, NEGOTIATION, THERE, Said, segment, session
from tests.test_export_ip import exported, fields
from tests.test_sockets import CONNECT


def texts(found: list[Record], protocol: str) -> list[str]:
    return [one.text for one in found if isinstance(one, Frame) and one.protocol == protocol]


def test_a_whole_session() -> None:
    found = records(session())
    assert texts(found, "ppp") == [
        "LCP Configure-Request, id 1, ACCM 00000000, magic 01020304, protocol-field compression, address-and-control compression",
        "LCP Configure-Ack, id 1, ACCM 00000000, magic 01020304, protocol-field compression, address-and-control compression",
        "LCP Configure-Request, id 1, MRU 1500, authentication PAP",
        "LCP Configure-Ack, id 1, MRU 1500, authentication PAP",
        "PAP Authenticate-Request, id 1, peer card",
        "PAP Authenticate-Ack, id 1, hello",
        "IPCP Configure-Request, id 1, address 0.0.0.0, DNS 0.0.0.0",
        "IPCP Configure-Nak, id 1, address 10.64.0.2, DNS 10.64.0.1",
        "LCP Terminate-Request, id 9, bye",
        "LCP Terminate-Ack, id 9",
    ]
    assert texts(found, "dns") == ["query A mqtt.example.com", "answer A mqtt.example.com: 203.0.113.9"]
    assert texts(found, "mqtt") == [
        "CONNECT client 'meter' level 4 keep-alive 60 s",
        "CONNACK accepted",
        "PUBLISH up/t QoS 1 19 bytes id 7",
        "PUBACK id 7",
    ]
    assert [(one.rule, one.severity) for one in found if isinstance(one, Finding)] == [("ppp.fcs", "error")]
    changes = [
        (one.change, one.flow.transport, one.flow.remote, one.flow.inside) for one in found if isinstance(one, Socket)
    ]
    assert changes == [
        ("opened", "udp", NAMES, "ppp"),
        ("opened", "tcp", "mqtt.example.com", "ppp"),
        ("closed", "tcp", "mqtt.example.com", "ppp"),
    ]


@pytest.mark.outside
def test_it_opens_in_tshark(tmp_path: Path) -> None:
    path = exported(tmp_path, session())
    found = tshark(
        path,
        "-2",
        "-o",
        "tcp.reassemble_out_of_order:TRUE",
        "-d",
        "tcp.port==6002,mqtt",
        "-Y",
        "mqtt",
        "-T",
        "fields",
        "-e",
        "mqtt.msgtype",
        plugin=False,
    )
    assert found.split() == ["1", "2", "3", "4"]
    assert fields(path, "pap", "pap.code") == [["1"], ["2"]]
    assert [row for row in fields(path, "dns", "dns.a") if row[0]] == [[THERE]]
    directions = fields(path, "ppp", "ppp.direction", "frame.interface_name")
    assert directions[:3] == [["0", "ppp"], ["1", "ppp"], ["1", "ppp"]]  # Wireshark: 0 is sent, as by the MCU
    assert "malformed" not in tshark(path, "-Y", "ppp", plugin=False).lower()


@pytest.mark.parametrize("end", ["", "escape", "lost"])
def test_leaving_data_mode(end: str) -> None:
    escape: list[Said] = [("mcu", b"+++", 1200), ("module", b"\r\nOK\r\n", 900), command("ATH"), answer("OK")]
    directly: list[Said] = [("module", ppp.wrap(ppp.build_control(ppp.LCP, 6, 9, b"")) + b"\r\nNO CARRIER\r\n", 30)]
    last = {"": END, "escape": escape, "lost": directly}[end]
    found = events(talk(*BEGIN, *NEGOTIATION, *last, command("AT+CSQ"), answer("+CSQ: 21,99", "OK")))
    lines = [one for one in found if isinstance(one, Message) and one.kind == "information"]
    assert [one.params["rssi"] for one in lines] == [20, 21]
    assert [one.rule for one in found if isinstance(one, Finding)] == []


def test_no_carrier_that_nobody_asked_for() -> None:
    found = events(talk(*BEGIN, *NEGOTIATION, ("module", b"\r\nNO CARRIER\r\n", 900), command("AT+CSQ"), answer("OK")))
    assert [one.rule for one in found if isinstance(one, Finding)] == ["carrier.lost"]


def test_no_carrier_as_a_digit() -> None:
    """ATV0: results are digits, NO CARRIER too."""
    over = [("module", ppp.wrap(ppp.build_control(ppp.LCP, 6, 9, b"")) + b"3\r", 30)]
    lines = [command("ATV0"), ("module", b"0\r"), command("ATD*99#"), ("module", b"1\r"), *NEGOTIATION, *over]
    chunks = talk(*lines, command("AT+CSQ"), ("module", b"+CSQ: 21,99\r\n0\r"))
    found = events(chunks)
    assert [one.result.code for one in found if isinstance(one, Message) and one.kind == "urc" and one.result] == [
        "NO CARRIER"
    ]
    assert [one.params["rssi"] for one in found if isinstance(one, Message) and one.kind == "information"] == [21]
    assert [one.rule for one in found if isinstance(one, Finding)] == []
    single = [Chunk(one.time_ns, one.side, bytes([byte])) for one in chunks for byte in one.data]
    assert records(single) == records(chunks)


def test_lines_right_behind_no_carrier() -> None:
    last = ppp.wrap(ppp.build_control(ppp.LCP, 6, 9, b"")) + b"\r\nNO CARRIER\r\n\r\n+CREG: 0\r\n"
    chunks = talk(*BEGIN, *NEGOTIATION, ("module", last, 30))
    single = [Chunk(one.time_ns, one.side, bytes([byte])) for one in chunks for byte in one.data]
    assert records(single) == records(chunks)
    assert [one.name for one in records(chunks) if isinstance(one, Urc)] == ["CREG"]


def test_chap_and_rejections() -> None:
    def said(protocol: int, code: int, data: bytes) -> str:
        return ppp.describe(ppp.parse(ppp.build_control(protocol, code, 5, data)))[0]

    assert said(ppp.CHAP, 1, b"\x04\1\2\3\4lns") == "CHAP Challenge, id 5, peer lns"
    assert said(ppp.CHAP, 3, b"welcome") == "CHAP Success, id 5, welcome"
    assert (
        said(ppp.LCP, 1, ppp.build_options([(3, b"\xc2\x23\x05")]))
        == "LCP Configure-Request, id 5, authentication CHAP MD5"
    )
    assert said(ppp.LCP, 8, b"\x80\x57\1\1") == "LCP Protocol-Reject, id 5, IPV6CP"
    assert said(ppp.LCP, 9, b"\0\0\0\0") == "LCP Echo-Request, id 5"


def test_compressed_headers_and_lost_segments() -> None:
    small = [
        (one[0], ppp.wrap(ppp.unwrap(one[1][1:-1]).removeprefix(b"\xff\x03\x00")), 30)  # type: ignore[union-attr]
        for one in [*HANDSHAKE, segment("mcu", 1000, 5000, "PA", CONNECT)]
    ]
    assert texts(records(talk(*BEGIN, *small)), "mqtt") == ["CONNECT client 'meter' level 4 keep-alive 60 s"]
    gap = [segment("mcu", 1100 + number, 5000, "PA", b"x") for number in range(300)]
    found = records(talk(*BEGIN, *HANDSHAKE, *gap))
    assert [one.rule for one in found if isinstance(one, Finding)] == ["tcp.gap"]


def test_a_refused_connection_and_a_reset() -> None:
    refused = [segment("mcu", 999, 0, "S"), segment("module", 0, 1000, "RA")]
    found = records(talk(*BEGIN, *refused, *HANDSHAKE, segment("module", 5000, 1000, "R")))
    assert [one.change for one in found if isinstance(one, Socket)] == ["failed", "opened", "reset"]


def test_a_data_call_that_is_no_ppp_stays_data() -> None:
    found = events(talk(*BEGIN, ("mcu", b"hello\r\n", 50), ("module", b"world\r\n", 50)))
    assert [bytes.fromhex(one.data) for one in found if isinstance(one, Data)] == [b"hello\r\n", b"world\r\n"]
    assert not [one for one in found if isinstance(one, Finding)]


@given(st.binary(min_size=2, max_size=300))
def test_frames_come_back(data: bytes) -> None:
    wrapped = ppp.wrap(data)
    assert wrapped[:1] == wrapped[-1:] == b"\x7e"
    assert not set(wrapped[1:-1]) & {*range(32), 0x7E}
    assert ppp.unwrap(wrapped[1:-1]) == data


def test_fcs_of_the_standard() -> None:
    # The check value of CRC-16/X-25, which is RFC 1662's FCS-16
    assert ppp.fcs16(b"123456789") == 0x906E


@given(st.sampled_from([ppp.LCP, ppp.IPCP, ppp.PAP, ppp.CHAP, ppp.IP, 0x4021]), st.binary(max_size=40))
def test_any_frame_is_told_or_refused(protocol: int, data: bytes) -> None:
    try:
        text, told = ppp.describe(PppPacket(protocol, data))
    except NotThisFormatError:
        return
    assert text
    assert told["length"] == len(data)


@given(st.lists(st.tuples(st.sampled_from(["mcu", "module"]), st.binary(max_size=60)), max_size=8))
def test_any_bytes_of_a_link(said: list[tuple[Side, bytes]]) -> None:
    play = Playbook(Ppp)
    out = play.hears(Connected((), Issued(1, None, "D", "dial", None, {}, {}, "ATD*99#", None), None, True))
    for side, data in said:
        for raw in (data, ppp.wrap(ppp.build(PppPacket(ppp.IP, b"\x45" + data)))):
            payload = Data(None, side, None, "D", "transparent", "raw", len(raw), raw.hex())
            out += play.hears(Carried((), payload, raw, {}, "link"))
    assert all(not isinstance(one, Segment) or one.data for one in out)


def test_cutting_changes_nothing() -> None:
    chunks = session()
    single = [Chunk(one.time_ns, one.side, bytes([byte])) for one in chunks for byte in one.data]
    assert records(single) == records(chunks)
    assert mqtt.STARTS.match(CONNECT)
