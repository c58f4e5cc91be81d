"""CoAP: the examples of RFC 7252, RFC 7641 and RFC 7959, scapy as an oracle, and what is built comes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.coap import CoAP

from decoder.protocols.frames import coap
from decoder.protocols.frames.coap import Message, Option
from decoder.protocols.frames.errors import NotThisFormatError

OPTION = st.builds(Option, st.sampled_from([*coap.OPTIONS, 2049, 65000]), st.binary(max_size=300))
MESSAGE = st.builds(
    Message,
    st.integers(0, 3),
    st.integers(1, 255),
    st.integers(0, 65535),
    st.binary(max_size=8),
    st.lists(OPTION, max_size=6).map(lambda options: tuple(sorted(options, key=lambda one: one.number))),
    st.binary(max_size=64),
)


@given(MESSAGE)
def test_what_is_built_comes_back(message: Message) -> None:
    assert coap.parse(coap.build(message)) == message


@given(MESSAGE, st.text("payload 123", max_size=64))
def test_scapy_reads_what_is_built(message: Message, text: str) -> None:
    """The payload is text: scapy 2.8 goes on reading options behind the payload marker, and fails on some bytes."""
    message = message._replace(payload=text.encode())
    theirs = CoAP(coap.build(message))
    assert (theirs.ver, theirs.type, theirs.code, theirs.msg_id) == (1, message.type, message.code, message.message_id)
    assert (bytes(theirs.token), theirs.tkl) == (message.token, len(message.token))


@given(MESSAGE.filter(lambda message: message.code in coap.CODES), st.binary(max_size=400))
def test_messages_over_tcp_come_back(message: Message, payload: bytes) -> None:
    """RFC 8323 3.2: without type and id, with a length in front."""
    plain = message._replace(type=coap.OVER_TCP, message_id=coap.OVER_TCP, payload=payload)
    built = coap.build_tcp(plain)
    assert coap.take_tcp(built + b"rest") == (plain, len(built))
    assert all(coap.take_tcp(built[:size]) is None for size in range(0, len(built), 7))


def test_the_example_of_rfc_8323() -> None:
    # RFC 8323 3.2: no options, no payload: code 2.03 Valid, token 0x7f
    taken = coap.take_tcp(bytes.fromhex("01437f"))
    assert taken is not None
    message, size = taken
    assert (message.code, message.token, message.payload, size) == (0x43, b"\x7f", b"", 3)
    assert coap.describe(message, ())[0] == "2.03 Valid"


@given(st.binary(max_size=120))
def test_any_datagram_is_a_message_or_not_one(data: bytes) -> None:
    try:
        text, fields = coap.decode(data)
    except NotThisFormatError:
        return
    assert text
    assert fields["type"] in coap.TYPES
    assert coap.parse(coap.build(coap.parse(data))) == coap.parse(data)


@pytest.mark.parametrize(
    ("data", "text", "fields"),
    [
        # RFC 7252 appendix A, figure 16: a confirmable request and its piggy-backed response
        (
            "40017d34bb74656d7065726174757265",
            "CON GET /temperature, id 32052",
            {"type": "CON", "path": "/temperature", "message_id": 0x7D34},
        ),
        ("60457d34ff32322e332043", "ACK 2.05 Content, id 32052, 6 bytes", {"code": "2.05", "payload": b"22.3 C".hex()}),
        # figure 17: the same with a token
        ("41017d3520bb74656d7065726174757265", "CON GET /temperature, id 32053", {"token": "20"}),
        # figure 19: a separate response is announced by an empty acknowledgement
        ("60007d38", "ACK Empty, id 32056", {"name": "Empty", "token": ""}),
        # RFC 7641 figure 2: registering an observation, and a notification
        (
            "41017d404a60" + "5b74656d7065726174757265"[0:2] + b"temperature".hex(),
            "CON GET /temperature, Observe 0, id 32064",
            {"path": "/temperature"},
        ),
        (
            "51454440" + "4a" + "6109" + "8114" + "ff" + b"22.9".hex(),
            "NON 2.05 Content, Observe 9, id 17472, 4 bytes",
            {"type": "NON"},
        ),
        # RFC 7959 figure 2: a block-wise GET, later negotiation
        ("40011bd3" + "b6" + b"status".hex(), "CON GET /status, id 7123", {}),
        ("60451bd3" + "d10a08" + "ff" + "00" * 128, "ACK 2.05 Content, Block2 0/1/16, id 7123, 128 bytes", {}),
        # an LwM2M registration
        (
            "4802004d"
            + "0102030405060708"
            + "b27264"
            + "1128"
            + "33"
            + b"b=U".hex()
            + "06"
            + b"lt=300".hex()
            + "ff"
            + b"</3/0>".hex(),
            "CON POST /rd?b=U&lt=300, id 77, 6 bytes, /3/0 (Device)",
            {"query": ["b=U", "lt=300"], "content_format": "application/link-format"},
        ),
        (
            "62410001" + "abcd" + "82" + b"rd".hex() + "04" + b"5a3f".hex(),
            "ACK 2.01 Created /rd/5a3f, id 1",
            {"location": "/rd/5a3f"},
        ),
    ],
)
def test_examples(data: str, text: str, fields: dict[str, Any]) -> None:
    shown, found = coap.decode(bytes.fromhex(data))
    assert shown == text
    assert {key: found[key] for key in fields} == fields


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("80010000", "version 2"),
        ("49010000" + "00" * 9, "a token of 9 bytes"),
        ("40010000ff", "a marker without payload"),
        ("40010000f1", "a reserved nibble"),
        ("40010000b5ab", "cut in an option"),
        ("410000", "too short"),
        ("4000000011aa", "an empty message with options"),
        ("40540000", "a code that nobody has"),
    ],
)
def test_what_is_no_message(data: str, why: str) -> None:
    with pytest.raises(NotThisFormatError):
        coap.decode(bytes.fromhex(data))
    assert why
