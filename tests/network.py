"""Servers and captures for the tests with real peers, and the comparison of two captures by tshark."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.helpers import tool

_GENERATED = re.compile(
    r"\.(response_(in|to|time)|request_in|time|time_request|prev_(request|response)_(in|number)|(next|prev)_.*|stream|request_number|analysis.*|chat|chat_.*|opt\.\w*_info)$|^_ws\.|^http\.(time|request_in|response_in|response_number|request_number)|^coap\.(block.*reassembled.*|blocks?\b.*|block_.*)"
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
def capture(path: Path, port: int) -> Iterator[None]:
    """Capture what passes ``port`` on the loopback interface. Needs the right to capture (root, or sudo without asking)."""
    prefix = [] if os.geteuid() == 0 else [tool("sudo"), "-n"]
    command = [*prefix, tool("dumpcap"), "-q", "-i", "lo", "-f", f"port {port}", "-w", str(path)]
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
    """A message as tshark dissected it: who sent it (the server?), and its fields with what they show."""

    from_server: bool
    fields: list[tuple[str, str]]


def dissect(path: Path, protocol: str, port: int, transport: str, decode_as: str = "") -> list[Dissected]:
    """Dissect the messages of ``protocol`` on ``port``, in order, without what depends on the capture itself."""
    command = [
        tool("tshark"),
        "-r",
        str(path),
        "-Y",
        protocol,
        "-T",
        "pdml",
        "-d",
        f"{transport}.port=={port},{decode_as or protocol}",
    ]
    text = subprocess.run(command, capture_output=True, check=True).stdout
    found = []
    for packet in ElementTree.fromstring(text).iter("packet"):
        source = next(
            field.get("show") for field in packet.iter("field") if field.get("name") == f"{transport}.srcport"
        )
        for layer in packet.iter("proto"):
            if layer.get("name") == protocol:
                found.append(Dissected(source == str(port), list(_fields(layer))))
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
        assert len(mine) == len(real)
    return len(ours)
