"""Records as lines for people: who said what, what it means, how it ended, how long it took.

All text from the wire passes through :func:`~decoder.values.printable`: no control character reaches a terminal.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from rich.text import Text

from decoder.events import (
    Call,
    Data,
    Finding,
    Frame,
    Group,
    Information,
    Position,
    Record,
    Socket,
    Summary,
    Transaction,
    Urc,
)
from decoder.findings.cause import EXPLAINS
from decoder.values import printable

_LONGEST = 120
_INDENT = " " * 15


def shorten(text: str) -> str:
    """Cut a text that is too long for a line of a terminal."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def clock(time_ns: int | None) -> str:
    """Show the time of day of a time stamp, in UTC, to the millisecond; dots if it is unknown."""
    if time_ns is None:
        return "--:--:--.---"
    seconds, rest = divmod(time_ns, 1_000_000_000)
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds % (86400 * 366 * 8000))
    return f"{moment:%H:%M:%S}.{rest // 1_000_000:03d}"


def duration(span_ns: int | None) -> str:
    """Show a latency with a fitting unit."""
    if span_ns is None:
        return ""
    milliseconds = span_ns / 1_000_000
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def parameters(params: dict[str, Any], labels: dict[str, str] | msgspec.UnsetType) -> str:
    """Show parameters as ``name=value (meaning)``."""
    meanings = {} if isinstance(labels, msgspec.UnsetType) else labels
    parts = []
    for name, value in params.items():
        shown = shorten(",".join(map(str, value)) if isinstance(value, list) else str(value))
        meaning = meanings.get(name)
        parts.append(f"{name}={shown} ({meaning})" if meaning and meaning != shown else f"{name}={shown}")
    return printable(", ".join(parts))


def render(record: Record) -> Text:
    """Make the lines of one record, without a final line end."""
    text = _RENDERERS[type(record)](record)
    channel = getattr(record, "channel", None)
    if not isinstance(channel, int):
        return text
    at = text.plain.find(" ")
    return Text.assemble(text[:at], (f" [{channel}]", "bold yellow"), text[at:])


def is_shown(record: Record) -> bool:
    """Tell whether a record is worth a line: of a frame with data of a channel, what the channel says is."""
    if not isinstance(record, Frame) or record.protocol != "cmux":
        return True
    return record.fields["dlci"] == 0 or record.fields["type"] not in ("UIH", "UI")


def _head(time_ns: int | None, mark: str, style: str) -> Text:
    return Text(clock(time_ns), "dim").append(f" {mark} ", style)


def _transaction(record: Transaction) -> Text:
    text = _head(record.time_ns, "→", "bold cyan").append(printable(shorten(record.raw)), "cyan")
    meaning = parameters(record.params, record.labels)
    title = f"{record.name} {record.form}" + (f": {meaning}" if meaning else "")
    text.append(f"\n{_INDENT}{printable(title)}", "dim" if record.dialect else "yellow")
    if not isinstance(record.request, msgspec.UnsetType):
        text.append(f"\n{_INDENT}answers ", "dim").append(printable(shorten(record.request.raw)), "blue")
        if isinstance(record.request.latency_ns, int):
            text.append(f"  {duration(record.request.latency_ns)}", "magenta")
    for information in record.information:
        _answer(text, information, "green")
    result = record.result
    if result is not None:
        shown = result.code
        if result.error is not None:
            shown += f" {result.error.code}" + (f": {result.error.text}" if result.error.text else "")
        text.append(f"\n{_INDENT}← ", "green").append(printable(shown), "green" if result.good else "bold red")
        if record.latency_ns is not None:
            text.append(f"  {duration(record.latency_ns)}", "magenta")
    for late in record.urcs:
        _answer(text, late, "blue")
    return text


def _answer(text: Text, information: Information, style: str) -> None:
    text.append(f"\n{_INDENT}← ", style).append(printable(shorten(information.raw)), style)
    meaning = parameters(information.params, information.labels)
    if meaning:
        text.append(f"  {meaning}", "dim")
    if isinstance(information.latency_ns, int):
        text.append(f"  {duration(information.latency_ns)}", "magenta")


def _urc(record: Urc) -> Text:
    text = _head(record.time_ns, "←", "bold blue").append(
        printable(shorten(record.raw)), "blue" if record.name else "white"
    )
    meaning = parameters(record.params, record.labels)
    if meaning:
        text.append(f"\n{_INDENT}{printable(str(record.name))} urc: {meaning}", "dim" if record.dialect else "yellow")
    return text


def _data(record: Data) -> Text:
    arrow = "⇒" if record.side == "mcu" else "⇐"
    data = bytes.fromhex(record.data)
    shown = printable(data[:48].decode("utf-8", "backslashreplace")) + ("…" if len(data) > 48 else "")
    where = "" if record.connect_id is None else f" on connection {record.connect_id}"
    text = _head(record.time_ns, arrow, "bold white")
    said = printable(f"{record.length} bytes{where} ({shorten(record.announced_by)}, {record.via}): ")
    return text.append(said).append(shown, "white")


def _socket(record: Socket) -> Text:
    flow = record.flow
    peer = f"{flow.remote or '?'}:{flow.remote_port if flow.remote_port is not None else '?'}"
    if flow.remote_ip and flow.remote_ip != flow.remote:
        peer += f" ({flow.remote_ip})"
    style = {"opened": "bold green", "closed": "bold white", "closed by peer": "bold white"}.get(
        record.change, "yellow"
    )
    where = "" if record.connect_id is None else f" {record.connect_id}"
    text = _head(record.time_ns, "○", style)
    text.append(printable(f"connection{where} {record.change}: {flow.transport.upper()} {peer}"), style)
    if record.change not in ("opened", "failed"):
        text.append(f", {record.up} bytes up, {record.down} bytes down", "white")
    return text.append(f" ({printable(shorten(record.because))})", "dim") if record.because else text


def _call(record: Call) -> Text:
    style = "bold green" if record.answered else "yellow"
    who = "to" if record.direction == "outgoing" else "from"
    text = _head(record.time_ns, "☎", style)
    text.append(printable(f"{record.direction} call {who} {record.number or 'unknown'}: {record.ended}"), style)
    if record.answered:
        times = [f"after {duration(record.answered_after_ns)}" if record.answered_after_ns is not None else ""]
        times.append(f"lasted {duration(record.length_ns)}" if record.length_ns is not None else "")
        text.append(", answered " + ", ".join(filter(None, times)), "white")
    return text.append(f" ({printable(shorten(record.because))})", "dim") if record.because else text


def _position(record: Position) -> Text:
    text = _head(record.time_ns, "⌖", "bold green" if record.latitude is not None else "yellow")
    found = "by the network" if record.by == "network" else "by GNSS"
    if record.latitude is None or record.longitude is None:
        text.append(f"no position {found}", "yellow")
    else:
        text.append(f"position {found}: {record.latitude}, {record.longitude}", "bold green")
    said = [
        record.fix if record.fix in ("2D", "3D") else "",
        f"{record.altitude_m:g} m high" if record.altitude_m is not None else "",
        f"± {record.accuracy_m:g} m" if record.accuracy_m is not None else "",
        f"{record.speed_kmh:g} km/h" if record.speed_kmh is not None else "",
        f"{record.satellites} satellites" if record.satellites is not None else "",
        record.time_iso or "",
    ]
    text.append(printable("".join(f", {one}" for one in said if one)), "white")
    return text.append(f" ({printable(shorten(record.because))})", "dim")


def _frame(record: Frame) -> Text:
    text = _head(record.time_ns, "▷" if record.side == "mcu" else "◁", "bold white")
    where = "" if record.connect_id is None else f" on connection {record.connect_id}"
    mark = "" if record.origin == "observed" else " (inferred)"
    return text.append(printable(shorten(f"{record.protocol}{where}: {record.text}")), "white").append(mark, "dim")


def _group(record: Group) -> Text:
    counts = Counter(line.name or "text" for line in record.lines)
    shown = ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counts.items())
    text = _head(record.time_ns, "≡", "bold white").append(printable(f"{record.text}: {shown}"), "white")
    if not isinstance(record.data, msgspec.UnsetType):
        text.append(f"\n{_INDENT}{printable(shorten(record.data))}", "dim")
    return text if record.complete else text.append(" (incomplete)", "yellow")


def _summary(record: Summary) -> Text:
    text = Text("dialects: ", "dim")
    uses = [f"{use.dialect} ({use.certainty}: {use.because})" for use in record.dialects]
    text.append(printable(", ".join(uses) or "none"), "dim")
    if record.unknown:
        names = [f"{name} × {count}" if count > 1 else name for name, count in record.unknown.items()]
        text.append("\nunknown to all of them: ", "dim").append(printable(shorten(", ".join(names))), "yellow")
    for cause in record.causes:
        more = f"; {EXPLAINS['en'].format(n=cause.consequences)}" if cause.consequences else ""
        line = f", line {cause.line}" if cause.line is not None else ""
        text.append(f"\ncause ({cause.certainty}{line}{more}): ", "bold").append(printable(cause.message), "bold red")
    return text


def _finding(record: Finding) -> Text:
    style = {"error": "bold red", "warning": "yellow", "note": "dim"}[record.severity]
    text = _head(record.time_ns, "!", style).append(printable(f"{record.severity}: {record.message}"), style)
    if record.reference:
        text.append(f" [{printable(record.reference)}]", "dim")
    return text.append(printable(f" ({record.rule})"), "dim")


_RENDERERS: dict[type[Record], Callable[[Any], Text]] = {
    Transaction: _transaction,
    Urc: _urc,
    Data: _data,
    Socket: _socket,
    Call: _call,
    Position: _position,
    Frame: _frame,
    Group: _group,
    Finding: _finding,
    Summary: _summary,
}
