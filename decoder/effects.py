"""Effects: what a session tells its followers, beside the messages and records.

Only lines and payload to which a dialect gives effects are told, so mostly there is nothing to tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from decoder.catalog import Command, UrcType
    from decoder.catalog.spec import FrameSpec
    from decoder.events import Data, Information, Issued, Message, Params

Effects = tuple[str, ...]
"""What a dialect says that a line does beyond itself: keys of its file. Followers hear of those that they follow."""


class Sent(msgspec.Struct, frozen=True):
    """A command was sent that has effects, or may belong to a group."""

    effects: Effects
    issued: Issued


class Answered(msgspec.Struct, frozen=True):
    """A line belongs to a command that has effects. ``late``: it came behind its result."""

    effects: Effects
    issued: Issued
    message: Message
    late: bool


class Reported(msgspec.Struct, frozen=True):
    """A URC came that has effects, or may belong to a group.

    ``issued`` is the command that it completes, if any; ``urc`` what the catalog says of it.
    """

    effects: Effects
    message: Message
    urc: UrcType | None
    issued: Issued | None


class Ended(msgspec.Struct, frozen=True):
    """A command with effects got its final result: ``why`` is its text. ``more``: a later line completes it."""

    effects: Effects
    issued: Issued
    time_ns: int | None
    good: bool
    why: str
    more: bool
    information: tuple[Information, ...]


class Carried(msgspec.Struct, frozen=True):
    """Payload crossed the line: ``raw`` are the bytes of ``data``.

    ``params`` are those of its line; ``kind``: "stream" in transparent mode, "link" if that is PPP, "block": announced,
    and sent after an OK; ``frame``: the protocol that the dialect says it is; ``command``, ``urc``: what announced it;
    ``exact``: its bytes are known, and not only how a log shows them as text; ``given_up``: the MCU ended it with an
    escape, so that it is not sent.
    """

    effects: Effects
    data: Data
    raw: bytes
    params: Params
    kind: Literal["payload", "stream", "link", "block"] = "payload"
    frame: FrameSpec | None = None
    command: Command | None = None
    urc: UrcType | None = None
    exact: bool = True
    given_up: bool = False


class Connected(msgspec.Struct, frozen=True):
    """Transparent mode begins. ``link``: it is PPP."""

    effects: Effects
    issued: Issued
    time_ns: int | None
    link: bool


class Disconnected(msgspec.Struct, frozen=True):
    """Transparent mode ended because the connection ``connect_id`` is gone; ``why`` is the line that says so."""

    connect_id: int | str | None
    time_ns: int | None
    why: str


class Restarted(msgspec.Struct, frozen=True):
    """The module restarted."""

    time_ns: int | None


class OnChannel(msgspec.Struct, frozen=True):
    """What comes next was said on this channel (DLCI) of a multiplexed line; None: on the line itself."""

    dlci: int | None


Effect = OnChannel | Sent | Answered | Reported | Ended | Carried | Connected | Disconnected | Restarted
"""What the session tells followers; what they make of it are events and records."""
EFFECTS = (OnChannel, Sent, Answered, Reported, Ended, Carried, Connected, Disconnected, Restarted)
