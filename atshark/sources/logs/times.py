"""Time stamps of logs, as programs write them, to ns.

A date that is missing is not made up: times of day count from 1970-01-01, and go on past midnight. Local time is taken
as it stands, so that the tool shows the clock of the log.
"""

from __future__ import annotations

import calendar
import re

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_CLOCK = r"(?P<h>\d{1,2}):(?P<mi>\d{2}):(?P<s>\d{2})(?:[.,:](?P<f>\d{1,9})(?:,(?P<g>\d{3}))?)?(?: ?(?P<ap>[AaPp][Mm]))?"
_PATTERNS = [
    re.compile(r"(?P<y>\d{4})[-/._年](?P<mo>\d{1,2})[-/._月](?P<d>\d{1,2})日?[T _,-]*" + _CLOCK + r"(?:Z|[+-]\d\d:?\d\d)?"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<mo>\d{1,2})\.(?P<y>\d{4})[ ,_]+" + _CLOCK),
    re.compile(r"(?P<mo>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})[ ,_]+" + _CLOCK),
    re.compile(r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\s+)?(?P<mon>[A-Z][a-z]{2})\s+(?P<d>\d{1,2})\s+" + _CLOCK + r"(?:\s+(?P<y>\d{4}))?"),
    re.compile(r"(?P<mo>\d{2})-(?P<d>\d{2})[ _]+" + _CLOCK),
    re.compile(_CLOCK),
]  # fmt: skip
_EPOCH = re.compile(r"(?P<s>\d{9,10})(?:\.(?P<f>\d{1,9}))?")
_SECONDS = re.compile(r"(?P<s>\d{1,8})\.(?P<f>\d{1,9})")
STAMP = re.compile("|".join(re.sub(r"\?P<\w+>", "?:", one.pattern) for one in _PATTERNS))
"""Any time stamp that reads as a date or a time of day."""


class Clock:
    """Reads the time stamps of one log, in order. ``dated`` says whether they have had a date."""

    def __init__(self) -> None:
        self.dated: bool | None = None
        self._day = 0
        self._last = -1

    def ns(self, text: str) -> int | None:
        """Return ns since the epoch; None if ``text`` is no time stamp."""
        text = text.strip().strip("[]()")
        for pattern in (_EPOCH, _SECONDS):
            if match := pattern.fullmatch(text):
                self.dated = pattern is _EPOCH
                return int(match["s"]) * SECOND + _fraction(match["f"]) or 1
        for pattern in _PATTERNS:
            if match := pattern.fullmatch(text):
                return self._read(match.groupdict())
        return None

    def _read(self, found: dict[str, str | None]) -> int | None:
        hour, minute, second = (int(found[name] or 0) for name in ("h", "mi", "s"))
        if found["ap"]:
            hour = hour % 12 + (12 if found["ap"].lower() == "pm" else 0)
        of_day = (hour * 3600 + minute * 60 + second) * SECOND + _fraction((found["f"] or "") + (found["g"] or ""))
        month = found.get("mo") or _MONTHS.get((found.get("mon") or "").lower())
        if month is None:
            return self._time_of_day(of_day)
        try:
            days = (
                calendar.timegm((int(found.get("y") or 1970), int(month), int(found.get("d") or 1), 0, 0, 0)) * SECOND
            )
        except (ValueError, OverflowError):
            return None
        self.dated = found.get("y") is not None
        return days + of_day or 1

    def _time_of_day(self, of_day: int) -> int:
        self.dated = False
        if self._last - of_day > DAY // 2:
            self._day += DAY
        self._last = of_day
        return self._day + of_day or 1


def _fraction(digits: str | None) -> int:
    return int((digits or "0").ljust(9, "0")[:9])
