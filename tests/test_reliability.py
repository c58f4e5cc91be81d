"""Faults on purpose: killed, full disk, slow disk, stepping clock, bombs. docs/reliability.md has what longer runs gave.

``ATSHARK_KILLS`` (8) and ``ATSHARK_BOMB_MB`` (12) make the tests longer.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cbor2
import pytest

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from benchmarks.decode import watched
from capture.chunk import Chunk, Side
from capture.errors import AtsharkError
from capture.pcapng import Reader
from capture.recording import Recorder
from capture.tap import Tap
from capture.writing import Background
from decoder.decode import Decoder
from tests.fuzz_targets import TARGETS
from tests.helpers import ROOT, START, cpu_seconds, run, standard, tool
from tests.tapping import PATIENCE_S, all_read

KILLS = int(os.environ.get("ATSHARK_KILLS", "8"))
BOMB = int(os.environ.get("ATSHARK_BOMB_MB", "12")) * 1_000_000
MEMORY_MB = 120
SIDES: tuple[Side, Side] = ("mcu", "module")


def capture(out: Path, line: VirtualLine, *more: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "atshark", "capture", line.ports["mcu"], line.ports["module"], "-w", str(out), *more],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def recorded(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if ".pcapng" in path.name and not path.name.endswith(".part"))


def wait_for_file(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not any(path.stat().st_size > 100 for path in recorded(folder)) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def read(folder: Path, warnings: list[str]) -> dict[Side, bytes]:
    out: dict[Side, bytes] = {"mcu": b"", "module": b""}
    for path in recorded(folder):
        with open_source(str(path)) as source:
            for chunk in source:
                out[chunk.side] += chunk.data
        warnings += source.warnings
    return out


class Writer(threading.Thread):
    """Writes numbered lines to both wires; ``sent``: (time, side, all bytes of that side so far)."""

    def __init__(self, line: VirtualLine, seed: int) -> None:
        super().__init__(daemon=True)
        self._line, self._noise = line, random.Random(seed)
        self.sent: dict[Side, bytearray] = {side: bytearray() for side in SIDES}
        self.history: list[tuple[float, Side, int]] = []
        self.stopped = False

    def run(self) -> None:
        number = 0
        while not self.stopped:
            side = SIDES[number % 2]
            data = b"+X: %d,%s\r\n" % (number, self._noise.randbytes(self._noise.randrange(40)).hex().encode())
            if not select.select([], [self._line.master(side)], [], 0.05)[1]:
                continue  # nobody reads any more
            self._line.write(side, data)
            self.sent[side] += data
            self.history.append((time.monotonic(), side, len(self.sent[side])))
            number += 1
            time.sleep(0.001)


@pytest.mark.outside
@pytest.mark.parametrize("seed", range(KILLS))
def test_kill_9_at_a_random_moment(seed: int, tmp_path: Path) -> None:
    noise = random.Random(seed)
    ways: list[tuple[str, ...]] = [
        (),
        ("--show",),
        ("--rotate", "2k"),
        ("--rotate", "3k", "--compress", "gzip"),
        ("--rotate", "3k", "--compress", "zstd"),
    ]
    way = ways[seed % len(ways)]
    with VirtualLine() as line:
        process = capture(tmp_path / "r.pcapng", line, *(way if "--show" in way else ("--quiet", *way)))
        wait_for_file(tmp_path, process)
        writer = Writer(line, seed)
        writer.start()
        time.sleep(noise.uniform(0.0, 1.5))
        killed = time.monotonic()
        process.kill()
        process.communicate()
        writer.stopped = True
        writer.join()
        unread = {side: line.unread(side) for side in SIDES}
    warnings: list[str] = []
    got = read(tmp_path, warnings)
    for side in SIDES:
        assert bytes(writer.sent[side]).startswith(got[side])
        old = [size for at, one, size in writer.history if one == side and at < killed - 0.5]
        heard = len(writer.sent[side]) - unread[side]  # a busy machine may not have let the tap read the rest
        assert len(got[side]) >= min(old[-1] if old else 0, heard), (way, warnings)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*sudo, tool("mount"), "-t", "tmpfs", "-o", f"size=200k,uid={os.getuid()}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    yield folder
    subprocess.run([*sudo, tool("umount"), "-l", str(folder)], check=True, capture_output=True)


@pytest.mark.outside
def test_a_full_disk_ends_the_recording_whole(small_disk: Path) -> None:
    with VirtualLine() as line:
        process = capture(small_disk / "r.pcapng", line, "--quiet")
        wait_for_file(small_disk, process)
        writer = Writer(line, 1)
        writer.start()
        _, errors = process.communicate(timeout=60)
        writer.stopped = True
        writer.join()
    assert process.returncode == 2
    assert b"No space left on device" in errors
    assert b"everything before is in the file" in errors
    assert b"Traceback" not in errors
    warnings: list[str] = []
    got = read(small_disk, warnings)
    assert warnings == []
    assert sum(map(len, got.values())) > 20_000
    for side in SIDES:
        assert bytes(writer.sent[side]).startswith(got[side])


@pytest.mark.outside
def test_a_full_disk_at_the_start_is_one_line(small_disk: Path) -> None:
    (small_disk / "fill").write_bytes(bytes(200 * 1024 - 4096 * 2))
    with contextlib.suppress(OSError):
        (small_disk / "more").write_bytes(bytes(8192))
    with VirtualLine() as line:
        process = capture(small_disk / "r.pcapng", line, "--quiet")
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert b"cannot write the recording: No space left" in errors
    assert b"Traceback" not in errors


class HungRecorder(Recorder):
    """A recorder on a disk that hangs at the first write, until it is freed. ``freed``: it was, and did not give up."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.hung, self.free = threading.Event(), threading.Event()
        self.freed = False

    def write(self, chunk: Chunk) -> None:
        """Hang, then write."""
        if not self.hung.is_set():
            self.hung.set()
            self.freed = self.free.wait(PATIENCE_S)
        super().write(chunk)


@pytest.mark.outside
def test_a_hung_disk_does_not_keep_the_tap_from_the_ports(tmp_path: Path) -> None:
    """The terminals hold some kB: without the writer's thread, nobody could write 130 kB into them while the disk hangs."""
    block = b"AT+CSQ\r" * 43
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], idle_s=0.01)
        recorder = HungRecorder(tmp_path / "r.pcapng")
        background = Background(recorder)

        def feed() -> None:
            line.write("mcu", block)
            recorder.hung.wait(PATIENCE_S)
            for _ in range(430):
                line.write("mcu", block)
            all_read(line, "mcu")
            recorder.free.set()
            tap.stop()

        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        for chunk in tap:
            if chunk is not None:
                background.write(chunk)
        thread.join()
        background.close()
        tap.close()
    assert recorder.freed
    assert sum(len(data) for data in read(tmp_path, []).values()) == 431 * len(block)
    assert background.waited_s == 0


@pytest.mark.outside
def test_the_clock_may_step(tmp_path: Path) -> None:
    """The system's clock jumps by hours while it is recorded: the times do not."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        textwrap.dedent("""
        import time
        real, begin = time.time_ns, time.monotonic()
        time.time_ns = lambda: real() + int(3.6e12) * (1, -1)[int((time.monotonic() - begin) * 4) % 2]
        """)
    )
    with VirtualLine() as line:
        process = capture(tmp_path / "r.pcapng", line, "--quiet", PYTHONPATH=f"{site}:{ROOT}")
        wait_for_file(tmp_path, process)
        for number in range(100):
            line.write(SIDES[number % 2], b"AT+X=%d\r" % number)
            time.sleep(0.01)
        for side in SIDES:
            all_read(line, side)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    with open_source(str(tmp_path / "r.pcapng")) as source:
        times = [chunk.time_ns or 0 for chunk in source]
    assert len(times) >= 90
    assert times == sorted(times)
    assert 0.9e9 < times[-1] - times[0] < 5e9


# bombs -----------------------------------------------------------------------------------------------------------


def measured(*arguments: object) -> tuple[int, float, float]:
    """Run the command; return exit status, CPU seconds, peak memory in MB."""
    status, took = watched([sys.executable, "-m", "atshark", *map(str, arguments)], ROOT)
    return status, took.seconds, took.memory


def write_line(path: Path, size: int) -> None:
    """A line of text without an end."""
    with open(path, "wb") as stream:
        stream.write(b"[12:00:00.000] TX: AT\n[12:00:00.100] RX: OK\n[12:00:00.200] RX: ")
        for _ in range(size // 1_000_000):
            stream.write(b"0123456789" * 100_000)


def write_recording(path: Path, size: int) -> None:
    """A module that never ends its line."""
    with Recorder(path) as recorder:
        for number in range(size // 4000):
            recorder.write(Chunk(START + number * 1_000_000, "module", b"0123456789" * 400))


def write_commands(path: Path, size: int) -> None:
    """Commands that nobody answers: 10^6 of them in 30 MB."""
    with Recorder(path) as recorder:
        for number in range(size // 48):
            recorder.write(Chunk(START + number * 1000, "mcu", b"AT+X=%d\r" % number))


def write_packed(path: Path, size: int) -> None:
    """A small file that is a large one."""
    with gzip.open(path, "wb", compresslevel=9) as stream:
        for number in range(size // 4_000_000 + 1):
            stream.write(b"[12:00:%02d.000] TX: AT\r\n[12:00:00.100] RX: OK\r\n" % (number % 60) * 40_000)


def write_zeros(path: Path, size: int) -> None:
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(size // 1_000_000):
            stream.write(bytes(1_000_000))


@pytest.mark.outside
@pytest.mark.parametrize("bomb", [write_line, write_recording, write_commands, write_packed, write_zeros])
def test_bombs_stay_within_memory_and_linear_time(bomb: Callable[[Path, int], None], tmp_path: Path) -> None:
    results = []
    for size in (BOMB // 4, BOMB):
        path = tmp_path / f"{size}.x"
        bomb(path, size)
        code, seconds, memory = measured("decode", path, "--format", "jsonl")
        assert code in (0, 1, 2)
        assert memory < MEMORY_MB, (bomb.__name__, size)
        results.append(seconds)
    assert results[1] < 8 * results[0] + 1, results


NESTED: dict[str, Callable[[int], bytes]] = {
    "cbor": lambda n: b"\x81" * n,
    "cbor maps": lambda n: b"\xa1\x00" * n,
    "cbor tags": lambda n: b"\xc1" * n,
    "cbor huge": lambda n: b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff" * (n // 9),
    "json": lambda n: b"[" * n,
    "json objects": lambda n: b'{"a":' * n,
    "senml": lambda n: b'[{"bn":"' + b"a" * n + b'"' + b',"n":"x"' * (n // 8),
    "tlv": lambda n: b"\x88\x00\xff" * (n // 3),
    "tlv deep": lambda n: b"".join(
        bytes([0x18, 0, (k * 4) >> 16 & 255, (k * 4) >> 8 & 255, k * 4 & 255])[:4] for k in range(n // 4, 0, -1)
    ),
    "ones": lambda n: b"\xff" * n,
    "zeros": bytes,
    "link": lambda n: b"</a>;" * (n // 5),
    "link blanks": lambda n: b"</a>" + b" ;" * (n // 4) + b" " * (n // 2),
    "link attributes": lambda n: b"</a>" + b" ; b b" * (n // 6) + b"<",
    "http": lambda n: b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * (n // 6),
    "http chunks": lambda n: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * (n // 6),
    "coap options": lambda n: b"\x40\x01\x00\x01" + b"\x01a" * (n // 2),
    "mqtt length": lambda n: b"\x30\xff\xff\xff\x7f" + b"a" * n,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NESTED)
def test_nested_and_greedy_frames(name: str) -> None:
    """Every format takes every bomb: an answer or a refusal, in linear time, without an exception."""
    for target in (
        "coap",
        "coap-tcp",
        "mqtt",
        "http",
        "tlv",
        "content",
        "links",
        "dns",
        "ppp",
        "tls",
        "dp",
        "config",
        "nmea",
    ):
        took = []
        for size in (8_000, 32_000):
            took.append(cpu_seconds(partial(TARGETS[target], NESTED[name](size))))
        assert took[1] < 8 * took[0] + 0.5, (target, took)


LINES: dict[str, Callable[[int], bytes]] = {
    "quotes": lambda n: b"AT+MIPSEND=0,1," + b'"' * n + b"\r",
    "backslashes": lambda n: b'AT+MIPSEND=0,1,"' + b'\\"' * (n // 2) + b"\r",
    "brackets": lambda n: b"\r\n+MIPOPEN: " + b"(" * n + b"\r\n",
    "pairs of brackets": lambda n: b"\r\n+MIPOPEN: " + b"(" * (n // 2) + b")" * (n // 2) + b"\r\n",
    "blanks": lambda n: b"AT+A" + b" " * n + b"x\r",
    "commas": lambda n: b"AT+MIPSEND=" + b"," * n + b"\r",
    "semicolons": lambda n: b"AT" + b"+A;" * (n // 3) + b"\r",
    "typographic": lambda n: b"AT+MIPSEND=" + "“".encode() * (n // 3) + b"\r",
    "commands": lambda n: b"AT" * (n // 2) + b"\r",
    "garbage": lambda n: b"\x01AT+" * (n // 4) + b"\r",
    "interleaved": lambda n: b"AT+A=" + b'"x"AT' * (n // 5) + b"\r",
    "digits": lambda n: b'\r\n+MIPURC: "rtcp",0,' + b"9" * n + b"\r\n",
    "heads": lambda n: b"\r\n+MIPURC: " * (n // 11) + b"\r\n",
    "open quotes": lambda n: b'\r\n+MIPRD: "' + b"a," * (n // 2) + b"\r\n",
    "json": lambda n: b'AT+MQTTPUB=0,"t",1,0,0,5,"' + b'{"a":' * (n // 5) + b'"\r',
    "hex": lambda n: b"AT+MIPLNOTIFY=0,1,2,3,4,1," + b"4," * (n // 2) + b"\r",
    "requests": lambda n: b"\r\n+MIPLREAD: 0,1,2,3,4\r\n" * (n // 24),
}


def _decode(session: Decoder, chunks: list[Chunk]) -> None:
    for chunk in chunks:
        session.feed(chunk)
    session.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("side", SIDES)
def test_no_pattern_backtracks(name: str, side: Side) -> None:
    took = []
    for size in (15_000, 60_000):
        chunks = [Chunk(START, side, LINES[name](size)), Chunk(START + 10**9, "module", b"\r\nOK\r\n")]
        took.append(cpu_seconds(partial(_decode, Decoder(standard()), chunks)))
    assert took[1] < 8 * took[0] + 0.5, took


def test_cbor_that_holds_itself() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(cbor2.CBOREncodeError):
        cbor2.dumps(value)
    TARGETS["content"](b"\xd8\x1c\x81\xd8\x1d\x00")


def test_pcapng_with_huge_blocks(tmp_path: Path) -> None:
    import io

    head = (ROOT / "samples" / "tour.pcapng").read_bytes()[:400]
    for size in (0xFFFFFFFC, 0x7FFFFFFC, 16 * 1024 * 1024, 12, 8, 0):
        block = (6).to_bytes(4, "little") + size.to_bytes(4, "little") + b"x" * 64
        reader = Reader(io.BytesIO(head[:28] + block), "bomb")
        with contextlib.suppress(AtsharkError):
            list(reader)


def test_errors_of_damaged_compressed_files_are_one_line(tmp_path: Path) -> None:
    whole = gzip.compress((ROOT / "samples" / "tour.pcapng").read_bytes())
    for number, data in enumerate(
        [whole[: len(whole) // 2], whole[:5], whole[:100] + b"\xff" * 50 + whole[150:], b"\x28\xb5\x2f\xfd" + b"x" * 50]
    ):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(data)
        done = run("decode", path, "--format", "jsonl")
        assert done.returncode in (1, 2)
        assert b"Traceback" not in done.stderr
        assert b"cut or damaged" in done.stderr
        assert all(json.loads(line) for line in done.stdout.splitlines())
