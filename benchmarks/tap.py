"""The tap at 3,000,000 baud both ways, with the other core busy and the live view on: ``python -m benchmarks.tap``.

Two pseudo terminals are fed at the pace of the line, a block each millisecond; the clock of the one who writes says
when each byte was due. Printed: bytes lost, the recorder's share of a core, and how far the recorded first-byte times
are from the truth.
"""

from __future__ import annotations

import argparse
import bisect
import hashlib
import multiprocessing
import os
import pty
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from capture.chunk import Side, first_ns

BAUD = 3_000_000
_CHARACTER_NS = 10 * 1_000_000_000 // BAUD
_STEP_S = 0.001
_TEXT = {"mcu": b"AT+CSQ\r", "module": b"\r\n+CSQ: 24,99\r\n\r\nOK\r\n"}
_TICKS = os.sysconf("SC_CLK_TCK")


class Sent(NamedTuple):
    """What was written to a wire: its digest, its size, and (offset, time due in ns) of each block."""

    digest: str
    size: int
    offsets: list[int]
    due_ns: list[int]


class Outcome(NamedTuple):
    """What was measured. Errors are in ms; ``cpu`` is a share of one core."""

    sent: int
    lost: int
    intact: bool
    cpu: float
    errors: list[float]
    not_shown: str


def _feed(line: VirtualLine, side: Side, seconds: float, out: dict[Side, Sent]) -> None:
    """Write text at the pace of the line."""
    digest = hashlib.sha256()
    text = _TEXT[side]
    stock = text * (200_000 // len(text))
    size = 0
    offsets: list[int] = []
    due: list[int] = []
    begin = time.time_ns()
    end = begin + int(seconds * 1e9)
    while (now := time.time_ns()) < end:
        wanted = (now - begin) // _CHARACTER_NS
        if wanted > size:
            at = size % len(text)
            block = stock[at : at + min(wanted - size, 100_000)]
            offsets.append(size)
            due.append(begin + size * _CHARACTER_NS)
            line.write(side, block)
            digest.update(block)
            size += len(block)
        time.sleep(_STEP_S)
    out[side] = Sent(digest.hexdigest(), size, offsets, due)


def _spin() -> None:
    while True:
        sum(range(10_000))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def measure(seconds: float, path: Path) -> Outcome:
    """Run once and return what was measured. POSIX (Linux) only."""
    terminal, inside = pty.openpty()
    reader = threading.Thread(target=drain, args=(terminal,), daemon=True)
    reader.start()
    busy = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
    busy.start()
    sent: dict[Side, Sent] = {}
    with VirtualLine() as line:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "atshark",
                "capture",
                line.ports["mcu"],
                line.ports["module"],
                "-w",
                str(path),
                "-b",
                str(BAUD),
            ],
            stdin=inside,
            stdout=inside,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        while not (path.exists() and path.stat().st_size > 100):
            time.sleep(0.05)
        time.sleep(1.5)
        before, began = _cpu_s(process.pid), time.monotonic()
        feeders = [threading.Thread(target=_feed, args=(line, side, seconds, sent)) for side in ("mcu", "module")]
        for feeder in feeders:
            feeder.start()
        for feeder in feeders:
            feeder.join()
        cpu = (_cpu_s(process.pid) - before) / (time.monotonic() - began)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    busy.terminate()
    return _compare(path, sent, cpu, errors.decode())


def drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        return


def _compare(path: Path, sent: dict[Side, Sent], cpu: float, told: str) -> Outcome:
    digests = {side: hashlib.sha256() for side in sent}
    sizes = dict.fromkeys(sent, 0)
    errors: list[float] = []
    with open_source(str(path)) as source:
        for chunk in source:
            if not chunk.data:
                continue
            true = sent[chunk.side]
            index = bisect.bisect_right(true.offsets, sizes[chunk.side]) - 1
            due = true.due_ns[index] + (sizes[chunk.side] - true.offsets[index]) * _CHARACTER_NS
            errors.append(((first_ns(chunk) or 0) - due) / 1e6)
            digests[chunk.side].update(chunk.data)
            sizes[chunk.side] += len(chunk.data)
    total = sum(one.size for one in sent.values())
    intact = all(digests[side].hexdigest() == one.digest for side, one in sent.items())
    shown = next((line for line in told.splitlines() if "not shown" in line), "all was shown")
    return Outcome(total, total - sum(sizes.values()), intact, cpu, errors, shown)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("ATSHARK_TAP_SECONDS", "60")))
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        found = measure(seconds, Path(folder, "r.pcapng"))
    sizes = sorted(abs(error) for error in found.errors)
    table = Table(title=f"{seconds:.0f} s at {BAUD} baud both ways, one core busy")
    table.add_column("what")
    table.add_column("measured", justify="right")
    table.add_row("bytes sent", f"{found.sent:,}")
    table.add_row("bytes lost", f"{found.lost:,}{'' if found.intact else ' (digests differ)'}")
    table.add_row("recorder, of a core", f"{found.cpu:.1%}")
    table.add_row("first-byte time, median error", f"{statistics.median(sizes):.3f} ms")
    table.add_row("first-byte time, 99 % within", f"{sizes[int(len(sizes) * 0.99)]:.3f} ms")
    table.add_row("display", found.not_shown.removeprefix("atshark: "))
    Console().print(table)


if __name__ == "__main__":
    main()
