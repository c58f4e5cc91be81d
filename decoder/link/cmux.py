"""Frames of the multiplexer protocol: what stands between two flags, its checksum, and the messages of channel 0.

:func:`cut` finds the next frame in bytes that wait, :func:`find` the first one in bytes that may be anything else.
A frame is good if its address, control and length field can be and its checksum (FCS) is right; all else is damage.

Source: 3GPP TS 27.010: 5.2 (basic option), 5.4.6 (messages of the control channel), 5.5 (convergence layers),
5.6 (advanced option), annex B (FCS).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Const,
    ConstructError,
    Flag,
    GreedyBytes,
    If,
    Int8ub,
    Int16ul,
    Struct,
)

from decoder.values import to_text

Option = Literal["basic", "advanced"]
Kind = Literal["SABM", "UA", "DM", "DISC", "UIH", "UI"]
MAX_INFO = 32767
"""Bytes that a length field can tell (5.2.1.5)."""
MAX_DLCI = 63
"""62 and 63 are reserved (5.6), and yet used."""
DEFAULT_N1: dict[Option, int] = {"basic": 31, "advanced": 64}
"""Longest information field if nothing was agreed on (5.7.2)."""
_FLAG: dict[Option, int] = {"basic": 0xF9, "advanced": 0x7E}
_FLAGS = {option: re.compile(re.escape(bytes([flag])) + rb"+") for option, flag in _FLAG.items()}
_OPTION: dict[int, Option] = {flag: option for option, flag in _FLAG.items()}
_KINDS: dict[int, Kind] = {0x2F: "SABM", 0x63: "UA", 0x0F: "DM", 0x43: "DISC", 0xEF: "UIH", 0x03: "UI"}
_CONTROLS = {kind: value for value, kind in _KINDS.items()}
_FINAL, _EA, _ESCAPE = 0x10, 0x01, 0x7D
_SHORT = 127


def _one_of(values: Iterable[int]) -> bytes:
    return b"[%b]" % b"".join(re.escape(bytes([value])) for value in values)


_ADDRESS_OCTETS = range(_EA, (MAX_DLCI + 1) << 2, 2)
_CONTROL_OCTETS = [value | bit for value in _KINDS for bit in (0, _FINAL)]
_PLAUSIBLE = re.compile(
    rb"[\xf9~]\Z|(?:\xf9%b|~%b)(?:\Z|%b)|~(?:}|\xff(?:\Z|%b))"
    % (
        _one_of(_ADDRESS_OCTETS),
        _one_of(_ADDRESS_OCTETS[:-1]),
        _one_of([*_CONTROL_OCTETS, _ESCAPE]),
        _one_of(octet for octet in _CONTROL_OCTETS if octet & ~_FINAL != _CONTROLS["UI"]),
    )
)
"""A flag and what can be an address and a control field, or the end of the bytes; not the FF 03 of PPP frames."""
_ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)
_SPECIAL = re.compile(rb"[\x11\x13\x7d\x7e\x91\x93]")

_ADDRESS = BitStruct("dlci" / BitsInteger(6), "command" / Flag, Const(1, BitsInteger(1)))
_LENGTH = Struct("low" / Int8ub, "high" / If(lambda context: not context.low & _EA, Int8ub))
BASIC = Struct(
    "address" / _ADDRESS,
    "control" / Int8ub,
    "length" / _LENGTH,
    "information" / Bytes(lambda context: _number(context.length)),
    "fcs" / Int8ub,
)
"""A frame of the basic option, without its flags (5.2.1)."""
ADVANCED = Struct("address" / _ADDRESS, "control" / Int8ub, "information_and_fcs" / GreedyBytes)
"""A frame of the advanced option, without its flags and escapes (5.6.2); the last octet is the checksum."""
_MESSAGE = Struct(
    "type" / BitStruct("type" / BitsInteger(6), "command" / Flag, Const(1, BitsInteger(1))),
    "length" / _LENGTH,
    "value" / Bytes(lambda context: _number(context.length)),
)
_CHANNEL = BitStruct("dlci" / BitsInteger(6), "_" / BitsInteger(2))
_PN = Struct(
    "dlci" / Int8ub,
    "layer" / BitStruct("convergence" / BitsInteger(4), "frames" / BitsInteger(4)),
    "priority" / Int8ub,
    "t1" / Int8ub,
    "n1" / Int16ul,
    "n2" / Int8ub,
    "k" / Int8ub,
)
_SIGNALS = BitStruct(
    "dv" / Flag, "ic" / Flag, "_" / BitsInteger(2), "rtr" / Flag, "rtc" / Flag, "fc" / Flag, "_ea" / Flag,
)  # fmt: skip
_MSC = Struct("channel" / _CHANNEL, "signals" / _SIGNALS, "break" / GreedyBytes)
_RPN = Struct("channel" / _CHANNEL, "port" / GreedyBytes)
_RLS = Struct("channel" / _CHANNEL, "status" / Int8ub)
_MESSAGES = {
    0x20: "PN", 0x10: "PSC", 0x30: "CLD", 0x08: "TEST", 0x28: "FCON", 0x18: "FCOFF", 0x38: "MSC", 0x04: "NSC",
    0x24: "RPN", 0x14: "RLS", 0x34: "SNC",
}  # fmt: skip
TYPES = {name: value for value, name in _MESSAGES.items()}


def _table() -> bytes:
    out = []
    for value in range(256):
        rest = value
        for _ in range(8):
            rest = rest >> 1 ^ 0xE0 if rest & 1 else rest >> 1
        out.append(rest)
    return bytes(out)


_FCS = _table()


class Frame(NamedTuple):
    """A frame. ``command``: its C/R bit; ``final``: its P/F bit; ``data``: its information field."""

    kind: Kind
    dlci: int
    command: bool
    final: bool
    data: bytes
    option: Option


class Cut(NamedTuple):
    """What bytes up to ``end`` are: a frame, or None: damage."""

    end: int
    frame: Frame | None


class Message(NamedTuple):
    """A message of the control channel: its name, whether it is a command, its values by name (5.4.6.3)."""

    name: str
    command: bool
    values: dict[str, Any]


def flag(option: Option) -> bytes:
    """Return the flag between the frames of an option."""
    return bytes([_FLAG[option]])


def fcs(data: bytes) -> int:
    """Return the checksum over ``data`` (annex B)."""
    value = 0xFF
    for byte in data:
        value = _FCS[value ^ byte]
    return 0xFF - value


def cut(buffer: bytes, at: int, option: Option, *, follows: bool) -> Cut | None:
    """Cut the next frame, or what is none, from ``buffer`` at ``at``; None: more bytes are needed.

    ``follows``: a frame ends right here, so that its flag may be that of the next one.
    """
    flag = _FLAG[option]
    start = at
    if buffer[at] == flag:
        flags = _FLAGS[option].match(buffer, at)
        assert flags is not None
        start = flags.end()
    elif not follows:
        return _damage(buffer, at, flag)
    if start >= len(buffer):
        return None
    if option == "advanced":
        return _advanced(buffer, start)
    found = _basic(buffer, start)
    spare = start - at > (0 if follows else 1)
    if spare and (found is None or found.frame is None):
        return _behind_flag(buffer, start - 1, found)
    return found


def find(buffer: bytes, at: int = 0) -> tuple[int, Option | None]:
    """Find the first good frame in bytes that may be anything: where its flag is, and the option.

    Without one: where a frame may begin that is not complete yet, or -1, and None.
    """
    waits = -1
    for match in _PLAUSIBLE.finditer(buffer, at):
        start, option = match.start(), _OPTION[match[0][0]]
        found = cut(buffer, start, option, follows=False)
        if found is None and waits >= 0:
            continue
        if found is None or found.frame is not None:
            while start > at and buffer[start - 1] == buffer[start]:
                start -= 1
            if found is not None:
                return start, option
            waits = start
    return waits, None


def _damage(buffer: bytes, start: int, flag: int) -> Cut | None:
    end = buffer.find(flag, start)
    return None if end < 0 else Cut(end, None)


def _basic(buffer: bytes, start: int) -> Cut | None:
    flag, size = _FLAG["basic"], len(buffer) - start
    kind = _KINDS.get(buffer[start + 1] & ~_FINAL) if size > 1 else None
    if not buffer[start] & _EA or (size > 1 and kind is None):
        return _damage(buffer, start, flag)
    if size < 4:
        return None
    low = buffer[start + 2]
    header = 3 if low & _EA else 4
    length = low >> 1 if low & _EA else low >> 1 | buffer[start + 3] << 7
    end = start + header + length + 1
    if end >= len(buffer):
        return None
    if buffer[end] != flag:
        return _damage(buffer, start, flag)
    checked = end - 1 if kind == "UI" else start + header
    if fcs(buffer[start:checked]) != buffer[end - 1]:
        return _damage(buffer, start, flag)
    return Cut(end + 1, parse(buffer[start:end], "basic"))


def _behind_flag(buffer: bytes, start: int, found: Cut | None) -> Cut | None:
    """Cut a frame whose address looks like one more flag, as of a response on DLCI 62; ``found``: without that."""
    if start + 1 >= len(buffer) or buffer[start + 1] & ~_FINAL not in _KINDS:
        return found
    other = _basic(buffer, start)
    return other if other is None or other.frame is not None else found


def _advanced(buffer: bytes, start: int) -> Cut | None:
    flag = _FLAG["advanced"]
    end = buffer.find(flag, start)
    if end < 0:
        return None
    body = _ESCAPED.sub(lambda match: bytes([match[1][0] ^ 0x20]), buffer[start:end])
    kind = _KINDS.get(body[1] & ~_FINAL) if len(body) > 2 else None
    if kind is None or not body[0] & _EA or buffer[end - 1] == _ESCAPE:
        return Cut(end, None)
    if fcs(body[:2] if kind == "UIH" else body[:-1]) != body[-1]:
        return Cut(end, None)
    return Cut(end + 1, parse(body, "advanced"))


def parse(body: bytes, option: Option) -> Frame:
    """Parse a frame without flags and escapes, whatever its checksum. Raises :class:`ValueError` if it is none."""
    try:
        read = BASIC.parse(body) if option == "basic" else ADVANCED.parse(body)
        kind = _KINDS[read.control & ~_FINAL]
    except (ConstructError, KeyError) as error:
        raise ValueError(f"no frame of the multiplexer: {error}") from error
    data = read.information if option == "basic" else read.information_and_fcs[:-1]
    return Frame(kind, read.address.dlci, read.address.command, bool(read.control & _FINAL), data, option)


def whole(raw: bytes) -> Frame | None:
    """Read a frame as it crossed: its flag in front may be the one behind the frame before it. None if it is none."""
    found = cut(raw, 0, "advanced" if raw.endswith(b"~") else "basic", follows=True)
    return found.frame if found is not None and found.end == len(raw) else None


def build(frame: Frame, special: re.Pattern[bytes] = _SPECIAL) -> bytes:
    """Write a frame with both flags; ``special``: what is escaped in the advanced option."""
    flag = bytes([_FLAG[frame.option]])
    control = _CONTROLS[frame.kind] | (_FINAL if frame.final else 0)
    address = {"dlci": frame.dlci, "command": frame.command}
    head = bytes([frame.dlci << 2 | frame.command << 1 | _EA, control])
    if frame.option == "basic":
        length = _length(len(frame.data))
        head += bytes(octet for octet in length.values() if octet is not None)
        check = fcs(head + frame.data if frame.kind == "UI" else head)
        written = {"address": address, "control": control, "length": length, "information": frame.data, "fcs": check}
        return flag + bytes(BASIC.build(written)) + flag
    check = fcs(head if frame.kind == "UIH" else head + frame.data)
    body = ADVANCED.build(
        {"address": address, "control": control, "information_and_fcs": frame.data + bytes([check])}
    )  # fmt: skip
    return flag + special.sub(lambda match: bytes([_ESCAPE, match[0][0] ^ 0x20]), body) + flag


def as_basic(frame: Frame, raw: bytes) -> bytes:
    """Return a frame, which crossed as ``raw``, in the basic option, with one flag at each end."""
    if frame.option == "advanced":
        return build(frame._replace(option="basic", data=frame.data[:MAX_INFO]))
    flag = bytes([_FLAG["basic"]])
    return flag + raw.lstrip(flag)


def _number(length: Any) -> int:
    return int(length.low >> 1 | (length.high or 0) << 7)


def _length(size: int) -> dict[str, int | None]:
    if size <= _SHORT:
        return {"low": size << 1 | _EA, "high": None}
    return {"low": (size & _SHORT) << 1, "high": size >> 7}


def behind_status(data: bytes) -> bytes:
    """Return what stands behind the octets of the second convergence layer (5.5.2): the last of them has EA = 1."""
    for at, octet in enumerate(data):
        if octet & _EA:
            return data[at + 1 :]
    return b""


# the control channel


def said(frame: Frame) -> list[Message]:
    """Return the messages that a frame carries on channel 0; none also if what it carries contradicts itself."""
    if frame.dlci != 0 or frame.kind not in ("UIH", "UI"):
        return []
    try:
        return messages(frame.data)
    except ValueError:
        return []


def note_layers(told: list[Message], second: set[int]) -> None:
    """Take notice of the channels that are to use the second convergence layer, as messages say (PN)."""
    for one in told:
        if one.name == "PN":
            change = second.add if one.values["convergence_layer"] == 2 else second.discard
            change(one.values["dlci"])


def messages(data: bytes) -> list[Message]:
    """Read the messages that a frame on channel 0 carries. Raises :class:`ValueError` if they are none."""
    out = []
    while data:
        try:
            read = _MESSAGE.parse(data)
            name = _MESSAGES.get(read.type.type, f"type {read.type.type}")
            out.append(Message(name, read.type.command, _values(name, read.value)))
            data = data[len(_MESSAGE.build(read)) :]
        except ConstructError as error:
            raise ValueError(f"no message of the control channel: {error}") from error
    return out


def message(name: str, value: bytes = b"", *, command: bool = True) -> bytes:
    """Write a message of the control channel."""
    kind = {"type": TYPES[name], "command": command}
    return bytes(_MESSAGE.build({"type": kind, "length": _length(len(value)), "value": value}))


def _values(name: str, value: bytes) -> dict[str, Any]:
    if name == "PN":
        read = _PN.parse(value)
        layer = read.layer
        return {
            "dlci": read.dlci & 0x3F, "frames": ("UIH", "UI", "I")[layer.frames] if layer.frames < 3 else layer.frames,
            "convergence_layer": layer.convergence + 1, "priority": read.priority & 0x3F, "t1_ms": read.t1 * 10,
            "n1": read.n1, "n2": read.n2, "k": read.k & 7,
        }  # fmt: skip
    if name == "MSC":
        read = _MSC.parse(value)
        out = {"dlci": read.channel.dlci, **{key: read.signals[key] for key in ("fc", "rtc", "rtr", "ic", "dv")}}
        return {**out, "break": read["break"].hex()} if read["break"] else out
    if name == "RPN":
        read = _RPN.parse(value)
        return {"dlci": read.channel.dlci, **({"port": read.port.hex()} if read.port else {})}
    if name == "RLS":
        read = _RLS.parse(value)
        return {"dlci": read.channel.dlci, "status": read.status & 0x0F}
    if name == "NSC" and value:
        return {"unsupported": _MESSAGES.get(value[0] >> 2, f"type {value[0] >> 2}")}
    if name == "SNC" and value:
        return {"dlci": value[0] >> 2, "service": value[1:].hex()}
    return {"value": value.hex()} if value else {}


def describe(frame: Frame, told: list[Message]) -> tuple[str, dict[str, Any]]:
    """Tell in one line what a frame is, and in full; ``told``: the messages that it carries (:func:`said`)."""
    fields: dict[str, Any] = {
        "type": frame.kind, "dlci": frame.dlci, "command": frame.command, "final": frame.final,
        "length": len(frame.data), "option": frame.option,
    }  # fmt: skip
    text = f"{frame.kind} on channel {frame.dlci}"
    if told:
        fields["messages"] = [{"name": one.name, "command": one.command, **one.values} for one in told]
        return f"{text}: {'; '.join(map(_told, told))}", fields
    if frame.dlci == 0 and frame.data and frame.kind in ("UIH", "UI"):
        fields["data"] = frame.data.hex()
        return f"{text}: {len(frame.data)} bytes that are no message of the multiplexer", fields
    if frame.data:
        text += f": {len(frame.data)} bytes: {to_text(frame.data[:64])}"
    return text, fields


def _told(one: Message) -> str:
    values = ", ".join(
        f"{name}={str(value).lower() if value in (True, False) else value}" for name, value in one.values.items()
    )
    return f"{one.name} {'command' if one.command else 'response'}" + (f" ({values})" if values else "")
