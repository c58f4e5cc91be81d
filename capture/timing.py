"""How exact the times of a source are, so that nobody concludes from them what they do not say.

A log with whole seconds, two adapters with a skew, two logs merged: a span between two stamps is only known within what
:class:`Timing` says. Thresholds are asked through it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

_STEPS = (1_000_000_000, 100_000_000, 10_000_000)
"""Resolutions (ns) that matter: the thresholds begin at 50 ms."""
_FEWEST = 3
"""Stamps, all different, from which a resolution is concluded."""


class Timing(msgspec.Struct, frozen=True):
    """``resolution_ns``: the step of the stamps; ``skew_ns``: by how much the clocks of the two wires may differ."""

    resolution_ns: int = 1
    skew_ns: int = 0

    @property
    def slack_ns(self) -> int:
        """How much shorter or longer a span between two stamps may have been than they say; 0 if that is nothing."""
        return self.resolution_ns + self.skew_ns if self.resolution_ns > 1 else self.skew_ns

    def surely_longer(self, span_ns: int, limit_ns: int) -> bool:
        """Tell whether a span was longer than ``limit_ns`` beyond doubt."""
        return span_ns > limit_ns + self.slack_ns

    def perhaps_as_long(self, span_ns: int, limit_ns: int) -> bool:
        """Tell whether a span may have been as long as ``limit_ns``."""
        return span_ns + self.slack_ns >= limit_ns


EXACT = Timing()


def timing_of(times: Iterable[int | None]) -> Timing:
    """Tell from stamps (ns, None if unknown) in which steps they go."""
    known = {time_ns for time_ns in times if time_ns is not None}
    if len(known) < _FEWEST:
        return EXACT
    return next((Timing(step) for step in _STEPS if all(time_ns % step == 0 for time_ns in known)), EXACT)
