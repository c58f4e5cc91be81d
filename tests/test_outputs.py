"""Output files: whole or not at all, only over nothing or a regular file, for nobody else if they hold secrets."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from capture.chunk import Chunk
from capture.errors import AtsharkError
from capture.outfile import output
from capture.recording import Recorder
from tests.helpers import ROOT, SAMPLES, START
from tests.helpers import process as run

pytestmark = pytest.mark.outside
TOUR = SAMPLES / "tour.pcapng"
Verb = Callable[[Path], "subprocess.CompletedProcess[bytes]"]


def capture(out: Path) -> subprocess.CompletedProcess[bytes]:
    """Begin to record from a port that is a network address nobody answers at: the file comes before."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = f"socket://127.0.0.1:{server.getsockname()[1]}"
        return run("capture", port, "-w", out, "--quiet", "--overwrite", "--duration", "0.3")


VERBS: dict[str, Verb] = {
    "export": lambda out: run("export", TOUR, "-w", out),
    "report": lambda out: run("report", TOUR, "-o", out),
    "redact": lambda out: run("redact", TOUR, "-o", out),
    "capture": capture,
}
SECRET = ("export", "capture")


@pytest.mark.parametrize("verb", VERBS)
def test_only_over_a_regular_file(verb: str, tmp_path: Path) -> None:
    """A symbolic link led elsewhere, a device or FIFO took the bytes, or hung."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    link, fifo, dangling = tmp_path / "link", tmp_path / "fifo", tmp_path / "dangling"
    link.symlink_to(victim)
    dangling.symlink_to(tmp_path / "nowhere")
    os.mkfifo(fifo)
    for path, kind in ((link, b"a symbolic link"), (dangling, b"a symbolic link"), (fifo, b"a FIFO"), (Path("/dev/full"), b"a device")):  # fmt: skip
        done = VERBS[verb](path)
        assert done.returncode == 2, (verb, path, done.stderr)
        assert os.fsencode(path) + b": is " + kind in done.stderr, done.stderr
        assert b"Traceback" not in done.stderr
    assert victim.read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()
    assert stat.S_ISFIFO(os.stat(fifo).st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "fifo", "link", "victim"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_umask_and_mode(verb: str, mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        new, old = tmp_path / "new", tmp_path / "old"
        old.write_bytes(b"x")
        old.chmod(0o640)
        for path in (new, old):
            assert VERBS[verb](path).returncode in (0, 1)
            assert path.stat().st_size > 100
    finally:
        os.umask(before)
    expected = 0o600 if verb in SECRET else 0o666 & ~mask
    assert stat.S_IMODE(new.stat().st_mode) == expected
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_what_was_carried_is_for_its_owner(tmp_path: Path) -> None:
    assert run("extract", TOUR, "-d", tmp_path / "files").returncode in (0, 1)
    files = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert len(files) > 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


class BrokenError(Exception):
    """What a program stopped at."""


def _half(path: Path) -> None:
    with output(path) as stream:
        stream.write(b"half")
        raise BrokenError


def _linked(path: Path, victim: Path) -> None:
    with output(path) as stream:
        stream.write(b"x")
        path.symlink_to(victim)


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with pytest.raises(BrokenError):
        _half(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    with output(path) as stream:
        stream.write(b"after")
    assert path.read_bytes() == b"after"


def test_an_input_that_breaks_leaves_what_was_there(tmp_path: Path) -> None:
    """The export of a file that turns out to be none had written over the old export."""
    bad, out = tmp_path / "bad.pcapng", tmp_path / "out.pcapng"
    bad.write_bytes(TOUR.read_bytes()[:40] + b"\xff" * 400)
    out.write_bytes(b"before")
    run("export", bad, "-w", out)
    broken = tmp_path / "x.txt"
    broken.write_bytes(b"nothing of AT here\n" * 10)
    assert run("export", broken, "-w", out).returncode == 2
    assert {path.name for path in tmp_path.iterdir()} == {"bad.pcapng", "out.pcapng", "x.txt"}


def test_a_folder_that_takes_no_file(tmp_path: Path) -> None:
    done = run("export", TOUR, "-w", tmp_path / "no" / "such" / "out.pcapng")
    assert done.returncode == 2
    assert b"out.pcapng: cannot write the export: No such file or directory" in done.stderr


def test_a_link_that_appears_while_it_is_written(tmp_path: Path) -> None:
    path, victim = tmp_path / "out", tmp_path / "victim"
    victim.write_bytes(b"mine")
    with pytest.raises(AtsharkError, match="a symbolic link"):
        _linked(path, victim)
    assert victim.read_bytes() == b"mine"


def test_a_recording_has_its_head_from_the_first_moment(tmp_path: Path) -> None:
    """A process killed between opening and the first block left an empty file."""
    path = tmp_path / "r.pcapng"
    watch = subprocess.run(
        [sys.executable, "-c", "import os, sys\nfrom pathlib import Path\nfrom capture import recording\n"
         "real = recording.ChunkWriter.__init__\n"
         "def init(self, *a):\n    assert not Path(sys.argv[1]).exists()\n    real(self, *a)\n"
         "recording.ChunkWriter.__init__ = init\nrecording.Recorder(Path(sys.argv[1]))\n"
         "print(Path(sys.argv[1]).stat().st_size)", str(path)],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    assert watch.returncode == 0, watch.stderr
    assert int(watch.stdout) > 100


def test_a_second_recorder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.pcapng"
    with Recorder(path) as first:
        first.write(Chunk(START, "mcu", b"AT\r"))
        size = path.stat().st_size
        with pytest.raises(AtsharkError, match="another recorder is writing this file"):
            Recorder(path)
        first.write(Chunk(START + 1, "mcu", b"AT\r"))
        first.check()
        assert path.stat().st_size > size
    Recorder(path).close()
    assert [one.name for one in tmp_path.iterdir()] == ["r.pcapng"]
