"""Connections: what they carry, put together, and the frames in it.

Strategy: the command that opens a connection says whether it carries datagrams or a stream. A datagram is tried as
CoAP; the path that a request asked for is remembered by its token, to name the values in the answer. A stream is MQTT
if the MCU begins it with CONNECT, and is then cut into packets, both ways, however its bytes were cut on the line.
What is neither stays payload. A stream that breaks the protocol is told once and given up.

Source: RFC 7252; MQTT 3.1.1 and 5.0, 3.1 (CONNECT comes first).
"""

from __future__ import annotations

from typing import Literal

from capture.chunk import Side
from decoder.events import Data, Finding, Frame, Params
from decoder.frames import coap, mqtt, observed
from decoder.frames.errors import NotThisFormatError
from decoder.schema import OpensSpec

MAX_CONNECTIONS = 64
MAX_PATHS = 256
_RESPONSES = 0x40
_Key = int | str | None


class _Connection:
    __slots__ = ("level", "paths", "protocol", "transport", "waiting")

    def __init__(self, transport: Literal["tcp", "udp"]) -> None:
        self.transport = transport
        self.protocol: Literal["", "mqtt", "unknown"] = ""
        self.level = 4
        self.paths: dict[bytes, tuple[str, ...]] = {}
        self.waiting: dict[Side, bytes] = {"mcu": b"", "module": b""}


class Sockets:
    """The connections of a session."""

    def __init__(self) -> None:
        self._connections: dict[_Key, _Connection] = {}

    def opened(self, spec: OpensSpec, params: Params) -> None:
        """Note that a command opened a connection; an earlier one of the same number is over."""
        if len(self._connections) >= MAX_CONNECTIONS:
            self._connections.clear()
        udp = params.get(spec.transport) in spec.udp
        self._connections[params.get(spec.key)] = _Connection("udp" if udp else "tcp")

    def clear(self) -> None:
        """Forget everything: the module restarted."""
        self._connections.clear()

    def payload(self, data: Data) -> list[Frame | Finding]:
        """Take payload of a connection and return the frames that it completes."""
        connection = self._connections.get(data.connect_id)
        if connection is None or connection.protocol == "unknown" or not data.data:
            return []
        raw = bytes.fromhex(data.data)
        if connection.transport == "udp":
            return self._datagram(connection, data, raw)
        return self._stream(connection, data, raw)

    def _datagram(self, connection: _Connection, data: Data, raw: bytes) -> list[Frame | Finding]:
        try:
            message = coap.parse(raw)
            path = coap.path_of(message)
            if 0 < message.code < _RESPONSES:
                if len(connection.paths) >= MAX_PATHS:
                    connection.paths.clear()
                connection.paths[message.token] = path
            return [observed(data, "coap", *coap.describe(message, path or connection.paths.get(message.token, ())))]
        except NotThisFormatError:
            return []

    def _stream(self, connection: _Connection, data: Data, raw: bytes) -> list[Frame | Finding]:
        waiting = connection.waiting[data.side] + raw
        if not connection.protocol:
            if data.side == "mcu" and mqtt.STARTS.match(waiting):
                connection.protocol = "mqtt"
            elif data.side == "module" or not mqtt.may_start(waiting):
                connection.protocol = "unknown"
                return []
        out: list[Frame | Finding] = []
        try:
            while connection.protocol and (taken := mqtt.take(waiting)) is not None:
                packet, size = taken
                waiting = waiting[size:]
                if packet.type == "CONNECT":
                    connection.level = mqtt.level_of(packet)
                out.append(observed(data, "mqtt", *mqtt.decode(packet, connection.level)))
        except NotThisFormatError as error:
            connection.protocol = "unknown"
            text = f"connection {data.connect_id}: the MQTT stream of the {data.side} breaks off: {error}"
            out.append(Finding(data.time_ns, data.side, "frame.malformed", "warning", text, "MQTT 3.1.1, 2.2"))
            waiting = b""
        connection.waiting[data.side] = waiting
        return out
