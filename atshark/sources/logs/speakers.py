"""Who spoke, where a log does not say: commands are the MCU's, answers the module's, the rest payload.

A command that stands there twice is a command and its echo, where the log shows echoes; how many times each stands
there is learned from those that were answered. What a list of commands (``AT+CLAC``) says is the module's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from atshark.sources.logs import shape
from capture import grammar
from capture.chunk import Side

_NUMBER = re.compile(r"(?<=[=,])\s*\"?(\d{1,5})\"?\s*(?=,|$)")
_COUNTED = re.compile(r"AT\+\w+=(?:\d{1,3},)?\d{1,5}\s*$")
"""A command whose last argument is the length of the payload that it asks for."""
_PDU = re.compile(r"(?:[0-9A-F]{2}){8,}(?=\W*$|<)", re.IGNORECASE)
_SERVICE_CENTRE = 13
"""Octets that the address of a service centre has at most, its length included."""
_MAX_PAYLOAD_LINES = 200
_LISTS = re.compile(r"AT(?:[+#^]CLAC|\+CMD\?|\+HELP|\^HELP|\+LIST|&V)", re.IGNORECASE)
_MOST_ALIKE = 8
_WORDS = ("CONNECT", "DOWNLOAD")
"""Prompts that are words: the MCU speaks next if what comes is as long as the command says, or a certificate."""
_PEM = "-----BEGIN "


class Speakers:
    """Follows a log line by line. ``echo``: how many times each command stands there, its echoes included."""

    def __init__(self, *, echo: int = 1) -> None:
        self._echo = echo
        self._command = ""
        self._echoes = 0
        self._lists = False
        self._heard = False
        self._sizes: set[int] = set()
        self._counted = False
        self._taken = 0
        """Bytes of payload, without the line ends between its lines."""
        self._lines = 0
        self._prompted = self._may_be_prompted = False

    @property
    def further(self) -> bool:
        """Whether the payload heard last is not the first line of its kind."""
        return self._lines > 1

    @property
    def sizes(self) -> frozenset[int]:
        """How long the payload of the command may be: the numbers in it."""
        return frozenset(self._sizes)

    @property
    def awaits_payload(self) -> bool:
        """Whether more lines of payload may come."""
        return self._prompted

    @property
    def awaits_line_end(self) -> bool:
        """Whether the payload that is asked for may be a bare line end."""
        return self._prompted and not self._lines and 2 in self._sizes

    def heard(self, side: Side, text: str) -> bool:
        """Take a record whose side is known. Returns whether it is payload that answers a prompt."""
        if side == "module":
            self._module(text.rsplit("\n", 1)[-1].strip() or text.strip())
            return False
        if self._prompted and not self._ends_payload(text, known=True):
            self._take(text)
            return True
        self._begin(text.strip(), 1)
        return False

    def tell(self, text: str, alike: int = 1) -> tuple[Side, bool]:
        """Decide who said a line, and whether it is payload that answers a prompt.

        ``alike``: how many lines from here on say the same, this one included.
        """
        bare = text.strip()
        if self._may_be_prompted:
            self._may_be_prompted = False
            if _length(bare) in self._sizes or bare.startswith(_PEM):
                self._prompted, self._lines, self._taken = True, 0, 0
        if self._prompted and not self._ends_payload(bare, known=False):
            self._take(text)
            return "mcu", True
        if grammar.is_command(bare) and not self._lists:
            if self._echoes and bare.casefold() == self._command.casefold():
                self._echoes -= 1
                return "module", False
            self._begin(bare, alike)
            return "mcu", False
        self._module(bare)
        return "module", False

    def _ends_payload(self, text: str, *, known: bool) -> bool:
        size, lines = self._taken + _length(text), self._lines + 1
        if self._is_whole(size, lines) or (not self._lines and self._is_pdu(text)):
            return False
        if not known and self._sizes and size + 2 * self._lines > max(self._sizes) and self._counted:
            return True
        if grammar.is_command(text) and text.strip() != "+++":
            return True
        return not known and (shape.is_answer(text.strip()) or not text.strip())

    def _is_pdu(self, text: str) -> bool:
        """Tell whether a line is a short message in hex: its length counts no service centre (TS 27.005 4.3)."""
        found = _PDU.match(text)
        if found is None or not self._counted or not self._sizes:
            return False
        return 0 <= len(found[0]) // 2 - max(self._sizes) <= _SERVICE_CENTRE

    def _take(self, text: str) -> None:
        self._lines += 1
        self._taken += _length(text)
        if self._is_whole(self._taken, self._lines) or self._lines >= _MAX_PAYLOAD_LINES:
            self._prompted = False

    def _is_whole(self, size: int, lines: int) -> bool:
        """Tell whether so many bytes in so many lines are as many as the command says, whatever the line ends were."""
        ends = (2 * lines - 2,) if lines == 1 else (2 * lines - 2, 2 * lines, lines - 1, lines)
        return any(size + one in self._sizes for one in ends)

    def _begin(self, command: str, alike: int) -> None:
        every = self._echo
        echoed = every > 1 and (
            (self._heard and alike <= every)
            or (alike % every == 0 < alike and self._heard)
            or (alike == every and command.casefold() != self._command.casefold())
        )
        self._command, self._prompted = command, False
        self._echoes = every - 1 if echoed else 0
        self._lists = _LISTS.match(command) is not None and not command.rstrip().endswith("=?")
        self._sizes = {int(number) for number in _NUMBER.findall(command)} - {0}
        self._counted = _COUNTED.match(command) is not None

    def _module(self, text: str) -> None:
        if grammar.is_prompt(text):
            self._prompted, self._lines, self._taken = True, 0, 0
        else:
            self._prompted = False
            self._may_be_prompted = bool(self._sizes) and text in _WORDS
            self._heard = self._heard or bool(text)
            if shape.is_final(text):
                self._echoes = 0
            self._lists = self._lists and not shape.is_final(text)


def repeats(lines: Iterable[str]) -> int:
    """Tell how many times a command stands in a log: once, or more often where its echo is shown."""
    counts: Counter[int] = Counter()
    before, alike = "", 0
    for line in lines:
        bare = line.strip()
        if not bare:
            continue
        if alike and bare.casefold() == before.casefold():
            alike += 1
            continue
        if alike and shape.is_answer(bare):
            counts[min(alike, _MOST_ALIKE)] += 1 if before.upper() == "AT" else 100
        before, alike = bare, 1 if grammar.is_command(bare) else 0
    if not counts:
        return 1
    several = sum(count for alike, count in counts.items() if alike > 1)
    if several * 4 < counts[1]:
        return 1
    return min((-count, alike) for alike, count in counts.items() if alike > 1)[1] if several else 1


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
