"""DNS: scapy as an oracle, records of every kind, and messages that would lead a careless reader astray."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR, DNSRR, DNSRRMX, DNSRRSRV

from decoder.protocols.frames import dns
from decoder.protocols.frames.errors import NotThisFormatError

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join).filter(lambda name: len(name) < 250)
DATA = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.sampled_from(["NS", "CNAME", "PTR"]), NAME),
)


@given(st.integers(0, 0xFFFF), NAME, st.lists(st.tuples(NAME, DATA, st.integers(0, 2**31 - 1)), max_size=5))
def test_what_scapy_builds_is_read(number: int, asked: str, told: list[tuple[str, tuple[str, str], int]]) -> None:
    records = [DNSRR(rrname=name, type=kind, rdata=value, ttl=ttl) for name, (kind, value), ttl in told]
    message = DNS(id=number, qr=1, qd=[DNSQR(qname=asked)], an=records)
    for data in (bytes(message), bytes(message.compress())):
        _, fields = dns.decode(data)
        assert fields == {
            "id": number,
            "response": True,
            "questions": [{"name": asked, "type": "A"}],
            "code": 0,
            "answers": [{"name": name, "type": kind, "data": value, "ttl": ttl} for name, (kind, value), ttl in told],
        }


def answers(*records: Any) -> list[str]:
    _, fields = dns.decode(bytes(DNS(qr=1, qd=[DNSQR(qname="x.example")], an=list(records))))
    return [one["data"] for one in fields["answers"]]


def test_other_records() -> None:
    assert answers(DNSRRMX(rrname="x", preference=10, exchange="mail.example.com")) == ["10 mail.example.com"]
    assert answers(DNSRRSRV(rrname="x", priority=1, weight=2, port=5683, target="coap.example")) == [
        "1 2 5683 coap.example"
    ]
    assert answers(DNSRR(rrname="x", type="TXT", rdata=[b"v=1", b"two"])) == ["v=1 two"]
    assert answers(DNSRR(rrname="x", type=99, rdata=b"\1\2")) == ["0102"]


def test_texts() -> None:
    assert dns.decode(bytes(DNS(qd=[DNSQR(qname="a.example", qtype="AAAA")])))[0] == "query AAAA a.example"
    assert dns.decode(bytes(DNS(qr=1, rcode=3, qd=[DNSQR(qname="a.example")])))[0] == "answer A a.example: no such name"
    assert dns.decode(bytes(DNS(qr=1, rcode=9, qd=[DNSQR(qname="a.example")])))[0] == "answer A a.example: code 9"
    assert dns.decode(bytes(DNS(qr=1, qd=[DNSQR(qname=".")])))[0] == "answer A .: nothing"


HEADER = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0)
QUESTION = b"\0\1\0\1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEADER[:11],
        struct.pack("!HHHHHH", 1, 0, 0, 0, 0, 0),
        HEADER,
        HEADER + b"\1",
        HEADER + b"\3abc\0\0\1\0",
        HEADER + b"\xc0\x0c" + QUESTION,  # points at itself
        HEADER + b"\xc0\x0e\xc0\x0c" + QUESTION,  # forwards and back
        HEADER + b"\1a\xc0\x0c" + QUESTION,  # a name that ends in itself
        HEADER + b"\x40" + b"a" * 64 + b"\0" + QUESTION,  # a label of a reserved kind
        HEADER + (b"\x3f" + b"a" * 63) * 4 + b"\0" + QUESTION,  # 256 bytes
        struct.pack("!HHHHHH", 1, 0, 65, 0, 0, 0) + (b"\0" + QUESTION) * 65,
        struct.pack("!HHHHHH", 1, 0x8000, 0, 1, 0, 0) + b"\0\0\1\0\1\0\0\0\0\0\3\1\2\3",  # an address of three bytes
        struct.pack("!HHHHHH", 1, 0x8000, 0, 1, 0, 0) + b"\0\0\1\0\1\0\0\0\0\0\4\1\2\3",  # cut
    ],
    ids=str,
)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(NotThisFormatError):
        dns.decode(data)


@given(st.binary(max_size=64).map(lambda rest: HEADER + rest))
def test_any_bytes(data: bytes) -> None:
    try:
        text, fields = dns.decode(data)
    except NotThisFormatError:
        return
    assert fields["questions"][0]["name"] in text


def test_a_dot_inside_a_label_is_no_dot_between_labels() -> None:
    assert dns.decode(HEADER + b"\3a.b\1c\0" + QUESTION)[1]["questions"][0]["name"] == "a\\.b.c"
