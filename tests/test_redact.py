"""Redaction: no secret is left in any encoding, and everything else is as it was."""

from __future__ import annotations

import base64
import io
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atshark.redact import Options, redact
from atshark.redact.spread import Substitutes
from atshark.sources import open_source
from capture import chunkfile, grammar
from capture.chunk import Chunk, Mark, MarkChunk, ReadChunk, first_ns
from capture.recording import record
from decoder.decode import NO_STAGES, Decoder
from decoder.protocols.frames import ppp
from tests.generated import damaged, sessions
from tests.helpers import SAMPLES, START, as_json, examples, records, run, sample_files, standard, tshark
from tests.make_logs import WRITERS, Turn
from tests.test_findings import talked
from wireshark.export import export

IMEI, IMSI, ICCID, PHONE = "867723031234569", "460040123456789", "89860412345678901234", "13812345678"
PASSWORD, PSK, API_KEY, TOKEN = "Tr0ub4dor&3xyz", "5F3A9C0D11E2B4A7", "zXy9KqLm=Pw2Vb7tNn0=", "tok_8Yh2Qw3Er4"
SECRETS = (IMEI, IMSI, ICCID, PHONE, PASSWORD, PSK, API_KEY, TOKEN)


def mqtt_connect(password: str) -> bytes:
    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    body = text("MQTT") + b"\x04\xc2\x00\x78" + text("dev-" + IMEI) + text("product1") + text(password)
    return b"\x10" + bytes([len(body)]) + body


def dialogue() -> list[Chunk]:
    """Everything that must not leave, where it usually stands."""
    connect = mqtt_connect(API_KEY)
    inner = base64.b64encode(json.dumps({"imei": IMEI, "password": PASSWORD}).encode()).decode()
    body = json.dumps({"token": TOKEN, "imsi": IMSI, "note": inner})
    http = f"POST /devices/{IMEI}?token={TOKEN} HTTP/1.1\r\nHost: a.example\r\napi-key: {API_KEY}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    return talked(f"""
0 > AT+CGSN=1
0.1 < +CGSN: {IMEI}
0.1 < OK
1 > AT+CIMI
1.1 < {IMSI}
1.1 < OK
2 > AT+MCCID
2.1 < +MCCID: {ICCID}
2.1 < OK
3 > AT+MQTTCFG="a.example",6002,"4069959",60,"75829","{PASSWORD}",1
3.1 < OK
4 > AT+CMGS="{PHONE}"
4.1 < {{\\r\\n> }}
4.2 > {{my number is {PHONE}\\x1a}}
4.3 < +CMGS: 7
4.3 < OK
5 > AT+MIPCFG="encoding",0,1,1
5.1 < OK
6 > AT+MIPOPEN=0,"TCP","a.example",1883
6.1 < OK
6.2 < +MIPOPEN: 0,0
7 > AT+MIPSEND=0,{len(connect)},"{connect.hex().upper()}"
7.1 < +MIPSEND: 0,{len(connect)}
7.1 < OK
8 < +MIPURC: "rtcp",0,4,20020000
9 > AT+MIPOPEN=1,"TCP","b.example",80
9.1 < OK
9.2 < +MIPOPEN: 1,0
10 > AT+MIPSEND=1,{len(http)}
10.1 < {{\\r\\n> }}
10.2 > {{{http.decode().replace(chr(13), chr(92) + "r").replace(chr(10), chr(92) + "n")}}}
10.3 < +MIPSEND: 1,{len(http)}
10.3 < OK
11 > AT+MIPLCREATEEX="a.example:5683","{IMEI};{IMSI}",0,"{PASSWORD}","{PSK}"
11.1 < OK
12 > AT+LOG="{quote(PASSWORD, safe="")}","{PSK.lower()}","{IMSI[::-1]}"
12.1 < OK
""")


def swapped(digits: str) -> str:
    even = digits + "F" * (len(digits) % 2)
    return "".join(even[i + 1] + even[i] for i in range(0, len(even), 2))


def disguises(secret: str) -> Iterator[bytes]:
    """The secret as people and protocols write it."""
    for text in (secret, secret.upper(), secret.lower()):
        plain = text.encode()
        yield plain
        for data in (plain, text.encode("utf-16-le"), text.encode("utf-16-be")):
            yield data
            yield data.hex().encode()
            yield data.hex().upper().encode()
        yield base64.b64encode(plain).rstrip(b"=")[:-1]
        yield base64.b64encode(b"x" + plain)[2:-4]
        yield base64.b64encode(b"xy" + plain)[3:-4]
        yield quote(text, safe="").encode()
    if secret.isdigit():
        yield swapped(secret).encode()
        yield bytes.fromhex(swapped(secret))


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, and what they hold as hex and Base64."""
    yield data
    if depth < 3:
        for match in re.finditer(rb"[0-9A-Fa-f]{8,}", data):
            for start in (0, 1):
                run_ = match[0][start:]
                yield from unpacked(bytes.fromhex(run_[: len(run_) & ~1].decode()), depth + 1)
        for match in re.finditer(rb"[A-Za-z0-9+/]{8,}={0,2}", data):
            body = match[0].rstrip(b"=")
            body = body[: len(body) - (len(body) % 4 == 1)]
            yield from unpacked(base64.b64decode(body + b"=" * (-len(body) % 4)), depth + 1)


def assert_clean(data: bytes) -> None:
    for layer in unpacked(data):
        for secret in SECRETS:
            for form in disguises(secret):
                assert form not in layer, (secret, form)


def redacted(path: Path, out: Path, *options: str) -> str:
    done = run("redact", path, "-o", out, *options)
    assert done.returncode == 0, done.stderr
    said = (done.stdout + done.stderr).decode()
    for secret in SECRETS:
        assert secret not in said
    return said


def decoded(path: Path) -> list[dict[str, Any]]:
    with open_source(str(path)) as source:
        return as_json(records(source))


def shape(value: Any) -> Any:
    """A record without its letters and digits."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return re.sub(r"[A-Za-z0-9]", "x", value) if isinstance(value, str) else value


def same_but_values(before: Path, after: Path) -> None:
    old, new = decoded(before), decoded(after)
    assert [(one["kind"], one["time_ns"], one.get("name"), one.get("latency_ns")) for one in old] == [
        (one["kind"], one["time_ns"], one.get("name"), one.get("latency_ns")) for one in new
    ]
    assert [shape(one["raw"]) for one in old if "raw" in one] == [shape(one["raw"]) for one in new if "raw" in one]


@pytest.mark.parametrize("kind", ["recording", "export", "chunks"])
def test_files_of_atshark(kind: str, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    if kind == "recording":
        record(dialogue(), before)
    elif kind == "export":
        export(dialogue(), Decoder(standard(), NO_STAGES), before)
    else:
        with before.open("wb") as stream:
            chunkfile.write(dialogue(), stream)
    said = redacted(before, after)
    assert "imei: " in said
    assert "password or key: " in said
    assert_clean(after.read_bytes())
    with open_source(str(after)) as source:
        chunks = list(source)
    for side in ("mcu", "module"):
        assert_clean(b"".join(chunk.data for chunk in chunks if chunk.side == side))
    same_but_values(before, after)
    frames = [one["fields"] for one in decoded(after) if one["kind"] == "frame" and one["protocol"] == "mqtt"]
    assert frames[0]["type"] == "CONNECT"
    assert len(str(frames)) > 50


@pytest.mark.outside
def test_the_export_is_clean_for_wireshark(tmp_path: Path) -> None:
    before, after = tmp_path / "before.pcapng", tmp_path / "after.pcapng"
    export(dialogue(), Decoder(standard(), NO_STAGES), before)
    redacted(before, after)
    assert_clean(tshark(after, "-V", "-x").encode())
    assert tshark(after, "-Y", "tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0") == ""


def test_a_secret_cut_between_reads(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    cut = [Chunk(c.time_ns, c.side, c.data[i : i + 3]) for c in dialogue() for i in range(0, len(c.data), 3)]
    record(cut, before)
    redacted(before, after)
    with open_source(str(after)) as source:
        chunks = list(source)
    assert [len(one.data) for one in chunks] == [len(one.data) for one in cut]
    for side in ("mcu", "module"):
        assert_clean(b"".join(chunk.data for chunk in chunks if chunk.side == side))


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in ("saleae-one-wire",)])
def test_text_logs_in_their_own_format(name: str, tmp_path: Path) -> None:
    turns: list[Turn] = [
        (((chunk.time_ns or 0) - (dialogue()[0].time_ns or 0)) // 1_000_000, chunk.side, chunk.data)
        for chunk in dialogue() if b"POST" not in chunk.data and b"MIPSEND=1" not in chunk.data and b"+MIPSEND: 1" not in chunk.data
    ]  # fmt: skip
    encoding = {"sscom": "gb18030", "minicom": "utf-16"}.get(name, "utf-8")
    before, after = tmp_path / "before.log", tmp_path / "after.log"
    before.write_bytes(WRITERS[name][1](turns).encode(encoding))
    redacted(before, after)
    assert_clean(after.read_bytes())
    assert_clean(after.read_bytes().decode(encoding, "replace").encode())
    with open_source(str(after)) as source:
        chunks = list(source)
        form = source.format
    with open_source(str(before)) as source:
        assert source.format == form
    for side in ("mcu", "module"):
        assert_clean(b"".join(chunk.data for chunk in chunks if chunk.side == side))
    same_but_values(before, after)
    changed = [(a, b) for a, b in zip(before.read_bytes(), after.read_bytes(), strict=True) if a != b]
    assert changed


def test_inside_ppp(tmp_path: Path) -> None:
    """PAP inside PPP: the checksum is right again."""
    pap = ppp.build_control(0xC023, 1, 1, bytes([6]) + b"card01" + bytes([len(PASSWORD)]) + PASSWORD.encode())
    frame = ppp.wrap(pap)
    chunks = [
        *talked("0 > ATD*99#\n0.1 < CONNECT"),
        *(Chunk(1_763_690_401_000_000_000 + i, "mcu", frame) for i in range(2)),
    ]
    before, after = tmp_path / "before", tmp_path / "after"
    record(chunks, before)
    redacted(before, after)
    assert PASSWORD.encode() not in after.read_bytes()
    kinds = [one["rule"] for one in decoded(after) if one["kind"] == "finding"]
    assert "ppp.fcs" not in kinds
    pairs = [one["text"] for one in decoded(after) if one["kind"] == "frame" and one["protocol"] == "ppp"]
    assert len(pairs) == 2
    assert pairs[0] == pairs[1]


def test_the_same_secret_has_the_same_substitute(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    record(dialogue(), before)
    redacted(before, after)
    texts = json.dumps(decoded(after))
    imei = re.search(r"\+CGSN: (\d{15})", texts)
    assert imei is not None
    assert texts.count(imei[1]) >= 4


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_samples(path: Path, tmp_path: Path) -> None:
    after = tmp_path / "after"
    redacted(path, after, "--topics", "--payloads", "--addresses")
    same_but_values(path, after)


def test_options(tmp_path: Path) -> None:
    after = tmp_path / "after.pcapng"
    redacted(SAMPLES / "protocols.pcapng", after)
    assert b"broker.example.com" in after.read_bytes()
    redacted(SAMPLES / "protocols.pcapng", after, "--addresses")
    assert b"broker.example.com" not in after.read_bytes()


def test_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "out.log"
    done = run("redact", "-", "-o", out, stdin=f"TX: AT+CIMI\nRX: {IMSI}\nRX: OK\n".encode())
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"TX: AT\+CIMI\nRX: \d{15}\nRX: OK\n", out.read_text())
    assert_clean(out.read_bytes())


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path) -> None:
    before = tmp_path / "before"
    record(dialogue(), before)
    done = run("redact", before, "-o", before)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) <= 4
    done = run("redact", tmp_path / "nothing", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


@settings(max_examples=examples(200))
@given(
    st.text("abcXYZ019&=+/ -_中", min_size=4, max_size=24).filter(
        lambda one: re.search(r"[A-Za-z0-9]{4}", one) and not re.search(grammar.FIXED, one.encode())  # no value
    ),
    st.integers(0, 7),
    st.binary(max_size=5),
)
def test_encodings_keep_their_length(secret: str, way: int, around: bytes) -> None:
    plain = secret.encode()
    hidden = [
        plain, plain.hex().encode(), plain.hex().upper().encode(), secret.encode("utf-16-le"), base64.b64encode(around + plain + around),
        quote(secret, safe="").encode(), base64.b64encode(plain.hex().encode()), base64.b64encode(plain).hex().encode(),
    ][way]  # fmt: skip
    substitutes = Substitutes([secret], b"salt")
    data = b'"' + hidden + b'"'
    made = substitutes.replace(data)
    assert len(made) == len(data)
    assert made != data
    assert not substitutes.holds(made)


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(sessions().map(lambda built: built.chunks), damaged()), st.booleans())
def test_any_session_can_be_redacted(chunks: list[Chunk], everything: bool) -> None:
    """What is written must pass the search and the comparison: that nothing is raised says that it did."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "session.jsonl")
        with path.open("wb") as stream:
            chunkfile.write(chunks, stream)
        if chunks:
            redact(str(path), standard(), Options(everything, everything, everything))


def test_the_result_is_searched_in_memory() -> None:
    assert io.BytesIO(Substitutes(["secret01"], b"x").replace(b"a secret01 b")).read() != b"a secret01 b"


def test_a_recording_of_the_tap_with_times_and_notes(tmp_path: Path) -> None:
    """Notes of the user may hold anything, and names of ports too: marks stay, their texts go."""
    source, out = tmp_path / "r.pcapng", tmp_path / "o.pcapng"
    chunks: list[Chunk] = [
        ReadChunk.at(START + 600_000, "mcu", b"AT+CGSN\r", START),
        MarkChunk.at(START + 1_000_000, "mcu", Mark("note", f"customer 13800138000, {IMEI}")),
        MarkChunk.at(START + 2_000_000, "mcu", Mark("gap", "socket://10.1.2.3:7: gone")),
        ReadChunk.at(START + 9_000_000, "module", f"\r\n{IMEI}\r\n\r\nOK\r\n".encode(), START + 8_000_000),
    ]
    record(chunks, source)
    assert run("redact", source, "-o", out).returncode == 0
    data = out.read_bytes()
    assert not [secret for secret in (IMEI, "13800138000", "10.1.2.3") if secret.encode() in data]
    with open_source(str(out)) as opened:
        got = list(opened)
    assert [(type(one), one.time_ns, one.side, len(one.data), first_ns(one)) for one in got] == [
        (type(one), one.time_ns, one.side, len(one.data), first_ns(one)) for one in chunks
    ]
    assert [one.mark.kind for one in got if isinstance(one, MarkChunk)] == ["note", "gap"]
