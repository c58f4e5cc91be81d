"""Where the module says that it is: in answers and URCs of makers, in NMEA sentences of the AT port.

Which lines say it stands in the dialects (``position``). Sentences of the same second are one position.

Source: NMEA 0183 (GGA, RMC, GLL, GSA, ZDA); the makers' commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from decoder.catalog.conditions import applies
from decoder.catalog.effects import PositionSpec
from decoder.effects import Answered, Ended, Reported, Restarted
from decoder.events import Fix, Frame, Message, Params, Position
from decoder.followers.follower import Follower, Hear, Seat
from decoder.protocols.places import degrees, instant
from decoder.times import NEVER, SECOND

_KMH = {"km/h": 1.0, "kn": 1.852, "m/s": 3.6}
_EPOCH_NS = SECOND
"""The sentences of a second come in one go: after this silence there are no more of them."""
_TIMED = frozenset(["GGA", "RMC", "GLL", "ZDA"])
_FIXES: dict[int, Fix] = {1: "none", 2: "2D", 3: "3D"}
"""NMEA 0183, GSA."""
_MAX_SATELLITES = 200


class Positions(Follower):
    """Makes one record of each position."""

    effects = frozenset(["position"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._sentences: dict[str, Params] = {}
        """Those of a second, by their kind."""
        self._moment = ""
        self._last: Frame | None = None
        self._answers: list[Position] = []
        """Those of a command that has no result yet: told when it has."""

    def hears(self) -> Mapping[type, Hear]:
        """Lines that say a position, NMEA sentences."""
        return {
            Answered: self._answered,
            Ended: self._ended,
            Reported: self._reported,
            Frame: self._framed,
            Restarted: lambda event: self.finish(event.time_ns),
        }

    def expire(self, now_ns: int) -> None:
        """No more sentences of this second."""
        self._gathered()

    def finish(self, last_ns: int | None) -> None:
        """The session is over."""
        self._ended()
        self._gathered()

    def _answered(self, event: Answered) -> None:
        command = event.issued.command
        if command is not None and command.position is not None and event.issued.form != "test":
            self._line(command.position, event.message, self._out if event.late else self._answers)

    def _ended(self, event: Ended | None = None) -> None:
        """The record of the command stands in front of what its answers say."""
        self._out += self._answers
        self._answers.clear()

    def _reported(self, event: Reported) -> None:
        if event.urc is not None and event.urc.spec.position is not None:
            self._line(event.urc.spec.position, event.message, self._out)

    def _line(self, spec: PositionSpec, message: Message, out: list[Any]) -> None:
        params = message.params
        if message.name is None or not applies(spec.when, params):
            return

        def of(name: str) -> str:
            return str(params.get(name, "")).strip()

        latitude = degrees(of(spec.latitude), "latitude", of(spec.north_south))
        longitude = degrees(of(spec.longitude), "longitude", of(spec.east_west))
        known = latitude is not None and longitude is not None and applies(spec.valid, params)
        if not known and (of(spec.latitude) or of(spec.longitude)) and applies(spec.valid, params):
            return
        said = message.labels.get(spec.fix, "")
        fix: Fix = "none" if not known else "2D" if said == "2D" else "3D" if said == "3D" else "fixed"
        speed = _number(of(spec.speed))
        out.append(
            Position(
                message.time_ns, "module", latitude if known else None, longitude if known else None,
                fix, spec.by, message.text, altitude_m=_number(of(spec.altitude)) if known else None,
                time_iso=instant(of(spec.date), of(spec.time)), satellites=_count(of(spec.satellites)),
                accuracy_m=_number(of(spec.accuracy)) if known else None,
                speed_kmh=round(speed * _KMH[spec.speed_unit], 3) if known and speed is not None else None,
                course=_number(of(spec.course)) if known else None,
            )
        )  # fmt: skip

    def _framed(self, frame: Frame) -> None:
        """Take an NMEA sentence."""
        if frame.protocol != "nmea":
            return
        kind = str(frame.fields.get("sentence"))
        if kind in _TIMED:
            moment = str(frame.fields.get("time", ""))
            if self._sentences and (moment != self._moment or kind in self._sentences):
                self._gathered()
            self._moment = moment
        elif kind != "GSA":
            return
        self._sentences.setdefault(kind, frame.fields)
        if self._last is None or kind in ("GGA", "RMC"):
            self._last = frame
        if frame.time_ns is not None:
            self.wake_ns = frame.time_ns + _EPOCH_NS

    def _gathered(self) -> None:
        """The sentences of a second are all there: tell what they say together."""
        sentences, last = self._sentences, self._last
        self._sentences, self._last, self._moment, self.wake_ns = {}, None, "", NEVER
        if last is None or not _TIMED.intersection(sentences):
            return
        said = {name: value for each in reversed(sentences.values()) for name, value in each.items()}
        latitude, longitude = said.get("latitude_degrees"), said.get("longitude_degrees")
        valid = said.get("quality") != 0 and sentences.get("RMC", sentences.get("GLL", {})).get("status") != "V"
        known = valid and latitude is not None and longitude is not None
        if not known and set(sentences) <= {"ZDA", "GSA"}:
            return
        fix = _FIXES.get(said.get("fix", 0), "fixed")
        knots = _real(said.get("knots"))
        date = _digits(said.get("date"))
        if {"day", "month", "year"} <= said.keys():
            date = f"{_digits(said['day'], 2)}{_digits(said['month'], 2)}{_digits(said['year'], 4)}"
        self._out.append(
            Position(
                last.time_ns, "module", latitude if known else None, longitude if known else None,
                ("fixed" if fix == "none" else fix) if known else "none", "gnss", last.announced_by,
                altitude_m=_real(said.get("altitude")) if known else None,
                time_iso=instant(date, _digits(said.get("time"))), satellites=_count(str(said.get("satellites", ""))),
                accuracy_m=None,
                speed_kmh=round(knots * _KMH["kn"], 3) if known and knots is not None else None,
                course=_real(said.get("course")) if known else None,
            )
        )  # fmt: skip


def _real(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _digits(value: object, count: int = 6) -> str:
    """Return a value of so many digits, which reading it as a number may have cost its zeros."""
    whole, point, part = str(value if value is not None else "").partition(".")
    return f"{whole.zfill(count)}{point}{part}" if whole else ""


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e9 else None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) < _MAX_SATELLITES else None
