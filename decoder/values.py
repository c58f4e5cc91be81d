"""Turn argument text into values: integers, strings, payload bytes.

A converter takes the argument as it stood on the wire (quotes included) and returns a value, or raises ValueError
when the text is not of that type; the caller then keeps the text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from capture.grammar import BLANK, unquote

_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|[0-7]{3}|.)", re.DOTALL)
_SIMPLE_ESCAPES = {
    b"r": b"\r",
    b"n": b"\n",
    b"t": b"\t",
    b"0": b"\0",
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"v": b"\v",
}
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})*\Z")
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What Unicode calls control, format, surrogate, line or paragraph separator."""
_NAMED = {"\r": "\\r", "\n": "\\n", "\t": "\\t"}
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_PDU_LENGTH = re.compile(r"[0-9]{1,3}\Z")
_HEX_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]{1,16}\Z")
_MAX_DIGITS = 20
_INTEGER = re.compile(r"[+-]?\d{1,20}\Z", re.ASCII)


def to_int(text: str) -> int:
    """Read a decimal integer. In quotes it is one only as numbers are written: "00" and "+5" are texts."""
    if text.isdigit() and text.isascii() and len(text) <= _MAX_DIGITS:
        return int(text)
    if not _INTEGER.match(text):
        text = unquote(text).strip(BLANK)
        if not _INTEGER.match(text) or str(int(text)) != text:
            raise ValueError(text)
    return int(text)


def to_float(text: str) -> float:
    """Read a decimal number."""
    if not re.match(r"[+-]?\d{1,20}(\.\d{1,20})?\Z", unquote(text).strip(BLANK), re.ASCII):
        raise ValueError(text)
    return float(unquote(text))


def to_bool(text: str) -> bool:
    """Read 0 or 1."""
    if text not in ("0", "1"):
        raise ValueError(text)
    return text == "1"


def to_pdu_length(text: str) -> int:
    """Read the length of a PDU: up to three digits without quotes. What is longer is a telephone number."""
    digits = text.strip(BLANK)
    if not _PDU_LENGTH.match(digits):
        raise ValueError(text)
    return int(digits)


def to_flags(text: str) -> int:
    """Read a set of flags: a decimal integer, or hex digits after ``0x``."""
    digits = unquote(text).strip(BLANK)
    return int(digits, 16) if _HEX_NUMBER.match(digits) else to_int(digits)


def to_hex(text: str) -> str:
    """Check that the text is hex digits in pairs and return it in lower case, without quotes."""
    digits = unquote(text)
    return bytes.fromhex(digits).hex()


def to_ip(text: str) -> str:
    """Check that the text is an IP address; it is returned without quotes, as it was written."""
    address = unquote(text)
    ipaddress.ip_address(address)
    return address


CONVERTERS: dict[str, Callable[[str], object]] = {
    "int": to_int,
    "float": to_float,
    "bool": to_bool,
    "hex": to_hex,
    "ip": to_ip,
    "string": unquote,
    "payload": str,
    "flags": to_flags,
    "rssi": to_int,
    "time": unquote,
    "gprs-timer": unquote,
    "gprs-timer-3": unquote,
    "edrx-cycle": unquote,
    "paging-window": unquote,
    "pdu-length": to_pdu_length,
    "ranges": unquote,
}


def decode_payload(data: bytes, encoding: str) -> bytes | None:
    """Undo an encoding: "raw", "hex", "escaped", or "quoted" (only quotes are escaped). None if it is not valid."""
    if encoding == "hex":
        return bytes.fromhex(data.decode("ascii")) if _HEX.match(data) else None
    if encoding == "quoted":
        return data.replace(b'\\"', b'"')
    if encoding == "escaped":
        return _ESCAPE.sub(_unescape, data)
    return data


def _unescape(match: re.Match[bytes]) -> bytes:
    what = match[1]
    if len(what) == 3:
        return bytes([int(what[1:], 16) if what[:1] == b"x" else int(what, 8) & 0xFF])
    return _SIMPLE_ESCAPES.get(what, what)


def to_text(data: bytes) -> str:
    """Show bytes as text: UTF-8 where valid, ``\\xNN`` where not. NUL is escaped too: C programs stop at it."""
    text = data.decode("utf-8", "backslashreplace")
    return text.replace("\0", "\\x00") if "\0" in text else text


def is_text(line: bytes) -> bool:
    """Tell text from noise: no control characters, and if it is not UTF-8, at least half of it ASCII."""
    if _CONTROL.search(line):
        return False
    if line.isascii():
        return len(line) > 1
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return 2 * len(_HIGH.findall(line)) <= len(line)
    return True


def printable(text: str) -> str:
    """Show control characters, direction overrides and what is invisible as escapes: fit for one line of a terminal."""
    return text if text.isprintable() else _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    form = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _NAMED.get(match[0], form)
