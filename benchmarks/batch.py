"""What a thousand tickets cost."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.decode import ROOT, run
from benchmarks.tickets import write


class Cost(NamedTuple):
    """Tickets, their bytes, the bytes of the dataset, wall and CPU seconds."""

    tickets: int
    size: int
    dataset: int
    wall: float
    cpu: float


def measure(folder: Path, root: Path = ROOT, tickets: int = 1000, size: int = 30_000) -> Cost:
    """Write tickets and batch them, on all cores, with the project at ``root``."""
    total = sum(path.stat().st_size for path in write(folder / "tickets", tickets, size))
    out = folder / "set"
    begin = time.perf_counter()
    before = os.times()
    run([sys.executable, "-m", "atshark", "batch", str(folder / "tickets"), "-o", str(out)], root)
    after = os.times()
    made = sum(path.stat().st_size for path in out.rglob("*.parquet"))
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(tickets, total, made, time.perf_counter() - begin, cpu)
