"""Waiting for ports that have bytes: by select, or by asking them over and over where there is no select."""

from __future__ import annotations

import select
import time

from capture.chunk import Side
from capture.ports import Port

_POLL_S = 0.001


def select_wait(ports: dict[Side, Port], timeout_s: float) -> list[Side]:
    """Wait for bytes, so many seconds at most; return the sides that have some."""
    by_number = {port.fileno(): side for side, port in ports.items()}
    ready, _, _ = select.select(list(by_number), [], [], timeout_s)
    return [by_number[number] for number in ready]


def polling_wait(ports: dict[Side, Port], timeout_s: float) -> list[Side]:
    """The same, for systems whose select knows no serial ports."""
    deadline = time.monotonic() + timeout_s
    while True:
        ready = [side for side, port in ports.items() if port.in_waiting]
        if ready or time.monotonic() >= deadline:
            return ready
        time.sleep(_POLL_S)
