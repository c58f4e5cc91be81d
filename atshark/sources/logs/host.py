"""What the host's program says of a failure, between the traffic: "timed out", "giving up", an exception.

It is evidence of what the host believed, and no traffic: it becomes a mark.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from atshark.sources.logs import shape
from atshark.sources.logs.formats import Numbered
from capture import grammar

_LONGEST = 200
_LONGEST_LINE = 2000
_WORDS = re.compile(
    r"\b(?:tim(?:ed?|ing)[ -]?out|no (?:response|reply|answer)|not respond(?:ing)?"
    r"|fail(?:ed|ure|s)?|giv(?:e|es|ing) up|gave up"
    r"|exception|traceback|panic|watchdog|abort(?:ed|ing)?|rebooting|resetting|reconnect(?:ing)?|unable to|cannot)\b"
    r"|\u8d85\u65f6|\u5931\u8d25|\u65e0\u54cd\u5e94|\u65e0\u5e94\u7b54|\u590d\u4f4d|\u91cd\u542f|\u5f02\u5e38",
    re.IGNORECASE,
)


def overheard(lines: Iterable[Numbered], said: deque[Numbered]) -> Iterator[Numbered]:
    """Yield the lines of a log; put into ``said`` what the host says of failures, with the number of its line."""
    for numbered in lines:
        number, line = numbered
        if len(line) <= _LONGEST_LINE and _WORDS.search(line) and not _is_traffic(line):
            said.append((number, line.strip()[:_LONGEST]))
        yield numbered


def _is_traffic(line: str) -> bool:
    """Whether the words may be the module's, such as an error in words, or stand inside a command."""
    at = shape.start(line)
    if at is None:
        return False
    rest = line[at:]
    return not grammar.is_command(rest) or _WORDS.search(shape.QUOTED.sub("", rest)) is None
