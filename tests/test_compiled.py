"""The compiled hot path says what the sources say: a copy of the project is compiled and decodes all samples."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT, SAMPLES

PACKAGES = ["atshark", "capture", "decoder", "wireshark"]


@pytest.fixture(scope="module")
def compiled() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in PACKAGES:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        done = subprocess.run(
            [sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=copy, capture_output=True, check=False,
            env={**os.environ, "ATSHARK_COMPILE": "1"}, timeout=400,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        yield copy


def out(root: Path, *arguments: object) -> bytes:
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONWARNINGS": "error::RuntimeWarning"}
    return subprocess.run(
        [sys.executable, "-m", "atshark", *map(str, arguments)], cwd=root, env=environment, capture_output=True,
        check=False, timeout=120,
    ).stdout  # fmt: skip


def test_it_is_compiled(compiled: Path) -> None:
    code = "import decoder.session, decoder.findings; print(decoder.session.__file__, decoder.findings.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(compiled)}
    done = subprocess.run([sys.executable, "-c", code], cwd=compiled, env=environment, capture_output=True, check=True)
    assert done.stdout.count(b".so") == 2


def test_samples_and_logs_decode_and_export_the_same(compiled: Path, tmp_path: Path) -> None:
    files = [path for path in [*SAMPLES.iterdir(), *(SAMPLES / "logs").iterdir()] if path.is_file()]
    assert len(files) > 40
    for path in files:
        assert out(compiled, "decode", path, "--format", "jsonl") == out(ROOT, "decode", path, "--format", "jsonl"), (
            path
        )
    for path in SAMPLES.glob("*.pcapng"):
        one, other = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
        out(compiled, "export", path, "-w", one)
        out(ROOT, "export", path, "-w", other)
        assert one.read_bytes() == other.read_bytes(), path


def test_generated_and_damaged_sessions_decode_the_same(compiled: Path) -> None:
    """In the compiled build: any damage, any cuts, no exception, and what the golden files say."""
    code = f"""
import random, sys
sys.path.insert(1, {str(ROOT)!r})
from benchmarks.generate import session
from capture.chunk import Chunk
from decoder import catalog
from decoder.findings import InspectedSession
import decoder.session, msgspec, zlib
known, noise, digest = catalog.load(), random.Random(5), 0
for seed in range(60):
    one = InspectedSession(known)
    for chunk in session(4000, seed):
        data = bytearray(chunk.data)
        for _ in range(noise.choice([0, 0, 1, 3])):
            data[noise.randrange(len(data))] = noise.randrange(256)
        cut = noise.randrange(1, len(data) + 1)
        for part in (bytes(data[:cut]), bytes(data[cut:])):
            if part:
                digest = zlib.crc32(msgspec.json.encode(one.feed(Chunk(chunk.time_ns, chunk.side, part))), digest)
    digest = zlib.crc32(msgspec.json.encode(one.close()), digest)
print(digest, decoder.session.__file__)
"""
    found = []
    for root in (compiled, ROOT):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.split())
    assert found[0][0] == found[1][0]
    assert found[0][1].endswith(b".so")
    assert found[1][1].endswith(b".py")


def test_a_source_that_is_newer_than_its_compiled_form_is_told(compiled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(compiled, copy)
    os.utime(copy / "decoder" / "session.py")
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, "-c", "import decoder"], cwd=copy, env=environment, capture_output=True, check=True
    )
    assert b"session.py changed since `make fast`" in done.stderr
