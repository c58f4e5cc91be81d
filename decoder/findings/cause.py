"""The cause: the lowest layer that is broken. What fails above it is its consequence.

Power, SIM, radio, registration, context, name, connection, protocol stand on each other. Each trouble is held against
those that were open before it: what fails while a lower layer is known to be broken, is put down to that. What was seen
to work ends the troubles of its layer and of those below: a later failure has another cause. A lower layer that turns
out to be broken only afterwards explains what failed before, unless it was seen to work until then.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from decoder.events import Cause, Certainty, Evidence, Finding
from decoder.findings.doubt import ACCUSATIONS
from decoder.rules import LAYERS, Lang, advice, layer, message, rules
from decoder.values import printable

MAX_CAUSES = 3
SURE: dict[Lang, dict[str, str]] = {
    "en": {"certain": "certain", "likely": "likely", "possible": "possible"},
    "zh": {"certain": "确定", "likely": "很可能", "possible": "可能"},
}
"""How sure a cause is, in words."""
EXPLAINS: dict[Lang, str] = {"en": "it may explain {n} more", "zh": "另有{n}项可能由此引起"}
"""How many findings it explains, in words."""
_MAX_TROUBLES = 256
_MAX_EVIDENCE = 4
_ORDER = {name: index for index, name in enumerate(LAYERS)}
_DOUBT = "log.doubt"
_OF_THE_TAP = "tap."
"""What happened to the recording explains nothing on the line."""
_NEVER = -1
_SILENCE = ("command.unanswered", "module.silent")


class _Trouble(msgspec.Struct):
    """A finding that is not explained by another one, with what it may explain.

    ``at``: the message of the session about which it is; ``works``: which layers had been seen to work by then;
    ``reason``: what the module said when it was asked why.
    """

    finding: Finding
    line: int | None
    at: int
    order: int
    works: frozenset[int]
    recovered: bool = False
    consequences: int = 0
    reason: Evidence | None = None
    evidence: list[Evidence] = msgspec.field(default_factory=list)


class Ladder:
    """Follows what is broken and what works. The number of a message says what was before what."""

    def __init__(self) -> None:
        self._troubles: list[_Trouble] = []
        self._works: dict[int, int] = {}
        """Of each layer, when it was last seen to work."""
        self._failed: dict[int, int] = {}
        """Of each layer, when something in it failed last."""
        self._unanswered = _NEVER
        self._latest: _Trouble | None = None
        self.doubted = False

    def works(self, name: str, at: int) -> None:
        """A layer was seen to work, and so do those that it stands on."""
        order = _ORDER[name]
        self._works[order] = at
        for one in self._troubles:
            if one.order <= order and one.at < at:
                one.recovered = True

    def found(self, finding: Finding, line: int | None, at: int, until: int | None = None) -> None:
        """Take a finding about the message ``at``; ``until``: what it is about was open so long."""
        if finding.rule == _DOUBT:
            self.doubted = True
        if finding.severity == "note" or finding.rule == _DOUBT or finding.rule.startswith(_OF_THE_TAP):
            return
        if self.doubted and finding.rule in ACCUSATIONS:
            return
        order = _ORDER[layer(finding)]
        self._failed[order] = max(at, self._failed.get(order, _NEVER))
        if finding.rule in _SILENCE:
            self._unanswered = max(at, self._unanswered)
        reason = self._latest.reason if self._latest is not None else None
        if reason is not None and (finding.time_ns, line) == (reason.time_ns, reason.line):
            return  # it is why the last one failed, and told already
        explains = [
            one
            for one in self._troubles
            if one.order < order
            and ((one.at <= at and not one.recovered) or at < one.at <= (at if until is None else until))
        ]
        if explains:
            _add(min(explains, key=lambda one: one.order), finding, line)
            return
        same = next((one for one in self._troubles if one.order == order and not one.recovered), None)
        if same is not None and order != _ORDER[""]:
            _add(same, finding, line)
            self._latest = same
            return
        works = frozenset(each for each, when in self._works.items() if when <= at)
        new = _Trouble(finding, line, at, order, works)
        self._adopt(new)
        self._latest = new
        if len(self._troubles) < _MAX_TROUBLES:
            self._troubles.append(new)

    def failed_since(self, at: int, layers: Sequence[str]) -> bool:
        """Tell whether something in one of these layers failed behind a message."""
        return any(self._failed.get(_ORDER[name], _NEVER) > at for name in layers)

    def worked_since(self, at: int, name: str) -> bool:
        """Tell whether a layer, or one that stands on it, was seen to work behind a message."""
        return any(when > at for order, when in self._works.items() if order >= _ORDER[name])

    def unanswered_since(self, at: int) -> bool:
        """Tell whether a command behind a message got no answer."""
        return self._unanswered > at

    def explained(self, text: Evidence) -> None:
        """The module was asked why, and says so."""
        if self._latest is not None:
            self._latest.reason = text

    def _adopt(self, new: _Trouble) -> None:
        """Put down to a new trouble what failed above it before, unless its layer worked until then."""
        kept = []
        for one in self._troubles:
            between = any(new.order <= each < one.order for each in one.works)
            if one.order <= new.order or one.recovered or (between and one.at != new.at):
                kept.append(one)
                continue
            new.consequences += 1 + one.consequences
            new.evidence += [_said(one.finding, one.line), *one.evidence]
            del new.evidence[_MAX_EVIDENCE:]
        self._troubles = kept

    def causes(self) -> list[Cause]:
        """Return what explains all that was found, the likeliest first."""
        ranked = sorted(
            self._troubles,
            key=lambda one: (not LAYERS[one.order], one.recovered, one.order, one.finding.severity != "error", one.at),
        )
        alone = len(ranked) == 1
        return [self._cause(one, alone=alone) for one in ranked[:MAX_CAUSES]]

    def _cause(self, one: _Trouble, *, alone: bool) -> Cause:
        found, name = one.finding, LAYERS[one.order]
        sure: Certainty = "likely"
        rule = rules().get(found.rule)
        if self.doubted or not name or (rule is not None and rule.guessed):
            sure = "possible"
        elif alone and not one.consequences:
            sure = "certain"
        return Cause(
            found.rule, name, sure, _told(found), _told(found, "zh"), advice(found), advice(found, "zh"),
            found.reference, found.time_ns, found.side, one.line, one.consequences, one.recovered,
            [*([one.reason] if one.reason is not None else []), *one.evidence],
        )  # fmt: skip


def _told(found: Finding, lang: Lang = "en") -> str:
    return printable(message(found, lang))


def _said(found: Finding, line: int | None) -> Evidence:
    return Evidence(found.time_ns, line, _told(found), _told(found, "zh"))


def _add(one: _Trouble, finding: Finding, line: int | None) -> None:
    one.consequences += 1
    if len(one.evidence) < _MAX_EVIDENCE:
        one.evidence.append(_said(finding, line))
