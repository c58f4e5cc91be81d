"""Where AT traffic begins in a line that has something else in front of it. What it looks like, the grammar knows."""

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
_ESCAPE_AT_END = re.compile(r"(?:\\[rn]|\\x0[adAD]|<CR>?|<LF>?|\^[MJ])\Z", re.IGNORECASE)
_LONGEST_ESCAPE = 4
_BEFORE = (
    r"(?<=^)",
    r"(?<=[^A-Za-z0-9+\"'])",
    r"(?<=[\s:(\[<b=][\"'])",
    r"(?<=\\[rn])",
    r"(?<=[CL][RF]>)",
    r"(?<=\\x0[ad])",
)
_STARTS = re.compile("(?:" + "|".join(_BEFORE) + r")(?=" + grammar.TRAFFIC_START + ")")
