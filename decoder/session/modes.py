"""What the next bytes of a channel are: one value, and the only ways in which it changes.

``python -c "from decoder.session import modes; print(modes.table())"`` prints the table.
"""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """What the bytes of the MCU are; in the last three, those of the module too."""

    LINES = "command lines"
    HELD = "not known yet: a command announced payload, and the module has not said that it takes it"
    PAYLOAD = "payload"
    STREAM = "payload of both sides, until +++ or the module ends it"
    ESCAPE = "payload, or else +++: the module has not answered it yet"
    MULTIPLEX = "frames of the multiplexer, of both sides"


class Turn(Enum):
    """What changes the mode."""

    ANNOUNCED = "a command announces payload"
    PROMPTED = "the module prompts for payload"
    ENDED = "the payload is complete, refused, or given up"
    CONNECTED = "the module is ready for a stream"
    ESCAPED = "+++ stands alone"
    REFUTED = "nobody answered +++, or more bytes came: it was payload"
    MULTIPLEXED = "the multiplexer begins"
    LEFT = "the stream, or the multiplexer, is over"


TRANSITIONS: dict[tuple[Mode, Turn], Mode] = {
    (Mode.LINES, Turn.ANNOUNCED): Mode.HELD,
    (Mode.LINES, Turn.PROMPTED): Mode.PAYLOAD,
    (Mode.LINES, Turn.CONNECTED): Mode.STREAM,
    (Mode.HELD, Turn.ANNOUNCED): Mode.HELD,
    (Mode.HELD, Turn.PROMPTED): Mode.PAYLOAD,
    (Mode.HELD, Turn.ENDED): Mode.LINES,
    (Mode.HELD, Turn.CONNECTED): Mode.STREAM,
    (Mode.PAYLOAD, Turn.PROMPTED): Mode.PAYLOAD,
    (Mode.PAYLOAD, Turn.ENDED): Mode.LINES,
    (Mode.PAYLOAD, Turn.CONNECTED): Mode.STREAM,
    (Mode.STREAM, Turn.CONNECTED): Mode.STREAM,
    (Mode.STREAM, Turn.ESCAPED): Mode.ESCAPE,
    (Mode.STREAM, Turn.LEFT): Mode.LINES,
    (Mode.ESCAPE, Turn.REFUTED): Mode.STREAM,
    (Mode.ESCAPE, Turn.LEFT): Mode.LINES,
    (Mode.LINES, Turn.MULTIPLEXED): Mode.MULTIPLEX,
    (Mode.MULTIPLEX, Turn.LEFT): Mode.LINES,
}
LINES, HELD, PAYLOAD = Mode.LINES, Mode.HELD, Mode.PAYLOAD
STREAMS = frozenset([Mode.STREAM, Mode.ESCAPE, Mode.MULTIPLEX])


def table() -> str:
    """Return the transitions, a line each."""
    return "\n".join(f"{at.name:<8} {turn.name:<10} -> {to.name}" for (at, turn), to in TRANSITIONS.items())
