"""Servers and captures for the tests with real peers, and the comparison of two captures by tshark."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.helpers import tool

_GENERATED = re.compile(
    r"\.(response_(in|to|time)|request_in|time|time_request|prev_(request|response)_(in|number)|(next|prev)_.*|stream|request_number|analysis.*|chat|chat_.*|opt\.\w*_info)$|^_ws\.|^http\.(time|request_in|response_in|response_number|request_number)|^coap\.(block.*reassembled.*|blocks?\b.*|block_.*|opt\.uri_path_recon)"
)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def wait_for_port(port: int, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on port {port}")


@contextmanager
def program(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
        if process.stderr:
            process.stderr.close()


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """Run a mosquitto broker; yield its port."""
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    with program(tool("mosquitto"), "-c", config):
        wait_for_port(port)
        yield port


@contextmanager
def capture(path: Path, *ports: int) -> Iterator[None]:
    """Capture what passes ``ports`` on the loopback interface. Needs the right to capture (root, or sudo without asking)."""
    prefix = [] if os.geteuid() == 0 else [tool("sudo"), "-n"]
    command = [
        *prefix,
        tool("dumpcap"),
        "-q",
        "-i",
        "lo",
        "-f",
        " or ".join(f"port {port}" for port in ports),
        "-w",
        str(path),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        said = b""
        end = time.monotonic() + 15
        while b"File:" not in said:
            ready = select.select([process.stderr], [], [], 0.5)[0]
            said += os.read(process.stderr.fileno(), 4096) if ready else b""
            assert process.poll() is None, f"dumpcap cannot capture: {said.decode()}"
            assert time.monotonic() < end, said
        yield
        time.sleep(0.6)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
        if process.stderr:
            process.stderr.close()


class Dissected(NamedTuple):
    """A message as tshark dissected it: who sent it (the server?), and its fields with what they show.

    ``protocol``, ``stream``, ``client``: of which connection of the capture it is, and the IP address of its client.
    """

    from_server: bool
    fields: list[tuple[str, str]]
    protocol: str = ""
    stream: int = 0
    client: str = ""


Servers = Mapping[str, tuple[str, int]]
"""The transport and the port of each protocol."""


def dissect(path: Path, protocol: str, port: int, transport: str) -> list[Dissected]:
    """Dissect the messages of ``protocol`` on ``port``, in order, without what depends on the capture itself."""
    return dissect_all(path, {protocol: (transport, port)})


def dissect_all(path: Path, servers: Servers) -> list[Dissected]:
    """Dissect the messages of several protocols, in order."""
    command = [tool("tshark"), "-r", str(path), "-Y", " or ".join(servers), "-T", "pdml"]
    for protocol, (transport, port) in servers.items():
        command += ["-d", f"{transport}.port=={port},{protocol}"]
    text = subprocess.run(command, capture_output=True, check=True).stdout
    found = []
    for packet in ElementTree.fromstring(text).iter("packet"):
        shown = {field.get("name"): field.get("show") or "" for field in packet.iter("field")}
        for layer in packet.iter("proto"):
            protocol = layer.get("name") or ""
            if protocol in servers:
                transport, port = servers[protocol]
                from_server = shown[f"{transport}.srcport"] == str(port)
                client = shown["ip.dst" if from_server else "ip.src"]
                stream = int(shown[f"{transport}.stream"])
                found.append(Dissected(from_server, list(_fields(layer)), protocol, stream, client))
    return found


def _fields(element: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for field in element.iter("field"):
        name = field.get("name") or ""
        if field.get("hide") == "yes" or _GENERATED.search(name) or not name:
            continue
        yield name, field.get("show") or field.get("showname") or ""


def assert_same(ours: list[Dissected], theirs: list[Dissected]) -> int:
    """Compare message by message, in the order of each direction. Return how many there are."""
    for from_server in (False, True):
        mine = [one.fields for one in ours if one.from_server == from_server]
        real = [one.fields for one in theirs if one.from_server == from_server]
        for number, (left, right) in enumerate(zip(mine, real, strict=False)):
            assert left == right, f"message {number} {'from' if from_server else 'to'} the server differs"
        rest = (mine if len(mine) > len(real) else real)[min(len(mine), len(real)) :]
        assert not rest, (
            f"{'ours' if len(mine) > len(real) else 'the network'} has more, from_server={from_server}: {rest}"
        )
    return len(ours)


def assert_same_streams(ours: list[Dissected], theirs: list[Dissected]) -> Counter[str]:
    """Compare connection by connection, in the order in which they were opened. Return the messages by protocol."""
    mine, real = _streams(ours), _streams(theirs)
    assert mine.keys() == real.keys()
    for key, messages in mine.items():
        assert_same(messages, real[key])
    return Counter(one.protocol for one in ours)


def _streams(found: list[Dissected]) -> dict[tuple[str, int], list[Dissected]]:
    """Return the messages by protocol, and by which connection of it carried them: 0 is the first."""
    streams: dict[str, list[int]] = {}
    out: dict[tuple[str, int], list[Dissected]] = {}
    for one in sorted(found, key=lambda one: one.stream):
        known = streams.setdefault(one.protocol, [])
        if one.stream not in known:
            known.append(one.stream)
        out.setdefault((one.protocol, known.index(one.stream)), []).append(one)
    return out
