"""The grammar of AT lines: what V.250 and TS 27.007 fix for every maker, without knowing any command.

Strategy: one regular expression per question (where does a line end, what does it start with, where do its
arguments part), no state, nothing that depends on a dialect. Lines come in as bytes without their line end.

Whoever asks what a line is, asks here. There are two questions. *What is this line of the MCU?* knows the side, and is
generous: :func:`command_start`, :func:`parse_command_line`. *Who can have said this?* (a log without marks, ports that
may be swapped, a speed that may be wrong) does not, and is strict: :func:`is_command`, :func:`is_answer`, and
:data:`COMMAND_LINE`, :data:`FINAL_LINE`, :data:`INFORMATION_LINE` in what a wire said. Both know the same results.

Sources: ITU-T V.250 5.2.4 (concatenation), 5.3 (basic syntax, S-parameters), 5.4 (extended syntax), 5.7 (results,
numeric codes); 3GPP TS 27.007 9 (CME ERROR), TS 27.005 3.2.5 (CMS ERROR).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, NamedTuple

Form = Literal["test", "read", "set", "exec", "basic", "s-register", "dial"]

LINE = re.compile(rb"[\r\n \0]*+([^\r\n]++)(\r\n|\n|\r(?=[^\n]))")
"""A whole line with the blanks before it. A CR at the very end of the buffer does not end it: LF may follow."""
WHOLE_LINES = re.compile(rb"([^\r\n \0][^\r\n]*+)(\r\n|\n|\r(?=[^\n]))")
"""The same for searching in bytes that end in LF: the time is linear, whatever they are."""
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

MAX_COMMANDS = 64
"""Commands of a command line that are told apart."""
MAX_ARGUMENTS = 512
"""Arguments of a line that are told apart."""
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
"""Final result codes that are a whole line. ``SEND OK`` and ``SEND FAIL`` are of makers."""
ERROR_CODES = ("CME ERROR", "CMS ERROR", "CIS ERROR")
"""Final result codes that a number or a text follows. ``CIS ERROR`` is of makers."""
GOOD_CODES = ("OK", "CONNECT", "SEND OK")
"""Final result codes that say that the command was done."""
ENDS_OF_CALLS = ("NO CARRIER", "BUSY", "NO ANSWER")
"""Results that come of themselves, too, when a call is over (V.250 5.7)."""
LATE_CODES = ("CONNECT", "NO CARRIER", "SEND OK", "SEND FAIL")
"""Final result codes that may also come alone: when a command has its OK already, or when no command waits."""
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

_NAME = r"[A-Z][A-Z0-9_./-]*+"
_SPELT = "|".join(sorted((word.decode() for word in FINAL_CODES), key=len, reverse=True))
_WORDS = "|".join(word for word in _SPELT.split("|") if word.isupper())
"""As the standards spell them: "ok" may be anything where people write."""
_ERRORS = r"\+(?:" + "|".join(code.removesuffix(" ERROR") for code in ERROR_CODES) + r") ?ERROR"
_CONNECT = r"CONNECT(?: \d[^\r\n]*+)?"
"""With a speed, or without. What else stands behind it (``CONNECT FAIL``) is of makers, and no CONNECT."""
_LONG = rf"{_CONNECT}|{_ERRORS}[^\r\n]*+"
_IS_CONNECT = re.compile(_CONNECT.encode())
_COMMANDS = r"AT(?:[+^$%*#!&\\] ?[A-Za-z]|[A-Z]\d?(?![a-z])|[SD]\d|\?)|at(?:[+^$%*#!&\\][A-Za-z]|[a-z]\d?(?![a-z]))"
"""Upper case or lower case, never both: "Attached" and "At home" are no commands where people write."""
_ERROR = re.compile(rf"({_ERRORS})[ \t]*[:=]?[ \t]*(.*)", re.DOTALL)
_IS_COMMAND = re.compile(rf"{_COMMANDS}|(?:AT|at|A/|\+\+\+)\s*$")
_IS_FINAL = re.compile(rf"(?:{_WORDS}|{_LONG})\s*$")
_IS_ANSWER = re.compile(rf"[+^$%*#!]{_NAME}\s*[:=,]|[+^][A-Z][A-Z0-9_]{{3,}}+\s*$|>\s*$|> ")
_IS_PROMPT = re.compile(r">\s*")
_LONE_COMMAND = re.compile(_COMMAND_START.pattern + rb"[^\r\n]*+\r\n?\Z")
_RESULT_AT_END = re.compile(rf"\r\n(?:{_SPELT}|{_LONG}) *\r\n\Z".encode())
_LONGEST_RESULT = 256

COMMAND_LINE = re.compile(rf"(?:(?:{_COMMANDS})[\x20-\x7e]*+|AT *|at *)(?=\r)".encode())
"""A whole command line of printable characters in what a wire said, wherever it begins."""
FINAL_LINE = re.compile(rf"(?:^|(?<=[\r\n]))({_SPELT}|{_LONG}) *+(?=\r)".encode())
"""A whole final result, as group 1."""
ANSWER_LINE = re.compile(rf"(?:^|(?<=[\r\n]))(?!{'|'.join(LATE_CODES)})({_SPELT}|{_LONG}) *+(?=\r)".encode())
"""The same, but none of the :data:`LATE_CODES`: what is only ever said to a command that waits."""
INFORMATION_LINE = re.compile(rf"(?<=\r\n)[+^$%*#!]{_NAME}[ \t]*[:=][\x20-\x7e]*+(?=\r)".encode())
"""A whole line that only a module says, of printable characters: an information response or a URC."""
PLAUSIBLE_LINE = re.compile(
    rf"\r\n(?:\r\n)?(?:[+^$%*#!][A-Z]{_NAME}[:=]|\^[A-Z]+|(?:{_SPELT}|{_LONG}) *\r|AT[+^$%*#!&\\])".encode()
)
"""A line end, and behind it what can only be another line: where to go on if a length was wrong."""
NO_CARRIER = rb"(?:\r\n)?NO CARRIER\r\n"
"""The pattern of the line that ends a connection."""
FIXED = (
    rf"[Aa][Tt][+^$%*#!&][A-Za-z][A-Za-z0-9_]*|[+^$%*#!][A-Z][A-Z0-9_]{{2,}}(?=[ \t]*[:=])"
    rf"|{_ERRORS}|(?<=\n)(?:{_SPELT})(?=\r)"
).encode()
"""The pattern of names and results: what of a line is grammar, and never a value."""
RESULT_BEHIND = rf"(?:OK|ERROR|{_ERRORS}\s*[:=].*)"
"""The pattern of a result behind an answer on one line of text. Of words, only those that no answer ends with."""
_FIRST_WORDS = "|".join(dict.fromkeys(word.split()[0] for word in _WORDS.split("|")))
TRAFFIC_START = rf"[Aa][Tt]|{_FIRST_WORDS}|CONNECT|[+^$%*#!>][A-Z]?"
"""The pattern of how a command or an answer begins."""
TWO_COMMANDS = re.compile(r'AT[^"]*(?:"[^"]*"[^"]*)*[^";,=\s]AT[+^$%*#][A-Z]', re.IGNORECASE)
"""A command line with another one inside: two writers on one line."""


class CommandText(NamedTuple):
    """One command of a command line: its name without "+", its form, its argument text.

    ``own``: how it stands in the line, where the line holds several; else empty.
    """

    name: str
    form: Form
    arguments: str
    prefix: str = "+"
    own: str = ""


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
    """Split what follows ``AT`` into commands: at most ``MAX_COMMANDS``.

    Anything that fits no syntax becomes one command as it stands, and so does what follows that many commands.
    """
    commands: list[CommandText] = []
    places: list[tuple[int, int]] = []
    position, end = 0, len(body.rstrip(BLANK))
    while position < end:
        start = position
        if body[start] in "; \t":
            position += 1
            continue
        if len(commands) == MAX_COMMANDS - 1:
            command, position = _one_command(body, start, end)
            if body[position:end].strip("; \t"):
                command, position = CommandText(body[start:end], "exec", "", ""), end
        else:
            command, position = _one_command(body, start, end)
        commands.append(command)
        places.append((start, position))
    if len(commands) > 1:
        return [one._replace(own=body[start:stop]) for one, (start, stop) in zip(commands, places, strict=True)]
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
    """Split at commas outside quotes and brackets. Quotes stay; blanks around an argument go.

    The last of ``MAX_ARGUMENTS`` takes all that follows.
    """
    if '"' not in text and "(" not in text and "“" not in text and "”" not in text:
        return [part.strip(BLANK) for part in text.split(",", MAX_ARGUMENTS - 1)] if text else []
    if "(" not in text and "\\" not in text and "“" not in text and "”" not in text:
        quoted = text.split('"')[1::2]
        if "," not in "".join(quoted):
            return [part.strip(BLANK) for part in text.split(",", MAX_ARGUMENTS - 1)]
    result: list[str] = []
    position, end = 0, len(text)
    while True:
        if len(result) == MAX_ARGUMENTS - 1:
            return [*result, text[position:].strip(BLANK)]
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
    return (match[1][1:].removesuffix("ERROR").rstrip() + " ERROR", match[2].rstrip(BLANK)) if match else None


def is_connect(text: bytes) -> bool:
    """Tell whether a line is CONNECT: the result of a call, or what data mode begins with."""
    return _IS_CONNECT.fullmatch(text) is not None


def is_lone_command(run: bytes) -> bool:
    """Tell whether bytes of the MCU are one whole command line, with its line end, and nothing else."""
    return _LONE_COMMAND.match(run) is not None


def ends_with_result(run: bytes) -> bool:
    """Tell whether bytes of the module end with a final result."""
    return _RESULT_AT_END.search(run, max(0, len(run) - _LONGEST_RESULT)) is not None


def is_command(text: str) -> bool:
    """Tell whether only an MCU says a line that begins like this, whoever wrote it down."""
    return _IS_COMMAND.match(text) is not None


def is_final(text: str) -> bool:
    """Tell whether a line is a final result."""
    return _IS_FINAL.match(text) is not None


def is_answer(text: str) -> bool:
    """Tell whether only a module says a line that begins like this: a result, an information response, a prompt."""
    return _IS_FINAL.match(text) is not None or _IS_ANSWER.match(text) is not None


def is_traffic(text: str, start: int, end: int) -> bool:
    """Tell whether ``text`` from ``start`` up to ``end`` is a line of either side."""
    return any(pattern.match(text, start, end) for pattern in (_IS_COMMAND, _IS_FINAL, _IS_ANSWER))


@cache
def prompt(text: str) -> re.Pattern[bytes]:
    """Return the pattern of a prompt of a maker: a sign, or a word that is a whole line. ``>`` is one everywhere."""
    word = re.escape(text.encode()) + (rb" *+\r\n" if text[-1:].isalnum() else b"")
    return PROMPT if text == ">" else re.compile(rb"[\r\n \0]*+(?:>|%b)" % word)


def is_prompt(text: str) -> bool:
    """Tell whether a line is the prompt for payload."""
    return _IS_PROMPT.fullmatch(text) is not None
