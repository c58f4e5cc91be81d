"""Short messages: PDUs to and fro, in parts, in text mode; what tshark says of the same bytes."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from atshark.sources import open_source
from capture import recording
from decoder import decode
from decoder.events import Finding, Frame
from decoder.protocols.frames import gsm7, sms
from decoder.protocols.frames.errors import NotThisFormatError
from tests.helpers import answer, command, events, examples, run, standard, talk, tool

NUMBERS = st.from_regex(r"\+?[0-9]{1,15}", fullmatch=True)
GSM7 = st.text(
    st.sampled_from([one for one in gsm7.BASIC if one != "\x1b"] + list(gsm7.EXTENSION.values())), max_size=60
)
UCS2 = st.text(st.characters(codec="utf-16-be", exclude_categories=["Cs"]), max_size=30)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["deliver", "submit"]))
    coding = draw(st.sampled_from(["gsm7", "ucs2", "8bit"]))
    fields: dict[str, Any] = {"type": kind, "number": draw(NUMBERS)}
    if kind == "deliver":
        zone = timezone(timedelta(minutes=15 * draw(st.integers(-48, 56))))
        moment = draw(st.datetimes(datetime(2000, 1, 1), datetime(2069, 12, 31)))
        fields["time_iso"] = moment.replace(microsecond=0, tzinfo=zone).isoformat()
    else:
        fields["reference"] = draw(st.integers(0, 255))
    fields["coding"] = coding
    if draw(st.booleans()):
        of = draw(st.integers(1, 9))
        fields["part"] = {"ref": draw(st.integers(0, 255)), "of": of, "number": draw(st.integers(1, of))}
    if coding == "8bit":
        fields["data"] = draw(st.binary(max_size=100)).hex()
    else:
        fields["text"] = draw(GSM7 if coding == "gsm7" else UCS2)
    return fields


@settings(max_examples=examples(300), deadline=None)
@given(messages())
def test_what_is_built_is_read(fields: dict[str, Any]) -> None:
    raw = sms.build(fields)
    side: sms.Side = "module" if fields["type"] == "deliver" else "mcu"
    _, found = sms.decode(raw, side, len(raw) - 1)
    assert found == fields


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=180), st.sampled_from(["mcu", "module"]))
def test_any_bytes_are_read_or_refused(raw: bytes, side: sms.Side) -> None:
    try:
        told, fields = sms.decode(raw, side)
    except NotThisFormatError:
        return
    assert told.startswith("SMS ")
    assert fields["type"] in ("deliver", "submit", "status-report", "command", "deliver-report")


@given(st.lists(st.integers(0, 127), max_size=200), st.integers(0, 6))
def test_septets_are_packed_and_unpacked(values: list[int], skip: int) -> None:
    assert gsm7.septets(gsm7.packed(values, skip), len(values), skip) == values


KNOWN = [
    (
        "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07", "module",
        {"type": "deliver", "smsc": "+31624000000", "number": "+31641600986", "time_iso": "2002-08-26T19:37:41+00:00",
         "text": "How are you?"},
    ),
    (
        "0011000B919471325476F80000AA0AE8329BFD4697D9EC37", "mcu",
        {"type": "submit", "number": "+4917234567", "text": "hellohello", "validity_s": 345600},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "side", "wanted"), KNOWN)
def test_known_messages(text: str, side: sms.Side, wanted: dict[str, Any]) -> None:
    _, fields = sms.decode(bytes.fromhex(text), side)
    assert {name: fields.get(name) for name in wanted if name != "number"} == {
        name: value for name, value in wanted.items() if name != "number"
    }
    assert fields["number"].startswith(wanted["number"][:5])


def frames(*lines: Any) -> list[Frame]:
    return [one for one in events(talk(*lines)) if isinstance(one, Frame)]


def pdu(number: int, of: int, text: str) -> bytes:
    return sms.build(
        {"type": "deliver", "number": "+4915112345678", "time_iso": "2024-05-01T10:00:00+02:00", "coding": "gsm7",
         "text": text, "part": {"ref": 7, "of": of, "number": number}}
    )  # fmt: skip


def test_a_message_in_parts_is_one_more_record() -> None:
    second, first = pdu(2, 2, "world"), pdu(1, 2, "hello ")
    found = frames(
        ("module", b"\r\n+CMT: ,%d\r\n%b\r\n" % (len(second) - 1, second.hex().upper().encode())),
        ("module", b"\r\n+CMT: ,%d\r\n%b\r\n" % (len(first) - 1, first.hex().upper().encode())),
    )
    assert [(one.protocol, one.fields["text"], one.fields.get("parts")) for one in found] == [
        ("sms", "world", None), ("sms", "hello ", None), ("sms", "hello world", 2)
    ]  # fmt: skip


def test_a_list_of_messages() -> None:
    raw = pdu(1, 1, "x")
    lines = [b"+CMGL: %d,1,,%d\r\n%b" % (n, len(raw) - 1, raw.hex().encode()) for n in range(3)]
    found = frames(command("AT+CMGL=4"), ("module", b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\nOK\r\n"))
    assert [one.fields["text"] for one in found if "parts" not in one.fields] == ["x"] * 3


def test_a_message_that_is_sent_and_a_wrong_length() -> None:
    raw = sms.build(
        {"type": "submit", "number": "+49151", "reference": 0, "coding": "ucs2", "text": "你好 😀"}
    )  # fmt: skip
    for announced, rules in ((len(raw) - 1, []), (len(raw), ["sms.length"])):
        found = events(
            talk(
                command(f"AT+CMGS={announced}"),
                ("module", b"\r\n> "),
                ("mcu", raw.hex().upper().encode() + b"\x1a"),
                answer("+CMGS: 5", "OK"),
            )
        )
        (frame,) = [one for one in found if isinstance(one, Frame)]
        assert (frame.side, frame.fields["text"]) == ("mcu", "你好 😀")
        assert [one.rule for one in found if isinstance(one, Finding)] == rules


def test_text_mode() -> None:
    found = frames(
        ("module", b'\r\n+CMT: "+4915112345",,"24/05/01,10:00:00+08"\r\nHello there\r\n'),
        command('AT+CMGS="+4915112345"'),
        ("module", b"\r\n> "),
        ("mcu", b"on my way\x1a"),
        answer("+CMGS: 6", "OK"),
    )
    assert [(one.fields["type"], one.fields["number"], one.fields["text"]) for one in found] == [
        ("deliver", "+4915112345", "Hello there"), ("submit", "+4915112345", "on my way")
    ]  # fmt: skip


@pytest.mark.outside
def test_redaction_reaches_into_pdus(tmp_path: Path) -> None:
    raw = pdu(1, 1, "meet me at nine")
    log, out = tmp_path / "x.log", tmp_path / "y.log"
    sent = 'TX: AT+CMGF=1\nRX: OK\nRX: +CMT: "+4915187654321",,"24/05/01,10:00:00+08"\nRX: the door code is 7312\n'
    log.write_text(f"TX: AT+CMGR=1\nRX: +CMGR: 0,,{len(raw) - 1}\nRX: {raw.hex().upper()}\nRX: OK\n{sent}")
    assert run("redact", log, "-o", out).returncode == 0
    made = out.read_text()
    assert len(made) == len(log.read_text())
    for leaked in ("4915187654321", "door code", "9451111325", raw.hex().upper()[-20:]):
        assert leaked not in made
    with open_source(str(out)) as source:
        found = [one for one in decode.run(source, standard()) if isinstance(one, Frame)]
    assert [one.fields["type"] for one in found if "parts" not in one.fields] == ["deliver"] * 2
    assert found[0].fields["time_iso"] == "2024-05-01T10:00:00+02:00"


@pytest.mark.parametrize(
    ("text", "side", "wanted"),
    [
        # hand-made after the clauses of TS 23.040 and 23.038: enhanced validity, classes, waiting, reports, odd ones
        ("0009000B919471325476F800000000000000000000", "mcu", {"type": "submit", "text": ""}),
        ("0009000B919471325476F80000021E0000000000000541E19058341E", "mcu", {"type": "submit", "validity_s": 30}),
        ("0009000B919471325476F8000003102030000000000541E19058341E", "mcu", {"type": "submit", "validity_s": 3723}),
        ("00040B919471325476F800F16221720100004000", "module", {"class": 1, "coding": "gsm7", "text": ""}),
        ("00040B919471325476F800C86221720100004000", "module", {"waiting": "voicemail", "waiting_on": True}),
        ("00040B919471325476F800E06221720100004000", "module", {"coding": "ucs2", "waiting": "voicemail", "waiting_on": False}),
        ("00040B919471325476F800206221720100004002C0DE", "module", {"coding": "compressed", "data": "c0de"}),
        ("000000", "mcu", {"type": "deliver-report"}),
        ("0000D300", "mcu", {"type": "deliver-report", "cause": 0xD3}),
        ("00060C0B919471325476F8622172010000406221720100504030", "module", {"type": "status-report", "status": 0x30}),
    ],
)  # fmt: skip
def test_odd_messages(text: str, side: sms.Side, wanted: dict[str, Any]) -> None:
    _, fields = sms.decode(bytes.fromhex(text), side)
    assert {name: fields.get(name) for name in wanted} == wanted


@settings(max_examples=examples(200), deadline=None)
@given(st.integers(1, 13), st.integers(0, 13), st.data())
def test_national_languages(locking: int, single: int, data: st.DataObject) -> None:
    lockings, singles = gsm7._tables()
    main, shifted = lockings.get(locking, gsm7.BASIC), singles.get(single, gsm7.EXTENSION)
    text = data.draw(st.text(st.sampled_from([*main.replace("\x1b", ""), *shifted.values()]), max_size=50))
    fields = {
        "type": "submit", "number": "+49151", "reference": 1, "coding": "gsm7", "text": text,
        "part": {"ref": data.draw(st.integers(0, 65535)), "of": 2, "number": 1}, "locking_shift": locking,
        **({"single_shift": single} if single else {}),
    }  # fmt: skip
    _, found = sms.decode(sms.build(fields), "mcu")
    assert found == fields


def test_known_letters_of_national_languages() -> None:
    for language, at, letter in (
        (1, 0x1C, "Ş"),
        (3, 0x12, "ª"),
        (4, 0x00, "ঁ"),
        (6, 0x00, "ँ"),
        (11, 0x03, "அ"),
        (13, 0x00, "ا"),
    ):
        assert gsm7.text_of([at], locking=language) == letter
    assert gsm7.text_of([0x1B, 0x53], single=1) == "Ş"
    assert gsm7.text_of([0x1B, 0x41], single=2) == "Á"


def test_ussd_and_broadcast() -> None:
    credit = gsm7.packed(gsm7.septets_of("Credit: 4 EUR")).hex().upper()
    found = frames(
        command('AT+CUSD=1,"*100#",15'), answer("OK"),
        ("module", f'\r\n+CUSD: 0,"{credit}",15\r\n'.encode()),
        ("module", b'\r\n+CUSD: 1,"00310020004F006B",72\r\n'), ("module", b'\r\n+CUSD: 0,"Plain answer",15\r\n'),
        ("module", b'\r\n+CUSD: 0,"12345678",15\r\n'), ("module", b"\r\n+CUSD: 2\r\n"),
    )  # fmt: skip
    assert [(one.protocol, one.side, one.fields["text"], one.fields["coding"]) for one in found] == [
        ("ussd", "mcu", "*100#", "plain"), ("ussd", "module", "Credit: 4 EUR", "gsm7"), ("ussd", "module", "1 Ok", "ucs2"),
        ("ussd", "module", "Plain answer", "plain"), ("ussd", "module", "12345678", "plain"),
    ]  # fmt: skip
    pages = [
        bytes([0, 16, 0, 50, 1, number << 4 | 2]) + gsm7.packed(gsm7.septets_of(text))
        for number, text in ((1, "Flood "), (2, "warning"))
    ]
    found = frames(*[("module", b"\r\n+CBM: %d\r\n%b\r\n" % (len(page), page.hex().encode())) for page in pages])
    assert [(one.protocol, one.fields["text"], one.fields["message_id"], one.fields["language"]) for one in found] == [
        ("cbs", "Flood ", 50, "en"), ("cbs", "warning", 50, "en"), ("cbs", "Flood warning", 50, "en")
    ]  # fmt: skip


def test_text_mode_in_ucs2() -> None:
    def wide(text: str) -> str:
        return text.encode("utf-16-be").hex().upper()

    lines = f'+CMGR: "REC READ","{wide("+4915112345678")}","","26/11/27,10:06:00-14"\r\n{wide("Grüße 你好")}'
    (one,) = frames(command("AT+CMGR=3"), ("module", f"\r\n{lines}\r\n\r\nOK\r\n".encode()))
    assert (one.fields["number"], one.fields["text"]) == ("+4915112345678", "Grüße 你好")
    assert one.fields["time_iso"] == "2026-11-27T10:06:00-03:30"


@pytest.mark.outside
def test_wireshark_reads_the_same(tmp_path: Path) -> None:
    """Its own dissector, of generated messages in an export: type, number, text."""
    tool("tshark")
    wanted: list[tuple[str, str, str]] = []
    lines: list[Any] = []

    @seed(7)
    @settings(max_examples=800, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(messages())
    def made(fields: dict[str, Any]) -> None:
        text = fields.get("text", "")
        if (
            "part" in fields
            or fields["coding"] == "8bit"
            or not text.isprintable()
            or not text.strip()
            or text != text.strip("@ ")
        ):
            return
        raw = sms.build(fields)
        if fields["type"] == "deliver":
            lines.append(("module", b"\r\n+CMT: ,%d\r\n%b\r\n" % (len(raw) - 1, raw.hex().encode())))
        else:
            lines.extend(
                [
                    command(f"AT+CMGS={len(raw) - 1}"),
                    ("module", b"\r\n> "),
                    ("mcu", raw.hex().encode() + b"\x1a"),
                    answer("+CMGS: 1", "OK"),
                ]
            )
        wanted.append((fields["type"], fields["number"].removeprefix("+"), text))

    made()
    assert len(wanted) > 60
    path, out = tmp_path / "s.pcapng", tmp_path / "x.pcapng"
    recording.record(talk(*lines), path)
    assert run("export", path, "-w", out).returncode == 0
    names = ["gsm_sms.tp-mti", "gsm_sms.tp-oa", "gsm_sms.tp-da", "gsm_sms.sms_text"]
    options = [option for name in names for option in ("-e", name)]
    shark = ["tshark", "-r", str(out), "-Y", "gsm_sms", "-T", "fields", *options]
    said = subprocess.run(shark, capture_output=True, check=True).stdout.decode().splitlines()
    kinds = {"deliver": "0", "submit": "1"}
    found = [line.split("\t") for line in said]
    assert [(one[0], one[1] or one[2], one[3].replace("\\\\", "\\")) for one in found] == [
        (kinds[kind], number, text) for kind, number, text in wanted
    ]
