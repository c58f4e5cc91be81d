"""What all channels of a module share: what it was told, what it still owes, which dialect it speaks."""

from __future__ import annotations

from itertools import count

from capture.timing import Timing
from decoder.catalog import Catalog
from decoder.catalog.choice import Ranking
from decoder.catalog.spec import AnsweredSpec
from decoder.events import Event, Finished, Information
from decoder.pairing.pending import PendingCommand
from decoder.pairing.requests import Requests
from decoder.pairing.settings import Settings
from decoder.pairing.written import Log
from decoder.rules import found
from decoder.times import NEVER

_MAX_LATE = 1024
_MAX_LATE_TEXT = 1 << 21
"""Characters of the commands that wait for a late line."""
_SHORT_LINE = 1024


class Module:
    """The state of a module. ``late``: commands that said OK and that a later line completes. Bounded.

    ``out``: the events of all its channels, in order. ``own_ok``: URCs after which the module was seen to send an OK of
    their own. ``numbers`` counts the commands and requests of a session.
    """

    def __init__(self, catalog: Catalog, out: list[Event], timing: Timing) -> None:
        self.out = out
        self.timing = timing
        self.catalog = catalog
        self.settings = Settings()
        self.ranking = Ranking(catalog)
        self.requests = Requests(catalog, self._unanswered_request)
        self.late: list[PendingCommand] = []
        self.own_ok: set[str] = set()
        self.numbers = count(1)
        self.log: Log | None = None
        """Set where the input is a log that may leave results out."""

    def await_late(self, waiting: PendingCommand) -> None:
        """A later line completes this command."""
        self.late.append(waiting)
        if len(self.late) > _MAX_LATE:
            self._expire(self.late.pop(0))
        if len(waiting.issued.raw) > _SHORT_LINE:
            while sum(len(one.issued.raw) for one in self.late) > _MAX_LATE_TEXT:
                self._expire(self.late.pop(0))

    def finish(self, waiting: PendingCommand) -> None:
        """Emit the record of a command that is over."""
        self.out.append(Finished(waiting.issued.number))
        self.out.append(waiting.record())

    def expire(self, now_ns: int) -> int:
        """Let the deadlines up to ``now_ns`` pass. Return the next one."""
        expired = [one for one in self.late if one.deadline_ns is not None and one.deadline_ns <= now_ns]
        for waiting in expired:
            self.late.remove(waiting)
            self._expire(waiting)
        if now_ns >= self.requests.wake_ns:
            self.requests.expire(now_ns)
        next_ns = min((one.deadline_ns for one in self.late if one.deadline_ns is not None), default=NEVER)
        return min(next_ns, self.requests.wake_ns)

    def abandon(self) -> None:
        """Nothing that is late will come: the module restarted, or the input ended."""
        for waiting in self.late:
            self._expire(waiting)
        self.late.clear()

    def _expire(self, waiting: PendingCommand) -> None:
        self.finish(waiting)
        if waiting.urcs or all(late.optional for late in waiting.late):
            return
        issued, command = waiting.issued, waiting.reading.command
        names = " or ".join(dict.fromkeys(_with_plus(late.urc) for late in waiting.late))
        reference = f"{issued.dialect} {command.spec.section}" if command is not None else None
        values = {"line": issued.raw, "what": names}
        self.out.append(found("late.missing", issued.time_ns, "mcu", values, reference=reference))

    def _unanswered_request(self, request: Information, spec: AnsweredSpec) -> None:
        values = {"line": request.raw, "what": f"AT+{spec.command}", "seconds": spec.within}
        time_ns = request.time_ns if isinstance(request.time_ns, int) else None
        self.out.append(found("request.unanswered", time_ns, "mcu", values))


def _with_plus(name: str) -> str:
    return name if name == "CONNECT" or not name[0].isalpha() else "+" + name
