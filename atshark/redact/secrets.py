"""What in a session is secret: by what the dialects say, by names, by how numbers are built, by what frames hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from atshark.redact.deny import at_place, denied, is_common
from atshark.redact.messages import Rewritten, secret_of
from atshark.redact.spread import Key, Placed
from capture import grammar
from decoder.catalog import Catalog
from decoder.events import Event, Frame, Information, Message, Params, Socket, Transaction, Urc
from decoder.protocols.frames import written

_NAMES = re.compile(
    r"pass(?:w|$|code)|pwd|psk|secret|token|api[_-]?key|auth_?(?:code|key|value)|private|credential|^key$|access_?key|device_?secret"
    r"|signature|^sign$",
    re.IGNORECASE,
)
_IDENTITIES: dict[str, re.Pattern[str]] = {
    "imei": re.compile(r"imei|^sn$|serial", re.IGNORECASE),
    "imsi": re.compile(r"imsi", re.IGNORECASE),
    "iccid": re.compile(r"iccid|^ccid$", re.IGNORECASE),
    "phone number": re.compile(r"^(?:da|oa|number|phone|msisdn|tel)$", re.IGNORECASE),
    "location": re.compile(r"^(?:lat|lon|lng|latitude|longitude|ci|cell_?id|tac|lac)$", re.IGNORECASE),
}
_COMMANDS = {"CGSN": "imei", "GSN": "imei", "CIMI": "imsi", "CCID": "iccid", "ICCID": "iccid", "MCCID": "iccid",
             "QCCID": "iccid", "NCCID": "iccid", "CNUM": "phone number", "CMGS": "phone number"}  # fmt: skip
"""Commands whose answer or argument is a number of this kind."""
_NUMBERS = (
    ("iccid", re.compile(r"(?<![0-9A-Fa-f])89(?:86|\d\d)\d{14}[0-9A-Fa-f]{1,2}(?![0-9A-Fa-f])")),
    ("imsi", re.compile(r"(?<!\d)460\d{12}(?!\d)")),
    ("imei", re.compile(r"(?<!\d)(?:35|86|99|01)\d{13}(?!\d)")),
    ("phone number", re.compile(r"(?<![\dA-Fa-f])(?:\+?86)?1[3-9]\d{9}(?![\dA-Fa-f])")),
)
_POSITION = re.compile(r"\$G[PNLAB][A-Z]{3},[^*\r\n]*?(\d{3,4}\.\d{3,}),[NS],(\d{4,5}\.\d{3,}),[EW]")
_QUERY = re.compile(
    r"(?i)(?:^|[?&;\s])(token|sign|key|api[_-]?key|password|secret|psk|auth(?:orization)?|et)=([^&\s;,\"]+)"
)
_PAIR = re.compile(
    r'(?i)"(?:[\w-]*(?:passw(?:or)?d|secret|token|api[_-]?key|psk|auth[_-]?code)[\w-]*|key)"\s*:\s*"([^"]+)"'
)
_NO_SECRETS = ("token", "packet_token")
"""Names that look like secrets and are none: a CoAP token pairs request and response."""
_HEADERS = ("authorization", "api-key", "apikey", "x-api-key", "token", "cookie", "x-auth-token")
_PLACEHOLDER = re.compile(r"[*\-xX#?]*|null|none|true|false|0+", re.IGNORECASE)


_KEY = "password or key"


class Secret(NamedTuple):
    """A value that must not leave, and what it is."""

    kind: str
    value: str


class Options(NamedTuple):
    """What else to hide."""

    addresses: bool = False
    topics: bool = False
    payloads: bool = False


@cache
def _declared(known: Catalog) -> frozenset[tuple[str, str]]:
    """The parameters that dialects call secret."""
    lists = [(name, one.syntaxes + one.answer) for name, one in known.commands.items()]
    lists += [(one.name, one.syntaxes + one.answer) for rivals in known.rivals.values() for one in rivals]
    lists += [(name, urc.syntaxes) for name, urc in known.urcs.items()]
    lists += [(one.name, one.syntaxes) for rivals in known.urc_rivals.values() for one in rivals]
    return frozenset(
        (name, param.name) for name, syntaxes in lists for one in syntaxes for param in one.params if param.spec.secret
    )


def secrets(events: Iterable[Event], known: Catalog, options: Options) -> dict[Key, str]:
    """Gather the secrets among the events of a session: value to kind."""
    found: dict[Key, str] = {}
    for event in events:
        for kind, value in _of(event, known, options):
            if isinstance(value, Placed | Rewritten):
                found.setdefault(value, kind)
                continue
            text = value.strip()
            if text and not _PLACEHOLDER.fullmatch(text) and (kind != "location" or len(text) >= 4):
                found.setdefault(text, kind)
    return found


def _of(event: Event, known: Catalog, options: Options) -> Iterator[tuple[str, Key]]:
    if isinstance(event, Transaction):
        yield from _line(event.name, event.params, event.raw, known, options)
        for line in (*event.information, *event.urcs):
            yield from _line(line.name or event.name, line.params, line.raw, known, options)
            if event.name in _COMMANDS and line.name in (None, event.name):
                yield from ((_COMMANDS[event.name], number) for number in re.findall(r"[0-9A-Fa-f]{10,22}", line.raw))
        if isinstance(event.request, Information):
            yield from _line(event.request.name, event.request.params, event.request.raw, known, options)
    elif isinstance(event, Urc):
        yield from _line(event.name, event.params, event.raw, known, options)
    elif isinstance(event, Frame):
        yield from _frame(event, options)
    elif isinstance(event, Message) and event.kind in ("text", "data", "noise"):
        yield from _text(event.raw.decode("utf-8", "replace"))
    elif isinstance(event, Socket) and options.addresses:
        flow = event.flow
        yield from (("address", str(one)) for one in (flow.remote, flow.remote_ip, flow.local_ip) if one)


def _line(name: str | None, params: Params, raw: str, known: Catalog, options: Options) -> Iterator[tuple[str, Key]]:
    """Yield the secrets of a line; what is too common to be one everywhere is one where it stands in this line."""
    yield from denied(name, raw, known)
    for kind, value in _named(name, params, raw, known, options):
        text = value.strip()
        place = (
            re.search(rf"(?<![\w.])(?<=[\"=,: ]){re.escape(text)}(?![\w.])", raw)
            if kind == _KEY and is_common(text)
            else None
        )
        if place is None:
            yield kind, value
        elif not _PLACEHOLDER.fullmatch(text):
            yield kind, at_place(raw, place.start(), text)


def _named(name: str | None, params: Params, raw: str, known: Catalog, options: Options) -> Iterator[tuple[str, str]]:
    declared = _declared(known)
    for param, value in params.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            continue
        if (name, param) in declared or (_NAMES.search(param) and param not in _NO_SECRETS):
            yield ("imei" if "imei" in param else "password or key"), str(value)
        for kind, pattern in _IDENTITIES.items():
            if pattern.search(param) and len(str(value)) >= 4 and (kind != "phone number" or _is_number(str(value))):
                yield kind, str(value)
        if options.topics and param in ("topic", "will_topic"):
            yield "topic", str(value)
        if options.addresses and param in ("address", "host", "ip", "remote_ip", "local_ip", "domainname", "server"):
            yield "address", str(value)
        if options.payloads and param in ("message", "payload", "data", "value"):
            yield from _payload(str(value))
    if name == "CMGS" and (number := re.search(r"\+?\d{6,15}", raw.partition("=")[2])):
        yield "phone number", number[0]
    if name in ("D", "ATD") and (number := re.search(r"\+?\d{7,15}", raw)):
        yield "phone number", number[0]
    yield from _text(raw)


def _payload(text: str) -> Iterator[tuple[str, str]]:
    """What of a message can be read: its lines, those of hex decoded."""
    if len(text) >= 8 and re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        text = bytes.fromhex(text).decode("utf-8", "replace")
    for piece in re.findall(r"[^\x00-\x1f\x7f\ufffd]{6,}", text):
        if re.search(r"\w{3}", piece) and not grammar.is_command(piece) and not grammar.is_answer(piece):
            yield "payload", piece


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\+?\d{6,15}", text) is not None


def _message(frame: Frame) -> Iterator[tuple[str, Key]]:
    """The numbers of a message or of USSD, and what it says: as text, and where that stands in its PDU."""
    for name in ("number", "smsc"):
        digits = str(frame.fields.get(name, "")).removeprefix("+")
        if len(digits) >= 4:
            yield "phone number", digits
    text = frame.fields.get("text")
    if isinstance(text, str):
        yield from (("message", line.strip()) for line in text.splitlines() if len(line.strip()) >= 4)
    if (pdu := secret_of(frame)) is not None:
        yield "message", pdu
    elif isinstance(frame.data, str):
        yield "message", frame.data[2 * written.header_size(frame.data) :]


def _frame(frame: Frame, options: Options) -> Iterator[tuple[str, Key]]:
    if frame.protocol in ("sms", "ussd"):
        yield from _message(frame)
        return
    for path, value in _leaves(frame.fields):
        name = path[-1] if path else ""
        text = str(value)
        if name in _NO_SECRETS and frame.protocol != "http":
            continue
        if name.lower() in _HEADERS:
            scheme, _, rest = text.partition(" ")
            yield "password or key", rest if scheme.lower() in ("basic", "bearer", "digest") and rest else text
        elif isinstance(value, str) and _NAMES.search(name):
            yield "password or key", text
        elif name in ("user_name", "username") and frame.protocol in ("ppp", "mqtt") and len(text) >= 4:
            yield "user name", text
        for kind, pattern in _IDENTITIES.items():
            if isinstance(value, str) and pattern.search(name) and len(text) >= 4:
                yield kind, text
        if options.topics and name in ("topic", "filter"):
            yield "topic", text
        if isinstance(value, str):
            yield from _text(text)
            if name in ("payload", "body", "data", "content") and re.fullmatch(r"(?:[0-9a-f]{2})+", text):
                inner = bytes.fromhex(text).decode("utf-8", "replace")
                yield from _text(inner)
                if options.payloads:
                    yield from _payload(inner)
    yield from _text(frame.text)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        if set(value) >= {"name", "value"} and isinstance(value["name"], str):
            yield (*path, value["name"]), value["value"]
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    elif isinstance(value, list | tuple):
        for inner in value:
            if isinstance(inner, list | tuple) and len(inner) == 2 and isinstance(inner[0], str):
                yield (*path, inner[0]), inner[1]
            else:
                yield from _leaves(inner, path)
    else:
        yield path, value


def _text(text: str) -> Iterator[tuple[str, str]]:
    for kind, pattern in _NUMBERS:
        yield from ((kind, match[0]) for match in pattern.finditer(text))
    for match in _POSITION.finditer(text):
        yield "location", match[1]
        yield "location", match[2]
    yield from (("password or key", match[2]) for match in _QUERY.finditer(text) if len(match[2]) >= 4)
    yield from (("password or key", match[1]) for match in _PAIR.finditer(text))


def summary(found: dict[Key, str]) -> Counter[str]:
    """Count the secrets by kind."""
    return Counter(found.values())
