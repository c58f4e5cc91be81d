"""Short messages: PDUs to and fro, in parts, in text mode; what tshark says of the same bytes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atshark.sources import open_source
from decoder import decode
from decoder.events import Finding, Frame
from decoder.protocols.frames import sms
from decoder.protocols.frames.errors import NotThisFormatError
from tests.helpers import answer, command, events, examples, run, standard, talk

NUMBERS = st.from_regex(r"\+?[0-9]{1,15}", fullmatch=True)
GSM7 = st.text(st.sampled_from([one for one in sms.BASIC if one != "\x1b"] + list(sms.EXTENSION.values())), max_size=60)
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
    assert fields["type"] in ("deliver", "submit", "status-report", "command")


@given(st.lists(st.integers(0, 127), max_size=200), st.integers(0, 6))
def test_septets_are_packed_and_unpacked(values: list[int], skip: int) -> None:
    assert sms.septets(sms.packed(values, skip), len(values), skip) == values


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
