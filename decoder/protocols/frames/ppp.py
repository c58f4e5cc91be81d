"""PPP in HDLC-like framing: frames, their checksum, and the packets that negotiate a link.

Source: RFC 1662 3, 4.2, appendix C (FCS-16); RFC 1661 5, 6 (LCP); RFC 1332 (IPCP), RFC 1877 (name servers), RFC 5072
(IPV6CP); RFC 1334 2 (PAP); RFC 1994 4 (CHAP).
"""

from __future__ import annotations

import binascii
import ipaddress
import re
from typing import Any, NamedTuple

from construct import (
    Bytes,
    ConstructError,
    GreedyBytes,
    GreedyRange,
    Int8ub,
    Int16ub,
    Int16ul,
    Prefixed,
    Rebuild,
    Struct,
    this,
)

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

IP, IPV6 = 0x0021, 0x0057
LCP, IPCP, IPV6CP, PAP, CHAP, CCP = 0xC021, 0x8021, 0x8057, 0xC023, 0xC223, 0x80FD
PROTOCOLS = {
    IP: "IPv4", IPV6: "IPv6", LCP: "LCP", IPCP: "IPCP", IPV6CP: "IPV6CP", PAP: "PAP", CHAP: "CHAP", CCP: "CCP",
    0x002D: "Van Jacobson compressed TCP", 0x002F: "Van Jacobson uncompressed TCP", 0xC025: "LQR",
}  # fmt: skip
_CODES = {
    1: "Configure-Request", 2: "Configure-Ack", 3: "Configure-Nak", 4: "Configure-Reject", 5: "Terminate-Request",
    6: "Terminate-Ack", 7: "Code-Reject", 8: "Protocol-Reject", 9: "Echo-Request", 10: "Echo-Reply",
    11: "Discard-Request",
}  # fmt: skip
_PAP_CODES = {1: "Authenticate-Request", 2: "Authenticate-Ack", 3: "Authenticate-Nak"}
_CHAP_CODES = {1: "Challenge", 2: "Response", 3: "Success", 4: "Failure"}
_LCP_OPTIONS = {
    1: ("MRU", "int"), 2: ("ACCM", "hex"), 3: ("authentication", "protocol"), 4: ("quality", "protocol"),
    5: ("magic", "hex"), 7: ("protocol-field compression", "flag"), 8: ("address-and-control compression", "flag"),
}  # fmt: skip
_IPCP_OPTIONS = {
    2: ("compression", "hex"), 3: ("address", "ip"), 129: ("DNS", "ip"), 130: ("NBNS", "ip"),
    131: ("second DNS", "ip"), 132: ("second NBNS", "ip"),
}  # fmt: skip
_FLAG, _ESCAPE = 0x7E, 0x7D
_ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)
_SPECIAL = re.compile(rb"[\x00-\x1f\x7d\x7e]")
_CONTROLS = bytes(range(32))
_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Each byte with its bits in reverse: FCS-16 is CRC-16/CCITT on mirrored bits."""

PACKET = Struct(
    "code" / Int8ub,
    "id" / Int8ub,
    "length" / Rebuild(Int16ub, lambda context: len(context.data) + 4),
    "data" / Bytes(this.length - 4),
)
"""A packet of LCP, a network control protocol, PAP or CHAP; padding may follow it."""
_OPTION = Struct(
    "type" / Int8ub, "length" / Rebuild(Int8ub, lambda context: len(context.data) + 2), "data" / Bytes(this.length - 2)
)
OPTIONS = GreedyRange(_OPTION)
_PAP_REQUEST = Struct("peer_id" / Prefixed(Int8ub, GreedyBytes), "password" / Prefixed(Int8ub, GreedyBytes))
_CHAP_VALUE = Struct("value" / Prefixed(Int8ub, GreedyBytes), "name" / GreedyBytes)


class PppPacket(NamedTuple):
    """What a PPP frame carries: its protocol and information field."""

    protocol: int
    data: bytes


def fcs16(data: bytes) -> int:
    """Compute the FCS-16 of a frame (CRC-16/X-25)."""
    mirrored = binascii.crc_hqx(data.translate(_MIRROR), 0xFFFF)
    return (_MIRROR[mirrored & 0xFF] << 8 | _MIRROR[mirrored >> 8]) ^ 0xFFFF


def unwrap(raw: bytes) -> bytes | None:
    """Undo the escapes of what stood between two flags; the frame without its FCS, or None if that is wrong.

    Control characters that a line may have put in between (RFC 1662 4.2, ACCM) are left out if the FCS asks for it.
    """
    for text in (raw, raw.translate(None, _CONTROLS)):
        data = _ESCAPED.sub(lambda match: bytes([match[1][0] ^ 0x20]), text)
        if len(data) >= 4 and fcs16(data[:-2]) == Int16ul.parse(data[-2:]):
            return data[:-2]
        if len(text) == len(raw.translate(None, _CONTROLS)):
            break
    return None


def wrap(data: bytes) -> bytes:
    """Put a frame between flags, with its FCS, all control characters escaped."""
    body = data + fcs16(data).to_bytes(2, "little")
    return b"\x7e" + _SPECIAL.sub(lambda match: bytes([_ESCAPE, match[0][0] ^ 0x20]), body) + b"\x7e"


def parse(frame: bytes) -> PppPacket:
    """Take a frame apart; address, control and the first byte of the protocol may be compressed away.

    Raises :class:`NotThisFormatError`.
    """
    data = frame.removeprefix(b"\xff\x03")
    size = 1 if data[:1] and data[0] & 1 else 2
    if len(data) < size:
        raise NotThisFormatError("a frame without a protocol")
    return PppPacket(int.from_bytes(data[:size], "big"), data[size:])


def build(packet: PppPacket) -> bytes:
    """Build a frame without compression."""
    return b"\xff\x03" + packet.protocol.to_bytes(2, "big") + packet.data


def describe(packet: PppPacket) -> tuple[str, dict[str, Any]]:
    """Tell people what a frame carries. Raises :class:`NotThisFormatError`."""
    name = PROTOCOLS.get(packet.protocol, f"protocol 0x{packet.protocol:04x}")
    fields: dict[str, Any] = {"protocol": name, "length": len(packet.data)}
    if packet.protocol not in (LCP, IPCP, IPV6CP, CCP, PAP, CHAP):
        return f"{name}, {len(packet.data)} bytes", fields
    try:
        raw = PACKET.parse(packet.data)
        data = bytes(raw.data)
        codes = {PAP: _PAP_CODES, CHAP: _CHAP_CODES}.get(packet.protocol, _CODES)
        fields |= {"code": codes.get(raw.code, str(raw.code)), "id": raw.id}
        words = [f"{name} {fields['code']}", f"id {raw.id}"]
        if packet.protocol == PAP:
            words += _pap(raw.code, data, fields)
        elif packet.protocol == CHAP:
            words += _chap(raw.code, data, fields)
        elif raw.code in (1, 2, 3, 4):
            words += _options(packet.protocol, data, fields)
        elif raw.code == 8 and packet.protocol == LCP and len(data) >= 2:
            rejected = int.from_bytes(data[:2], "big")
            fields["rejected"] = PROTOCOLS.get(rejected, f"0x{rejected:04x}")
            words.append(fields["rejected"])
        elif raw.code in (5, 6) and data:
            fields["message"] = to_text(data)
            words.append(fields["message"])
    except ConstructError as error:
        raise NotThisFormatError(str(error)) from error
    return ", ".join(words), fields


def _options(protocol: int, data: bytes, fields: dict[str, Any]) -> list[str]:
    table = {LCP: _LCP_OPTIONS, IPCP: _IPCP_OPTIONS}.get(protocol, {})
    words, found = [], []
    for option in OPTIONS.parse(data):
        name, kind = table.get(option.type, (f"option {option.type}", "hex"))
        value = _value(bytes(option.data), kind)
        found.append({"type": option.type, "name": name, "value": value})
        words.append(name if kind == "flag" else f"{name} {value}")
    fields["options"] = found
    return words


def _value(data: bytes, kind: str) -> Any:
    if kind == "int":
        return int.from_bytes(data, "big")
    if kind == "ip" and len(data) == 4:
        return str(ipaddress.IPv4Address(data))
    if kind == "protocol" and len(data) >= 2:
        number = int.from_bytes(data[:2], "big")
        algorithm = {5: " MD5", 128: " MS-CHAP", 129: " MS-CHAP-2"}.get(data[2], "") if len(data) > 2 else ""
        return PROTOCOLS.get(number, f"0x{number:04x}") + algorithm
    return True if kind == "flag" else data.hex()


def _pap(code: int, data: bytes, fields: dict[str, Any]) -> list[str]:
    if code == 1:
        raw = _PAP_REQUEST.parse(data)
        fields |= {"peer_id": to_text(bytes(raw.peer_id)), "password": to_text(bytes(raw.password))}
        return [f"peer {fields['peer_id']}"]
    fields["message"] = to_text(data[1:])
    return [fields["message"]] if fields["message"] else []


def _chap(code: int, data: bytes, fields: dict[str, Any]) -> list[str]:
    if code in (1, 2):
        raw = _CHAP_VALUE.parse(data)
        fields |= {"value": bytes(raw.value).hex(), "peer": to_text(bytes(raw.name))}
        return [f"peer {fields['peer']}"] if fields["peer"] else []
    fields["message"] = to_text(data)
    return [fields["message"]] if fields["message"] else []


def build_control(protocol: int, code: int, identifier: int, data: bytes) -> bytes:
    """Build a frame with a packet of a control or authentication protocol."""
    packet: bytes = PACKET.build({"code": code, "id": identifier, "data": data})
    return build(PppPacket(protocol, packet))


def build_options(options: list[tuple[int, bytes]]) -> bytes:
    """Build the options of a configuration packet."""
    made: bytes = OPTIONS.build([{"type": kind, "data": data} for kind, data in options])
    return made
