"""A day of traffic in half an hour through the live tap: ``make soak``, or ``python -m tests.soak [--minutes N]``.

Rotation, compression, live view and notes are on. Printed: whether every byte is there, how the recorder's memory and open
files grew, and what share of a core it took.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from benchmarks.generate import session
from benchmarks.tap import drain
from capture.chunk import Chunk, MarkChunk, Side

DAY_NS = 86_400_000_000_000


def day() -> list[Chunk]:
    """Make a day of traffic."""
    out: list[Chunk] = []
    for chunk in session(10**12, seed=7):
        if out and (chunk.time_ns or 0) - (out[0].time_ns or 0) > DAY_NS:
            return out
        out.append(chunk)
    return out


def resident_mb(pid: int) -> float:
    """Return the memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    """Run, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    minutes = parser.parse_args().minutes
    chunks = day()
    faster = DAY_NS / (minutes * 60e9)
    first = chunks[0].time_ns or 0
    quick = [Chunk(first + int(((time_ns or 0) - first) / faster), side, data) for time_ns, side, data in chunks]
    sent: dict[Side, bytes] = {side: b"".join(c.data for c in chunks if c.side == side) for side in ("mcu", "module")}
    print(f"{len(chunks)} chunks, {sum(map(len, sent.values())):,} bytes, {faster:.0f} times as fast", flush=True)
    terminal, inside = pty.openpty()
    threading.Thread(target=drain, args=(terminal,), daemon=True).start()
    memory: list[float] = []
    files: list[int] = []
    with tempfile.TemporaryDirectory() as folder, VirtualLine() as line:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "atshark",
                "capture",
                line.ports["mcu"],
                line.ports["module"],
                "-w",
                f"{folder}/day.pcapng",
                "--rotate",
                "1MB",
                "--compress",
                "zstd",
            ],
            stdin=inside,
            stdout=inside,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        time.sleep(3)
        player = threading.Thread(target=line.play, args=(quick,))
        player.start()
        noted = 0
        while player.is_alive():
            player.join(10)
            memory.append(resident_mb(process.pid))
            files.append(len(os.listdir(f"/proc/{process.pid}/fd")))
            os.write(terminal, b"mstill here\r")
            noted += 1
        time.sleep(1)
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") / (minutes * 60)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        got: dict[Side, bytearray] = {"mcu": bytearray(), "module": bytearray()}
        notes = 0
        recorded = sorted(Path(folder).iterdir())
        for path in recorded:
            with open_source(str(path)) as source:
                for chunk in source:
                    got[chunk.side] += chunk.data
                    notes += isinstance(chunk, MarkChunk) and chunk.mark.kind == "note"
    same = {side: hashlib.sha256(got[side]).digest() == hashlib.sha256(sent[side]).digest() for side in sent}
    print(errors.decode()[-500:])
    print(f"bytes: {'all there, in order' if all(same.values()) else f'DIFFERENT {same}'}; notes {notes} of {noted}")
    print(
        f"files {len(recorded)}; memory {memory[0]:.0f} MB at first, {max(memory):.0f} MB at most, {memory[-1]:.0f} MB at last"
    )
    print(f"open files {files[0]} at first, {files[-1]} at last; {cpu:.1%} of a core; exit status {process.returncode}")
    return 0 if all(same.values()) and process.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
