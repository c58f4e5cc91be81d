"""LwM2M TLV: the examples of the OMA specification, and what is built comes back."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.protocols.frames import tlv
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.frames.tlv import Entry

VALUE = st.one_of(st.binary(max_size=20), st.binary(min_size=250, max_size=300))
RESOURCE = st.builds(lambda number, value: Entry(tlv.RESOURCE, number, value), st.integers(0, 65535), VALUE)
ITEM = st.builds(lambda number, value: Entry(tlv.RESOURCE_INSTANCE, number, value), st.integers(0, 65535), VALUE)
MULTIPLE = st.builds(
    lambda number, items: Entry(tlv.MULTIPLE, number, tuple(items)),
    st.integers(0, 65535),
    st.lists(ITEM, min_size=1, max_size=3),
)
INSTANCE = st.builds(
    lambda number, items: Entry(tlv.INSTANCE, number, tuple(items)),
    st.integers(0, 65535),
    st.lists(st.one_of(RESOURCE, MULTIPLE), min_size=1, max_size=3),
)
ENTRIES = st.lists(st.one_of(RESOURCE, MULTIPLE, INSTANCE), min_size=1, max_size=4).map(tuple)

# OMA LwM2M TS 1.0.2, 6.4.3.1: the answer to reading /3/0
DEVICE = bytes.fromhex(
    "C800144F70656E204D6F62696C6520416C6C69616E6365"
    "C801164C69676874776569676874204D324D20436C69656E74"
    "C80209333435303030313233"
    "C303312E30"
    "8606410001410105"
    "88070842000ED842011388"
    "87084100 7D42010384"
    "C10964"
    "C10A0F"
    "830B410000"
    "C40D5182428F"
    "C60E2B30323A3030"
    "C11055"
)


@given(ENTRIES)
def test_what_is_built_comes_back(entries: tuple[Entry, ...]) -> None:
    assert tlv.parse(tlv.build(entries)) == entries


@given(st.binary(max_size=200))
def test_any_bytes_are_tlv_or_not(data: bytes) -> None:
    with contextlib.suppress(NotThisFormatError):
        tlv.decode(data, (3303, 0))


def test_the_device_object_of_the_specification() -> None:
    text, fields = tlv.decode(DEVICE, (3, 0))
    values = {row["path"]: (row["name"], row["value"]) for row in fields["values"]}
    assert values == {
        "3/0/0": ("Manufacturer", "Open Mobile Alliance"),
        "3/0/1": ("Model Number", "Lightweight M2M Client"),
        "3/0/2": ("Serial Number", "345000123"),
        "3/0/3": ("Firmware Version", "1.0"),
        "3/0/6/0": ("Available Power Sources", 1),
        "3/0/6/1": ("Available Power Sources", 5),
        "3/0/7/0": ("Power Source Voltage", 3800),
        "3/0/7/1": ("Power Source Voltage", 5000),
        "3/0/8/0": ("Power Source Current", 125),
        "3/0/8/1": ("Power Source Current", 900),
        "3/0/9": ("Battery Level", 100),
        "3/0/10": ("Memory Free", 15),
        "3/0/11/0": ("Error Code", 0),
        "3/0/13": ("Current Time", 1367491215),
        "3/0/14": ("UTC Offset", "+02:00"),
        "3/0/16": ("Supported Binding and Modes", "U"),
    }
    assert "3/0/9 Battery Level = 100 %" in text


def test_the_same_inside_its_instance() -> None:
    wrapped = tlv.build((Entry(tlv.INSTANCE, 0, tlv.parse(DEVICE)),))
    assert wrapped[:3] == bytes.fromhex("080079")
    assert tlv.decode(wrapped, (3,)) == tlv.decode(DEVICE, (3, 0))


def test_access_control_of_the_specification() -> None:
    data = bytes.fromhex(
        "08000EC10001C101008302417F07C1037F080112C10003C101008702417F07610136 01C1037F".replace(" ", "")
    )
    _, fields = tlv.decode(data, (2,))
    assert [(row["path"], row["value"]) for row in fields["values"]] == [
        ("2/0/0", 1),
        ("2/0/1", 0),
        ("2/0/2/127", 7),
        ("2/0/3", 127),
        ("2/1/0", 3),
        ("2/1/1", 0),
        ("2/1/2/127", 7),
        ("2/1/2/310", 1),
        ("2/1/3", 127),
    ]


@pytest.mark.parametrize(
    ("data", "path", "value"),
    [
        ("E4164441AC0000", (3303, 0), 21.5),
        ("E1157C01", (3200, 0), True),
        ("E816760A68656C6C6F20776F726C", (3200, 0), "hello worl"),
        ("C10964", (), "d"),
        ("C109FF", (), "ff"),
        ("C409FFFFFFFE", (3, 0), -2),
    ],
)
def test_wide_identifiers_and_types(data: str, path: tuple[int, ...], value: object) -> None:
    _, fields = tlv.decode(bytes.fromhex(data), path)
    assert fields["values"][0]["value"] == value


@pytest.mark.parametrize("data", ["", "C8", "C80105AA", "C1", "C10964FF"])
def test_what_is_no_tlv(data: str) -> None:
    with pytest.raises(NotThisFormatError):
        tlv.decode(bytes.fromhex(data))
