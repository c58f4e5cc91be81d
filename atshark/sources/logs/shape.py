"""How lines of AT traffic look, whoever wrote them down: enough to tell who spoke, without knowing any command."""

from __future__ import annotations

import re

COMMAND = re.compile(
    r"(?:AT(?:[+^$%*#!&\\] ?[A-Za-z]|[A-Z]\d?(?![a-z])|[SD]\d|\?|\s*$)"
    r"|at(?:[+^$%*#!&\\][A-Za-z]|[a-z]\d?(?![a-z])|\s*$)"
    r"|A/\s*$|\+\+\+\s*$)"
)
"""A command line: 27.007's extended syntax, V.250's basic one, the repetition and the escape."""
FINAL = re.compile(
    r"(?:OK|ERROR|SEND OK|SEND FAIL|NO CARRIER|NO ANSWER|NO DIALTONE|BUSY|CONNECT(?: \d+)?"
    r"|\+CM[ES] ?ERROR\s*[:=].*|\+CIS ?ERROR\s*[:=].*)\s*$"
)
ANSWER = re.compile(r"[+^$%*#!][A-Z][A-Z0-9_./-]*\s*[:=,]|[+^][A-Z][A-Z0-9_]{3,}\s*$|>\s*$|> ")
"""What only a module says: an information response, a URC, the prompt."""
PROMPT = re.compile(r">\s*$")


def is_command(text: str) -> bool:
    """Whether only an MCU sends this."""
    return COMMAND.match(text) is not None


def is_answer(text: str) -> bool:
    """Whether only a module sends this."""
    return FINAL.match(text) is not None or ANSWER.match(text) is not None


def start(line: str) -> int | None:
    """Where AT traffic begins in a line that has something in front of it; None if there is none."""
    for match in _STARTS.finditer(line):
        rest = line[match.start() :].rstrip(_CLOSING)
        rest = _ESCAPES_AT_END.sub("", rest)
        if rest.startswith(">") and rest != ">":
            continue  # an arrow, not the prompt
        if is_command(rest) or is_answer(rest):
            return match.start()
    return None


_CLOSING = " \t'\"`)]}>,;"
_ESCAPES_AT_END = re.compile(r"(?:\\[rn]|\\x0[adAD]|<CR>?|<LF>?|\^[MJ])+$", re.IGNORECASE)
_BEFORE = (
    r"(?<=^)",
    r"(?<=[^A-Za-z0-9+\"'])",
    r"(?<=[\s:(\[<b=][\"'])",
    r"(?<=\\[rn])",
    r"(?<=[CL][RF]>)",
    r"(?<=\\x0[ad])",
)
_STARTS = re.compile("(?:" + "|".join(_BEFORE) + r")(?=[Aa][Tt]|OK|ERROR|SEND |NO |BUSY|CONNECT|[+^$%*#!>][A-Z]?)")
