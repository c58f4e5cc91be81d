"""The device configuration of ``AT+MIPLCREATE``: a version, and sections for the system, the network and the log.

Source: OneMO LwM2M manual V4.4.0, 3.1, and the configuration in its examples.
"""

from __future__ import annotations

from typing import Any

from construct import (
    Bytes,
    ConstructError,
    GreedyBytes,
    GreedyRange,
    Int8ub,
    Int16ub,
    Prefixed,
    Rebuild,
    Struct,
    this,
)

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

SYSTEM, NETWORK, LOG = 0xF1, 0xF2, 0xF3
_NAMES = {SYSTEM: "system", NETWORK: "network", LOG: "log"}
_TEXT = Prefixed(Int16ub, GreedyBytes)
_TEXTS = ("apn", "username", "password", "host", "user_data")
SECTION = Struct(
    "tag" / Int8ub, "length" / Rebuild(Int16ub, lambda context: len(context.body) + 3), "body" / Bytes(this.length - 3)
)
NET = Struct("mtu" / Int16ub, "flags" / Int8ub, *(name / _TEXT for name in _TEXTS))
CONFIG = Struct("version" / Int8ub, "length" / Int16ub, "sections" / GreedyRange(SECTION))


def build(version: int, sections: list[tuple[int, bytes]]) -> bytes:
    """Build a configuration from sections, each a tag and its bytes."""
    rows = [{"tag": tag, "body": body} for tag, body in sections]
    length = 3 + sum(3 + len(body) for _, body in sections)
    made: bytes = CONFIG.build({"version": version, "length": length, "sections": rows})
    return made


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """Take a configuration apart. Raises :class:`NotThisFormatError`."""
    try:
        raw = CONFIG.parse(data)
        size = 3 + sum(section.length for section in raw.sections)
        if not raw.sections or raw.length != len(data) or size != len(data):
            raise NotThisFormatError("lengths that contradict each other")
        fields: dict[str, Any] = {"version": f"{raw.version >> 4}.{raw.version & 15}"}
        for section in raw.sections:
            name = _NAMES.get(section.tag, f"section_{section.tag:02x}")
            fields[name] = bytes(section.body).hex()
            if section.tag == NETWORK:
                net = NET.parse(bytes(section.body))
                texts = {key: to_text(bytes(net[key])) for key in _TEXTS}
                fields[name] = {"mtu": net.mtu, "flags": net.flags, **texts}
    except ConstructError as error:
        raise NotThisFormatError(str(error)) from error
    network = fields.get("network")
    host = network["host"] if isinstance(network, dict) else ""
    return f"configuration {fields['version']}" + (f", host {host}" if host else ""), fields
