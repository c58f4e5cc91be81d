"""The arguments of a line, read by the syntax that fits best.

A command or URC has one or more syntaxes; a line is read by the one that fits best: right number of arguments, right
fixed words, values of the right type. A line that fits none still decodes, by the nearest syntax, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from capture.grammar import BLANK, split_arguments, unquote
from decoder.catalog.quantities import QUANTITIES, Quantity
from decoder.catalog.spec import Meaning, ParamSpec
from decoder.catalog.words import Word
from decoder.events import Params
from decoder.values import CONVERTERS

UNFIT = 100
"""From here on the ``fit`` of a line says that it has the wrong number of parameters for its syntax."""
_HEX = re.compile(r"[0-9A-Fa-f]*\Z")


class Arguments(NamedTuple):
    """Typed arguments of one line, and how badly they fit the syntax (0: perfectly).

    ``texts`` are the arguments as they stood on the wire, ``names`` the parameter that each became ("" for none).
    """

    params: Params
    labels: dict[str, str]
    fit: int
    syntax: Syntax | None
    texts: Sequence[str] = ()
    names: Sequence[str] = ()


class Param:
    """A parameter in one place of a syntax."""

    __slots__ = (
        "bits", "by", "cases", "convert", "labels", "length", "mark", "name", "quantity", "quantity_name", "spec",
        "type", "words",
    )  # fmt: skip

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


def _without(prefix: str, convert: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: convert(text.removeprefix(prefix))


class Syntax:
    """A compiled parameter list."""

    __slots__ = ("constants", "counted", "maximum", "minimum", "params", "payload", "takes_rest")

    def __init__(self, params: list[Param]) -> None:
        self.params = params
        self.minimum = sum(1 for param in params if not param.mark or param.mark == "~")
        self.maximum = 10_000 if params and params[-1].mark == "*" else len(params)
        self.takes_rest = bool(params) and params[-1].mark == "~"
        self.constants = [(i, param.words) for i, param in enumerate(params) if param.words]
        self.counted = next((i for i, param in enumerate(params) if param.length), -1)
        self.payload = next((i for i, param in enumerate(params) if param.type == "payload"), -1)

    def read(self, arguments: list[str], *, sliced: bool = False) -> Arguments:
        """Type ``arguments`` by this syntax; each thing that does not fit adds to ``fit``.

        ``sliced``: the counted one has been cut out, and what looks like quotes in it is part of it.
        """
        count = len(arguments)
        fit = 0
        if count > self.maximum:
            if self.takes_rest:
                keep = len(self.params) - 1
                arguments = [*arguments[:keep], ",".join(arguments[keep:])]
                count = len(arguments)
            else:
                fit += UNFIT + count - self.maximum
        elif count < self.minimum:
            fit += UNFIT + self.minimum - count
        for index, words in self.constants:
            if index >= count or unquote(arguments[index]) not in words:
                fit += 10 * UNFIT
        params: Params = {}
        labels: dict[str, str] = {}
        names: list[str] = []
        last = len(self.params) - 1
        for index, text in enumerate(arguments):
            if index > last and not (last >= 0 and self.params[last].mark == "*"):
                names.append(f"arg{index + 1}")
                params[names[index]] = unquote(text)
                continue
            param = self.params[min(index, last)]
            names.append(param.name if text else "")
            if not text:
                fit += 0 if param.mark or index else 1
                continue
            value: Any
            convert = param.cases.get(str(params.get(param.by)), param.convert) if param.by else param.convert
            if sliced and param.length and convert is unquote:
                convert = str
            try:
                value = convert(text)
            except ValueError:
                value = unquote(text)
                fit += 2
            if param.length and not _has_length(text, params.get(param.length)):
                fit += 1
            if param.mark == "*":
                params.setdefault(param.name, []).append(value)
            else:
                params[param.name] = value
                if param.labels and (label := param.labels.get(str(value))) is not None:
                    labels[param.name] = label
                elif param.bits:
                    _name_bits(param, value, labels)
                elif param.quantity is not None:
                    _measure(param, param.quantity, params, labels)
        return Arguments(params, labels, fit, self, arguments, names)


def _name_bits(param: Param, value: object, labels: dict[str, str]) -> None:
    if isinstance(value, int):
        labels[param.name] = ", ".join(meaning for bit, meaning in param.bits if value & bit) or "none"


def _measure(param: Param, quantity: Quantity, params: Params, labels: dict[str, str]) -> None:
    """Put the physical value of a coded parameter next to it."""
    measured, said = quantity(params[param.name], params)
    if measured is not None:
        params[param.quantity_name] = measured
    if said:
        labels[param.name] = said


def _has_length(text: str, length: object) -> bool:
    """Tell whether payload is as long as announced: in bytes, or in pairs of hex digits."""
    size = len(unquote(text).encode("utf-8"))
    return not isinstance(length, int) or length == 0 or size in (length, 2 * length)


def best(syntaxes: list[Syntax], text: str) -> Arguments:
    """Read ``text`` by the syntax that fits best (the first of equals); without syntaxes, number the arguments."""
    arguments = split_arguments(text)
    found: Arguments | None = None
    for syntax in syntaxes:
        counted = slice_counted(text, syntax) if syntax.counted >= 0 > syntax.payload else None
        candidate = syntax.read(arguments) if counted is None else syntax.read(counted, sliced=True)
        if candidate.fit == 0:
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
    counts takes the rest of the line. None if nothing fits.
    """
    head: list[str] = []
    position = 0
    for _ in range(syntax.counted if syntax.counted >= 0 else syntax.payload):
        comma = text.find(",", position)
        if comma < 0:
            return None
        head.append(text[position:comma].strip(BLANK))
        position = comma + 1
    while position < len(text) and text[position] == " ":
        position += 1
    if syntax.counted < 0:
        return [*head, unquote(text[position:].strip(BLANK))]
    length_name = syntax.params[syntax.counted].length
    length_index = next(i for i, param in enumerate(syntax.params) if param.name == length_name)
    digits = head[length_index]
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
    return Arguments(params, {}, 0, None, arguments, names)
