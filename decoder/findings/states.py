"""States that stayed bad to the end: a SIM that nobody unlocked, no signal, no registration, a clock never set.

Which line says what stands in the dialects (``means``); here nobody knows a name. A state is told where it was seen
last, and only if nothing better came: a driver that finds a locked SIM unlocks it, and a module that searches may find.
"""

from __future__ import annotations

import re

import msgspec

from decoder.catalog import Catalog, Command
from decoder.catalog.conditions import among, applies
from decoder.catalog.spec import CommandSpec, MeansSpec, UrcSpec
from decoder.events import Issued, Message
from decoder.findings.cause import Ladder
from decoder.findings.raising import Raise

FACTS = {
    "power": "radio", "sleep": "module", "card": "sim", "sim": "sim", "signal": "radio", "registration": "registration",
    "attach": "registration", "context": "context", "clock": "clock",
}  # fmt: skip
"""In which layer each fact lies."""
ABOVE_RADIO = ("registration", "context", "name", "connection", "protocol")
ABOVE_SIM = ("radio", *ABOVE_RADIO)
_ONE_FOR_ALL = ("power", "sleep")
"""Facts of which the last line that speaks of them holds, whichever it is."""
_NEEDED = ("card", "sim", "signal", "registration", "attach", "context")
"""Facts without which no connection works."""
_NO_PROOF = (*_ONE_FOR_ALL, "card")
"""Facts that are good and yet do not show that their layer works: a card that is there may be locked."""
_NEW = object()
_MAX_VERDICTS = 4096


class _Seen(msgspec.Struct):
    """The last that was said of a fact: where, by which line, and whether it was good."""

    text: str
    one: Message
    line: int | None
    number: int
    value: str
    label: str
    good: bool


class States:
    """Follows what lines say of the module."""

    def __init__(self, catalog: Catalog, raise_: Raise, ladder: Ladder) -> None:
        self._raise, self._ladder = raise_, ladder
        self._means: dict[tuple[str, str], list[MeansSpec]] = {}
        self._boots: set[tuple[str, str]] = set()
        for dialect in catalog.dialects:
            entries: list[CommandSpec | UrcSpec] = [*dialect.file.command, *dialect.file.urc]
            for one in entries:
                if isinstance(one, UrcSpec) and one.reboot:
                    self._boots.add((dialect.id, one.name))
                if one.means:
                    self._means.setdefault((dialect.id, one.name), []).extend(one.means)
        self._seen: dict[str, dict[str, _Seen]] = {}
        self._verdicts: dict[tuple[str, str, str, object], bool | None] = {}

    def names(self) -> set[str]:
        """Return the names of the lines that say something."""
        return {name for _, name in [*self._means, *self._boots]}

    def message(self, one: Message, line: int | None, number: int) -> None:
        """Take an answer or a URC; ``line``: where it stands in a text log; ``number``: of the message."""
        if one.name is None or one.dialect is None or one.kind not in ("urc", "information"):
            return
        if one.owner is not None and one.owner.form == "test":
            return
        if (one.dialect, one.name) in self._boots:
            self._seen.clear()
        for means in self._means.get((one.dialect, one.name), ()):
            if not means.value:
                if one.kind == "urc" and applies(means.when, one.params):
                    self._note(means.fact, _Seen(one.text, one, line, number, "", one.text, means.says == "good"))
                continue
            value = one.params.get(means.value)
            if value is None or isinstance(value, list):
                continue
            key = (one.dialect, one.name, means.fact, value)
            good = self._verdicts.get(key, _NEW)
            if good is _NEW:
                if len(self._verdicts) >= _MAX_VERDICTS:
                    self._verdicts.clear()
                good = self._verdicts[key] = _verdict(means, value)
            if good is not None:
                label = one.labels.get(means.value, str(value))
                self._note(means.fact, _Seen(one.text, one, line, number, str(value), label, good is True), one.name)

    def _note(self, fact: str, seen: _Seen, name: str = "") -> None:
        """Keep what was said of a fact; ``name``: of the line, where several lines speak of the same fact."""
        self._seen.setdefault(fact, {})[name if fact not in _ONE_FOR_ALL else ""] = seen
        if seen.good and fact not in _NO_PROOF:
            self._ladder.works(FACTS[fact], seen.number)

    def done(self, one: Message, owner: Issued, line: int | None, number: int) -> None:
        """A command was done: what it set is not as it was, and what it says holds. ``one``: its result."""
        if owner.form == "set":
            for fact in ("sim", "clock", "attach"):
                self._seen.get(fact, {}).pop(owner.name, None)
        command = owner.command
        for means in command.means if isinstance(command, Command) and owner.form in ("set", "exec") else ():
            if not means.value and applies(means.when, owner.params):
                self._note(
                    means.fact, _Seen(owner.raw, one, line, number, "", owner.raw, means.says == "good"), owner.name
                )
            elif means.fact in _ONE_FOR_ALL and (value := owner.params.get(means.value)) is not None:
                good = _verdict(means, value)
                label = owner.labels.get(means.value, str(value)) if owner.labels else str(value)
                if good is not None:
                    self._note(means.fact, _Seen(owner.raw, one, line, number, str(value), label, good))

    def close(self) -> None:
        """Tell what stayed bad."""
        locked = self._bad("sim")
        registered = any(seen.good for seen in self._seen.get("registration", {}).values())
        if locked is not None:
            self._tell("sim", locked)
        signal = self._bad("signal")
        if signal is not None and not registered and locked is None:
            self._tell("signal", signal)
        missing = self._bad("registration")
        if missing is not None and not registered and locked is None and signal is None and missing.value != "3":
            self._tell("registration", missing)
        attach = self._bad("attach")
        if attach is not None and missing is None and locked is None:
            self._tell("attach", attach)
        card = self._bad("card")
        if card is not None and not registered and (missing or self._ladder.failed_since(card.number, ABOVE_SIM)):
            self._tell("card", card)
        power = self._bad("power")
        if power is not None and self._ladder.failed_since(power.number, ABOVE_RADIO):
            self._tell("power", power)
        sleep = self._bad("sleep")
        if sleep is not None and self._ladder.unanswered_since(sleep.number):
            self._tell("sleep", sleep)
        clock = self._bad("clock")
        if clock is not None:
            self._tell("clock", clock)

    def _bad(self, fact: str) -> _Seen | None:
        """Return the last line that says that a fact is bad.

        None if one says that it is good, or none does, or a connection was seen to work after that.
        """
        seen = list(self._seen.get(fact, {}).values())
        if not seen or any(one.good for one in seen):
            return None
        works = fact in _NEEDED and self._ladder.worked_since(seen[-1].number, "connection")
        return None if works else seen[-1]

    def _tell(self, fact: str, seen: _Seen) -> None:
        values = {"line": seen.text, "value": seen.value, "label": seen.label}
        self._raise.at(seen.line, f"state.{fact}", seen.one, values, number=seen.number)


def _verdict(means: MeansSpec, value: object) -> bool | None:
    """Tell whether a value is good; None if it says nothing."""
    if among(value, means.bad) or among(value, means.unknown):
        return False
    if means.like and re.search(means.like, str(value)) is not None:
        return False
    return True if not means.good or among(value, means.good) else None
