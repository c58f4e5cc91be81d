"""Shapes of lines that a reader may stumble over, the ways by which lines come in, and what reading them may cost.

The cost is CPU time against that of ordinary traffic of the same way, measured in the same run: a ratio that no busy
machine changes, and that anything quadratic leaves behind.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import BinaryIO, cast

from atshark.sources import open_stream
from capture.chunk import Chunk, Side
from capture.errors import AtsharkError
from decoder.decode import Decoder
from tests.helpers import START, cpu_seconds, standard

RATIO = 40
"""A byte of any shape may cost so many times what a byte of ordinary traffic costs."""
SLACK_S = 0.25

UNITS: tuple[str, ...] = (
    "#", "+", "%", "!", "*", "$", "^", ">", "<", "A", "AT", "AT+", "+CSQ;", '"', '\\"', '"\\",', "\\", "(", ")", "()",
    "(,", ",", ";", " ", "\t", "{", "[", "[]", '{"a":', "0", "9,", "0A ", "0x41 ", "a/", "A/", "+++", "\x1b[", "\x1b]",
    "\x08", "a\x08", "\x01AT+", "“", "”", "“,", "OK ", "ERROR", "+CME ERROR: ", "+MIPURC: ", '+MIPURC: "rtcp",0,',
    "CONNECT ", "\\r\\n", "<CR>", "^M", "\\x0d", "//", '"//', "12:00:00 ", "2024-01-01 12:00:00.000 ", "TX: ", "'", "`",
    "\x00", "\x01", "é", "中", "a b ", "word, ", ". ", "+CSQ ", "+CSQ:", "+CSQ?;", "+QISEND=0,5;", "D1", "E0V1", "S0=1",
    "&F", "(000)", "<00>", "␀", "-", ":", "=", "=?", "?", ".", "/", "|", "01 ", "(1,", "[12:00", "AT OK ", '+A="',
    '="a",', "%20", "+ABC ", "~", "\x7e", "\x7d\x5e", "1 1", "$GPRMC,", "+QIURC: \"recv\",0,", "+IPD,0,5:",
)  # fmt: skip
FRAMES: tuple[tuple[str, str], ...] = (
    ("", ""), ("AT", ""), ("AT+X=", ""), ('AT+MIPSEND=0,5,"', ""), ("+CSQ: ", ""), ('+MIPURC: "rtcp",0,', ""), ("", "x"),
    ("", " OK"), ('"', '"'), ("AT+CSQ", "x"), ("OK", "x"), ("$", ""), ("+CMT: ", '"'), ("+QIRD: 4,", ""),
)  # fmt: skip
_HEADS: dict[str, tuple[bytes, bytes]] = {
    "plain": (b"AT+CSQ\n+CSQ: 1,2\nOK\nAT\nOK\n", b"\n"),
    "marked": (b"[12:00:00.000] TX: AT\n[12:00:00.100] RX: OK\n[12:00:00.200] RX: ", b"\n"),
    "learned": (b"@@1 host AT\n@@2 dev OK\n@@3 host AT+CSQ\n@@4 dev +CSQ: 1\n@@5 host AT\n@@6 dev OK\n@@7 host ", b"\n"),
    "csv": (b"time,side,data\n1.0,tx,AT\n1.1,rx,OK\n1.2,tx,", b"\n"),
    "jsonl": (b'{"t":1,"side":"tx","data":"AT"}\n{"t":2,"side":"rx","data":"OK"}\n{"t":3,"side":"tx","data":"', b'"}\n'),
    "escaped": (b"TX: AT\\r\\n\nRX: OK\\r\\n\nTX: ", b"\n"),
    "gbk": ("[12:00:00.000]发→◇AT\n[12:00:00.100]收←◆OK\n[12:00:00.200]发→◇".encode("gbk"), b"\n"),
    "hex": (b"TX: 41 54 0D\nRX: 0D 0A 4F 4B 0D 0A\nTX: ", b"\n"),
}  # fmt: skip
_ORDINARY = tuple((b"AT+CSQ", b"+CSQ: %d,99" % number, b"OK") for number in range(200))

Way = Callable[[bytes], None]


def shaped(unit: str, frame: tuple[str, str], size: int) -> bytes:
    """Make a line of about ``size`` bytes: ``unit`` again and again, inside ``frame``."""
    body = unit.encode() * max(1, size // len(unit.encode()))
    return frame[0].encode() + body + frame[1].encode()


def _heard(side: Side, end: bytes, piece: int) -> Way:
    """Hear a line on a wire, in pieces of ``piece`` bytes (0: in one), and then an OK."""

    def way(line: bytes) -> None:
        session = Decoder(standard())
        data = (b"\r\n" if side == "module" else b"") + line + end
        for number in range(0, len(data), piece or len(data)):
            session.feed(Chunk(START + number, side, data[number : number + (piece or len(data))]))
        session.feed(Chunk(START + 10**12, "module", b"\r\nOK\r\n"))
        session.close()

    return way


def _transparent(line: bytes) -> None:
    """Hear it in transparent mode, which +++ ends."""
    session = Decoder(standard())
    session.feed(Chunk(START, "mcu", b"ATD*99#\r"))
    session.feed(Chunk(START + 10**8, "module", b"\r\nCONNECT\r\n"))
    for number, side in enumerate(cast("tuple[Side, ...]", ("mcu", "module"))):
        for at in range(0, len(line), 1000):
            session.feed(Chunk(START + (number + 1) * 10**10 + at, side, line[at : at + 1000]))
    session.close()


def _prompted(line: bytes) -> None:
    """Hear it as payload without a length, behind a prompt."""
    session = Decoder(standard())
    session.feed(Chunk(START, "mcu", b"AT+QISEND=0\r"))
    session.feed(Chunk(START + 10**8, "module", b"\r\n> "))
    for at in range(0, len(line), 200):
        session.feed(Chunk(START + 2 * 10**8 + at, "mcu", line[at : at + 200]))
    session.feed(Chunk(START + 10**10, "mcu", b"\x1a"))
    session.feed(Chunk(START + 2 * 10**10, "module", b"\r\nSEND OK\r\n"))
    session.close()


def _written(head: bytes, end: bytes) -> Way:
    """Read it from a text log, and decode what the log says."""

    def way(line: bytes) -> None:
        first = head.split(b"\n")[0]
        session = Decoder(standard())
        with (
            contextlib.suppress(AtsharkError),
            open_stream(cast(BinaryIO, io.BytesIO(head + line + end + first + b"\n")), "shape") as source,
        ):
            for chunk in source:
                session.feed(chunk)
        session.close()

    return way


WAYS: dict[str, Way] = {
    "mcu": _heard("mcu", b"\r", 0), "module": _heard("module", b"\r\n", 0), "mcu in pieces": _heard("mcu", b"\r", 64),
    "module in pieces": _heard("module", b"\r\n", 64), "mcu without end": _heard("mcu", b"", 0),
    "module without end": _heard("module", b"", 0), "transparent": _transparent, "prompted": _prompted,
    **{f"log, {name}": _written(head, end) for name, (head, end) in _HEADS.items()},
}  # fmt: skip


def _ordinary() -> Iterator[bytes]:
    """Ordinary traffic: a log of it with marks; the cheaper of the readers that the ways have in common."""
    for command, answer, result in _ORDINARY:
        yield b"[12:00:00.000] TX: %b\n[12:00:00.020] RX: %b\n[12:00:00.020] RX: %b\n" % (command, answer, result)


@cache
def ordinary_cost() -> float:
    """Measure what a byte of ordinary traffic costs, in seconds of CPU."""
    log = b"".join(_ordinary())
    way = _written(log, b"")
    way(b"")
    costs = []
    for _ in range(3):
        costs.append(cpu_seconds(partial(way, b"")))
    return min(costs) / len(log)


def allowed(size: int) -> float:
    """Return the seconds of CPU that a line of ``size`` bytes may cost."""
    return SLACK_S + RATIO * ordinary_cost() * size


def cost(way: Way, line: bytes) -> float:
    """Measure the seconds of CPU that a line costs, with everything loaded that ordinary traffic loads."""
    ordinary_cost()
    return cpu_seconds(partial(way, line))
