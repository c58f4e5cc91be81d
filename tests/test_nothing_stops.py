"""No input and no surrounding makes a traceback, and one bad file stops nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.helpers import ROOT, SAMPLES, tool, tshark
from tests.helpers import process as run

pytestmark = pytest.mark.outside
TOUR = SAMPLES / "tour.pcapng"
YEARS = ("0001", "1900", "1969", "2300", "2600", "9999")


def log(path: Path, year: str) -> Path:
    path.write_text("".join(
        f"[{year}-01-01 12:00:0{second}.000] TX: AT+CSQ\n[{year}-01-01 12:00:0{second}.100] RX: OK\n" for second in range(3)
    ))  # fmt: skip
    return path


# times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", YEARS)
def test_times_far_away(year: str, tmp_path: Path) -> None:
    path = log(tmp_path / "x.txt", year)
    exported = tmp_path / "x.pcapng"
    for done in (
        run("decode", path), run("decode", path, "--format", "csv"), run("check", path), run("export", path, "-w", exported),
        run("report", path, "-o", tmp_path / "x.html"), run("decode", exported), run("redact", path, "-o", tmp_path / "r.txt"),
        run("extract", path, "-d", tmp_path / "files"), run("diff", path, path),
    ):  # fmt: skip
        assert done.returncode == 0, (done.args, done.stderr)
        assert b"Traceback" not in done.stderr
    assert tshark(exported, "-T", "fields", "-e", "frame.number").split() == ["1", "2", "3", "4", "5", "6"]


def test_a_batch_with_times_far_away(tmp_path: Path) -> None:
    for year in YEARS:
        log(tmp_path / f"{year}.txt", year)
    done = run("batch", tmp_path, "-o", tmp_path / "set")
    assert done.returncode == 0, done.stderr
    rows = query(tmp_path / "set", "SELECT status, transactions FROM files")
    assert rows == [{"status": "ok", "transactions": 3}] * len(YEARS)


def query(dataset: Path, sql: str) -> list[dict[str, object]]:
    done = run("query", dataset, sql, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# names -----------------------------------------------------------------------------------------------------------


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    name = os.fsdecode(os.fsencode(folder) + b"/caf\xe9 \xff.txt")
    Path(name).write_text("AT+CSQ\n+CSQ: 1,2\nOK\n")
    for arguments in (
        ("decode", name), ("check", name), ("check", name, "--format", "jsonl"), ("check", name, "--format", "sarif"),
        ("check", name, "--format", "junit"), ("export", name, "-w", tmp_path / "x.pcapng"), ("diff", name, name),
        ("report", name, "-o", tmp_path / "x.html"), ("redact", name, "-o", tmp_path / "x.txt"),
        ("report", name, "-o", os.fsdecode(os.fsencode(tmp_path) + b"/\xfe.html")), ("check", folder),
        ("extract", name, "-d", tmp_path / "files"), ("batch", folder, "-o", tmp_path / "set"),
    ):  # fmt: skip
        done = run(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        assert b"Traceback" not in done.stderr
    assert query(tmp_path / "set", "SELECT status FROM files") == [{"status": "ok"}]
    again = run("batch", folder, "-o", tmp_path / "set")
    assert b"nothing to do; 1 of 1 files were in it already" in again.stderr


# a batch that is disturbed ---------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number:03}.txt").write_text("AT+CSQ\n+CSQ: 1,2\nOK\n" * 60)
    process = subprocess.Popen(
        [sys.executable, "-m", "atshark", "batch", str(folder), "-o", str(tmp_path / "set"), "--workers", "2"],
        cwd=ROOT, stderr=subprocess.PIPE,
    )  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    killed = 0
    deadline = time.monotonic() + 60
    while process.poll() is None and killed < 2 and time.monotonic() < deadline:
        for one in children.read_text().split():
            command = Path(f"/proc/{one}/cmdline")
            if command.exists() and b"spawn_main" in command.read_bytes():
                os.kill(int(one), signal.SIGKILL)
                killed += 1
                break
        time.sleep(1)
    _, errors = process.communicate(timeout=300)
    assert killed
    assert b"Traceback" not in errors, errors
    assert process.returncode == 0, errors
    assert query(tmp_path / "set", "SELECT count(*) AS n FROM files WHERE status = 'ok'") == [{"n": 200}]


# standard output -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams") / "set"
    assert run("batch", TOUR, "-o", folder).returncode == 0
    return folder


def printing(dataset: Path, tmp_path: Path) -> list[tuple[object, ...]]:
    """Return the verbs that print on standard output."""
    return [
        ("decode", TOUR), ("decode", TOUR, "--format", "jsonl"), ("decode", TOUR, "--format", "csv"), ("check", TOUR),
        ("check", TOUR, "--format", "jsonl"), ("check", TOUR, "--format", "sarif"), ("check", TOUR, "--format", "junit"),
        ("diff", TOUR, SAMPLES / "meter.pcapng"), ("diff", TOUR, SAMPLES / "meter.pcapng", "--format", "jsonl"),
        ("dialects",), ("dialects", "3gpp"), ("extract", TOUR, "-d", tmp_path / "files"), ("query", dataset, "FROM files"),
        ("query", dataset, "--top", "errors"), ("query", dataset, "FROM files", "--format", "csv"),
        ("query", dataset, "FROM files", "--format", "jsonl"), ("redact", TOUR, "-o", tmp_path / "r.pcapng"),
        ("wireshark", "status"), ("--help",), ("--version",), ("decode", "--help"),
    ]  # fmt: skip


def test_a_full_standard_output_is_told_by_its_name(dataset: Path, tmp_path: Path) -> None:
    """It was said that the input cannot be read."""
    for number, arguments in enumerate(printing(dataset, tmp_path)):
        with open("/dev/full", "wb") as full:
            done = ended(arguments, stdout=full, folder=tmp_path / f"{number}")
        assert done.returncode == 2, (arguments, done.stderr)
        assert b"standard output: cannot be written: No space left on device" in done.stderr, (arguments, done.stderr)
        assert done.stderr.count(b"cannot be") == 1, done.stderr


def test_a_closed_standard_output(dataset: Path, tmp_path: Path) -> None:
    quiet: list[tuple[object, ...]] = [
        ("export", TOUR, "-w", tmp_path / "x.pcapng"), ("report", TOUR, "-o", tmp_path / "x.html"), ("batch", TOUR, "-o", tmp_path / "s"),
    ]  # fmt: skip
    for arguments in printing(dataset, tmp_path):
        done = ended(arguments, ">&-", folder=tmp_path / "closed")
        assert done.returncode == 2, (arguments, done.stderr)
        assert b"standard output: cannot be written: it is closed" in done.stderr, (arguments, done.stderr)
    for arguments in quiet:
        done = ended(arguments, ">&-")
        assert done.returncode in (0, 1), (arguments, done.stderr)
        assert b"Traceback" not in done.stderr
    for redirection in (">&- 2>&-", "<&- >&- 2>&-", "2>&-"):
        for arguments in quiet:
            assert ended(arguments, redirection).returncode in (0, 1)
        assert ended(("decode", TOUR, "--format", "jsonl"), redirection).returncode in (1, 2)
    done = ended(("decode", "-"), "<&-")
    assert done.returncode == 2
    assert b"standard input" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m atshark decode {SAMPLES / 'meter.pcapng'} --format jsonl | head -1"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""


def ended(
    arguments: tuple[object, ...],
    redirection: str = "",
    *,
    stdout: object = subprocess.PIPE,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run the command with a redirection of the shell; ``folder``: where it extracts to."""
    words = [str(one) if folder is None or not str(one).endswith("/files") else str(folder) for one in arguments]
    if folder is not None and folder.exists():
        for one in sorted(folder.rglob("*"), reverse=True):
            one.rmdir() if one.is_dir() else one.unlink()
    line = ["bash", "-c", f'exec "$@" {redirection}', "bash", sys.executable, "-m", "atshark", *words]
    return subprocess.run(line, stdout=stdout, stderr=subprocess.PIPE, check=False, cwd=ROOT, timeout=120)  # type: ignore[call-overload,no-any-return]


# other -----------------------------------------------------------------------------------------------------------


def test_nested_toml(tmp_path: Path) -> None:
    for text in ("x = " + "[" * 5000 + "]" * 5000, "x = " + "{a=" * 3000 + "1" + "}" * 3000, "a." * 5000 + "b = 1"):
        path = tmp_path / "deep.toml"
        path.write_text(text)
        done = run("decode", TOUR, "--dialect", path)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
        assert b"deep.toml:" in done.stderr
        assert run("dialects", path).returncode == 2


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    done = run("check", tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path}: no file is in there".encode() in done.stderr


@pytest.mark.parametrize("verb", [("report", "-o"), ("redact", "-o"), ("export", "-w")])
def test_cut_input_is_told(verb: tuple[str, str], tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(TOUR.read_bytes()[:-20])
    done = run(verb[0], cut, verb[1], tmp_path / "out")
    assert done.returncode == 1, done.stderr
    assert b"the file ends inside the block" in done.stderr
    assert (tmp_path / "out").stat().st_size > 1000


def test_extract_on_a_full_disk_names_the_file(tmp_path: Path) -> None:
    """It said that "None" cannot be written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*sudo, tool("mount"), "-t", "tmpfs", "-o", f"size=16k,uid={os.getuid()}", "tmpfs", str(disk)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        done = run("extract", SAMPLES / "meter.pcapng", "-d", disk / "files")
    finally:
        subprocess.run([*sudo, tool("umount"), "-l", str(disk)], check=True, capture_output=True)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert f"{disk}/files/".encode() in done.stderr
    assert b": cannot be written: No space left on device" in done.stderr


def test_an_input_that_fails_is_told_by_its_name(tmp_path: Path) -> None:
    """EIO of the input, and not of the output: a folder, a process that may not be looked into."""
    for path in (tmp_path, Path("/proc/self/mem"), Path("/proc/1/mem")):
        done = run("export", path, "-w", tmp_path / "x.pcapng")
        assert done.returncode == 2
        assert f"{path}: cannot be read: ".encode() in done.stderr, done.stderr


def test_a_fifo_as_input(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    data = TOUR.read_bytes()
    threading.Thread(target=lambda: fifo.write_bytes(data), daemon=True).start()
    done = run("decode", fifo, "--format", "jsonl")
    assert done.stdout == run("decode", TOUR, "--format", "jsonl").stdout
