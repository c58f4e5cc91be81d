"""Real clients and servers over the virtual UART: the export dissects like a capture of the network in the same run."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.utils import PcapNgReader

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from capture.chunk import Chunk, Side
from decoder.decode import NO_STAGES, Decoder
from decoder.events import Finding, Frame, Record, Transaction
from decoder.link.cmux import Option
from decoder.protocols.frames import ppp
from decoder.protocols.frames.ppp import PppPacket
from tests import mux_session, ppp_session
from tests.helpers import records, run, standard, tool
from tests.modem import Bridge, Line, Lsip, Mip, Mode, Nasty
from tests.network import assert_same, broker, capture, dissect, free_port, program
from tests.peers import coap_client, mqtt_session, web_server
from tests.tapping import Capture, all_read, play_in_turn
from tests.test_export_ip import stream
from wireshark.export import export

pytestmark = pytest.mark.outside

STREAM_MODES: dict[str, Callable[[], Mode]] = {
    "prompt, raw": lambda: Mip("tcp", "prompt", "raw"),
    "hex, hex": lambda: Mip("tcp", "hex", "hex"),
    "escaped, raw": lambda: Mip("tcp", "escaped", "raw"),
    "prompt, read": lambda: Mip("tcp", "prompt", "read"),
    "hex, read in hex": lambda: Mip("tcp", "hex", "read-hex"),
    "transparent": lambda: Mip("tcp", "transparent", "transparent"),
    "transparent, entered later": lambda: Mip("tcp", "transparent", "transparent", late=True),
    "nasty prompt, raw": lambda: Nasty("tcp", "prompt", "raw"),
    "nasty hex, raw": lambda: Nasty("tcp", "hex", "raw"),
    "nasty prompt, read": lambda: Nasty("tcp", "prompt", "read"),
    "nasty hex, read in hex": lambda: Nasty("tcp", "hex", "read-hex"),
    "LSIP hex": lambda: Lsip("tcp", "hex", "hex"),
    "LSIP +++, raw": lambda: Lsip("tcp", "tps", "raw"),
}
DATAGRAM_MODES: dict[str, Callable[[], Mode]] = {
    "prompt, raw": lambda: Mip("udp", "prompt", "raw"),
    "hex, hex": lambda: Mip("udp", "hex", "hex"),
    "escaped, raw": lambda: Mip("udp", "escaped", "raw"),
    "hex, read": lambda: Mip("udp", "hex", "read"),
    "prompt, read in hex": lambda: Mip("udp", "prompt", "read-hex"),
    "transparent": lambda: Mip("udp", "transparent", "transparent"),
    "nasty prompt, raw": lambda: Nasty("udp", "prompt", "raw"),
    "nasty hex, raw": lambda: Nasty("udp", "hex", "raw"),
    "LSIP hex": lambda: Lsip("udp", "hex", "hex"),
    "LSIP +++, raw": lambda: Lsip("udp", "tps", "raw"),
}


def exported(line: Line, path: Path) -> None:
    export(line.chunks, Decoder(standard(), NO_STAGES), path)


def decoded(line: Line) -> list[Record]:
    return records(line.chunks)


def troubles(found: list[Record]) -> list[str]:
    return [one.message for one in found if isinstance(one, Finding) and one.severity != "note"]


@pytest.mark.parametrize(
    ("name", "version"), [*((name, version) for name in STREAM_MODES for version in (4, 5)), ("hex, hex", 3)]
)
def test_mqtt_with_a_broker(tmp_path: Path, name: str, version: int) -> None:
    with (
        broker(tmp_path) as port,
        capture(tmp_path / "lo.pcapng", port),
        Bridge(STREAM_MODES[name], "127.0.0.1", port) as bridge,
    ):
        mqtt_session(bridge.port, version)
    exported(bridge.line, tmp_path / "export.pcapng")
    theirs = dissect(tmp_path / "lo.pcapng", "mqtt", port, "tcp")
    count = assert_same(dissect(tmp_path / "export.pcapng", "mqtt", port, "tcp"), theirs)
    found = decoded(bridge.line)
    assert troubles(found) == []
    assert count == sum(1 for one in found if isinstance(one, Frame) and one.protocol == "mqtt") > 40


@pytest.mark.parametrize("name", DATAGRAM_MODES)
def test_coap_with_a_server(tmp_path: Path, name: str) -> None:
    """Blockwise both ways, observe, a separate response, errors, an empty payload."""
    server = free_port(socket.SOCK_DGRAM)
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 5)
    with (
        program(tool("coap-server-notls"), "-A", "127.0.0.1", "-p", server, "-d", 5),
        capture(tmp_path / "lo.pcapng", server),
        Bridge(DATAGRAM_MODES[name], "127.0.0.1", server) as bridge,
    ):
        time.sleep(0.3)
        assert "libcoap" in coap_client(bridge.port, "-m", "get", "")
        coap_client(bridge.port, "-m", "put", "-b", 64, "-f", big, "example_data")
        coap_client(bridge.port, "-m", "get", "-b", 64, "example_data")
        coap_client(bridge.port, "-m", "put", "-t", 50, "-e", '{"t":21}\r\nOK\r\n', "new/one?a=b")
        coap_client(bridge.port, "-m", "get", "-A", 50, "new/one")
        coap_client(bridge.port, "-m", "get", "async?1")
        coap_client(bridge.port, "-m", "get", "-s", 2, "time")
        coap_client(bridge.port, "-N", "-m", "delete", "new/one")
        coap_client(bridge.port, "-m", "get", "nothing")
    exported(bridge.line, tmp_path / "export.pcapng")
    theirs = dissect(tmp_path / "lo.pcapng", "coap", server, "udp")
    count = assert_same(dissect(tmp_path / "export.pcapng", "coap", server, "udp"), theirs)
    found = decoded(bridge.line)
    assert troubles(found) == []
    assert count == sum(1 for one in found if isinstance(one, Frame) and one.protocol == "coap") > 60


def test_coap_over_tcp_with_a_server(tmp_path: Path) -> None:
    server = free_port()
    with (
        program(tool("coap-server-notls"), "-A", "127.0.0.1", "-p", server, "-d", 5),
        capture(tmp_path / "lo.pcapng", server),
        Bridge(STREAM_MODES["prompt, raw"], "127.0.0.1", server) as bridge,
    ):
        time.sleep(0.3)
        client = tool("coap-client-notls")
        for path, more in (("", []), ("async?1", []), ("example_data", ["-m", "put", "-e", "x" * 3000])):
            address = f"coap+tcp://127.0.0.1:{bridge.port}/{path}"
            subprocess.run([client, "-v", "2", *more, address], capture_output=True, timeout=30, check=True)
    exported(bridge.line, tmp_path / "export.pcapng")
    # tshark dissects only the first of several messages in a segment, so the streams are compared
    for number in range(3):
        assert stream(tmp_path / "export.pcapng", number) == stream(tmp_path / "lo.pcapng", number)
    found = decoded(bridge.line)
    assert troubles(found) == []
    names = [one.fields["name"] for one in found if isinstance(one, Frame) and one.protocol == "coap"]
    assert sorted(names) == sorted(["CSM", "CSM", "GET", "Content"] * 2 + ["CSM", "CSM", "PUT", "Created"])


@pytest.mark.parametrize("name", STREAM_MODES)
def test_http_with_a_server(tmp_path: Path, name: str) -> None:
    with (
        web_server() as port,
        capture(tmp_path / "lo.pcapng", port),
        Bridge(STREAM_MODES[name], "127.0.0.1", port) as bridge,
    ):
        client = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=20)
        for method, path, body in (
            ("GET", "/", None),
            ("HEAD", "/head", None),
            ("POST", "/up?x=1", b'{"t":21.5}\r\nOK\r\n' * 200),
            ("GET", "/chunked", None),
            ("GET", "/missing", None),
            ("GET", "/close", None),
        ):
            client.request(method, path, body)
            assert len(client.getresponse().read()) >= 0
        client.close()
    exported(bridge.line, tmp_path / "export.pcapng")
    theirs = dissect(tmp_path / "lo.pcapng", "http", port, "tcp")
    count = assert_same(dissect(tmp_path / "export.pcapng", "http", port, "tcp"), theirs)
    found = decoded(bridge.line)
    assert troubles(found) == []
    assert count == sum(1 for one in found if isinstance(one, Frame) and one.protocol == "http") == 12


def tapped(chunks: Iterable[Chunk], out: Path) -> None:
    """Play chunks in real time into the ports that `atshark capture` listens on."""
    with VirtualLine() as line, Capture(line, out, "--quiet") as tap:
        tap.ready()
        play_in_turn(line, chunks)
        all_read(line, "mcu")
        all_read(line, "module")
        tap.end(signal.SIGTERM, statuses=(0, 1))  # 0xFF looks like a line error to a terminal


def test_over_pseudo_terminals_and_the_real_tap(tmp_path: Path) -> None:
    """The same, played in real time into the ports that `atshark capture` listens on."""
    out = tmp_path / "recording.pcapng"
    with web_server() as port, capture(tmp_path / "lo.pcapng", port):
        with Bridge(STREAM_MODES["prompt, raw"], "127.0.0.1", port) as bridge:
            client = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=20)
            for path in ("/", "/chunked"):
                client.request("GET", path)
                client.getresponse().read()
            client.close()
        tapped(bridge.line.chunks, out)
    done = run("export", out, "-w", tmp_path / "export.pcapng")
    assert done.returncode == 0, done.stderr
    theirs = dissect(tmp_path / "lo.pcapng", "http", port, "tcp")
    assert assert_same(dissect(tmp_path / "export.pcapng", "http", port, "tcp"), theirs) == 4


def ppp_of(path: Path, port: int) -> Iterator[tuple[Side, bytes]]:
    """What a capture of the loopback interface holds, as the frames of PPP that would carry it."""
    for packet in PcapNgReader(str(path)):
        if TCP in packet:
            side: Side = "module" if packet[TCP].sport == port else "mcu"
            ip = IP(src="192.0.2.1", dst="198.51.100.9") if side == "mcu" else IP(src="198.51.100.9", dst="192.0.2.1")
            inside = packet[TCP].copy()
            del inside.chksum
            yield side, ppp.wrap(ppp.build(PppPacket(ppp.IP, bytes(ip / inside))))


@pytest.mark.parametrize("option", ["basic", "advanced"])
def test_two_at_channels_and_mqtt_in_ppp_over_the_real_tap(tmp_path: Path, option: Option) -> None:
    """A multiplexed line played into the ports: what a real client and broker said in PPP on one of its channels."""
    with broker(tmp_path) as port, capture(tmp_path / "lo.pcapng", port):
        mqtt_session(port, 4)
    line = mux_session.Line(option, 256, gap_ms=8)
    line.begin()
    for dlci in (1, 2, 3):
        line.open(dlci)
    line.talk((3, one) for one in ppp_session.BEGIN)
    poll = cycle(mux_session.POLL)
    for number, (side, frame) in enumerate(ppp_of(tmp_path / "lo.pcapng", port)):
        line.data(side, 3, frame)
        line.talk([(1 + number // 4 % 2, next(poll))])
    out = tmp_path / "recording.pcapng"
    tapped(line.chunks, out)
    done = run("export", out, "-w", tmp_path / "export.pcapng")
    assert done.returncode == 0, done.stderr
    theirs = dissect(tmp_path / "lo.pcapng", "mqtt", port, "tcp")
    assert assert_same(dissect(tmp_path / "export.pcapng", "mqtt", port, "tcp"), theirs) > 40
    with open_source(str(out)) as source:
        found = records(source)
    polled = [one for one in found if isinstance(one, Transaction) and one.channel in (1, 2)]
    assert len(polled) > 20
    assert {one.name for one in polled} == {"CEREG", "CSQ"}
