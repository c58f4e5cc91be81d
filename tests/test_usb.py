"""Captures of others: what a modem said over USB decodes to what it said over a UART, whatever else is in the file."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader, RawPcapReader

from atshark.sources import open_source, open_stream
from capture.chunk import Chunk, MarkChunk
from capture.errors import AtsharkError
from tests import foreign_captures as foreign
from tests.foreign_captures import MODEM, STICK, USB_LINUX, USB_LINUX_MMAPPED, USBPCAP, Leg
from tests.helpers import START, answer, as_json, command, process, records, run, sample_files, talk, tshark

LINK_TYPES = [USB_LINUX, USB_LINUX_MMAPPED, USBPCAP]
FILES: list[Callable[..., bytes]] = [foreign.pcap, foreign.pcapng]
SMALL = talk(command("AT+CSQ"), answer("+CSQ: 20,99", "OK"), command("AT+CEREG?"), answer("+CEREG: 0,1", "OK"))


def chunks_of(path: Path) -> list[Chunk]:
    with open_source(str(path)) as source:
        return [Chunk(*chunk) for chunk in source]


def sample(stem: str) -> list[Chunk]:
    return chunks_of(next(path for path in sample_files() if path.stem == stem))


def opened(path: Path | str) -> tuple[list[Chunk], list[str], list[str]]:
    with open_source(str(path)) as source:
        return list(source), source.notes, source.warnings


def wires(chunks: Iterable[Chunk]) -> dict[str, bytes]:
    return {side: b"".join(one.data for one in chunks if one.side == side) for side in ("mcu", "module")}


def legs_of(chunks: list[Chunk], *, size: int = 64, seed: int = 1, described: bool = False) -> list[Leg]:
    """A session on one of a modem's ports, a shorter one on another, and what else a bus carries."""
    times = [one.time_ns for one in chunks if one.time_ns is not None] or [START]
    chance = random.Random(seed)
    out = list(foreign.port(chunks, MODEM, 0x03, 0x84, size))
    start = times[0] + 1
    other = [Chunk(start + 7 + number * 1_000_003, one.side, one.data) for number, one in enumerate(SMALL)]
    out += foreign.port(other, MODEM, 0x04, 0x86, size)
    out += foreign.noise([chance.randrange(times[0], times[-1] + 1_000_000_000) for _ in range(200)], seed)
    out.sort(key=lambda leg: leg.time_ns)
    if described:
        of_modem = [(0xFF, [0x81, 0x01]), (0xFF, [0x82, 0x02]), (0xFF, [0x84, 0x03]), (0xFF, [0x86, 0x04])]
        out = [*foreign.descriptors(start, MODEM, of_modem), *foreign.descriptors(start, STICK, [(8, [0x81, 2])]), *out]
    return out


def write(path: Path, legs: list[Leg], link_type: int, **options: object) -> Path:
    make = options.pop("make", foreign.pcap)
    order = str(options.get("order", "<"))
    assert callable(make)
    path.write_bytes(make(foreign.packets_of(legs, link_type, order), link_type, **options))
    return path


# what was said


@pytest.mark.parametrize("make", FILES)
@pytest.mark.parametrize("link_type", LINK_TYPES)
@pytest.mark.parametrize("stem", ["tour", "quectel", "ppp", "binary", "damaged", "numeric", "no-answer"])
def test_a_usb_capture_decodes_to_what_its_session_decodes_to(
    stem: str, link_type: int, make: Callable[..., bytes], tmp_path: Path
) -> None:
    chunks = sample(stem)
    expected = as_json(records(chunks))
    for seed, (order, size) in enumerate([("<", 64), (">", 512)]):
        legs = foreign.shuffled(legs_of(chunks, size=size, seed=seed, described=bool(seed)), seed)
        path = write(tmp_path / "usb", legs, link_type, make=make, order=order)
        found, notes, warnings = opened(path)
        assert wires(found) == wires(chunks)
        assert as_json(records(found)) == expected
        assert warnings == []
        assert "port 2.5.4 (" in notes[0]


def test_a_log_without_times(tmp_path: Path) -> None:
    chunks = sample("pasted")
    path = write(tmp_path / "usb", list(foreign.port(chunks, MODEM, 3, 0x84)), USB_LINUX)
    assert as_json(records(opened(path)[0])) == as_json(records(chunks))


def test_times_in_microseconds(tmp_path: Path) -> None:
    chunks = [Chunk((one.time_ns or 0) // 1000 * 1000, *one[1:]) for one in sample("tour")]
    path = write(tmp_path / "usb", legs_of(chunks), USBPCAP, nano=False)
    assert as_json(records(opened(path)[0])) == as_json(records(chunks))


def test_others_read_the_captures_of_these_tests(tmp_path: Path) -> None:
    """The judge of the builder: scapy, which knows both formats, both byte orders and both resolutions."""
    legs = legs_of(SMALL)
    for order in "<>":
        for link_type in LINK_TYPES:
            wanted = list(foreign.packets_of(legs, link_type, order))
            path = write(tmp_path / "a.pcap", legs, link_type, order=order)
            assert [data for data, _ in RawPcapReader(str(path))] == [data for _, data in wanted]
            path = write(tmp_path / "a.pcapng", legs, link_type, order=order, make=foreign.pcapng)
            assert [data for data, _ in RawPcapNgReader(str(path))] == [data for _, data in wanted]


@pytest.mark.parametrize("packed", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_compressed_and_from_standard_input(packed: Callable[[bytes], bytes], tmp_path: Path) -> None:
    data = packed(write(tmp_path / "usb", legs_of(SMALL), USBPCAP).read_bytes())
    (tmp_path / "usb").write_bytes(data)
    of_file = run("decode", tmp_path / "usb", "--format", "jsonl")
    piped = run("decode", "-", "--format", "jsonl", stdin=data)
    assert of_file.returncode == piped.returncode == 0
    assert of_file.stdout == piped.stdout
    assert [one["name"] for one in map(json.loads, piped.stdout.splitlines()) if one["kind"] == "transaction"] == [
        "CSQ", "CEREG",
    ]  # fmt: skip


# which port


def test_the_busiest_port_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "usb", legs_of(sample("tour"), described=True), USBPCAP)
    done = run("decode", path, "--format", "jsonl")
    said = done.stderr.decode().splitlines()
    assert len(said) == 3
    assert said[0] == f"atshark: {path}: read as USBPcap: port 2.5.4 (2c7c:0125, interface 2, OUT 3 and IN 4)"
    assert f"another AT port is 2.5.6 (2 commands, 59 bytes); '{path}#2.5.6' reads it" in said[1]
    for part in ("isochronous", "interrupt", "control", "port 2.5.1 (", "port 2.5.2 (", "port 2.7.1 (mass storage)"):
        assert part in said[2]
    other = run("decode", f"{path}#2.5.6", "--format", "jsonl")
    assert [one["name"] for one in map(json.loads, other.stdout.splitlines()) if one["kind"] == "transaction"] == [
        "CSQ", "CEREG",
    ]  # fmt: skip
    assert b"another AT port is 2.5.4 (" in other.stderr


@pytest.mark.outside
def test_every_command_takes_a_port(tmp_path: Path) -> None:
    path = write(tmp_path / "usb", legs_of(sample("tour")), USB_LINUX_MMAPPED)
    port = f"{path}#2.5.6"
    assert b"2 commands" in run("check", port).stdout
    assert run("report", port, "-o", tmp_path / "page.html").returncode == 0
    assert run("extract", port, "-d", tmp_path / "files").returncode == 0
    compared = run("diff", port, path, "--format", "jsonl")
    assert json.loads(compared.stdout.splitlines()[0])["steps"][0] == 2
    assert b"port 2.5.6 (" in compared.stderr
    for verb, option in (("export", "-w"), ("redact", "-o")):
        out = tmp_path / f"{verb}.pcapng"
        assert run(verb, port, option, out).returncode == 0
        assert wires(opened(out)[0]) == wires(SMALL)
        assert run(verb, port, option, path).returncode == 2
    piped = process("redact", "/dev/stdin#2.5.6", "-o", out, stdin=path.read_bytes())
    assert b"port 2.5.6 (" in piped.stderr
    assert wires(opened(out)[0]) == wires(SMALL)


def test_a_file_whose_name_has_a_hash(tmp_path: Path) -> None:
    path = write(tmp_path / "usb#2.5.6", legs_of(sample("tour")), USBPCAP)
    assert wires(opened(path)[0]) == wires(sample("tour"))
    assert wires(opened(f"{path}#2.5.6")[0]) == wires(SMALL)


@pytest.mark.parametrize("port", ["9.9.9", "x", "2.5", "2.5.4+9.9.9", "2.5.4+"])
def test_a_port_that_is_not_there(port: str, tmp_path: Path) -> None:
    path = write(tmp_path / "usb", legs_of(SMALL), USBPCAP)
    done = run("decode", f"{path}#{port}")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert b"2.5.4" in done.stderr


def test_only_usb_captures_have_ports() -> None:
    for path in (sample_files()[0], sample_files()[-1], sample_files()[0].parent / "logs" / "minicom.txt"):
        done = run("decode", f"{path}#1.2.3")
        assert done.returncode == 2
        assert (
            done.stderr.decode() == f"atshark: {path}: only USB captures have ports to choose from; leave out #1.2.3\n"
        )


@pytest.mark.parametrize("echo", [False, True])
def test_ends_of_ports_find_each_other_by_what_they_say(echo: bool, tmp_path: Path) -> None:
    """Without descriptors, three ports that talk at the same time, their numbers crossed."""
    sessions = []
    for number in range(3):
        lines: list[tuple[str, bytes] | tuple[str, bytes, int]] = []
        for index in range(8):
            lines.append(("mcu", b"AT+CMD%d=%d\r" % (number, index), 3000 + 700 * number))
            lines.append(("module", (b"AT+CMD%d=%d\r" % (number, index) if echo else b"") + b"\r\nOK\r\n", 150))
        sessions.append(talk(*lines))
    ends = [(0x01, 0x83), (0x02, 0x81), (0x03, 0x82)]
    legs = [leg for chunks, (out, into) in zip(sessions, ends, strict=True)
            for leg in foreign.port(chunks, MODEM, out, into)]  # fmt: skip
    path = write(tmp_path / "usb", sorted(legs, key=lambda leg: leg.time_ns), USB_LINUX)
    for chunks, (_, into) in zip(sessions, ends, strict=True):
        assert wires(opened(f"{path}#2.5.{into & 15}")[0]) == wires(chunks)


def test_descriptors_outweigh_numbers(tmp_path: Path) -> None:
    """A port that only speaks, and one that only listens: nothing they say tells that they are two."""
    quiet, urcs = talk(command("AT+CSQ")), talk(answer("+CREG: 1"), answer("+CREG: 5"))
    legs = sorted([*foreign.port(quiet, MODEM, 0x01, 0x81), *foreign.port(urcs, MODEM, 0x02, 0x82)],
                  key=lambda leg: leg.time_ns)  # fmt: skip
    about = foreign.descriptors(START, MODEM, [(2, []), (10, [0x82, 0x01]), (2, []), (10, [0x81, 0x02])])
    path = write(tmp_path / "usb", [*about, *legs], USBPCAP)
    found, notes, _ = opened(f"{path}#2.5.2")
    assert wires(found) == wires([*quiet, *urcs])
    assert "interface 1, OUT 1 and IN 2" in notes[0]


def test_a_modem_that_is_plugged_in_anew_goes_on(tmp_path: Path) -> None:
    chunks = sample("quectel")
    half = len(chunks) // 2
    legs = [*foreign.port(chunks[:half], (2, 5), 3, 0x84), *foreign.port(chunks[half:], (2, 6), 3, 0x84)]
    path = write(tmp_path / "usb", legs, USB_LINUX_MMAPPED)
    found, notes, _ = opened(path)
    assert as_json(records(found)) == as_json(records(chunks))
    assert "the device was plugged in anew: 2.5.4+2.6.4 are read as one port" in notes
    assert wires(opened(f"{path}#2.6.4")[0]) == wires(chunks[half:])
    assert wires(opened(f"{path}#2.5.4+2.6.4")[0]) == wires(chunks)


# what is not there


def refused(path: Path | str) -> str:
    done = run("decode", path)
    assert done.returncode == 2
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    return line


@pytest.mark.parametrize("link_type", LINK_TYPES)
def test_without_at_traffic_there_is_one_clear_line(link_type: int, tmp_path: Path) -> None:
    legs = foreign.noise([START + number * 1_000_000 for number in range(200)], 1)
    line = refused(write(tmp_path / "usb", legs, link_type))
    assert "no AT traffic is in it: its ports are 2.5.1 (" in line
    assert "2.7.1 (mass storage)" in line
    assert "no bulk endpoint was used" in refused(write(tmp_path / "usb", [legs[0]._replace(kind=1)], link_type))
    assert "a capture without a packet (link type" in refused(write(tmp_path / "usb", [], link_type))


def test_text_that_only_looks_like_at(tmp_path: Path) -> None:
    prose = b"Attach the antenna first.\r\nAttempt no repair.\r\n#define X: 1\r\n*note: this\r\nATTENTION\r\n"
    chunks = [Chunk(START, "mcu", prose * 9), Chunk(START + 1, "module", prose * 9)]
    assert "no AT traffic" in refused(write(tmp_path / "usb", list(foreign.port(chunks, MODEM, 1, 0x81)), USBPCAP))


@pytest.mark.parametrize(
    ("link_type", "name"), [(1, "Ethernet"), (266, "USB of macOS"), (186, "USB of FreeBSD"), (12345, "12345")]
)
@pytest.mark.parametrize("make", FILES)
def test_another_link_type_is_named(make: Callable[..., bytes], link_type: int, name: str, tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(make([(START, bytes(60))] * 3, link_type))
    line = refused(tmp_path / "net")
    assert f"none of its 3 packets is serial traffic: link type {link_type}" in line
    assert name in line
    assert "usbmon (189, 220), USBPcap (249), RTAC Serial (250)" in line


def test_a_classic_pcap_of_our_own_packets(tmp_path: Path) -> None:
    """What an editor of captures makes of an export."""
    chunks = sample("tour")
    run("export", sample_files()[0].parent / "tour.pcapng", "-w", tmp_path / "wire.pcapng")
    packets = [(meta.tshigh << 32 | meta.tslow, data) for data, meta in RawPcapNgReader(str(tmp_path / "wire.pcapng"))
               if meta.linktype == 252]  # fmt: skip
    (tmp_path / "wire.pcap").write_bytes(foreign.pcap(packets, 252, ">"))
    assert as_json(records(opened(tmp_path / "wire.pcap")[0])) == as_json(records(chunks))


# what is cut, lost or a lie


@pytest.mark.parametrize("link_type", LINK_TYPES)
def test_a_snap_length_is_told(link_type: int, tmp_path: Path) -> None:
    chunks = [*SMALL, Chunk(START + 10**10, "module", b"\r\n+LONG: " + b"x" * 200 + b"\r\n")]
    legs = list(foreign.port(chunks, MODEM, 3, 0x84))
    path = write(tmp_path / "usb", legs, link_type, snap=120)
    size = len(list(foreign.packets_of(legs, link_type))[-1][1])
    done = run("decode", path)
    assert done.returncode == 1
    assert f"{size - 120} bytes of 1 transfers are not in the capture: a snap length".encode() in done.stderr


def test_transfers_that_failed_are_told(tmp_path: Path) -> None:
    legs = [leg._replace(status=-71) if leg.endpoint == 3 and not leg.begins and leg.time_ns < START + 2 * 10**9 else leg
            for leg in foreign.port(SMALL, MODEM, 3, 0x84)]  # fmt: skip
    _, notes, _ = opened(write(tmp_path / "usb", legs, USB_LINUX_MMAPPED))
    assert "1 transfers to the module failed: their 7 bytes may not have arrived" in notes


def read(data: bytes) -> tuple[list[Chunk], list[str], list[str]]:
    with open_stream(cast(BinaryIO, io.BytesIO(data)), "capture") as source:
        return list(source), source.notes, source.warnings


@pytest.mark.parametrize("make", FILES)
def test_every_cut_is_told_and_what_is_before_it_is_read(make: Callable[..., bytes]) -> None:
    packets = list(foreign.packets_of(foreign.port(SMALL, MODEM, 3, 0x84), USBPCAP))
    data, whole = make(packets, USBPCAP), wires(SMALL)
    ends = {len(make(packets[:count], USBPCAP)) for count in range(len(packets) + 1)}
    ends |= {28} if make is foreign.pcapng else set()
    for size in range(1, len(data)):
        with suppress(AtsharkError):
            found, _, warnings = read(data[:size])
            got = wires(found)
            assert all(whole[side].startswith(got[side]) for side in got)
            assert len(warnings) == (size not in ends)


def test_cut_before_any_command_is_said_with_the_refusal() -> None:
    data = foreign.pcap(foreign.packets_of(foreign.noise([START], 1), USBPCAP), USBPCAP)
    with pytest.raises(AtsharkError, match=r"no AT traffic .* the file ends inside the packet at byte \d+; "):
        read(data[:-1])


def read_or_refused(data: bytes) -> tuple[list[Chunk], list[str]]:
    try:
        found, notes, warnings = read(data)
    except AtsharkError as error:
        return [], [str(error)]
    return found, notes + warnings


@settings(max_examples=300)
@given(st.sampled_from([*LINK_TYPES, 250]), st.sampled_from(FILES), st.sampled_from("<>"), st.data())
def test_lies_and_damage_give_chunks_or_one_line(
    link_type: int, make: Callable[..., bytes], order: str, draw: st.DataObject
) -> None:
    legs = legs_of(SMALL, described=True)[:60]
    data = bytearray(make(foreign.packets_of(legs, link_type, order), link_type, order))
    for _ in range(draw.draw(st.integers(0, 12))):
        at = draw.draw(st.integers(0, len(data) - 1))
        lie = draw.draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff\xff\xff\xff", bytes(4)])))
        data[at : at + len(lie)] = lie
    found, said = read_or_refused(bytes(data))
    assert sum(len(one.data) for one in found) <= len(data)
    assert all(text.isprintable() for text in said)


@settings(max_examples=300)
@given(
    st.sampled_from([*LINK_TYPES, 250]),
    st.sampled_from("<>"),
    st.lists(st.tuples(st.integers(0, 1 << 62), st.binary(max_size=100)), max_size=30),
)
def test_any_bytes_in_packets_give_chunks_or_one_line(
    link_type: int, order: str, packets: list[tuple[int, bytes]]
) -> None:
    with suppress(AtsharkError):
        read(foreign.pcapng(packets, link_type, order))


# RTAC Serial


def test_rtac_events_become_marks(tmp_path: Path) -> None:
    talked = [
        (one.time_ns or 0, foreign.rtac(one.time_ns or 0, 1 if one.side == "mcu" else 2, one.data)) for one in SMALL
    ]
    events = [(START + number, foreign.rtac(START + number, kind)) for number, kind in enumerate(range(11))]
    (tmp_path / "rtac").write_bytes(foreign.pcapng([*events, (START, b"short"), *talked], 250))
    found, _, warnings = opened(tmp_path / "rtac")
    assert wires(found) == wires(SMALL)
    assert [one.mark.kind for one in found if isinstance(one, MarkChunk)] == [
        "overrun", "error", "error", "break", "overrun",
    ]  # fmt: skip
    assert warnings == [f"{tmp_path / 'rtac'}: 1 packets are too short for the header of RTAC Serial"]


@pytest.mark.parametrize("stem", ["tour", "ppp", "damaged"])
def test_rtac_decodes_to_what_its_session_decodes_to(stem: str, tmp_path: Path) -> None:
    chunks = [Chunk((one.time_ns or 0) // 1000 * 1000, *one[1:]) for one in sample(stem)]
    foreign.write_foreign("rtac", tmp_path / "rtac", chunks)
    assert as_json(records(opened(tmp_path / "rtac")[0])) == as_json(records(chunks))


# what buses and programs do


@pytest.mark.outside
@pytest.mark.parametrize("link_type", LINK_TYPES)
@pytest.mark.parametrize("make", FILES)
def test_wireshark_sees_the_same_bytes_and_ports(make: Callable[..., bytes], link_type: int, tmp_path: Path) -> None:
    """An independent judge of the headers: what Wireshark's own dissector says each end carried."""
    chunks = sample("quectel")
    path = write(tmp_path / "usb", legs_of(chunks, described=True), link_type, make=make)
    rows = tshark(
        path, "--disable-protocol", "at", "-Y", "usb.transfer_type == 3", "-T", "fields", "-e", "usb.src", "-e", "usb.dst", "-e", "usb.capdata",
        plugin=False,
    ).splitlines()  # fmt: skip
    said = {"mcu": b"", "module": b""}
    for source, target, data in (row.split("\t") for row in rows):
        if (source, target) in (("host", "2.5.3"), ("2.5.4", "host")):
            said["mcu" if source == "host" else "module"] += bytes.fromhex(data)
    assert said == wires(chunks)
    assert wires(opened(f"{path}#2.5.4")[0]) == said


@pytest.mark.parametrize("described", [False, True])
@pytest.mark.parametrize("size", [64, 512])
def test_an_ftdi_adapter(size: int, described: bool, tmp_path: Path) -> None:
    """Two status bytes are in front of each packet of what comes in, and alone where nothing does."""
    chunks = sample("quectel")
    status = b"\x01\x60" if size == 64 else b"\x32\x60"
    legs = []
    for number, (time_ns, side, data) in enumerate(chunks):
        wrapped = b"".join(status + data[at : at + size - 2] for at in range(0, len(data), size - 2))
        out = side == "mcu"
        legs += foreign.transfer(number, time_ns or 0, MODEM, 2 if out else 0x81, data if out else wrapped)
        legs += foreign.transfer(number, (time_ns or 0) + 16_000, MODEM, 0x81, status)
    about = foreign.descriptors(START, MODEM, [(255, [0x81, 2])], size, maker=0x0403) if described else []
    found, notes, _ = opened(write(tmp_path / "usb", about + legs, USBPCAP))
    assert as_json(records(found)) == as_json(records(chunks))
    assert "FTDI's status bytes taken out" in notes[0]


def test_what_two_interfaces_show_is_read_once(tmp_path: Path) -> None:
    """All buses (usbmon0) and the one of the modem, captured at once: each has its own clock."""
    chunks = sample("quectel")
    legs = list(foreign.port(chunks, MODEM, 3, 0x84))
    packets = list(foreign.packets_of(legs, USB_LINUX_MMAPPED))
    twice = [(time_ns + 3000 * one, data, one) for time_ns, data in packets for one in (0, 1)]
    (tmp_path / "usb").write_bytes(foreign.pcapng(twice, USB_LINUX_MMAPPED))
    found, notes, _ = opened(tmp_path / "usb")
    assert as_json(records(found)) == as_json(records(chunks))
    carried = sum(1 for leg in legs if leg.data)
    assert f"left out: {carried} packets that were captured twice" in notes


def test_other_packets_in_the_same_file(tmp_path: Path) -> None:
    packets = [(time_ns, data, 0) for time_ns, data in foreign.packets_of(foreign.port(SMALL, MODEM, 3, 0x84), USBPCAP)]
    (tmp_path / "both").write_bytes(
        foreign.pcapng([(START, bytes(60), 1), *packets, (START, bytes(60), 1)], USBPCAP, other=1)
    )
    found, notes, _ = opened(tmp_path / "both")
    assert wires(found) == wires(SMALL)
    assert "left out: 2 packets of link type 1 (Ethernet)" in notes


def test_commands_in_frames_are_found(tmp_path: Path) -> None:
    """The capture begins inside a multiplexer's session: each line has a frame around it."""
    framed = [Chunk(one.time_ns, one.side, b"\xf9\x03\xef\x0d" + one.data + b"\x5c\xf9") for one in SMALL]
    path = write(tmp_path / "usb", list(foreign.port(framed, MODEM, 3, 0x84)), USBPCAP)
    assert wires(opened(path)[0]) == wires(framed)


def test_a_silent_beginning_is_not_kept_and_is_told(tmp_path: Path) -> None:
    chance = random.Random(1)
    flood = [Chunk(START + number, "module", chance.randbytes(1 << 16)) for number in range(100)]
    later = [Chunk((one.time_ns or 0) + 10**9, one.side, one.data) for one in SMALL]
    path = write(tmp_path / "usb", list(foreign.port([*flood, *later], MODEM, 3, 0x84, 1 << 16)), USBPCAP, snap=1 << 20)
    found, _, warnings = opened(path)
    assert wires(found)["module"].endswith(wires(SMALL)["module"])
    assert len(warnings) == 1
    assert f"'{path}#2.5.4' reads all" in warnings[0]
    assert wires(opened(f"{path}#2.5.4")[0]) == wires([*flood, *later])
