"""What is fuzzed: each target takes any bytes, and either returns or refuses in the way that its module promises."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import BinaryIO, cast

from atshark.sources import open_stream
from atshark.sources.logs import open_log
from capture import grammar, pcapng
from capture.chunk import MCU, MODULE, Chunk, Side, WholeChunk
from capture.errors import AtsharkError
from capture.lineerrors import Unmark
from capture.order import Order
from decoder import catalog
from decoder.catalog import Catalog
from decoder.decode import Decoder
from decoder.events import Message
from decoder.protocols.conversation import Conversation
from decoder.protocols.frames import coap, config, content, dns, dp, http, mqtt, nmea, ppp, tls, tlv
from decoder.protocols.frames.errors import NotThisFormatError
from tests.line_shapes import WAYS, allowed, cost
from wireshark.export import Exporter

START = 1_763_690_400_000_000_000
KINDS = (
    "text/plain",
    "application/json",
    "application/cbor",
    "application/senml+json",
    "application/senml+cbor",
    "application/link-format",
    "application/octet-stream",
    "application/vnd.oma.lwm2m+tlv",
    "application/vnd.oma.lwm2m+json",
    "application/xml",
)


@cache
def known() -> Catalog:
    return catalog.load()


def pieces(data: bytes) -> list[tuple[int, bytes]]:
    """Cut bytes into pieces as they say themselves: a byte of flags, a length, the piece."""
    out, at = [], 0
    while at + 2 <= len(data):
        flags, size = data[at], data[at + 1]
        out.append((flags, data[at + 2 : at + 2 + size]))
        at += 2 + size
    return out


def session(data: bytes) -> None:
    """Both wires, in any cuts, with any pauses; what comes out is exported, and decodes to the same messages."""
    one, now = Decoder(known()), START
    exporter = Exporter(cast(BinaryIO, io.BytesIO()))
    total = {"mcu": b"", "module": b""}
    spans = {"mcu": b"", "module": b""}
    for flags, piece in pieces(data):
        side: Side = "mcu" if flags & 1 else "module"
        now += (0, 1_000_000, 100_000_000, 40_000_000_000)[flags >> 1 & 3]
        time_ns = None if flags & 128 else now
        chunk = (WholeChunk if flags & 64 else Chunk)(time_ns, side, piece)
        events = one.feed(chunk)
        total[side] += piece
        exporter.write(events)
        for event in events:
            if isinstance(event, Message):
                spans[event.side] += event.raw
    events = one.close()
    exporter.write(events)
    for event in events:
        if isinstance(event, Message):
            spans[event.side] += event.raw
    assert spans == total, "a byte was lost or told twice"


def lines(data: bytes) -> None:
    """The grammar of single lines."""
    text = data.decode("latin-1")
    grammar.parse_command_line(text)
    grammar.parse_information(text)
    grammar.parse_error(text)
    grammar.split_arguments(text)
    grammar.command_start(data)


def refusing(decode: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Let a codec refuse."""

    def target(data: bytes) -> None:
        try:
            decode(data)
        except NotThisFormatError:
            return

    return target


def contents(data: bytes) -> None:
    """A body of any content type."""
    for kind in KINDS:
        try:
            content.read(kind, data)
        except NotThisFormatError:
            continue


def mqtt_stream(data: bytes) -> None:
    """MQTT packets one behind the other, in all versions."""
    for level in (3, 4, 5):
        stream = bytearray(data)
        try:
            while (found := mqtt.take(stream)) is not None:
                packet, size = found
                assert size > 0
                mqtt.decode(packet, level)
                del stream[:size]
        except NotThisFormatError:
            continue


def http_stream(data: bytes) -> None:
    """The head of a message, and a chunk's size."""
    try:
        http.take(bytearray(data))
        http.chunk_size(bytearray(data))
    except NotThisFormatError:
        return


def links(data: bytes) -> None:
    """RFC 6690."""
    content.parse_links(data.decode("latin-1"))


def ppp_frame(data: bytes) -> None:
    """A frame of the link, in its wrapping and without."""
    unwrapped = ppp.unwrap(data)
    for frame in (data, unwrapped or b""):
        ppp.describe(ppp.parse(frame))


def tls_records(data: bytes) -> None:
    """TLS records, and those of a datagram."""
    stream = bytearray(data)
    while (found := tls.take(stream)) is not None:
        record, size = found
        assert size > 0
        tls.describe(record)
        del stream[:size]
    for record in tls.take_dtls(data):
        tls.describe(record)


def conversation(data: bytes) -> None:
    """What a connection carries, in any cuts: TCP and UDP."""
    for transport in ("tcp", "udp"):
        one = Conversation(transport, 5683)
        for flags, piece in pieces(data):
            for _ in one.feed("mcu" if flags & 1 else "module", piece):
                pass
        for side in (MCU, MODULE):
            for _ in one.finish(side):
                pass


def source(data: bytes) -> None:
    """Any input file: recordings, exports, chunk files, text logs of every format."""
    try:
        with open_stream(cast(BinaryIO, io.BytesIO(data)), "fuzz") as opened:
            for _ in opened:
                pass
    except AtsharkError:
        return


def log(data: bytes) -> None:
    """A text log, whatever the beginning looks like."""
    try:
        opened = open_log(cast(BinaryIO, io.BytesIO(data)), data[:65536], "fuzz")
        if opened is not None:
            for _ in opened.chunks():
                pass
    except AtsharkError:
        return


def blocks(data: bytes) -> None:
    """pcapng, block by block."""
    try:
        for packet in pcapng.Reader(io.BytesIO(data), "fuzz"):
            _ = packet.direction, packet.comment
    except AtsharkError:
        return


def marked(data: bytes) -> None:
    """Bytes with marked line errors."""
    unmark = Unmark()
    for _, piece in pieces(data):
        unmark.feed(piece)


def order(data: bytes) -> None:
    """The order of two wires: no byte is lost."""
    one, now = Order(), START
    sent = got = b""
    for flags, piece in pieces(data):
        now += (flags >> 1 & 63) * 1_000_000
        sent += piece
        got += b"".join(chunk.data for chunk in one.tick(now))
        got += b"".join(chunk.data for chunk in one.push(Chunk(now, "mcu" if flags & 1 else "module", piece)))
    got += b"".join(chunk.data for chunk in one.close())
    assert sorted(sent) == sorted(got)


def line_shapes(data: bytes) -> None:
    """A line that repeats a unit inside a frame, up to 60,000 bytes, by any way; what it may cost is bounded.

    The input: which way, which power of two, how long the unit is, the unit, and the frame.
    """
    if len(data) < 4:
        return
    way = tuple(WAYS)[data[0] % len(WAYS)]
    size, end = 1 << data[1] % 16, 3 + data[2] % 24
    unit, frame = data[3:end] or b"x", data[end : end + 40]
    line = (frame[: len(frame) // 2] + unit * (size // len(unit) + 1) + frame[len(frame) // 2 :])[:60_000]
    took = cost(WAYS[way], line)
    if took > allowed(len(line)):
        took = cost(WAYS[way], line)  # a busy machine is no fault: nothing that is slow is slow by chance
    assert took <= allowed(len(line)), (way, len(line), took)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "session": session,
    "lines": lines,
    "coap": refusing(coap.decode),
    "coap-tcp": refusing(coap.take_tcp),
    "mqtt": mqtt_stream,
    "http": http_stream,
    "tlv": refusing(tlv.decode),
    "content": contents,
    "links": refusing(links),
    "dns": refusing(dns.decode),
    "ppp": refusing(ppp_frame),
    "tls": refusing(tls_records),
    "dp": refusing(dp.decode),
    "config": refusing(config.decode),
    "nmea": refusing(nmea.decode),
    "conversation": conversation,
    "source": source,
    "log": log,
    "pcapng": blocks,
    "marked": marked,
    "order": order,
    "line-shapes": line_shapes,
}
