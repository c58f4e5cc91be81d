"""Values that a dialect says mean failure: each is a finding, and the cause in its layer; the others are neither."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from decoder.catalog import Command, Dialect, Param, Syntax, UrcType
from decoder.catalog.conditions import among
from decoder.catalog.spec import BasicSpec
from decoder.events import Finding, Message, Summary
from decoder.findings.failures import RULE
from decoder.rules import layer
from tests.from_catalog import prefix
from tests.test_cause_layers import GOOD, Said, decoded, introduced, whole

_PLAIN = {
    "int": "1", "flags": "1", "rssi": "20", "bool": "1", "float": "1.0", "hex": '"AB"', "ip": '"192.0.2.1"',
    "time": '"26/11/27,10:00:00+32"', "ranges": "(0)", "payload": "abc",
}  # fmt: skip
"""A value of each type; any other is text."""


def plain(param: Param) -> str:
    """A value of a parameter, as it stands on the line."""
    if param.words:
        return f'"{min(param.words)}"'
    return min(param.labels) if param.labels and param.type == "int" else _PLAIN.get(param.type, '"abc"')


def told(own: Dialect) -> Iterator[tuple[UrcType | Command, Syntax, str]]:
    """The URCs and answers of a dialect, in each of their shapes, that tell of a failure, and in which parameter."""
    lines: list[UrcType | Command] = [*own.urcs.values(), *own.commands.values()]
    for one in lines:
        spec = one.spec
        if isinstance(spec, BasicSpec) or (isinstance(one, UrcType) and one.spec.comma):
            continue
        for syntax in one.syntaxes if isinstance(one, UrcType) else one.answer:
            names = [name for name in (*spec.fails, *spec.succeeds) if name in syntax.names]
            if len(names) == 1 and syntax.payload < 0 and syntax.counted < 0:
                yield one, syntax, names[0]


def values(one: UrcType | Command, param: Param) -> dict[str, bool]:
    """What may stand for a parameter, and whether it means failure."""
    assert not isinstance(one.spec, BasicSpec)
    fails, succeeds = one.spec.fails.get(param.name, []), one.spec.succeeds.get(param.name)
    out = {}
    for text in (*param.labels, *map(str, (*fails, *(succeeds or ())))):
        try:
            value = param.convert(text)
        except ValueError:
            continue
        if param.words and text not in param.words:
            continue
        failed = among(value, fails) or (succeeds is not None and not among(value, succeeds))
        out[f'"{text}"' if param.type == "string" else text] = failed
    return out


def asked(one: Command) -> str | None:
    """A command line that has the answer."""
    if one.syntaxes:
        syntax = one.syntaxes[0]
        return f"AT{prefix(one.name)}={','.join(map(plain, syntax.params[: syntax.minimum]))}"
    return f"AT{prefix(one.name)}" if "exec" in one.forms else None


def with_line(line: UrcType | Command, text: str, asks: str | None) -> Said:
    """The lines of a session that bring a line of the module: a URC alone, an answer between its command and OK."""
    return (
        [("module", text)] if isinstance(line, UrcType) else [("mcu", asks or ""), ("module", text), ("module", "OK")]
    )


def told_by(said: Said) -> tuple[Message, list[Finding], Summary]:
    """The last line of a session, what was found, and the summary."""
    events = decoded(said)
    (summary,) = [one for one in events if isinstance(one, Summary)]
    lines = [one for one in events if isinstance(one, Message) and one.side == "module" and one.name is not None]
    return lines[-1], [one for one in events if isinstance(one, Finding) and one.severity != "note"], summary


def sessions(own: Dialect) -> Iterator[tuple[str, Said, bool]]:
    """Good sessions that end with each value of each line of a dialect, and whether that means failure."""
    begun: Said = introduced(own.id)
    for good in GOOD.values():
        begun += good
    for one, syntax, name in told(own):
        at = syntax.names.index(name)
        base = [plain(param) for param in syntax.params[: max(at + 1, syntax.minimum)]]
        for value, failed in values(one, syntax.params[at]).items():
            text = f"{prefix(one.name)}: {','.join([*base[:at], value, *base[at + 1 :]])}"
            asks = asked(one) if isinstance(one, Command) else None
            if isinstance(one, UrcType) or asks is not None:
                yield text, [*begun, *with_line(one, text, asks)], failed


@pytest.mark.parametrize("own", [one for one in whole().dialects if any(told(one))], ids=lambda one: one.id)
def test_a_value_that_means_failure_is_the_cause(own: Dialect) -> None:
    every = [*sessions(own)]
    assert every
    for text, said, failed in every:
        line, found, summary = told_by(said)
        assert (line.dialect, line.text) == (own.id, text)
        about = [one for one in found if one.rule == RULE]
        if not failed:
            assert not about, text
            continue
        assert found, text
        assert [one.layer for one in summary.causes] == [layer(found[0])], text
        for one in found:
            assert one.message, text
            assert one.message_zh, text
