"""The 7-bit alphabets of short messages: the default one, its extension, and those of national languages.

Source: 3GPP TS 23.038 6.1.2 (packing), 6.2.1 (default alphabet and extension), annex A (national languages, gsm7.toml).
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""TS 23.038 6.2.1: the default alphabet."""
EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
"""TS 23.038 6.2.1.1, behind an escape (0x1B)."""
_ESCAPE = 0x1B


@cache
def _tables() -> tuple[dict[int, str], dict[int, dict[int, str]]]:
    """Load the tables of national languages: those that lock, and those for a single shift, by their number."""
    text = (resources.files("decoder.protocols.frames") / "gsm7.toml").read_text("utf-8")
    languages = tomllib.loads(text)["language"]
    return (
        {one["number"]: one["locking"] for one in languages if "locking" in one},
        {
            one["number"]: {at: sign for at, sign in enumerate(one["single"]) if sign != " "}
            for one in languages
        },
    )  # fmt: skip


def septets(data: bytes, count: int, skip_bits: int = 0) -> list[int]:
    """Unpack ``count`` septets, the first behind ``skip_bits`` (TS 23.038 6.1.2.1)."""
    number = int.from_bytes(data, "little") >> skip_bits
    return [number >> 7 * index & 0x7F for index in range(min(count, (len(data) * 8 - skip_bits) // 7))]


def packed(values: Sequence[int], skip_bits: int = 0) -> bytes:
    """Pack septets behind ``skip_bits`` bits of zero: the inverse of :func:`septets`."""
    number = sum(value << 7 * index for index, value in enumerate(values)) << skip_bits
    return number.to_bytes((len(values) * 7 + skip_bits + 7) // 8, "little")


def text_of(values: Sequence[int], locking: int = 0, single: int = 0) -> str:
    """Return what septets say. ``locking``, ``single``: numbers of the languages whose tables hold (0: the default).

    Of a language that has no table the default one holds; behind an escape, a value without a character is that of the
    main table (TS 23.038 6.2.1.1).
    """
    lockings, singles = _tables()
    main, shifted = lockings.get(locking, BASIC), singles.get(single, EXTENSION)
    out, escaped = [], False
    for value in values:
        if escaped:
            out.append(shifted.get(value, main[value]))
            escaped = False
        elif value == _ESCAPE:
            escaped = True
        else:
            out.append(main[value])
    return "".join(out)


def septets_of(text: str, locking: int = 0, single: int = 0) -> list[int]:
    """Write a text as septets. Raises ValueError for a character that the tables do not have."""
    lockings, singles = _tables()
    main, shifted = lockings.get(locking, BASIC), singles.get(single, EXTENSION)
    reverse = {character: value for value, character in shifted.items()}
    out: list[int] = []
    for character in text:
        at = main.find(character)
        out += [_ESCAPE, reverse[character]] if at < 0 and character in reverse else [main.index(character)]
    return out
