"""Speed against floors and peers, side by side in one run. All times are CPU seconds of one process; only ratios count.

Lines are non-empty text lines of the recording, the same count for every contender.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.generate import session
from capture import recording

ROOT = Path(__file__).parent.parent
LINE = re.compile(rb"[\r\n]*([^\r\n]+)\r?\n?")


class _Token:
    __slots__ = ("arguments", "name")

    def __init__(self, name: bytes, arguments: list[bytes]) -> None:
        self.name = name
        self.arguments = arguments


def floor(data: bytes) -> int:
    """Cut ``data`` into lines, names and arguments by regular expression alone; return the number of lines."""
    count = 0
    for match in LINE.finditer(data):
        head, _, rest = match[1].partition(b":")
        _Token(head, rest.split(b","))
        count += 1
    return count


_WATCH = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:], stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(status, used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
"""
"""Runs a command from a process that is small itself: a child's peak memory counts what its parent had at its birth."""


class Run(NamedTuple):
    """What a process took: CPU seconds, peak memory in MB."""

    seconds: float
    memory: float


def watched(arguments: Sequence[str], root: Path | None = None, out: Path | None = None) -> tuple[int, Run]:
    """Run a command (``root``: with the project there); return its exit status and what it took."""
    environment = dict(os.environ) if root is None else {**os.environ, "PYTHONPATH": str(root)}
    with open(out or os.devnull, "wb") as stream:
        command = [sys.executable, "-c", _WATCH, *arguments]
        done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, env=environment, cwd=root, check=False)
    status, seconds, kilobytes = done.stderr.split()[-3:]
    return int(status), Run(float(seconds), int(kilobytes) / 1000)


def run(arguments: Sequence[str], root: Path | None = None, out: Path | None = None) -> Run:
    """Run a command and return what it took. Raises RuntimeError if it fails."""
    status, took = watched(arguments, root, out)
    if status not in (0, 1):
        raise RuntimeError(f"{' '.join(arguments)} ended with {status}")
    return took


def atshark(root: Path, *arguments: str, out: Path | None = None) -> Run:
    """Run the command of the project at ``root``."""
    return run([sys.executable, "-m", "atshark", *arguments], root, out)


class Row(NamedTuple):
    """A contender: what it took for so many ``units`` of work."""

    name: str
    run: Run
    units: int

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.units / self.run.seconds


def contenders(size: int, folder: Path) -> list[Row]:
    """Measure all contenders on a session of ``size`` bytes."""
    recorded, exported = folder / "r.pcapng", folder / "e.pcapng"
    recording.record(session(size), recorded)
    data = b"".join(chunk.data for chunk in session(size))
    begin = time.process_time()
    lines = floor(data)
    rows = [Row("regex tokeniser alone (floor)", Run(time.process_time() - begin, 0.0), lines)]
    del data
    decode = ("decode", str(recorded), "--format", "jsonl")
    rows.append(Row("atshark decode --format jsonl", atshark(ROOT, *decode), lines))
    made = atshark(ROOT, "export", str(recorded), "-w", str(exported))
    rows.append(Row("atshark export (packets)", made, count_packets(exported)))
    return rows


def count_packets(path: Path) -> int:
    """Count the packets of a capture."""
    done = subprocess.run(["capinfos", "-c", "-M", "-T", "-r", str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout.split("\t")[-1])


def scaling(sizes: Sequence[int], folder: Path, root: Path) -> tuple[list[tuple[int, Run]], float]:
    """Decode sessions of ``sizes`` bytes. Return what each took (less the start), and the exponent of time by size."""
    tiny, path = folder / "tiny.pcapng", folder / "s.pcapng"
    recording.record(session(10), tiny)
    start = min(atshark(root, "decode", str(tiny), "--format", "jsonl").seconds for _ in range(3))
    found = []
    for size in sizes:
        recording.record(session(size), path)
        took = atshark(root, "decode", str(path), "--format", "jsonl")
        found.append((size, Run(took.seconds - start, took.memory)))
    xs = [math.log(size) for size, _ in found]
    ys = [math.log(took.seconds) for _, took in found]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True))
    return found, slope / sum((x - middle_x) ** 2 for x in xs)


def startup() -> float:
    """Return how long ``atshark --help`` takes, in seconds of wall time, at best of five."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "atshark", "--help"], cwd=ROOT, capture_output=True, check=True)
        times.append(time.perf_counter() - begin)
    return min(times)
