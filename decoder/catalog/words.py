"""Syntaxes as dialect files write them: words, each a parameter with its marks; lines with parameters in braces."""

from __future__ import annotations

import re

import msgspec

_WORDS = re.compile(r"(?:[^\s\"]|\"[^\"]*\")+|\S+")
_WORD = re.compile(r"([a-z][a-z0-9_]*)(?:=\"([^\"]+)\"|:([a-z][a-z0-9_]*))?([?*~]?)\Z")


class Word(msgspec.Struct, frozen=True):
    """One word of a syntax: parameter name, fixed words, the parameter that counts its bytes, and its mark."""

    name: str
    words: tuple[str, ...] = ()
    length: str = ""
    mark: str = ""


def parse_syntax(syntax: str) -> list[Word]:
    """Parse a syntax. Raises ValueError with the offending word."""
    words = []
    for text in _WORDS.findall(syntax):
        match = _WORD.match(text)
        if not match:
            raise ValueError(f"cannot read {text!r} in the syntax {syntax!r}")
        fixed = tuple(match[2].split("|")) if match[2] else ()
        words.append(Word(match[1], fixed, match[3] or "", match[4]))
    for word in words[:-1]:
        if word.mark in "*~" and word.mark:
            raise ValueError(f"{word.name}{word.mark} must be the last word of the syntax {syntax!r}")
    return words


_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)(?::([a-z][a-z0-9_]*))?(~?)\}")


def parse_line(line: str) -> tuple[list[str], list[Word]]:
    """Parse a line with parameters in braces. Returns the literal texts around them, and the parameters."""
    pieces = _PLACE.split(line)
    places = zip(pieces[1::4], pieces[2::4], pieces[3::4], strict=True)
    return pieces[::4], [Word(name, length=length or "", mark=mark) for name, length, mark in places]
