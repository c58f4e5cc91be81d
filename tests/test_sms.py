"""Short messages in PDU mode: what is written is read, known messages, odd and damaged ones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.protocols.frames import gsm7, sms, sms_values
from decoder.protocols.frames.errors import NotThisFormatError
from tests import sms_pdus
from tests.helpers import examples

MOMENT = datetime(2024, 5, 1, 10, 0, 0, tzinfo=timezone(timedelta(hours=2)))
UCS2 = st.text(st.characters(codec="utf-16-be", exclude_categories=["Cs"]), max_size=30)
LANGUAGES = sorted(gsm7.LANGUAGES)


def letters(locking: int = 0, single: int = 0) -> list[str]:
    """The characters that two tables can write."""
    main = gsm7.LANGUAGES[locking].locking if locking else gsm7.DEFAULT.locking
    more = (gsm7.LANGUAGES[single] if single else gsm7.DEFAULT).single
    return sorted({*main, *more.values()} - {"\x1b", "\ufffd"})


@st.composite
def addresses(draw: st.DrawFn) -> tuple[str, str | None]:
    """A number and its type, None where the number tells it."""
    kind = draw(st.sampled_from([None, "national", "alphanumeric"]))
    if kind == "alphanumeric":
        text = st.text(st.sampled_from(letters()), max_size=11).filter(lambda one: len(sms_pdus.codes(one)) <= 11)
        return draw(text), kind
    digits = draw(st.text(st.sampled_from(sms_values.DIGITS), min_size=1, max_size=20))
    return ("+" if kind is None and draw(st.booleans()) else "") + digits, kind


@st.composite
def bodies(draw: st.DrawFn) -> tuple[sms_pdus.Body, dict[str, Any]]:
    """User data, and what must be read of it."""
    fields: dict[str, Any] = {}
    elements = b""
    if draw(st.booleans()):
        wide, of = draw(st.booleans()), draw(st.integers(1, 255))
        part = {"ref": draw(st.integers(0, 65535 if wide else 255)), "number": draw(st.integers(1, of)), "of": of}
        elements += (sms_pdus.part16 if wide else sms_pdus.part8)(part["ref"], of, part["number"])
        fields["part"] = part
    if draw(st.booleans()):
        port, source = draw(st.integers(0, 2900)), draw(st.integers(0, 65535))
        elements += sms_pdus.ports(port, source)
        fields |= {"port": port, "port_from": source}
    if draw(st.booleans()):
        value = draw(st.binary(max_size=9))
        elements += bytes([0x70, len(value)]) + value
        fields["elements"] = [{"id": 0x70, "data": value.hex()}]
    coding = draw(st.sampled_from(["gsm7", "ucs2", "8bit"]))
    fields["coding"] = coding
    group = draw(st.sampled_from([0x00, 0x10, 0x40, 0x50]))
    message_class = draw(st.integers(0, 3)) if group & 0x10 else 0
    if group & 0x10:
        fields["class"] = message_class
    if group & 0x40:
        fields["deletes"] = True
    dcs = group | message_class
    if coding == "8bit":
        data = draw(st.binary(max_size=90))
        return sms_pdus.octets_body(data, elements, dcs=dcs | 4), {**fields, "data": data.hex()}
    if coding == "ucs2":
        text = draw(UCS2)
        return sms_pdus.ucs2_body(text, elements, dcs=dcs | 8), {**fields, "text": text}
    locking = draw(st.sampled_from([0, *(one for one in LANGUAGES if gsm7.LANGUAGES[one].locking)]))
    single = draw(st.sampled_from([0, *LANGUAGES]))
    if locking:
        elements += bytes([0x25, 1, locking])
        fields["locking_shift"] = gsm7.LANGUAGES[locking].name
    if single:
        elements += bytes([0x24, 1, single])
        fields["single_shift"] = gsm7.LANGUAGES[single].name
    text = draw(st.text(st.sampled_from(letters(locking, single)), max_size=60))
    return sms_pdus.gsm7_body(text, elements, locking=locking, single=single, dcs=dcs), {**fields, "text": text}


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    zone = timezone(timedelta(minutes=15 * draw(st.integers(-79, 79))))
    return draw(st.datetimes(datetime(1970, 1, 1), datetime(2069, 12, 31))).replace(microsecond=0, tzinfo=zone)


VALIDITIES: list[tuple[int, bytes, dict[str, Any]]] = [
    (0, b"", {}), (2, b"\x00", {"validity_s": 300}), (2, b"\x8f", {"validity_s": 43200}),
    (2, b"\x90", {"validity_s": 45000}), (2, b"\xa7", {"validity_s": 86400}), (2, b"\xa8", {"validity_s": 172800}),
    (2, b"\xc4", {"validity_s": 2592000}), (2, b"\xc5", {"validity_s": 3024000}), (2, b"\xff", {"validity_s": 38102400}),
    (3, sms_pdus.stamp(MOMENT), {"valid_until_iso": MOMENT.isoformat()}), (3, b"\xff" * 7, {"valid_until_iso": None}),
    (1, bytes(7), {}), (1, bytes([0x41, 0x8F, 0, 0, 0, 0, 0]), {"single_shot": True, "validity_s": 43200}),
    (1, bytes([2, 90, 0, 0, 0, 0, 0]), {"validity_s": 90}), (1, bytes([3, 0x10, 0x32, 0x54, 0, 0, 0]), {"validity_s": 5025}),
    (1, bytes([5, 1, 2, 3, 4, 5, 6]), {"validity": "05010203040506"}),
]  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, sms.Side, dict[str, Any]]:
    """A PDU with its service centre, who says it, and what must be read of it."""
    number, kind = draw(addresses())
    fields: dict[str, Any] = {"number": number}
    if kind is not None:
        fields["number_type"] = kind
    smsc = draw(st.sampled_from(["", "+4917600000", "0123"]))
    if smsc:
        fields["smsc"] = smsc
    body, more = draw(bodies())
    if draw(st.booleans()):
        moment = draw(moments())
        fields |= {"type": "deliver", "time_iso": moment.isoformat(), **more}
        return sms_pdus.service_centre(smsc) + sms_pdus.deliver(number, moment, body, kind=kind), "module", fields
    form, validity, valid = draw(st.sampled_from(VALIDITIES))
    reference = draw(st.integers(0, 255))
    fields |= {"type": "submit", "reference": reference, **valid, **more}
    made = sms_pdus.submit(number, reference, body, validity=validity, form=form, kind=kind)
    return sms_pdus.service_centre(smsc) + made, "mcu", fields


@settings(max_examples=examples(10_000), deadline=None)
@given(messages())
def test_what_is_written_is_read(message: tuple[bytes, sms.Side, dict[str, Any]]) -> None:
    raw, side, wanted = message
    assert sms.decode(raw, side, len(raw) - 1 - raw[0]).fields == wanted


@settings(max_examples=examples(1000), deadline=None)
@given(messages(), st.data())
def test_what_is_cut_says_less_and_never_something_else(
    message: tuple[bytes, sms.Side, dict[str, Any]], data: st.DataObject
) -> None:
    raw, side, wanted = message
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    try:
        fields = sms.decode(cut, side).fields
    except NotThisFormatError:
        return
    assert fields["number"] == wanted["number"]
    assert fields["missing"] >= 1
    if "part" in fields:
        assert fields["part"] == wanted["part"]
    if wanted["coding"] == "8bit" and "data" in fields:
        assert wanted["data"].startswith(fields["data"])


@settings(max_examples=examples(1000), deadline=None)
@given(st.binary(max_size=310), st.sampled_from(["mcu", "module"]), st.booleans(), st.integers(0, 310) | st.none())
def test_any_bytes_are_read_or_refused(raw: bytes, side: sms.Side, acknowledges: bool, length: int | None) -> None:
    try:
        found = sms.decode(raw, side, length, acknowledges=acknowledges)
    except NotThisFormatError:
        return
    assert found.told.startswith("SMS ")
    found.told.encode()
    assert str(found.fields).isprintable() or "text" in found.fields
    for place in found.places:
        assert 0 <= place.start <= len(raw)


@given(st.lists(st.integers(0, 127), max_size=200), st.integers(0, 6))
def test_septets_are_packed_and_unpacked(values: list[int], skip: int) -> None:
    assert gsm7.septets(sms_pdus.packed(values, skip), len(values), skip) == values


KNOWN: list[tuple[str, sms.Side, dict[str, Any]]] = [
    (
        "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07", "module",
        {"type": "deliver", "smsc": "+31624000000", "number": "+31641600986", "time_iso": "2002-08-26T19:37:41+00:00",
         "coding": "gsm7", "text": "How are you?"},
    ),
    (
        "0011000B919471325476F80000AA0AE8329BFD4697D9EC37", "mcu",
        {"type": "submit", "number": "+49172345678", "reference": 0, "validity_s": 345600, "coding": "gsm7",
         "text": "hellohello"},
    ),
    # letters of an odd number of half-octets; a zone west of Greenwich; a character beyond the first plane
    (
        "00040DD0F334FC1CA6970100084250108000000A04D83DDE00", "module",
        {"type": "deliver", "number": "sipgate", "number_type": "alphanumeric", "time_iso": "2024-05-01T08:00:00-05:00",
         "coding": "ucs2", "text": "😀"},
    ),
    # a short code; a header with fill bits behind it; a class; the euro sign behind an escape
    (
        "004405A15155F539114250108000000A0B0500032A02016AA04D19", "module",
        {"type": "deliver", "number": "15555", "number_type": "national", "time_iso": "2024-05-01T08:00:00-05:00",
         "pid": 57, "coding": "gsm7", "class": 1, "part": {"ref": 42, "number": 1, "of": 2}, "text": "5 €"},
    ),
    # a voicemail waits; this message is not kept
    (
        "000405812143F500C84250108000000A00", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "gsm7",
         "waiting": {"what": "voicemail", "active": True, "stored": False}, "text": ""},
    ),
    # three voicemails wait, says the header
    (
        "004405812143F500044250108000000A050401028003", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "8bit",
         "waiting": {"what": "voicemail", "active": True, "stored": True, "count": 3}, "data": ""},
    ),
    (
        "00C405812143F500044250108000000A0B0605040B8423F001062EAE", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "reply_path": True,
         "coding": "8bit", "port": 2948, "port_from": 9200, "service": "wap-push", "data": "01062eae"},
    ),
    (
        "00440C9109351232547600004250108000000A0B06240101250101070607", "module",
        {"type": "deliver", "number": "+905321234567", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "gsm7",
         "single_shift": "Turkish", "locking_shift": "Turkish", "text": "ığŞ"},
    ),
    (
        "0006C80D91945111325476F84250108000000A4250108000700A46", "module",
        {"type": "status-report", "number": "+4915112345678", "reference": 200,
         "time_iso": "2024-05-01T08:00:00-05:00", "discharge_iso": "2024-05-01T08:00:07-05:00", "status": 70,
         "status_text": "validity expired"},
    ),
    # a report with an indicator of what follows: protocol, coding, data
    (
        "00060105812143F54250108000000A4250108000000A0007210403616263", "module",
        {"type": "status-report", "number": "12345", "reference": 1, "time_iso": "2024-05-01T08:00:00-05:00",
         "discharge_iso": "2024-05-01T08:00:00-05:00", "status": 0, "status_text": "delivered", "pid": 33,
         "coding": "8bit", "data": "616263"},
    ),
    (
        "00220500024D05919451F1020102", "mcu",
        {"type": "command", "number": "+49151", "reference": 5, "command": 2, "message_number": 77,
         "report_wanted": True, "data": "0102"},
    ),
    # compressed; reserved codings are the default alphabet
    (
        "000405812143F500204250108000000A020102", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "compressed",
         "data": "0102"},
    ),
    (
        "000405812143F5009C4250108000000A02E834", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "gsm7",
         "dcs_reserved": 156, "text": "hi"},
    ),
    # half a character; more announced than there is; less; a header longer than all
    (
        "000405812143F500084250108000000A03006100", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "ucs2",
         "text": "a\ufffd"},
    ),
    (
        "000405812143F500004250108000000AA0E834", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "gsm7", "text": "hi",
         "missing": 138},
    ),
    (
        "000405812143F500044250108000000A02616263646566", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "8bit", "data": "6162",
         "extra": 4},
    ),
    (
        "004405812143F500044250108000000A2809000301", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "8bit",
         "header": "000301", "data": "", "missing": 36},
    ),
    # part 3 of 2 is no part; a time that is none
    (
        "004405812143F500004250108000000A08050003010203F0", "module",
        {"type": "deliver", "number": "12345", "time_iso": "2024-05-01T08:00:00-05:00", "coding": "gsm7",
         "elements": [{"id": 0, "data": "010203"}], "text": "x"},
    ),
    (
        "000405812143F50000FFFFFFFFFFFFFF0178", "module",
        {"type": "deliver", "number": "12345", "time_iso": None, "time_raw": "ffffffffffffff", "coding": "gsm7",
         "text": "x"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "side", "wanted"), KNOWN)
def test_known_messages(text: str, side: sms.Side, wanted: dict[str, Any]) -> None:
    assert sms.decode(bytes.fromhex(text), side).fields == wanted


ACKNOWLEDGEMENTS: list[tuple[str, sms.Side, int | None, dict[str, Any]]] = [
    ("000000", "mcu", 2, {"type": "deliver-report"}),
    (
        "0000D30604027879", "mcu", None,
        {"type": "deliver-report", "failure_cause": 0xD3, "coding": "8bit", "data": "7879"},
    ),
    ("00001207AB0402786F", "mcu", None, {
        "type": "deliver-report", "failure_cause": 0x12, "pid": 0xAB, "coding": "8bit", "data": "786f"}),
    ("01004250108000000A", "module", 9, {"type": "submit-report", "time_iso": "2024-05-01T08:00:00-05:00"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "side", "length", "wanted"), ACKNOWLEDGEMENTS)
def test_reports_of_the_transport(text: str, side: sms.Side, length: int | None, wanted: dict[str, Any]) -> None:
    assert sms.decode(bytes.fromhex(text), side, length, acknowledges=True).fields == wanted


def test_a_message_without_a_service_centre_is_known_by_its_length() -> None:
    raw = sms_pdus.deliver("+12345", MOMENT, sms_pdus.gsm7_body("x"))
    assert sms.decode(raw, "module", len(raw)).fields["text"] == "x"


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0", b"\x0d" + bytes(20), bytes(301), b"\0\x03" + bytes(20), b"\0\x04\x15\x91" + bytes(40), b"\7\x91\x21"],
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(NotThisFormatError):
        sms.decode(raw)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (0x00, {"coding": "gsm7"}), (0x01, {"coding": "gsm7"}), (0x0C, {"coding": "gsm7", "dcs_reserved": 0x0C}),
        (0x13, {"coding": "gsm7", "class": 3}), (0x04, {"coding": "8bit"}), (0x18, {"coding": "ucs2", "class": 0}),
        (0x2A, {"coding": "compressed"}), (0x4A, {"coding": "ucs2", "deletes": True}),
        (0x80, {"coding": "gsm7", "dcs_reserved": 0x80}), (0xBF, {"coding": "gsm7", "dcs_reserved": 0xBF}),
        (0xC1, {"coding": "gsm7", "waiting": {"what": "fax", "active": False, "stored": False}}),
        (0xDA, {"coding": "gsm7", "waiting": {"what": "email", "active": True, "stored": True}}),
        (0xEB, {"coding": "ucs2", "waiting": {"what": "other", "active": True, "stored": True}}),
        (0xF2, {"coding": "gsm7", "class": 2}), (0xF5, {"coding": "8bit", "class": 1}),
    ],
)  # fmt: skip
def test_groups_of_codings(code: int, shown: dict[str, Any]) -> None:
    raw = b"\0" + sms_pdus.deliver("1", MOMENT, sms_pdus.Body(b"", 0, code, False))
    fields = sms.decode(raw).fields
    names = ("coding", "class", "deletes", "dcs_reserved", "waiting")
    assert {name: fields[name] for name in names if name in fields} == shown


@pytest.mark.parametrize(
    ("language", "codes", "text"),
    [
        (1, [0x04, 0x40, 0x60, 0x07, 0x1B, 0x67], "€İçığ"), (2, [0x40, 0x1B, 0x41], "¡Á"),
        (3, [0x0B, 0x15, 0x7B, 0x7D, 0x1B, 0x05], "Ô∞ã`ê"), (4, [0x03, 0x1B, 0x19, 0x2C], "\u0985\u09e6,"),
        (5, [0x1B, 0x1C], "\u0ae6"), (6, [0x00, 0x60, 0x1B, 0x19], "\u0901\u0950\u0964"),
        (7, [0x24, 0x28, 0x29, 0x1B, 0x1C], "\u0ca1)(\u0ce6"), (8, [0x01, 0x1B, 0x34], "\u0d02\u0d7f"),
        (9, [0x7B, 0x1B, 0x2C], "\u0b57\u0b71"), (10, [0x60, 0x1B, 0x2D], "\u0a51\u0a75"),
        (11, [0x16, 0x1B, 0x24], "\ufffd\u0bee"), (12, [0x1B, 0x22, 0x1B, 0x65], "\u0c6c€"),
        (13, [0x00, 0x1B, 0x3F, 0x1B, 0x41], "\u0627\u06d4A"), (14, [0x00, 0x1B, 0x65], "@€"),
    ],
)  # fmt: skip
def test_tables_of_languages(language: int, codes: list[int], text: str) -> None:
    assert gsm7.text_of(codes, language, language) == text


def test_escapes() -> None:
    assert gsm7.text_of([0x41, 0x1B, 0x1B, 0x1B, 0x41, 0x1B]) == "A A"
    assert gsm7.text_of([0x1B, 0x65], 99, 99) == "€"
