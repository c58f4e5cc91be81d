"""scapy is GPL-2.0-only: it is loaded where packets are built, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.helpers import ROOT, SAMPLES, sample_files

pytestmark = pytest.mark.outside

CALL = """
import sys
from atshark.cli import cli
for arguments in {calls!r}:
    cli.main(arguments, standalone_mode=False, prog_name="atshark")
print([name for name in sys.modules if name.partition(".")[0] == "scapy"][:1], file=sys.stderr)
"""
EVERYTHING = """
import importlib, pkgutil, sys
for top in ("atshark", "capture", "decoder", "wireshark"):
    package = importlib.import_module(top)
    for found in pkgutil.walk_packages(package.__path__, top + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
print([name for name in sys.modules if name.partition(".")[0] == "scapy"][:1], file=sys.stderr)
"""


def scapy_after(code: str) -> bool:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=300, cwd=ROOT)
    return done.stderr.decode().splitlines()[-1] != "[]"


def calls(*arguments: object) -> list[list[str]]:
    return [[str(one) for one in arguments]]


@pytest.mark.outside
def test_no_module_needs_it_when_it_is_loaded() -> None:
    assert not scapy_after(EVERYTHING)


@pytest.mark.outside
def test_decoding_does_without(tmp_path: Path) -> None:
    made = [["decode", str(path), "--format", "jsonl"] for path in sample_files()]
    assert not scapy_after(CALL.format(calls=made))


@pytest.mark.outside
@pytest.mark.parametrize("verb", ["check", "report", "redact", "extract", "diff", "batch", "wireshark"])
def test_so_does_everything_else(verb: str, tmp_path: Path) -> None:
    protocols, ppp = SAMPLES / "protocols.pcapng", SAMPLES / "ppp.pcapng"
    arguments = {
        "check": (protocols, ppp),
        "report": (ppp, "-o", tmp_path / "report.html"),
        "redact": (ppp, "-o", tmp_path / "redacted.pcapng"),
        "extract": (protocols, "-d", tmp_path / "files"),
        "diff": (protocols, ppp),
        "batch": (protocols, "-o", tmp_path / "set", "--workers", "1"),
        "wireshark": ("status",),
    }[verb]
    assert not scapy_after(CALL.format(calls=calls(verb, *arguments)))


@pytest.mark.outside
def test_building_packets_needs_it(tmp_path: Path) -> None:
    """Otherwise the tests above could not fail."""
    assert scapy_after(CALL.format(calls=calls("export", SAMPLES / "protocols.pcapng", "-w", tmp_path / "x.pcapng")))


def test_the_licence_is_mit() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License\n")
    supported = [f"3.{minor}" for minor in range(11, 15)]
    named = [name.rpartition(" ")[2] for name in project["classifiers"] if "Python :: 3." in name]
    assert named == supported
    assert project["requires-python"] == f">={supported[0]}"
