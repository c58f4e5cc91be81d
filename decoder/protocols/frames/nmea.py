"""NMEA 0183 sentences of a GNSS receiver: fields by name, coordinates in degrees, the checksum.

Source: NMEA 0183; the sentences that receivers in modules print. Their fields stand in nmea.toml.
"""

from __future__ import annotations

import tomllib
from functools import reduce
from importlib import resources
from operator import xor
from typing import Any

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

_TABLES = tomllib.loads((resources.files("decoder.protocols.frames") / "nmea.toml").read_text("utf-8"))
SENTENCES: dict[str, list[str]] = _TABLES["sentences"]


def checksum(body: bytes) -> int:
    """Compute the checksum of what stands between ``$`` and ``*``."""
    return reduce(xor, body, 0)


def build(talker: str, sentence: str, fields: list[str]) -> bytes:
    """Build a sentence from its fields."""
    body = ",".join([talker + sentence, *fields]).encode("ascii")
    return b"$%b*%02X" % (body, checksum(body))


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """Take a sentence apart. Raises :class:`NotThisFormatError`."""
    body, star, given = data.strip().removeprefix(b"$").partition(b"*")
    if not body or not body[:5].isalnum() or not data.strip().startswith(b"$"):
        raise NotThisFormatError("no NMEA sentence")
    if star and (len(given) != 2 or checksum(body) != _hex(given)):
        raise NotThisFormatError(f"the checksum is {checksum(body):02X}, not {to_text(given)}")
    address, *values = to_text(body).split(",")
    talker, sentence = (address[:1], address[1:]) if address.startswith("P") else (address[:2], address[2:])
    names = SENTENCES.get(sentence, [])
    fields: dict[str, Any] = {"talker": talker, "sentence": sentence}
    for index, value in enumerate(values):
        if value:
            fields[names[index] if index < len(names) else f"field_{index + 1}"] = _typed(value)
    for name, side in (("latitude", "north_south"), ("longitude", "east_west")):
        degrees = _degrees(fields.get(name), fields.get(side))
        if degrees is not None:
            fields[f"{name}_degrees"] = degrees
    if not star:
        fields["checksum"] = None
    where = ""
    if "latitude_degrees" in fields and "longitude_degrees" in fields:
        where = f" at {fields['latitude_degrees']}, {fields['longitude_degrees']}"
    return f"{talker} {sentence}{where}", fields


def _hex(text: bytes) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return -1


def _typed(value: str) -> int | float | str:
    plain = value.removeprefix("-")
    if plain.isascii() and plain.replace(".", "", 1).isdecimal() and len(plain) < 16:
        if "." in plain:
            return value if len(plain.split(".")[0]) > 5 else float(value)
        return value if plain.startswith("0") and len(plain) > 1 else int(value)
    return value


def _degrees(value: object, side: object) -> float | None:
    """Turn ddmm.mmmm and a side into degrees."""
    if not isinstance(value, int | float) or side not in ("N", "S", "E", "W"):
        return None
    whole = int(value // 100)
    degrees = round(whole + (value - 100 * whole) / 60, 6)
    return -degrees if side in ("S", "W") else degrees
