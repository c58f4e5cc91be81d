"""Formats that nobody listed: the marks are learned from the log itself.

Strategy: wherever something that only an MCU or only a module says stands behind other text, that other text is a
candidate for a mark, digits made equal. What recurs before commands marks the MCU, what recurs before answers the
module. A mark before both says nothing about direction (or is that of a module with its echo, if another mark has
commands only). A line that is nothing but a mark stands over its content. Lines without a mark may be the program's
own, or the rest of the record above, or traffic that is told apart by what it says: each of these is a format of its
own, and the decoder judges which one is right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from atshark.sources.logs import shape
from atshark.sources.logs.formats import DIGIT_SIGN, STAMP_SIGN, LogFormat, Numbered, normal
from atshark.sources.logs.times import STAMP
from capture import grammar
from capture.chunk import Side

_ESCAPES = re.compile(r"(?:\\[rn]|\\x0[adAD]|<[CcLl][RrFfNn]>|\^[MJ])+$")
_FIRST = re.compile(r"\\[rn]|\\x0[adAD]|<[CcLl][RrFfNn]>|\^[MJ]|[\"'], ")
"""What ends a line inside a record: what stands in front of it is the first thing said."""
_MAX_PREFIX = 160
_MAX_RAW_PREFIX = 1000
"""The same before times and numbers are made equal."""
_OPENING = re.compile(r"(?:[bBuU]?[\"'`“‘«「])+$|[\"'`“‘«「]\s+$|[(\[{<]$")
_ALONE = re.compile(r"(?!>\s*$)[^\w\s\"'`+]{1,4}\s*$|[\w\[\]<>():.|/# \t收发送接]{2,60}[:\]>)】:]\s*$")
_PARTNERS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_MODULE_WORDS = re.compile(
    r"(?i)\b(?:rxd?|rec(?:v|ei\w*)|read|resp\w*|answer\w*|repl\w*|rsp|in|modem|module|got|urc)\b|<-|<<|<=|[收接]"
)
_MCU_WORDS = re.compile(r"(?i)\b(?:txd?|se?nd\w*|sent|writ\w*|cmd|command|out|host|mcu|req\w*)\b|->|>>|=>|[发送]")
_CLAIM = re.compile(r"(?i)\b(?:expect|wait|abort|check|match|try|should|must)\w*\b")
"""What stands in front of answers that a program only hopes for."""
_ARROWS = re.compile(r"[-=<>]{2,}")
_HEADS = [re.compile(pattern) for pattern in (
    r"[EWIDV] \(\d+\) ", r"\[?\d{4}-\d\d-\d\d[ T_]\d\d:\d\d:\d\d", r"\[?\(?\d\d:\d\d:\d\d[.,:]\d+",
    r"\[\d+(?:\.\d+)?(?:ms)?\]", r"\[[ .\d]{4,}\]", r"(?:DEBUG|INFO|WARN(?:ING)?|ERROR|TRACE|VERBOSE)\b[:\s|]",
    r"\d+ (?:DEBUG|INFO|WARN|ERROR|TRACE)\b", r"<\w+>", r"\[\w/[\w.-]+\]", r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ",
    r"\d\d-\d\d \d\d:\d\d:\d\d", r"\d{6,} ", r"[A-Z]/[\w.-]+",
)]  # fmt: skip
"""How lines of programs begin; a line that begins like the marked ones, but has no mark, is the program's own."""


def learn(lines: list[Numbered]) -> list[LogFormat]:
    """Learn formats from the head of a log, the likeliest first; none if nothing recurs in front of its AT traffic."""
    marks = _Marks()
    for index, (_, line) in enumerate(lines):
        marks.see(line, lines[index + 1][1] if index + 1 < len(lines) else "")
    return marks.formats(line for _, line in lines)


def _goes_on(mark: str, prefix: str) -> bool:
    """Whether a prefix is a mark, and behind it the beginning of what is quoted."""
    bare = mark.strip()
    return len(bare) > 1 and prefix.startswith(bare) and prefix[len(bare) :].lstrip()[:1] in tuple("\"'`“‘[{(<")


def _prefix(line: str, at: int) -> str:
    """What stands in front of the traffic at ``at``, without the quotes and brackets that are around the traffic."""
    prefix = _ESCAPES.sub("", line[:at])
    while match := _OPENING.search(prefix):
        opening = match[0].strip()[-1]
        if opening in _PARTNERS and _PARTNERS[opening] not in line[at:].rstrip()[-3:]:
            break
        prefix = _ESCAPES.sub("", prefix[: match.start()])
    return prefix


_BELOW = ("content below its mark", "内容在标记下方")


class _Marks:
    """What stands in front of AT traffic, counted."""

    def __init__(self) -> None:
        self.commands: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.alone: Counter[str] = Counter()
        self.commands_below: Counter[str] = Counter()
        self.plain_commands = self.plain_answers = 0
        self._above = ""

    def see(self, line: str, following: str) -> None:
        """Count a line; ``following`` is the one below it."""
        at = shape.start(line)
        if at is None:
            bare = line.strip()
            if _ALONE.match(bare):
                below = _below(following)
                if below is not None:
                    self.alone[normal(bare)] += 1
                    self.commands_below[normal(bare)] += below
            return
        if at > _MAX_RAW_PREFIX:
            return
        prefix = normal(_prefix(line, at))
        if len(prefix) > _MAX_PREFIX:
            return
        command = grammar.is_command(line[at:])
        if command and not shape.is_whole_command(_cleared(_FIRST.split(line[at:], maxsplit=1)[0])):
            return
        if _CLAIM.search(prefix) or shape.is_final(prefix.strip()):
            return
        prefix = next((mark for mark in (*self.commands, *self.answers) if _goes_on(mark, prefix)), prefix)
        if prefix.strip():
            (self.commands if command else self.answers)[prefix] += 1
        elif command:
            self.plain_commands += 1
        else:
            self.plain_answers += 1

    def formats(self, lines: Iterable[str]) -> list[LogFormat]:
        """Return the formats that these marks make."""
        marked = sum(self.commands.values()) + sum(self.answers.values())
        of_mcu, of_module = _recurring(self.commands), _recurring(self.answers)
        if self.plain_commands > sum(self.commands.values()):
            of_mcu = []
        over = [mark for mark, count in self.alone.most_common(4) if count >= 2]
        if not of_mcu and self.commands_below.total() * 5 >= 3 * self.plain_commands > 0 and len(over) > 1:
            return [self._standing_over(over, lines)]
        alone = self._alone(of_mcu)
        if marked + len(alone) < 2 or not (of_mcu or of_module) or self.plain_commands > marked:
            return []
        sides = self._sides(of_mcu, of_module, alone)
        marks = list(dict.fromkeys([*of_mcu, *of_module, *alone]))
        below = self.plain_answers or self.plain_commands or alone
        first = _format(marks, sides, _own(marks, lines))
        if not below:
            return [first]
        block = _variant(first, "text", *_BELOW)
        told = _variant(first, "told", "lines without a mark are told by what they say", "无标记的行按内容判断")
        return (
            [block, told, first] if alone or self.plain_answers > sum(self.answers.values()) else [first, block, told]
        )

    def _standing_over(self, marks: list[str], lines: Iterable[str]) -> LogFormat:
        """A format whose marks all have lines to themselves, whose they are told by what stands below."""
        sides: dict[str, Side] = {
            mark: "mcu" if 2 * self.commands_below[mark] > self.alone[mark] else "module" for mark in marks
        }
        return _variant(_format(marks, sides, _own(marks, lines)), "text", *_BELOW)

    def _alone(self, of_mcu: list[str]) -> list[str]:
        """Marks that have a line to themselves: they recur, or say whose they are, or are like another mark."""
        if not of_mcu:
            return []
        return [
            mark for mark, count in self.alone.most_common(4)
            if (count >= 2 or _MODULE_WORDS.search(mark)) and not any(mark.strip() == one.strip() for one in of_mcu)
        ]  # fmt: skip

    def _sides(self, of_mcu: list[str], of_module: list[str], alone: list[str]) -> dict[str, Side]:
        commands, answers = self.commands, self.answers
        words = _by_words([*of_mcu, *of_module, *alone])
        if words:
            return words
        both = [mark for mark in of_module if commands[mark] and mark in of_mcu]
        only_mcu = [mark for mark in of_mcu if answers[mark] * 5 <= commands[mark]]
        sides: dict[str, Side] = {}
        if only_mcu and (of_module or alone or not self.plain_answers or _MCU_WORDS.search(" ".join(only_mcu))):
            sides.update(dict.fromkeys(only_mcu, "mcu"))
            sides.update((mark, "module") for mark in of_module if mark not in only_mcu)
        elif not only_mcu and not both and of_module:
            sides.update(dict.fromkeys(of_module, "module"))
        if sides:
            sides.update(dict.fromkeys(alone, "module"))
        return sides


def _below(line: str) -> bool | None:
    """Whether a command (True) or an answer (False) stands in the line below a mark; None if something else does."""
    at = shape.start(line)
    if not line.strip():
        return False
    if at is None or _prefix(line, at).strip():
        return None
    return grammar.is_command(line[at:])


def _by_words(marks: list[str]) -> dict[str, Side]:
    """Whose the marks are by their words; nothing if a mark says both or neither."""
    sides: dict[str, Side] = {}
    for mark in marks:
        bare = _ARROWS.sub("", mark)
        sends, receives = _MCU_WORDS.search(bare), _MODULE_WORDS.search(bare)
        if bool(sends) == bool(receives):
            return {}
        sides[mark] = "mcu" if sends else "module"
    return sides if len(set(sides.values())) == 2 else {}


_LONGEST_END = 200
"""Characters at the end of a command in which something may be that a log has put there."""


def _cleared(text: str) -> str:
    """A command as it stands in a log, without what closes its quotes or follows as a counter or remark."""
    start, text = text[:-_LONGEST_END], text[-_LONGEST_END:]
    text = re.sub(r"(?:\\[rn]|\\x0[adAD]|<[CcLl][RrFfNn]>|\^[MJ]|[\"'`”’)\]}>,;\s])+$", "", text)
    return start + re.sub(r"\s+(?:\.\.\.\w+|\(\d+\)?|\[\d+\]?|//.*|response timeout)$", "", text)


def _recurring(counts: Counter[str]) -> list[str]:
    total = sum(counts.values())
    return [mark for mark, count in counts.most_common(8) if count >= max(2, total * 0.1) or total == count]


def _own(marks: list[str], lines: Iterable[str]) -> str:
    """How the program's lines begin, if all marked lines begin alike."""
    if not marks:
        return ""
    sample = [line for line in lines if any(normal(line).startswith(mark.strip()) for mark in marks)][:50]
    for head in _HEADS:
        if sample and sum(1 for line in sample if head.match(line.lstrip())) >= 0.8 * len(sample):
            return r"\s*" + head.pattern
    return ""


def _variant(form: LogFormat, more: str, title: str, zh: str) -> LogFormat:
    changes = {"more": more, "title": f"{form.title}; {title}", "zh": f"{form.zh},{zh}", "id": "learned"}
    return msgspec.structs.replace(form, **changes)


def _format(marks: list[str], sides: dict[str, Side], skip: str) -> LogFormat:
    """Build a format: one alternative a mark."""
    alternatives = []
    for mark in sorted(marks, key=len, reverse=True):
        pattern = re.sub(r"(?:\\? )+", r"\\s*", re.escape(mark.strip()))
        alternatives.append(pattern.replace(DIGIT_SIGN, r"\d+").replace(STAMP_SIGN, f"(?:{STAMP.pattern})"))
    return LogFormat(
        title="log of an unknown format, its marks learned", zh="格式未知的日志(标记由学习得到)",
        line=r"\s*(?P<side>" + "|".join(alternatives) + r")[ \t]?(?P<text>.*)$",
        sides={mark.strip(): side for mark, side in sides.items()},
        content="either", id="learned", learned=True, skip=skip,
    )  # fmt: skip
