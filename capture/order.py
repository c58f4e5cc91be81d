"""The order of the two wires, where two adapters blur it, and the skew between them.

An adapter keeps bytes back for some milliseconds; when that of the MCU's wire does so longer than the other, an answer
is read before its command. What the module says while no command waits, with no byte of the MCU since the last result,
is held for a moment if it can only be an answer (it has a result in it, or echoes a command). A command that comes in
that time is put before it, and a mark says so, with the time as read. Everything else passes at once. Results that may
also come late and alone (SEND OK, NO CARRIER) are not held: what the MCU sends next is its reaction to them.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from capture import grammar
from capture.chunk import Chunk, Mark, MarkChunk, ReadChunk, first_ns

HOLD_NS = 20_000_000
_TAIL = 256
_KEPT = 1000
_ENOUGH = 5
_FORGOTTEN_NS = 3_000_000_000
_WORTH_TELLING_NS = 1_000_000


class Order:
    """Takes chunks as they were read; returns them in the order of cause and effect."""

    def __init__(self) -> None:
        self._open = 0
        self._heard = False
        self._active_ns = 0
        self._line = b""
        self._text = b""
        self._answer = b""
        self._held: list[Chunk] = []
        self._until_ns = 0
        self._last_ns = 0
        self._command_ns: int | None = None
        self._echoes: deque[int] = deque(maxlen=_KEPT)
        self._ahead: deque[int] = deque(maxlen=_KEPT)
        self.commands = 0

    def push(self, chunk: Chunk) -> list[Chunk]:
        """Take one chunk with a time; return those that are due."""
        now = chunk.time_ns or 0
        if isinstance(chunk, MarkChunk):
            return [*self.tick(now), chunk]
        if self._held:
            if now >= self._until_ns:
                return [*self.tick(now), *self.push(chunk)]
            if chunk.side == "mcu" and self._commands(chunk):
                return self._repair(chunk)
            self._held.append(chunk)
            return []
        if chunk.side == "mcu":
            self._commands(chunk)
            self._last_ns = now
            return [chunk]
        if not self._open and not self._heard and self._answers(chunk.data):
            self._held = [chunk]
            self._until_ns = now + HOLD_NS
            return []
        self._answered(chunk)
        self._last_ns = now
        return [chunk]

    def tick(self, now_ns: int) -> list[Chunk]:
        """Return what has been held long enough."""
        if not self._held or now_ns < self._until_ns:
            return []
        return self.close()

    def close(self) -> list[Chunk]:
        """Return what is held."""
        held, self._held = self._held, []
        for chunk in held:
            self._last_ns = max(self._last_ns, chunk.time_ns or 0)
            if chunk.side == "module":
                self._answered(chunk)
        return held

    @property
    def wake_ns(self) -> int | None:
        """When :meth:`tick` should be called, None if nothing is held."""
        return self._until_ns if self._held else None

    def _commands(self, chunk: Chunk) -> bool:
        """Follow the command line; tell whether ``chunk`` ends one."""
        self._heard = True
        self._line = (self._line + chunk.data)[-_TAIL:]
        head, found, rest = self._line.rpartition(b"\r")
        if not found:
            return False
        lines = head.replace(b"\n", b"\r").split(b"\r")
        commands = [line[at:] for line in lines if (at := grammar.command_start(line)) >= 0]
        self._line = rest
        if not commands:
            return False
        now = chunk.time_ns or 0
        if now - self._active_ns > _FORGOTTEN_NS:
            self._open = 0
        self._active_ns = now
        self._open += len(commands)
        self._answer = b""
        self.commands += len(commands)
        self._text = commands[-1].strip()
        self._command_ns = first_ns(chunk)
        return True

    def _answers(self, data: bytes) -> bool:
        return grammar.ANSWER_LINE.search(data) is not None or grammar.command_start(data) == 0

    def _answered(self, chunk: Chunk) -> None:
        self._answer = (self._answer + chunk.data)[-_TAIL:]
        if self._command_ns is not None and chunk.data.lstrip(b"\r\n").startswith(self._text):
            self._echoes.append((first_ns(chunk) or 0) - self._command_ns)
        self._command_ns = None
        self._active_ns = chunk.time_ns or 0
        finals = list(grammar.ANSWER_LINE.finditer(self._answer))
        if finals:
            self._open = max(0, self._open - len(finals))
            self._heard = False
            self._answer = self._answer[finals[-1].end() :]

    def _repair(self, command: Chunk) -> list[Chunk]:
        """Put ``command`` before the answer that was read before it."""
        held, self._held = self._held, []
        answer = next(one for one in held if one.side == "module")
        ahead = (command.time_ns or 0) - (answer.time_ns or 0)
        self._ahead.append(ahead)
        before = max((first_ns(answer) or 0) - 1, self._last_ns)
        text = (
            f"the answer was read {ahead / 1e6:.1f} ms before its command ({self._text.decode('latin-1')}), which was "
            f"read at {command.time_ns} ns and is put before it: an adapter was late"
        )
        self._command_ns = None
        early = [_moved(one, before) for one in [*held, command] if one.side == "mcu"]
        rest = [one for one in held if one.side == "module"]
        for one in rest:
            self._answered(one)
        self._last_ns = max(before, rest[-1].time_ns or 0)
        return [*early, MarkChunk.at(before, "mcu", Mark("order", text)), *rest]

    def skew(self) -> Mark | None:
        """Say what was measured about the two adapters; None if that is nothing worth telling."""
        parts = []
        if self._ahead:
            parts.append(
                f"{len(self._ahead)} of {self.commands} answers were read before their commands, by up to "
                f"{max(self._ahead) / 1e6:.1f} ms: the module's adapter is ahead of the MCU's by at least that"
            )
        if len(self._echoes) >= _ENOUGH:
            middle = median(self._echoes)
            if self._ahead or abs(middle) >= _WORTH_TELLING_NS:
                parts.append(
                    f"echoes began {middle / 1e6:.1f} ms after their commands (median of {len(self._echoes)}; from "
                    f"{min(self._echoes) / 1e6:.1f} to {max(self._echoes) / 1e6:.1f}): the time to echo and the skew"
                )
        return Mark("skew", "; ".join(parts)) if parts else None


def _moved(chunk: Chunk, before_ns: int) -> Chunk:
    return ReadChunk.at(before_ns, chunk.side, chunk.data, min(before_ns, first_ns(chunk) or before_ns))
