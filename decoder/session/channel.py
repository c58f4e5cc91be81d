"""One channel of a UART: its two wires, what their next bytes are, its open commands, and the events so far.

What all channels of a module share is in :class:`~decoder.pairing.module.Module`. Followers hear the events; a channel
knows none of them.
"""

from __future__ import annotations

from typing import Any, Literal

from capture.chunk import Side
from capture.timing import Timing
from decoder.catalog import Catalog, Command, UrcType
from decoder.catalog.conditions import applies
from decoder.catalog.spec import FrameSpec
from decoder.effects import Carried, Effect
from decoder.events import Data, Message, MessageKind, Params, Severity
from decoder.link.wire import Span, Wire
from decoder.pairing.module import Module
from decoder.pairing.pending import PendingCommand
from decoder.pairing.transactions import Pairing
from decoder.rules import found
from decoder.session.modes import STREAMS, TRANSITIONS, Mode, Turn
from decoder.times import NEVER
from decoder.values import decode_payload, to_text

SILENCE_NS = 50_000_000
"""Silence after which a CR at the end needs no LF, a run of transparent data is complete, "> " is a prompt."""

Via = Literal["command", "prompt", "urc", "answer", "transparent"]
ConnectId = int | str | None
_SHOWN_BYTES = 32
_SHOWN_TEXT = 80


class Channel:
    """The common ground of the readers of a channel."""

    def __init__(self, catalog: Catalog, timing: Timing, shared: Module | None = None) -> None:
        self.timing = timing
        self.catalog = catalog
        self.module = shared if shared is not None else Module(catalog, [], timing)
        self.out = self.module.out
        self.pairing = Pairing(self.module, self.out)
        self.mcu_wire = Wire("mcu")
        self.module_wire = Wire("module")
        self.told = False
        """Whether there is an effect among the events."""
        self.exact = True
        """Whether the bytes are those of the wire, and not as a log shows them: as text, its line ends lost."""
        self.mode = Mode.LINES
        self.streams = False
        """Whether transparent mode is on."""
        self.plain = True
        """Whether the module's next bytes can be nothing but lines: the short way is open."""
        self.expected_ok: UrcType | None = None
        """The URC that an OK line directly behind it may belong to."""
        self.awaits_stream: PendingCommand | None = None
        """The command whose OK will be followed by a prompt and transparent mode."""
        self.verbose: bool | None = None
        """Whether results are words: None if nothing told (ATV)."""
        self.wake_ns = NEVER

    def wire(self, side: Side) -> Wire:
        """Return the wire of a side."""
        return self.mcu_wire if side == "mcu" else self.module_wire

    def other(self, wire: Wire) -> Wire:
        """Return the other wire."""
        return self.module_wire if wire is self.mcu_wire else self.mcu_wire

    def turn(self, turn: Turn) -> None:
        """Change the mode."""
        self.mode = TRANSITIONS[self.mode, turn]
        self.streams = self.mode in STREAMS
        self.plain = False

    def tell(self, effect: Effect) -> None:
        """Tell the followers."""
        self.out.append(effect)
        self.told = True

    def wake(self, time_ns: int) -> None:
        """Ask to be called when time reaches ``time_ns``."""
        self.wake_ns = min(self.wake_ns, time_ns)

    def alarm(self) -> int:
        """Return when time will decide something next."""
        own, pairing = self.wake_ns, self.pairing.wake_ns
        return own if own < pairing else pairing

    def silent(self, wire: Wire, gap_ns: int, now_ns: int) -> bool:
        """Tell whether ``wire`` has been silent for ``gap_ns``; if not yet, ask to be called when it will have been."""
        if wire.last_ns is None:
            return False
        over_ns = wire.last_ns + gap_ns + self.timing.slack_ns
        if over_ns > now_ns:
            self.wake(over_ns)
            return False
        return True

    def message(self, kind: MessageKind, side: Side, span: Span, **fields: Any) -> None:
        """Emit a message for ``span``."""
        self.out.append(Message(kind, side, span.first_ns, span.last_ns, span.raw, **fields))

    def finding(
        self, time_ns: int | None, side: Side, rule: str, /, *, severity: Severity | None = None, **values: object
    ) -> None:
        """Emit a finding; ``values`` stand for the braces of its message."""
        self.out.append(found(rule, time_ns, side, values, severity=severity))

    def carried(
        self,
        data: Data,
        raw: bytes,
        params: Params,
        *,
        kind: Literal["payload", "stream", "link", "block"] = "payload",
        frame: FrameSpec | None = None,
        command: Command | None = None,
        urc: UrcType | None = None,
        given_up: bool = False,
    ) -> None:
        """Emit payload. ``frame``: the protocol that the dialect says it is, if ``params`` are as it says."""
        if frame is not None and not applies(frame.when, params):
            frame = None
        effects = command.effects if command is not None else urc.effects if urc is not None else ()
        self.out.append(data)
        self.tell(Carried(effects, data, raw, params, kind, frame, command, urc, self.exact, given_up))

    def noise(self, side: Side, span: Span, why: str) -> None:
        """Emit bytes that cannot be decoded, as a message and as a finding that shows them."""
        self.message("noise", side, span)
        raw = span.raw
        shown = raw[:_SHOWN_BYTES].hex(" ") + ("…" if len(raw) > _SHOWN_BYTES else "")
        self.finding(span.last_ns, side, "noise", count=len(raw), side=side, why=why, bytes=shown)

    def decode(
        self, span: Span, side: Side, connect_id: ConnectId, name: str, *, via: Via, encoding: str, body: bytes
    ) -> tuple[Data, bytes]:
        """Make the record of payload that stands as ``body`` in a line; hex that is none stays as it is."""
        meant = decode_payload(body, encoding)
        if meant is None:
            self.finding(span.last_ns, side, "payload.hex", name=name, connect_id=connect_id)
            encoding, meant = "raw", body
        kind: Any = encoding
        return Data(span.last_ns, side, connect_id, name, via, kind, len(meant), meant.hex()), meant


def connection(params: Params) -> ConnectId:
    """Return the connection that parameters name, if any."""
    value = params.get("connect_id")
    return value if isinstance(value, int | str) else None


def short(line: bytes) -> str:
    """Show a line, cut if it is long."""
    return to_text(line if len(line) <= _SHOWN_TEXT else line[:_SHOWN_TEXT] + b"...")
