"""What frames of the other side prove: that the protocol works."""

from __future__ import annotations

from decoder.events import Frame

_LEAST_BAD = 400
"""HTTP status codes from here on say that a request failed (RFC 9110 15)."""


def proves(one: Frame) -> bool:
    """Whether a frame that the module received says that the protocol works."""
    fields = one.fields
    if one.protocol == "mqtt":
        return fields.get("type") == "CONNACK" and fields.get("code") == 0
    if one.protocol == "http":
        status = fields.get("status")
        return isinstance(status, int) and status < _LEAST_BAD
    return False
