"""The host's own faults: it gave up too early, or did not do before what a command needs.

What a command needs, and how long it may take, stands in the dialects; here nobody knows a name.
"""

from __future__ import annotations

from decoder.catalog import Command
from decoder.catalog.spec import CommandSpec
from decoder.events import GivenUp, Issued, Message
from decoder.findings.raising import Raise
from decoder.times import SECOND

_LONG_S = 5
"""Commands that may take less than this are not worth a word."""
_SHARE = 0.5
"""Of the time that the manual allows: who waits longer has been patient."""
_MAX_WAITING = 64


class Host:
    """Follows what the host sends, and when."""

    def __init__(self, raise_: Raise) -> None:
        self._raise = raise_
        self._last: tuple[Message, Issued] | None = None
        self._hurried: dict[int, tuple[Message, Issued, int]] = {}
        self._done: set[str] = set()
        """Names of commands of the catalog that were done since the module started."""
        self._refused: tuple[Message, str, list[str], str] | None = None
        self._heard = False

    def command(self, one: Message) -> None:
        """A command line was sent."""
        last, self._last = self._last, None
        if last is not None and one.time_ns is not None and last[0].time_ns is not None:
            before, issued = last
            waited_ns = one.time_ns - last[0].time_ns
            if 0 < waited_ns < _SHARE * allowed_s(issued) * SECOND:
                if len(self._hurried) >= _MAX_WAITING:
                    self._hurried.clear()
                self._hurried[issued.number] = (before, issued, waited_ns)
        if len(one.commands) == 1 and allowed_s(one.commands[0]) >= _LONG_S:
            self._last = one, one.commands[0]

    def result(self, one: Message) -> None:
        """A command got its result."""
        owner = one.owner
        self._heard = True
        if owner is None:
            return
        if self._last is not None and self._last[1].number == owner.number:
            self._last = None
        self._hurried.pop(owner.number, None)
        command = owner.command
        if not isinstance(command, Command):
            return
        if one.result is not None and one.result.good:
            self._done.add(owner.name)
        elif owner.form in ("set", "exec") and command.needs and self._done.isdisjoint(command.needs):
            self._refused = one, owner.raw, command.needs, command.layer

    def refused(self) -> None:
        """What there was to say of the refusal of a command is said: say what it needs, if that was not done."""
        refused, self._refused = self._refused, None
        if refused is not None:
            one, line, needs, layer = refused
            wanted = " or ".join(f"AT+{name}" if name[:1].isalpha() else f"AT{name}" for name in needs)
            self._raise.at(None, "order.needs", one, {"line": line, "needs": wanted}, layer=layer)

    def restarted(self) -> None:
        """The module restarted: nothing is as it was."""
        self._done.clear()
        self._hurried.clear()
        self._last = None

    def given_up(self, one: GivenUp) -> None:
        """A command got no result."""
        found = self._hurried.pop(one.number, None)
        if found is not None and one.code == "unanswered" and self._heard:
            before, issued, waited_ns = found
            values = {"line": issued.raw, "waited": f"{waited_ns / SECOND:.1f}", "allowed": allowed_s(issued)}
            self._raise("command.hurried", before, **values)


def allowed_s(issued: Issued) -> int:
    """Return how long a command may take by its manual, seconds; 0 if no dialect says so."""
    spec = issued.command.spec if isinstance(issued.command, Command) else None
    return spec.timeout_s if isinstance(spec, CommandSpec) else 0
