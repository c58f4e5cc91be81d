"""Who spoke, where a log does not say: commands are the MCU's, answers the module's, the rest payload."""

from __future__ import annotations

import re

from capture import grammar
from capture.chunk import Side

_NUMBER = re.compile(r"(?<=[=,])\s*\"?(\d{1,5})\"?\s*(?=,|$)")
_MAX_PAYLOAD_LINES = 200


class Speakers:
    """Follows a log line by line. ``echo``: commands are there twice, once as the module repeats them."""

    def __init__(self, *, echo: bool = False) -> None:
        self._echo = echo
        self._command = ""
        self._answered = True
        self._sizes: set[int] = set()
        self._taken = 0
        self._lines = 0
        self._prompted = False

    @property
    def further(self) -> bool:
        """Whether the payload heard last is not the first line of its kind."""
        return self._lines > 1

    def heard(self, side: Side, text: str) -> bool:
        """Take a record whose side is known. Returns whether it is payload that answers a prompt."""
        if side == "module":
            self._module(text.rsplit("\n", 1)[-1].strip() or text.strip())
            return False
        if self._prompted and not self._ends_payload(text, known=True):
            self._take(text)
            return True
        self._begin(text.strip())
        return False

    def tell(self, text: str) -> tuple[Side, bool]:
        """Decide who said a line, and whether it is payload that answers a prompt."""
        bare = text.strip()
        if self._prompted and not self._ends_payload(bare, known=False):
            self._take(text)
            return "mcu", True
        if grammar.is_command(bare):
            if self._echo and bare == self._command and not self._answered:
                self._answered = True
                return "module", False
            self._begin(bare)
            return "mcu", False
        self._module(bare)
        return "module", False

    def _ends_payload(self, text: str, *, known: bool) -> bool:
        if self._taken + _length(text) in self._sizes:
            return False
        if grammar.is_command(text) and text.strip() != "+++":
            return True
        return not known and (grammar.is_answer(text.strip()) or not text.strip())

    def _take(self, text: str) -> None:
        self._lines += 1
        self._taken += _length(text)
        if self._taken in self._sizes or self._lines >= _MAX_PAYLOAD_LINES:
            self._prompted = False
        self._taken += 2

    def _begin(self, command: str) -> None:
        self._command, self._answered, self._prompted = command, False, False
        self._sizes = {int(number) for number in _NUMBER.findall(command)} - {0}

    def _module(self, text: str) -> None:
        if grammar.is_prompt(text):
            self._prompted, self._lines, self._taken = True, 0, 0
        else:
            self._prompted = False
            if text and text != self._command:
                self._answered = True


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
