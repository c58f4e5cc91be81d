"""Marks in files and on the screen: the live view can be killed and stuck, and the recording goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from capture.chunk import Chunk, Mark, MarkChunk, ReadChunk, first_ns
from tests.helpers import ROOT, START, chunks_of, lua, run
from tests.tapping import Capture, all_read, wait_until

MS = 1_000_000


@pytest.mark.outside
def test_times_and_marks_survive_a_recording_and_an_export(tmp_path: Path) -> None:
    from capture.recording import record
    from decoder import catalog
    from decoder.decode import Decoder
    from wireshark.export import export

    chunks: list[Chunk] = [
        ReadChunk.at(START + 600_000, "mcu", b"AT\r", START),
        MarkChunk.at(START + MS, "module", Mark("gap", "/dev/x: gone\x1b[31m")),
        MarkChunk.at(START + 2 * MS, "mcu", Mark("note", "天线已换")),
        ReadChunk.at(START + 9 * MS, "module", b"\r\nOK\r\n", START + 8 * MS),
    ]
    out, exported = tmp_path / "r.pcapng", tmp_path / "e.pcapng"
    record(chunks, out)
    with open_source(str(out)) as source:
        got = list(source)
    assert got == chunks
    assert [first_ns(chunk) for chunk in got] == [first_ns(chunk) for chunk in chunks]
    assert [c.mark for c in got if isinstance(c, MarkChunk)] == [c.mark for c in chunks if isinstance(c, MarkChunk)]
    export(got, Decoder(catalog.load()), exported)
    texts = [run("decode", str(path), "--format", "jsonl").stdout.decode() for path in (out, exported)]
    assert texts[0] == texts[1]
    assert '"rule":"tap.gap"' in texts[0]
    assert "天线已换" in texts[0]
    assert "\x1b" not in run("decode", str(out)).stdout.decode()
    fields = ["frame.time_epoch", "atshark.mark", "atshark.mark.text", "atshark.finding", "atshark.latency"]
    for path in (out, exported):
        done = subprocess.run(
            [
                "tshark",
                "-2",
                "-r",
                str(path),
                "-X",
                f"lua_script:{lua()}",
                "-T",
                "fields",
                *(part for name in fields for part in ("-e", name)),
            ],
            capture_output=True,
            timeout=60,
            check=False,
        )
        rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
        assert sorted(row[1] for row in rows) == ["", "", "gap", "note"], done.stderr
        assert next(row for row in rows if row[1] == "note")[2:4] == ["天线已换", "tap.note"]
        assert rows[3][4] == ("8.4" if path is exported else "")  # what answers what, only the export tells


@pytest.mark.outside
def test_notes_are_typed_in_the_live_view(tmp_path: Path) -> None:
    import fcntl
    import pty
    import struct
    import termios

    out = tmp_path / "r.pcapng"
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    before = termios.tcgetattr(inside)
    shown = bytearray()
    with VirtualLine() as line:
        process = subprocess.Popen(
            [sys.executable, "-m", "atshark", "capture", line.ports["mcu"], line.ports["module"], "-w", str(out)],
            cwd=ROOT,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )

        def wait_for(text: str) -> None:
            deadline = time.monotonic() + 20
            while text.encode() not in shown and time.monotonic() < deadline:
                os.set_blocking(terminal, False)
                try:
                    shown.extend(os.read(terminal, 65536))
                except BlockingIOError:
                    time.sleep(0.02)
            assert text.encode() in shown, bytes(shown[-2000:])

        try:
            wait_for("q stop")
            line.write("mcu", b"AT+CSQ\r")
            wait_for("CSQ exec")
            line.write("module", b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
            wait_for("rssi_dbm=-95")
            os.write(terminal, "m 天线已x\x7f换\r".encode())
            wait_for("tap.note")
            os.write(terminal, b"mnot kept\x1bq")
            assert process.wait(20) == 0
        finally:
            process.kill()
        after = termios.tcgetattr(inside)
    assert after == before
    with open_source(str(out)) as source:
        marks = [chunk.mark for chunk in source if isinstance(chunk, MarkChunk)]
    assert marks == [Mark("note", "天线已换")]


@pytest.mark.outside
def test_a_view_that_is_killed_does_not_stop_the_recording(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, Capture(line, out, "--show") as tap:
        tap.say("mcu", b"AT\r")
        wait_until(lambda: bool(tap.children), "the view")
        os.kill(tap.children[0], signal.SIGKILL)
        for _ in range(20):
            tap.say("mcu", b"AT+CSQ\r")
        tap.end()
    assert b"".join(chunk.data for chunk in chunks_of(out)) == b"AT\r" + b"AT+CSQ\r" * 20


def test_a_pipe_that_a_thread_waits_for() -> None:
    """What Windows has instead of a pipe that does not wait."""
    from atshark.live_view import _ThreadedPipe

    out, into = os.pipe()
    pipe = _ThreadedPipe(into)
    block = bytes(range(256)) * 100
    for _ in range(20):  # a pipe holds 64 kB, and nobody reads
        pipe.write(block)
    assert pipe.waiting > 100_000
    got = b""
    closing = threading.Thread(target=pipe.close)
    closing.start()
    while data := os.read(out, 65536):
        got += data
    closing.join()
    os.close(out)
    assert got == block * 20
    assert pipe.waiting == 0


@pytest.mark.outside
def test_a_view_that_is_stuck_sheds_display_and_no_data(tmp_path: Path) -> None:
    out = tmp_path / "r.pcapng"
    with VirtualLine() as line, Capture(line, out, "--show") as tap:
        tap.say("mcu", b"AT\r")
        wait_until(lambda: bool(tap.children), "the view")
        view = tap.children[0]
        os.kill(view, signal.SIGSTOP)
        block = b"AT+CSQ\r" * 600
        for _ in range(1500):
            line.write("mcu", block)
        all_read(line, "mcu")
        os.kill(view, signal.SIGCONT)
        _, errors = tap.end()
    assert "were recorded but not shown" in errors
    assert sum(len(chunk.data) for chunk in chunks_of(out)) == 3 + 1500 * len(block)
