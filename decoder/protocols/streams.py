"""Readers of the protocols that streams carry: each is given bytes as they come, and takes frames from them.

A reader may take its bytes in any pieces. It removes from the stream what it has used, so what is left in it is what
waits. Long bodies are handed on as parts and not kept.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, NamedTuple, Protocol

from capture.chunk import Side
from decoder.protocols.frames import coap, content, http, mqtt, tls
from decoder.protocols.frames.errors import NotThisFormatError

MAX_BODY = 1 << 16
"""A longer body is not shown in its frame."""
_MAX_BODIES = 16
_MAX_PATHS = 256
_FIRST_RESPONSE = 0x40
_FIRST_SIGNAL = 0xE0


class Found(NamedTuple):
    """A frame: its protocol, one line for people, fields for programs. ``broken``: the stream is no such protocol."""

    protocol: str
    text: str
    fields: dict[str, Any]
    broken: bool = False


class Part(NamedTuple):
    """A part of a body: ``number`` tells the bodies of a connection apart, ``name`` and ``media`` say what it is."""

    protocol: str
    number: int
    name: str
    media: str
    data: bytes
    last: bool


Finds = Iterator[Found | Part]
Steps = Generator[Found | Part, None, bool]
"""Yields what it finds; returns whether it could go on, or was done."""


class StreamReader(Protocol):
    """Reads the stream of one protocol."""

    reference: str

    def take(self, side: Side, stream: bytearray) -> Finds:
        """Take all whole frames from ``stream``, and remove them. Raises :class:`NotThisFormatError`."""

    def finish(self, _side: Side) -> Finds:
        """End the stream of a side: nothing more comes from it. For most protocols nothing depends on that."""
        yield from ()


class Mqtt(StreamReader):
    """MQTT packets; the CONNECT tells the level."""

    reference = "MQTT 3.1.1, 2.2"

    def __init__(self) -> None:
        self._level = 4

    def take(self, _side: Side, stream: bytearray) -> Finds:
        """Take packets."""
        while (taken := mqtt.take(stream)) is not None:
            packet, size = taken
            del stream[:size]
            if packet.type == "CONNECT":
                self._level = mqtt.level_of(packet)
            yield Found("mqtt", *mqtt.decode(packet, self._level))


class Tls(StreamReader):
    """TLS records; what follows ChangeCipherSpec is encrypted."""

    reference = "RFC 5246 6.2"

    def __init__(self) -> None:
        self._encrypted: set[Side] = set()

    def take(self, side: Side, stream: bytearray) -> Finds:
        """Take records."""
        while (taken := tls.take(stream)) is not None:
            record, size = taken
            del stream[:size]
            yield Found("tls", *tls.describe(record, encrypted=side in self._encrypted))
            if tls.TYPES[record.type] == "change cipher spec":
                self._encrypted.add(side)


class Exchanges:
    """What CoAP messages of a connection share: which path a token asked for, and bodies sent in blocks."""

    def __init__(self) -> None:
        self._asked: dict[bytes, tuple[tuple[str, ...], str]] = {}
        self._bodies: dict[tuple[Side, str], tuple[int, bytearray | None, int]] = {}
        self._count = 0

    def describe(self, side: Side, message: coap.Message) -> Finds:
        """Describe a message, and give the part of a body that it carries."""
        path = coap.path_of(message)
        name = "/" + "/".join(path)
        if 0 < message.code < _FIRST_RESPONSE:
            if len(self._asked) >= _MAX_PATHS:
                self._asked.clear()
            self._asked[message.token] = path, name
            block = coap.value_of(message, "Block1")
        else:
            path, name = self._asked.get(message.token, ((), ""))
            block = coap.value_of(message, "Block2")
        part, body = None, None
        if block is not None and message.payload and message.code < _FIRST_SIGNAL:
            part, body = self._block(side, name, message, block)
        yield Found("coap", *coap.describe(message, path, body))
        if part is not None:
            yield part

    def _block(
        self, side: Side, name: str, message: coap.Message, block: dict[str, Any]
    ) -> tuple[Part | None, bytes | None]:
        """Put a block in its place: the part that it adds, and the whole body if it is the last one of several."""
        number, more, offset = block["number"], block["more"], block["number"] * block["size"]
        if not number and not more:
            return None, None
        key = side, name
        repeated = key in self._bodies and self._bodies[key][0] == len(message.payload)
        if not number and not repeated:
            if len(self._bodies) >= _MAX_BODIES:
                self._bodies.clear()
            self._count += 1
            self._bodies[key] = 0, bytearray(), self._count
        size, kept, count = self._bodies.get(key, (-1, None, 0))
        if size != offset:
            return None, b""
        size += len(message.payload)
        kept = _keep(kept, message.payload)
        if more:
            self._bodies[key] = size, kept, count
        else:
            del self._bodies[key]
        whole = b"" if more or kept is None else bytes(kept)
        return Part("coap", count, name, coap.media_type(message), message.payload, not more), whole


def _keep(kept: bytearray | None, more: bytes) -> bytearray | None:
    """Add to a body that is kept to be shown, in place; None once it is too long for that."""
    if kept is None or len(kept) + len(more) > MAX_BODY:
        return None
    kept += more
    return kept


class CoapTcp(StreamReader):
    """CoAP messages over TCP."""

    reference = "RFC 8323 3.2"

    def __init__(self) -> None:
        self._exchanges = Exchanges()

    def take(self, side: Side, stream: bytearray) -> Finds:
        """Take messages."""
        while (taken := coap.take_tcp(stream)) is not None:
            message, size = taken
            del stream[:size]
            yield from self._exchanges.describe(side, message)


class _HttpBody:
    """A message whose body is being read. ``left``: bytes to come of it, or of its chunk; -1: up to the end."""

    __slots__ = ("chunked", "head", "kept", "left", "length", "name", "number", "trailer")

    def __init__(self, head: http.Head, name: str, number: int) -> None:
        self.head, self.name, self.number = head, name, number
        self.kept: bytearray | None = bytearray()
        self.length = 0
        self.left = 0
        self.chunked = False
        self.trailer = False


class Http(StreamReader):
    """HTTP/1.1 messages: bodies by length, in chunks, or up to the end of the connection."""

    reference = "RFC 9112"

    def __init__(self) -> None:
        self._asked: list[tuple[str, str]] = []
        self._bodies: dict[Side, _HttpBody] = {}
        self._count = 0
        self._tunnel = False

    def take(self, side: Side, stream: bytearray) -> Finds:
        """Take messages."""
        while stream and not self._tunnel:
            body = self._bodies.get(side)
            if body is None:
                taken = http.take(stream)
                if taken is None:
                    return
                head, size = taken
                del stream[:size]
                body = self._bodies[side] = self._begin(head)
            if not (yield from self._body(side, body, stream)):
                return
        if self._tunnel:
            stream.clear()

    def finish(self, side: Side) -> Finds:
        """The end of the connection ends a body that has no other end."""
        body = self._bodies.pop(side, None)
        if body is not None:
            yield from self._done(body, whole=body.left == -1)

    def _begin(self, head: http.Head) -> _HttpBody:
        self._count += 1
        coding, length = head.header("Transfer-Encoding").lower(), head.header("Content-Length").split(",")[0].strip()
        method = ""
        if head.is_request:
            name = head.start[1]
            if len(self._asked) < _MAX_PATHS:
                self._asked.append((head.start[0], name))
        else:
            final = not head.start[1].startswith("1") or head.start[1] == "101"
            method, name = (self._asked.pop(0) if final else self._asked[0]) if self._asked else ("", "")
        body = _HttpBody(head, name, self._count)
        status = "" if head.is_request else head.start[1]
        if method == "HEAD" or status in ("204", "304") or (status.startswith("1") and status != "101"):
            return body
        if status == "101" or (method == "CONNECT" and status.startswith("2")):
            self._tunnel = True
        elif coding.endswith("chunked"):
            body.chunked = True
        elif length.isascii() and length.isdecimal() and len(length) < 16:
            body.left = int(length)
        elif status:
            body.left = -1
        return body

    def _body(self, side: Side, body: _HttpBody, stream: bytearray) -> Steps:
        """Read as much of a body as there is; returns whether it is complete."""
        while True:
            if body.left:
                if not stream:
                    return False
                taken = bytes(stream if body.left < 0 else stream[: body.left])
                del stream[: len(taken)]
                body.left -= len(taken) if body.left > 0 else 0
                yield self._part(body, taken, last=not body.chunked and not body.left)
            elif body.chunked:
                if not (yield from self._next_chunk(body, stream)):
                    return False
                if body.chunked:
                    continue
            if body.left == 0 and not body.chunked:
                del self._bodies[side]
                yield from self._done(body, whole=True)
                return True

    def _next_chunk(self, body: _HttpBody, stream: bytearray) -> Steps:
        """Read what stands between chunks; returns False if more bytes are needed."""
        if body.trailer:
            end = stream.find(b"\r\n")
            if end < 0:
                return False
            del stream[: end + 2]
            if end == 0:
                body.chunked = False
                yield self._part(body, b"", last=True)
            return True
        if body.length:
            if len(stream) < 2:
                return False
            if stream[:2] != b"\r\n":
                raise NotThisFormatError("a chunk longer than announced")
        start = 2 if body.length else 0
        found = http.chunk_size(stream[start : start + 1100])
        if found is None:
            return False
        body.left = found[0]
        body.trailer = body.left == 0
        del stream[: start + found[1]]
        return True

    @staticmethod
    def _part(body: _HttpBody, data: bytes, *, last: bool) -> Part:
        body.length += len(data)
        body.kept = _keep(body.kept, data)
        return Part("http", body.number, body.name, body.head.header("Content-Type"), data, last)

    @staticmethod
    def _done(body: _HttpBody, *, whole: bool) -> Finds:
        text, fields = http.describe(body.head, body.length)
        if body.kept:
            fields["body"] = bytes(body.kept).hex()
            try:
                told = content.read(body.head.header("Content-Type"), bytes(body.kept))
            except NotThisFormatError:
                told = None
            if told is not None:
                fields |= told[1]
        if not whole:
            fields["complete"] = False
            text += " (cut)"
        yield Found("http", text, fields)


def choose(side: Side, stream: bytearray) -> StreamReader | bool:
    """Choose the reader for a stream by how it begins; True if more bytes must tell, False if it is nothing known."""
    undecided = False
    for begins, reader in (
        (_begins_mqtt(side, stream), Mqtt),
        (http.starts(stream), Http),
        (_begins_tls(stream), Tls),
        (coap.starts_tcp(stream), CoapTcp),
    ):
        if begins:
            made: StreamReader = reader()
            return made
        undecided = undecided or begins is None
    return undecided


def _begins_mqtt(side: Side, stream: bytearray) -> bool | None:
    if side != "mcu":
        return False
    return True if mqtt.STARTS.match(stream) else None if mqtt.may_start(stream) else False


def _begins_tls(stream: bytearray) -> bool | None:
    beginning = bytes(stream[:6])
    if not b"\x16\x03".startswith(beginning[:2]) or beginning[2:3] > b"\x04":
        return False
    return None if len(beginning) < 6 else beginning[5] in (1, 2)
