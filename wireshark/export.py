"""Export: one pcapng packet per message, and below that what sockets carried, as IP packets.

So Wireshark shows AT traffic line by line. Every byte of both wires is in the file, in order: an export decodes to
what its source decodes to. Packets on the interface ``uart`` have link type 252 and name the dissector: ``atshark``
for lines, ``atshark_data`` for payload. Each carries its decode as a tag of its header (decode_tag.py), for the plugin,
and in a few words as its comment, for people without it. What becomes known when its packet is written already (a
command that nobody answered) is a packet of its own, ``atshark_note``, which holds no bytes of the line. What
connections carried is on the interface ``ip`` (link type 101), PPP frames on ``ppp`` (link type 204), frames of the
multiplexer on ``mux`` (link type 236) and what its channels said on ``uart.N`` (link type 252), short messages on
``sms`` and inferred frames on ``inferred`` (link type 252, naming the protocol's own dissector); they are made from the
messages, so a reader of the export passes over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from capture import pcapng, upper_pdu
from capture.chunk import Chunk, Mark, MarkKind, Side
from capture.outfile import output
from capture.recording import APPLICATION, CHANNEL, DATA_DISSECTOR, MESSAGE_DISSECTOR, NOTE_DISSECTOR, mark_packet
from capture.timing import EXACT, Timing
from decoder.decode import Decoder, drive
from decoder.events import (
    Cause,
    Data,
    Event,
    Finding,
    Flow,
    Frame,
    GivenUp,
    GroupEnded,
    Joined,
    LinkFrame,
    Message,
    Params,
    Segment,
    Socket,
    Summary,
)
from decoder.findings import Lang
from decoder.findings.cause import EXPLAINS, SURE
from decoder.protocols.frames import sms
from decoder.values import printable, to_text
from wireshark.decode_tag import TagWriter
from wireshark.synthetic_ip import IpPacket, SyntheticIp

_MAX_COMMENT = 400
_MODULE, _SERVER = "192.0.2.1", "198.51.100.254"
_INFERRED_ENDS = {
    "mqtt": upper_pdu.Ends(upper_pdu.PORT_TCP, (_MODULE, 49151), (_SERVER, 1883)),
    "http": upper_pdu.Ends(upper_pdu.PORT_TCP, (_MODULE, 49150), (_SERVER, 80)),
    "coap": upper_pdu.Ends(upper_pdu.PORT_UDP, (_MODULE, 5683), (_SERVER, 5683)),
}
"""Ends of inferred frames: no line shows the real ones (RFC 5737 addresses)."""
_INTERFACES = {
    "ip": (pcapng.LINKTYPE_RAW_IP, "socket data as IP packets, made from the serial traffic"),
    "ppp": (
        pcapng.LINKTYPE_PPP_WITH_DIRECTION,
        "PPP frames between MCU and module; their checksums were right",
    ),
    "mux": (
        pcapng.LINKTYPE_MUX27010,
        "frames of the multiplexer (TS 27.010); their checksums were right",
    ),
    "sms": (
        pcapng.LINKTYPE_WIRESHARK_UPPER_PDU,
        "short messages (TS 23.040), as their PDUs say, without the service centre",
    ),
    "inferred": (
        pcapng.LINKTYPE_WIRESHARK_UPPER_PDU,
        "what the module must have said by its own protocol stack: inferred, not observed",
    ),
}
_DIRECTION = {"mcu": pcapng.OUTBOUND, "module": pcapng.INBOUND}
_ARROW = {"mcu": "→ ", "module": "← "}
_LINK_HEADS: dict[tuple[str, Side], bytes] = {
    ("ppp", "mcu"): b"\1", ("ppp", "module"): b"\0", ("mux", "mcu"): b"\0\0", ("mux", "module"): b"\0\1",
}  # fmt: skip
"""Who speaks, in front of the frames of a link; of the multiplexer behind an extended header without content."""
_TAP = "tap."
_LANGS: tuple[Lang, ...] = ("en", "zh")

Beside = Finding | GivenUp | Joined | Data
"""What may have been found with a message."""
Aside = Finding | GivenUp | GroupEnded
"""What becomes known behind its message."""
_ASIDE = frozenset([Finding, GivenUp, GroupEnded])


class Exporter:
    """Write the messages among the events of a session to a pcapng stream (unbuffered)."""

    def __init__(self, stream: BinaryIO, timing: Timing = EXACT) -> None:
        self._writer = pcapng.Writer(stream, APPLICATION)
        self._uart = self._writer.add_interface(
            "uart",
            "serial line between MCU and module; outbound: sent by the MCU",
            link_type=pcapng.LINKTYPE_WIRESHARK_UPPER_PDU,
            resolution_ns=timing.resolution_ns,
        )
        self._ip = SyntheticIp()
        self._interfaces: dict[str, int] = {}
        self._named: set[tuple[str, str]] = set()
        self._tags = TagWriter()
        self._last_ns = 0
        self._others: dict[type, Callable[[Any], None]] = {
            LinkFrame: self._link, Frame: self._frame, Socket: self._socket, Segment: self._segment,
        }  # fmt: skip
        self.packets = 0

    def write(self, events: Iterable[Event]) -> None:
        """Write what of ``events`` is a message, what was found with it, and what a connection carried."""
        events = list(events)
        beside = _beside(events)
        aside: list[Aside] = []
        for index, event in enumerate(events):
            kind = type(event)
            if kind is Message:
                self._note(aside)
                self._message(cast(Message, event), beside.get(index, ()))
            elif kind in self._others:
                self._note(aside)
                self._others[kind](event)
            elif kind in _ASIDE and index not in beside:
                self._aside(cast(Aside, event), aside)
            elif kind is Summary:
                for cause in cast(Summary, event).causes:
                    self._note(aside)
                    self._aside(as_finding(cause), aside)
        self._note(aside)

    def _aside(self, event: Aside, aside: list[Aside]) -> None:
        """Take what belongs to no message that is still to be written; a finding ends a note."""
        if isinstance(event, Finding) and event.rule.startswith(_TAP):
            self._note(aside)
            self._mark(event)
            return
        if aside and aside[-1].time_ns != event.time_ns:
            self._note(aside)
        aside.append(event)
        if isinstance(event, Finding):
            self._note(aside)

    def _note(self, aside: list[Aside]) -> None:
        """Write a note of what stands aside, if anything does."""
        if not aside:
            return
        side: Side = next((one.side for one in aside if isinstance(one, Finding) and one.side), "mcu")
        text = printable("; ".join(_told(one) for one in aside))[:_MAX_COMMENT]
        times = [one.time_ns for one in aside if one.time_ns is not None]
        packet = upper_pdu.header(NOTE_DISSECTOR, side, decode=self._tags.note(aside))
        time_ns = max([*times, self._last_ns])
        line = self._line(getattr(aside[0], "channel", None))
        self._writer.packet(line, time_ns, packet, direction=_DIRECTION[side], comment=text)
        self.packets += 1
        aside.clear()

    def _socket(self, event: Socket) -> None:
        if event.flow.inside != "ppp":
            self._packets(event.flow, self._ip.changed(event))

    def _segment(self, event: Segment) -> None:
        if event.flow.inside != "ppp":
            self._packets(event.flow, self._ip.carried(event))

    def _mark(self, finding: Finding) -> None:
        """Write a mark of the recording as a mark, so that a reader of the export finds it again."""
        side: Side = finding.side or "mcu"
        mark = Mark(cast(MarkKind, finding.rule.removeprefix(_TAP)), finding.message)
        self._writer.packet(
            self._uart, finding.time_ns or 0, mark_packet(mark, side), direction=_DIRECTION[side],
            comment=f"{mark.kind}: {mark.text}"[:_MAX_COMMENT],
        )  # fmt: skip
        self.packets += 1

    def _message(self, message: Message, beside: Sequence[Beside]) -> None:
        payload = message.kind in ("data", "mux") or (message.kind == "echo" and not message.text)
        dissector = DATA_DISSECTOR if payload else MESSAGE_DISSECTOR
        text = describe(message)
        packet = upper_pdu.header(
            dissector, message.side, info=_ARROW[message.side] + text, decode=self._tags.message(message, beside)
        )
        time_ns = message.time_ns or 0
        self._last_ns = max(self._last_ns, time_ns)
        line, direction = self._line(message.channel), _DIRECTION[message.side]
        self._writer.packet(line, time_ns, packet + message.raw, direction=direction, comment=text)
        self.packets += 1

    def _line(self, channel: int | msgspec.UnsetType | None) -> int:
        """Return the number of the interface of the serial line, or of a channel of it."""
        return self._interface(f"{CHANNEL}{channel}") if isinstance(channel, int) else self._uart

    def _interface(self, name: str) -> int:
        """Return the number of an interface, described when the first packet needs it."""
        if name not in self._interfaces:
            if name.startswith(CHANNEL):
                link_type, number = pcapng.LINKTYPE_WIRESHARK_UPPER_PDU, name.removeprefix(CHANNEL)
                description = f"channel {number} of the multiplexed line"
            else:
                link_type, description = _INTERFACES[name]
            self._interfaces[name] = self._writer.add_interface(name, description, link_type=link_type)
        return self._interfaces[name]

    def _frame(self, frame: Frame) -> None:
        if frame.protocol == "sms":
            self._short_message(frame)
        elif frame.origin == "inferred":
            self._inferred(frame)

    def _short_message(self, frame: Frame) -> None:
        """Write the PDU of a message for Wireshark's dissector, which takes the side of the network."""
        if not isinstance(frame.data, str) or "mode" in frame.fields:
            return
        raw = bytes.fromhex(frame.data)
        found = sms.decode_again(raw, frame.side, frame.fields)
        if found is None:
            return
        from_network: Side = "module" if frame.fields["type"] in sms.OF_MOBILE else "mcu"
        packet = upper_pdu.header("gsm_sms", from_network) + raw[found.start :]
        comment = printable(frame.text)[:_MAX_COMMENT]
        direction = _DIRECTION[frame.side]
        self._writer.packet(self._interface("sms"), frame.time_ns or 0, packet, direction=direction, comment=comment)
        self.packets += 1

    def _inferred(self, frame: Frame) -> None:
        ends = _INFERRED_ENDS.get(frame.protocol)
        if ends is None or isinstance(frame.data, msgspec.UnsetType):
            return
        unknown = ", ".join([*frame.fields.get("unknown", ()), "addresses"])
        comment = f"inferred from {frame.announced_by}; not known: {unknown}; {frame.text}"
        self._writer.packet(
            self._interface("inferred"),
            frame.time_ns or 0,
            upper_pdu.header(frame.protocol, frame.side, ends) + bytes.fromhex(frame.data),
            direction=_DIRECTION[frame.side],
            comment=printable(comment)[:_MAX_COMMENT],
        )
        self.packets += 1

    def _link(self, packet: LinkFrame) -> None:
        head = _LINK_HEADS[packet.link, packet.side]
        direction = _DIRECTION[packet.side]
        self._writer.packet(self._interface(packet.link), packet.time_ns or 0, head + packet.data, direction=direction)
        self.packets += 1

    def _packets(self, flow: Flow, packets: Iterable[IpPacket]) -> None:
        for packet in packets:
            interface = self._interface("ip")
            named = self._ip.name_of(flow)
            if named is not None and named not in self._named:
                self._named.add(named)
                self._writer.name(named[0], printable(named[1]))
            comment = printable(packet.comment)[:_MAX_COMMENT]
            self._writer.packet(
                interface, packet.time_ns or 0, packet.data, direction=_DIRECTION[packet.side], comment=comment
            )
            self.packets += 1


def export(chunks: Iterable[Chunk], decoder: Decoder, path: Path) -> int:
    """Decode ``chunks`` with ``decoder`` and write the export to ``path``. Return the number of packets."""
    with output(path, secret=True, what="write the export") as stream:
        exporter = Exporter(stream, decoder.timing)
        for events in drive(chunks, decoder):
            exporter.write(events)
    return exporter.packets


def as_finding(cause: Cause) -> Finding:
    """Return a cause as the last finding of a session, so that Expert Information shows it."""
    more, more_zh = (EXPLAINS[lang].format(n=cause.consequences) if cause.consequences else "" for lang in _LANGS)
    message = f"cause ({'; '.join(filter(None, [SURE['en'][cause.certainty], more]))}): {cause.message}"
    message_zh = f"原因({';'.join(filter(None, [SURE['zh'][cause.certainty], more_zh]))}):{cause.message_zh}"
    return Finding(cause.time_ns, cause.side, "session.cause", "warning", message, cause.reference, message_zh)


def _beside(events: Sequence[Event]) -> dict[int, Sequence[Beside]]:
    """Tell, for the position of each message, what was found with it; what was found stands there too, with nothing.

    A finding belongs to the message of its side and time that stands before it, or else behind it.
    """
    placed: dict[int, list[Beside]] = {}
    for index, event in enumerate(events):
        before = range(index - 1, -1, -1)
        if isinstance(event, Finding) and not event.rule.startswith(_TAP):
            near = (*before, *range(index + 1, len(events)))
            place = next((at for at in near if _is_at(events[at], event.time_ns, event.side)), -1)
        elif isinstance(event, GivenUp):
            place = next((at for at in before if event.number in getattr(events[at], "numbers", ())), -1)
        elif isinstance(event, Joined) or (isinstance(event, Data) and event.via == "command"):
            place = next((at for at in before if isinstance(events[at], Message)), -1)
        else:
            continue
        if place >= 0:
            placed.setdefault(place, []).append(event)
            placed[index] = []
    return cast("dict[int, Sequence[Beside]]", placed)


def _is_at(event: Event, time_ns: int | None, side: Side | None) -> bool:
    return isinstance(event, Message) and event.time_ns == time_ns and event.side == side


def _told(one: Aside) -> str:
    if isinstance(one, Finding):
        return one.message
    return f"given up ({one.code})" if isinstance(one, GivenUp) else f"{one.text}: not complete"


def describe(message: Message) -> str:
    """Tell in one line what a message is."""
    text = printable(_DESCRIBERS.get(message.kind, _plain)(message))
    return text if len(text) <= _MAX_COMMENT else text[: _MAX_COMMENT - 1] + "…"


def _command(message: Message) -> str:
    return "; ".join(_titled(f"{one.name} {one.form}", one.params, one.labels) for one in message.commands)


def _titled(title: str, params: Params, labels: dict[str, str] | msgspec.UnsetType) -> str:
    shown = []
    for name, value in params.items():
        label = labels.get(name) if labels else None
        for one in value if isinstance(value, list) else [value]:
            text = str(one).lower() if isinstance(one, bool) else str(one)
            shown.append(f"{name}={text}" + (f" ({label})" if label and label != text else ""))
    return f"{title}: {', '.join(shown)}" if shown else title


def _result(message: Message) -> str:
    assert message.result is not None
    error = message.result.error
    text = message.result.code
    if error is not None:
        text += f" {error.code}" + (f": {error.text}" if error.text else "")
    if message.owner is None:
        return text + " (no command waits for it)"
    return f"{text} to {message.owner.name} {message.owner.form}{_after(message)}"


def _after(message: Message) -> str:
    return "" if message.latency_ns is None else f" after {message.latency_ns / 1e6:.3f} ms"


def _line(message: Message) -> str:
    owner = f" to {message.owner.name}" if message.owner else ""
    title = f"{message.name or 'text'} {message.kind}{owner}"
    shown = _titled(title, message.params, message.labels) if message.params else f"{title}: {message.text}"
    return shown + _after(message)


def _data(message: Message) -> str:
    data = message.data
    if data is None:
        return f"{len(message.raw)} bytes of payload"
    where = "" if data.connect_id is None else f" on connection {data.connect_id}"
    return f"{data.length} bytes{where} ({data.announced_by}, {data.via}): {to_text(message.raw[:64])}"


def _echo(message: Message) -> str:
    return f"echo of {message.owner.name if message.owner else 'a command'}"


def _plain(message: Message) -> str:
    if message.kind == "noise":
        return f"{len(message.raw)} bytes that cannot be decoded"
    return f"{message.kind}: {message.text}" if message.text else message.kind


_DESCRIBERS: dict[str, Callable[[Message], str]] = {
    "command": _command,
    "result": _result,
    "information": _line,
    "urc": lambda message: _result(message) if message.result else _line(message),
    "data": _data,
    "echo": _echo,
    "prompt": lambda _message: "prompt: the module waits for data",
    "mux": lambda message: message.text,
}
