"""Doubt before accusation: where it is not sure how to read a log, that comes first, and nobody is accused.

What a wrong reading may just as well explain (a silent module, a wrong speed, damaged frames) is then a note.
"""

from __future__ import annotations

import msgspec

from capture.chunk import LogChunk
from decoder.events import Event, Finding
from decoder.findings.raising import Raise

ACCUSATIONS = frozenset([
    "module.silent", "line.speed", "line.echo-damaged", "line.interleaved", "noise", "network.lost", "ppp.fcs",
    "frame.malformed", "transparent.lost", "transparent.escape", "send.short", "send.length", "payload.length",
    "payload.hex", "result.unexpected",
])  # fmt: skip


def told(chunk: LogChunk) -> list[Finding]:
    """Return the finding that says why a log is read with doubt."""
    out: list[Finding] = []
    Raise(out)("log.doubt", chunk, why=chunk.doubt)
    return out


def softened(events: list[Event]) -> list[Event]:
    """Return the events, accusations made notes."""
    return [
        msgspec.structs.replace(event, severity="note")
        if isinstance(event, Finding) and event.rule in ACCUSATIONS and event.severity != "note"
        else event
        for event in events
    ]
