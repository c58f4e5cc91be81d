"""Generated tickets: what customers attach, in many forms, some of it unusable; the same for the same number."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from benchmarks.generate import session
from capture import chunkfile, recording
from capture.chunk import Chunk

_FIRMWARE = [b"V2.1.0", b"V2.1.3", b"V3.0.0-beta", b"20260101R1"]
_FAULTS = [
    (b"AT+CPIN?\r", b"\r\n+CME ERROR: 10\r\n"),
    (b'AT+MIPSEND=4,2,"AB"\r', b"\r\n+CME ERROR: 553\r\n"),
    (b"AT+CGATT=1\r", b"\r\nERROR\r\n"),
    (b'AT+MQTTPUB=0,"a",0,0,0,1,"b"\r', b"\r\n+CME ERROR: 651\r\n"),
]


def ticket(number: int, size: int = 4000) -> list[Chunk]:
    """Make the traffic of a ticket: who the module is, some work, and what went wrong."""
    noise = random.Random(number)
    chunks = list(session(size, seed=number))
    now = (chunks[0].time_ns or 0) - 1_000_000_000
    head = [
        Chunk(now, "mcu", b"AT+CGMM\r"),
        Chunk(now + 10_000_000, "module", b"\r\nM5311\r\n\r\nOK\r\n"),
        Chunk(now + 50_000_000, "mcu", b"AT+CGMR\r"),
        Chunk(now + 60_000_000, "module", b"\r\n" + noise.choice(_FIRMWARE) + b"\r\n\r\nOK\r\n"),
    ]
    last = chunks[-1].time_ns or 0
    command, answer = noise.choice(_FAULTS)
    return [*head, *chunks, Chunk(last + 10**9, "mcu", command), Chunk(last + 10**9 + 20_000_000, "module", answer)]


def write(folder: Path, count: int, size: int = 4000) -> Iterator[Path]:
    """Write ``count`` tickets into ``folder`` and yield their files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        chunks = ticket(number, size)
        kind = number % 10
        path = folder / f"ticket-{number:06d}.{['pcapng', 'jsonl', 'txt'][kind % 3]}"
        if kind == 9:
            path.write_bytes(random.Random(number).randbytes(200))
        elif kind % 3 == 0:
            recording.record(chunks, path)
        elif kind % 3 == 1:
            with open(path, "wb") as stream:
                chunkfile.write(chunks, stream)
        else:
            path.write_text("".join(_lines(chunks)), "utf-8")
        yield path


def _lines(chunks: list[Chunk]) -> Iterator[str]:
    """Tell a session as many terminal programs do: time, direction, text."""
    for time_ns, side, data in chunks:
        milliseconds = (time_ns or 0) // 1_000_000
        clock = (
            f"{milliseconds // 3_600_000 % 24:02d}:{milliseconds // 60_000 % 60:02d}:{milliseconds // 1000 % 60:02d}"
        )
        for line in data.decode("latin-1").splitlines():
            if line.strip() and line.isprintable():
                yield f"[{clock}.{milliseconds % 1000:03d}] {'TX' if side == 'mcu' else 'RX'}: {line}\n"
