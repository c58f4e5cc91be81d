"""Conditions of dialect files: which parameters a line must have, and which of two lines must be equal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

_MATCH = re.compile(r"([a-z][a-z0-9_]*)(?:=([a-z][a-z0-9_]*))?(?:&(\d+))?\Z")


@cache
def parse_match(text: str) -> tuple[str, str, int]:
    """Parse an entry of ``match``: the parameter of the URC, that of the command, which of its bits (0: all)."""
    match = _MATCH.match(text)
    if not match:
        raise ValueError(f"cannot read {text!r}: a parameter, a=b or a=b&127 is expected")
    mask = int(match[3] or 0)
    if mask & (mask + 1):
        raise ValueError(f"{text!r}: only a mask of low bits (1, 3, 7 ... 127 ...) is read alike by both engines")
    return match[1], match[2] or match[1], mask


def matches(rules: list[str], own: dict[str, Any], params: dict[str, Any]) -> bool:
    """Tell whether ``params`` of a URC agree with the command's ``own``; what the command lacks, agrees."""
    for rule in rules:
        theirs, ours, mask = parse_match(rule)
        value = own.get(ours)
        if mask and isinstance(value, int):
            value &= mask
        if value is not None and value != params.get(theirs):
            return False
    return True


def applies(when: dict[str, list[int | str]], params: dict[str, Any]) -> bool:
    """Tell whether ``params`` are as ``when`` says: one of the values; "*": any, "-": none."""
    for name, values in when.items():
        value = params.get(name)
        if value not in values and ("-" if value is None else "*") not in values:
            return False
    return True


def fixed(where: dict[str, str | int], params: dict[str, Any]) -> bool:
    """Tell whether ``params`` are as ``where`` says ("a|b": either)."""
    return all(str(params.get(name)) in str(value).split("|") for name, value in where.items())


def covers(pattern: str, text: str) -> bool:
    """Tell whether what a dialect writes means a name or a value: the same, or how it begins (``QHTTP*``)."""
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def among(value: object, values: Iterable[int | str]) -> bool:
    """Tell whether a value is one of those that a dialect lists, as a number or as it is written."""
    text = str(value)
    return any(value == one or covers(str(one), text) for one in values)
