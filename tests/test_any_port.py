"""With the plugin, MQTT, HTTP, CoAP and TLS are recognised on whatever port a connection uses."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from atshark.sources import open_source
from capture import pcapng
from decoder.protocols.frames import coap
from decoder.protocols.frames.coap import Message, Option
from tests.helpers import sample_files, talk, tool, tshark
from tests.test_export_ip import exported, opened, received, sent
from tests.test_frames_tls import client_hello
from tests.test_sockets import CONNACK, CONNECT, publish

pytestmark = pytest.mark.outside

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ASK = coap.build(Message(0, 1, 9, b"\x01", (Option(11, b"t"),)))


def shown(path: Path) -> Counter[str]:
    """How many IP packets Wireshark shows as what; no error of the plugin is among what it says of them."""
    assert "Lua Error" not in tshark(path, "-V")
    found = tshark(path, "-Y", "ip", "-T", "fields", "-e", "_ws.col.Protocol", "-e", "_ws.malformed")
    return Counter(found.split())


@pytest.mark.parametrize("port", [6002, 6000, 2000, 443, 80, 102, 5060, 50000, 49153, 60002, 65535])
def test_streams(tmp_path: Path, port: int) -> None:
    big = publish(bytes(5000))
    lines = [
        *opened(0, port=port),
        *sent(CONNECT[:12]),
        *sent(CONNECT[12:]),
        *received(CONNACK),
        *sent(big),
        *received(bytes.fromhex("40020007")),
    ]
    lines += [
        *opened(1, port=port),
        *sent(GET, 1),
        *received(REPLY, 1),
        *opened(2, port=port),
        *sent(client_hello("a.b"), 2),
    ]
    path = exported(tmp_path, talk(*lines))
    found = shown(path)
    assert (found["MQTT"], found["HTTP"], found["X11"]) == (4, 2, 0)
    assert sum(count for name, count in found.items() if name.startswith("TLS")) == 1


@pytest.mark.parametrize("port", [5683, 6002, 161, 49999, 60001])
def test_datagrams(tmp_path: Path, port: int) -> None:
    path = exported(tmp_path, talk(*opened(0, "UDP", port=port), *sent(ASK), *received(ASK, kind="rudp")))
    assert shown(path) == {"CoAP": 2}


def test_what_is_none_of_them_keeps_its_owner(tmp_path: Path) -> None:
    ftp = [*opened(0, port=21), *received(b"220 ready\r\n"), *opened(1, port=6001), *sent(b"own protocol", 1)]
    path = exported(tmp_path, talk(*ftp))
    found = shown(path)
    assert set(found) == {"FTP", "TCP"}
    assert found["FTP"] == 1


def test_captures_of_others_are_left_alone(tmp_path: Path) -> None:
    """The same packets without serial traffic: port 6002 is X11, as ever."""
    ours = exported(tmp_path, talk(*opened(0, port=6002), *sent(bytes(32))))
    theirs = tmp_path / "other.pcapng"
    with ours.open("rb") as stream, theirs.open("wb", buffering=0) as out:
        writer = pcapng.Writer(out, "somebody else")
        interface = writer.add_interface("lte0", link_type=pcapng.LINKTYPE_RAW_IP)
        for packet in pcapng.Reader(stream):
            if packet.interface.link_type == pcapng.LINKTYPE_RAW_IP:
                writer.packet(interface, packet.time_ns or 0, packet.data)
    assert shown(theirs)["X11"] == 1


@pytest.mark.parametrize("stem", ["ppp", "protocols"])
def test_damaged_packets_are_malformed_and_no_error_of_the_plugin(tmp_path: Path, stem: str) -> None:
    """What editcap damages is said to be malformed, as without the plugin; no dissector of ours throws."""
    sample = next(path for path in sample_files() if path.stem == stem)
    with open_source(str(sample)) as source:
        whole = exported(tmp_path, list(source))
    damaged = [tmp_path / f"damaged-{seed}.pcapng" for seed in range(1, 9)]
    for seed, path in enumerate(damaged, 1):
        command = [tool("editcap"), "-E", "0.05", "--seed", str(seed), str(whole), str(path)]
        subprocess.run(command, check=True, capture_output=True)
    together = tmp_path / "together.pcapng"
    command = [tool("mergecap"), "-a", "-F", "pcapng", "-w", str(together), *map(str, damaged)]
    subprocess.run(command, check=True, capture_output=True)
    text = tshark(together, "-V")
    assert "Lua Error" not in text
    assert "Malformed" in text
