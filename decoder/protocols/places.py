"""Places and times as modules print them: degrees, or degrees and minutes with a side; dates and times in any shape.

Source: NMEA 0183 (``ddmm.mmmm``, ``ddmmyy``, ``hhmmss.sss``); what makers print in their own answers.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

Axis = Literal["latitude", "longitude"]
_MOST: dict[Axis, int] = {"latitude": 90, "longitude": 180}
_SIDES: dict[Axis, str] = {"latitude": "NS", "longitude": "EW"}
_PLACE = re.compile(r"\s*([NSEW]?)\s*([+-]?)(\d{1,5})(\.\d{1,12})?\s*([NSEW]?)\s*\Z", re.ASCII)
_MINUTES = 4
"""From so many digits before the point on it is degrees and minutes: degrees alone have no more than three."""
_CLOCK = re.compile(r"(\d\d):?(\d\d):?(\d\d)(\.\d{1,9})?\s*Z?\Z", re.ASCII)
_DATES = (
    re.compile(r"(?P<year>\d{4})[-/.]?(?P<month>\d\d)[-/.]?(?P<day>\d\d)\Z", re.ASCII),
    re.compile(r"(?P<day>\d\d)[-/.]?(?P<month>\d\d)[-/.]?(?P<year>\d{4})\Z", re.ASCII),
    re.compile(r"(?P<day>\d\d)[-/.]?(?P<month>\d\d)[-/.]?(?P<year>\d\d)\Z", re.ASCII),
)
_BOTH = re.compile(r"(\d{4}[-/.]?\d\d[-/.]?\d\d)[ T,]?(\d\d:?\d\d:?\d\d(?:\.\d{1,9})?)Z?\Z", re.ASCII)
_CENTURY, _PIVOT = 2000, 80
"""Years of two digits: 80 to 99 are those before 2000."""


def degrees(text: str, axis: Axis, side: str = "") -> float | None:
    """Read a coordinate: degrees, north and east positive, to six places; None if it is none.

    ``side``: N, S, E or W, where it stands apart.
    """
    match = _PLACE.match(text)
    if match is None:
        return None
    before, sign, whole, part, behind = match.groups()
    side = (before or behind or side).strip().upper()
    if side and side not in _SIDES[axis]:
        return None
    value = float(whole + (part or ""))
    if len(whole) >= _MINUTES:
        full = int(value // 100)
        minutes = value - 100 * full
        if minutes >= 60:
            return None
        value = full + minutes / 60
    value = round(value, 6)
    if value > _MOST[axis]:
        return None
    return -value if sign == "-" or side in ("S", "W") else value


def instant(date: str, time: str) -> str | None:
    """Return date and time, as modules give them in UTC, in the form of ISO 8601; None if they are no time.

    One text may hold both. Without a date it is a time of day (``09:34:27Z``).
    """
    date, time = date.strip(), time.strip()
    both = _BOTH.match(date) or _BOTH.match(time)
    if both is not None:
        date, time = both.groups()
    clock = _CLOCK.match(time)
    if clock is None:
        return None
    hour, minute, second, part = clock.groups()
    said = f"{hour}:{minute}:{second}{(part or '').rstrip('0').rstrip('.')}Z"
    day = _day(date)
    try:
        moment = datetime(*(day or (2000, 1, 1)), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
    except ValueError:
        return None
    return f"{moment:%Y-%m-%d}T{said}" if day is not None else said


def _day(text: str) -> tuple[int, int, int] | None:
    for shape in _DATES:
        match = shape.match(text)
        if match is not None:
            year, month, day = (int(match[name]) for name in ("year", "month", "day"))
            if len(match["year"]) == 2:
                year += _CENTURY - 100 if year >= _PIVOT else _CENTURY
            try:
                datetime(year, month, day, tzinfo=UTC)
            except ValueError:
                continue
            return year, month, day
    return None
