"""Messages for tests: PDUs written bit by bit, as TS 23.040 and 23.038 say, by nothing of what reads them.

Only the tables of the alphabets are shared: those are held to known messages by test_sms.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from decoder.protocols.frames import gsm7

DELIVER, SUBMIT, REPORT = 0, 1, 2
TYPES = {"unknown": 0x81, "international": 0x91, "national": 0xA1, "alphanumeric": 0xD0}


class Body(NamedTuple):
    """User data: its bytes, the length that announces it, and the octet that says its coding."""

    data: bytes
    size: int
    dcs: int
    header: bool


def _bits(text: str) -> bytes:
    """Bytes from bits, the first bit the lowest of the first byte."""
    padded = text + "0" * (-len(text) % 8)
    return bytes(int(padded[at : at + 8][::-1], 2) for at in range(0, len(padded), 8))


def _septet(value: int) -> str:
    return f"{value:07b}"[::-1]


def packed(values: list[int], skip: int = 0) -> bytes:
    """Septets, packed behind ``skip`` bits of zero."""
    return _bits("0" * skip + "".join(map(_septet, values)))


def codes(text: str, locking: int = 0, single: int = 0) -> list[int]:
    """The septets of a text. Raises ValueError for a character that the tables do not have."""
    main = gsm7.LANGUAGES[locking].locking if locking else gsm7.DEFAULT.locking
    more = {
        one: code for code, one in (gsm7.LANGUAGES[single] if single else gsm7.DEFAULT).single.items() if code != 0x1B
    }
    out: list[int] = []
    for one in text:
        if one in main and one not in "\x1b\ufffd":
            out.append(main.index(one))
        elif one in more:
            out += [0x1B, more[one]]
        else:
            raise ValueError(one)
    return out


def gsm7_body(text: str, elements: bytes = b"", *, locking: int = 0, single: int = 0, dcs: int = 0) -> Body:
    """User data in septets behind a header of ``elements`` (without its length)."""
    values = codes(text, locking, single)
    head = bytes([len(elements)]) + elements if elements else b""
    bits = "".join(f"{octet:08b}"[::-1] for octet in head)
    bits += "0" * (-len(bits) % 7)
    used = len(bits) // 7
    return Body(_bits(bits + "".join(map(_septet, values))), used + len(values), dcs, bool(head))


def octets_body(data: bytes, elements: bytes = b"", *, dcs: int = 4) -> Body:
    """User data in octets behind a header."""
    whole = (bytes([len(elements)]) + elements if elements else b"") + data
    return Body(whole, len(whole), dcs, bool(elements))


def ucs2_body(text: str, elements: bytes = b"", *, dcs: int = 8) -> Body:
    """User data in UCS2 behind a header."""
    return octets_body(text.encode("utf-16-be"), elements, dcs=dcs)


def part8(ref: int, of: int, number: int) -> bytes:
    """The element that says which part this is, with a reference of 8 bits."""
    return bytes([0, 3, ref, of, number])


def part16(ref: int, of: int, number: int) -> bytes:
    """The same with a reference of 16 bits."""
    return bytes([8, 4, ref >> 8, ref & 255, of, number])


def ports(to: int, source: int) -> bytes:
    """The element that names two ports of 16 bits."""
    return bytes([5, 4, to >> 8, to & 255, source >> 8, source & 255])


def _swapped(digits: str) -> bytes:
    shown = digits.translate({ord(a): b for a, b in zip("*#abc", "ABCDE", strict=True)})
    shown += "F" * (len(digits) % 2)
    return bytes(int(shown[at + 1] + shown[at], 16) for at in range(0, len(shown), 2))


def address(number: str, kind: str | None = None) -> bytes:
    """A number as messages have it; ``kind`` is one of ``TYPES``, or what the number looks like."""
    digits = number.removeprefix("+")
    if kind is None:
        kind = "international" if number.startswith("+") else "unknown"
    if kind == "alphanumeric":
        bits = "".join(map(_septet, codes(number)))
        return bytes([-(-len(bits) // 4), TYPES[kind]]) + _bits(bits)
    return bytes([len(digits), TYPES[kind]]) + _swapped(digits)


def service_centre(number: str = "") -> bytes:
    """The address of the service centre, as it stands in front of a PDU."""
    if not number:
        return b"\0"
    digits = address(number)[2:]
    return bytes([len(digits) + 1, 0x91 if number.startswith("+") else 0x81]) + digits


def stamp(moment: datetime) -> bytes:
    """A time stamp; the zone of ``moment`` is in quarters of an hour."""
    quarters = (moment.utcoffset() or timedelta()) // timedelta(minutes=15)
    shown = moment.strftime("%y%m%d%H%M%S") + f"{abs(quarters):02d}"
    out = bytearray(int(shown[at + 1] + shown[at], 16) for at in range(0, 14, 2))
    if quarters < 0:
        out[6] |= 0x08
    return bytes(out)


def deliver(
    number: str, moment: datetime, body: Body, *, kind: str | None = None, first: int = 4, pid: int = 0
) -> bytes:
    """A message that came, without a service centre."""
    first |= DELIVER | (0x40 if body.header else 0)
    return (
        bytes([first]) + address(number, kind) + bytes([pid, body.dcs]) + stamp(moment) + bytes([body.size]) + body.data
    )


def submit(
    number: str,
    reference: int,
    body: Body,
    *,
    validity: bytes = b"",
    form: int = 0,
    kind: str | None = None,
    first: int = 0,
) -> bytes:
    """A message that is sent. ``form`` of the ``validity``: 0 none, 1 enhanced, 2 relative, 3 absolute."""
    first |= SUBMIT | form << 3 | (0x40 if body.header else 0)
    head = bytes([first, reference]) + address(number, kind) + bytes([0, body.dcs])
    return head + validity + bytes([body.size]) + body.data


def report(number: str, reference: int, sent: datetime, done: datetime, status: int, more: bytes = b"") -> bytes:
    """What became of a message; ``more``: the indicator and what follows it."""
    return bytes([REPORT | 4, reference]) + address(number) + stamp(sent) + stamp(done) + bytes([status]) + more
