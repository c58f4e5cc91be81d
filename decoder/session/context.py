"""What the parts of a session share: wires, open commands, connection states, the events so far, the next wake-up."""

from __future__ import annotations

import re
from itertools import count
from typing import Any, Literal

from capture.chunk import Side
from decoder.catalog import Catalog, UrcType
from decoder.catalog.conditions import applies
from decoder.catalog.effects import SendsSpec
from decoder.catalog.spec import FrameSpec
from decoder.events import Data, Event, Finding, Message, MessageKind, Params, Severity
from decoder.followers.firmware import Firmware
from decoder.followers.groups import Groups
from decoder.followers.inferred import Inferred
from decoder.followers.sockets import Sockets
from decoder.link.wire import Span, Wire
from decoder.pairing.settings import States
from decoder.pairing.transactions import Open, Pairing
from decoder.protocols import frames
from decoder.times import NEVER
from decoder.values import decode_payload, to_text

SETTLE_NS = 50_000_000
"""Silence after which a CR at the end needs no LF, a run of transparent data is complete, "> " is a prompt."""

Via = Literal["command", "prompt", "urc", "answer", "transparent"]
ConnectId = int | str | None
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_SHOWN_BYTES = 32
_SHOWN_TEXT = 80


class Context:
    """The common ground of the readers of a session."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.out: list[Event] = []
        self.states = States()
        self.numbers = count(1)
        """Numbers of commands, requests and groups."""
        self.pairing = Pairing(catalog, self.states, self.out, self.numbers)
        self.groups = Groups(catalog, self.out, self.numbers)
        self.sockets = Sockets(self.out)
        self.inferred = Inferred(self.out)
        self.firmware = Firmware(self.out)
        self.mcu = Wire("mcu")
        self.module = Wire("module")
        self.loose: dict[Side, bool] = {"mcu": False, "module": False}
        self.expected_ok: UrcType | None = None
        """The URC that an OK line directly behind it may belong to."""
        self.awaits_stream: Open | None = None
        """The command whose OK will be followed by a prompt and transparent mode."""
        self.wake_ns = NEVER

    def wake(self, time_ns: int) -> None:
        """Ask to be called when time reaches ``time_ns``."""
        self.wake_ns = min(self.wake_ns, time_ns)

    def silent(self, wire: Wire, gap_ns: int, now_ns: int) -> bool:
        """Tell whether ``wire`` has been silent for ``gap_ns``; if not yet, ask to be called when it will have been."""
        if wire.last_ns is None:
            return False
        if wire.last_ns + gap_ns > now_ns:
            self.wake(wire.last_ns + gap_ns)
            return False
        return True

    def set_loose(self, wire: Wire, loose: bool) -> None:
        """Note that what waits on ``wire`` is decided by its next byte, or by silence."""
        self.loose[wire.side] = loose
        if loose and wire.last_ns is not None:
            self.wake(wire.last_ns + SETTLE_NS)

    def message(self, kind: MessageKind, side: Side, span: Span, **fields: Any) -> None:
        """Emit a message for ``span``."""
        self.out.append(Message(kind, side, span[1], span[2], span[0], **fields))

    def finding(
        self, time_ns: int | None, side: Side, rule: str, severity: Severity, text: str, reference: str | None = None
    ) -> None:
        """Emit a finding."""
        self.out.append(Finding(time_ns, side, rule, severity, text, reference))

    def payload(
        self, data: Data, spec: FrameSpec | None = None, params: Params | None = None, sends: SendsSpec | None = None
    ) -> None:
        """Emit payload, and the frame in it: by what ``spec`` says for ``params``, or by its connection."""
        self.out.append(data)
        if data.via != "transparent":
            self.inferred.payload(data)
        if spec is None or not applies(spec.when, params or {}):
            self.sockets.payload(data, sends)
            return
        raw = bytes.fromhex(data.data)
        frame = frames.decode(spec.protocol, raw, data.time_ns, data.side, data.announced_by, data.connect_id)
        if frame is None:
            text = f"{data.announced_by}: the payload is no {spec.protocol} frame"
            self.finding(data.time_ns, data.side, "frame.malformed", "warning", text)
        else:
            self.out.append(frame)

    def line_frame(self, spec: FrameSpec, params: Params, raw: str, side: Side, time_ns: int | None) -> None:
        """Emit the frame that a line is, or that one of its parameters holds."""
        if spec.within == "payload" or not applies(spec.when, params):
            return
        if spec.within == "line":
            frame = frames.decode(spec.protocol, raw.encode("utf-8", "surrogateescape"), time_ns, side, raw)
        else:
            frame = frames.decode_hex(spec.protocol, str(params.get(spec.within, "")), time_ns, side, raw)
        if frame is not None:
            self.out.append(frame)

    def noise(self, side: Side, span: Span, why: str) -> None:
        """Emit bytes that cannot be decoded, as a message and as a finding that shows them."""
        self.message("noise", side, span)
        shown = span.raw[:_SHOWN_BYTES].hex(" ") + ("…" if len(span.raw) > _SHOWN_BYTES else "")
        text = f"{len(span.raw)} bytes from the {side} cannot be decoded ({why}): {shown}"
        self.finding(span.last_ns, side, "noise", "warning", text)

    def decode(
        self, span: Span, side: Side, connect_id: ConnectId, name: str, *, via: Via, encoding: str, body: bytes
    ) -> Data:
        """Make the record of payload that stands as ``body`` in a line; hex that is none stays as it is."""
        meant = decode_payload(body, encoding)
        if meant is None:
            text = f"{name}: the payload is not pairs of hex digits, as the encoding of connection {connect_id} demands"
            self.finding(span.last_ns, side, "payload.hex", "warning", text)
            encoding, meant = "raw", body
        kind: Any = encoding
        return Data(span.last_ns, side, connect_id, name, via, kind, len(meant), meant.hex())


def connection(params: Params) -> ConnectId:
    """Return the connection that parameters name, if any."""
    value = params.get("connect_id")
    return value if isinstance(value, int | str) else None


def is_text(line: bytes) -> bool:
    """Tell text from noise: no control characters, and if it is not UTF-8, at least half of it ASCII."""
    if _CONTROL.search(line):
        return False
    if line.isascii():
        return len(line) > 1
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return 2 * len(_HIGH.findall(line)) <= len(line)
    return True


def short(line: bytes) -> str:
    """Show a line, cut if it is long."""
    return to_text(line if len(line) <= _SHOWN_TEXT else line[:_SHOWN_TEXT] + b"...")
