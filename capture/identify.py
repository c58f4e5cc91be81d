"""Which of two ports is the MCU's: what the module alone says is a final result code."""

from __future__ import annotations

from capture import grammar

_TAIL = 512


class Identify:
    """Takes what both ports hear; tells which one, 0 or 1, hears the MCU, and why."""

    def __init__(self) -> None:
        self._tails = [b"", b""]
        self._finals = [0, 0]
        self._commands = [0, 0]

    def feed(self, port: int, data: bytes) -> int | None:
        """Take bytes of ``port`` (0 or 1). Return the number of the MCU's port once it is known, else None."""
        tail = (self._tails[port] + data)[-_TAIL:]
        for pattern, counts in ((grammar.FINAL_LINE, self._finals), (grammar.COMMAND_LINE, self._commands)):
            end = 0
            for match in pattern.finditer(tail):
                counts[port] += 1
                end = match.end()
            tail = tail[end:]
        self._tails[port] = tail
        for number in (0, 1):
            other = 1 - number
            if self._finals[other] > self._finals[number] and self._commands[number] >= self._commands[other]:
                return number
        return None

    def why(self, number: int) -> str:
        """Say what the decision rests on."""
        other = 1 - number
        return (
            f"{self._finals[other]} final result codes there against {self._finals[number]} here, "
            f"{self._commands[number]} commands here"
        )
