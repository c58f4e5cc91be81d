"""The arguments of a line, read by the syntax that fits best.

A command or URC has one or more syntaxes; a line is read by the one that fits best: right number of arguments, right
fixed words, values of the right type. A line that fits none still decodes, by the nearest syntax, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from capture.grammar import BLANK, split_arguments, unquote
from decoder.catalog.quantities import QUANTITIES
from decoder.catalog.spec import Meaning, ParamSpec
from decoder.catalog.words import Word
from decoder.events import Params
from decoder.values import CONVERTERS

_HEX = re.compile(r"[0-9A-Fa-f]*\Z")


class Fit(msgspec.Struct, frozen=True, order=True):
    """How badly a line fits a syntax; the smallest is the best.

    ``words``: how many fixed words are missing; ``count``: how many arguments are too many or too few; ``types``: how
    many values are not of their type; ``lengths``: how many are not as long as announced.
    """

    words: int = 0
    count: int = 0
    types: int = 0
    lengths: int = 0

    @property
    def misses(self) -> bool:
        """Whether the line is another one than the syntax describes, and not the same with an odd value."""
        return self.words > 0 or self.count > 0


FITS = Fit()
"""A perfect fit."""


class Arguments(msgspec.Struct, frozen=True):
    """The arguments of a line, with their types, and how well they fit the syntax. Shared: nobody may change them.

    ``texts`` are the arguments as they stood on the wire, ``names`` the parameter that each became ("" for none).
    """

    params: Params
    labels: dict[str, str]
    fit: Fit
    syntax: Syntax | None
    texts: Sequence[str] = ()
    names: Sequence[str] = ()

    def own_params(self) -> Params:
        """Return the parameters for a record, which may do with them what it likes."""
        syntax = self.syntax
        if syntax is None or not syntax.repeats:
            return self.params.copy()
        return {name: value[:] if type(value) is list else value for name, value in self.params.items()}


class Param:
    """A parameter in one place of a syntax."""

    __slots__ = (
        "bits",
        "by",
        "cases",
        "convert",
        "labels",
        "length",
        "mark",
        "means",
        "name",
        "quantity",
        "quantity_name",
        "spec",
        "type",
        "unusual",
        "words",
    )

    def __init__(self, word: Word, spec: ParamSpec, errors: dict[str, Meaning]) -> None:
        self.name = word.name
        self.words = word.words
        self.length = word.length
        self.mark = word.mark
        self.spec = spec
        self.type = "string" if spec.type == "payload" and not word.length and word.mark != "~" else spec.type
        self.by = spec.by
        self.cases = {value: CONVERTERS[kind] for value, kind in spec.cases.items()}
        self.bits = [(1 << int(bit), meaning[0]) for bit, meaning in spec.bits.items()]
        quantity = QUANTITIES.get(self.type)
        self.quantity_name = word.name + quantity[0] if quantity else ""
        self.quantity = quantity[1] if quantity else None
        self.convert = CONVERTERS[self.type]
        if spec.prefix:
            self.convert = _without(spec.prefix, self.convert)
        table = {**errors, **spec.values} if spec.error else spec.values
        self.labels = {key: meaning[0] for key, meaning in table.items()}
        self.unusual = bool(self.by or self.length)
        self.means = bool(self.labels or self.bits or self.quantity)

    def explain(self, value: object, params: Params, labels: dict[str, str]) -> None:
        """Say what a value means: in ``labels``, and its physical value in ``params``, next to the coded one."""
        if self.labels and (label := self.labels.get(str(value))) is not None:
            labels[self.name] = label
        elif self.bits:
            if isinstance(value, int):
                labels[self.name] = ", ".join(meaning for bit, meaning in self.bits if value & bit) or "none"
        elif self.quantity is not None:
            measured, said = self.quantity(value, params)
            if measured is not None:
                params[self.quantity_name] = measured
            if said:
                labels[self.name] = said


def _without(prefix: str, convert: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: convert(text.removeprefix(prefix))


class Syntax:
    """A compiled parameter list."""

    __slots__ = (
        "constants",
        "counted",
        "counter",
        "maximum",
        "minimum",
        "names",
        "params",
        "payload",
        "repeats",
        "takes_rest",
    )

    def __init__(self, params: list[Param]) -> None:
        self.params = params
        self.names = tuple(param.name for param in params)
        self.minimum = sum(1 for param in params if not param.mark or param.mark == "~")
        self.repeats = bool(params) and params[-1].mark == "*"
        self.maximum = 10_000 if self.repeats else len(params)
        self.takes_rest = bool(params) and params[-1].mark == "~"
        self.constants = [(i, param.words) for i, param in enumerate(params) if param.words]
        self.counted = next((i for i, param in enumerate(params) if param.length), -1)
        self.payload = next((i for i, param in enumerate(params) if param.type == "payload"), -1)
        length = params[self.counted].length if self.counted >= 0 else ""
        self.counter = next((i for i, param in enumerate(params) if length and param.name == length), -1)

    def read(self, arguments: list[str], *, sliced: bool = False) -> Arguments:
        """Type ``arguments`` by this syntax; what does not fit is counted in ``fit``.

        ``sliced``: the counted one has been cut out, and what looks like quotes in it is part of it.
        """
        given, arguments, miscounted = self._counted(arguments)
        params: Params = {}
        labels: dict[str, str] = {}
        words = types = lengths = 0
        known = self.params
        for index, allowed in self.constants:
            if index >= given or unquote(arguments[index]) not in allowed:
                words += 1
        for param, text in zip(known, arguments, strict=False):
            if not text:
                lengths += not param.mark
                continue
            convert = param.convert
            if param.unusual:
                if param.by:
                    convert = param.cases.get(str(params.get(param.by)), convert)
                if param.length:
                    if sliced and convert is unquote:
                        convert = str
                    if not _has_length(text, params.get(param.length)):
                        lengths += 1
            value: Any
            try:
                value = convert(text)
            except ValueError:
                value = unquote(text)
                types += 1
            if param.mark == "*":
                params[param.name] = [value]
                continue
            params[param.name] = value
            if param.means:
                param.explain(value, params, labels)
        if given > len(known):
            types += self._read_beyond(arguments[len(known) :], params)
        fit = Fit(words, miscounted, types, lengths) if words or miscounted or types or lengths else FITS
        return Arguments(params, labels, fit, self, arguments, self._names_of(arguments))

    def _counted(self, arguments: list[str]) -> tuple[int, list[str], int]:
        """Return how many arguments there are, these with the rest of the line joined, and how many are amiss."""
        count = len(arguments)
        if count > self.maximum:
            if not self.takes_rest:
                return count, arguments, count - self.maximum
            keep = len(self.params) - 1
            return keep + 1, [*arguments[:keep], ",".join(arguments[keep:])], 0
        return count, arguments, max(0, self.minimum - count)

    def _read_beyond(self, arguments: list[str], params: Params) -> int:
        """Read arguments behind those that have a place; return how many are not of their type."""
        if not self.repeats:
            for number, text in enumerate(arguments, len(self.params) + 1):
                params[f"arg{number}"] = unquote(text)
            return 0
        param, wrong = self.params[-1], 0
        for text in arguments:
            if not text:
                continue
            convert = param.cases.get(str(params.get(param.by)), param.convert) if param.by else param.convert
            value: Any
            try:
                value = convert(text)
            except ValueError:
                value = unquote(text)
                wrong += 1
            params.setdefault(param.name, []).append(value)
        return wrong

    def _names_of(self, arguments: list[str]) -> Sequence[str]:
        """Return the names of the parameters that arguments became."""
        size, count = len(self.names), len(arguments)
        names = self.names
        if count > size:
            more = self.names[-1:] * (count - size) if self.repeats else [f"arg{i + 1}" for i in range(size, count)]
            names = (*names, *more)
        elif count < size:
            names = names[:count]
        if "" not in arguments:
            return names
        return [
            name if text or (index >= size and not self.repeats) else ""
            for index, (name, text) in enumerate(zip(names, arguments, strict=True))
        ]


def _has_length(text: str, length: object) -> bool:
    """Tell whether payload is as long as announced: in bytes, or in pairs of hex digits."""
    bare = unquote(text)
    size = len(bare) if bare.isascii() else len(bare.encode("utf-8"))
    return not isinstance(length, int) or length == 0 or size in (length, 2 * length)


def best(syntaxes: list[Syntax], text: str) -> Arguments:
    """Read ``text`` by the syntax that fits best (the first of equals); without syntaxes, number the arguments."""
    arguments = split_arguments(text)
    found: Arguments | None = None
    for syntax in syntaxes:
        counted = slice_counted(text, syntax) if syntax.counted >= 0 > syntax.payload else None
        candidate = syntax.read(arguments) if counted is None else syntax.read(counted, sliced=True)
        if candidate.fit is FITS:
            return candidate
        if found is None or candidate.fit < found.fit:
            found = candidate
    return found or generic(arguments)


def slice_counted(text: str, syntax: Syntax) -> list[str] | None:
    """Split ``text`` with the parameter that is counted in bytes cut out by its announced length, if that fits."""
    parts = slice_payload(text.encode("utf-8").decode("latin-1"), syntax)
    return None if parts is None else [part.encode("latin-1").decode("utf-8", "replace") for part in parts]


def slice_payload(text: str, syntax: Syntax) -> list[str] | None:
    """Split ``text`` (one character a byte) with the counted parameter cut out by its announced length.

    It may hold quotes and commas. It is as long as announced, or twice as long (hex digits). Without an
    announced length it reaches to the last quote that only digits and commas follow; payload that no parameter
    counts takes the rest of the line. None if nothing fits, or a word in front is another than the syntax has.
    """
    places = syntax.counted if syntax.counted >= 0 else syntax.payload
    *head, rest = text.split(",", places)
    if len(head) < places:
        return None
    head = [one.strip(BLANK) for one in head]
    if any(param.words and unquote(one) not in param.words for param, one in zip(syntax.params, head, strict=False)):
        return None
    position = len(text) - len(rest.lstrip(" "))
    if syntax.counted < 0:
        return [*head, unquote(text[position:].strip(BLANK))]
    digits = head[syntax.counter]
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        return None
    announced = int(digits or 0)
    if announced > len(text):
        announced = 0
    quoted = position < len(text) and text[position] == '"'
    start = position + quoted
    for size in (announced, 2 * announced):
        end = start + size
        after = end + quoted
        fits = size and after <= len(text) and (not quoted or text[end] == '"') and text[after : after + 1] in ("", ",")
        if fits and (size == announced or _HEX.match(text, start, end)):
            tail = split_arguments(text[after + 1 :]) if after < len(text) else []
            return [*head, text[start:end], *tail]
    if quoted:
        end = text.rfind('"')
        tail_text = text[end + 1 :].strip(BLANK)
        if end > start and not tail_text.strip("0123456789, "):
            tail = split_arguments(tail_text[1:]) if tail_text else []
            return [*head, text[start:end], *tail]
    return None


def generic(arguments: list[str]) -> Arguments:
    """Number arguments that no syntax names."""
    names = [f"arg{i}" if text else "" for i, text in enumerate(arguments, 1)]
    params = {name: unquote(text) for name, text in zip(names, arguments, strict=True) if name}
    return Arguments(params, {}, FITS, None, arguments, names)
