"""Payload that a command of the MCU announces: how much, what asks for it, what ends it."""

from __future__ import annotations

from capture.grammar import Form
from decoder.catalog.compiled import Command
from decoder.pairing.pending import PendingCommand, PendingLine
from decoder.times import NEVER


class Announced:
    """Payload that a command announced. ``length`` 0: without a length. ``finished``: the module has answered.

    ``last_ns``: when the last byte of it came (or of the command, if none has).
    """

    __slots__ = (
        "after_answer",
        "after_ok",
        "after_result",
        "deadline_ns",
        "end",
        "end_early",
        "entry",
        "finished",
        "last_ns",
        "length",
        "owner",
        "prompt",
        "tail",
        "taken",
        "then_prompt",
    )

    def __init__(self, entry: PendingLine, owner: PendingCommand, length: int) -> None:
        command = owner.reading.command
        rule = command.payload if command is not None else None
        after = rule.after if rule is not None else "prompt"
        self.prompt = rule.prompt if rule is not None else ">"
        self.after_ok = after == "ok-prompt" or (after == "ok" and length > 0)
        self.then_prompt = after == "ok-prompt"
        self.after_result = after == "result"
        self.after_answer = after == "answer"
        self.tail = rule.tail.encode() if rule is not None and length else b""
        self.end_early = rule is not None and rule.end_early
        self.end = b"+++" if rule is not None and "+++" in rule.end else b"\x1a"
        self.entry = entry
        self.owner = owner
        self.length = length
        self.finished = False
        self.taken = 0
        self.deadline_ns = NEVER
        self.last_ns = entry.time_ns


def is_nearer_as_hex(size: int, announced: int) -> bool:
    """Tell whether ``size`` digits are rather ``announced`` bytes in hex than as many characters."""
    return size % 2 == 0 and abs(size // 2 - announced) < abs(size - announced)


def announces(command: Command, form: Form) -> bool:
    """Tell whether payload follows this form of a command."""
    stream = command.stream
    return form == "set" or (form == "exec" and "exec" in command.forms and stream is None)
