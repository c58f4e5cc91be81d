"""Wireshark's own way of testing dissectors: damaged files, through the decoder and the dissector, which may find what they like but raise nothing.

``ATSHARK_FUZZ_SEEDS=200 pytest tests/test_fuzz_wireshark.py`` runs as many seeds at each rate; the suite runs one.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from atshark.sources import open_source
from capture.errors import AtsharkError
from decoder.decode import NO_STAGES, Decoder
from tests.helpers import lua, run, sample_files, standard, tool

pytestmark = pytest.mark.outside

SEEDS = int(os.environ.get("ATSHARK_FUZZ_SEEDS", "1"))
FIRST_SEED = int(os.environ.get("ATSHARK_FUZZ_FIRST_SEED", "1"))
RATES = (0.01, 0.02, 0.05, 0.1)
RECORDINGS = [path for path in sample_files() if path.suffix == ".pcapng"]


def exported(path: Path, folder: Path) -> Path:
    out = folder / f"{path.stem}.pcapng"
    done = run("export", path, "-w", out)
    assert done.returncode == 0, done.stderr
    return out


def damaged(path: Path, folder: Path) -> list[Path]:
    out = []
    for rate in RATES:
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            out.append(folder / f"damaged-{rate}-{seed}.pcapng")
            command = [tool("editcap"), "-E", str(rate), "--seed", str(seed), str(path), str(out[-1])]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
    return out


def hold(path: Path, folder: Path) -> None:
    """Read the damaged files with both; tshark reads them as one, one behind the other."""
    files = damaged(path, folder)
    for file in files:
        session = Decoder(standard(), NO_STAGES)
        with suppress(AtsharkError), open_source(str(file)) as source:  # one clear line: nothing of ours is left in it
            for chunk in source:
                session.feed(chunk)
        session.close()
    one = folder / "all.pcapng"
    command = [tool("mergecap"), "-a", "-F", "pcapng", "-w", str(one), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    done = subprocess.run(
        [tool("tshark"), "-X", f"lua_script:{lua()}", "-o", "atshark.statistics:TRUE", "-r", str(one), "-2", "-V"],
        capture_output=True,
        timeout=60 + 10 * len(files),
        check=False,
    )
    said = done.stdout + done.stderr
    for word in (b"Lua Error", b"Lua: "):
        assert word not in said, said[max(0, said.find(word) - 500) :][:2000]
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_damaged_exports(path: Path, tmp_path: Path) -> None:
    hold(exported(path, tmp_path), tmp_path)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_damaged_recordings(path: Path, tmp_path: Path) -> None:
    hold(path, tmp_path)
