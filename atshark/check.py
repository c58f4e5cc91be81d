"""What is wrong in a file: its findings and its story, gathered in one pass."""

from __future__ import annotations

from collections import Counter

import msgspec

from atshark.sources import Source
from capture.errors import AtsharkError
from decoder.catalog import Catalog
from decoder.decode import run
from decoder.events import Cause, Finding, Summary, Transaction
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
    story: Story
    format: str = ""
    commands: int = 0
    found: list[Found] = []
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    causes: list[Cause] = []
    dialects: list[str] = []
    notes: list[str] = []
    warnings: list[str] = []
    problem: str | None = None


def check(source: Source, known: Catalog, file: str) -> Checked:
    """Decode ``source`` and gather what is wrong; ``file`` is its name in the result.

    Does not raise: where the source breaks off is the result's ``problem``.
    """
    result = Checked(file, Story(known), source.format)
    try:
        for event in run(source, known):
            result.story.hear(event)
            _note(event, source.line, result)
    except AtsharkError as error:
        result.problem = str(error)
    except OSError as error:
        result.problem = f"{file}: cannot be read: {error.strerror or error}"
    else:
        result.notes, result.warnings = source.notes, source.warnings
    return result


def _note(event: object, line: int | None, result: Checked) -> None:
    if isinstance(event, Finding):
        result.counts[event.severity] += 1
        if len(result.found) < MAX_FINDINGS:
            result.found.append(Found(event, event.line if isinstance(event.line, int) else line))
    elif isinstance(event, Transaction):
        result.commands += 1
    elif isinstance(event, Summary):
        result.causes = event.causes
        result.dialects = [use.dialect for use in event.dialects if use.dialect != "3gpp"] or [
            use.dialect for use in event.dialects
        ]
