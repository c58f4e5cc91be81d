"""pcapng: what the writer writes, others read; what others write, the reader reads; damage is told, not raised."""

from __future__ import annotations

import contextlib
import io
import struct
import subprocess
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from atshark.sources import open_source, open_stream
from capture import pcapng, recording, upper_pdu
from capture.chunk import Chunk, Side, first_ns
from capture.errors import AtsharkError
from tests import foreign_captures as foreign
from tests.helpers import START, run, tool

sides = st.sampled_from(["mcu", "module"])
chunks = st.lists(st.builds(Chunk, st.integers(1, 2**63 - 1), sides, st.binary(min_size=1, max_size=50)), max_size=20)


def read_all(path: Path) -> tuple[list[Chunk], list[str]]:
    with open_source(str(path)) as source:
        return list(source), source.warnings


@given(chunks)
def test_a_recording_gives_back_its_chunks(given_chunks: list[Chunk]) -> None:
    path = Path("/tmp/atshark-test-roundtrip.pcapng")
    recording.record(given_chunks, path)
    assert read_all(path) == (given_chunks, [])
    path.unlink()


def sample(path: Path) -> list[Chunk]:
    out = [Chunk(START + i * 1_000_001, "mcu" if i % 3 else "module", bytes([i] * (i + 1))) for i in range(10)]
    recording.record(out, path)
    return out


def test_scapy_reads_a_recording(tmp_path: Path) -> None:
    expected = sample(tmp_path / "r.pcapng")
    packets = list(RawPcapNgReader(str(tmp_path / "r.pcapng")))
    assert [data[-len(chunk.data) :] for (data, _), chunk in zip(packets, expected, strict=True)] == [
        c.data for c in expected
    ]
    stamps = [(meta.tshigh << 32 | meta.tslow) for _, meta in packets]
    assert stamps == [chunk.time_ns for chunk in expected]


@pytest.mark.outside
def test_capinfos_and_tshark_read_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "r.pcapng"
    expected = sample(path)
    text = subprocess.run([tool("capinfos"), "-cnS", str(path)], capture_output=True, text=True, check=True).stdout
    assert "Number of packets:   10" in text
    info = subprocess.run([tool("capinfos"), str(path)], capture_output=True, text=True, check=True).stdout
    assert "Time precision = nanoseconds (9)" in info
    assert "Name = mcu" in info
    fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.interface_name", "-e", "frame.p2p_dir"]
    lines = subprocess.run(
        [tool("tshark"), "-r", str(path), *fields], capture_output=True, text=True, check=True
    ).stdout
    for line, chunk in zip(lines.splitlines(), expected, strict=True):
        epoch, name, direction = line.split("\t")
        assert int(epoch.replace(".", "")) == chunk.time_ns
        assert name == chunk.side
        assert direction == ("0" if chunk.side == "mcu" else "1")


@pytest.mark.slow
def test_every_truncation_gives_all_whole_packets_and_a_warning(tmp_path: Path) -> None:
    whole = tmp_path / "whole.pcapng"
    expected = sample(whole)
    data = whole.read_bytes()
    ends = []
    position = 0
    while position < len(data):
        position += struct.unpack_from("<I", data, position + 4)[0]
        ends.append(position)
    cut = tmp_path / "cut.pcapng"
    for size in range(12, len(data)):
        cut.write_bytes(data[:size])
        got, warnings = read_all(cut)
        complete = sum(1 for end in ends[3:] if end <= size)
        assert got == expected[:complete]
        assert bool(warnings) == (size not in ends)


@pytest.mark.parametrize("order", ["<", ">"])
def test_foreign_resolutions_and_byte_orders(order: str) -> None:
    def block(kind: int, body: bytes) -> bytes:
        return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)

    section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    micro = block(1, struct.pack(order + "HHI", 1, 0, 0))
    binary = block(1, struct.pack(order + "HHI", 1, 0, 0) + struct.pack(order + "HHB3xHH", 9, 1, 0x80 | 10, 0, 0))
    packets = b"".join(block(6, struct.pack(order + "IIIII", i, 0, 2048, 2, 2) + b"hi\0\0") for i in (0, 1))
    unknown = block(0x0BAD, b"1234")
    found = list(pcapng.Reader(io.BytesIO(section + micro + binary + unknown + packets)))
    assert [(one.time_ns, one.data) for one in found] == [(2_048_000, b"hi"), (2_000_000_000, b"hi")]


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damaged_files_never_raise_anything_but_one_line(noise: bytes, at: int) -> None:
    stream = io.BytesIO()
    writer = pcapng.Writer(stream, "test")
    writer.add_interface("mcu", link_type=252)
    for number in range(5):
        writer.packet(0, number, b"data", comment="x" * number)
    data = stream.getvalue()
    broken = data[:at] + noise + data[at + len(noise) :]
    with contextlib.suppress(AtsharkError):
        for packet in pcapng.Reader(io.BytesIO(broken)):
            assert isinstance(packet.data, bytes)


def test_a_network_capture_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "net.pcapng"
    with path.open("wb", buffering=0) as stream:
        writer = pcapng.Writer(stream, "test")
        writer.packet(writer.add_interface("eth0", link_type=1), 5, b"\0" * 60)
    with pytest.raises(AtsharkError, match="none of its 1 packets is serial traffic"):
        read_all(path)


def test_unknown_times_stay_unknown(tmp_path: Path) -> None:
    expected: list[Chunk] = [Chunk(None, "mcu", b"AT\r"), Chunk(7, "module", b"OK")]
    recording.record(expected, tmp_path / "r.pcapng")
    assert read_all(tmp_path / "r.pcapng")[0] == expected


def test_side_comes_from_the_direction_tag(tmp_path: Path) -> None:
    wanted: list[Side] = ["mcu", "module"]
    recording.record([Chunk(1, side, b"x") for side in wanted], tmp_path / "r.pcapng")
    assert [chunk.side for chunk in read_all(tmp_path / "r.pcapng")[0]] == wanted


@pytest.mark.parametrize("time", ["-5", "-99999999999999999999", "9223372036854775808", "99999999999999999999999"])
def test_times_that_no_clock_shows_are_unknown(time: str, tmp_path: Path) -> None:
    """Whatever the input: a file of ours could not hold them."""
    (tmp_path / "chunks").write_text(f'{{"side":"mcu","time_ns":{time},"text":"AT\\r"}}\n')
    (tmp_path / "log").write_text(
        f'{{"time":{time},"dir":"TX","data":"AT"}}\n{{"time":{time},"dir":"RX","data":"OK"}}\n'
    )
    (tmp_path / "capture").write_bytes(
        foreign.pcapng([(min(int(time), (1 << 64) - 1) % (1 << 64), foreign.rtac(0, 1, b"AT\r"))], 250)
    )
    for name in ("chunks", "log", "capture"):
        with open_source(str(tmp_path / name)) as source:
            assert [chunk.time_ns for chunk in source] == [None] * (2 if name == "log" else 1)
            assert "a clock shows" in source.notes[-1]
        assert run("export", tmp_path / name, "-w", tmp_path / "out").returncode == 0


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_delay_that_cannot_be_is_passed_over(time_ns: int, delay: int) -> None:
    stream = io.BytesIO()
    writer = pcapng.Writer(stream, "test")
    packet = upper_pdu.read_header("atshark_raw", "mcu", delay) + b"AT\r"
    writer.packet(writer.add_interface("mcu", link_type=252), time_ns, packet)
    with open_stream(cast(BinaryIO, io.BytesIO(stream.getvalue())), "recording") as source:
        (chunk,) = source
    assert chunk.data == b"AT\r"
    assert chunk.time_ns is None or 0 < (first_ns(chunk) or 0) <= chunk.time_ns < 2**63
