"""The Chinese pages say the same as the English ones, and the four messy logs come out as both pages show."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers import ROOT, run

MESSY = ROOT / "tests" / "messy"
LOGS = sorted(path.stem for path in MESSY.iterdir())
PAGES = {"en": ROOT / "docs" / "tickets.md", "zh": ROOT / "docs" / "tickets.zh.md"}
PAIRS = [(ROOT / "README.md", ROOT / "README.zh.md"), (PAGES["en"], PAGES["zh"])]
BOTH = pytest.mark.parametrize("pair", PAIRS, ids=["readme", "tickets"])


def blocks(page: Path) -> list[list[str]]:
    """The code of a page that is indented by four spaces, block by block."""
    found = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", page.read_text("utf-8"), re.MULTILINE)
    return [[line[4:] for line in block.strip("\n").split("\n")] for block in found]


def code(page: Path) -> list[str]:
    """Its lines without remarks."""
    return [re.sub(r"\s+# .*$", "", line) for block in blocks(page) for line in block]


def shown(page: Path, name: str) -> list[str]:
    """What the page says that the check of a messy log prints."""
    lines = next(block for block in blocks(page) if re.match(rf"\$ atshark check .*tests/messy/{name}\.txt$", block[0]))
    return lines[1:]


def outline(page: Path) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", page.read_text("utf-8"), re.MULTILINE)]


def targets(page: Path) -> Counter[str]:
    """Where its links and pictures lead, a Chinese page being the same as the English one."""
    return Counter(re.sub(r"\.zh\.md$", ".md", one) for one in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")))


@BOTH
def test_same_outline_links_and_pictures(pair: tuple[Path, Path]) -> None:
    english, chinese = pair
    assert outline(english) == outline(chinese)
    assert targets(english) == targets(chinese)
    for page in pair:
        for one in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
            assert (page.parent / one).is_file(), one


@BOTH
def test_each_links_to_the_other(pair: tuple[Path, Path]) -> None:
    english, chinese = pair
    assert f"[中文]({chinese.name})" in english.read_text("utf-8")
    assert f"[English]({english.name})" in chinese.read_text("utf-8")


def test_the_readme_has_the_same_code() -> None:
    english, chinese = PAIRS[0]
    assert len(code(english)) > 30
    assert code(english) == code(chinese)


def test_the_tickets_have_the_same_commands() -> None:
    def commands(page: Path) -> list[str]:
        said = [line.removeprefix("$ ") for line in code(page) if re.match(r"(?:\$ )?atshark ", line)]
        return [line.replace(" --lang zh ", " ") for line in said]

    assert len(commands(PAGES["en"])) == 7 + len(LOGS)
    assert commands(PAGES["en"]) == commands(PAGES["zh"])


@pytest.mark.parametrize("lang", PAGES)
@pytest.mark.parametrize("name", LOGS)
def test_the_page_shows_the_log_and_what_the_check_says(name: str, lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    log = [line.rstrip() for line in (MESSY / f"{name}.txt").read_text("utf-8").splitlines()]
    assert log in blocks(PAGES[lang])
    said = run("check", "--lang", lang, f"tests/messy/{name}.txt").stdout.decode().splitlines()
    lines = shown(PAGES[lang], name)
    assert [line for line in lines if re.match(r"  (?:cause|原因) \(", line)]
    for line, real in zip(lines, said, strict=True):
        cut = line.removesuffix("…").rstrip()
        assert real.startswith(cut) if line.endswith("…") else real == line
