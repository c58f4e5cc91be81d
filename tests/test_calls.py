"""Voice calls: one record a call, whoever began it and however it ended."""

from __future__ import annotations

import pytest

from decoder.events import Call
from tests.helpers import events
from tests.test_findings import talked

SECOND = 1_000_000_000
IN = '0 < RING\n0.1 < +CLIP: "13800000000",129\n'
OUT = "0 > ATD+4917112345;\n0.5 < OK\n"


def calls(text: str) -> list[Call]:
    return [one for one in events(talked(text)) if isinstance(one, Call)]


@pytest.mark.parametrize(
    ("text", "direction", "number", "answered", "ended"),
    [
        (OUT + "5 < +COLP: \"+4917112345\",145\n9 > ATH\n9.1 < OK", "outgoing", "+4917112345", True, "ended by the MCU"),
        (OUT + "4 < NO CARRIER", "outgoing", "+4917112345", False, "ended by the other side"),
        (OUT + "4 < BUSY", "outgoing", "+4917112345", False, "busy"),
        (OUT + "40 < NO ANSWER", "outgoing", "+4917112345", False, "no answer"),
        ("0 > ATD123;\n9 < BUSY", "outgoing", "123", False, "busy"),
        (OUT + "4 > AT+CLCC\n4.1 < +CLCC: 1,0,0,0,0,\"+4917112345\",145\n4.1 < OK\n9 > AT+CHUP\n9.1 < OK", "outgoing",
         "+4917112345", True, "ended by the MCU"),
        (OUT + "3 < ^CONN:1,0\n8 < ^CEND:1,5,67,31", "outgoing", "+4917112345", True, "ended by the other side"),
        (IN + "2 > ATA\n2.2 < OK\n30 < NO CARRIER", "incoming", "13800000000", True, "ended by the other side"),
        (IN + "2 > ATH\n2.2 < OK", "incoming", "13800000000", False, "refused by the MCU"),
        (IN + "5 < RING\n5.1 < +CLIP: \"13800000000\",129\n40 > AT\n40.1 < OK", "incoming", "13800000000", False, "not answered"),
        (IN + "5 < RING\n9 < NO CARRIER", "incoming", "13800000000", False, "not answered"),
        ("0 < +CRING: VOICE\n1 < RDY", "incoming", None, False, "the module restarted"),
        (IN, "incoming", "13800000000", False, "the session ended"),
    ],
)  # fmt: skip
def test_a_call(text: str, direction: str, number: str | None, answered: bool, ended: str) -> None:
    (call,) = calls(text)
    assert (call.direction, call.number, call.answered, call.ended) == (direction, number, answered, ended)
    assert call.side == ("mcu" if direction == "outgoing" else "module")
    assert (call.length_ns is not None) == answered


def test_its_times() -> None:
    (call,) = calls(IN + "2 > ATA\n2.2 < OK\n30 < NO CARRIER")
    assert (call.answered_after_ns, call.length_ns) == (round(2.2 * SECOND), round(27.8 * SECOND))


def test_calls_one_after_the_other() -> None:
    found = calls(OUT + "4 < BUSY\n60 < RING\n62 > ATA\n62.1 < OK\n65 > ATH\n65.1 < OK\n70 > ATD112;\n71 < NO CARRIER")
    assert [(one.direction, one.ended) for one in found] == [
        ("outgoing", "busy"), ("incoming", "ended by the MCU"), ("outgoing", "ended by the other side"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["0 > ATD*99#\n0.1 < CONNECT\n9 < NO CARRIER", "0 > ATH\n0.1 < OK", "0 < NO CARRIER"])
def test_no_call(text: str) -> None:
    assert calls(text) == []
