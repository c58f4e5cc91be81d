"""A recording in several files: nothing is lost between them, and only what is asked for is deleted."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from capture.chunk import Chunk
from capture.errors import AtsharkError
from capture.rotation import Compression, RotatingRecorder, Rotation, parse
from tests.helpers import START, run
from tests.tapping import Capture

SECOND = 1_000_000_000
CHUNKS = [Chunk(START + i * SECOND, "mcu" if i % 2 else "module", b"%04d\r" % i) for i in range(200)]


def read(files: list[Path]) -> list[Chunk]:
    out: list[Chunk] = []
    for file in files:
        with open_source(str(file)) as source:
            out.extend(source)
    return out


def rotated(tmp_path: Path, rotation: Rotation) -> list[Path]:
    recorder = RotatingRecorder(tmp_path / "session.pcapng", rotation)
    for chunk in CHUNKS:
        recorder.write(chunk)
    recorder.close()
    assert list(recorder.files) == sorted(tmp_path.iterdir())
    return list(recorder.files)


@pytest.mark.parametrize("rotation", [Rotation(size=2000), Rotation(seconds=30)])
def test_all_files_together_are_the_recording(rotation: Rotation, tmp_path: Path) -> None:
    files = rotated(tmp_path, rotation)
    assert len(files) > 3
    assert read(files) == CHUNKS
    assert files[0].name == "session-00001.pcapng"
    if rotation.size:
        assert all(file.stat().st_size < rotation.size + 200 for file in files)
    else:
        spans = [[chunk.time_ns or 0 for chunk in read([file])] for file in files]
        assert all(times[-1] - times[0] < 30 * SECOND for times in spans)


def test_old_files_are_deleted_and_no_others(tmp_path: Path) -> None:
    other = tmp_path / "session-09999.pcapng"
    other.write_bytes(b"mine")
    recorder = RotatingRecorder(tmp_path / "session.pcapng", Rotation(size=2000, keep=3))
    for chunk in CHUNKS:
        recorder.write(chunk)
    recorder.close()
    assert len(recorder.files) == 3
    assert other.read_bytes() == b"mine"
    kept = read(list(recorder.files))
    assert kept == CHUNKS[-len(kept) :]


@pytest.mark.parametrize(("how", "suffix"), [("gzip", ".gz"), ("zstd", ".zst")])
def test_finished_files_are_compressed(how: Compression, suffix: str, tmp_path: Path) -> None:
    recorder = RotatingRecorder(tmp_path / "session.pcapng", Rotation(size=2000, keep=4, compress=how))
    for chunk in CHUNKS:
        recorder.write(chunk)
    recorder.close()
    files = list(recorder.files)
    assert files == sorted(tmp_path.iterdir())
    assert len(files) == 4
    assert all(file.name.endswith(".pcapng" + suffix) for file in files)
    kept = read(files)
    assert kept == CHUNKS[-len(kept) :]
    assert len(kept) > 60


def test_a_file_that_cannot_be_compressed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    recorder = RotatingRecorder(tmp_path / "session.pcapng", Rotation(size=2000, compress="gzip"))
    for chunk in CHUNKS:
        recorder.write(chunk)
    recorder.close()
    assert read(sorted(tmp_path.iterdir())) == CHUNKS
    assert all(path.suffix == ".pcapng" for path in tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "session-00001.pcapng").write_bytes(b"mine")
    with pytest.raises(AtsharkError, match="exists already"):
        RotatingRecorder(tmp_path / "session.pcapng", Rotation(size=1))
    assert (tmp_path / "session-00001.pcapng").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("text", "size", "seconds"),
    [
        ("100MB", 100_000_000, None),
        ("500k", 500_000, None),
        ("1.5GiB", 1_500_000_000, None),
        ("1h", None, 3600),
        ("30min", None, 1800),
        ("90s", None, 90),
        ("2d", None, 172_800),
    ],
)
def test_sizes_and_times(text: str, size: int | None, seconds: float | None) -> None:
    assert parse(text, 5) == Rotation(size, seconds, 5)


@pytest.mark.parametrize("text", ["", "100", "MB", "1 week", "-5MB"])
def test_what_is_neither(text: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        parse(text)
    done = run("capture", "a", "b", "-w", "x", f"--rotate={text}")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


@pytest.mark.outside
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_live_capture_rotates_and_ends_whole(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "live.pcapng"
    with VirtualLine() as line, Capture(line, out, "--rotate", "2k", "--quiet") as tap:
        sent = b""
        for i in range(12):
            data = b"AT+X=%0240d\r" % i
            tap.say("mcu", data)
            sent += data
        tap.end(number)
    files = sorted(tmp_path.iterdir())
    assert len(files) >= 2
    assert b"".join(chunk.data for chunk in read(files)) == sent
