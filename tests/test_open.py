"""`atshark wireshark open`: an export that lasts as long as the window."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import ROOT, SAMPLES, process

pytestmark = pytest.mark.outside

FAKE = """#!/bin/sh
printf '%s\\n' "$@" > "$FAKE/arguments"
while [ $# -gt 0 ]; do [ "$1" = -r ] && cp "$2" "$FAKE/opened" && echo "$2" > "$FAKE/name"; shift; done
touch "$FAKE/shown"
[ -z "$FAKE_STAYS" ] || exec sleep 60
exit ${FAKE_STATUS:-0}
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `wireshark` that keeps what it was given; everything else is the machine's own."""
    folder = tmp_path / "fake"
    folder.mkdir()
    program = folder / "wireshark"
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("FAKE", str(folder))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return folder


def left(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "tmp").iterdir())


def test_the_export_is_shown_and_removed(fake: Path, tmp_path: Path) -> None:
    done = process("wireshark", "open", SAMPLES / "tour.pcapng", "--", "-Y", "atshark.finding", "-k")
    assert done.returncode == 0, done.stderr
    name = (fake / "name").read_text().strip()
    assert (fake / "arguments").read_text().split() == ["-r", name, "-Y", "atshark.finding", "-k"]
    assert Path(name).name == "tour.pcapng"
    out = tmp_path / "export.pcapng"
    process("export", SAMPLES / "tour.pcapng", "-w", out)
    assert (fake / "opened").read_bytes() == out.read_bytes()
    assert left(tmp_path) == []
    assert b"run `atshark wireshark install` first" in done.stderr


def test_installed_it_has_its_profile(fake: Path, tmp_path: Path) -> None:
    assert process("wireshark", "install").returncode == 0
    done = process("wireshark", "open", "-", stdin=(SAMPLES / "tour.pcapng").read_bytes())
    assert done.returncode == 0, done.stderr
    assert (fake / "arguments").read_text().split()[:3] == ["-C", "atshark", "-r"]
    assert Path((fake / "name").read_text()).name.startswith("standard-input")
    if not _root_without_scripts():
        assert done.stderr == b""
    assert left(tmp_path) == []


def test_status_says_whether_the_dissector_is_loaded(fake: Path) -> None:
    assert b"loaded from" not in process("wireshark", "status").stdout
    process("wireshark", "install")
    done = process("wireshark", "status")
    told = b"give everybody the dissector: cp " if _root_without_scripts() else b"  loaded from "
    assert told in done.stdout


def test_root_is_told_what_wireshark_keeps_from_it(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is for root with Wireshark 4.4: no script of its user is loaded."""
    from wireshark import health, install

    monkeypatch.setattr(health, "is_root", lambda: True)
    monkeypatch.setattr(health, "loaded", lambda: None)
    where = install.Folders(Path("/mine"), Path("/e"), Path("/p"), "4.4.19", Path("/all/plugins"))
    assert "cp /mine/atshark.lua /all/plugins/" in health.why_not_loaded(where)
    assert "is Lua off?" in health.why_not_loaded(install.Folders(Path("/mine"), Path("/e"), Path("/p"), "4.2.9"))
    monkeypatch.setattr(health, "is_root", lambda: False)
    assert "is Lua off?" in health.why_not_loaded(where)


def _root_without_scripts() -> bool:
    from wireshark import health, install

    return health.scripts_not_for_root(install.folders())


def test_text_logs_and_what_was_cut(fake: Path, tmp_path: Path) -> None:
    log = tmp_path / "ticket.txt"
    log.write_text("AT+CPIN?\n+CME ERROR: 10\n")
    assert process("wireshark", "open", log).returncode == 0
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes((SAMPLES / "tour.pcapng").read_bytes()[:-5])
    done = process("wireshark", "open", cut)
    assert done.returncode == 1
    assert b"ends inside the block" in done.stderr


def test_what_cannot_be_opened_is_one_line(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        done = process("wireshark", "open", path)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert b"Traceback" not in done.stderr
    assert not (fake / "shown").exists()
    monkeypatch.setenv("FAKE_STATUS", "1")
    done = process("wireshark", "open", SAMPLES / "tour.pcapng", "--", "--no-such-option")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == b"atshark: Wireshark ended with status 1"
    assert left(tmp_path) == []


def test_without_wireshark_it_says_how_to_get_it(tmp_path: Path) -> None:
    code = "import shutil; shutil.which = lambda *_, **__: None; from atshark.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "wireshark", "open", SAMPLES / "tour.pcapng"], capture_output=True, check=False, cwd=ROOT
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert "Wireshark was not found: install it" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setenv("FAKE_STAYS", "1")
    running = subprocess.Popen(
        [sys.executable, "-m", "atshark", "wireshark", "open", SAMPLES / "tour.pcapng"], cwd=ROOT, stderr=subprocess.PIPE
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (fake / "shown").exists():
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.02)
    assert len(left(tmp_path)) == 1
    running.send_signal(number)
    _, errors = running.communicate(timeout=30)
    assert running.returncode in (128 + number, 130)
    assert b"Traceback" not in errors
    assert left(tmp_path) == []
