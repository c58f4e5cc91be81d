"""A virtual MCU and module: two peers on two wires, byte by byte in true line timing, without hardware.

Strategy: a discrete-event simulation. A peer is told what arrived and answers with bytes to send after a delay;
the simulation puts them on the peer's wire at line speed, in the small pieces that a UART's FIFO hands on, and
delivers each piece to the other peer when its last bit has passed. The result is a stream of chunks on a
simulated clock: take it as it is (tests, samples, benchmarks), or play it in real time into pseudo terminals
that the real tap listens on.
"""

from __future__ import annotations

import heapq
import os
import re
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from capture.chunk import MCU, MODULE, Chunk, Side
from capture.errors import AtsharkError

MS = 1_000_000
BITS_PER_BYTE = 10
FIFO = 16

Output = tuple[int, bytes]
"""A delay in ns and the bytes to send then. Without bytes it is a timer: the peer is called with no data."""


class Peer(Protocol):
    """One end of the line."""

    def receive(self, data: bytes, now_ns: int) -> Iterable[Output]:
        """Take bytes that arrived (none: the start, or a timer) and say what to send, and when."""


def simulate(mcu: Peer, module: Peer, *, baud: int = 115200, start_ns: int = 0) -> Iterator[Chunk]:
    """Let two peers talk until neither has anything more to send. Yields chunks in the order of their times."""
    peers: dict[Side, Peer] = {MCU: mcu, MODULE: module}
    other: dict[Side, Side] = {MCU: MODULE, MODULE: MCU}
    byte_ns = BITS_PER_BYTE * 1_000_000_000 // baud
    free_ns = {MCU: start_ns, MODULE: start_ns}
    queue: list[tuple[int, int, Side, bytes, bool]] = []
    order = count()

    def ask(side: Side, data: bytes, now_ns: int) -> None:
        for delay_ns, reply in peers[side].receive(data, now_ns):
            heapq.heappush(queue, (now_ns + delay_ns, next(order), side, reply, False))

    for side in (MCU, MODULE):
        ask(side, b"", start_ns)
    while queue:
        now_ns, _, side, data, on_wire = heapq.heappop(queue)
        if on_wire:
            yield Chunk(now_ns, side, data)
            ask(other[side], data, now_ns)
        elif not data:
            ask(side, b"", now_ns)
        else:
            begin = max(now_ns, free_ns[side])
            for offset in range(0, len(data), FIFO):
                piece = data[offset : offset + FIFO]
                begin += len(piece) * byte_ns
                heapq.heappush(queue, (begin, next(order), side, piece, True))
            free_ns[side] = begin


@dataclass(slots=True)
class Wait:
    """A step of a script: do nothing for ``ns``."""

    ns: int


@dataclass(slots=True)
class Send:
    """A step of a script: send ``data``."""

    data: bytes


@dataclass(slots=True)
class Expect:
    """A step of a script: wait until ``pattern`` is found in what arrived, at most ``timeout_ns``."""

    pattern: bytes
    timeout_ns: int = 5_000 * MS


Step = Wait | Send | Expect
Script = Generator[Step, "re.Match[bytes] | None", None]


class ScriptedMcu:
    """An MCU that follows a script: a generator of steps, which gets the match of each Expect (None: timed out)."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._expected: re.Pattern[bytes] | None = None
        self._deadline_ns: int | None = None
        self._wake_ns: int | None = None
        self._received = b""
        self._started = False

    def receive(self, data: bytes, now_ns: int) -> Iterable[Output]:
        """Take what the module sent, and go on with the script as far as it can go."""
        self._received = (self._received + data)[-65536:]
        if not self._started:
            self._started = True
            return self._advance(None, now_ns)
        if self._expected is not None:
            match = self._expected.search(self._received)
            if match:
                self._received = self._received[match.end() :]
                return self._advance(match, now_ns)
            if self._deadline_ns is not None and now_ns >= self._deadline_ns:
                return self._advance(None, now_ns)
        elif self._wake_ns is not None and now_ns >= self._wake_ns:
            return self._advance(None, now_ns)
        return ()

    def _advance(self, match: re.Match[bytes] | None, now_ns: int) -> list[Output]:
        self._expected = self._deadline_ns = self._wake_ns = None
        outputs: list[Output] = []
        while True:
            try:
                step = self._script.send(match) if match is not None else next(self._script)
            except StopIteration:
                return outputs
            match = None
            if isinstance(step, Send):
                outputs.append((0, step.data))
                continue
            if isinstance(step, Wait):
                self._wake_ns = now_ns + step.ns
                return [*outputs, (step.ns, b"")]
            self._expected = re.compile(step.pattern, re.DOTALL)
            found = self._expected.search(self._received)
            if found:
                self._received = self._received[found.end() :]
                match = found
                continue
            self._deadline_ns = now_ns + step.timeout_ns
            return [*outputs, (step.timeout_ns, b"")]


class VirtualLine:
    """Two pseudo terminals that stand for the two adapters of a tap. POSIX only. A context manager.

    ``ports`` are the names to give to the tap; :meth:`play` sends chunks to them at their times.
    """

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise AtsharkError("the virtual line needs pseudo terminals, which Windows does not have")
        import tty  # noqa: PLC0415 - POSIX only

        self._masters: dict[Side, int] = {}
        self._slaves: list[int] = []
        self.ports: dict[Side, str] = {}
        for side in (MCU, MODULE):
            master, slave = os.openpty()
            tty.setraw(slave)
            self._masters[side] = master
            self._slaves.append(slave)
            self.ports[side] = os.ttyname(slave)

    def write(self, side: Side, data: bytes) -> None:
        """Put bytes on the wire of ``side`` now; blocks while the terminal's buffer is full."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._masters[side], view) :]

    def master(self, side: Side) -> int:
        """Return the file number behind the wire of ``side``: it can be written to when the wire has room."""
        return self._masters[side]

    def play(self, chunks: Iterable[Chunk], stopped: Callable[[], bool] = lambda: False) -> None:
        """Send ``chunks`` in real time: the first now, the others as much later as their times say."""
        offset: int | None = None
        for time_ns, side, data in chunks:
            due = time_ns or 0
            if offset is None:
                offset = time.monotonic_ns() - due
            while (wait := due + offset - time.monotonic_ns()) > 0 and not stopped():
                time.sleep(min(wait / 1e9, 0.1))
            if stopped():
                return
            self.write(side, data)

    def unread(self, side: Side) -> int:
        """Return how many bytes of the wire of ``side`` nobody has read yet."""
        import fcntl  # noqa: PLC0415 - POSIX only
        import termios  # noqa: PLC0415 - POSIX only

        waiting = fcntl.ioctl(self._slaves[(MCU, MODULE).index(side)], termios.FIONREAD, bytes(4))
        return int.from_bytes(waiting, sys.byteorder)

    def read_back(self, side: Side) -> bytes:
        """Return what somebody wrote into the port of ``side`` (a passive tap never does)."""
        os.set_blocking(self._masters[side], False)
        try:
            return os.read(self._masters[side], 65536)
        except BlockingIOError:
            return b""
        finally:
            os.set_blocking(self._masters[side], True)

    def close(self) -> None:
        """Close the terminals."""
        for number in (*self._masters.values(), *self._slaves):
            os.close(number)
        self._masters.clear()
        self._slaves.clear()

    def __enter__(self) -> VirtualLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
