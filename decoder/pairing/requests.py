"""Requests of the platform that the module hands on, and the commands by which the MCU answers them.

Strategy: a URC whose dialect says which command answers it is remembered. A command that answers such URCs looks
for the one with equal parameters (a message id); its record then tells which request it answers and how long the
MCU took. A request that nobody answered in time is a finding, unless the module answers it by itself.

Source: OneMO LwM2M manual 3.10-3.19 (message ids), 3.11 and 5.1 (3 s and 5 s).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from decoder.catalog import Catalog
from decoder.catalog.conditions import matches
from decoder.catalog.spec import AnsweredSpec
from decoder.events import Information, Params
from decoder.times import NEVER, SECOND

MAX_WAITING = 256
KEPT_NS = 120 * SECOND
"""How long a request is remembered after it should have been answered: answers may be late, or have several parts."""

Unanswered = Callable[[Information, AnsweredSpec], None]


class _Request:
    __slots__ = ("answered", "deadline_ns", "information", "name", "number", "spec")

    def __init__(
        self, name: str, information: Information, spec: AnsweredSpec, deadline_ns: int | None, number: int
    ) -> None:
        self.name = name
        self.number = number
        self.information = information
        self.spec = spec
        self.deadline_ns = deadline_ns
        self.answered = False


class Requests:
    """The requests of a session that may still be answered. ``unanswered`` is told which ones were not."""

    def __init__(self, catalog: Catalog, unanswered: Unanswered) -> None:
        self._catalog = catalog
        self._unanswered = unanswered
        self._waiting: deque[_Request] = deque(maxlen=MAX_WAITING)
        self.wake_ns = NEVER

    def add(
        self, name: str, params: Params, labels: dict[str, str], raw: str, time_ns: int | None, number: int
    ) -> None:
        """Remember the URC ``name``, which has this number, if a command is to answer it."""
        urc = self._catalog.urcs.get(name)
        spec = urc.spec.answered if urc is not None else None
        if spec is None:
            return
        expected = not spec.optional and not any(params.get(key) in values for key, values in spec.unless.items())
        information = Information(name, params, raw, labels or msgspec.UNSET, time_ns=time_ns)
        deadline_ns = time_ns + spec.within * SECOND if time_ns is not None and expected else None
        self._waiting.append(_Request(name, information, spec, deadline_ns, number))
        if deadline_ns is not None:
            self.wake_ns = min(self.wake_ns, deadline_ns)

    def find(self, command: str, params: Params) -> Information | None:
        """Return the request that ``command`` with these parameters answers: the oldest that has no answer yet."""
        found = self._find(command, params)
        return found.information if found is not None else None

    def answer(self, command: str, params: Params, time_ns: int | None) -> tuple[Information | None, int]:
        """Note that ``command`` answers a request. Returns it, with the time that the answer took, and its number."""
        found = self._find(command, params)
        if found is None:
            return None, 0
        for request in self._waiting:
            if request.spec.command == command and matches(request.spec.match, params, request.information.params):
                request.answered = True
        asked_ns = found.information.time_ns
        latency_ns = time_ns - asked_ns if time_ns is not None and isinstance(asked_ns, int) else None
        told = found.information
        return msgspec.structs.replace(told, params=told.params.copy(), latency_ns=latency_ns), found.number

    def _find(self, command: str, params: Params) -> _Request | None:
        best: _Request | None = None
        for request in self._waiting:
            if request.spec.command == command and matches(request.spec.match, params, request.information.params):
                if not request.answered:
                    return request
                best = request
        return best

    def expire(self, now_ns: int) -> None:
        """Report requests that should have been answered by ``now_ns``."""
        self.wake_ns = NEVER
        for request in self._waiting:
            if request.answered or request.deadline_ns is None:
                continue
            if request.deadline_ns <= now_ns:
                request.deadline_ns = None
                self._unanswered(request.information, request.spec)
            else:
                self.wake_ns = min(self.wake_ns, request.deadline_ns)

    def forget(self, now_ns: int | None) -> None:
        """Forget what is too old to be answered at ``now_ns``."""
        waiting = self._waiting
        while waiting and now_ns is not None and _is_old(waiting[0].information.time_ns, now_ns):
            waiting.popleft()

    def clear(self) -> None:
        """Forget everything: the module restarted."""
        self._waiting.clear()


def _is_old(time_ns: object, now_ns: int) -> bool:
    return isinstance(time_ns, int) and time_ns + KEPT_NS < now_ns
