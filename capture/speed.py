"""The speed of the line: found by trying, and followed when the host changes it."""

from __future__ import annotations

import re

from capture import grammar
from capture.chunk import Side

CANDIDATES = (115200, 9600, 57600, 460800, 921600, 38400, 19200, 230400, 4800, 2400, 1200, 3000000)
"""What modules speak, the usual ones first."""
_SURE = (grammar.COMMAND_LINE, re.compile(rb"\r\n" + grammar.FINAL_LINE.pattern), grammar.INFORMATION_LINE)
_READY = b"\r\nRDY\r"
"""What many modules say first."""
_TEXT = re.compile(rb"[\x20-\x7e\r\n]")
_SAMPLE, _MUCH_TEXT = 24, 192
_ERRORS = 4
_TEXT_SHARE = 0.85
_KEPT = 1024
_PATIENCE_NS = 3_000_000_000

_CHANGE = re.compile(rb"(?i)AT\+(?:IPR=|UART(?:_CUR|_DEF)?=|NATSPEED=)(\d{3,8})[^\r\n]*\r")
"""V.250 6.2.10 (+IPR); ESP-AT (+UART, +UART_CUR, +UART_DEF); BC95 and its kin (+NATSPEED)."""
_TAIL = 128


class Finder:
    """Finds the speed of a wire by listening at one after the other. ``speed`` is the one to listen at now (baud)."""

    def __init__(self, now_ns: int, candidates: tuple[int, ...] = CANDIDATES) -> None:
        self._candidates = candidates
        self._index = 0
        self._seen = b""
        self._errors = 0
        self._since_ns = now_ns
        self.found = False

    @property
    def speed(self) -> int:
        """The speed that is tried, or was found."""
        return self._candidates[self._index]

    def feed(self, data: bytes, errors: int, now_ns: int) -> bool:
        """Take what was read at :attr:`speed`, and how many line errors came. True: the speed is another now."""
        if self.found:
            self._errors = self._errors + errors if errors else 0
            if self._errors < 2 * _ERRORS:
                return False
            self.found = False
            return self._next(now_ns)
        if not self._seen:
            self._since_ns = now_ns
        self._seen = (self._seen + data)[-_KEPT:]
        self._errors += errors
        if self._errors < _ERRORS and self._makes_sense():
            self.found = True
            self._errors = 0
            return False
        text = len(_TEXT.findall(self._seen))
        if self._errors >= _ERRORS or (len(self._seen) >= _SAMPLE and text < _TEXT_SHARE * len(self._seen)):
            return self._next(now_ns)
        if text >= _MUCH_TEXT and self._errors == 0:
            self.found = True
        return False

    def tick(self, now_ns: int) -> bool:
        """Let time pass: a few bytes that mean nothing, and no more for a while, are no proof. True: another speed."""
        if not self.found and self._seen and now_ns - self._since_ns > _PATIENCE_NS:
            return self._next(now_ns)
        return False

    def _makes_sense(self) -> bool:
        return _READY in self._seen or any(pattern.search(self._seen) for pattern in _SURE)

    def _next(self, now_ns: int) -> bool:
        self._index = (self._index + 1) % len(self._candidates)
        self._seen = b""
        self._errors = 0
        self._since_ns = now_ns
        return True


class Follower:
    """Looks for a command that changes the speed, and for the OK after which the module speaks at the new one."""

    def __init__(self, *, module_heard: bool) -> None:
        self._module_heard = module_heard
        self._tails: dict[Side, bytes] = {"mcu": b"", "module": b""}
        self._asked: int | None = None

    def feed(self, side: Side, data: bytes) -> int | None:
        """Take what was read on a wire. Return the new speed once it is in force, else None."""
        tail = (self._tails[side] + data)[-_TAIL:]
        self._tails[side] = tail
        found = None
        for found in _CHANGE.finditer(tail):  # noqa: B007 - the last one counts
            pass
        if found is not None:
            self._asked = int(found[1])
            self._tails = {"mcu": tail[found.end() :], "module": b""}
            tail = self._tails[side]
            if not self._module_heard:
                return self._done()
        if self._asked is None or side == "mcu":
            return None
        result = grammar.ANSWER_LINE.search(tail)
        if result is None:
            return None
        if grammar.FINAL_CODES.get(result[1]) == "OK":
            return self._done() if tail[result.end() :].startswith(b"\r\n") else None
        self._asked = None
        return None

    def _done(self) -> int | None:
        speed, self._asked = self._asked, None
        self._tails = {"mcu": b"", "module": b""}
        return speed or None
