"""What is said on a connection: the frames of its protocol, found in streams and datagrams.

Strategy: a stream is given to the protocol that its first bytes show (MQTT if the MCU begins it with CONNECT, …), and
is then cut into frames, both ways, however its bytes were cut on the line. A datagram is tried as one protocol after
the other. What is none of them stays payload. A stream that breaks its protocol is told once and given up.

A connection over AT commands and one inside PPP are the same here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from capture.chunk import Side
from decoder.frames import coap, mqtt
from decoder.frames.errors import NotThisFormatError

MAX_WAITING = 1 << 21
"""A frame that needs more bytes than this is not waited for."""
MAX_PATHS = 256
_RESPONSES = 0x40


class Found(NamedTuple):
    """A frame: its protocol, one line for people, fields for programs. ``broken``: the stream is no such protocol."""

    protocol: str
    text: str
    fields: dict[str, Any]
    broken: bool = False


class Follower(Protocol):
    """Reads the stream of one protocol. ``take`` returns a frame and its size, or None if more bytes are needed."""

    protocol: str
    reference: str

    def take(self, side: Side, stream: bytearray) -> tuple[str, dict[str, Any], int] | None:
        """Take the frame at the beginning of ``stream``. Raises :class:`NotThisFormatError`."""


class Mqtt:
    """MQTT packets; the CONNECT tells the level."""

    protocol = "mqtt"
    reference = "MQTT 3.1.1, 2.2"

    def __init__(self) -> None:
        self._level = 4

    def take(self, side: Side, stream: bytearray) -> tuple[str, dict[str, Any], int] | None:
        """Take a packet."""
        taken = mqtt.take(stream)
        if taken is None:
            return None
        packet, size = taken
        if packet.type == "CONNECT":
            self._level = mqtt.level_of(packet)
        return *mqtt.decode(packet, self._level), size


class Conversation:
    """The frames of one connection."""

    def __init__(self, transport: str) -> None:
        self._datagrams = transport == "udp"
        self._follower: Follower | None = None
        self._unknown = False
        self._waiting: dict[Side, bytearray] = {"mcu": bytearray(), "module": bytearray()}
        self._paths: dict[bytes, tuple[str, ...]] = {}

    def feed(self, side: Side, data: bytes) -> Iterator[Found]:
        """Take bytes that ``side`` sent and yield the frames that they complete."""
        if self._datagrams:
            yield from self._datagram(data)
        elif not self._unknown and data:
            yield from self._stream(side, data)

    def _datagram(self, data: bytes) -> Iterator[Found]:
        try:
            message = coap.parse(data)
            path = coap.path_of(message)
            if 0 < message.code < _RESPONSES:
                if len(self._paths) >= MAX_PATHS:
                    self._paths.clear()
                self._paths[message.token] = path
            yield Found("coap", *coap.describe(message, path or self._paths.get(message.token, ())))
        except NotThisFormatError:
            pass

    def _stream(self, side: Side, data: bytes) -> Iterator[Found]:
        waiting = self._waiting[side]
        waiting += data
        if self._follower is None and not self._choose(side, waiting):
            return
        follower = self._follower
        assert follower is not None
        try:
            while (taken := follower.take(side, waiting)) is not None:
                text, fields, size = taken
                del waiting[:size]
                yield Found(follower.protocol, text, fields)
            if len(waiting) > MAX_WAITING:
                raise NotThisFormatError("a frame too long")
        except NotThisFormatError as error:
            self._give_up()
            yield Found(follower.protocol, str(error), {"reference": follower.reference}, broken=True)

    def _choose(self, side: Side, waiting: bytearray) -> bool:
        """Choose the protocol by how the stream begins; False if nothing is chosen yet, or it is none."""
        if side == "mcu" and mqtt.STARTS.match(waiting):
            self._follower = Mqtt()
        elif side == "module" or not mqtt.may_start(waiting):
            self._give_up()
        return self._follower is not None

    def _give_up(self) -> None:
        self._unknown = True
        for waiting in self._waiting.values():
            waiting.clear()
