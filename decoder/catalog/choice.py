"""Which dialect does the module speak? What the session shows, and the choice where several define a name.

Strategy: evidence is counted. A name that only one dialect defines speaks for that dialect; a model that the module
itself names (``ATI``, ``AT+CGMM`` …) speaks for those whose modules it is among. Where several dialects define a
name, the line goes to the one whose parameters fit; of those that fit, to the identified, then to the one with more
evidence. Dialects form a tree: what speaks for a family of modules speaks for its maker and for its other families, so
that the common commands of a maker and those of the family go together. The root is everybody's and gives no evidence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from decoder.catalog.arguments import Fit
from decoder.catalog.compiled import Command, Dialect, UrcType
from decoder.catalog.lookup import Catalog
from decoder.events import DialectUse, Summary

_IDENTIFYING = ("manufacturer", "model", "firmware", "identity")
_LIKELY = 3
_FAR = 9
"""No lineage is so long."""
_MAX_UNKNOWN = 200


class Ranking:
    """The evidence of a session."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._given = catalog.given
        self._scores: Counter[str] = Counter()
        self._makers: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._ambiguous = 0
        self._module = ""
        self._identified: frozenset[str] = frozenset()
        self._leading = ("", "")
        self.generation = 0
        """Changes when another choice may be made than before."""

    def saw(self, name: str, dialect: str | None, *, shared: bool) -> None:
        """Count a line with ``name``: ``dialect`` is None if none knows it; ``shared``: several do."""
        if dialect is None:
            if name in self._unknown or len(self._unknown) < _MAX_UNKNOWN:
                self._unknown[name] += 1
            return
        self._lines[dialect] += 1
        maker = self._catalog.makers[dialect] if not shared else self._catalog.sole_maker(name)
        if shared and maker is None:
            self._ambiguous += 1
        if maker is not None:
            self._scores[dialect] += not shared
            self._makers[maker] += 1
            if (maker, dialect) != self._leading:
                self._lead(maker, dialect)

    def _lead(self, maker: str, dialect: str) -> None:
        """Evidence came for others than those that lead: who is preferred may have changed."""
        self.generation += 1
        first, second = [*self._makers.most_common(2), ("", 0)][:2]
        mine = [self._scores[one] for one in self._scores if self._catalog.makers[one] == maker and one != dialect]
        leads = first[0] == maker and first[1] > second[1] and self._scores[dialect] > max(mine, default=-1)
        self._leading = (maker, dialect) if leads else ("", "")

    def identify(self, command: str, text: str) -> None:
        """Look for the model of a known module in what the module says of itself."""
        if self._catalog.role_of.get(command) not in _IDENTIFYING:
            return
        for name, dialects in self._catalog.modules.items():
            found = re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}", text, re.ASCII) is not None
            if found and (len(name), name) > (len(self._module), self._module):
                self._module, self._identified = name, dialects
                self.generation += 1

    def weight(self, candidate: Command | UrcType, fit: Fit, *, alias: bool) -> tuple[bool, int, bool, Fit, int, int]:
        """Return how badly a candidate does; the smallest is chosen. The order of dialects decides the rest."""
        dialect = candidate.dialect
        return (fit.misses, self._distance(dialect), alias, fit, *self._against(dialect))

    def prefer(self, dialect: str) -> tuple[int, int, int]:
        """Return how badly a dialect does by what the session has shown; the smallest is the likeliest."""
        return (self._distance(dialect), *self._against(dialect))

    def _distance(self, dialect: str) -> int:
        """Return how far a dialect is from what the module says that it is: 0 if it says nothing."""
        if not self._identified:
            return 0
        lineages = self._catalog.lineages
        return min(lineages[one].index(dialect) if dialect in lineages[one] else _FAR for one in self._identified)

    def _against(self, dialect: str) -> tuple[int, int]:
        """Return what speaks against a dialect: that little speaks for its maker, and little for itself."""
        maker = self._catalog.makers[dialect]
        return (-self._makers[maker] if maker is not None else 0, -self._scores[dialect])

    def order(self, dialect: str | None) -> Callable[[Dialect], tuple[int, int, int] | None]:
        """Return a sort key for dialects: ``dialect`` and what it stands on, the identified, then by evidence.

        None for those that have nothing to do with the session, or with the maker of ``dialect``.
        """
        lineage = self._catalog.lineages[dialect] if dialect is not None else ()
        kin = self._catalog.kin[dialect] if dialect is not None and self._catalog.makers[dialect] is not None else None

        def key(one: Dialect) -> tuple[int, int, int] | None:
            if one.id in lineage:
                return (lineage.index(one.id) - len(lineage), 0, 0)
            maker = self._catalog.makers[one.id]
            if kin is not None and maker is not None and one.id not in kin:
                return None
            makers = {self._catalog.makers[each] for each in self._catalog.kin[one.id]}
            spoken = maker is None or one.id in self._given or any(each and self._makers[each] for each in makers)
            if not spoken and self._distance(one.id) in (0, _FAR) and one.id not in self._identified:
                return None
            return self.prefer(one.id)

        return key

    def summary(self, time_ns: int | None) -> Summary:
        """Tell which dialects the session spoke, how sure that is, and what no dialect knows."""
        uses = [DialectUse(dialect, lines, *self._certainty(dialect)) for dialect, lines in self._lines.most_common()]
        return Summary(time_ns, None, uses, dict(self._unknown.most_common()), self._ambiguous)

    def _certainty(self, dialect: str) -> tuple[str, str]:
        if dialect in self._given:
            return "certain", "given"
        if self._catalog.makers[dialect] is None:
            return "certain", "common to all"
        if any(dialect in self._catalog.lineages[one] for one in self._identified):
            return "certain", f"the module says {self._module}"
        maker = self._catalog.makers[dialect] or dialect
        score, whole = self._scores[dialect], self._makers[maker]
        if whole:
            lines = "1 line" if whole == 1 else f"{whole} lines"
            who = "this dialect" if score == whole else f"{maker} and its families"
            verb = "defines" if score == whole else "define"
            return ("likely" if whole >= _LIKELY else "possible"), f"{lines} that only {who} {verb}"
        return "possible", "its parameters fit best"
