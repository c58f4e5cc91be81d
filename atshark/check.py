"""What is wrong in a file: its findings and its story, gathered in one pass."""

from __future__ import annotations

from collections import Counter

import msgspec

from atshark.sources import open_source
from capture.errors import AtsharkError
from decoder.catalog import Catalog
from decoder.events import Finding, Summary, Transaction
from decoder.findings import InspectedSession
from decoder.findings.story import Story

MAX_FINDINGS = 10_000
"""Findings that are kept of a file; more are counted only."""


class Found(msgspec.Struct, frozen=True):
    """A finding and the line of the text log where it was noticed (None where the input has no lines)."""

    finding: Finding
    line: int | None = None


class Checked(msgspec.Struct):
    """The result for a file. ``problem``: why it could not be read; ``counts`` of findings by severity."""

    file: str
    format: str = ""
    commands: int = 0
    found: list[Found] = []
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    story: Story = msgspec.field(default_factory=Story)
    dialects: list[str] = []
    notes: list[str] = []
    warnings: list[str] = []
    problem: str | None = None


def check(file: str, known: Catalog) -> Checked:
    """Decode ``file`` and gather what is wrong. Does not raise: what cannot be read is the result's ``problem``."""
    result = Checked(file)
    try:
        _check(file, known, result)
    except AtsharkError as error:
        result.problem = str(error)
    return result


def _check(file: str, known: Catalog, result: Checked) -> None:
    session = InspectedSession(known)
    with open_source(file) as source:
        result.format = source.format
        for chunk in source:
            for event in session.feed(chunk):
                result.story.hear(event)
                _note(event, source.line, result)
        for event in session.close():
            result.story.hear(event)
            _note(event, source.line, result)
        result.notes, result.warnings = source.notes, source.warnings


def _note(event: object, line: int | None, result: Checked) -> None:
    if isinstance(event, Finding):
        result.counts[event.severity] += 1
        if len(result.found) < MAX_FINDINGS:
            result.found.append(Found(event, line))
    elif isinstance(event, Transaction):
        result.commands += 1
    elif isinstance(event, Summary):
        result.dialects = [use.dialect for use in event.dialects if use.dialect != "3gpp"] or [
            use.dialect for use in event.dialects
        ]
