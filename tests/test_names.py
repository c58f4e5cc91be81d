"""Nothing outside the dialects knows the name of a command or URC of a maker: those who need it hear roles and facts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT, standard

ALLOWED = {
    "OK": "a result of V.250", "CONNECT": "a result of V.250", "NO CARRIER": "a result of V.250", "BUSY": "a result of V.250",
    "SEND OK": "a final result", "SEND FAIL": "a final result", "FAIL": "a final result in logs", "AT": "how every command begins",
    "V": "V.250 6.2.6: it decides how results look", "Z": "V.250 6.1.1: it sets ATV back", "&F": "V.250 6.1.2: it sets ATV back",
    "S": "V.250 5.3.2: S-parameters", "D": "V.250 6.3.1: its argument is a dial string", "+++": "Hayes practice",
    "CMUX": "what TS 27.010 is called", "TEST": "a message of TS 27.010", "DISC": "a frame of TS 27.010",
    "SUBACK": "a packet of MQTT", "PUBACK": "a packet of MQTT", "RST": "a message of CoAP", "DNS": "an option of IPCP",
    "TIMEOUT": "a tag of ICA 5.4", "VERSION": "a tag of ICA 5.4",
}  # fmt: skip
"""Words that are names of lines, too, and why they stand in code."""


def words(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a file, docstrings left out."""
    tree = ast.parse(path.read_text("utf-8"))
    told = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value


@pytest.mark.parametrize("package", ["decoder", "wireshark"])
def test_no_name_of_a_line_stands_in_code(package: str) -> None:
    known = standard()
    names = {name for name in (*known.commands, *known.urcs) if len(name) > 1} - ALLOWED.keys()
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, word in words(path)
        if word.strip("+") in names and word.upper() == word
    ]
    assert found == []


def test_the_exceptions_are_needed() -> None:
    used = {
        word
        for package in ("decoder", "wireshark")
        for path in (ROOT / package).rglob("*.py")
        for _, word in words(path)
    }
    assert [word for word in ALLOWED if word not in used] == []
