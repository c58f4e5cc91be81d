"""Each parameter of the catalog is a field of its own in Wireshark, with the value that Python decodes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from atshark.sources import open_source
from tests.helpers import as_json, records, run, sample_files, standard, tshark
from wireshark import lua_catalog

LONGEST = 200
Fields = Counter[tuple[str, Any]]


def types() -> dict[str, set[str]]:
    """The fields of the plugin, as `tshark -G fields` would list them, with the types of the catalog."""
    found: dict[str, set[str]] = {}
    for name, param, kind, _ in lua_catalog.fields(standard()):
        found.setdefault(key(name, param), set()).add(kind)
    return found


def key(name: str, param: str) -> str:
    return f"atshark.{''.join(c for c in name.lower() if c.isascii() and c.isalnum())}.{param.lower()}"


def named(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of a record that have a name and parameters."""
    if record["kind"] == "transaction":
        lines = [record, *record["information"], *record["urcs"]]
    else:
        lines = [record] if record["kind"] == "urc" else []
    for line in lines:
        if line["name"]:
            yield line["name"], line["params"]


def expected(found: list[dict[str, Any]]) -> Fields:
    known = types()
    out: Fields = Counter()
    for record in found:
        for name, params in named(record):
            for param, value in params.items():
                field = key(name, param)
                for one in value if isinstance(value, list) else [value]:
                    if field in known and (typed := as_type(one, known[field])) is not None:
                        out[field, typed] += 1
    return out


def as_type(value: Any, kinds: set[str]) -> Any:
    """What a field of this type holds: nothing where the line had a value of another type."""
    kind = next(iter(kinds)) if len(kinds) == 1 else "string"
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind == "int":
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if kind == "float":
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if kind == "clock":
        return datetime.fromisoformat(value).timestamp()
    return in_xml(str(value).lower() if isinstance(value, bool) else str(value))


def in_xml(text: str) -> str:
    """Control characters as tshark writes them and a reader of XML attributes takes them; long text is cut there."""
    plain = text.replace("\r\n", "\n")
    return "".join(" " if c in "\t\r\n" else f"\\x{ord(c):x}" if c < " " else c for c in plain)[:LONGEST]


def shown(exported: Path, *options: str) -> Fields:
    known = types()
    out: Fields = Counter()
    text = tshark(exported, "-T", "pdml", "-J", "atshark", *options)
    for _, element in ElementTree.iterparse(io.StringIO(text)):
        name, value = element.get("name", ""), element.get("show", "")
        if name in known:
            out[name, as_shown(value, known[name])] += 1
    return out


def as_shown(value: str, kinds: set[str]) -> Any:
    kind = next(iter(kinds)) if len(kinds) == 1 else "string"
    if kind == "bool":
        return value in ("1", "True")
    if kind == "int":
        return int(value)
    if kind == "float":
        return float(value)
    if kind == "clock":
        moment, _, zone = value.rpartition(" ")
        assert zone == "UTC"
        return datetime.strptime(moment.rpartition(".")[0], "%b %d, %Y %H:%M:%S").replace(tzinfo=UTC).timestamp()
    return value[:LONGEST]


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_every_field_of_a_sample(path: Path, tmp_path: Path) -> None:
    exported = tmp_path / "export.pcapng"
    assert run("export", path, "-w", exported).returncode == 0
    with open_source(str(path)) as source:
        wanted = expected(as_json(records(source)))
    assert shown(exported) == wanted
    assert shown(exported, "-2") == wanted
