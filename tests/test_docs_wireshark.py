"""The filters of docs/wireshark.md give the counts that it shows, and its pictures exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers import ROOT, run, sample_files, tshark

pytestmark = pytest.mark.outside

GUIDE = (ROOT / "docs" / "wireshark.md").read_text("utf-8")
ROW = re.compile(r"^\| ([\w-]+) \| `([^`]+)` \| (\d+) \|$", re.MULTILINE)
BY_SAMPLE: dict[str, list[tuple[str, int]]] = {}
for _sample, _filter, _count in ROW.findall(GUIDE):
    BY_SAMPLE.setdefault(_sample, []).append((_filter, int(_count)))


@pytest.mark.parametrize("sample", sorted(BY_SAMPLE))
def test_filters(sample: str, tmp_path: Path) -> None:
    exported = tmp_path / "export.pcapng"
    source = next(path for path in sample_files() if path.stem == sample)
    assert run("export", source, "-w", exported).returncode == 0
    found = [(text, len(tshark(exported, "-2", "-Y", text).splitlines())) for text, _ in BY_SAMPLE[sample]]
    assert found == BY_SAMPLE[sample]


def test_the_table_was_found() -> None:
    assert sum(map(len, BY_SAMPLE.values())) > 15


def test_pictures() -> None:
    names = re.findall(r"!\[[^]]+\]\((images/[\w-]+\.png)\)", GUIDE)
    assert len(names) >= 5
    assert all((ROOT / "docs" / name).stat().st_size > 1000 for name in names)
