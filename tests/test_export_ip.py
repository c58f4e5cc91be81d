"""Socket data as IP packets: tshark, which knows nothing of AT commands, judges them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from capture.chunk import Chunk
from decoder.decode import NO_STAGES, Decoder
from decoder.events import Finding, Socket
from tests.helpers import answer, command, records, sample_files, standard, talk, tool, tshark
from wireshark.export import export

pytestmark = pytest.mark.outside

Said = tuple[str, bytes]
CHECKED = [
    option
    for name in ("tcp.check_checksum", "udp.check_checksum", "ip.check_checksum")
    for option in ("-o", f"{name}:TRUE")
]
COMPLAINTS = "tcp.analysis.flags || tcp.checksum.status == 0 || udp.checksum.status == 0 || ip.checksum.status == 0"
NASTY = bytes(range(256)) + b"\r\nOK\r\n+++\r\n> "


def opened(
    connect_id: int = 0, kind: str = "TCP", address: str = "10.9.8.7", port: int = 7000, more: str = ""
) -> list[Said]:
    line = f'AT+MIPOPEN={connect_id},"{kind}","{address}",{port}{more}'
    return [command(line), answer("OK"), answer(f"+MIPOPEN: {connect_id},0")]


def sent(data: bytes, connect_id: int = 0) -> list[Said]:
    done = answer(f"+MIPSEND: {connect_id},{len(data)}", "OK")
    return [command(f"AT+MIPSEND={connect_id},{len(data)}"), ("module", b"\r\n> "), ("mcu", data), done]


def received(data: bytes, connect_id: int = 0, kind: str = "rtcp") -> list[Said]:
    return [("module", b'\r\n+MIPURC: "%b",%d,%d,' % (kind.encode(), connect_id, len(data)) + data + b"\r\n")]


def closed(connect_id: int = 0, mode: str = "") -> list[Said]:
    return [command(f"AT+MIPCLOSE={connect_id}{mode}"), answer("OK"), answer(f"+MIPCLOSE: {connect_id},0")]


def exported(tmp_path: Path, chunks: list[Chunk]) -> Path:
    path = tmp_path / "export.pcapng"
    export(chunks, Decoder(standard(), NO_STAGES), path)
    return path


def fields(path: Path, display: str, *names: str) -> list[list[str]]:
    wanted = [option for name in names for option in ("-e", name)]
    text = tshark(path, "-Y", display, "-T", "fields", *wanted, *CHECKED, plugin=False)
    return [line.split("\t") for line in text.splitlines()]


def stream(path: Path, number: int) -> dict[int, bytes]:
    """Follow a TCP stream; the bytes of each direction, 0 being the client's."""
    text = subprocess.run(
        [tool("tshark"), "-r", str(path), "-q", "-z", f"follow,tcp,raw,{number}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = {0: b"", 1: b""}
    for line in text.splitlines():
        if line and not set(line.strip()) - set("0123456789abcdef"):
            found[int(line.startswith("\t"))] += bytes.fromhex(line.strip())
    return found


def test_a_stream_is_a_whole_tcp_connection(tmp_path: Path) -> None:
    path = exported(tmp_path, talk(*opened(), *sent(NASTY), *received(NASTY[::-1]), *sent(b"more"), *closed()))
    assert fields(path, COMPLAINTS, "frame.number") == []
    flags = [row[0] for row in fields(path, "tcp", "tcp.flags.str")]
    plain = [flag.strip("·") for flag in flags]
    assert plain == ["S", "A··S", "A", "AP", "A", "AP", "A", "AP", "A", "A···F", "A···F", "A"]
    assert stream(path, 0) == {0: NASTY + b"more", 1: NASTY[::-1]}
    assert fields(path, "tcp.flags.syn == 1 && tcp.flags.ack == 0", "ip.dst", "tcp.dstport") == [["10.9.8.7", "7000"]]


def test_times_are_those_of_the_last_byte(tmp_path: Path) -> None:
    chunks = talk(*opened(), *sent(b"abc"))
    path = exported(tmp_path, chunks)
    (row,) = fields(path, "tcp.len == 3", "frame.time_epoch")
    (moment,) = [chunk.time_ns for chunk in chunks if chunk.data == b"abc"]
    assert row[0].replace(".", "") == str(moment)


def test_what_the_module_refused_is_not_on_the_network(tmp_path: Path) -> None:
    refused = [command("AT+MIPSEND=0,7"), ("module", b"\r\n> "), ("mcu", b"refused"), answer("+CME ERROR: 560")]
    partly = [command("AT+MIPSEND=0,9"), ("module", b"\r\n> "), ("mcu", b"onlyXXXXX"), answer("+MIPSEND: 0,4", "OK")]
    chunks = talk(*opened(), *refused, *partly, *sent(b"good"))
    assert stream(exported(tmp_path, chunks), 0)[0] == b"onlygood"
    assert "send.partial" in [one.rule for one in records(chunks) if isinstance(one, Finding)]


def test_several_connections_and_a_number_used_again(tmp_path: Path) -> None:
    chunks = talk(
        *opened(0, port=1),
        *opened(1, port=2),
        *sent(b"zero", 0),
        *sent(b"one", 1),
        *closed(0),
        *opened(0, port=1),
        *sent(b"again", 0),
        *received(b"down", 1),
        *closed(1),
        *closed(0),
    )
    path = exported(tmp_path, chunks)
    assert fields(path, COMPLAINTS, "frame.number") == []
    assert [stream(path, number) for number in range(3)] == [
        {0: b"zero", 1: b""},
        {0: b"one", 1: b"down"},
        {0: b"again", 1: b""},
    ]


def test_a_local_port_that_is_used_twice_is_no_complaint(tmp_path: Path) -> None:
    again = [*opened(more=",30,0,5555"), *sent(b"x"), *closed()]
    path = exported(tmp_path, talk(*again, *again))
    assert fields(path, COMPLAINTS, "frame.number") == []
    ports = [row[0] for row in fields(path, "tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.srcport")]
    assert ports[0] == "5555"
    assert ports[1] != "5555"


@pytest.mark.parametrize(
    ("end", "change", "last"),
    [
        (closed(mode=",3"), "reset", "A·R"),
        ([answer('+MIPURC: "disconn",0,1')], "closed by peer", "A···F A···F A"),
        ([answer('+MIPURC: "disconn",0,2')], "reset", "A·R"),
        ([answer('+MIPURC: "disconn",0,3')], "lost", "A"),
        ([answer("+MATREADY")], "lost", "A"),
    ],
)
def test_ends(tmp_path: Path, end: list[Said], change: str, last: str) -> None:
    chunks = talk(*opened(), *sent(b"x"), *end)
    path = exported(tmp_path, chunks)
    assert [one.change for one in records(chunks) if isinstance(one, Socket)] == ["opened", change]
    flags = [row[0].strip("·") for row in fields(path, "tcp", "tcp.flags.str")]
    assert " ".join(flags[5 - (last == "A") :]) == last
    assert fields(path, COMPLAINTS, "frame.number") == []


def test_names_and_addresses(tmp_path: Path) -> None:
    chunks = talk(
        command("AT+CGPADDR=1"),
        answer('+CGPADDR: 1,"100.64.3.2"', "OK"),
        command('AT+MDNSGIP="known.example"'),
        answer("OK"),
        answer('+MDNSGIP: "known.example","203.0.113.9"'),
        *opened(0, "UDP", "known.example"),
        *sent(b"a", 0),
        *opened(1, "UDP", "unknown.example"),
        *sent(b"b", 1),
        *opened(2, "UDP", "2001:db8::5"),
        *sent(b"c", 2),
    )
    path = exported(tmp_path, chunks)
    assert fields(path, COMPLAINTS, "frame.number") == []
    rows = fields(path, "udp", "ip.src", "ip.dst", "ipv6.dst", "frame.comment")
    assert rows[0][:2] == ["100.64.3.2", "203.0.113.9"]
    assert rows[2][2] == "2001:db8::5"
    assert "invented: the address of unknown.example" in rows[1][3]
    assert "the own address" in rows[2][3]
    named = tshark(path, "-N", "n", "-Y", "udp", "-T", "fields", "-e", "ip.dst_host", plugin=False).split()
    assert named[:2] == ["known.example", "unknown.example"]


def test_big_data_one_way(tmp_path: Path) -> None:
    big = bytes(range(256)) * 30
    chunks = talk(*opened(), *[line for _ in range(20) for line in sent(big)], *closed())
    path = exported(tmp_path, chunks)
    assert fields(path, COMPLAINTS, "frame.number") == []
    assert stream(path, 0)[0] == big * 20


def test_gathered_data_is_one_datagram(tmp_path: Path) -> None:
    lsip = ("module", b"+LSIP:OK\r0\r")
    chunks = talk(
        command("ATV0"),
        ("module", b"0\r"),
        command('AT+LSIPOPEN=1,5000,"223.47.251.33",60000,1'),
        ("module", b"+LSIPOPEN=1,1\r"),
        lsip,
        command("AT+LSIPHEX=1"),
        ("module", b"0\r"),
        command("AT+LSIPSEND=1,616263"),
        ("module", b"+LSIPSEND:1,1497\r0\r"),
        command("AT+LSIPSEND=1,0D0A"),
        ("module", b"+LSIPSEND:1,1495\r0\r"),
        command("AT+LSIPPUSH=1"),
        lsip,
        ("module", b"+LSIPRTCP=1,2,6F6B\r"),
    )
    path = exported(tmp_path, chunks)
    assert fields(path, "udp", "udp.payload", "udp.srcport") == [["6162630d0a", "5000"], ["6f6b", "60000"]]


def test_samples_make_no_complaint(tmp_path: Path) -> None:
    from atshark.sources import open_source

    for sample in sample_files():
        with open_source(str(sample)) as source:
            path = exported(tmp_path, list(source))
        assert fields(path, f'frame.interface_name == "ip" && ({COMPLAINTS})', "frame.number") == [], sample
