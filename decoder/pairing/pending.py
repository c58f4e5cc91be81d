"""What waits for an answer: command lines, and commands whose result was good and that a later line completes."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from capture.grammar import Form
from capture.timing import Timing
from decoder.catalog.conditions import applies, fixed, matches
from decoder.catalog.readings import Reading
from decoder.catalog.spec import LateSpec
from decoder.events import Information, Issued, Params, Result, Transaction
from decoder.pairing.settings import Settings

PIPELINE_NS = 300_000_000
"""An MCU that sends the next command so much later had given up on the one before."""
MAX_INFORMATION = 10_000
"""Lines that are kept of one command."""


class PendingCommand(msgspec.Struct):
    """A command that is not finished: as it was sent, how it was read, what answered it, what it still waits for.

    ``takes``: the names of its information responses; ``request_number``: of the request that it answers, 0 for none;
    ``size``: characters of the lines that answered it.
    """

    issued: Issued
    reading: Reading
    takes: frozenset[str]
    request_number: int = 0
    late: tuple[LateSpec, ...] = ()
    information: list[Information] = []
    urcs: list[Information] = []
    result: Result | None = None
    latency_ns: int | None = None
    satisfied: bool = False
    size: int = 0
    deadline_ns: int | None = None
    bound: Params | None = None
    shown: bool = False

    def record(self) -> Transaction:
        """Make its record: it is over."""
        issued = self.issued
        labels = issued.labels
        return Transaction(
            issued.time_ns,
            "mcu",
            issued.name,
            issued.form,
            issued.dialect,
            self.reading.arguments.own_params(),
            issued.raw,
            self.information,
            self.urcs,
            self.result,
            self.latency_ns,
            labels.copy() if labels else UNSET,
            issued.request,
            True if self.shown else UNSET,
        )

    def bind(self, params: Params) -> None:
        """Keep the parameters of a line that the later lines of this command must repeat."""
        for late in self.late:
            for name in late.bind:
                if name in params:
                    self.bound = {name: params[name], **(self.bound or {})}

    def expects(self, name: str, params: Params) -> bool:
        """Tell whether a URC is one that this command waits for."""
        return any(
            late.urc == name
            and fixed(late.where, params)
            and matches(late.match, self.issued.params, params)
            and (
                not self.bound or all(params.get(key) == value for key, value in self.bound.items() if key in late.bind)
            )
            for late in self.late
        )

    def completed_by(self, name: str, params: Params) -> bool:
        """Tell whether a URC that this command waited for is the last that it waits for."""
        own = self.issued.params
        for late in self.late:
            if late.urc == name and fixed(late.where, params):
                if late.step:
                    return False
                if not late.until or fixed(late.until, params):
                    return True
                return any(own.get(key) in values for key, values in late.single.items()) or any(
                    params.get(key[1:]) in values for key, values in late.single.items() if key[0] == "+"
                )
        return True

    def goes_transparent(self) -> bool:
        """Tell whether transparent mode follows when it is answered with CONNECT (or OK and a prompt)."""
        command = self.reading.command
        stream = command.stream if command is not None else None
        if stream is None or (stream.forms and self.reading.form not in stream.forms):
            return False
        return applies(stream.when, self.issued.params)


class PendingLine(msgspec.Struct):
    """A command line whose final result code has not come.

    ``line``: where it stands in a log; ``passed``: how many newer ones got a result before it.
    """

    text: bytes
    time_ns: int | None
    commands: list[PendingCommand]
    latency_ns: int | None = None
    deadline_ns: int | None = None
    echoed: bool = False
    answered: bool = False
    line: int | None = None
    passed: int = 0


def overtaken(first: PendingLine, second: PendingLine, timing: Timing) -> bool:
    """Tell whether the MCU had given up on ``first``, so that an answer that fits both belongs to ``second``."""
    if first.echoed or first.answered:
        return False
    if first.time_ns is not None and second.time_ns is not None:
        return timing.surely_longer(second.time_ns - first.time_ns, PIPELINE_NS)
    return first.text == second.text or (first.time_ns is None) != (second.time_ns is None)


def awaits(late: LateSpec, form: Form, params: Params, settings: Settings) -> bool:
    """Tell whether a command with these parameters awaits a late line, as things are configured."""
    given = late.given
    if given is not None and settings.get(given.state, params.get(given.key)) not in given.values:
        return False
    return form in late.forms and applies(late.when, params)
