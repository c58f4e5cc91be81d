"""A benchmark session of any size: polling, notifications, hex and binary sends, as real firmware does them."""

from __future__ import annotations

import random
from collections.abc import Iterator

from capture.chunk import Chunk

START = 1_763_690_400_000_000_000
MS = 1_000_000


def session(size: int, seed: int = 1) -> Iterator[Chunk]:
    """Yield chunks of about ``size`` bytes in all, the same for the same ``seed``."""
    noise = random.Random(seed)
    now = START
    total = 0

    def chunk(side: str, data: bytes, after_ms: int) -> Chunk:
        nonlocal now, total
        now += after_ms * MS
        total += len(data)
        return Chunk(now, "mcu" if side == "mcu" else "module", data)

    yield chunk("mcu", b'AT+MIPOPEN=0,"TCP","120.27.12.119",2040\r', 1)
    yield chunk("module", b"\r\nOK\r\n", 10)
    yield chunk("module", b"\r\n+MIPOPEN: 0,0\r\n", 100)
    while total < size:
        kind = noise.randrange(10)
        if kind < 4:
            yield chunk("mcu", b"AT+CSQ\r", 400)
            yield chunk("module", b"\r\n+CSQ: %d,99\r\n\r\nOK\r\n" % noise.randrange(32), 12)
        elif kind < 5:
            yield chunk("mcu", b"AT+CEREG?\r", 400)
            yield chunk("module", b'\r\n+CEREG: 2,1,"5A1F","0C6E%04X",9\r\n\r\nOK\r\n' % noise.randrange(65536), 12)
        elif kind < 7:
            data = noise.randbytes(noise.randrange(8, 64))
            yield chunk("mcu", b'AT+MIPSEND=0,%d,"%s"\r' % (len(data), data.hex().encode()), 400)
            yield chunk("module", b"\r\n+MIPSEND: 0,%d\r\n\r\nOK\r\n" % len(data), 12)
        elif kind < 8:
            data = noise.randbytes(noise.randrange(16, 200))
            yield chunk("mcu", b"AT+MIPSEND=0,%d\r" % len(data), 400)
            yield chunk("module", b"\r\n> ", 5)
            yield chunk("mcu", data, 5)
            yield chunk("module", b"\r\n+MIPSEND: 0,%d\r\n\r\nOK\r\n" % len(data), 20)
        else:
            text = b'{"t":%d,"h":%d}' % (noise.randrange(400), noise.randrange(100))
            yield chunk("module", b'\r\n+MIPURC: "rtcp",0,%d,%s\r\n' % (len(text), text), 200)
