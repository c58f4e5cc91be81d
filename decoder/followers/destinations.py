"""Where a connection leads, as the commands say that open it, or others before or after them."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal, NamedTuple

from decoder.catalog.effects import LeadsSpec, LineSpec, OpensSpec
from decoder.events import Issued, Message, Params

Transport = Literal["tcp", "udp"]
_URL = re.compile(r"(\w+)://(\[[^\]]*\]|[^:/;]*)(?::(\d{1,5}))?")
"""The scheme, the host and the port of what a connection leads to."""


class Asked(NamedTuple):
    """A connection that a command asked for, and the parameters of it and of the line that answered it."""

    spec: OpensSpec
    issued: Issued
    params: Params


class Destination(NamedTuple):
    """The peer of a connection, as far as it is known."""

    remote: str | None = None
    port: int | None = None
    transport: Transport | None = None


NOWHERE = Destination()


def led(spec: LeadsSpec, params: Params) -> Destination:
    """Return where a command leads that has these parameters."""
    if spec.url:
        match = _URL.match(str(params.get(spec.url, "")))
        if match is None:
            return NOWHERE
        return Destination(match[2], port(int(match[3] or 0)), "udp" if match[1].lower() in spec.udp else "tcp")
    return Destination(_text(params.get(spec.address)), port(params.get(spec.port)))


def opened(asked: Asked, before: Destination) -> Destination:
    """Return where a connection leads that a command opened; ``before``: what was said before."""
    spec, params = asked.spec, asked.params
    transport: Transport = "udp" if params.get(spec.transport) in spec.udp else "tcp"
    return Destination(
        _text(params.get(spec.address)) or before.remote,
        port(params.get(spec.port)) or before.port,
        before.transport if spec.transport not in params and before.transport else transport,
    )


def port(value: object) -> int | None:
    """Return a port, or None if the value is none."""
    return value if isinstance(value, int) and 0 < value <= 0xFFFF else None


def ip(text: str) -> str | None:
    """Return an IP address in its usual spelling, or None if ``text`` is none."""
    try:
        return str(ipaddress.ip_address(text.strip("[]").partition("%")[0]))
    except ValueError:
        return None


def shown(message: Message, answer: LineSpec) -> str:
    """Return what a line says of an opening, with its meaning: "err=566 (connection failed)"."""
    meanings = {name: f" ({label})" for name, label in message.labels.items()}
    return ", ".join(f"{name}={message.params[name]}{meanings.get(name, '')}" for name in answer.where)


def _text(value: object) -> str | None:
    return str(value) if value not in (None, "") else None
