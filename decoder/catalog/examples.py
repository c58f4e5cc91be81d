"""Examples of the dialects: what they look like on the wire, as data beside each dialect file.

docs/adding-a-dialect.md explains the format; a test decodes each and holds it against what it must give.
"""

from __future__ import annotations

import tomllib
from importlib import resources

import msgspec


class Example(msgspec.Struct, forbid_unknown_fields=True):
    """A dialogue, what it must give, and the warnings and errors that it raises, and words that must stand in those."""

    name: str
    lines: str
    gives: list[str]
    findings: list[str] = []
    says: list[str] = []


class _File(msgspec.Struct, forbid_unknown_fields=True):
    example: list[Example] = []


def with_examples() -> list[str]:
    """List the dialects that have examples."""
    folder = resources.files("decoder.catalog.dialects") / "examples"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def examples(dialect: str) -> list[Example]:
    """Return the examples of a dialect that comes with atshark; none of others."""
    if dialect not in with_examples():
        return []
    file = resources.files("decoder.catalog.dialects") / "examples" / f"{dialect}.toml"
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), _File).example
