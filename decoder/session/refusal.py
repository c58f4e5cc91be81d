"""What there is to say of a command that the module answered with an error."""

from __future__ import annotations

from msgspec import UNSET

from decoder.events import Finding, Result
from decoder.pairing.pending import PendingCommand


def meaning(result: Result, text: str) -> str:
    """Return what the error means, in brackets behind a blank; "" if nobody knows, or ``text`` says it already."""
    said = result.error.text if result.error is not None else None
    return f" ({said})" if said and said.casefold() not in text.casefold() else ""


def refusal(waiting: PendingCommand, result: Result, text: str, time_ns: int | None, whose: str) -> Finding:
    """Make the finding; ``text`` is the line that the module answered, ``whose`` the dialect of a maker's code."""
    issued, error, command = waiting.issued, result.error, waiting.reading.command
    meaning_zh = f"({error.text_zh})" if error and error.text_zh else ""
    reference = f"{issued.dialect} {command.spec.section}" if command is not None else None
    message = f"{issued.raw}: the module answered {text}{meaning(result, text)}"
    message_zh = f"{issued.raw}:模组返回{text}{meaning_zh}"
    number = error.code if error is not None and isinstance(error.code, int) else error.number if error else UNSET
    said = f"{whose} {result.code} {number}".lstrip() if isinstance(number, int) else UNSET
    layer = command.layer or UNSET if command is not None else UNSET
    return Finding(time_ns, "module", "command.error", "error", message, reference, message_zh, error=said, layer=layer)
