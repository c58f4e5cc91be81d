"""Checksums inside PPP, made right again after what they cover was changed (RFC 1662, 791, 768, 9293)."""

from __future__ import annotations

import re

from decoder.protocols.frames import ppp

_FRAME = re.compile(rb"\x7e([^\x7e]{4,4000})(?=\x7e)")
_SPECIAL, _FLAGS = re.compile(rb"[\x00-\x1f\x7d\x7e]"), re.compile(rb"[\x7d\x7e]")
_ESCAPE = re.compile(rb"\x7d(.)", re.DOTALL)


def repaired(before: bytes, after: bytes) -> bytes | None:
    """Return ``after`` with the checksums of changed frames made right; None if a frame would change its length."""
    if before == after:
        return after
    out, at = [], 0
    for match in _FRAME.finditer(before):
        start, end = match.span(1)
        if before[start:end] == after[start:end]:
            continue
        old = _bare(before[start:end])
        if len(old) < 4 or ppp.fcs16(old[:-2]).to_bytes(2, "little") != old[-2:]:
            continue
        body = _network(_bare(after[start:end])[:-2])
        escaped = _like(before[start:end], body + ppp.fcs16(body).to_bytes(2, "little"))
        if len(escaped) != end - start:
            return None
        out += [after[at:start], escaped]
        at = end
    return b"".join([*out, after[at:]])


def _bare(frame: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: bytes([match[1][0] ^ 0x20]), frame)


def _like(model: bytes, data: bytes) -> bytes:
    """Escape as the sender did: flags and escapes always, control characters if it escaped any."""
    control = not re.search(rb"[\x00-\x1f]", model)
    special = _SPECIAL if control else _FLAGS
    return special.sub(lambda match: bytes([0x7D, match[0][0] ^ 0x20]), data)


def _network(after: bytes) -> bytes:
    """Make the checksum of TCP or UDP over IPv4 right."""
    head = re.match(rb"(?:\xff\x03)?(?:\x00?\x21)", after)
    if head is None:
        return after
    start = head.end()
    packet = bytearray(after[start:])
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return after
    inner, total = 4 * (packet[0] & 15), int.from_bytes(packet[2:4], "big")
    place = {6: 16, 17: 6}.get(packet[9])
    if place is None or not inner + place + 2 <= total <= len(packet):
        return after
    packet[inner + place : inner + place + 2] = b"\0\0"
    segment = bytes(packet[inner:total])
    pseudo = bytes(packet[12:20]) + bytes([0, packet[9]]) + len(segment).to_bytes(2, "big")
    packet[inner + place : inner + place + 2] = _checksum(pseudo + segment).to_bytes(2, "big")
    return after[:start] + bytes(packet)


def _checksum(data: bytes) -> int:
    total = sum(int.from_bytes((data + b"\0")[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF or 0xFFFF
