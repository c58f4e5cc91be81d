"""Files and certificates on their way into the module and out of it: whole, in parts, checked, and extracted."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import recording
from capture.chunk import Chunk
from decoder.events import Data, File, Finding, Message, Transaction
from tests.generated import recut
from tests.helpers import MS, START, answer, command, events, run, talk
from tests.test_logs import read

Said = tuple[str, bytes] | tuple[str, bytes, int]
DER = bytes(range(200))
PEM = b"-----BEGIN CERTIFICATE-----\n" + b64encode(DER) + b"\n-----END CERTIFICATE-----\n"
KEY = PEM.replace(b"CERTIFICATE", b"RSA PRIVATE KEY")
HOSTILE = b"\r\nOK\r\n+QFDWL: 3,1234\r\n\r\nOK\r\n> \x1a+++\r\nERROR\r\n\0\xff"


def xor16(data: bytes) -> str:
    """Compute the checksum of Quectel's file commands by the words of the manual: pairs of bytes, a last one is high."""
    total = 0
    for index in range(0, len(data), 2):
        total ^= int.from_bytes(data[index : index + 2].ljust(2, b"\0"), "big")
    return f"{total:x}"


def sent(line: str, data: bytes, *after: str, prompt: bytes = b"\r\nCONNECT\r\n") -> list[Said]:
    return [command(line), ("module", prompt, 20), ("mcu", data, 20), answer(*after)]


def brought(line: str, data: bytes, *after: str, connect: str = "CONNECT") -> list[Said]:
    tail = b"".join(b"\r\n%b\r\n" % one.encode() for one in after)
    return [command(line), ("module", b"\r\n%b\r\n" % connect.encode() + data + tail, 20)]


def files(lines: list[Said]) -> list[File]:
    return [one for one in events(talk(*lines)) if isinstance(one, File)]


@pytest.mark.parametrize(
    ("lines", "name", "kind", "side", "data", "checked"),
    [
        (sent(f'AT+QFUPL="UFS:ca.pem",{len(PEM)},60', PEM, f"+QFUPL: {len(PEM)},{xor16(PEM)}", "OK"), "UFS:ca.pem", "certificate", "mcu", PEM, True),
        (sent(f'AT+QFUPL="x.bin",{len(HOSTILE)}', HOSTILE, f"+QFUPL: {len(HOSTILE)},{xor16(HOSTILE)}", "OK"), "x.bin", "file", "mcu", HOSTILE, True),
        (sent('AT+QFUPL="a",1', b"a", "+QFUPL: 1,6100", "OK"), "a", "file", "mcu", b"a", True),
        (brought('AT+QFDWL="x.bin"', HOSTILE, f"+QFDWL: {len(HOSTILE)},{xor16(HOSTILE)}", "OK"), "x.bin", "file", "module", HOSTILE, True),
        (brought('AT+QFDWL="empty-line.txt"', b"a\r\n", "+QFDWL: 3,6b0d", "OK"), "empty-line.txt", "file", "module", b"a\r\n", True),
        (sent(f'AT+UDWNFILE="ca.txt",{len(PEM)}', PEM, "OK", prompt=b"\r\n>"), "ca.txt", "certificate", "mcu", PEM, False),
        ([command('AT+URDFILE="a.txt"'), ("module", b'\r\n+URDFILE: "a.txt",7,"12\r\n\r\n""\r\nOK\r\n')], "a.txt", "file", "module", b'12\r\n\r\n"', False),
        (sent(f'AT+USECMNG=0,0,"ca",{len(PEM)}', PEM, f'+USECMNG: 0,0,"ca","{hashlib.md5(DER).hexdigest()}"', "OK", prompt=b"\r\n>"), "ca", "certificate", "mcu", PEM, True),
        (sent(f'AT+USECMNG=0,2,"key",{len(KEY)}', KEY, f'+USECMNG: 0,2,"key","{hashlib.md5(DER).hexdigest()}"', "OK", prompt=b"\r\n>"), "key", "private key", "mcu", KEY, True),
        (sent(f'AT+CCERTDOWN="ca.pem",{len(PEM)}', PEM, "OK", prompt=b"\r\n>"), "ca.pem", "certificate", "mcu", PEM, False),
        (sent('AT+CFTRANRX="c:/a.bin",5', b"\r\nOK\r", "OK", prompt=b"\r\n>"), "c:/a.bin", "file", "mcu", b"\r\nOK\r", False),
        (sent(f'AT#SSLSECDATA=1,1,1,{len(PEM)}', PEM, "OK", prompt=b"\r\n> "), "1 1", "certificate", "mcu", PEM, False),
        (sent(f"AT+KPRIVKSTORE=0,{len(KEY)}", KEY, "OK"), "0", "private key", "mcu", KEY, False),
        ([("mcu", b'AT%CMNG=0,16842753,0,"' + PEM.strip() + b'"\r\n', 9), answer("OK")], "16842753 0", "certificate", "mcu", PEM.strip(), False),
        ([("mcu", b'AT%CMNG=0,42,2,"' + KEY.strip().replace(b"\n", b"\r\n") + b'"\r', 9), answer("OK")], "42 2", "private key", "mcu",
         KEY.strip().replace(b"\n", b"\r\n"), False),
    ],
)  # fmt: skip
def test_a_file(lines: list[Said], name: str, kind: str, side: str, data: bytes, checked: bool) -> None:
    (one,) = files(lines)
    assert (one.name, one.kind, one.side, one.data, one.checked, one.problems) == (name, kind, side, data, checked, ())
    rules = [each.rule for each in events(talk(*lines)) if isinstance(each, Finding)]
    assert rules == ["file.whole"]
    (record,) = [each for each in events(talk(*lines)) if isinstance(each, Transaction)]
    assert record.result is not None
    assert record.result.code == "OK"


def test_parts_with_a_handle() -> None:
    lines: list[Said] = [command('AT+QFOPEN="log.txt",0'), answer("+QFOPEN: 3", "OK")]
    lines += sent("AT+QFWRITE=3,5", b"first", "+QFWRITE: 5,5", "OK") + sent(
        "AT+QFWRITE=3,6", b"second", "+QFWRITE: 6,11", "OK"
    )
    lines += [command("AT+QFCLOSE=3"), answer("OK")]
    (one,) = files(lines)
    assert (one.name, one.data, one.side) == ("log.txt", b"firstsecond", "mcu")


def test_parts_that_are_read_with_a_handle() -> None:
    lines: list[Said] = [command('AT+QFOPEN="log.txt",0'), answer("+QFOPEN: 3", "OK")]
    for part in (HOSTILE, b"rest"):
        lines += brought(f"AT+QFREAD=3,{len(part)}", part, "OK", connect=f"CONNECT {len(part)}")
    lines += [command("AT+QFCLOSE=3"), answer("OK")]
    (one,) = files(lines)
    assert (one.name, one.data, one.side) == ("log.txt", HOSTILE + b"rest", "module")


def test_parts_by_offset_and_by_what_remains() -> None:
    lines: list[Said] = [command('AT+URDBLOCK="a.txt",0,4'), ("module", b'\r\n+URDBLOCK: "a.txt",4,"abcd"\r\nOK\r\n')]
    lines += [command('AT+URDBLOCK="a.txt",4,4'), ("module", b'\r\n+URDBLOCK: "a.txt",3,"efg"\r\nOK\r\n')]
    assert [one.data for one in files(lines)] == [b"abcdefg"]
    lines = [
        *sent('AT+MSSLCERTWR="ca.pem",3,4', b"abcd", "OK", prompt=b"\r\n>"),
        *sent('AT+MSSLCERTWR="ca.pem",0,3', b"efg", "OK", prompt=b"\r\n>"),
    ]
    assert [(one.data, one.kind) for one in files(lines)] == [(b"abcdefg", "certificate")]


def test_what_is_appended() -> None:
    once = sent('AT+CFSWFILE=3,"ca.crt",0,4,1000', b"abcd", "OK", prompt=b"\r\nDOWNLOAD\r\n")
    more = sent('AT+CFSWFILE=3,"ca.crt",1,3,1000', b"efg", "OK", prompt=b"\r\nDOWNLOAD\r\n")
    assert [one.data for one in files([*once, *more, *once])] == [b"abcdefg", b"abcd"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (sent('AT+QFUPL="a",4', b"abcd", "+QFUPL: 4,1111", "OK"), "1111"),
        (sent('AT+QFUPL="a",4', b"abcd", "+CME ERROR: 407"), "did not take it"),
        (sent('AT+UDWNFILE="a",4', b"abcd", "+CME ERROR: operation not allowed", prompt=b"\r\n>"), "did not take it"),
        (brought('AT+QFDWL="a"', b"abcd", "+QFDWL: 6,1111", "OK"), "checksum"),
        ([command('AT+QFUPL="a",4'), ("module", b"\r\nCONNECT\r\n"), ("mcu", b"abcd")], "did not come to its end"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_was(lines: list[Said], says: str) -> None:
    (one,) = files(lines)
    assert not one.checked
    (problem,) = one.problems
    assert says in problem
    assert [
        each.rule for each in events(talk(*lines)) if isinstance(each, Finding) and each.rule.startswith("file")
    ] == ["file.damaged"]


def test_a_page_that_is_read() -> None:
    page = b"<html>\r\nOK\r\n+CREG: 5\r\n</html>\r\n"
    lines: list[Said] = [*brought("AT+QHTTPREAD=80", page, "OK", "+QHTTPREAD: 0"), command("AT"), answer("OK")]
    found = events(talk(*lines))
    assert [bytes.fromhex(one.data) for one in found if isinstance(one, Data)] == [page]
    assert [(one.name, one.result.code if one.result else None) for one in found if isinstance(one, Transaction)] == [
        ("QHTTPREAD", "OK"),
        ("AT", "OK"),
    ]
    assert [one for one in found if isinstance(one, Finding)] == []


def test_a_page_that_breaks_off() -> None:
    lines: list[Said] = [*brought("AT+QHTTPREAD=80", b"half of", "+CME ERROR: 714"), command("AT"), answer("OK")]
    found = events(talk(*lines))
    assert [bytes.fromhex(one.data) for one in found if isinstance(one, Data)] == [b"half of"]
    lines = [
        ("mcu", b"AT+QHTTPREAD=80\r"),
        ("module", b"\r\nCONNECT\r\nhalf"),
        command("AT+CSQ"),
        answer("+CSQ: 20,99", "OK"),
    ]
    found = events(talk(*lines))
    assert [bytes.fromhex(one.data) for one in found if isinstance(one, Data)] == [b"half"]
    assert [one.name for one in found if isinstance(one, Transaction) and one.result and one.result.code == "OK"] == [
        "CSQ"
    ]


@given(st.binary(max_size=300) | st.integers(0, 200_000).map(lambda size: HOSTILE * (size // len(HOSTILE))), st.lists(st.integers(1, 70_000), max_size=8), st.booleans())  # fmt: skip
def test_any_bytes_come_out_whatever_they_look_like(data: bytes, cuts: list[int], counted: bool) -> None:
    (asked, said), tail = brought('AT+QFDWL="x"', data, f"+QFDWL: {len(data)},{xor16(data)}", "OK"), b""
    if not counted:
        data += b"x"
        asked, said = brought(f"AT+QFREAD=1,{len(data)}", data, "OK", connect=f"CONNECT {len(data)}")
    time_ns, raw, chunks = START + 50 * MS, said[1] + tail, [Chunk(START, "mcu", asked[1])]
    for cut in (*cuts, len(raw)):
        chunks += [Chunk(time_ns, "module", raw[:cut])] if raw[:cut] else []
        raw, time_ns = raw[cut:], time_ns + MS
    chunks += [Chunk(time_ns + 200 * MS, "mcu", b"AT\r"), Chunk(time_ns + 220 * MS, "module", b"\r\nOK\r\n")]
    found = events(chunks)
    assert b"".join(bytes.fromhex(one.data) for one in found if isinstance(one, Data)) == data
    assert [one.result.code for one in found if isinstance(one, Transaction) and one.result] == ["OK", "OK"]
    if counted and data:
        assert [(one.data, one.checked) for one in found if isinstance(one, File)] == [(data, True)]


def test_they_are_extracted(tmp_path: Path) -> None:
    lines: list[Said] = sent(f'AT+QFUPL="UFS:../client.key",{len(KEY)}', KEY, f"+QFUPL: {len(KEY)},{xor16(KEY)}", "OK")
    lines += brought('AT+QFDWL="log"', b"text", "+QFDWL: 4,1111", "OK")
    path, folder = tmp_path / "session.pcapng", tmp_path / "out"
    recording.record(talk(*lines), path)
    assert run("extract", path, "-d", folder).returncode == 1
    index = [json.loads(line) for line in (folder / "index.jsonl").read_bytes().splitlines()]
    key, log = [entry for entry in index if entry["file"].startswith("files/")]
    assert (key["file"], key["kind"], key["name"], key["checked"], key["complete"]) == (
        "files/0001-up-UFS-client.key",
        "private key",
        "UFS:../client.key",
        True,
        True,
    )
    assert (folder / key["file"]).read_bytes() == KEY
    assert (log["file"], log["kind"], log["checked"], log["complete"]) == (
        "files/0002-down-log.bin",
        "file",
        False,
        False,
    )
    assert "checksum" in log["problems"][0]


def test_a_text_log_of_it() -> None:
    """The line ends of a log are lost: they are put back so that the file is as long as its command says."""
    text = f'AT+QFUPL="ca.pem",{len(PEM)},60\nCONNECT\n{PEM.decode()}+QFUPL: {len(PEM)},{xor16(PEM)}\n\nOK\nAT+CSQ\n+CSQ: 9,0\nOK\n'
    chunks, _, _ = read(text.encode())
    (one,) = [each for each in events(chunks) if isinstance(each, File)]
    assert (one.data, one.checked, one.problems) == (PEM, True, ())
    (one,) = [
        each
        for each in events(read(text.replace("ca.pem", "x").replace(xor16(PEM), "1").encode())[0])
        if isinstance(each, File)
    ]
    assert (one.checked, one.problems) == (False, ()), "who pasted the log may have changed it"


HARD = st.lists(
    st.sampled_from([b"\r\nOK\r\n", b"+QFDWL: 5,1\r\n", b"\r\n+QHTTPREAD: 0\r\n", b"AT+CSQ\r", b"\r", b"\n", b"ERROR\r\n", b"x", b"\0\xff", b"> "]), max_size=12
).map(b"".join)  # fmt: skip


@given(HARD, HARD, st.data())
def test_however_the_bytes_are_cut(first: bytes, second: bytes, data: st.DataObject) -> None:
    lines: list[Said] = [*brought('AT+QFDWL="x"', first, f"+QFDWL: {len(first)},{xor16(first)}", "OK")]
    lines += [
        *brought("AT+QHTTPREAD=80", second, "OK", "+QHTTPREAD: 0"),
        command("AT+CSQ"),
        answer("+CSQ: 20,99", "OK"),
    ]
    lines += [
        ("mcu", b'AT%CMNG=0,1,0,"-----BEGIN\n' + second.replace(b"\r", b"").replace(b'"', b"") + b'\nEND"\r\n'),
        answer("OK"),
    ]
    chunks = talk(*lines)
    whole, cut = events(chunks), events(data.draw(recut(chunks)))
    assert [one for one in cut if not isinstance(one, Message)] == [
        one for one in whole if not isinstance(one, Message)
    ]
    for side in ("mcu", "module"):
        assert b"".join(one.raw for one in cut if isinstance(one, Message) and one.side == side) == b"".join(
            one.data for one in chunks if one.side == side
        )
