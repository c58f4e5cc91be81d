"""Redaction of messages: PDUs, text mode, USSD. The result is as long, and as readable, and says something else."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atshark.redact.messages import Rewritten, rewrite
from atshark.sources import open_source
from capture import recording
from decoder import decode
from decoder.events import Frame
from decoder.protocols.frames import sms
from tests import sms_pdus
from tests.helpers import examples, run, standard, talk
from tests.test_sms import messages

pytestmark = pytest.mark.outside
MOMENT = datetime(2024, 5, 1, 10, 0, 0, tzinfo=timezone(timedelta(hours=2)))
NUMBER = "+4915187654321"
SECRETS = (
    sms_pdus.gsm7_body("meet me at nine {€}", sms_pdus.part8(1, 2, 1)), sms_pdus.ucs2_body("Тайна 秘密的话 abc"),
    sms_pdus.gsm7_body("gizli söz ığŞ", bytes([0x24, 1, 1, 0x25, 1, 1]), locking=1, single=1),
    sms_pdus.octets_body(b"secret words", sms_pdus.ports(2948, 9200)),
)  # fmt: skip


def frames(path: Path) -> list[Frame]:
    with open_source(str(path)) as source:
        return [one for one in decode.run(source, standard()) if isinstance(one, Frame)]


def redacted(tmp_path: Path, log: str) -> tuple[str, list[Frame], list[Frame]]:
    before, after = tmp_path / "before.log", tmp_path / "after.log"
    before.write_text(log)
    done = run("redact", before, "-o", after)
    assert done.returncode == 0, done.stderr
    made = after.read_text()
    assert len(made) == len(log)
    return made, frames(before), frames(after)


@pytest.mark.parametrize("body", SECRETS)
def test_pdus(tmp_path: Path, body: sms_pdus.Body) -> None:
    came = sms_pdus.service_centre("+49171000") + sms_pdus.deliver(NUMBER, MOMENT, body)
    sent = b"\0" + sms_pdus.submit("Secretary", 3, body, kind="alphanumeric")
    done = b"\0" + sms_pdus.report(NUMBER, 3, MOMENT, MOMENT, 0)
    log = f"TX: AT+CMGR=1\nRX: +CMGR: 0,,{len(came) - 1 - came[0]}\nRX: {came.hex().upper()}\nRX: OK\n"
    log += f"TX: AT+CMGS={len(sent) - 1}\nRX: > \nTX: {sent.hex()}<SUB>\nRX: +CMGS: 3\nRX: OK\n"
    log += f"RX: +CDS: {len(done) - 1}\nRX: {done.hex().upper()}\n"
    made, before, after = redacted(tmp_path, log)
    assert len(before) == len(after) >= 2
    for old, new in zip(before, after, strict=True):
        assert old.fields.keys() == new.fields.keys()
        for name, value in old.fields.items():
            if name in ("number", "smsc", "text", "data"):
                assert value != new.fields[name]
                assert len(value) == len(new.fields[name])
                assert "\ufffd" not in str(new.fields[name])
            else:
                assert value == new.fields[name]
    assert {one.fields["number"] for one in before} & {one.fields["number"] for one in after} == set()
    assert came.hex().upper()[-20:] not in made


def test_the_same_number_becomes_the_same_everywhere(tmp_path: Path) -> None:
    raw = sms_pdus.deliver(NUMBER, MOMENT, sms_pdus.gsm7_body("x"))
    log = f'RX: +CMT: ,{len(raw)}\nRX: 00{raw.hex().upper()}\nRX: +CMT: "{NUMBER}",,"24/05/01,10:00:00+08"\nRX: good morning\n'
    _, _, after = redacted(tmp_path, log)
    assert len(after) == 2
    assert after[0].fields["number"] == after[1].fields["number"] != NUMBER


def test_text_mode_and_ussd(tmp_path: Path) -> None:
    part = sms_pdus.gsm7_body("the door code", sms_pdus.part8(1, 2, 1))
    log = (
        f'TX: AT+CMGF=1\nRX: OK\nRX: +CMT: "{NUMBER}",,"24/05/01,10:00:00+08"\nRX: the door code is 7312\n'
        f'TX: AT+CMGL="ALL"\nRX: +CMGL: 1,"REC READ","{NUMBER}",,"24/05/01,10:00:00+08"\nRX: first line\nRX: second line\n'
        f'RX: OK\nRX: +CMT: "{NUMBER}",,"24/05/01,10:00:00+08",145,68,0,0,"+4917100",145,{part.size}\n'
        f'RX: {part.data.hex().upper()}\nRX: +CUSD: 0,"Number {NUMBER} has 12.34 EUR",15\n'
    )
    made, before, after = redacted(tmp_path, log)
    for leaked in (NUMBER[1:], "door code", "first", "second", "12.34", part.data.hex().upper()[14:]):
        assert leaked not in made
    assert [(one.protocol, one.fields.keys()) for one in before] == [(one.protocol, one.fields.keys()) for one in after]
    assert after[-2].fields["part"] == before[-2].fields["part"]


def test_what_is_written_as_hex_stays_readable(tmp_path: Path) -> None:
    number = NUMBER.encode("utf-16-be").hex().upper()
    log = (
        f'TX: AT+CSCS="UCS2"\nRX: OK\nTX: AT+CUSD=1,"{"*100*12345#".encode("utf-16-be").hex().upper()}",15\nRX: OK\n'
        f'RX: +CUSD: 0,"{"余额是很多钱".encode("utf-16-be").hex().upper()}",72\nTX: AT+CSCS="GSM"\nRX: OK\n'
        f'RX: +CMT: "{number}",,"24/05/01,10:00:00+08"\nRX: plain words\nRX: +CMT: "{NUMBER}",,"24/05/01,10:00:00+08"\n'
        "RX: other words\n"
    )
    made, before, after = redacted(tmp_path, log)
    assert number not in made
    assert [one.fields["written"] for one in after[:2]] == ["ucs2", "ucs2"]
    assert re.fullmatch(r"\*\d{3}\*\d{5}#", after[0].fields["text"])
    assert all(old.fields["text"] != new.fields["text"] for old, new in zip(before, after, strict=True))
    assert after[2].fields["number"] == after[3].fields["number"] != NUMBER
    _, before, after = redacted(
        tmp_path, 'TX: AT+CUSD=1,"AA180C3602",15\nRX: OK\nRX: +CUSD: 0,"C8329BFD0699E5EF36",15\n'
    )
    assert [one.fields["written"] for one in after] == ["septets", "septets"]
    assert re.fullmatch(r"[A-Z][a-z]{4} [a-z]{4}", after[1].fields["text"])


def test_an_answer_of_several_lines_in_a_recording(tmp_path: Path) -> None:
    before, after = tmp_path / "before.pcapng", tmp_path / "after.pcapng"
    recording.record(talk(("module", b'\r\n+CUSD: 1,"first row\r\nsecond row",15\r\n')), before)
    assert run("redact", before, "-o", after).returncode == 0
    (frame,) = frames(after)
    assert re.fullmatch(r"\w{5} \w{3}\n\w{6} \w{3}", frame.fields["text"])
    assert not {"first", "second", "row"} & set(frame.fields["text"].split())


def test_what_is_no_pdu_is_hidden_too(tmp_path: Path) -> None:
    made, _, _ = redacted(tmp_path, "RX: +CMT: ,30\nRX: 0004150412345678901234567890AB\n")
    assert "12345678901234567890" not in made


def _turned(digits: str) -> str:
    return "".join(str(9 - int(one)) if one.isdigit() else one for one in digits)


@settings(max_examples=examples(300), deadline=None)
@given(messages(), st.binary(max_size=8))
def test_what_is_rewritten_says_the_rest_as_before(
    message: tuple[bytes, sms.Side, dict[str, object]], salt: bytes
) -> None:
    raw, side, fields = message
    found = sms.decode(raw, side)
    pdu = Rewritten(raw.hex(), found.places, found.user.tables if found.user else (0, 0))
    made = sms.decode(rewrite(pdu, _turned, salt), side)
    changed = {"number", "smsc", "text", "data"}
    assert {name: value for name, value in made.fields.items() if name not in changed} == {
        name: value for name, value in fields.items() if name not in changed
    }
    for name in changed & fields.keys():
        assert len(str(made.fields[name])) == len(str(fields[name]))


@pytest.mark.outside
@pytest.mark.parametrize("front", ["", "< ", "10:00:03 < "])
def test_an_answer_that_a_log_shows_on_several_lines(tmp_path: Path, front: str) -> None:
    """Which of them the module wrote in one, and a logger cut, nobody can tell: all are replaced."""
    sent = front.replace("<", ">")
    lines = [f'{front}+CUSD: 0,"Ihr Guthaben:', f"{front}12,30 EUR", f'{front}Danke sehr",15']
    path, out = tmp_path / "log.txt", tmp_path / "out.txt"
    path.write_text("\n".join([f'{sent}AT+CUSD=1,"*100#",15', f"{front}OK", *lines]) + "\n")
    done = run("redact", path, "-o", out)
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert [len(line) for line in text.splitlines()] == [len(line) for line in path.read_text().splitlines()]
    for said in ("Ihr Guthaben", "12,30", "Danke", "*100#"):
        assert said not in text
