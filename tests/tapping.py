"""``atshark capture`` on a virtual line, in a process of its own, and no faster than it listens.

What a test says on a wire is waited for until the tap has read it, however busy the machine is; so tests need no pauses, and
what is said later is read later.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from capture.chunk import Chunk, MarkChunk, MarkKind, Side
from capture.errors import AtsharkError
from capture.tap import Tap
from tests.helpers import ROOT

PATIENCE_S = 120.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that will happen; fail if it does not, even on a busy machine."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.005)


def all_read(line: VirtualLine, side: Side, quiet_s: float = 0.3) -> None:
    """Wait until somebody has read what was put on a wire: it was seen to wait and does not any more, or for long not.

    (A terminal hands bytes on a little later than they are written.)
    """
    began = time.monotonic()
    waits = False

    def read() -> bool:
        nonlocal waits
        unread = line.unread(side)
        waits = waits or unread > 0
        return unread == 0 and (waits or time.monotonic() - began > quiet_s)

    wait_until(read, f"somebody reads what the {side} says")


def _nothing_waits(line: VirtualLine, side: Side) -> bool:
    return line.unread(side) == 0


def play_in_turn(line: VirtualLine, chunks: Iterable[Chunk]) -> None:
    """Play chunks with at least the gaps that they have; a wire speaks only when the other one has been read.

    A machine that stalls makes it later, and never brings two chunks so near that nobody can tell which came first.
    """
    before: Chunk | None = None
    for chunk in chunks:
        if before is not None:
            time.sleep(max(0, (chunk.time_ns or 0) - (before.time_ns or 0)) / 1e9)
            wait_until(partial(_nothing_waits, line, before.side), f"somebody reads what the {before.side} says")
        line.write(chunk.side, chunk.data)
        before = chunk


class Capture:
    """A running capture to ``out``; killed when the block ends, if it has not ended before."""

    def __init__(
        self, line: VirtualLine, out: Path, *arguments: str, mcu: str = "", module: str = "", **environment: str
    ) -> None:
        self._line, self._out = line, out
        self._said: dict[Side, int] = {"mcu": 0, "module": 0}
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "atshark",
                "capture",
                mcu or line.ports["mcu"],
                module or line.ports["module"],
                "-w",
                str(out),
                *arguments,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )

    def ready(self) -> None:
        """Wait until it listens."""
        wait_until(lambda: self._out.exists() and self._out.stat().st_size > 100, "the recording begins")

    def write(self, side: Side, data: bytes) -> None:
        """Put bytes on a wire."""
        self._line.write(side, data)
        self._said[side] += len(data)

    def say(self, side: Side, data: bytes) -> None:
        """Put bytes on a wire and wait until all that was said is recorded."""
        self.write(side, data)
        wait_until(lambda: self.process.poll() is not None or self._recorded() == self._said, "all is recorded")

    def _recorded(self) -> dict[Side, int]:
        sizes: dict[Side, int] = {"mcu": 0, "module": 0}
        for path in self._out.parent.glob(f"{self._out.stem}*"):
            with contextlib.suppress(AtsharkError), open_source(str(path)) as source:
                for chunk in source:
                    sizes[chunk.side] += len(chunk.data)
        return sizes

    def end(self, number: signal.Signals = signal.SIGINT, statuses: tuple[int, ...] = (0,)) -> tuple[bytes, str]:
        """End it and return what it printed and what it said."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode in statuses, errors
        return output, errors.decode()

    @property
    def children(self) -> list[int]:
        """The processes that it has started."""
        done = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(number) for number in done.stdout.split()]

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def collect(tap: Tap, size: int) -> dict[Side, bytes]:
    """Read until ``size`` bytes came, or for long."""
    out: dict[Side, bytes] = {"mcu": b"", "module": b""}
    end = time.monotonic() + PATIENCE_S
    for chunk in tap:
        if chunk is not None:
            out[chunk.side] += chunk.data
        if sum(map(len, out.values())) >= size or time.monotonic() > end:
            break
    return out


def take(tap: Tap, mark: MarkKind, size: int = 0) -> list[Chunk]:
    """Read until a mark of a kind and ``size`` bytes have come, or for long."""
    out: list[Chunk] = []
    end = time.monotonic() + PATIENCE_S
    for chunk in tap:
        if chunk is not None:
            out.append(chunk)
        marks = [one.mark.kind for one in out if isinstance(one, MarkChunk)]
        if (mark in marks and sum(len(one.data) for one in out) >= size) or time.monotonic() > end:
            break
    return out
