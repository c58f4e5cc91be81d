"""Pairing in a log that somebody wrote down: results may be missing, and times whole seconds or none.

Strategy: evidence before order. An answer that was begun since the last command belongs with the result behind it;
else the newest command is answered, unless commands were sent in one go. A command that a newer one has overtaken may
still be answered late, by its name; an answer without a result is shown, and claims nothing that comes later.
"""

from __future__ import annotations

from collections import deque

from capture.timing import Timing
from decoder.pairing.pending import PIPELINE_NS, PendingLine

_PASSED = 3
"""So many results of newer commands show that an older one will get none."""


class Log:
    """Where a log is. ``begun``: the command line whose answer was begun since the last command."""

    def __init__(self) -> None:
        self.line = 0
        self.begun: PendingLine | None = None
        self.now_ns: int | None = None


def overtaken(first: PendingLine, second: PendingLine, timing: Timing) -> bool:
    """Tell whether an answer that fits both belongs to ``second``."""
    if first.time_ns is None or second.time_ns is None or first.answered or first.text == second.text:
        return True
    span_ns = second.time_ns - first.time_ns
    return span_ns == 0 or timing.surely_longer(span_ns, PIPELINE_NS)


def current(pending: deque[PendingLine], log: Log, timing: Timing) -> PendingLine | None:
    """Return the command line that a result without other evidence completes."""
    if not pending:
        return None
    if log.begun is not None and any(entry is log.begun for entry in pending):
        return log.begun
    waiting = [entry for entry in pending if not entry.passed] or [pending[-1]]
    entry = waiting[0]
    for second in waiting[1:]:
        if not overtaken(entry, second, timing):
            return entry
        entry = second
    return entry


def passed(pending: deque[PendingLine], entry: PendingLine, *, refused: bool) -> list[PendingLine]:
    """Take ``entry`` out of the queue, which is completed; return the older ones that will get no result."""
    over: list[PendingLine] = []
    kept: list[PendingLine] = []
    while pending[0] is not entry:
        older = pending.popleft()
        older.passed += 1
        late = older.time_ns is not None and not older.answered and older.passed < _PASSED
        (kept if refused or late else over).append(older)
    pending.popleft()
    pending.extendleft(reversed(kept))
    return over
