"""Messages in what crosses the line: PDU and text mode, parts, reports, broadcasts, USSD."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atshark.sources import open_source
from decoder import decode
from decoder.events import Finding, Frame
from tests import sms_pdus
from tests.helpers import answer, command, events, examples, standard, talk, transactions

MOMENT = datetime(2024, 5, 1, 10, 0, 0, tzinfo=timezone(timedelta(hours=2)))
Line = Any


def frames(*lines: Line) -> list[Frame]:
    return [one for one in events(talk(*lines)) if isinstance(one, Frame)]


def texts(*lines: Line) -> list[tuple[Any, Any]]:
    """What each record says, and of how many parts it is."""
    return [(one.fields.get("text", one.fields.get("data")), one.fields.get("parts")) for one in frames(*lines)]


def fields(*lines: Line) -> dict[str, Any]:
    (frame,) = frames(*lines)
    return frame.fields


def module(text: str) -> Line:
    return "module", text.encode()


def came(body: sms_pdus.Body, number: str = "+4915112345678", minutes: int = 0) -> Line:
    raw = sms_pdus.deliver(number, MOMENT + timedelta(minutes=minutes), body)
    return module(f"\r\n+CMT: ,{len(raw)}\r\n00{raw.hex().upper()}\r\n")


def sent(line: str, text: str, *answers: str) -> list[Line]:
    return [command(line), module("\r\n> "), ("mcu", text.encode() + b"\x1a"), answer(*answers, "OK")]


def gsm7(text: str, ref: int, of: int, number: int) -> sms_pdus.Body:
    return sms_pdus.gsm7_body(text, sms_pdus.part8(ref, of, number))


def test_a_message_in_parts_is_one_more_record() -> None:
    assert texts(came(gsm7("world", 7, 2, 2)), came(gsm7("hello ", 7, 2, 1))) == [
        ("world", None), ("hello ", None), ("hello world", 2)
    ]  # fmt: skip


def test_parts_come_twice_late_and_among_those_of_others() -> None:
    found = texts(
        came(gsm7("c", 1, 3, 3)), came(gsm7("c", 1, 3, 3)), came(gsm7("x", 1, 3, 1), "+4917"), came(gsm7("b", 1, 3, 2)),
        came(gsm7("y", 2, 2, 2)), came(gsm7("a", 1, 3, 1)), came(gsm7("a", 1, 3, 1)),
    )  # fmt: skip
    assert [one for one in found if one[1]] == [("abc", 3)]


def test_a_reference_is_used_again() -> None:
    """The first message lost a part; the second has the same reference and is whole."""
    found = texts(came(gsm7("a", 9, 2, 1)), came(gsm7("A", 9, 2, 1), minutes=30), came(gsm7("B", 9, 2, 2), minutes=30))
    assert found[-1] == ("AB", 2)
    found = texts(
        came(gsm7("a", 9, 2, 1)), came(gsm7("b", 9, 2, 2)), came(gsm7("a", 9, 2, 1)), came(gsm7("B", 9, 2, 2))
    )
    assert [one for one in found if one[1]] == [("ab", 2)]


def test_a_character_is_cut_by_the_end_of_a_part() -> None:
    whole = "a😀b".encode("utf-16-be")
    bodies = [
        sms_pdus.octets_body(piece, sms_pdus.part16(515, 2, number), dcs=8)
        for number, piece in ((1, whole[:4]), (2, whole[4:]))
    ]
    assert [one["text"] for one in (frame.fields for frame in frames(*map(came, bodies)))] == [
        "a\ufffd",
        "\ufffdb",
        "a😀b",
    ]


def test_parts_of_octets_and_of_several_codings() -> None:
    push = [
        sms_pdus.octets_body(bytes([one]), sms_pdus.ports(2948, 9200) + sms_pdus.part8(1, 2, one)) for one in (1, 2)
    ]
    found = frames(*map(came, push))[-1].fields
    assert (found["data"], found["port"], found["parts"]) == ("0102", 2948, 2)
    mixed = [gsm7("hi ", 2, 2, 1), sms_pdus.ucs2_body("你好", sms_pdus.part8(2, 2, 2))]
    assert texts(*map(came, mixed))[-1] == ("hi 你好", 2)


def test_a_list_of_messages() -> None:
    raw = sms_pdus.deliver("+49151", MOMENT, sms_pdus.gsm7_body("x"))
    lines = "\r\n".join(f"+CMGL: {n},1,,{len(raw)}\r\n00{raw.hex()}" for n in range(3))
    assert texts(command("AT+CMGL=4"), module(f"\r\n{lines}\r\n\r\nOK\r\n")) == [("x", None)] * 3


def test_a_message_that_is_sent_and_a_wrong_length() -> None:
    raw = sms_pdus.submit("+49151", 0, sms_pdus.ucs2_body("你好 😀"))
    for announced, rules in ((len(raw), []), (len(raw) + 1, ["sms.length"])):
        found = events(talk(*sent(f"AT+CMGS={announced}", "00" + raw.hex().upper(), "+CMGS: 5")))
        (frame,) = [one for one in found if isinstance(one, Frame)]
        assert (frame.side, frame.fields["text"], frame.announced_by) == ("mcu", "你好 😀", "CMGS")
        assert [one.rule for one in found if isinstance(one, Finding)] == rules


@pytest.mark.parametrize("centre", ["", "+491710760000"])
@pytest.mark.parametrize("wrong", [0, 1])
def test_a_log_without_marks(tmp_path: Path, centre: str, wrong: int) -> None:
    """Nothing but the length tells who said the PDU."""
    raw = sms_pdus.submit("+4915112345678", 0, sms_pdus.gsm7_body("hello from a log"))
    whole = (sms_pdus.service_centre(centre) + raw).hex().upper()
    log = tmp_path / "pasted.txt"
    log.write_text(f"AT+CMGF=0\nOK\nAT+CMGS={len(raw) + wrong}\n> \n{whole}\n+CMGS: 5\n\nOK\nAT\nOK\n")
    with open_source(str(log)) as source:
        found = [one for one in decode.run(source, standard()) if isinstance(one, Frame)]
    assert [(one.side, one.fields["text"]) for one in found] == [("mcu", "hello from a log")]


def test_what_is_no_pdu_is_told() -> None:
    for lines in (
        [module("\r\n+CMT: ,20\r\n0004059121\r\n")],
        [command("AT+CMGF=0"), answer("OK"), *sent("AT+CMGS=20", "00110", "+CMGS: 1")],
    ):
        assert [one.rule for one in events(talk(*lines)) if isinstance(one, Finding)] == ["frame.malformed"]


@pytest.mark.parametrize("head", ["+CMT: ,%d", "+CMT: %d", '+CMT: "",%d', '+CMT: "Bob",%d'])
@pytest.mark.parametrize("waits", ["", "AT+CSQ", "AT+CGMR"])
def test_a_message_comes_while_a_command_waits(head: str, waits: str) -> None:
    raw = sms_pdus.deliver("+49151", MOMENT, sms_pdus.gsm7_body("x"))
    before = [command(waits)] if waits else []
    after = [answer("+CSQ: 20,99" if waits == "AT+CSQ" else "REV 1", "OK")] if waits else []
    found = events(talk(*before, module(f"\r\n{head % len(raw)}\r\n00{raw.hex()}\r\n"), *after))
    assert [one.fields["text"] for one in found if isinstance(one, Frame)] == ["x"]
    assert [len(one.information) for one in transactions(found)] == [1] * len(before)


@pytest.mark.parametrize("text", ["OK", "ERROR", "0", "RING"])
def test_a_text_that_looks_like_a_result(text: str) -> None:
    found = events(talk(module(f'\r\n+CMT: "+49151",,"24/05/01,10:00:00+08"\r\n{text}\r\n')))
    assert [one.fields["text"] for one in found if isinstance(one, Frame)] == [text]
    assert [one.rule for one in found if isinstance(one, Finding)] == []


@pytest.mark.parametrize("line", ['AT+CMGS="+4915"', "AT+CMGS=19"])
def test_an_escape_gives_up(line: str) -> None:
    text = "never sent" if '"' in line else "00" + sms_pdus.submit("+49151", 0, sms_pdus.gsm7_body("never sent")).hex()
    read = fields(command(line), module("\r\n> "), ("mcu", text.encode() + b"\x1b"), answer("OK"))
    assert (read["text"], read["given_up"]) == ("never sent", True)


def test_half_a_byte_is_missing() -> None:
    raw = sms_pdus.deliver("+49151", MOMENT, sms_pdus.octets_body(b"abc"))
    read = fields(module(f"\r\n+CMT: ,{len(raw)}\r\n00{raw.hex()[:-1]}\r\n"))
    assert (read["data"], read["missing"]) == ("6162", 1)


HEADS = (
    "+CMT: ,%d", '+CMT: "+49151",,"24/05/01,10:00:00+08",145,%d,0,8,"+4917",145,9', "+CBM: %d", "+CBM: %d,1,17,1,2",
    "+CDS: %d", '+CDS: 6,%d,"+49",145,"24/05/01,10:00:00+08","",300', '+CUSD: 1,"%d', "+CUSD: %d", '+CMGS: %d,"00FF"',
)  # fmt: skip


@settings(max_examples=examples(300), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(HEADS),
            st.integers(0, 300),
            st.binary(max_size=120).map(bytes.hex) | st.text(st.characters(codec="latin-1"), max_size=40),
        ),
        max_size=6,
    )
)
def test_whatever_stands_there_is_told(lines: list[tuple[str, int, str]]) -> None:
    said = [("module", b"\r\n%b\r\n%b\r\n" % ((head % n).encode(), text.encode("latin-1"))) for head, n, text in lines]
    for one in frames(*said):
        assert one.text
        msgspec.json.encode(one)


def test_commands_and_reports_of_the_transport() -> None:
    assert fields(*sent("AT+CMGC=13", "00220500024D05919451F1020102", "+CMGC: 5"))["type"] == "command"
    assert fields(*sent("AT+CNMA=1,2", "000000"))["type"] == "deliver-report"
    assert frames(command("AT+CNMA"), answer("OK"), command("AT+CNMA=0"), answer("OK")) == []
    raw = sms_pdus.submit("+49151", 0, sms_pdus.gsm7_body("x"))
    found = frames(*sent(f"AT+CMGS={len(raw)}", "00" + raw.hex(), '+CMGS: 5,"01004250108000000A"'))
    assert [one.fields["type"] for one in found] == ["submit", "submit-report"]
    assert found[1].fields["time_iso"] == "2024-05-01T08:00:00-05:00"


def test_a_status_report() -> None:
    raw = sms_pdus.report("+4915112345678", 200, MOMENT, MOMENT + timedelta(seconds=7), 0)
    read = fields(module(f"\r\n+CDS: {len(raw)}\r\n00{raw.hex()}\r\n"))
    line = '+CDS: 6,200,"+4915112345678",145,"24/05/01,10:00:00+08","24/05/01,10:00:07+08",0'
    assert fields(module(f"\r\n{line}\r\n")) == {**read, "mode": "text"}
    assert read["discharge_iso"] == "2024-05-01T10:00:07+02:00"


def test_text_mode() -> None:
    found = frames(
        module('\r\n+CMT: "+4915112345",,"24/05/01,10:00:00+08"\r\nHello there\r\n'),
        *sent('AT+CMGS="+4915112345"', "on my way", "+CMGS: 6"),
    )
    assert [one.fields for one in found] == [
        {"type": "deliver", "mode": "text", "number": "+4915112345", "time_iso": "2024-05-01T10:00:00+02:00", "text": "Hello there"},
        {"type": "submit", "mode": "text", "number": "+4915112345", "text": "on my way"},
    ]  # fmt: skip


def test_a_text_of_several_lines() -> None:
    head = '"REC READ","+49151",,"24/05/01,10:00:00-08"'
    listed = f"\r\n+CMGL: 1,{head}\r\none\r\ntwo\r\n+CMGL: 2,{head}\r\nthree\r\n\r\nOK\r\n"
    assert texts(command('AT+CMGL="ALL"'), module(listed)) == [("one\ntwo", None), ("three", None)]
    told = '+CMT: "+49151",,"24/05/01,10:00:00+08",145,4,0,0,"+4917",145,9'
    assert texts(module(f"\r\n{told}\r\nfour\r\nfive\r\nsix\r\n")) == [("four\nfive", None)]


def test_text_that_the_module_keeps_for_us() -> None:
    stored = '+CMGR: "STO UNSENT","+49151",,145,17,0,0,167,"+4917",145,2'
    assert fields(command("AT+CMGR=1"), module(f"\r\n{stored}\r\nhi\r\n\r\nOK\r\n"))["type"] == "submit"


@pytest.mark.parametrize("charset", ["UCS2", ""])
def test_text_mode_in_ucs2(charset: str) -> None:
    """The character set of the MCU tells it; where no line told that, the number does."""
    told = [command(f'AT+CSCS="{charset}"'), answer("OK")] if charset else []
    found = frames(
        *told,
        module('\r\n+CMT: "002B0034003900310035",,"24/05/01,10:00:00+08"\r\n00480069\r\n'),
        *sent('AT+CMGS="002B0034003900310035"', "4F60597D", "+CMGS: 6"),
    )
    assert [(one.fields["number"], one.fields["text"]) for one in found] == [("+4915", "Hi"), ("+4915", "你好")]


def test_text_mode_with_a_coding() -> None:
    head = '"+49151",,"24/05/01,10:00:00+08",145,4,0,%d,"+4917",145,%d'
    for coding, size, text, wanted in (
        (8, 4, "4F60597D", {"coding": "ucs2", "text": "你好"}), (4, 2, "CAFE", {"coding": "8bit", "data": "cafe"}),
        (0, 4, "CAFE", {"coding": "gsm7", "text": "CAFE"}), (242, 2, "hi", {"coding": "gsm7", "class": 2, "text": "hi"}),
    ):  # fmt: skip
        read = fields(module(f"\r\n+CMT: {head % (coding, size)}\r\n{text}\r\n"))
        assert {name: read.get(name) for name in wanted} == wanted
        assert read["smsc"] == "+4917"
    set_up = [command("AT+CSMP=17,167,0,8"), answer("OK")]
    read = fields(*set_up, *sent('AT+CMGS="+49151"', "4F60597D", "+CMGS: 6"))
    assert (read["text"], read["validity_s"]) == ("你好", 86400)


def test_parts_in_text_mode() -> None:
    bodies = [gsm7("wörld", 1, 2, 2), gsm7("hello ", 1, 2, 1)]
    head = '"+49151",,"24/05/01,10:00:00+08"'
    told = [f'+CMT: {head},145,68,0,0,"+4917",145,{body.size}\r\n{body.data.hex().upper()}' for body in bodies]
    assert texts(*(module(f"\r\n{one}\r\n") for one in told))[-1] == ("hello wörld", 2)
    bodies = [sms_pdus.ucs2_body(one, sms_pdus.part16(9, 2, n)) for n, one in ((1, "今天天气"), (2, "很好。"))]
    listed = [f'+CMGL: {n},"REC READ",{head}\r\n{body.data.hex().upper()}' for n, body in enumerate(bodies)]
    assert texts(command('AT+CMGL="ALL"'), module("\r\n" + "\r\n".join(listed) + "\r\n\r\nOK\r\n"))[-1] == (
        "今天天气很好。",
        2,
    )


@pytest.mark.parametrize("text", ["12345678", "CAFE", "567890123456", "4F60597D", "0048", "DEADBEEFDEADBEEF"])
def test_hex_that_may_be_meant_as_it_is(text: str) -> None:
    assert texts(module(f'\r\n+CMT: "+49151",,"24/05/01,10:00:00+08"\r\n{text}\r\n')) == [(text, None)]


def page(
    content: bytes, *, number: int = 1, of: int = 1, serial: int = 0x4010, message: int = 0x1112, dcs: int = 1
) -> Line:
    head = serial.to_bytes(2, "big") + message.to_bytes(2, "big") + bytes([dcs, number << 4 | of])
    raw = head + content.ljust(82, b"\0")
    return module(f"\r\n+CBM: {len(raw)}\r\n{raw.hex().upper()}\r\n")


def filled(text: str) -> bytes:
    """93 septets: the text, and CR behind it."""
    return sms_pdus.gsm7_body(text.ljust(93, "\r")).data


def test_broadcasts() -> None:
    assert fields(page(filled("Test alert"))) == {
        "type": "broadcast", "serial": 0x4010, "scope": "network", "message_code": 1, "update": 0, "message_id": 0x1112,
        "warning": "public warning", "page": {"number": 1, "of": 1}, "coding": "gsm7", "language": "en", "text": "Test alert",
    }  # fmt: skip
    assert texts(page(filled("two"), number=2, of=2), page(filled("one "), number=1, of=2))[-1] == ("one two", 2)
    wide = "地震".encode("utf-16-be")
    assert fields(page(wide + b"\0\r" * 39, dcs=0x48))["text"] == "地震"
    read = fields(page(sms_pdus.gsm7_body("ja").data + wide + b"\0\r" * 38, dcs=0x11))
    assert (read["language"], read["text"]) == ("ja", "地震")
    assert fields(page(filled("de\rHallo"), dcs=0x10))["language"] == "de"
    umts = bytes([1, 0x11, 0, 0x40, 0x10, 1, 2]) + b"".join(filled(one) + bytes([82]) for one in ("one ", "two"))
    read = fields(module(f"\r\n+CBM: {len(umts)}\r\n{umts.hex()}\r\n"))
    assert (read["text"], read["pages"], read["warning"]) == ("one two", 2, "etws")
    assert fields(module("\r\n+CBM: 40,100,1,1,1\r\nCell 17\r\n"))["text"] == "Cell 17"
    (told,) = [one for one in events(talk(module("\r\n+CBM: 88\r\n0011\r\n"))) if isinstance(one, Finding)]
    assert told.rule == "frame.malformed"


@pytest.mark.parametrize(
    ("charset", "line", "wanted"),
    [
        ("", '+CUSD: 0,"Your balance is 12.34 EUR",15', ("Your balance is 12.34 EUR", "plain")),
        ("", '+CUSD: 0,"C8329BFD0699E5EF36",15', ("Hello from", "septets")),
        ("GSM", '+CUSD: 0,"C8329BFD0699E5EF36",15', ("Hello from", "septets")),
        ("", '+CUSD: 1,"D4E2940A0A32", 0', ("TEST A", "septets")), ("", '+CUSD: 0,"00480069",72', ("Hi", "ucs2")), ("UCS2", '+CUSD: 0,"00480069",15', ("Hi", "ucs2")),
        ("", '+CUSD: 0,"12345678",15', ("12345678", "plain")), ("", '+CUSD: 2', None), ("", '+CUSD: 0,"Hi"', ("Hi", "plain")),
        ("", '+CUSD: 1,"Menu:\r\n1. Balance\r\n2. Exit",15', ("Menu:\n1. Balance\n2. Exit", "plain")),
        ("", '+CUSD: 0,"0102",68', ("0102", "octets")), ("", '+CUSD: 1,"Menu:\r\n1. Balance', ("Menu:\n1. Balance", "plain")),
    ],
)  # fmt: skip
def test_ussd(charset: str, line: str, wanted: tuple[str, str] | None) -> None:
    told = [command(f'AT+CSCS="{charset}"'), answer("OK")] if charset else []
    found = [one.fields for one in frames(*told, module(f"\r\n{line}\r\n"))]
    assert [(one.get("text", one.get("data")), one["written"]) for one in found] == ([wanted] if wanted else [])


def test_a_conversation_in_ussd() -> None:
    found = frames(
        command('AT+CUSD=1,"AA180C3602",15'), answer("OK"), module('\r\n+CUSD: 1,"Pick one",15\r\n'),
        command('AT+CUSD=1,"1"'), answer("OK"), command("AT+CUSD=2"), answer("OK"),
    )  # fmt: skip
    assert [(one.side, one.fields["type"], one.fields["text"]) for one in found] == [
        ("mcu", "request", "*100#"), ("module", "answer", "Pick one"), ("mcu", "request", "1")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "params"),
    [
        ("30", {"pdu_length": 30}),
        ('"100"', {"number": "100"}),
        ('"+4915112345678",145', {"number": "+4915112345678", "number_type": 145}),
        ("+4915112345678", {"number": "+4915112345678"}),
        ("12345", {"number": "12345"}),
    ],
)
def test_the_length_of_a_pdu_is_no_telephone_number(line: str, params: dict[str, object]) -> None:
    found = transactions(events(talk(command(f"AT+CMGS={line}"), answer("ERROR"))))
    assert [one.params for one in found] == [params]


@pytest.mark.parametrize("text", ["OK", "ERROR", "NO CARRIER", "Hello"])
def test_the_text_of_an_answer_that_looks_like_a_result(text: str) -> None:
    """A result has a line end in front; the text of a message stands right behind its line (V.250 5.7.1)."""
    head = '\r\n+CMGR: "REC READ","+4915112345678",,"26/11/27,10:00:00+04"\r\n'
    found = events(talk(command("AT+CMGR=1"), module(f"{head}{text}\r\n\r\nOK\r\n"), command("AT"), answer("OK")))
    assert [one.fields["text"] for one in found if isinstance(one, Frame)] == [text]
    assert [one.result.code for one in transactions(found) if one.result is not None] == ["OK", "OK"]


def test_a_message_without_text_ends_with_its_result() -> None:
    head = '\r\n+CMGR: "REC READ","+4915112345678",,"26/11/27,10:00:00+04"\r\n'
    found = events(talk(command("AT+CMGR=1"), module(f"{head}\r\n\r\nOK\r\n"), command("AT"), answer("OK")))
    assert [one.result.code for one in transactions(found) if one.result is not None] == ["OK", "OK"]


def test_a_broadcast_of_text_mode_says_which_it_is() -> None:
    said = fields(module("\r\n+CBM: 16576,4370,0,1,2\r\nAlert text\r\n"))
    assert {name: said[name] for name in ("serial", "message_id", "warning", "page", "text")} == {
        "serial": 16576, "message_id": 4370, "warning": "public warning", "page": {"number": 1, "of": 2},
        "text": "Alert text",
    }  # fmt: skip


def test_pages_of_broadcasts_that_differ_are_not_put_together() -> None:
    found = frames(module("\r\n+CBM: 16,50,1,1,2\r\none\r\n"), module("\r\n+CBM: 32,51,1,2,2\r\ntwo\r\n"))
    assert [one.fields["text"] for one in found] == ["one", "two"]
    found = frames(module("\r\n+CBM: 16,50,1,1,2\r\none,\r\n"), module("\r\n+CBM: 16,50,1,2,2\r\ntwo\r\n"))
    assert [one.fields["text"] for one in found][-1:] == ["one,two"]
