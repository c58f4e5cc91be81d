"""Bodies by their content format: the examples of RFC 8428, RFC 6690 and LwM2M, and what is built comes back."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.protocols.frames import content
from decoder.protocols.frames.errors import NotThisFormatError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
NAME = st.text("abcdefghij/:-.0123456789", min_size=1, max_size=8)
RECORD = st.fixed_dictionaries(
    {"n": NAME},
    optional={
        "u": st.sampled_from(["Cel", "%RH", "lat"]),
        "v": st.floats(-1e6, 1e6),
        "vs": st.text(max_size=8),
        "vb": st.booleans(),
        "t": st.integers(0, 2**31),
    },
)


def read(kind: str, data: bytes, path: tuple[int, ...] = ()) -> tuple[str, dict[str, Any]]:
    told = content.read(kind, data, path)
    assert told is not None
    return told


@given(JSON)
def test_json_and_cbor_come_back(value: Any) -> None:
    assert read("application/json; charset=utf-8", json.dumps(value).encode())[1]["json"] == value
    assert read("application/cbor", cbor2.dumps(value))[1]["cbor"] == value


@given(st.lists(RECORD, min_size=1, max_size=4))
def test_senml_says_the_same_in_json_and_cbor(records: list[dict[str, Any]]) -> None:
    as_json = read("application/senml+json", content.build_senml(records))
    as_cbor = read("application/senml+cbor", content.build_senml(records, cbor=True))
    assert as_json == as_cbor
    assert len(as_json[1]["values"]) == sum(1 for one in records if {"v", "vs", "vb"} & set(one))


def test_senml_examples() -> None:
    # RFC 8428 5.1.1, 5.1.3
    one = b'[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]'
    assert read("application/senml+json", one)[0] == "urn:dev:ow:10e2073a01080063 = 23.1 Cel"
    many = b"""[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
        {"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3}]"""
    values = read("application/senml+json", many)[1]["values"]
    assert [(row["path"].rsplit(":", 1)[1], row["value"], row["unit"]) for row in values] == [
        ("voltage", 120.1, "V"),
        ("current", 1.2, "A"),
        ("current", 1.3, "A"),
    ]
    assert values[1]["time"] == pytest.approx(1276020071.001)
    # RFC 8428 6: the first measurement of the CBOR example
    data = bytes.fromhex(
        "81 a7 21 78 1b 75 72 6e 3a 64 65 76 3a 6f 77 3a 31 30 65 32 30 37 33 61 30 31 30 38 30 30 36 3a 22 fb 41 d3 03 a1 5b 00 10 62 23 61 41 20 05 00 67 76 6f 6c 74 61 67 65 01 61 56 02 fb 40 5e 06 66 66 66 66 66"
    )
    row = read("application/senml+cbor", data)[1]["values"][0]
    assert (row["path"], row["value"], row["unit"]) == ("urn:dev:ow:10e2073a0108006:voltage", 120.1, "V")


def test_lwm2m_values_have_names() -> None:
    # OMA LwM2M TS Core 1.1.1, 7.4.4.1
    senml = b'[{"bn":"/3/0/","n":"0","vs":"Open Mobile Alliance"},{"n":"9","v":95},{"n":"13","v":1367491215}]'
    text, told = read("application/senml+json", senml)
    assert (
        text
        == "3/0/0 Manufacturer = Open Mobile Alliance, 3/0/9 Battery Level = 95 %, 3/0/13 Current Time = 1367491215"
    )
    assert told["values"][1]["unit"] == "%"
    # OMA LwM2M TS 1.0.2, 6.4.4
    old = content.build_lwm2m_json("/3/0/", [{"n": "0", "sv": "Open Mobile Alliance"}, {"n": "9", "v": 100}])
    assert (
        read("application/vnd.oma.lwm2m+json", old)[0]
        == "3/0/0 Manufacturer = Open Mobile Alliance, 3/0/9 Battery Level = 100 %"
    )
    assert (
        read("application/vnd.oma.lwm2m+json (early)", b'{"e":[{"n":"9","v":7}]}', (3, 0))[0]
        == "3/0/9 Battery Level = 7 %"
    )


def test_links() -> None:
    # RFC 6690 5
    text = '</sensors>;ct=40;title="Sensor, Index",</sensors/temp>;rt="temperature-c";if="sensor",<http://www.example.com/t123>;anchor="/sensors/temp";rel="describedby"'
    links = content.parse_links(text)
    assert [target for target, _ in links] == ["/sensors", "/sensors/temp", "http://www.example.com/t123"]
    assert links[0][1] == {"ct": "40", "title": "Sensor, Index"}
    assert content.parse_links(content.build_links(links)) == links
    assert (
        read("application/link-format", b'</>;rt="oma.lwm2m",</1/0>,</3/0>')[0]
        == "/ rt=oma.lwm2m, /1/0 (LwM2M Server), /3/0 (Device)"
    )


TARGET = st.text("abc/0123456789.:?=&%", max_size=12)
ATTRIBUTES = st.dictionaries(st.text("abcdefg-*", min_size=1, max_size=6), st.none() | st.text(max_size=10), max_size=3)


@given(st.lists(st.tuples(TARGET, ATTRIBUTES), min_size=1, max_size=4))
def test_links_come_back(links: list[tuple[str, dict[str, str | None]]]) -> None:
    assert content.parse_links(content.build_links(links)) == links


KINDS = sorted(content._READERS)


@given(st.sampled_from(KINDS), st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_of_the_format_or_not(kind: str, data: bytes) -> None:
    try:
        told = content.read(kind, data, (3, 0))
    except NotThisFormatError:
        return
    assert told is None or json.dumps(told[1])


def test_deep_and_large_items_end_well() -> None:
    for kind, data in (
        ("application/cbor", b"\x81" * 100_000),
        ("application/json", b"[" * 100_000),
        ("application/cbor", b"\x9b" + b"\xff" * 8),
        ("application/cbor", b"\x5b\x00\x00\x00\xff\xff\xff\xff\xff"),
    ):
        with pytest.raises(NotThisFormatError):
            content.read(kind, data)
