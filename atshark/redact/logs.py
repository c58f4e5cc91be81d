"""Text logs in their own format: the text as a whole, and bytes that are written as hex, apart or one a line.

Strategy: the text is replaced as it stands. Hex bytes that stand apart (``41 54 0D``), in whatever rows, are read in
order as one run, replaced there, and written back into their places, also in the column of characters next to them.
"""

from __future__ import annotations

import re

from atshark.redact.spread import Substitutes
from atshark.sources.logs import HEAD
from atshark.sources.logs.text import encoding_of
from decoder.protocols.frames import nmea

_ROW = re.compile(
    r"^(?P<head>.*?(?:^|[\s:>◇◆,\]]))(?P<hex>(?:0[xX])?[0-9A-Fa-f]{2}(?:(?P<gap>[ ,:-]|[ ,]+0[xX])(?:[0-9A-Fa-f]{2}))*|"
    r"[0-9A-Fa-f]{4}(?: [0-9A-Fa-f]{2,4})+)(?P<tail>(?:[\s,|].*)?)$"
)
_SENTENCE = re.compile(rb"\$(G[PNLAB][A-Z]{3},[^$*\r\n]{5,120})\*[0-9A-Fa-f]{2}")


def redact_text(data: bytes, substitutes: Substitutes) -> bytes:
    """Replace the secrets in a text log, in whatever encoding it is."""
    encoding = encoding_of(data[:HEAD])
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    text = data.decode(encoding, errors)
    before = text.encode("utf-8", "surrogateescape")
    plain = substitutes.replace(before).decode("utf-8", "surrogateescape")
    made = summed(before, _hex_rows(plain, substitutes).encode("utf-8", "surrogateescape"))
    return made.decode("utf-8", "surrogateescape").encode(encoding, errors)


def summed(before: bytes, after: bytes) -> bytes:
    """Make the checksums of NMEA sentences that were changed right, if they were (NMEA 0183)."""

    def sentence(match: re.Match[bytes]) -> bytes:
        old = before[match.start() : match.end()]
        right = old[-2:].upper() == b"%02X" % nmea.checksum(old[1:-3])
        return b"$%b*%02X" % (match[1], nmea.checksum(match[1])) if right and old != match[0] else match[0]

    return _SENTENCE.sub(sentence, after)


def _hex_rows(text: str, substitutes: Substitutes) -> str:
    rows = text.split("\n")
    places: list[tuple[int, int]] = []
    run = bytearray()
    for number, row in enumerate(rows):
        match = _ROW.match(row.rstrip("\r"))
        if match is None:
            continue
        at = match.start("hex")
        for pair in re.finditer(r"[0-9A-Fa-f]{2}", re.sub(r"0[xX]", "  ", match["hex"])):
            places.append((number, at + pair.start()))
            run.append(int(pair[0], 16))
    made = substitutes.replace(bytes(run))
    if made == bytes(run):
        return text
    for index, (number, at) in enumerate(places):
        old, new = run[index], made[index]
        if old == new:
            continue
        row = rows[number]
        shown = f"{new:02x}" if row[at : at + 2].islower() else f"{new:02X}"
        rows[number] = _beside(row[:at] + shown + row[at + 2 :], index, places, chr(old), chr(new))
    return "\n".join(rows)


def _beside(row: str, index: int, places: list[tuple[int, int]], old: str, new: str) -> str:
    """Replace the character next to the bytes of a row, where programs print one."""
    number = places[index][0]
    first = index
    while first > 0 and places[first - 1][0] == number:
        first -= 1
    last = index
    while last + 1 < len(places) and places[last + 1][0] == number:
        last += 1
    count = last - first + 1
    column = row[places[last][1] + 2 :]
    for match in re.finditer(r"\S", column):
        start = match.start()
        place = start + (index - first)
        if place < len(column) and column[place] == old and len(column.rstrip("\r |)'\"")) >= start + count - 1:
            end = places[last][1] + 2 + place
            return row[:end] + new + row[end + 1 :]
    return row
