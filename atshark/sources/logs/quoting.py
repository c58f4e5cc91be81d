"""What a program wrote around the content of its records: quotes, brackets, Python's bytes, lists, in any nesting.

Strategy: :func:`layers` takes one record apart from the outside in; :func:`quoting_of` decides for a log as a whole,
from its head, which layers its records have; :func:`opened` takes those off. Escapes inside are content.py's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from atshark.sources.logs import shape
from atshark.sources.logs.record import Entry

_PARTNERS = dict(zip("\"'`“‘«「{([<|", "\"'`”’»」})]>|", strict=True))
_QUOTES = "\"'`“‘«「"
_PREFIX = re.compile(r"(?:[bBuUfL]|[bB][rR]|[rR][bB]|&|r)?(?=[\"'`“‘«「{(\[<|])")
_TAIL = re.compile(r"(?<![\s,;])[\s,;]++$")
_LITERAL = re.compile(r"""[bBuU]?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")
_LIST = re.compile(rf"\[\s*(?:{_LITERAL.pattern}\s*(?:,\s*|(?=\])))*\]")
_DEEPEST = 4
_STARTS = re.compile(r"(?:\\[rntx]|<[CcLl][RrFfNn]>|\^[MJ]|[\[{]0|\s|[\"'`“‘])*(?:[bBuU]?[\"'])?(?:\\[rnx]\w*|\s)*")
"""What may stand between an opening quote and AT traffic."""


class Quoting(NamedTuple):
    """The layers of a log's records, from the outside in: an opening character each, ``[]`` for a list of literals."""

    layers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(self.layers)


def _peeled(text: str) -> tuple[str, str] | None:
    """Take one layer off; return what it was and what is inside, None if there is none."""
    bare = _TAIL.sub("", text.lstrip())
    if bare.startswith("[") and _LIST.fullmatch(bare):
        return "[]", "\n".join(_literal(match) for match in _LITERAL.finditer(bare))
    prefix = _PREFIX.match(bare)
    if prefix is None or prefix.end() >= len(bare):
        return None
    opening = bare[prefix.end()]
    if len(bare) < prefix.end() + 2 or bare[-1] != _PARTNERS[opening]:
        return None
    inner = bare[prefix.end() + 1 : -1]
    if not _wraps(opening, inner):
        return None
    return opening, inner


def _literal(match: re.Match[str]) -> str:
    return match[1] if match[1] is not None else match[2]


def _wraps(opening: str, inner: str) -> bool:
    """Whether what is inside is one thing: no quote in it, or AT traffic all the same; brackets that are balanced."""
    if opening in _QUOTES:
        if opening not in inner and _PARTNERS[opening] not in inner:
            return True
        start = _STARTS.match(inner)
        return shape.begins_traffic(inner[start.end() :] if start else inner)
    return _balanced(opening, inner) if opening in "([{<" else "|" not in inner


def _balanced(opening: str, inner: str) -> bool:
    """Whether the bracket that stands in front is closed only at the end."""
    depth, closing = 0, _PARTNERS[opening]
    for character in inner:
        depth += (character == opening) - (character == closing)
        if depth < 0:
            return False
    return depth == 0


def layers(text: str) -> tuple[str, ...]:
    """Tell the layers around the content of a record."""
    found: list[str] = []
    while len(found) < _DEEPEST and (peeled := _peeled(text)) is not None:
        found.append(peeled[0])
        text = peeled[1]
    return tuple(found)


def quoting_of(entries: Sequence[Entry]) -> Quoting:
    """Decide from the first records of a log what stands around their content."""
    counts: Counter[tuple[str, ...]] = Counter()
    filled = 0
    for entry in entries:
        text = "\n".join(entry.lines).strip()
        if text and entry.content != "hex" and entry.data is None:
            filled += 1
            counts[layers(text)] += 1
    quoted = sum(count for found, count in counts.items() if found)
    if not filled or quoted * 2 < filled:
        return Quoting()
    longest: Counter[tuple[str, ...]] = Counter()
    for found, count in counts.items():
        for depth in range(1, len(found) + 1):
            longest[found[:depth]] += count
    best = max((found for found, count in longest.items() if count * 2 >= quoted), key=len, default=())
    return Quoting(best)


def opened(entry: Entry, quoting: Quoting) -> Entry:
    """Take the layers off a record, as far as it has them."""
    text = "\n".join(_quoted_part(entry.lines, quoting))
    for layer in quoting.layers:
        bare = text.strip()
        if layer in "([{<|" and len(bare) > 1 and bare[0] == layer and bare[-1] == _PARTNERS[layer]:
            text = bare[1:-1]
            continue
        peeled = _peeled(text)
        if peeled is None or (peeled[0] != layer and not {peeled[0], layer} <= set("\"'[]")):
            break
        text = peeled[1]
    return entry._replace(lines=tuple(text.split("\n")))


def _quoted_part(lines: Sequence[str], quoting: Quoting) -> Sequence[str]:
    """Leave out what a program printed below a record that is quoted as a whole on its first line."""
    first, *rest = [line for line in lines if line.strip()] or [""]
    layer = quoting.layers[0] if quoting.layers else ""
    if not rest or layer not in _QUOTES or any(layer in line for line in rest):
        return lines
    peeled = _peeled(first)
    return (first,) if peeled is not None and peeled[0] == layer else lines


def is_open(text: str) -> bool:
    """Whether a record begins a quote that it does not end: the rest stands on the lines below."""
    bare = text.strip()
    prefix = _PREFIX.match(bare)
    if not bare or prefix is None or bare[prefix.end()] not in _QUOTES[:3] + "“":
        return False
    opening = bare[prefix.end()]
    partner = _PARTNERS[opening]
    rest = bare[prefix.end() + 1 :]
    if opening != partner:
        return partner not in rest
    return rest.count(opening) % 2 == 0 and not rest.endswith(opening)


def closes(opening: str, line: str) -> bool:
    """Whether ``line`` ends the quote that ``opening`` began."""
    bare = opening.strip()
    prefix = _PREFIX.match(bare)
    assert prefix is not None
    return _TAIL.sub("", line).endswith(_PARTNERS[bare[prefix.end()]])
