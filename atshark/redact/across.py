"""Secrets that a log shows on several lines: a logger cut what the module said in one."""

from __future__ import annotations

from collections.abc import Iterator

_LEAST = 4
"""Characters of the shortest piece that is replaced."""
_MOST_LINES = 64
_MOST_PLACES = 100


def pieces(text: str, value: str) -> Iterator[str]:
    """Return the pieces of a value as they stand on lines of ``text``, if it stands nowhere as one."""
    if len(value) <= _LEAST or value in text:
        return
    at = -1
    for _ in range(_MOST_PLACES):
        at = text.find(value[:_LEAST], at + 1)
        if at < 0:
            return
        found = _from(text, at, value)
        if found:
            yield from (one for one in found if len(one) >= _LEAST)


def _from(text: str, at: int, value: str) -> list[str]:
    """Cut a value as the lines from ``at`` on show it, behind what stands in front; nothing if they do not."""
    out: list[str] = []
    for _ in range(_MOST_LINES):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)].rstrip("\r")
        if not out:
            taken = _alike(line, value)
            if taken < len(line) and taken < len(value):
                return []
        else:
            start = line.find(value[:_LEAST])
            taken = _alike(line[start:], value) if start >= 0 else 0
        if not taken:
            return []
        out.append(value[:taken])
        value = value[taken:]
        if not value:
            return out
        if end < 0:
            return []
        at = end + 1
    return []


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
