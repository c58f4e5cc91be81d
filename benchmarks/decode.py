"""Speed of ``decode --format jsonl`` against the regex-tokeniser floor and tshark: ``python -m benchmarks.decode``.

All figures are of this run on this machine; what counts are the ratios. Lines are non-empty text lines of the
recording, the same count for every contender.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.generate import session
from capture import recording
from capture.chunk import Chunk
from decoder import catalog
from decoder.session import Session
from wireshark.export import export
from wireshark.lua_catalog import OUTPUT as DISSECTOR

SIZE = int(os.environ.get("ATSHARK_BENCH_BYTES", "10000000"))
RUNS = 3
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


def best(action: Callable[[], object]) -> float:
    """Run ``action`` a few times and return its shortest time in seconds."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return min(times)


def command(*arguments: str) -> Callable[[], object]:
    """Return an action that runs a command with its output thrown away."""
    return lambda: subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        chunks = list(session(SIZE))
        recorded, exported = Path(folder, "r.pcapng"), Path(folder, "e.pcapng")
        recording.record(chunks, recorded)
        export(chunks, Session(catalog.load()), exported)
        data = b"".join(chunk.data for chunk in chunks)
        lines = floor(data)
        contenders: list[tuple[str, Callable[[], object]]] = [
            ("regex tokeniser alone (floor)", lambda: floor(data)),
            ("decoder alone, in memory", lambda: decode(chunks)),
            (
                "atshark decode --format jsonl",
                command(sys.executable, "-m", "atshark", "decode", str(recorded), "--format", "jsonl"),
            ),
            (
                "atshark export",
                command(sys.executable, "-m", "atshark", "export", str(recorded), "-w", f"{folder}/x.pcapng"),
            ),
            ("tshark, no Lua", command("tshark", "-r", str(exported))),
            ("tshark with atshark.lua", command("tshark", "-r", str(exported), "-X", f"lua_script:{DISSECTOR}")),
        ]
        table = Table(title=f"{len(data) / 1e6:.0f} MB, {lines} lines, {os.cpu_count()} cores")
        for column in ("what", "seconds", "lines/s", "of the floor"):
            table.add_column(column, justify="left" if column == "what" else "right")
        reference = 0.0
        for name, action in contenders:
            seconds = best(action)
            reference = reference or seconds
            table.add_row(name, f"{seconds:.2f}", f"{lines / seconds:,.0f}", f"{reference / seconds:.3f}")
        Console().print(table)


def decode(chunks: list[Chunk]) -> None:
    """Decode without reading or printing anything."""
    one = Session(catalog.load())
    for chunk in chunks:
        one.feed(chunk)
    one.close()


if __name__ == "__main__":
    main()
