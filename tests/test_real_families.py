"""Real clients and servers through the virtual modules of many makers: MQTT, HTTP and CoAP at the same time, over one line.

What tshark dissects from the export is what it dissects from a capture of the network in the same run.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from decoder.decode import NO_STAGES, Decoder
from decoder.events import Finding, Frame
from tests.families import FAMILIES, ONLINE
from tests.families.exchange import Exchange
from tests.families.family import Transport
from tests.helpers import records, standard, tool
from tests.network import Dissected, assert_same_streams, broker, capture, dissect_all, free_port, program
from tests.peers import coap_client, mqtt_session, web_server
from wireshark.export import export

pytestmark = pytest.mark.outside

EVERY = {**FAMILIES, **ONLINE}
Servers = dict[str, tuple[Transport, int]]
EXPECTED = {"mqtt": 40, "http": 12, "coap": 20}
"""How many messages there are at least."""
AT_ONCE = 6
"""How many modules work at a time."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Run a broker, a web server and a CoAP server."""
    coap = free_port(socket.SOCK_DGRAM)
    with (
        broker(tmp_path_factory.mktemp("broker")) as mqtt,
        web_server() as web,
        program(tool("coap-server-notls"), "-A", "127.0.0.1", "-p", coap, "-d", 5),
    ):
        yield {"mqtt": ("tcp", mqtt), "http": ("tcp", web), "coap": ("udp", coap)}


def web_session(port: int) -> None:
    """A client that asks for pages of every kind."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    post = b'{"t":21.5}\r\nOK\r\n' * 200
    for method, path in (
        ("GET", "/"),
        ("HEAD", "/head"),
        ("POST", "/up?x=1"),
        ("GET", "/chunked"),
        ("GET", "/missing"),
    ):
        client.request(method, path, post if method == "POST" else None)
        client.getresponse().read()
    client.request("GET", "/close")
    assert client.getresponse().read()
    client.close()


def coap_session(port: int, big: Path) -> None:
    """Clients that ask for blocks, send some, get an empty answer and an error."""
    assert "libcoap" in coap_client(port, "-m", "get", "")
    coap_client(port, "-m", "put", "-b", 64, "-f", big, "example_data")
    coap_client(port, "-m", "get", "-b", 64, "example_data")
    coap_client(port, "-m", "put", "-t", 50, "-e", '{"t":21}\r\nOK\r\n', "new/one?a=b")
    coap_client(port, "-m", "get", "-A", 50, "new/one")
    coap_client(port, "-N", "-m", "delete", "new/one")
    coap_client(port, "-m", "get", "nothing")


def talk(name: str, nasty: bool, address: str, servers: Servers, big: Path) -> Exchange:
    """Let all clients talk over the line of one module; together, if it has as many connections."""
    family = EVERY[name]
    with Exchange(partial(family, nasty=nasty), servers, address) as exchange:
        topic = f"{name} {nasty}".replace(" ", "-")
        talks: dict[str, Callable[[int], None]] = {
            "mqtt": partial(mqtt_session, version=4, topic=topic),
            "http": web_session,
            "coap": partial(coap_session, big=big),
        }
        with ThreadPoolExecutor(len(talks) if family.links > 1 else 1) as together:
            for done in [together.submit(talks[one], port) for one, port in exchange.ports.items()]:
                done.result()
    return exchange


def judge(exchange: Exchange, theirs: list[Dissected], servers: Servers, path: Path) -> None:
    """Compare the export of a line with what the network carried."""
    export(exchange.line.chunks, Decoder(standard(), NO_STAGES), path)
    count = assert_same_streams(dissect_all(path, servers), [one for one in theirs if one.client == exchange.address])
    assert all(count[protocol] >= EXPECTED[protocol] for protocol in exchange.ports)
    found = records(exchange.line.chunks)
    assert [one.message for one in found if isinstance(one, Finding) and one.severity != "note"] == []
    frames = [one.protocol for one in found if isinstance(one, Frame)]
    assert {protocol: frames.count(protocol) for protocol in count} == count


@pytest.mark.parametrize("maker", sorted({family.__module__.rpartition(".")[2] for family in EVERY.values()}))
def test_real_peers(tmp_path: Path, servers: Servers, maker: str) -> None:
    """All ways of a maker at once, calm and nasty; one capture of the network."""
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 2)
    names = [name for name, family in EVERY.items() if family.__module__.endswith(f".{maker}")]
    each = [
        (name, nasty, f"127.0.1.{number + 1}") for number, (name, nasty) in enumerate(product(names, (False, True)))
    ]
    with (
        capture(tmp_path / "lo.pcapng", *(port for _, port in servers.values())),
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        runs = {one: pool.submit(talk, *one, servers, big) for one in each}
    theirs = dissect_all(tmp_path / "lo.pcapng", servers)
    for run, talked in runs.items():
        try:
            judge(talked.result(), theirs, servers, tmp_path / "export.pcapng")
        except Exception as wrong:
            wrong.add_note(f"{run}")
            raise
