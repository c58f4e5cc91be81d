"""Where AT traffic stands in a line that somebody wrote. What it looks like, the grammar knows."""

from __future__ import annotations

import re

from capture import grammar


def start(line: str) -> int | None:
    """Where AT traffic begins in a line that has something in front of it; None if there is none.

    Where the line ends for this purpose is found once, so that the time is linear in its length.
    """
    end = _bare_end(line)
    for match in _STARTS.finditer(line, 0, end):
        at = match.start()
        if line[at] == ">" and end - at > 1:
            continue  # an arrow, not the prompt
        if grammar.is_traffic(line, at, end):
            return at
    return None


def _bare_end(line: str) -> int:
    """Return where a line ends without closing quotes and brackets, and without line ends that stand as escapes."""
    end = len(line.rstrip(_CLOSING))
    while match := _ESCAPE_AT_END.search(line, max(0, end - _LONGEST_ESCAPE), end):
        end = match.start()
    return end


_CLOSING = " \t'\"`)]}>,;"
_ESCAPE_AT_END = re.compile(r"(?:\\[rn]|\\x0[adAD]|<CR>?|<LF>?|<LN>|\^[MJ])\Z", re.IGNORECASE)
_LONGEST_ESCAPE = 4
_BEFORE = (
    r"(?<=^)",
    r"(?<=[^A-Za-z0-9+\"'])",
    r"(?<=[\s:(\[<b=][\"'])",
    r"(?<=\\[rn])",
    r"(?<=[CL][RF]>)",
    r"(?<=\^[MJ])",
    r"(?<=^[\"'])",
    r"(?<=\\x0[ad])",
)
_STARTS = re.compile("(?:" + "|".join(_BEFORE) + r")(?=" + grammar.TRAFFIC_START + ")")

_MAKERS = re.compile(r"(?:SHUT OK|CLOSE OK|CONNECT OK|CONNECT FAIL|ALREADY CONNECT|FAIL|busy [ps]\.\.\.)\s*$")
"""Results of makers that stand for themselves."""
_NAME = re.compile(r"[Aa][Tt](?:\+ ?|[\^$%*#!&\\])[A-Za-z][\w\-./]*+")
_BASIC = re.compile(r"[Aa][Tt](?:(?:[&\\%]?[A-Za-z]\d{0,3}){1,4}|[Ss]\d{1,3}(?:=\d*|\?)|[Dd][TPtp]?[\d*#+]\S*)?;?\Z")
QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”")
"""A string in quotes, as a program writes them or a forum."""
_WORDS = re.compile(
    r"(?:^|[\s,])[A-Za-z][a-z]+[,.]? +[a-z]{2,}|[.!?] +[A-Z]|[a-z]\.\s*$|\b(?:and|then|with|from|the)\b"
)


def is_final(text: str) -> bool:
    """Whether a text is a final result code, of the standards or of a maker."""
    return grammar.is_final(text) or _MAKERS.match(text) is not None


def is_answer(text: str) -> bool:
    """Whether only a module says this."""
    return grammar.is_answer(text) or _MAKERS.match(text) is not None


def begins_traffic(text: str) -> bool:
    """Whether a text begins like something that only an MCU or only a module says."""
    return grammar.is_command(text) or is_answer(text)


def is_whole_command(text: str) -> bool:
    """Whether a text is a command line and nothing else: no sentence that names a command."""
    bare = text.strip()
    if bare in ("+++", "A/", "a/"):
        return True
    name = _NAME.match(bare)
    if name is None:
        return _BASIC.match(bare) is not None
    rest = bare[name.end() :].lstrip(" ")
    if not rest or rest in ("?", "=?"):
        return bare[-1] not in ".,-/"
    if rest[0] not in "=:?;":
        return False
    return _WORDS.search(QUOTED.sub("", rest[1:])) is None
