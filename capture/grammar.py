"""The grammar of AT lines: what V.250 and TS 27.007 fix for every maker, without knowing any command.

Strategy: one regular expression per question (where does a line end, what does it start with, where do its
arguments part), no state, nothing that depends on a dialect. Lines come in as bytes without their line end.

Sources: ITU-T V.250 5.2.4 (concatenation), 5.3 (basic syntax, S-parameters), 5.4 (extended syntax), 5.7 (results,
numeric codes); 3GPP TS 27.007 9 (CME ERROR), TS 27.005 3.2.5 (CMS ERROR).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Form = Literal["test", "read", "set", "exec", "basic", "s-register", "dial"]

LINE = re.compile(rb"[\r\n \0]*+([^\r\n]++)(\r\n|\n|\r(?=[^\n]))")
"""A whole line with the blanks before it. A CR at the very end of the buffer does not end it: LF may follow."""
SETTLED_LINE = re.compile(rb"[\r\n \0]*+([^\r\n]++)(\r\n?|\n)")
"""The same once it is known that no LF follows."""
PROMPT = re.compile(rb"[\r\n \0]*+>")
LONE_PROMPT = re.compile(rb"[\r\n \0]*+> ?\Z")
REPEAT = re.compile(rb"[\r\n \0]*+[Aa]/")
LINE_BREAK = re.compile(rb"[\r\n]")
NOT_HEX = re.compile(rb"[^0-9A-Fa-f]")

_COMMAND_START = re.compile(rb"[Aa][Tt](?=[+^$%&*#!\\/?;A-Za-z\d]|\s*\Z)")
_EXTENDED = re.compile(r"([+^$%*#!])[ \t]*([A-Za-z][\w\-./]*+)[ \t]*+(=\?|\?|=|:|(?=;|\Z))", re.ASCII)
"""The manuals print blanks behind the plus sign, and a colon for "=": both mean what they seem to mean."""
_S_REGISTER = re.compile(r"[Ss](\d+)[ \t]*(?:(\?)|=[ \t]*(\d*))?", re.ASCII)
_BASIC = re.compile(r"([&\\%]?[A-Za-z])[ \t]*(\d*)", re.ASCII)
_UNTIL_SEMICOLON = re.compile(r"(?:[^;\"“”]|\"(?:[^\"\\]|\\.)*(?:\"|\Z)|[“”][^“”]*(?:[“”]|\Z))*")
_ARGUMENT = re.compile(
    r"[ \t]*((?:\"(?:[^\"\\]|\\.)*\"|[“”][^“”]*[“”]|\([^()]*(?:\([^()]*\)[^()]*)*\))(?=[ \t]*(?:,|\Z))|[^,]*)"
    r"[ \t]*(,|\Z)",
    re.DOTALL,
)
_INFORMATION = re.compile(
    r"(?:([+^$%*#!][A-Za-z][\w\-./]*)[ \t]*[:=]|(\+[A-Za-z][\w\-./]*)[ \t]*,)[ \t]*(.*)", re.ASCII | re.DOTALL
)
_ERROR = re.compile(r"\+(CM[ES]|CIS) ?ERROR[ \t]*[:=]?[ \t]*(.*)", re.DOTALL)

BLANK = " \t"
"""The white space that may stand around names and arguments."""
PADDING = b"\r\n \0"
"""The bytes that may stand between lines."""
FINAL_CODES = {
    b"OK": "OK",
    b"Ok": "OK",
    b"ok": "OK",
    b"ERROR": "ERROR",
    b"NO CARRIER": "NO CARRIER",
    b"NO ANSWER": "NO ANSWER",
    b"NO DIALTONE": "NO DIALTONE",
    b"NO DIAL TONE": "NO DIALTONE",
    b"BUSY": "BUSY",
    b"SEND OK": "SEND OK",
    b"SEND FAIL": "SEND FAIL",
}
GOOD_CODES = ("OK", "CONNECT", "SEND OK")
"""Final result codes that say that the command was done."""
NUMERIC_CODES = {
    b"0": "OK",
    b"1": "CONNECT",
    b"2": "RING",
    b"3": "NO CARRIER",
    b"4": "ERROR",
    b"6": "NO DIALTONE",
    b"7": "BUSY",
    b"8": "NO ANSWER",
}


class CommandText(NamedTuple):
    """One command of a command line: its name without "+", its form, its argument text, its place in the line."""

    name: str
    form: Form
    arguments: str
    prefix: str = "+"


def command_start(line: bytes) -> int:
    """Return where the command line begins in ``line``: 0, behind garbage, or -1 if there is none."""
    match = _COMMAND_START.match(line)
    if match:
        return 0
    best = -1
    for match in _COMMAND_START.finditer(line):
        if line[match.start() - 1] < 0x20 or line[match.start() - 1] >= 0x7F:
            best = match.start()
    return best


def parse_command_line(body: str) -> list[CommandText]:
    """Split what follows ``AT`` into commands. Anything that fits no syntax becomes one command as it stands."""
    commands: list[CommandText] = []
    position, end = 0, len(body.rstrip(BLANK))
    while position < end:
        character = body[position]
        if character in "; \t":
            position += 1
            continue
        command, position = _one_command(body, position, end)
        commands.append(command)
    return commands or [CommandText("AT", "exec", "", "")]


def _one_command(body: str, position: int, end: int) -> tuple[CommandText, int]:
    character = body[position]
    if match := _EXTENDED.match(body, position, end):
        prefix, name, operator = match[1], match[2].upper(), match[3]
        if operator in ("=", ":"):
            stop = _UNTIL_SEMICOLON.match(body, match.end(), end)
            assert stop is not None
            return CommandText(name, "set", body[match.end() : stop.end()], prefix), stop.end()
        form: Form = "test" if operator == "=?" else "read" if operator == "?" else "exec"
        return CommandText(name, form, "", prefix), match.end()
    if character in "Dd":
        return CommandText("D", "dial", body[position + 1 : end].strip(BLANK), ""), end
    if match := _S_REGISTER.match(body, position, end):
        return CommandText("S" + match[1], "s-register", match[3] or "", ""), match.end()
    if match := _BASIC.match(body, position, end):
        return CommandText(match[1].upper(), "basic", match[2], ""), match.end()
    return CommandText(body[position:end], "exec", "", ""), end


def split_arguments(text: str) -> list[str]:
    """Split at commas outside quotes and brackets. Quotes stay; blanks around an argument go."""
    if '"' not in text and "(" not in text and "“" not in text and "”" not in text:
        return [part.strip(BLANK) for part in text.split(",")] if text else []
    result = []
    position, end = 0, len(text)
    while True:
        match = _ARGUMENT.match(text, position)
        assert match is not None
        result.append(match[1].strip(BLANK))
        position = match.end()
        if position >= end:
            if match[2]:
                result.append("")
            return result


def unquote(text: str) -> str:
    """Take the quotes (plain or typographic) from a string and undo ``\\"`` inside."""
    if len(text) >= 2 and text[0] in '"“”' and text[-1] in '"“”':
        text = text[1:-1]
        if "\\" in text:
            text = text.replace('\\"', '"')
    return text


def parse_information(line: str) -> tuple[str, str] | None:
    """Take ``+NAME: arguments`` (or ``=`` or a comma for ``:``, or a caret) apart, or return None."""
    match = _INFORMATION.match(line)
    return (match[1] or match[2], match[3]) if match else None


def parse_error(line: str) -> tuple[str, str] | None:
    """Take ``+CME ERROR: 3`` apart into ("CME ERROR", "3"), or return None."""
    match = _ERROR.match(line)
    return (match[1] + " ERROR", match[2].rstrip(BLANK)) if match else None
