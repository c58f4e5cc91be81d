"""Short messages without what is secret in them: PDUs whose numbers and texts are others, as long and as readable.

Strategy: the decoder tells where in a PDU numbers and texts stand, and how they are written there. Each digit becomes
another digit, each letter another letter of its alphabet; lengths, headers, escapes and all other fields stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import NamedTuple

from decoder.events import Frame
from decoder.protocols.frames import gsm7, sms
from decoder.protocols.frames.sms import Place, PlaceKind
from decoder.protocols.frames.sms_values import DIGITS

_USSD = "ussd"
_FEWEST = 4
"""Digits of a number that may be somebody's."""
_BLOCK = 64
"""Code points that have all but their last byte in common, in UTF-8."""
_DRAWN = 4
"""Bytes that a number is drawn from."""
_MOST = 3
"""More numbers than that are drawn for no byte of a PDU."""
Draw = Callable[[int], int]
"""Draws a number below the one that it is given."""
Replace = Callable[[str], str]


class Rewritten(NamedTuple):
    """A PDU, in hex, and what in it is secret."""

    value: str
    places: tuple[Place, ...]
    tables: tuple[int, int]
    """The languages of its locking and single shift table."""


def secret_of(frame: Frame) -> Rewritten | None:
    """Return the PDU of a message and what in it is secret; None if the record has none that can be read."""
    if not isinstance(frame.data, str):
        return None
    if frame.protocol == _USSD:
        return _of_ussd(frame, frame.data)
    found = sms.decode_again(bytes.fromhex(frame.data), frame.side, frame.fields)
    if found is None:
        return None
    return Rewritten(frame.data, found.places, found.user.tables if found.user is not None else (0, 0))


def _of_ussd(frame: Frame, text: str) -> Rewritten | None:
    """Return the text of USSD that was written as hex."""
    octets = len(text) // 2
    if frame.fields.get("written") == "septets":
        return Rewritten(text, (Place("septets", 0, octets * 8 // 7),), (0, 0))
    kind: PlaceKind = "ucs2" if frame.fields.get("written") == "ucs2" else "octets"
    return Rewritten(text, (Place(kind, 0, octets),), (0, 0))


def rewrite(pdu: Rewritten, number: Replace, salt: bytes) -> bytes:
    """Return a PDU with other numbers, as ``number`` replaces them, and other texts; ``salt`` makes them different."""
    raw = bytearray.fromhex(pdu.value)
    stream = BytesIO(hashlib.shake_256(salt + raw).digest(_DRAWN * _MOST * len(raw)))

    def draw(most: int) -> int:
        return int.from_bytes(stream.read(_DRAWN), "big") % most

    for place in pdu.places:
        if place.kind == "digits":
            _digits(raw, place, number)
        elif place.kind == "letters":
            _septets(raw, place._replace(size=place.size * 4 // 7), (0, 0), draw)
        elif place.kind == "septets":
            _septets(raw, place, pdu.tables, draw)
        elif place.kind == "ucs2":
            _ucs2(raw, place, draw)
        else:
            start = place.start + place.skip // 8
            for at in range(start, min(start + place.size, len(raw))):
                raw[at] = ord(_like(chr(raw[at]), draw)) if raw[at] < 0x80 else 0x80 | draw(0x80)
    return bytes(raw)


def _digits(raw: bytearray, place: Place, number: Replace) -> None:
    nibbles = [(place.start + at // 2, 4 * (at % 2)) for at in range(place.size) if place.start + at // 2 < len(raw)]
    values = [raw[at] >> shift & 15 for at, shift in nibbles]
    if 15 in values:
        values = values[: values.index(15)]
    if len(values) < _FEWEST:
        return
    made = number("".join(DIGITS[value] for value in values))
    for (at, shift), value, digit in zip(nibbles, values, made, strict=False):
        if value < 10 and digit in DIGITS[:10]:
            raw[at] = raw[at] & ~(15 << shift) | DIGITS.index(digit) << shift


def _septets(raw: bytearray, place: Place, tables: tuple[int, int], draw: Draw) -> None:
    locking, single = (gsm7.LANGUAGES.get(one, gsm7.DEFAULT) for one in tables)
    main = dict(enumerate(locking.locking or gsm7.DEFAULT.locking))
    number = int.from_bytes(raw[place.start :], "little")
    escaped = False
    for index, value in enumerate(gsm7.septets(bytes(raw[place.start :]), place.size, place.skip)):
        table = single.single if escaped and value in single.single else main
        if value != gsm7.ESCAPE:
            shift = place.skip + 7 * index
            number = number & ~(0x7F << shift) | _code(table, value, draw) << shift
        escaped = value == gsm7.ESCAPE and not escaped
    raw[place.start :] = number.to_bytes(len(raw) - place.start, "little")


def _code(table: Mapping[int, str], value: int, draw: Draw) -> int:
    """Return the code of another character of the same kind in the table of a value."""
    kind = _kind(table[value])
    others = [code for code, one in table.items() if _kind(one) == kind and code != value] if kind else []
    return others[draw(len(others))] if others else value


def _ucs2(raw: bytearray, place: Place, draw: Draw) -> None:
    start = place.start + place.skip // 8
    for at in range(start, min(start + place.size, len(raw)) - 1, 2):
        character = chr(int.from_bytes(raw[at : at + 2], "big"))
        raw[at : at + 2] = ord(_like(character, draw)).to_bytes(2, "big")


def _kind(character: str) -> str:
    """Return what kind a character is of; "" if it tells nothing."""
    if character.isdecimal():
        return "digit"
    if not character.isalpha():
        return ""
    plain = "ascii " if character.isascii() else ""
    return plain + ("upper" if character.isupper() else "lower" if character.islower() else "letter")


def _like(character: str, draw: Draw) -> str:
    """Return another character of the same kind, of those near it."""
    others = near(character)
    return others[draw(len(others))] if others else character


def near(character: str) -> list[str]:
    """Return the other characters of the same kind that are as long in UTF-8, near a character; of signs none."""
    kind = _kind(character)
    if not kind:
        return []
    first = ord(character) & ~(_BLOCK - 1)
    block: Iterable[int] = range(0x80) if character.isascii() else range(first, first + _BLOCK)
    return [chr(one) for one in block if _kind(chr(one)) == kind and chr(one) != character]
