"""Voice calls: who called whom, when it was answered, how it ended. One record a call, when it is over.

What dials, rings, answers and hangs up stands in the dialects (``call``). A call that dialling accepted with OK goes on
until somebody hangs up or the module says that it is gone; whether it was answered is known only where a line tells it.

Source: ITU-T V.250 6.3, TS 27.007 6.11 to 6.14, 7.6, 7.11, 7.18.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from capture.chunk import Side
from decoder.effects import Answered, Ended, Reported, Restarted
from decoder.events import Call, Params
from decoder.followers.follower import Follower, Hear, Seat
from decoder.times import NEVER, SECOND

RING_NS = 15 * SECOND
"""Rings come every five or six seconds; after this silence the caller has given up."""
_ACTIVE, _MOBILE_TERMINATED = 0, 1
"""States and direction in a list of calls (TS 27.007 7.18)."""
_BY_OTHER = "ended by the other side"
_ENDS = {"BUSY": "busy", "NO ANSWER": "no answer", "NO DIALTONE": "no dial tone", "NO CARRIER": _BY_OTHER}
"""Final result codes that end a call (V.250 5.7)."""
_Direction = Literal["outgoing", "incoming"]


class _Open(msgspec.Struct):
    """A call that is not over."""

    direction: _Direction
    began_ns: int | None
    number: str | None = None
    answered: bool = False
    answered_ns: int | None = None
    rang_ns: int | None = None
    because: str = ""


class Calls(Follower):
    """Follows calls: at most one of each direction at a time."""

    effects = frozenset(["call"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._open: dict[_Direction, _Open] = {}

    def hears(self) -> Mapping[type, Hear]:
        """Results, answers and URCs about calls."""
        return {Ended: self._ended, Answered: self._listed, Reported: self._reported, Restarted: self._restarted}

    def expire(self, now_ns: int) -> None:
        """It has not rung for long."""
        call = self._open.get("incoming")
        if call is not None and not call.answered:
            self._over(call, call.rang_ns, "not answered", call.because)
        self.wake_ns = NEVER

    def finish(self, last_ns: int | None) -> None:
        """The session ends while a call goes on."""
        for call in [*self._open.values()]:
            self._over(call, last_ns, "the session ended", call.because)

    def _restarted(self, event: Restarted) -> None:
        for call in [*self._open.values()]:
            self._over(call, event.time_ns, "the module restarted", "")

    def _ended(self, event: Ended) -> None:
        """A command that dials, answers or hangs up got its result."""
        issued = event.issued
        role = issued.command.call if issued.command is not None else ""
        if role == "dials":
            number = str(issued.params.get("number", ""))
            if not number.endswith(";"):
                return
            call = _Open("outgoing", issued.time_ns, number.rstrip(";gGiI") or None, because=issued.raw)
            self._open["outgoing"] = call
            if not event.good:
                self._over(call, event.time_ns, _refused(event.why), event.why)
        elif role == "answers" and event.good:
            self._answer(self._open.get("incoming"), event.time_ns)
        elif role == "hangs up" and event.good:
            for call in [*self._open.values()]:
                refused = call.direction == "incoming" and not call.answered
                self._over(call, event.time_ns, "refused by the MCU" if refused else "ended by the MCU", issued.raw)

    def _listed(self, event: Answered) -> None:
        """A list of calls says that one is active."""
        params = event.message.params
        if params.get("call_state") == _ACTIVE:
            incoming = params.get("direction") == _MOBILE_TERMINATED
            self._answer(self._open.get("incoming" if incoming else "outgoing"), event.message.time_ns)

    def _reported(self, event: Reported) -> None:
        message = event.message
        if event.urc is None:
            self._gone(message.time_ns, message.text)
            return
        role = event.urc.spec.call
        if role in ("rings", "caller"):
            self._rings(message.time_ns, message.params, message.text)
        elif role == "answered":
            call = self._open.get("outgoing") or self._open.get("incoming")
            self._answer(call, message.time_ns)
        elif role == "over":
            self._gone(message.time_ns, message.text)

    def _rings(self, time_ns: int | None, params: Params, text: str) -> None:
        call = self._open.get("incoming")
        if call is None:
            call = self._open["incoming"] = _Open("incoming", time_ns, because=text)
        call.rang_ns = time_ns
        number = params.get("number")
        if number:
            call.number = str(number)
        if time_ns is not None and not call.answered:
            self.wake_ns = time_ns + RING_NS

    def _answer(self, call: _Open | None, time_ns: int | None) -> None:
        if call is not None and not call.answered:
            call.answered, call.answered_ns = True, time_ns
            if call.direction == "incoming":
                self.wake_ns = NEVER

    def _gone(self, time_ns: int | None, text: str) -> None:
        """The module says that a call is over: that which goes on, or the newer one."""
        call = next((one for one in self._open.values() if one.answered), None) or next(
            reversed(self._open.values()), None
        )
        if call is not None:
            missed = call.direction == "incoming" and not call.answered
            self._over(call, time_ns, "not answered" if missed else _refused(text), text)

    def _over(self, call: _Open, time_ns: int | None, ended: str, because: str) -> None:
        del self._open[call.direction]
        if call.direction == "incoming":
            self.wake_ns = NEVER
        side: Side = "mcu" if call.direction == "outgoing" else "module"
        after_ns, length_ns = _between(call.began_ns, call.answered_ns), _between(call.answered_ns, time_ns)
        self._out.append(
            Call(
                time_ns, side, call.direction, call.number, call.began_ns, call.answered, after_ns, length_ns, ended,
                because,
            )
        )  # fmt: skip


def _between(first_ns: int | None, last_ns: int | None) -> int | None:
    return last_ns - first_ns if first_ns is not None and last_ns is not None else None


def _refused(text: str) -> str:
    """How a call ended, as the module's result says it."""
    return _ENDS.get(text.strip(), _BY_OTHER if text.startswith("^") else text.strip())
