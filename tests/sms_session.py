"""A sample: messages in parts, in PDU and in text mode, a status report, USSD, a broadcast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from capture.chunk import Chunk
from tests import sms_pdus
from tests.helpers import answer, command, talk

MOMENT = datetime(2025, 11, 21, 10, 0, 0, tzinfo=timezone(timedelta(hours=8)))
CENTRE, FRIEND, SERVICE = "+8613800100500", "+8613912345678", "10086"
LONG = (
    "The pump in hall 3 stopped at 09:58. Pressure fell from 4.2 to 0.3 bar within a minute, then the motor's protection "
    "tripped. {reset} needs a key; please call back before 11:00, the tank lasts until then."
)
Line = tuple[str, bytes] | tuple[str, bytes, int]


def _module(text: str, after_ms: int = 20) -> Line:
    return "module", f"\r\n{text}\r\n".encode(), after_ms


def _prompted(line: str, text: str, *answers: str) -> Iterator[Line]:
    yield command(line)
    yield "module", b"\r\n> "
    yield "mcu", text.encode() + b"\x1a", 40
    yield "module", b"".join(b"\r\n%b\r\n" % one.encode() for one in (*answers, "OK")), 2500


def _done(*lines: str) -> Iterator[Line]:
    for line in lines:
        yield command(line)
        yield answer("OK")


def _came(body: sms_pdus.Body, number: str = FRIEND, seconds: int = 0, kind: str | None = None) -> str:
    tpdu = sms_pdus.deliver(number, MOMENT + timedelta(seconds=seconds), body, kind=kind)
    return f"+CMT: ,{len(tpdu)}\r\n{(sms_pdus.service_centre(CENTRE) + tpdu).hex().upper()}"


def _parts(text: str, size: int, reference: int) -> list[sms_pdus.Body]:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return [
        sms_pdus.gsm7_body(one, sms_pdus.part8(reference, len(pieces), number))
        for number, one in enumerate(pieces, start=1)
    ]


def _pdu_mode() -> Iterator[Line]:
    yield from _done("AT+CMGF=0", "AT+CNMI=2,2,2,1,0")
    first, second = _parts(LONG, 150, 0x5C)
    yield _module(_came(second, seconds=4), 5000)
    yield _module(_came(sms_pdus.ucs2_body("您的余额为12.34元。"), SERVICE), 60_000)
    yield _module(_came(second, seconds=4), 30_000)
    yield _module(_came(first, seconds=1), 90_000)
    yield _module(_came(sms_pdus.gsm7_body("Your code is 4711", dcs=0x10), "ACME Shop", 200, "alphanumeric"), 3000)
    yield _module(_came(sms_pdus.gsm7_body("Işık söndü", bytes([0x25, 1, 1]), locking=1), "+905321234567", 230), 3000)
    sent = sms_pdus.submit(FRIEND, 0, sms_pdus.gsm7_body("On my way, 20 €"), validity=b"\x0b", form=2, first=0x20)
    yield from _prompted(f"AT+CMGS={len(sent)}", "00" + sent.hex().upper(), "+CMGS: 23")
    done = sms_pdus.report(FRIEND, 23, MOMENT + timedelta(seconds=300), MOMENT + timedelta(seconds=304), 0)
    yield _module(f"+CDS: {len(done)}\r\n{(sms_pdus.service_centre(CENTRE) + done).hex().upper()}", 4000)
    for number, piece in enumerate(("今天的读数是四千七百一十一,", "比昨天多三十七。"), start=1):
        body = sms_pdus.ucs2_body(piece, sms_pdus.part16(0x1234, 2, number))
        sent = sms_pdus.submit(FRIEND, number, body)
        yield from _prompted(f"AT+CMGS={len(sent)}", "00" + sent.hex().upper(), f"+CMGS: {23 + number}")
    wrong = sms_pdus.submit(FRIEND, 0, sms_pdus.gsm7_body("counted wrong"))
    yield command(f"AT+CMGS={len(wrong) + 1}")
    yield "module", b"\r\n> "
    yield "mcu", b"00" + wrong.hex().upper().encode() + b"\x1a", 40
    yield _module("+CMS ERROR: 304", 1500)
    page = bytes.fromhex("4C10111C0111") + sms_pdus.gsm7_body("Test of the public warning system.".ljust(93, "\r")).data
    yield _module(f"+CBM: {len(page)}\r\n{page.hex().upper()}", 8000)


def _text_mode() -> Iterator[Line]:
    yield from _done("AT+CMGF=1", "AT+CSDH=1")
    head = f'"{FRIEND}",,"25/11/21,10:08:00+32",145,%d,0,0,"{CENTRE}",145,%d'
    for body in _parts("Text mode shows the parts of a message as hex, with the header in front.", 60, 0x5D):
        yield _module(f"+CMT: {head % (0x44, body.size)}\r\n{body.data.hex().upper()}", 2000)
    yield _module(f"+CMT: {head % (4, 19)}\r\nTwo lines:\r\nall well", 2000)
    yield from _prompted(f'AT+CMGS="{FRIEND}"', "Thanks, noted.", "+CMGS: 26")
    yield _module(f'+CDS: 6,26,"{FRIEND}",145,"25/11/21,10:09:00+32","25/11/21,10:10:00+32",70', 60_000)
    yield from _done('AT+CSCS="UCS2"', "AT+CSMP=17,167,0,8")
    number = FRIEND.encode("utf-16-be").hex().upper()
    yield from _prompted(f'AT+CMGS="{number}"', "好的，谢谢 👍".encode("utf-16-be").hex().upper(), "+CMGS: 27")
    stored = f'+CMGL: 1,"REC READ","{number}",,"25/11/21,10:11:00+32"\r\n' + "OK?".encode("utf-16-be").hex().upper()
    yield command('AT+CMGL="ALL"')
    yield _module(f"{stored}\r\n\r\nOK", 100)


def _ussd() -> Iterator[Line]:
    yield command(f'AT+CUSD=1,"{"*100#".encode("utf-16-be").hex().upper()}",15')
    yield answer("OK")
    yield _module(f'+CUSD: 0,"{"余额 12.34 元".encode("utf-16-be").hex().upper()}",72', 3000)
    yield from _done('AT+CSCS="GSM"')
    yield command('AT+CUSD=1,"AA180C3602",15')
    yield answer("OK")
    yield _module('+CUSD: 1,"Menu:\r\n1. Balance\r\n2. Exit",15', 3000)
    yield command('AT+CUSD=1,"1",15')
    yield answer("OK")
    yield _module('+CUSD: 0,"C8329BFD0699E5EF36",15', 3000)


def session() -> list[Chunk]:
    """The whole sample."""
    return talk(*_done("ATE0"), *_pdu_mode(), *_text_mode(), *_ussd())
