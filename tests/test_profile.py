"""A profile file of Wireshark that its user edited is his: install and uninstall leave it, and say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from wireshark import install as installing
from wireshark.install import Folders, files, install, uninstall


@pytest.fixture
def where(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "plugins", tmp_path / "extcap", tmp_path / "profiles", "4.0")


def profile(where: Folders) -> list[Path]:
    return [file.path for file in files(where) if file.adaptable]


@pytest.mark.parametrize("edit", ["append", "change", "unmark", "empty"])
def test_an_edited_file_is_left(edit: str, where: Folders) -> None:
    """The first line still said that atshark had installed it, so it was written over, and removed."""
    list(install(where))
    edited, *others = profile(where)
    text = edited.read_text("utf-8")
    changed = {
        "append": text + "my.setting: 1\n",
        "change": text[:-3] + "x\n",
        "unmark": text.partition("\n")[2],
        "empty": text.partition("\n")[0] + "\n",
    }[edit]
    edited.write_text(changed, "utf-8")
    said = list(install(where))
    assert f"profile: {edited.name}: kept as you changed it ({edited})" in said
    assert edited.read_text("utf-8") == changed
    assert sum("is up to date" in line for line in said) == len(said) - 1
    said = list(uninstall(where))
    assert f"profile: {edited.name}: kept, you changed it ({edited})" in said
    assert edited.read_text("utf-8") == changed
    assert not any(path.exists() for path in others)


def test_a_file_of_an_older_version_is_updated(where: Folders) -> None:
    list(install(where))
    old = profile(where)[0]
    text = "an.older: setting\n"
    old.write_text(f"{installing._mark(text)}\n{text}", "utf-8")
    assert any("updated" in line and old.name in line for line in install(where))
    assert "an.older" not in old.read_text("utf-8")


def test_all_goes_if_nothing_was_edited(where: Folders) -> None:
    list(install(where))
    assert all("removed" in line for line in uninstall(where))
    assert not (where.profiles / "atshark").exists()
