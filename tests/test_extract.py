"""``atshark extract``: payloads, streams, datagrams, bodies and firmware images as files, and their index."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from capture import recording
from capture.chunk import Chunk
from decoder.events import Finding
from decoder.protocols.frames import coap
from decoder.protocols.frames.coap import Message, Option
from tests.helpers import answer, command, records, run, talk
from tests.test_export_ip import NASTY, closed, opened, received, sent

Said = tuple[str, bytes] | tuple[str, bytes, int]


def extracted(tmp_path: Path, chunks: list[Chunk], status: int = 0) -> tuple[Path, list[dict[str, Any]]]:
    path, folder = tmp_path / "session.pcapng", tmp_path / "out"
    recording.record(chunks, path)
    done = run("extract", path, "-d", folder)
    assert done.returncode == status, done.stderr
    index = [json.loads(line) for line in (folder / "index.jsonl").read_bytes().splitlines()]
    for entry in index:
        data = (folder / entry["file"]).read_bytes()
        assert (len(data), hashlib.md5(data).hexdigest()) == (entry["length"], entry["md5"])
    return folder, index


def test_streams_and_payloads(tmp_path: Path) -> None:
    folder, index = extracted(tmp_path, talk(*opened(), *sent(NASTY), *received(b"one"), *received(b"two"), *closed()))
    assert (folder / "streams/flow-1-up.bin").read_bytes() == NASTY
    assert (folder / "streams/flow-1-down.bin").read_bytes() == b"onetwo"
    assert [entry["length"] for entry in index if entry["kind"] == "payload"] == [len(NASTY), 3, 3]
    assert index[-1]["flow"]["remote"] == "10.9.8.7"


def test_datagrams(tmp_path: Path) -> None:
    folder, index = extracted(tmp_path, talk(*opened(0, "UDP"), *sent(b"up"), *received(b"down", kind="rudp")))
    files = [entry["file"] for entry in index if entry["kind"] == "datagram"]
    assert files == ["datagrams/flow-1/0001-up.bin", "datagrams/flow-1/0002-down.bin"]
    assert (folder / files[1]).read_bytes() == b"down"


def test_http_bodies_are_whole(tmp_path: Path) -> None:
    body = bytes(range(256)) * 40
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    lines = [line for start in range(0, len(reply), 1000) for line in received(reply[start : start + 1000])]
    chunks = talk(*opened(), *sent(b"GET /../../etc/passwd?x HTTP/1.1\r\n\r\n"), *lines)
    folder, index = extracted(tmp_path, chunks)
    (entry,) = [entry for entry in index if entry["kind"] == "body"]
    assert entry["name"] == "/../../etc/passwd?x"
    assert entry["file"] == "bodies/0001-flow-1-down-http-etc-passwd.json"
    assert (folder / entry["file"]).read_bytes() == body


def test_a_body_that_is_cut_is_said_to_be(tmp_path: Path) -> None:
    chunks = talk(
        *opened(), *sent(b"GET / HTTP/1.1\r\n\r\n"), *received(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort")
    )
    _, index = extracted(tmp_path, chunks, status=1)
    assert [entry["complete"] for entry in index if entry["kind"] == "body"] == [False]


def test_coap_blocks_are_whole(tmp_path: Path) -> None:
    image = bytes(range(256)) * 3
    lines: list[Said] = [*opened(0, "UDP")]
    for number in range(12):
        token = bytes([number])
        ask = Message(
            0, 1, number, token, (Option(11, b"fw"), Option(23, bytes([number << 4 | 2]) if number else b"\x02"))
        )
        more = 8 if number < 11 else 0
        block = image[64 * number : 64 * number + 64]
        tell = Message(2, 0x45, number, token, (Option(23, bytes([number << 4 | more | 2])),), block)
        lines += [
            *sent(coap.build(ask)),
            *received(coap.build(tell), kind="rudp"),
            *received(coap.build(tell), kind="rudp"),
        ]
    folder, index = extracted(tmp_path, talk(*lines))
    (entry,) = [entry for entry in index if entry["kind"] == "body"]
    assert (folder / entry["file"]).read_bytes() == image
    assert entry["name"] == "/fw"


def block(data: bytes, again: int = 0, crc: int | None = None) -> list[Said]:
    import binascii

    number = binascii.crc_hqx(data, 0xFFFF) if crc is None else crc
    return [
        command(f"AT+IOTABLOCK={again}"),
        answer(f"+IOTABLOCK={len(data)}, 0x{number:04X}", "OK"),
        ("module", data, 5),
    ]


IMAGE = [b"first\r\nOK\r\n", bytes(range(200)), b"last"]


def announced(version: str, data: bytes, digest: str = "") -> list[Said]:
    told = digest or hashlib.md5(data).hexdigest()
    return [("module", f'\r\n+IOTANEWVER="{version}",{len(data)},"{told}"\r\n\r\nOK\r\n'.encode())]


@pytest.mark.parametrize("fault", ["", "missing", "digest"])
def test_firmware_is_rebuilt_and_checked(tmp_path: Path, fault: str) -> None:
    whole = b"".join(IMAGE)
    damaged = block(bytes(200), crc=1)
    lines = [*announced("../fw 1.2", whole, "0" * 32 if fault == "digest" else ""), *block(IMAGE[0])]
    lines += [*damaged, *block(IMAGE[1], again=1)] if fault != "missing" else []
    lines += [*block(IMAGE[2]), command("AT+IOTAPGS=100"), answer("OK")]
    chunks = talk(*lines)
    folder, index = extracted(tmp_path, chunks, status=1 if fault else 0)
    (entry,) = [entry for entry in index if entry["kind"] == "firmware"]
    assert entry["file"] == "firmware/0001-fw-1-2.bin"
    rules = [one.rule for one in records(chunks) if isinstance(one, Finding) and one.rule.startswith("firmware")]
    assert rules == ["firmware.damaged" if fault else "firmware.image"]
    if fault:
        assert entry["complete"] is False
        assert "MD5" in entry["problems"][-1]
        assert len(entry["problems"]) == (1 if fault == "digest" else 2)
    else:
        assert (folder / entry["file"]).read_bytes() == whole


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "keep").write_text("mine")
    recording.record(talk(*opened()), tmp_path / "s.pcapng")
    done = run("extract", tmp_path / "s.pcapng", "-d", tmp_path)
    assert done.returncode == 2
    assert b"is not empty" in done.stderr
    assert (tmp_path / "keep").read_text() == "mine"


def test_nothing_to_extract(tmp_path: Path) -> None:
    _, index = extracted(tmp_path, talk(command("AT"), answer("OK")))
    assert index == []
