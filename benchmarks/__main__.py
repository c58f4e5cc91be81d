"""Measure everything and write the tables of docs/performance.md: ``make bench``."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import batch, decode, tap, wireshark

SIZE = int(os.environ.get("ATSHARK_BENCH_BYTES", "100000000"))
LARGEST = int(os.environ.get("ATSHARK_BENCH_LARGEST", str(SIZE)))
SECONDS = float(os.environ.get("ATSHARK_TAP_SECONDS", "60"))
PAGE = decode.ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: from here on `make bench` writes -->\n", "<!-- measured: to here -->\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a Markdown table; all columns but the first are numbers."""
    rule = "|---|" + "---:|" * (len(head) - 1)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def speed(folder: Path) -> str:
    """Measure decoder, export and peers."""
    rows = decode.contenders(SIZE, folder)
    shown = [
        (
            row.name,
            f"{row.run.seconds:.2f}",
            f"{row.rate:,.0f}",
            f"{row.rate / rows[0].rate:.3f}",
            f"{row.run.memory:.0f}" if row.run.memory else "",
        )
        for row in rows
    ]
    head = ("what", "CPU seconds", "lines/s (packets/s)", "of the floor", "peak MB")
    return f"{SIZE / 1e6:.0f} MB of traffic, {rows[0].units:,} lines:\n\n" + table(head, shown)


def shown(folder: Path) -> str:
    """Measure what the plugin costs tshark."""
    rows, later = wireshark.measure(folder)
    return (
        table(wireshark.HEAD, [row.cells for row in rows]) + f"\nWith the plugin tshark starts {later:.2f} s later.\n"
    )


def growth(folder: Path) -> str:
    """Measure how time and memory grow."""
    steps = (0.5, 1, 3, 10, 30, 100, 300, 1000)
    sizes = [int(step * 1e6) for step in steps if step * 1e6 <= LARGEST]
    found, exponent = decode.scaling(sizes, folder, decode.ROOT)
    rows = [(f"{size / 1e6:g} MB", f"{took.seconds:.2f}", f"{took.memory:.0f}") for size, took in found]
    return (
        f"Time grows with size to the power of {exponent:.3f} (`decode --format jsonl`, less the start):\n\n"
        + table(("traffic", "CPU seconds", "peak MB"), rows)
    )


def live(folder: Path) -> str:
    """Measure the tap."""
    found = tap.measure(SECONDS, folder / "tap.pcapng")
    errors = sorted(abs(error) for error in found.errors)
    rows = [
        ("bytes sent", f"{found.sent:,}"),
        ("bytes lost", f"{found.lost:,}" + ("" if found.intact else " (digests differ)")),
        ("recorder, of a core", f"{found.cpu:.1%}"),
        ("first-byte time, median error", f"{errors[len(errors) // 2]:.3f} ms"),
        ("first-byte time, 99 % within", f"{errors[int(len(errors) * 0.99)]:.3f} ms"),
        ("display", found.not_shown.removeprefix("atshark: ")),
    ]
    title = f"{SECONDS:.0f} s at {tap.BAUD:,} baud both ways, the other core busy, live view on:\n\n"
    return title + table(("tap", "measured"), rows)


def tickets(folder: Path) -> str:
    """Measure batches."""
    cost = batch.measure(folder, decode.ROOT)
    row = (
        "`atshark batch`",
        f"{cost.tickets:,}",
        f"{cost.size / 1e6:.1f}",
        f"{cost.dataset / 1e6:.1f}",
        f"{cost.wall:.1f}",
        f"{cost.cpu:.1f}",
        f"{cost.cpu / cost.size * 1e9 / 3600:.2f}",
    )
    head = ("what", "tickets", "MB of tickets", "MB of dataset", "seconds", "CPU seconds", "core hours per GB")
    return table(head, [row])


def main() -> None:
    """Measure, print, and write the page."""
    version = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    parts = [f"Python {platform.python_version()}, {version.split(' (Git')[0]}, {os.cpu_count()} cores, one run.\n"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        steps: list[Callable[[], str]] = [
            lambda: speed(folder),
            lambda: shown(folder),
            lambda: growth(folder),
            lambda: f"`atshark --help` takes {decode.startup():.2f} s.\n",
            lambda: live(folder),
            lambda: tickets(folder),
        ]
        for step in steps:
            parts.append(step())
            print(parts[-1], flush=True)
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(parts) + "\n" + END + after, "utf-8")


if __name__ == "__main__":
    main()
