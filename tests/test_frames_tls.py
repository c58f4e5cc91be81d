"""TLS and DTLS: a real client's hello, and what is built comes back."""

from __future__ import annotations

import contextlib
import ssl

from hypothesis import given
from hypothesis import strategies as st

from decoder.protocols.conversation import Conversation
from decoder.protocols.frames import tls
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.streams import Found

EXTENSION = st.fixed_dictionaries({"type": st.sampled_from([0, 10, 16, 43, 54, 65281]), "data": st.binary(max_size=40)})
HELLO = st.fixed_dictionaries(
    {
        "version": st.sampled_from(sorted(tls.VERSIONS)),
        "random": st.binary(min_size=32, max_size=32),
        "session_id": st.binary(max_size=32),
        "ciphers": st.lists(st.integers(0, 65535), max_size=8),
        "compressions": st.just(b"\0"),
        "extensions": st.lists(EXTENSION, max_size=4),
        "cookie": st.binary(max_size=20),
    }
)


def said(*parts: tuple[str, bytes]) -> list[Found]:
    conversation = Conversation("tcp")
    return [
        one
        for side, data in parts
        for one in conversation.feed("mcu" if side == "mcu" else "module", data)
        if isinstance(one, Found)
    ]


def client_hello(name: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["mqtt", "http/1.1"])
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def test_a_real_clients_hello() -> None:
    hello = client_hello("iot.example.com")
    (found,) = said(("mcu", hello[:5]), ("mcu", hello[5:40]), ("mcu", hello[40:]))
    message = found.fields["handshake"][0]
    assert found.text == f"TLS 1.0 ClientHello for iot.example.com {len(message['ciphers'])} ciphers"
    assert message["server_name"] == "iot.example.com"
    assert message["alpn"] == ["mqtt", "http/1.1"]
    assert message["versions"] == ["TLS 1.3", "TLS 1.2"]
    assert "TLS_AES_128_GCM_SHA256" in message["ciphers"]


def record(kind: int, fragment: bytes) -> bytes:
    made: bytes = tls.RECORD.build({"type": kind, "version": 0x0303, "fragment": fragment})
    return made


def test_what_follows_change_cipher_spec_is_encrypted() -> None:
    server = tls.SERVER_HELLO.build(
        {
            "version": 0x0303,
            "random": bytes(32),
            "session_id": b"",
            "cipher": 0x00A8,
            "compression": 0,
            "extensions": [],
        }
    )
    found = said(
        ("mcu", client_hello("a")),
        ("module", record(22, tls.MESSAGE.build({"type": 2, "body": server}))),
        ("module", record(20, b"\x01") + record(22, bytes(40)) + record(23, bytes(99))),
        ("module", record(21, b"\x02\x28")),
        ("mcu", record(21, b"\x02\x28")),
    )
    assert [one.text for one in found[1:]] == [
        "TLS 1.2 ServerHello TLS_PSK_WITH_AES_128_GCM_SHA256",
        "TLS 1.2 change cipher spec, 1 bytes",
        "TLS 1.2 encrypted handshake, 40 bytes",
        "TLS 1.2 application data, 99 bytes",
        "TLS 1.2 encrypted alert, 2 bytes",
        "TLS 1.2 alert fatal handshake_failure",
    ]
    assert found[-1].fields["alert"] == "handshake_failure"


def test_dtls_datagrams() -> None:
    hello = {
        "version": 0xFEFD,
        "random": bytes(32),
        "session_id": b"",
        "cookie": b"",
        "ciphers": [0xC0A8, 0x00A8],
        "compressions": b"\0",
        "extensions": [{"type": 54, "data": b"\x00"}],
    }
    body = tls.DTLS_CLIENT_HELLO.build(hello)
    message = tls.DTLS_MESSAGE.build({"type": 1, "length": len(body), "sequence": 0, "offset": 0, "body": body})
    plain = {"type": 22, "version": 0xFEFD, "epoch": 0, "sequence": bytes(6)}
    conversation = Conversation("udp")
    first = list(conversation.feed("mcu", tls.DTLS_RECORD.build({**plain, "fragment": message})))
    second = list(conversation.feed("module", tls.DTLS_RECORD.build({**plain, "epoch": 1, "fragment": bytes(30)}) * 2))
    assert [one.text for one in first if isinstance(one, Found)] == ["DTLS 1.2 ClientHello 2 ciphers"]
    assert [one.text for one in second if isinstance(one, Found)] == ["DTLS 1.2 encrypted handshake, 30 bytes"] * 2


@given(HELLO)
def test_what_is_built_comes_back(hello: dict[str, object]) -> None:
    for form in (tls.CLIENT_HELLO, tls.DTLS_CLIENT_HELLO):
        raw = form.parse(form.build(hello))
        again = form.build(raw)
        assert again == form.build(hello)
        assert list(raw.ciphers) == hello["ciphers"]
        body = tls.MESSAGE.build({"type": 1, "body": again})
        tls.describe(tls.Record(22, 0x0303, body))


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_records_or_not(data: bytes, encrypted: bool) -> None:
    for kind in tls.TYPES:
        assert tls.describe(tls.Record(kind, 0x0303, data), encrypted=encrypted)[0]
        assert tls.describe(tls.Record(kind, 0xFEFD, data, 0))[0]
    for take in (tls.take, tls.take_dtls):
        with contextlib.suppress(NotThisFormatError):
            take(b"\x16" + data)
    said(("mcu", b"\x16\x03\x01" + data))
