"""Where AT traffic begins in a line that has something else in front of it. What it looks like, the grammar knows."""

from __future__ import annotations

import re

from capture import grammar


def start(line: str) -> int | None:
    """Where AT traffic begins in a line that has something in front of it; None if there is none."""
    for match in _STARTS.finditer(line):
        rest = line[match.start() :].rstrip(_CLOSING)
        rest = _ESCAPES_AT_END.sub("", rest)
        if rest.startswith(">") and rest != ">":
            continue  # an arrow, not the prompt
        if grammar.is_command(rest) or grammar.is_answer(rest):
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
_STARTS = re.compile("(?:" + "|".join(_BEFORE) + r")(?=" + grammar.TRAFFIC_START + ")")
