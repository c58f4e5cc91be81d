"""Frames: what payload means in the protocol that it carries."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from decoder.events import Frame, Record
from decoder.protocols import frames
from decoder.protocols.frames import dp
from decoder.protocols.frames.errors import NotThisFormatError
from tests.helpers import answer, command, records, rules, talk

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def frames_of(found: list[Record]) -> list[Frame]:
    return [one for one in found if isinstance(one, Frame) and one.origin == "observed"]


def publish(topic: str, payload: bytes) -> list[Record]:
    line = f"AT+MQTTPUB={topic},0,0,0,{len(payload)},{payload.hex()}"
    return records(talk(command(line), answer("OK")))


@given(st.sampled_from([1, 3, 4]), JSON)
def test_data_points_come_back(kind: int, value: object) -> None:
    _, fields = dp.decode(dp.build(kind, value))
    assert (fields["type"], fields["json"]) == (kind, value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_not_one(data: bytes) -> None:
    for codec in frames.CODECS.values():
        with contextlib.suppress(NotThisFormatError):
            text, fields = codec(data)
            assert text
            assert fields


def test_the_dp_example_of_the_manual_says_its_json() -> None:
    line = "AT+MQTTPUB=$dp,2,1,0,30,03001B7b2274657374223a2268656c6c6fefbc8c776f726c64efbc81227d"
    (frame,) = frames_of(records(talk(command(line), answer("OK"))))
    assert (frame.protocol, frame.side, frame.announced_by, frame.origin) == ("onenet-dp", "mcu", "MQTTPUB", "observed")
    assert frame.fields == {"type": 3, "meaning": "values by stream, JSON", "json": {"test": "hello，world！"}}


def test_raw_data_with_a_description() -> None:
    text = b'{"ds_id":"image"}'
    payload = b"\x02" + len(text).to_bytes(2, "big") + text + (3).to_bytes(4, "big") + b"\xff\x00\x0d"
    (frame,) = frames_of(publish("$dp", payload))
    assert (frame.fields["json"], frame.fields["data"]) == ({"ds_id": "image"}, "ff000d")


def test_other_topics_carry_no_data_points() -> None:
    assert frames_of(publish("t", dp.build(3, {"a": 1}))) == []


def test_a_broken_data_point_is_a_finding_and_keeps_its_bytes() -> None:
    found = publish("$dp", b"\x03\x00\x99{}")
    assert frames_of(found) == []
    assert rules(found) == ["frame.malformed"]
