"""Tags that nobody of ours wrote so: one that lies about its lengths, one of a newer layout, one of a dialect of later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capture import pcapng, upper_pdu
from decoder import catalog
from decoder.decode import Decoder
from tests.helpers import START, talk, tshark
from wireshark import decode_layout as layout
from wireshark.export import export

pytestmark = pytest.mark.outside
LINE = b"\r\n+CSQ: 20,99\r\n"
NAME = bytes([layout.NAME, 0, 3]) + b"CSQ"


def record(kind: int, value: bytes, size: int | None = None) -> bytes:
    return bytes([kind]) + (len(value) if size is None else size).to_bytes(2, "big") + value


def parameter(start: int, size: int, name: bytes, name_size: int | None = None, label_size: int = 0) -> bytes:
    place = start.to_bytes(2, "big") + size.to_bytes(2, "big")
    name = bytes([len(name) if name_size is None else name_size]) + name
    return record(layout.PARAMETER, place + b"\1" + name + label_size.to_bytes(2, "big"))


def written(tmp_path: Path, decode: bytes) -> Path:
    path = tmp_path / "tag.pcapng"
    with path.open("wb") as stream:
        writer = pcapng.Writer(stream, "somebody else's")
        uart = writer.add_interface("uart", link_type=pcapng.LINKTYPE_WIRESHARK_UPPER_PDU)
        header = upper_pdu.header("atshark", "module", info="← +CSQ: 20,99", decode=decode)
        writer.packet(uart, START, header + LINE)
    return path


def shown(path: Path, *fields: str) -> dict[str, list[str]]:
    wanted = [part for field in fields for part in ("-e", field)]
    [packet] = json.loads(tshark(path, "-T", "json", *wanted))
    found: dict[str, list[str]] = packet["_source"]["layers"]
    return found


HEAD = bytes([layout.VERSION, layout.KINDS.index("information")])
LIES = {
    "a record longer than the tag": HEAD + NAME + record(layout.RESULT, b"\2OK", 200),
    "a record without its length": HEAD + NAME + bytes([layout.LATENCY, 0]),
    "a number cut short": HEAD + NAME + record(layout.ANSWERS_COMMAND, b"\0\0"),
    "a place behind the line": HEAD + NAME + parameter(10, 60000, b"rssi"),
    "a name longer than its record": HEAD + NAME + parameter(8, 2, b"rssi", 250),
    "a label longer than its record": HEAD + NAME + parameter(8, 2, b"rssi", None, 65535),
    "no such kind": bytes([layout.VERSION, 200]) + NAME,
    "no kind": bytes([layout.VERSION]),
    "an error text cut short": HEAD + NAME + record(layout.RESULT, b"\5ERROR\1\2"),
    "a finding without its texts": HEAD + NAME + record(layout.FINDING, b"\1\0\1\4ru"),
    "payload longer than the line": HEAD + NAME + record(layout.PAYLOAD, b"\0\0\xff\0\0\0\0\0\0"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_tag_that_lies_about_its_lengths_is_malformed(lie: str, tmp_path: Path) -> None:
    path = written(tmp_path, LIES[lie])
    tree = tshark(path, "-V")
    assert "[Expert Info (Error/Malformed): Malformed packet]" in tree
    assert "Line: \\r\\n+CSQ: 20,99\\r\\n" in tree
    assert "+CSQ: 20,99" in tshark(path)


@pytest.mark.parametrize("version", [layout.VERSION + 1, 255])
def test_a_newer_layout_shows_its_bytes_and_says_so(version: int, tmp_path: Path) -> None:
    decode = bytes([version, 250]) + b"what nobody knows yet"
    found = shown(written(tmp_path, decode), "atshark.decode", "atshark.version", "_ws.expert.message", "atshark.line")
    [shown_bytes] = found["atshark.decode"]
    assert bytes.fromhex(shown_bytes.replace(":", "")).startswith(decode)
    assert found["atshark.version"] == [str(version)]
    assert "newer" in found["_ws.expert.message"][0]
    assert "atshark.name" not in found


LATER = """
[dialect]
id = "later"
title = "A dialect made after the plugin was installed"
source = "this test"
base = "3gpp"

[param]
nobodys_level = { type = "int", en = "level", zh = "级别", values = { 7 = ["seventh", "第七"] } }
nobodys_place = { en = "place", zh = "地点" }
nobodys_address = { type = "ip", en = "address", zh = "地址" }

[[command]]
name = "NOBODYS"
section = "1"
en = "A command that no plugin has heard of"
zh = "插件没有听说过的命令"
set = ["nobodys_level nobodys_place nobodys_address"]
"""


def test_a_dialect_made_after_the_installation(tmp_path: Path) -> None:
    dialect, out = tmp_path / "later.toml", tmp_path / "later.pcapng"
    dialect.write_text(LATER, "utf-8")
    known = catalog.load([*catalog.names(), str(dialect)])
    chunks = talk(("mcu", b'AT+NOBODYS=7,"cellar","10.1.2.3"\r', 10), ("module", b"\r\nOK\r\n", 20))
    export(chunks, Decoder(known), out)
    for wanted in (
        'atshark.name == "NOBODYS" && atshark.dialect == "later"',
        'atshark.param == "nobodys_level=7" && atshark.param.int == 7',
        'atshark.param.label == "seventh"',
        'atshark.param.string == "cellar"',
        "atshark.param.ipv4 == 10.1.0.0/16",
    ):
        assert len(tshark(out, "-Y", wanted).splitlines()) == 1, wanted
