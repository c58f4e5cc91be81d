"""What of a line is secret by its place, or because nobody knows its command.

Strategy: a table says which arguments of well-known commands are secret, whichever maker's they are (3GPP TS 27.007 and
27.005, and commands that makers document for users and passwords). Of a command that no dialect and no table knows,
every string, long number and hex run is taken for secret. A short or common value is replaced only where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from atshark.redact.spread import Key, Placed
from decoder.catalog import Catalog

_ALL = range(16)
_PLACES: dict[str, tuple[str, range | tuple[int, ...]]] = {
    **dict.fromkeys(("CPIN", "CPIN2", "SPIC", "UPINCNT", "CPINE"), ("password or key", _ALL)),
    "CLCK": ("password or key", (2,)),
    "CPWD": ("password or key", (1, 2)),
    **dict.fromkeys(("CGAUTH", "AUTHREQ"), ("password or key", (2, 3))),
    "QICSGP": ("password or key", (3, 4)),
    "CSTT": ("password or key", (1, 2)),
    "UPSD": ("password or key", (2,)),
    "UAUTHREQ": ("password or key", (2, 3)),
    "SAPBR": ("password or key", (3,)),
    "KCNXCFG": ("password or key", (3, 4)),
    "SICS": ("password or key", (2,)),
    "SISS": ("password or key", (2,)),
    "SGACT": ("password or key", (2, 3)),
    "USERID": ("password or key", _ALL),
    "PASSW": ("password or key", _ALL),
    **dict.fromkeys(
        ("CWJAP", "CWJAP_CUR", "CWJAP_DEF", "CWSAP", "CWSAP_CUR", "CWSAP_DEF"), ("password or key", (0, 1, 2))
    ),
    **dict.fromkeys(("CWLAP", "CIFSR", "CIPSTAMAC", "CIPAPMAC", "CWLIF"), ("network name", (0, 1, 2, 3))),
    "CMQTTCONNECT": ("password or key", (4, 5)),
    "CMQTTACCQ": ("password or key", (1,)),
    "SMCONF": ("password or key", (1,)),
    **dict.fromkeys(("UMQTT", "UMQTTC"), ("password or key", (1, 2))),
    **dict.fromkeys(("FTPUN", "FTPPW"), ("password or key", _ALL)),
    **dict.fromkeys(("FTPOPEN", "CFTPSLOGIN"), ("password or key", (1, 2, 3))),
    "QFTPCFG": ("password or key", (1, 2)),
    **dict.fromkeys(("QMTCFG", "QSSLCFG"), ("password or key", (2, 3, 4, 5))),
    "QMTCONN": ("password or key", (2, 3)),
    "CUSD": ("message", (1,)),
    **dict.fromkeys(("CPBR", "CPBF", "CPBW"), ("phone number", (1, 3))),
    "CNUM": ("phone number", (0, 1)),
    **dict.fromkeys(("CLIP", "CCWA", "CSCA", "CMT", "COLP", "CDS"), ("phone number", (0,))),
    "CLCC": ("phone number", (5, 7)),
    **dict.fromkeys(("CMGR", "CMGL"), ("phone number", (1, 2, 3))),
    **dict.fromkeys(("CRSM", "CSIM", "CGLA"), ("contents of a SIM", (1, 2, 5, 6))),
    **dict.fromkeys(("QGPSLOC", "CGNSINF", "CGNSSINFO", "CGPSINFO", "UULOC", "CIPGSMLOC", "CLBS"), ("location", _ALL)),
}
_HEAD = re.compile(r"^(?:AT)?[+^$%*#!&_]?([A-Z][A-Z0-9_]*)\s*([=:])\s*", re.IGNORECASE)
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"?|([^,"\s][^,"\r\n]*)|(,)')
_LONG = re.compile(r"\+?\d{7,}|(?=[^,]*\d)[0-9A-Fa-f]{8,}|\d{1,5}\.\d{4,}|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
_HARMLESS = re.compile(
    r"(?:|IP|IPV6|IPV4V6|PPP|TCP|UDP|SSL|TLS|GSM|UCS2|IRA|HEX|SM|ME|MT|BM|SR|ON|DC|LD|MC|RC|EN|FD|SC"
    r"|REC (?:UN)?READ|STO (?:UN)?SENT|ALL|READY|SIM PIN|SIM PUK|GPRS|LTE|NB-?IOT|CAT-?M1?|EDGE|WCDMA|DNS|HTTPS?|MQTT"
    r"|NONE|AUTO|TCP LISTENER|UDP SERVICE|CONTYPE|APN|USER|PWD|\d\d/\d\d/\d\d,\d\d:\d\d:\d\d(?:[+-]\d\d)?)",
    re.IGNORECASE,
)
"""Words of the 3GPP's and of makers' enumerations, and clocks."""
_COMMON = 6
"""A value that is shorter, or a number of less than seven digits, stands in many places without being secret there."""
_COMMON_SHAPE = re.compile(r"\d{1,6}|[a-z]{1,9}|[A-Z]{1,9}|\d{1,4}\.\d*")
_LONGEST_HEAD = 120


def denied(name: str | None, raw: str, known: Catalog) -> Iterator[tuple[str, Key]]:
    """Yield the kind and the value of what must not leave of a line."""
    head = _HEAD.match(raw)
    if head is None:
        return
    spelt, asked = head[1].upper(), head[2] == "="
    kind, places = _PLACES.get(spelt, ("", ()))
    unknown = not places and not (known.commands.get(name or spelt) or known.urcs.get(name or spelt))
    if not places and not unknown:
        return
    index = 0
    for token in _TOKEN.finditer(raw, head.end()):
        if token[3]:
            index += 1
            continue
        quoted = token[1] is not None
        start = token.start(1) if quoted else token.start(2)
        value = token[1] if quoted else token[2].rstrip()
        if (
            not value
            or (quoted and _HARMLESS.fullmatch(value))
            or not _is_secret(value, quoted, asked, index in places, unknown)
        ):
            continue
        found = kind or "argument of an unknown command"
        common = is_common(value)
        yield found, at_place(raw, start, value) if common else value
        plain = re.sub(r"\\(.)", r"\1", value)
        if plain != value and not common:
            yield found, plain


def is_common(value: str) -> bool:
    """Whether a value may stand in many places without being secret there: it is short, a word, or a number."""
    return len(value) < _COMMON or _COMMON_SHAPE.fullmatch(value) is not None


def at_place(raw: str, start: int, value: str) -> Placed:
    """Return a value that is secret where it stands in a line, and nowhere else."""
    return Placed(raw[max(0, start - _LONGEST_HEAD) : start], value)


def _is_secret(value: str, quoted: bool, asked: bool, placed: bool, unknown: bool) -> bool:
    if value == "?" or (re.fullmatch(r"[-+]?\d{1,3}", value) and not quoted):
        return False
    if _LONG.fullmatch(value):
        return placed or unknown
    if quoted:
        return placed or (unknown and re.search(r"[^\W\d_]|\d{4}", value) is not None)
    if not asked:
        return False
    return placed or (unknown and re.fullmatch(r"[A-Za-z]{1,12}|[-+]?\d{1,6}|\d{1,4}\.\d{1,3}|[(].*|\?", value) is None)
