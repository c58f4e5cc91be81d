"""The recorder's word: what happens to its file, its disk, its reader and its view is told, at once and with numbers."""

from __future__ import annotations

import contextlib
import errno
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from capture.chunk import MarkChunk, Side
from tests.fuse import Disk
from tests.helpers import ROOT

pytestmark = pytest.mark.outside


def capture(out: Path, line: VirtualLine, *more: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "atshark", "capture", line.ports["mcu"], line.ports["module"], "-w", str(out), *more],
        cwd=ROOT, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not out.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def ended(process: subprocess.Popen[bytes], timeout: float = 30) -> str:
    return process.communicate(timeout=timeout)[1].decode()


def size_told(errors: str) -> int:
    found = re.findall(r"(\d+) bytes", errors.splitlines()[-1])
    assert found, errors
    return int(found[-1])


# the file --------------------------------------------------------------------------------------------------------


def deleted(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"not a recording")
    other.rename(path)


def truncated(path: Path) -> None:
    with open(path, "r+b") as stream:
        stream.truncate(10)


def appended(path: Path) -> None:
    with open(path, "ab") as stream:
        stream.write(b"more")


@pytest.mark.parametrize(
    ("happens", "what"),
    [(deleted, "was deleted"), (replaced, "was replaced"), (truncated, "another size"), (appended, "another size")],
)
def test_what_happens_to_the_file_ends_the_recording_at_once(
    happens: Callable[[Path], None], what: str, tmp_path: Path
) -> None:
    """It went on for hours, said at the end how many bytes it had recorded, and ended with 0."""
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line:
        process = capture(out, line, "--quiet")
        line.write("mcu", b"AT\r")
        time.sleep(0.3)
        happens(out)
        began = time.monotonic()
        errors = ended(process)
    assert time.monotonic() - began < 10
    assert process.returncode == 2
    assert f"{out}: recording stopped: " in errors
    assert what in errors
    if what == "another size":
        assert size_told(errors) == out.stat().st_size
    assert size_told(errors) >= 10


def test_a_file_that_is_given_another_name_is_written_on(tmp_path: Path) -> None:
    out, moved = tmp_path / "r.pcapng", tmp_path / "moved.pcapng"
    with VirtualLine() as line:
        process = capture(out, line, "--quiet")
        line.write("mcu", b"AT\r")
        time.sleep(0.3)
        out.rename(moved)
        time.sleep(1.5)
        line.write("module", b"\r\nOK\r\n")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        errors = ended(process)
    assert process.returncode == 1
    assert errors.count("another name") == 2
    assert content(moved) == {"mcu": b"AT\r", "module": b"\r\nOK\r\n"}


def test_a_file_that_another_recorder_writes_is_not_taken(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, VirtualLine() as other:
        process = capture(out, line, "--quiet")
        line.write("mcu", b"AT\r")
        second = capture(out, other, "--quiet", "--overwrite")
        told = ended(second)
        line.write("module", b"\r\nOK\r\n")
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        ended(process)
    assert second.returncode == 2
    assert f"{out}: cannot write the recording: another recorder is writing this file" in told
    assert process.returncode == 0
    assert content(out) == {"mcu": b"AT\r", "module": b"\r\nOK\r\n"}


def content(path: Path) -> dict[Side, bytes]:
    out: dict[Side, bytes] = {"mcu": b"", "module": b""}
    with open_source(str(path)) as source:
        for chunk in source:
            out[chunk.side] += chunk.data
    assert source.warnings == []
    return out


# the view --------------------------------------------------------------------------------------------------------


class Terminal:
    """A capture with its live view on a terminal of its own."""

    def __init__(self, out: Path, line: VirtualLine) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "atshark", "capture", line.ports["mcu"], line.ports["module"], "-w", str(out)],
            cwd=ROOT, stdin=slave, stdout=slave, stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def wait_for(self, text: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen[-2000:]
            if select.select([self.master], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self.master, 65536).decode("utf-8", "replace")

    def close(self) -> str:
        drain = threading.Thread(target=self._drain, daemon=True)
        drain.start()
        errors = ended(self.process)
        os.close(self.master)
        return errors

    def _drain(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(self.master, 65536):
                pass


def test_the_view_tells_it_at_once(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line:
        terminal = Terminal(out, line)
        terminal.wait_for("q stop")
        line.write("mcu", b"AT\r")
        time.sleep(0.3)
        out.unlink()
        terminal.wait_for("the file was deleted", 10)
        errors = terminal.close()
    assert terminal.process.returncode == 2
    assert "the file was deleted" in errors


def test_a_view_that_is_stopped_holds_nothing_up(tmp_path: Path) -> None:
    """SIGSTOP to the view: its pipe filled, and the end of the recording waited for it for ever."""
    out = tmp_path / "r.pcapng"
    block = b"AT+CSQ\r" * 500
    with VirtualLine() as line:
        terminal = Terminal(out, line)
        terminal.wait_for("q stop")
        children = Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text().split()
        (view,) = [int(one) for one in children if b"atshark.screen" in Path(f"/proc/{one}/cmdline").read_bytes()]
        os.kill(view, signal.SIGSTOP)
        for _ in range(900):
            line.write("mcu", block)
        time.sleep(1)
        began = time.monotonic()
        terminal.process.send_signal(signal.SIGINT)
        errors = terminal.close()
    assert time.monotonic() - began < 20
    assert terminal.process.returncode == 0, errors
    assert "bytes were recorded but not shown" in errors
    assert len(content(out)["mcu"]) == 900 * len(block)


# the reader ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_ms", [50, 300])
@pytest.mark.parametrize("sends", [3, 10])
def test_a_stall_of_the_reader_is_a_mark(sends: int, stop_ms: int, tmp_path: Path) -> None:
    """The recorder is stopped in the middle of a session: its own clock tells, and no byte is lost."""
    out = tmp_path / "r.pcapng"
    sent: dict[Side, bytes] = {"mcu": b"", "module": b""}
    with VirtualLine() as line:
        process = capture(out, line, "--quiet")

        def say(side: Side, data: bytes) -> None:
            line.write(side, data)
            sent[side] += data

        time.sleep(0.3)
        for number in range(sends):
            if number == sends // 2:
                process.send_signal(signal.SIGSTOP)
                began = time.monotonic()
            say("mcu", b'AT+MIPSEND=0,5,"%05d"\r' % number)
            say("module", b"\r\n+MIPSEND: 0,5\r\n\r\nOK\r\n")
            if number == sends // 2:
                time.sleep(max(0.0, stop_ms / 1000 - (time.monotonic() - began)))
                process.send_signal(signal.SIGCONT)
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        ended(process)
    assert content(out) == sent
    with open_source(str(out)) as source:
        marks = [chunk.mark for chunk in source if isinstance(chunk, MarkChunk)]
    lengths = [int(re.findall(r"for (\d+) ms", mark.text)[0]) for mark in marks if mark.kind == "stall"]
    assert lengths
    assert max(lengths) >= stop_ms * 0.8


# the disk --------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if not os.access("/dev/fuse", os.R_OK | os.W_OK) or os.geteuid() != 0:
        pytest.skip("a disk that misbehaves needs root and /dev/fuse")
    with Disk(folder) as one:
        yield one


def lies(disk: Disk) -> None:
    disk.faults.lies = True


def loses(disk: Disk) -> None:
    disk.faults.loses = True


def fails_to_write(disk: Disk) -> None:
    disk.faults.write = errno.EIO


def fails_to_sync(disk: Disk) -> None:
    disk.faults.sync = errno.EIO


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (lies, "but the file has another size"), (loses, "the disk does not hold what it said it took"),
        (fails_to_write, "Input/output error"), (fails_to_sync, "Input/output error"),
    ],
)  # fmt: skip
def test_a_disk_that_lies_or_fails(fault: Callable[[Disk], None], what: str, disk: Disk) -> None:
    out = disk.folder / "r.pcapng"
    with VirtualLine() as line:
        process = capture(out, line, "--quiet")
        line.write("mcu", b"AT+FIRST\r")
        time.sleep(1.2)
        fault(disk)
        for _ in range(20):
            line.write("mcu", b"AT+CSQ\r")
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        errors = ended(process)
    assert process.returncode == 2, errors
    assert what in errors
    assert size_told(errors) == out.stat().st_size
    assert b"AT+FIRST" in out.read_bytes()
    assert "Traceback" not in errors


def test_a_slow_disk_loses_nothing(disk: Disk) -> None:
    out = disk.folder / "r.pcapng"
    disk.faults.slow_s = 0.05
    with VirtualLine() as line:
        process = capture(out, line, "--quiet")
        for _ in range(60):
            line.write("mcu", b"AT+CSQ\r")
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        errors = ended(process, 60)
    assert process.returncode == 0, errors
    assert content(out)["mcu"] == b"AT+CSQ\r" * 60


def test_a_disk_that_hangs_is_told_and_can_be_left(disk: Disk) -> None:
    """The end of the recording waited for it for ever, whatever was pressed."""
    out = disk.folder / "r.pcapng"
    with VirtualLine() as line:
        process = capture(out, line, "--quiet")
        line.write("mcu", b"AT+FIRST\r")
        time.sleep(1.2)
        disk.faults.hangs.set()
        line.write("mcu", b"AT+CSQ\r")
        time.sleep(3.5)
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = b""
        deadline = time.monotonic() + 20
        while b"which did not answer" not in told and time.monotonic() < deadline:
            if select.select([process.stderr], [], [], 0.1)[0]:
                told += os.read(process.stderr.fileno(), 4096)
        disk.faults.hangs.clear()  # the kernel does not let go of a process that waits for a disk
        ended(process)
    assert b"the disk does not answer" in told
    assert re.search(rb"recording stopped: \d+ bytes waited for the disk, which did not answer", told), told
    assert process.returncode == 2


def test_a_disk_that_hangs_for_a_while_loses_nothing(disk: Disk) -> None:
    out = disk.folder / "r.pcapng"
    with VirtualLine() as line:
        process = capture(out, line, "--quiet")
        disk.faults.hangs.set()
        for _ in range(60):
            line.write("mcu", b"AT+CSQ\r")
            time.sleep(0.05)
        disk.faults.hangs.clear()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        errors = ended(process)
    assert process.returncode == 0, errors
    assert content(out)["mcu"] == b"AT+CSQ\r" * 60
