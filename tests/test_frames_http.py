"""HTTP/1.1: heads come back as they were built; bodies by length, in chunks and up to the end, in any pieces."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.chunk import Side
from decoder.protocols.conversation import Conversation
from decoder.protocols.frames import http
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.frames.http import Head
from decoder.protocols.streams import MAX_BODY, Found, Part

WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=20)
VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
HEAD = st.builds(
    Head,
    st.one_of(
        st.tuples(st.sampled_from([one.decode() for one in http.METHODS]), WORD, st.just("HTTP/1.1")),
        st.tuples(st.just("HTTP/1.1"), st.integers(100, 599).map(str), VALUE),
    ),
    st.lists(st.tuples(WORD, VALUE), max_size=5).map(tuple),
)


def listen(*said: tuple[Side, bytes], end: bool = False) -> tuple[list[Found], list[Part]]:
    conversation = Conversation("tcp")
    out = [one for side, data in said for one in conversation.feed(side, data)]
    out += [*conversation.finish("mcu"), *conversation.finish("module")] if end else []
    return [one for one in out if isinstance(one, Found)], [one for one in out if isinstance(one, Part)]


@given(HEAD)
def test_what_is_built_comes_back(head: Head) -> None:
    built = http.build(head)
    assert http.parse(built) == head
    assert http.take(built + b"body") == (head, len(built))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_not(data: bytes) -> None:
    for beginning in (b"", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        listen(("module", beginning + data), end=True)
        with contextlib.suppress(NotThisFormatError):
            http.take(beginning + data)


REQUEST = b'POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"t": 21.5}'
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4\r\nWiki\r\n5;x=y\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\nA: trailer\r\n\r\n"
)


@given(st.data())
def test_messages_in_any_pieces(data: st.DataObject) -> None:
    whole = {"mcu": REQUEST * 2, "module": b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED * 2}
    said: list[tuple[Side, bytes]] = []
    for side in ("mcu", "module"):
        position = 0
        while position < len(whole[side]):
            size = data.draw(st.integers(1, 90))
            said.append(("mcu" if side == "mcu" else "module", whole[side][position : position + size]))
            position += size
    found, parts = listen(*said)
    assert [one.text for one in found] == [
        *["POST /up, host h, 11 bytes of application/json"] * 2,
        "100 Continue",
        *["200 OK, 23 bytes"] * 2,
    ]
    assert found[0].fields["json"] == {"t": 21.5}
    assert bytes.fromhex(found[3].fields["body"]) == b"Wikipedia in\r\n\r\nchunks."
    assert b"".join(one.data for one in parts if one.number == 1) == b'{"t": 21.5}'
    assert [one.last for one in parts].count(True) == 4


def test_head_has_no_body_and_close_ends_one() -> None:
    asked: list[tuple[Side, bytes]] = [
        ("mcu", b"HEAD / HTTP/1.1\r\n\r\n"),
        ("module", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
    ]
    more: list[tuple[Side, bytes]] = [
        ("mcu", b"GET /b HTTP/1.1\r\n\r\n"),
        ("module", b"HTTP/1.0 200 OK\r\n\r\nall "),
        ("module", b"of it"),
    ]
    found, parts = listen(*asked, *more, end=True)
    assert [one.text for one in found] == ["HEAD /", "200 OK", "GET /b", "200 OK, 9 bytes"]
    assert b"".join(one.data for one in parts) == b"all of it"
    assert parts[0].name == "/b"


def test_a_long_body_is_handed_on_and_not_kept() -> None:
    size = 5 * MAX_BODY
    pieces = [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size,
        *[b"x" * 1000] * (size // 1000),
        b"x" * (size % 1000),
    ]
    found, parts = listen(*[("module", piece) for piece in pieces])
    assert found[0].fields["body_length"] == size
    assert "body" not in found[0].fields
    assert sum(len(one.data) for one in parts) == size


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        b"\x00\x01\x02",
    ],
)
def test_a_stream_that_is_no_http_is_told_once(answer: bytes) -> None:
    found, _ = listen(("mcu", b"GET / HTTP/1.1\r\n\r\n"), ("module", answer), ("module", b"more"))
    assert [one.broken for one in found] == [False, True]


def test_after_an_upgrade_it_is_no_http_any_more() -> None:
    found, _ = listen(
        ("mcu", b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        ("module", b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello"),
        ("mcu", b"\x81\x80abcd"),
    )
    assert [one.text for one in found] == ["GET /ws", "101 Switching Protocols"]
