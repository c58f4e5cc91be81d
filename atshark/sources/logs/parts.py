"""One line of a log to the lines that were said: what programs printed into it and people wrote behind it goes.

Strategy: :func:`parted` takes lines apart that were several: an echo and its answer, an answer and its result, a
result and the next command, a prompt and payload. :class:`Cleaner` follows a log without marks, where a program's own
text stands in front of commands and in the middle of answers. All patterns are linear in the length of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from atshark.sources.logs import shape
from capture import grammar

_COMMENT = re.compile(r"(?<![:/])//")
_REMARK = re.compile(r"(?:(?<!\s)\s++|(?<=\s))(?:<-{1,3}|<={1,2}|←|//|#|--+|;|\*{2,}|=>|->|\.{3}|\()\s*.*$")
_INFO_REMARK = re.compile(
    r"(?<!\s)\s++(?:(?:<-{1,3}|<={1,2}|←|//|#|--|\*{2,})\s.*$|\((?=[^()]*[a-z]{2} [a-z])[^()]*+\)\s*$)"
)
_RESULT = re.compile(r"\s*(?:OK|ERROR|SEND OK|SEND FAIL|NO CARRIER|NO ANSWER|BUSY|\+CM[ES] ERROR:\s*\d+)(?=\s)")
_JOINED = re.compile(rf"(?<=[^\s:=,])[ \t]+(?={grammar.RESULT_BEHIND}\s*$)|(?<=^OK)[ \t]*(?=[+^][A-Z]{{3,}}\w*\s*[:=])")
_JOINED_COMMAND = re.compile(
    r"^(AT[^\s\"]*(?:\"[^\"]*\"[^\s\"]*)*)\s+(?:(?:->|=>|→|:|-{1,2})\s*)?(?=[+^][A-Z]|OK\s*$|ERROR\s*$)"
)
_COMMAND_INSIDE = re.compile(
    r"(?<![A-Za-z\"'=,(/+])[Aa][Tt](?:[+^$%*#&][A-Za-z]{2,}|[DEIVZ]\d?(?![A-Za-z]))|(?<=OK)AT(?=[+^$%*#&]|$)"
)
_GLUED_RESULT = re.compile(r"(?:OK|ERROR|SEND OK|SHUT OK|CLOSE OK)(?=AT(?:[+^$%*#&]|\s*$))")
_OF_LINK = re.compile(r"\d\s?,\s?(?:CONNECT|SEND|CLOSE) OK\s*$")
"""A maker's result with the number of its connection in front."""
_FULL_WIDTH = str.maketrans("\uff1a\uff0c\uff1f\uff1d\uff0b\uff1b\uff08\uff09", ":,?=+;()")
_FULL = re.compile("[\uff1a\uff0c\uff1f\uff1d\uff0b\uff1b\uff08\uff09]")
_FULL_TRAFFIC = re.compile("\\s*(?:AT|at|[+\uff0b][A-Z])")


def plain_punctuation(line: str) -> str:
    """Undo what input methods do to AT traffic: full-width punctuation."""
    if not line.isascii() and _FULL.search(line) and _FULL_TRAFFIC.match(line):
        return line.translate(_FULL_WIDTH)
    return line


def uncommented(line: str) -> str:
    """Take a remark off a command: what follows // outside quotes, an arrow, a hash, words in brackets."""
    for match in _COMMENT.finditer(line):
        if line.count('"', 0, match.start()) % 2 == 0:
            return line[: match.start()].rstrip()
    remark = _INFO_REMARK.search(line)
    if remark and line.count('"', 0, remark.start()) % 2 == 0:
        return line[: remark.start()].rstrip()
    return line


def unremarked(line: str) -> str:
    """Take a remark off an answer: what people write behind a result or behind an information response."""
    if match := _RESULT.match(line):
        rest = line[match.end() :]
        if _REMARK.fullmatch(rest):
            return line[: match.end()]
    information = line.lstrip()[:1] in ("+", "^")
    if information and (match := _INFO_REMARK.search(line)) and line.count('"', 0, match.start()) % 2 == 0:
        return line[: match.start()]
    return line


def parted(line: str) -> Iterator[str]:
    """Take a line apart that was several: an echo and its answer, an answer and its result, a prompt and payload."""
    if match := re.match(r"\s*(>) ?(?=\S)", line):
        yield ">"
        yield line[match.end() :]
        return
    bare = line.strip()
    if (shape.is_final(bare) and "AT+" not in bare) or _OF_LINK.match(bare):
        yield line
        return
    if match := _GLUED_RESULT.match(bare):
        yield match[0]
        yield from parted(bare[match.end() :])
        return
    if match := _JOINED_COMMAND.match(bare):
        yield match[1]
        line = bare[match.end() :]
    elif grammar.is_command(bare):
        yield line
        return
    line = unremarked(line)
    at = 0
    for match in _JOINED.finditer(line):
        if line.count('"', 0, match.start()) % 2 == 0:
            yield line[at : match.start()]
            at = match.end()
    yield line[at:]


def command_inside(line: str) -> int:
    """Where a whole command stands at the end of a line that begins with something else; -1 if none does."""
    for match in _COMMAND_INSIDE.finditer(line):
        if (
            match.start()
            and line.count('"', 0, match.start()) % 2 == 0
            and shape.is_whole_command(line[match.start() :])
        ):
            return match.start()
    return -1


_DEBUG = re.compile(r"\[\d{2,10}\]\s.*$")
_CUT_ANSWER = re.compile(r"[+^][A-Z][A-Z0-9 _]*:?\s*$")


class Cleaner:
    """Follows the lines of a log without marks; takes out what the program printed into them."""

    def __init__(self) -> None:
        self._cut = ""
        self.dropped = 0

    def lines(self, line: str, following: str) -> Iterator[str]:
        """Yield what was said in ``line``; ``following`` is the next line that is not blank."""
        line = plain_punctuation(line)
        if self._cut:
            head, self._cut = self._cut, ""
            if line.strip() and not shape.begins_traffic(line.strip()):
                line = head + line
            else:
                yield head
        if "[" in line and (match := _DEBUG.search(line)):
            head = line[: match.start()].rstrip()
            self.dropped += 1
            if not head.strip():
                return
            if _CUT_ANSWER.match(head.strip()):
                self._cut = head.strip()
                return
            line = head
        at = command_inside(line)
        if at > 0 and not grammar.is_command(line.strip()):
            head, command = line[:at].rstrip(), line[at:]
            if head.strip() == ">":
                yield line
                return
            if shape.begins_traffic(head.strip()) or head.lstrip().startswith(">"):
                yield head
            elif line[at - 1].isspace() and not self._confirmed(command, following):
                yield line
                return
            else:
                self.dropped += 1
            yield command
            return
        yield line

    @staticmethod
    def _confirmed(command: str, following: str) -> bool:
        """Whether what follows shows that a command in a sentence was sent: its echo, or an answer."""
        return following.strip() == command.strip() or shape.is_answer(following.strip())
