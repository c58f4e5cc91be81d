"""Formats that nobody listed: the marks are learned from the log itself.

Strategy: wherever something that only an MCU or only a module says stands behind other text, that other text is a
candidate for a mark, digits made equal. What recurs before commands marks the MCU, what recurs before answers the
module. A mark before both says nothing about direction (or is that of a module with its echo, if another mark has
commands only).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from atshark.sources.logs import shape
from atshark.sources.logs.formats import DIGIT_SIGN, STAMP_SIGN, LogFormat, Numbered, normal
from atshark.sources.logs.times import STAMP
from capture import grammar
from capture.chunk import Side

_ESCAPES = re.compile(r"(?:\\[rn]|\\x0[adAD]|<CR>|<LF>|\^[MJ])+$")
_MAX_PREFIX = 160
_MAX_RAW_PREFIX = 1000
"""The same before times and numbers are made equal."""
_QUOTES = "'\"`“”‘’([{<"


def learn(lines: list[Numbered]) -> LogFormat | None:
    """Learn a format from the head of a log; None if nothing recurs in front of its AT traffic."""
    commands: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    tails: dict[str, Counter[str]] = defaultdict(Counter)
    plain = 0
    for _, line in lines:
        at = shape.start(line)
        if at is None:
            continue
        if at > _MAX_RAW_PREFIX:
            continue
        prefix = normal(_ESCAPES.sub("", line[:at]))
        if len(prefix) > _MAX_PREFIX:
            continue
        if not prefix.strip():
            plain += 1
            continue
        shorter = next((one for one in (*commands, *answers) if one[-1] in _QUOTES and prefix.startswith(one)), prefix)
        if shorter != prefix:
            prefix, at = shorter, -1
        if prefix[-1] in _QUOTES:
            tails[prefix][line.rstrip()[-1:]] += 1
        (commands if at >= 0 and grammar.is_command(line[at:]) else answers)[prefix] += 1
    marked = sum(commands.values()) + sum(answers.values())
    if marked < 3 or plain > marked:
        return None
    of_mcu = _recurring(commands)
    of_module = _recurring(answers)
    if not of_mcu and not of_module:
        return None
    both = [mark for mark in of_module if commands[mark] and mark in of_mcu]
    only_mcu = [mark for mark in of_mcu if answers[mark] * 5 <= commands[mark]]
    sides: dict[str, Side] = {}
    if only_mcu:
        sides.update(dict.fromkeys(only_mcu, "mcu"))
        sides.update((mark, "module") for mark in of_module if mark not in only_mcu)
    elif not both and of_module:
        sides.update(dict.fromkeys(of_module, "module"))
    marks = list(dict.fromkeys([*of_mcu, *of_module]))
    return _format(marks, sides, tails)


def _recurring(counts: Counter[str]) -> list[str]:
    total = sum(counts.values())
    return [mark for mark, count in counts.most_common(8) if count >= max(2, total * 0.1) or total == count]


def _format(marks: list[str], sides: dict[str, Side], tails: dict[str, Counter[str]]) -> LogFormat:
    """Build a format: one alternative a mark."""
    alternatives = []
    for mark in sorted(marks, key=len, reverse=True):
        pattern = re.sub(r"(?:\\? )+", r"\\s*", re.escape(mark.strip()))
        alternatives.append(pattern.replace(DIGIT_SIGN, r"\d+").replace(STAMP_SIGN, f"(?:{STAMP.pattern})"))
    closing = {tail for mark in marks for tail, count in tails[mark].items() if count > 1 and tail in "'\"`”’)]}>"}
    return LogFormat(
        title="log of an unknown format, its marks learned",
        line=r"\s*(?P<side>" + "|".join(alternatives) + r")[ \t]?(?P<text>.*)$",
        sides={mark.strip(): side for mark, side in sides.items()},
        content="either", ends=closing.pop() if len(closing) == 1 else "", id="learned", learned=True,
    )  # fmt: skip
