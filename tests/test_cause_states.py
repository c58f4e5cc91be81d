"""States that lines of a dialect tell: a bad one that stays is the cause, in the layer of its fact; a good one is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from decoder.catalog import Command, Dialect, Syntax, UrcType
from decoder.catalog.conditions import among
from decoder.catalog.spec import BasicSpec, MeansSpec
from decoder.findings.states import FACTS
from tests.from_catalog import prefix
from tests.test_cause_failures import asked, plain, told_by, with_line
from tests.test_cause_layers import GOOD, Said, introduced, whole

BELOW = {
    "sim": (),
    "signal": ("sim",),
    "registration": ("sim", "radio"),
    "attach": ("sim", "radio"),
    "context": ("sim", "radio", "registration"),
}
"""What is seen to work before each fact. Not here: power, sleep and the card, which explain only what fails after them; the clock."""


def told(own: Dialect) -> Iterator[tuple[UrcType | Command, Syntax, MeansSpec]]:
    """The lines of a dialect that tell a state, in each shape that has it."""
    lines: list[UrcType | Command] = [*own.urcs.values(), *own.commands.values()]
    for one in lines:
        if isinstance(one.spec, BasicSpec):
            continue
        for means in one.spec.means:
            for syntax in one.syntaxes if isinstance(one, UrcType) else one.answer:
                if means.fact in BELOW and means.value in syntax.names and syntax.payload < 0 and not means.when:
                    yield one, syntax, means


def reading(line: UrcType | Command) -> str | None:
    """A command line that reads a state; None for a URC, and where no command does."""
    if isinstance(line, UrcType):
        return None
    return f"AT{prefix(line.name)}?" if "read" in line.forms else asked(line)


def sessions(own: Dialect) -> Iterator[tuple[str, Said, str, bool]]:
    """Sessions that end with each state that a line tells: the line, the session, the fact, whether it is good."""
    for one, syntax, means in told(own):
        begun: Said = introduced(own.id)
        for name in BELOW[means.fact]:
            begun += GOOD[name]
        at = syntax.names.index(means.value)
        param = syntax.params[at]
        base = [plain(each) for each in syntax.params[: max(at + 1, syntax.minimum)]]
        for value in (*means.good, *means.bad):
            if str(value).endswith("*") or (param.words and str(value) not in param.words):
                continue
            shown = (
                f'"{value}"'
                if param.type == "string" and isinstance(value, str) and "CPIN" not in one.name
                else str(value)
            )
            text = f"{prefix(one.name)}: {','.join([*base[:at], shown, *base[at + 1 :]])}"
            good = among(value, means.good)
            asks = reading(one)
            if isinstance(one, UrcType) or asks is not None:
                yield text, [*begun, *with_line(one, text, asks)], means.fact, good


@pytest.mark.parametrize("own", [one for one in whole().dialects if any(told(one))], ids=lambda one: one.id)
def test_a_bad_state_that_stays_is_the_cause(own: Dialect) -> None:
    every = [*sessions(own)]
    assert every
    for text, said, fact, good in every:
        line, found, summary = told_by(said)
        assert (line.dialect, line.text) == (own.id, text)
        causes = [(one.layer, one.message) for one in summary.causes]
        if good:
            assert causes == [], text
        else:
            assert [layer for layer, _ in causes] == [FACTS[fact]], (text, causes, found)


CARDS = [
    (dialect.id, name)
    for dialect in whole().dialects
    for name, means in [
        *((one.name, one.means) for one in dialect.file.urc), *((one.name, one.means) for one in dialect.file.command)
    ]
    if any(one.fact == "card" for one in means)
]  # fmt: skip


def test_cards_are_told_by_more_than_one_maker() -> None:
    assert len({dialect for dialect, _ in CARDS}) > 3


@pytest.mark.parametrize(("dialect", "name"), CARDS)
@pytest.mark.parametrize("present", [False, True])
def test_a_card_that_is_missing_explains_what_fails_above(dialect: str, name: str, present: bool) -> None:
    (own,) = [one for one in whole().dialects if one.id == dialect]
    line = own.urcs.get(name) or own.commands[name]
    (means,) = [one for one in line.spec.means if one.fact == "card"]  # type: ignore[union-attr]
    syntax = (line.syntaxes if isinstance(line, UrcType) else line.answer)[0]
    value = (means.good if present else means.bad)[-1]
    shown = ",".join(
        str(value) if param.name == means.value else plain(param) for param in syntax.params[: syntax.minimum]
    )
    text = f"{prefix(name)}: {shown}"
    said = [*introduced(dialect), *with_line(line, text, reading(line))]
    said += [("mcu", "AT+CEREG?"), ("module", "+CEREG: 0,2"), ("module", "OK")]
    _, found, summary = told_by(said)
    assert [one.rule for one in summary.causes] == ["state.registration" if present else "state.card"], (text, found)
