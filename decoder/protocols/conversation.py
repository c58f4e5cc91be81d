"""What is said on a connection: the frames of its protocol, found in streams and datagrams.

Strategy: a stream is given to the protocol that its first bytes show (MQTT if the MCU begins it with CONNECT, …), and
is then cut into frames, both ways, however its bytes were cut on the line. A datagram is tried as one protocol after
the other. What is none of them stays payload. A stream that breaks its protocol is told once and given up.

A connection over AT commands and one inside PPP are the same here.
"""

from __future__ import annotations

from contextlib import suppress

from capture.chunk import Side
from decoder.protocols.frames import coap, dns, tls
from decoder.protocols.frames.errors import NotThisFormatError
from decoder.protocols.streams import Exchanges, Finds, Found, StreamReader, choose

MAX_WAITING = 1 << 21
"""A frame that needs more bytes than this is not waited for."""


class Conversation:
    """The frames of one connection over ``transport`` ("tcp", "udp") to the ``port`` of its peer."""

    def __init__(self, transport: str, port: int | None = None) -> None:
        self._datagrams = transport == "udp"
        self._dns = self._datagrams and port == dns.PORT
        self._reader: StreamReader | None = None
        self._unknown = False
        self._waiting: dict[Side, bytearray] = {"mcu": bytearray(), "module": bytearray()}
        self._exchanges = Exchanges()

    @property
    def listens(self) -> bool:
        """Whether frames may still be found: it is none of the protocols if not."""
        return self._datagrams or not self._unknown

    def feed(self, side: Side, data: bytes) -> Finds:
        """Take bytes that ``side`` sent and yield the frames that they complete."""
        if self._datagrams:
            yield from self._datagram(side, data)
        elif not self._unknown and data:
            yield from self._stream(side, data)

    def finish(self, side: Side) -> Finds:
        """Nothing more comes from ``side``: the connection ended."""
        if self._reader is not None:
            yield from self._reader.finish(side)

    def _datagram(self, side: Side, data: bytes) -> Finds:
        if self._dns:
            with suppress(NotThisFormatError):
                yield Found("dns", *dns.decode(data))
            return
        try:
            records = tls.take_dtls(data)
        except NotThisFormatError:
            try:
                found = list(self._exchanges.describe(side, coap.parse(data)))
            except NotThisFormatError:
                return
            yield from found
        else:
            for record in records:
                yield Found("dtls", *tls.describe(record))

    def _stream(self, side: Side, data: bytes) -> Finds:
        waiting = self._waiting[side]
        waiting += data
        if self._reader is None:
            chosen = choose(side, waiting)
            if isinstance(chosen, bool):
                if not chosen:
                    self._give_up()
                return
            self._reader = chosen
        try:
            yield from self._reader.take(side, waiting)
            if len(waiting) > MAX_WAITING:
                raise NotThisFormatError("a frame too long")
        except NotThisFormatError as error:
            reader = type(self._reader).__name__
            reference = self._reader.reference
            self._give_up()
            yield Found(reader, str(error), {"reference": reference}, broken=True)

    def _give_up(self) -> None:
        self._unknown = True
        self._reader = None
        for waiting in self._waiting.values():
            waiting.clear()
