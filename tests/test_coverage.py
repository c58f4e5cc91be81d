"""Nothing of the five manuals is missing: the catalog against their tables of contents, and the table in docs/."""

from __future__ import annotations

import pytest

from decoder import catalog
from decoder.catalog import Command, UrcType
from decoder.catalog.spec import BasicSpec
from tests import coverage_table

MANUALS = sorted(coverage_table.contents())


@pytest.mark.parametrize("dialect", MANUALS)
def test_the_catalog_knows_what_the_manual_lists(dialect: str) -> None:
    known = catalog.load([dialect])
    missing = [row.printed for row in coverage_table.entries(dialect, known) if row.name == "?"]
    assert missing == []


@pytest.mark.parametrize("dialect", MANUALS)
def test_sections_are_those_of_the_manual(dialect: str) -> None:
    known = catalog.load([dialect])
    own = known.dialects[0]
    listed = {row.name: row.section for row in coverage_table.entries(dialect, known)}
    for name in [*own.commands, *own.urcs]:
        assert name in listed or name in own.urcs, f"{name} is not in the manual's contents"
    for name, command in own.commands.items():
        if name in listed and not isinstance(command.spec, BasicSpec):
            sections = {row.section for row in coverage_table.entries(dialect, known) if row.name == name}
            assert command.spec.section in sections, name


def test_every_definition_names_its_section_and_speaks_two_languages() -> None:
    for name in catalog.names():
        dialect = catalog.load([name]).dialects[0]
        known: list[Command | UrcType] = [*dialect.commands.values(), *dialect.urcs.values()]
        for entry in known:
            assert entry.spec.section, entry.name
            assert entry.spec.en, entry.name
            assert entry.spec.zh, entry.name
        for table in dialect.file.errors.values():
            assert all(english and chinese for english, chinese in table.values())


def test_the_table_is_up_to_date() -> None:
    assert coverage_table.OUTPUT.read_text("utf-8") == coverage_table.markdown(), "run python -m tests.coverage_table"
