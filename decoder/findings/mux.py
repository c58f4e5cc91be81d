"""The multiplexer: channels that are not opened, refused or closed, frames that are too long, flow that is stopped.

Source: 3GPP TS 27.010 5.3 (channels), 5.4.6.3 (messages of the control channel), 5.7.2 (N1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from decoder.effects import Ended
from decoder.events import Frame
from decoder.findings.raising import Raise

_OTHER = {"mcu": "module", "module": "mcu"}
_ALL = -1
"""In place of a channel: all of them (FCoff)."""
_IN_FLIGHT_NS = 200_000_000
"""What is sent so soon behind a stop may have been on its way."""
_PATIENCE_NS = 3_000_000_000
"""SABM is repeated up to N2 = 3 times after T1 = 100 ms; makers take up to some seconds (5.7)."""


class Mux:
    """Follows the frames of a multiplexed line."""

    def __init__(self, raise_: Raise) -> None:
        self._raise = raise_
        self._asked: dict[int, Frame] = {}
        """Channels that the MCU wants to open, and no answer came."""
        self._told: set[tuple[str, int]] = set()
        self._closed: set[int] = set()
        self._n1: dict[int, int] = {}
        self._stopped: dict[tuple[str, int], Frame] = {}
        """Who stopped which channel, and with what."""
        self._kinds: dict[str, Callable[[Frame, int], None]] = {
            "SABM": self._sabm, "UA": self._ua, "DM": self._dm, "DISC": self._disc, "UIH": self._data, "UI": self._data,
        }  # fmt: skip

    def ended(self, one: Ended) -> None:
        """A command got its result: perhaps it is the one that began the multiplexer."""
        command, n1 = one.issued.command, one.issued.params.get("n1")
        if one.good and command is not None and command.stream is not None and command.stream.multiplexes:
            self.restarted()
            if isinstance(n1, int):
                self._n1[_ALL] = n1

    def restarted(self) -> None:
        """The module restarted, or the multiplexer begins or ends: nothing is known of its channels."""
        for known in (self._asked, self._closed, self._n1, self._stopped, self._told):
            known.clear()

    def frame(self, one: Frame) -> None:
        """Look at a frame."""
        if one.protocol == "cmux":
            self._kinds[one.fields["type"]](one, one.fields["dlci"])

    def close(self) -> None:
        """The session ends."""
        for dlci, one in self._asked.items():
            self._unanswered(dlci, one)
        for (side, dlci), one in self._stopped.items():
            self._raise("mux.stopped", one, who=_who(side), channel=_named(dlci))

    def _sabm(self, one: Frame, dlci: int) -> None:
        if one.side != "mcu":
            return
        first = self._asked.setdefault(dlci, one)
        if one.time_ns is not None and first.time_ns is not None and one.time_ns - first.time_ns > _PATIENCE_NS:
            self._unanswered(dlci, first)

    def _unanswered(self, dlci: int, one: Frame) -> None:
        self._once("mux.unanswered", dlci, one)

    def _ua(self, one: Frame, dlci: int) -> None:
        if self._asked.pop(dlci, None) is not None:
            self._forget(dlci)
            self._closed.discard(dlci)
        self._told.discard(("mux.unanswered", dlci))

    def _dm(self, one: Frame, dlci: int) -> None:
        if self._asked.pop(dlci, None) is not None:
            self._raise("mux.refused", one, channel=_named(dlci))
            self._closed.add(dlci)

    def _disc(self, one: Frame, dlci: int) -> None:
        if dlci == 0:
            self.restarted()
        else:
            self._forget(dlci)
            self._closed.add(dlci)

    def _forget(self, dlci: int) -> None:
        """A channel begins, or ends: what was agreed on for it holds no longer."""
        self._n1.pop(dlci, None)
        for side in _OTHER:
            self._stopped.pop((side, dlci), None)

    def _data(self, one: Frame, dlci: int) -> None:
        fields = one.fields
        limit = self._n1.get(dlci, self._n1.get(_ALL))
        if limit is not None and fields["length"] > limit:
            self._once("mux.long", dlci, one, length=fields["length"], n1=limit)
        if dlci == 0:
            for said in fields.get("messages", ()):
                self._message(one, said)
            return
        if dlci in self._closed:
            self._once("mux.closed", dlci, one)
        for key in ((_OTHER[one.side], dlci), (_OTHER[one.side], _ALL)):
            if key in self._stopped and self._is_late(one, self._stopped[key]):
                self._once("mux.pushed", dlci, one, who=_who(one.side), other=_who(key[0]))

    def _message(self, one: Frame, said: dict[str, Any]) -> None:
        name = said["name"]
        if name == "PN" and not said["command"]:
            self._n1[said["dlci"]] = said["n1"]
        elif name == "CLD":
            self.restarted()
        elif not said["command"]:
            return
        elif name == "MSC":
            self._flow(one, said["dlci"], stop=said["fc"])
        elif name in ("FCON", "FCOFF"):
            self._flow(one, _ALL, stop=name == "FCOFF")

    def _flow(self, one: Frame, dlci: int, *, stop: bool) -> None:
        key = one.side, dlci
        if stop:
            self._stopped.setdefault(key, one)
            return
        before = self._stopped.pop(key, None)
        if before is not None:
            known = one.time_ns is not None and before.time_ns is not None
            seconds = f"{((one.time_ns or 0) - (before.time_ns or 0)) / 1e9:.3f}" if known else "?"
            self._raise("mux.flow", one, who=_who(one.side), channel=_named(dlci), seconds=seconds)

    @staticmethod
    def _is_late(one: Frame, stop: Frame) -> bool:
        """Tell whether a frame was sent when its sender must have known that the flow is stopped."""
        return one.time_ns is not None and stop.time_ns is not None and one.time_ns - stop.time_ns > _IN_FLIGHT_NS

    def _once(self, rule: str, dlci: int, one: Frame, **values: object) -> None:
        if (rule, dlci) not in self._told:
            self._told.add((rule, dlci))
            self._raise(rule, one, channel=_named(dlci), **values)


def _who(side: str) -> str:
    return "MCU" if side == "mcu" else "module"


def _named(dlci: int) -> str:
    return "all" if dlci == _ALL else str(dlci)
