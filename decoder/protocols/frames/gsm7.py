"""The 7 bit alphabets of messages: the default one, its extension, and those of national languages.

Sources: 3GPP TS 23.038 6.1.2.1 (packing), 6.2.1 (alphabet and extension), annex A (national languages: locking shift
tables stand for the alphabet, single shift tables for its extension). The tables stand in gsm7.toml.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, NamedTuple

ESCAPE = 0x1B
"""The septet behind which a character of the extension stands."""


class Language(NamedTuple):
    """The tables of a language: ``locking`` has 128 characters (empty: none of its own), ``single`` some by code."""

    name: str
    locking: str
    single: dict[int, str]


def _runs(table: dict[str, str]) -> dict[int, str]:
    return {int(code, 16) + index: one for code, run in table.items() for index, one in enumerate(run)}


def _language(table: dict[str, Any], shared: dict[int, str]) -> Language:
    common = shared if table.get("shared") else {}
    return Language(table.get("name", ""), "".join(table.get("locking", ())), common | _runs(table["single"]))


_TABLES = tomllib.loads((resources.files("decoder.protocols.frames") / "gsm7.toml").read_text("utf-8"))
_SHARED = _runs(_TABLES["shared"]["single"])
DEFAULT = _language(_TABLES["default"], _SHARED)
"""The default alphabet and its extension."""
LANGUAGES = {int(number): _language(table, _SHARED) for number, table in _TABLES["national"].items()}
"""Languages by the number that messages give them (TS 23.038 6.2.1.2.4)."""


def septets(data: bytes, count: int, skip_bits: int = 0) -> list[int]:
    """Unpack ``count`` septets, the first behind ``skip_bits``; fewer if ``data`` has fewer."""
    number = int.from_bytes(data, "little") >> skip_bits
    return [number >> 7 * index & 0x7F for index in range(min(count, (len(data) * 8 - skip_bits) // 7))]


def text_of(values: list[int], locking: int = 0, single: int = 0) -> str:
    """Return what septets say by the tables of two languages (0: the default; one that is not known: the default too).

    What an extension does not have is shown by the main table. An escape behind an escape is a blank, one at the end
    nothing.
    """
    main = LANGUAGES.get(locking, DEFAULT).locking or DEFAULT.locking
    extension = LANGUAGES.get(single, DEFAULT).single
    out, escaped = [], False
    for value in values:
        if escaped:
            out.append(" " if value == ESCAPE else extension.get(value, main[value]))
            escaped = False
        elif value == ESCAPE:
            escaped = True
        else:
            out.append(main[value])
    return "".join(out)
