"""Say of each event on which channel of a multiplexed line it was said."""

from __future__ import annotations

from typing import Any

import msgspec

from decoder.effects import OnChannel
from decoder.events import Call, Data, Event, Finding, Frame, Group, Message, Position, Socket, Transaction, Urc

_MARKED = (Message, Transaction, Urc, Data, Socket, Call, Position, Frame, Group, Finding)


def marked(events: list[Event]) -> list[Event]:
    """Return events without the marks that say on which channel those between them were said, and with it in each."""
    out: list[Event] = []
    dlci: int | None = None
    for event in events:
        if isinstance(event, OnChannel):
            dlci = event.dlci
        elif dlci is not None and isinstance(event, _MARKED):
            one: Any = event
            out.append(msgspec.structs.replace(one, channel=dlci))
        else:
            out.append(event)
    return out
