"""Error codes and their words: one thing, explained by the table of the right maker, in both languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources

import msgspec
import pytest

from decoder import catalog
from decoder.catalog import Catalog, Dialect
from decoder.catalog.spec import CommandSpec, Meaning, UrcSpec
from decoder.decode import run
from decoder.events import Error, Finding, Transaction
from decoder.findings import advice, message
from tests.helpers import answer, command, talk

KINDS = {"cme": "CME ERROR", "cms": "CMS ERROR", "cis": "CIS ERROR"}


@cache
def whole() -> Catalog:
    return catalog.load()


def tables() -> Iterator[tuple[str, str, dict[str, Meaning]]]:
    """Each dialect with tables of errors: its name, the kind of error and the codes."""
    for dialect in whole().dialects:
        for kind, table in dialect.file.errors.items():
            yield dialect.id, kind, table


def labels(name: str) -> Iterator[tuple[str, Meaning]]:
    """Every label of a dialect that a reader may see: of errors, of values, of bits."""
    (dialect,) = [one for one in whole().dialects if one.id == name]
    file = dialect.file
    for kind, table in file.errors.items():
        yield from ((f"{kind} {code}", meaning) for code, meaning in table.items())
    lines: list[CommandSpec | UrcSpec] = [*file.command, *file.urc]
    owned = {f"{one.name} {key}": spec for one in lines for key, spec in one.param.items()}
    for where, spec in {**file.param, **owned}.items():
        yield from ((f"{where} = {value}", meaning) for value, meaning in [*spec.values.items(), *spec.bits.items()])
    for basic in file.basic:
        yield from ((f"{basic.name} = {value}", meaning) for value, meaning in basic.values.items())


def of(name: str) -> Callable[[Dialect], int | None]:
    """The order in which the tables are asked if nobody but this maker spoke."""
    lineage = whole().lineages[name]
    return lambda one: lineage.index(one.id) if one.id in lineage else None


def refused(line: str, *introduction: str) -> tuple[Error, Finding]:
    """What is said of a command that every module knows and that this line refused."""
    lines = [command("AT+CGMM"), answer(*introduction, "OK")] if introduction else []
    found = run(talk(*lines, command("AT+CFUN=1"), answer(line)), whole())
    events = list(found)
    result = [one for one in events if isinstance(one, Transaction)][-1].result
    assert result is not None
    assert result.error is not None
    (finding,) = [one for one in events if isinstance(one, Finding) and one.rule == "command.error"]
    return result.error, finding


@pytest.mark.parametrize("name", catalog.names())
def test_no_label_is_empty_in_either_language(name: str) -> None:
    assert [where for where, (en, zh) in labels(name) if not en.strip() or not zh.strip()] == []


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kind, _ in tables()])
def test_a_code_and_its_words_are_one_thing(name: str, kind: str) -> None:
    """They give the same meaning, number and advice, whoever else has a table."""
    (dialect,) = [one for one in whole().dialects if one.id == name]
    order = of(name)
    for code, (en, zh) in dialect.file.errors[kind].items():
        by_number, whose = whole().error(KINDS[kind], code, order)
        by_words = whole().error(KINDS[kind], en, order)
        assert (by_number.text, by_number.text_zh, whose) == (en, zh, "" if name == "3gpp" else name), code
        assert by_words == (Error(en, en, zh, int(code)), whose), code


@pytest.mark.parametrize("name", sorted({name for name, _, _ in tables()} - {"3gpp"}))
def test_words_of_the_standard_keep_their_number_at_every_maker(name: str) -> None:
    (standard,) = [one for one in whole().dialects if one.id == "3gpp"]
    (maker,) = [one for one in whole().dialects if one.id == name]
    said = {en for table in maker.file.errors.values() for en, _ in table.values()}
    for kind, table in standard.file.errors.items():
        for code, (en, _) in table.items():
            if code not in maker.file.errors.get(kind, {}) and en not in said:
                assert whole().error(KINDS[kind], en, of(name))[0].number == int(code), (kind, code)


@pytest.mark.parametrize("line", ["+CME ERROR: 10", "+CME ERROR: SIM not inserted", "+CME ERROR: sim NOT inserted"])
def test_number_and_words_are_advised_alike(line: str) -> None:
    _, finding = refused(line)
    assert (finding.error, advice(finding)) == ("CME ERROR 10", advice(refused("+CME ERROR: 10")[1]))
    assert "SIM" in advice(finding, "zh")


def test_a_command_of_one_maker_is_not_explained_by_another() -> None:
    """The session speaks to modules of two makers: their codes are the same numbers."""
    lines = [command("AT+QIACT=1"), answer("OK"), command('AT#SD=1,0,80,"a.b"'), answer("+CME ERROR: 556")]
    lines += [command('AT+QIOPEN=1,0,"TCP","a.b",80'), answer("+CME ERROR: 556")]
    found = [one for one in run(talk(*lines), whole()) if isinstance(one, Finding) and one.rule == "command.error"]
    assert [one.error for one in found] == ["telit CME ERROR 556", "quectel CME ERROR 556"]
    assert message(found[0]) != message(found[1])
    assert advice(found[0]) != advice(found[1])


def test_a_code_of_messages_is_not_explained_as_one_of_equipment() -> None:
    error, _ = refused("+CMS ERROR: 322", "LE910C1")
    assert error.text == "memory full"


def test_what_is_said_of_codes_is_said_of_codes_that_exist() -> None:
    """Advice and layers name dialects and codes; a slip of the pen would be silent."""
    rules = tomllib.loads((resources.files("decoder.rules") / "errors.toml").read_text("utf-8"))
    known = {(name, KINDS[kind], int(code)) for name, kind, table in tables() for code in table}
    said = [(one, one["code"]) for one in rules["advice"] if "error" in one]
    said += [(one, code) for one in rules["layer"] for code in one["codes"]]
    named = [(one.get("dialect", "3gpp"), one["error"], code) for one, code in said]
    assert [one for one in named if one not in known] == []


@pytest.mark.parametrize(("name", "code"), [
    ("telit", 558), ("quectel", 565), ("quectel-m", 3813), ("sim800", 160), ("sierra", 904), ("onemo-tcpip", 580),
])  # fmt: skip
def test_a_name_that_was_not_resolved_is_advised_in_the_words_of_its_maker(name: str, code: int) -> None:
    found = Finding(None, "module", "command.error", "error", "", error=f"{name} CME ERROR {code}")
    assert re.search(r"resolved", advice(found))
    assert "域名" in advice(found, "zh")
    assert len({advice(found), advice(msgspec.structs.replace(found, error="CME ERROR 3"))}) == 2
