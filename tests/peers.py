"""Real clients and servers that tests let talk: an MQTT client, an HTTP server, a CoAP client."""

from __future__ import annotations

import http.server
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.helpers import tool

PAYLOADS = [
    b"",
    b"21.5",
    b"\r\nOK\r\n",
    b"a\r\nb",
    b"+++",
    b"x+++y",
    bytes(range(256)),
    bytes(range(255, -1, -1)) * 12,
    b'+MIPURC: "disconn",0,1\r\n',
    b"\r\n> ",
    b"AT+CSQ\r",
    b"\x1a",
    "中文".encode(),
]


def properties(kind: int, **values: object) -> Properties:
    made = Properties(kind)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def mqtt_session(port: int, version: int, topic: str = "meter") -> None:
    """A client that publishes below ``topic``, subscribes to what it publishes, retains, leaves a will, and goes."""
    five = version == 5
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2, client_id=f"{topic}-17", protocol=paho.MQTTProtocolVersion(version)
    )
    arrived: list[bytes] = []
    ready = threading.Event()
    client.on_message = lambda _client, _data, message: arrived.append(message.payload)
    client.on_subscribe = lambda *_: ready.set()
    client.username_pw_set("user", "pass word")
    will = properties(PacketTypes.WILLMESSAGE, WillDelayInterval=1, ContentType="text/plain") if five else None
    client.will_set(f"{topic}/will", b"gone\r\n", qos=1, retain=True, properties=will)
    options = properties(PacketTypes.CONNECT, SessionExpiryInterval=30, UserProperty=("a", "b")) if five else None
    client.connect("127.0.0.1", port, keepalive=60, properties=options)
    client.loop_start()
    client.subscribe([(f"{topic}/#", paho.SubscribeOptions(qos=2, noLocal=False))] if five else [(f"{topic}/#", 2)])
    assert ready.wait(10)
    for number, payload in enumerate(PAYLOADS):
        more = (
            properties(PacketTypes.PUBLISH, MessageExpiryInterval=60, UserProperty=("n", str(number))) if five else None
        )
        sent = client.publish(f"{topic}/{number}", payload, qos=number % 3, retain=number == 1, properties=more)
        sent.wait_for_publish(10)
    end = time.monotonic() + 15
    while len(arrived) < len(PAYLOADS) and time.monotonic() < end:
        time.sleep(0.01)
    assert sorted(arrived) == sorted(PAYLOADS)
    client.unsubscribe(f"{topic}/#")
    time.sleep(0.1)
    client.disconnect()
    client.loop_stop()


def coap_client(port: int, *arguments: object) -> str:
    done = subprocess.run(
        [tool("coap-client-notls"), "-v", "2", *map(str, arguments[:-1]), f"coap://127.0.0.1:{port}/{arguments[-1]}"],
        capture_output=True,
        timeout=30,
        check=True,
    )
    return done.stdout.decode("utf-8", "replace")


class Web(http.server.BaseHTTPRequestHandler):
    """Answers with a length, in chunks, or up to the end of the connection, as the path asks for."""

    protocol_version = "HTTP/1.1"
    body = bytes(range(256)) * 13 + b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\nOK\r\n+++"

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(self.body), 1000):
                part = self.body[start : start + 1000]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/close":
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(self.body)
        else:
            self.send_header("Content-Length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "12345")
        self.end_headers()

    def do_POST(self) -> None:
        got = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        text = b'{"got":%d}' % len(got)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def web_server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
