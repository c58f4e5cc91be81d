"""Hypothesis strategies that write AT lines from the catalog itself: each with the values that it must decode to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from decoder.catalog import Command, Dialect, Param, Syntax, UrcType
from decoder.catalog.spec import BasicSpec

TEXT = st.text("abcXYZ0189 /.-_:;$#ä中", min_size=1, max_size=12).map(str.strip).filter(bool)
WITH_COMMAS = st.text("abc,:={}+ OK>", min_size=1, max_size=20)
BITS = {"gprs-timer": 8, "gprs-timer-3": 8, "edrx-cycle": 4, "paging-window": 4}


@dataclass
class Written:
    """A line: what stands behind ``=`` or ``:``, and the values that it carries, in order."""

    text: str
    values: list[Any]


def _scalar(param: Param, kind: str) -> st.SearchStrategy[tuple[str, Any]]:
    """Draw (text on the wire, value) of a type."""
    spec = param.spec
    if spec.values and kind not in ("bool", "flags"):
        known = st.sampled_from(sorted(spec.values))
        return known.map(lambda text: (text, int(text)) if kind in ("int", "rssi") else (f'"{text}"', text))
    if kind in ("int", "rssi", "flags"):
        low, high = spec.range or (0, 65535)
        return st.integers(low, high).map(lambda value: (spec.prefix + str(value), value))
    if kind == "float":
        return st.integers(-10_000, 10_000).map(lambda value: (f"{value / 4}", value / 4))
    if kind == "bool":
        return st.booleans().map(lambda value: (str(int(value)), value))
    if kind == "hex":
        return st.binary(min_size=1, max_size=8).map(lambda value: (value.hex().upper(), value.hex()))
    if kind == "ip":
        return st.ip_addresses(v=4).map(lambda value: (f'"{value}"', str(value)))
    if kind == "time":
        moment = st.tuples(
            st.integers(10, 40), st.integers(1, 12), st.integers(1, 28), st.integers(0, 23), st.integers(0, 59)
        )
        return moment.map(lambda m: ("{:02}/{:02}/{:02},{:02}:{:02}:00+32".format(*m),) * 2).map(
            lambda t: (f'"{t[0]}"', t[1])
        )
    if kind in BITS:
        size = BITS[kind]
        return st.integers(0, 2**size - 1).map(lambda value: (f'"{value:0{size}b}"', f"{value:0{size}b}"))
    return TEXT.map(lambda value: (f'"{value}"', value))


@st.composite
def written(draw: st.DrawFn, syntax: Syntax) -> Written:
    """Write a line of this syntax."""
    params = syntax.params
    last = draw(st.integers(syntax.minimum, len(params))) if params else 0
    if syntax.counted >= 0 and last == syntax.counted:  # a length without what it counts is another syntax's business
        last = syntax.counted + 1
    texts: list[str] = []
    values: dict[str, Any] = {}
    for param in params[:last]:
        if param.words:
            value = draw(st.sampled_from(param.words))
            text = f'"{value}"'
        elif param.length:
            text, value = _counted(draw, param, values)
            index = [one.name for one in params].index(param.length)
            size = len(value.encode())
            texts[index], values[param.length] = str(size), size
        elif param.mark == "~":
            value = draw(TEXT)
            text = f'"{value}"'
        else:
            kind = param.spec.cases.get(str(values.get(param.by)), param.type) if param.by else param.type
            text, value = draw(_scalar(param, kind))
        texts.append(text)
        values[param.name] = [value] if param.mark == "*" else value
    return Written(",".join(texts), list(values.values()))


def _counted(draw: st.DrawFn, param: Param, values: dict[str, Any]) -> tuple[str, Any]:
    kind = param.spec.cases.get(str(values.get(param.by)), param.type) if param.by else param.type
    if kind in ("string", "payload"):
        value = draw(WITH_COMMAS if kind == "string" else TEXT)
        return f'"{value}"', value
    text, value = draw(_scalar(param, kind))
    return text, str(value) if kind == "hex" else _Typed(text, value)


class _Typed(str):
    """A value with its text, whose length counts."""

    value: Any

    def __new__(cls, text: str, value: Any) -> _Typed:
        made = super().__new__(cls, text.strip('"'))
        made.value = value
        return made


def plain(value: Any) -> Any:
    return value.value if isinstance(value, _Typed) else value


def same(params: dict[str, Any], syntax_values: list[Any]) -> bool:
    """Tell whether decoded parameters hold the written values, in order; physical values stand between them."""
    expected = [plain(value) for value in syntax_values]
    measured = ("_s", "_dbm", "_iso")
    got = [
        value for name, value in params.items() if not (name.endswith(measured) and name.rsplit("_", 1)[0] in params)
    ]
    return _loose(got) == _loose(expected)


def _loose(values: list[Any]) -> list[str]:
    """The same text may be read by another syntax that fits as well: 1 as true, 7 as "7", a list's items singly."""
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [str(int(one)) if isinstance(one, bool) else str(one) for one in flat]


def commands(dialect: Dialect) -> list[tuple[Command, Syntax]]:
    """Every set form of a dialect."""
    return [
        (command, syntax)
        for command in dialect.commands.values()
        if not isinstance(command.spec, BasicSpec)
        for syntax in command.syntaxes
    ]


def answers(dialect: Dialect) -> list[tuple[Command, Syntax, str]]:
    """Every information response, with a command line that it answers."""
    out = []
    for command in dialect.commands.values():
        spec = command.spec
        if isinstance(spec, BasicSpec) or command.bare:
            continue
        line = "" if spec.exec else "?" if spec.read else None
        out += [(command, syntax, line) for syntax in command.answer if line is not None and syntax.payload < 0]
    return out


def urcs(dialect: Dialect) -> list[tuple[UrcType, Syntax]]:
    """Every URC that has parameters, in each of its shapes."""
    return [(urc, syntax) for urc in dialect.urcs.values() for syntax in urc.syntaxes if not urc.spec.comma]


def prefix(name: str) -> str:
    return name if name[:1] in "^$%*#!" else "+" + name
