"""The export beside a recording: what `atshark export` writes of it, readable at any moment, and never in its way."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from atshark import following
from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from capture.chunk import Chunk, MarkChunk
from capture.errors import AtsharkError
from capture.pcapng import Reader
from capture.recording import record
from capture.rotation import RotatingRecorder, Rotation, existing
from tests.helpers import ROOT, SAMPLES, START, run
from tests.test_reliability import Writer, capture, small_disk  # noqa: F401 - a fixture

pytestmark = pytest.mark.outside

PATIENCE_S = 60


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def packets(path: Path) -> tuple[int, str]:
    """How many whole packets there are, and what is wrong with the end."""
    if not path.exists() or not path.stat().st_size:
        return 0, ""
    with path.open("rb") as stream:
        reader = Reader(stream)
        return sum(1 for _ in reader), reader.truncated


def bytes_of(*paths: Path) -> bytes:
    out = b""
    for path in paths:
        with open_source(str(path)) as source:
            out += b"".join(chunk.data for chunk in source if not isinstance(chunk, MarkChunk))
    return out


def exported(recording: Path) -> bytes:
    out = recording.with_name("again.pcapng")
    assert run("export", recording, "-w", out).returncode in (0, 1)
    return out.read_bytes()


def helper(process: subprocess.Popen[bytes]) -> int:
    """The process that exports."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(int(pid) for pid in children if b"atshark.following" in Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "r.pcapng", tmp_path / "wire.pcapng"


def test_it_grows_with_the_recording_and_is_its_export(paths: tuple[Path, Path]) -> None:
    recording, wire = paths
    with VirtualLine() as line:
        process = capture(recording, line, "--quiet", "--export", str(wire))
        writer = Writer(line, 1)
        until(lambda: recording.exists() and recording.stat().st_size > 100, process)
        writer.start()
        seen = []
        for _ in range(5):
            before = packets(wire)[0]
            until(lambda: packets(wire)[0] > before + 20, process)  # noqa: B023 - called at once
            seen.append(packets(wire))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        writer.stopped = True
        writer.join()
    assert process.returncode == 0, errors
    assert all(not cut or "inside the block" in cut for _, cut in seen)
    assert packets(wire)[1] == ""
    assert wire.read_bytes() == exported(recording)


@pytest.mark.parametrize("keep", [None, 3])
def test_a_recording_in_several_files(paths: tuple[Path, Path], keep: int | None, tmp_path: Path) -> None:
    recording, wire = paths
    with VirtualLine() as line:
        kept = () if keep is None else ("--keep", str(keep))
        process = capture(recording, line, "--quiet", "--rotate", "20k", *kept, "--export", str(wire))
        writer = Writer(line, 2)
        until(lambda: bool(existing(wire)), process)
        writer.start()
        until(lambda: max(existing(wire), default=0) >= 5, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        writer.stopped = True
        writer.join()
    assert len(existing(recording)) == keep or keep is None
    if b"deleted before they could be exported" in errors:  # on a machine that is too busy; --keep 3 is not much
        assert keep is not None
        assert process.returncode == 1
        assert set(existing(wire)) < set(existing(recording))
    else:
        assert process.returncode == 0, errors
        assert list(existing(wire)) == list(existing(recording))
    assert all(packets(path)[1] == "" for path in existing(wire).values())
    if keep is None:
        for side in ("mcu", "module"):
            assert said(side, existing(wire).values()) == said(side, existing(recording).values())


def said(side: str, files: object) -> bytes:
    out = b""
    for path in files:  # type: ignore[attr-defined]
        with open_source(str(path)) as source:
            out += b"".join(chunk.data for chunk in source if chunk.side == side and not isinstance(chunk, MarkChunk))
    return out


def test_kill_9_of_the_tap_leaves_a_whole_export(paths: tuple[Path, Path]) -> None:
    recording, wire = paths
    with VirtualLine() as line:
        process = capture(recording, line, "--quiet", "--export", str(wire))
        until(lambda: recording.exists() and recording.stat().st_size > 100, process)
        writer = Writer(line, 3)
        writer.start()
        until(lambda: packets(wire)[0] > 50, process)
        pid = helper(process)
        process.kill()
        process.communicate()
        writer.stopped = True
        writer.join()
    until(lambda: not Path(f"/proc/{pid}").exists())
    assert packets(wire)[1] == ""
    assert wire.read_bytes() == exported(recording)


def test_kill_9_of_the_export_leaves_the_recording_alone(paths: tuple[Path, Path]) -> None:
    recording, wire = paths
    with VirtualLine() as line:
        process = capture(recording, line, "--quiet", "--export", str(wire))
        until(lambda: recording.exists() and recording.stat().st_size > 100, process)
        writer = Writer(line, 4)
        writer.start()
        until(lambda: packets(wire)[0] > 50, process)
        os.kill(helper(process), signal.SIGKILL)
        size = recording.stat().st_size
        until(lambda: recording.stat().st_size > size + 10_000, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        writer.stopped = True
        writer.join()
    assert process.returncode == 1
    told = [line for line in errors.decode().splitlines() if str(wire) in line]
    assert len(told) == 1, errors
    assert "the export stopped: its process ended (-9)" in told[0]
    assert packets(recording)[1] == ""
    assert packets(wire)[0] > 50


def test_a_full_disk_of_the_export_leaves_the_recording_alone(small_disk: Path, tmp_path: Path) -> None:  # noqa: F811
    recording, wire = tmp_path / "r.pcapng", small_disk / "wire.pcapng"
    with VirtualLine() as line:
        process = capture(recording, line, "--quiet", "--export", str(wire))
        until(lambda: recording.exists() and recording.stat().st_size > 100, process)
        writer = Writer(line, 5)
        writer.start()
        until(lambda: recording.stat().st_size > 300_000, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        writer.stopped = True
        writer.join()
    assert process.returncode == 1
    told = [line for line in errors.decode().splitlines() if str(wire) in line]
    assert len(told) == 1, errors
    assert "the export stopped: No space left on device" in told[0]
    count, cut = packets(wire)
    assert count > 100
    assert cut == ""
    assert b"Traceback" not in errors


def test_the_last_room_of_a_disk_is_for_the_recording(small_disk: Path) -> None:  # noqa: F811
    with VirtualLine() as line:
        process = capture(small_disk / "r.pcapng", line, "--quiet", "--export", str(small_disk / "wire.pcapng"))
        until((small_disk / "r.pcapng").exists, process)
        line.write("mcu", b"AT\r")
        until(lambda: (small_disk / "r.pcapng").stat().st_size > 300, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"less than 50 MB are free" in errors
    assert bytes_of(small_disk / "r.pcapng") == b"AT\r"
    assert not (small_disk / "wire.pcapng").exists()


# what is followed


CHUNKS = [
    Chunk(START + i * 10**9, "mcu" if i % 2 == 0 else "module", b"AT\r" if i % 2 == 0 else b"\r\nOK\r\n") for i in range(200)
]  # fmt: skip


def over() -> threading.Event:
    ended = threading.Event()
    ended.set()
    return ended


def test_files_that_were_compressed_or_deleted_meanwhile(paths: tuple[Path, Path]) -> None:
    recording, wire = paths
    recorder = RotatingRecorder(recording, Rotation(size=4000))
    for chunk in CHUNKS:
        recorder.write(chunk)
    recorder.close()
    files = existing(recording)
    assert len(files) == 4
    whole = {number: bytes_of(path) for number, path in files.items()}
    files[1].with_name(files[1].name + ".gz").write_bytes(gzip.compress(files[1].read_bytes()))
    files[1].unlink()
    files[3].unlink()
    problems: list[str] = []
    following.export(recording, wire, True, 0, over(), problems.append)
    assert problems == ["1 files of the recording were deleted before they could be exported"]
    assert {number: bytes_of(path) for number, path in existing(wire).items()} == {
        number: data for number, data in whole.items() if number != 3
    }


def test_what_begins_in_one_file_ends_in_the_next(paths: tuple[Path, Path]) -> None:
    recording, wire = paths
    recorder = RotatingRecorder(recording, Rotation(seconds=0.001))
    for chunk in CHUNKS[:4]:
        recorder.write(chunk)
    recorder.close()
    following.export(recording, wire, True, 0, over(), pytest.fail)
    comments = []
    for file in existing(wire).values():
        with file.open("rb") as stream:
            comments += [packet.comment for packet in Reader(stream)]
    assert comments == ["AT exec", "OK to AT exec after 1000.000 ms"] * 2


def test_exports_are_not_written_over(paths: tuple[Path, Path], tmp_path: Path) -> None:
    recording, wire = paths
    wire.write_bytes(b"mine")
    done = run("capture", "/dev/no-such", "-w", recording, "--export", wire)
    assert done.returncode == 2
    assert b"wire.pcapng: exists already" in done.stderr
    done = run("capture", "/dev/no-such", "-w", recording, "--export", recording)
    assert b"would overwrite the recording" in done.stderr
    done = run("capture", "/dev/no-such", "-w", recording, "--export", tmp_path / "no" / "wire.pcapng")
    assert b"there is no such folder" in done.stderr
    wire.rename(tmp_path / "wire-00001.pcapng")
    done = run("capture", "/dev/no-such", "-w", recording, "--rotate", "1MB", "--export", wire)
    assert b"wire-00001.pcapng: exists already" in done.stderr
    assert not recording.exists()
    recorder = RotatingRecorder(recording, Rotation(size=4000))
    recorder.close()
    with pytest.raises(AtsharkError, match="exists already"):
        following.export(recording, wire, True, 0, over(), pytest.fail)
    assert (tmp_path / "wire-00001.pcapng").read_bytes() == b"mine"


def test_a_recording_that_has_ended(paths: tuple[Path, Path]) -> None:
    """The process as it is started, on a recording that has ended."""
    recording, wire = paths
    with open_source(str(SAMPLES / "protocols.pcapng")) as source:
        record(source, recording)
    done = subprocess.run(
        [sys.executable, "-m", "atshark.following", recording, wire], stdin=subprocess.DEVNULL, cwd=ROOT, check=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    assert wire.read_bytes() == exported(recording)
