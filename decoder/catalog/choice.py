"""Which dialect does the module speak? What the session shows, and the choice where several define a name.

Strategy: evidence is counted. A name that only one dialect defines speaks for that dialect; a model that the module
itself names (``ATI``, ``AT+CGMM`` …) speaks for those whose modules it is among. Where several dialects define a
name, the line goes to the one whose parameters fit; of those that fit, to the identified, then to the one with more
evidence. A dialect on which others are based is everybody's and gives no evidence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from decoder.catalog.arguments import Fit
from decoder.catalog.compiled import Command, Dialect, UrcType
from decoder.catalog.lookup import Catalog
from decoder.events import DialectUse, Summary

IDENTIFYING = frozenset(["I", "CGMI", "CGMM", "CGMR", "GMI", "GMM", "GMR"])
_LIKELY = 3
_MAX_UNKNOWN = 200


class Ranking:
    """The evidence of a session."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._given = catalog.given
        self._scores: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._ambiguous = 0
        self._module = ""
        self._identified: frozenset[str] = frozenset()

    def saw(self, name: str, dialect: str | None, *, shared: bool) -> None:
        """Count a line with ``name``: ``dialect`` is None if none knows it; ``shared``: several do."""
        if dialect is None:
            if name in self._unknown or len(self._unknown) < _MAX_UNKNOWN:
                self._unknown[name] += 1
            return
        self._lines[dialect] += 1
        if shared:
            self._ambiguous += 1
        elif dialect not in self._catalog.bases:
            self._scores[dialect] += 1

    def identify(self, command: str, text: str) -> None:
        """Look for the model of a known module in what the module says of itself."""
        if command not in IDENTIFYING:
            return
        for name, dialects in self._catalog.modules.items():
            found = re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}", text, re.ASCII) is not None
            if found and (len(name), name) > (len(self._module), self._module):
                self._module, self._identified = name, dialects

    def weight(self, candidate: Command | UrcType, fit: Fit, *, alias: bool) -> tuple[bool, bool, bool, Fit, int]:
        """Return how badly a candidate does; the smallest is chosen. The order of dialects decides the rest."""
        known = candidate.dialect in self._identified or not self._identified
        return (fit.misses, not known, alias, fit, -self._scores[candidate.dialect])

    def order(self, dialect: str | None) -> Callable[[Dialect], tuple[bool, bool, int]]:
        """Return a sort key for dialects: first ``dialect``, then the identified, then by evidence."""
        return lambda one: (one.id != dialect, one.id not in self._identified, -self._scores[one.id])

    def summary(self, time_ns: int | None) -> Summary:
        """Tell which dialects the session spoke, how sure that is, and what no dialect knows."""
        uses = [DialectUse(dialect, lines, *self._certainty(dialect)) for dialect, lines in self._lines.most_common()]
        return Summary(time_ns, None, uses, dict(self._unknown.most_common()), self._ambiguous)

    def _certainty(self, dialect: str) -> tuple[str, str]:
        if dialect in self._given:
            return "certain", "given"
        if dialect in self._catalog.bases:
            return "certain", "common to all"
        if dialect in self._identified:
            return "certain", f"the module says {self._module}"
        score = self._scores[dialect]
        if score:
            lines = "1 line" if score == 1 else f"{score} lines"
            return ("likely" if score >= _LIKELY else "possible"), f"{lines} that only this dialect defines"
        return "possible", "its parameters fit best"
