"""Logs as anybody might write them: dialogues of the samples, composed at random with all that programs and people do.

A log is made of: what was said (a window of a sample), what the writer left out, how records are quoted, their shape, the
marks, the times, and what else a program prints. All choices come from a seed, so that a log can be made again.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from atshark.sources import open_source
from decoder.events import Message, Transaction
from tests.helpers import events, sample_files

_LEFT_OUT = ("binary", "ppp", "cmux", "damaged", "numeric", "no-answer", "pasted")


class Said(NamedTuple):
    """One exchange: a command, what answered it, its result, and what the module said of its own accord behind it."""

    command: str
    name: str
    answers: tuple[str, ...]
    result: str
    code: str


class Written(NamedTuple):
    """A log: its text, how it was composed, and what each command came to: (name, code, "shown" or "none")."""

    text: str
    how: str
    expected: list[tuple[str, str]]


@cache
def exchanges() -> tuple[tuple[Said, ...], ...]:
    """Runs of exchanges in the samples, each without payload and without what nobody asked for."""
    runs: list[tuple[Said, ...]] = []
    for path in sample_files():
        if path.stem in _LEFT_OUT:
            continue
        with open_source(str(path)) as source:
            found = events(source)
        run: list[Said] = []
        answers: list[str] = []
        command = ""
        names: list[str] = []
        for one in found:
            if not isinstance(one, Message) or one.kind in ("echo", "blank"):
                continue
            if one.kind == "command":
                command, answers = one.text, []
                names = [record.name for record in one.commands]
            elif one.kind == "information" and command:
                answers.append(one.text)
            elif one.kind == "result" and command and one.result is not None and len(names) == 1:
                run.append(Said(command, names[0], tuple(answers), one.text, one.result.code))
                command = ""
            elif one.kind in ("data", "noise", "prompt") or (one.kind == "urc" and command):
                command = ""
                if len(run) >= 5:
                    runs.append(tuple(run))
                run = []
        if len(run) >= 5:
            runs.append(tuple(run))
    return tuple(run for run in runs if all(_simple(one) for one in run))


def _simple(one: Said) -> bool:
    text = "".join([one.command, *one.answers, one.result])
    return (
        text.isascii() and len(text) < 300 and one.code != "CONNECT" and "\\" not in text and not one.result.isdigit()
    )


Line = tuple[int, bool, str]
"""When (ms), whether the MCU said it, what."""
_MARKS = [
    ("TX", "RX", "{}: "), ("Send", "Recv", "{}: "), (">>", "<<", "{} "), ("->", "<-", "{} "), ("--->", "<---", "{} "), ("w", "r", "{}: "),
    ("MCU", "MODEM", "[{}] "), ("发送", "接收", "[{}] "), ("发", "收", "{}:"), ("at_cmd", "at_rsp", "{} = "), ("OUT", "IN", "<{}> "),
    ("host", "dev", "{}|"), ("uart write", "uart read", "{} "), ("S", "R", "({}) "), ("tx_task", "rx_task", "{}(): "), ("=>", "<=", "{} "),
    ("AT>", "AT<", "{} "), ("cmd sent", "got", "{}: "), ("nb_send", "nb_recv", "[{}] "), ("➡", "⬅", "{} "),
]  # fmt: skip
_CONTROLS = {
    "c": ("\\r", "\\n"), "angle": ("<CR>", "<LF>"), "lower": ("<cr>", "<ln>"), "caret": ("^M", "^J"), "hex": ("\\x0d", "\\x0a"),
    "square": ("[0D]", "[0A]"), "brace": ("{CR}", "{LF}"), "symbol": ("␍", "␊"),
}  # fmt: skip
_PROGRAM = [
    "state changed: 3 -> 4", "heap free 51234", "waiting for network", "battery 3.71 V", "task modem: idle", "retry 2 of 5",
    "gpio 4 high", "connecting to the server", "sleep 1000 ms",
]  # fmt: skip
_REMARKS = ["  <-- here", "   // this one", "  # why?", " (this is fine so far)"]


def write(seed: int) -> Written:
    """Compose a log."""
    rng = random.Random(seed)
    run = rng.choice(exchanges())
    start = rng.randrange(max(1, len(run) - 6))
    said = run[start : start + rng.randint(5, 14)]
    omit = rng.choices(["nothing", "second results", "some results", "some answers"], [6, 1, 1, 1])[0]
    shape = rng.choices(["line", "block", "alone", "behind", "unmarked answers", "column"], [6, 2, 1, 1, 1, 1])[0]
    marked = shape != "line" or rng.random() < 0.7
    quoting = rng.choices(
        ["none", "quotes", "apostrophes", "bytes", "list", "backticks", "json", *_CONTROLS], [8, 2, 1, 2, 1, 1, 1, *[1] * len(_CONTROLS)]
    )[0]  # fmt: skip
    if not marked or shape in ("behind", "column", "unmarked answers"):
        quoting = "none"
    times = rng.choice(["none", "none", "clock", "date", "seconds", "ms in brackets", "whole seconds"])
    program = rng.choices(["nothing", "lines", "remarks", "prose", "glued", "echo"], [6, 2, 1, 1, 1, 1])[0]
    if program == "glued" and (marked or times != "none"):
        program = "lines"
    if program == "lines" and times == "none" and not marked:
        program = "nothing"
    if program == "remarks" and (quoting != "none" or shape != "line"):
        program = "nothing"
    marks = rng.choice(_MARKS)
    lines, expected = _said(said, omit, rng, echo=program == "echo")
    records = list(
        _records(lines, whole=quoting not in ("none", "quotes", "apostrophes", "backticks") or shape == "block")
    )
    out: list[str] = []
    for ms, mcu, texts in records:
        stamp = _stamp(times, ms)
        if program == "lines" and rng.random() < 0.3:
            out.append(f"{stamp}{rng.choice(_PROGRAM)}" if times != "none" else f"app: {rng.choice(_PROGRAM)}")
        if program == "glued" and mcu and rng.random() < 0.4:
            texts = ["Waiting for network..." + texts[0], *texts[1:]]  # noqa: PLW2901
        mark = marks[2].format(marks[0] if mcu else marks[1]) if marked else ""
        out += _shown(shape, stamp, mark, _quoted(quoting, texts, mcu), mcu)
        if program == "remarks" and not mcu and rng.random() < 0.2:
            out[-1] += rng.choice(_REMARKS)
    text = "\n".join(out) + "\n"
    if program == "prose":
        text = "Hello, I have a problem with my modem. It worked with AT+CSQ yesterday.\nThis is the log:\n\n" + text
        text += "\nWhat could be wrong here? Thanks for any help!\n"
    how = f"omit={omit} shape={shape} marks={marks[:2] if marked else None} quoting={quoting} times={times} program={program}"
    return Written(text, how, expected)


def _said(
    said: tuple[Said, ...], omit: str, rng: random.Random, *, echo: bool
) -> tuple[list[Line], list[tuple[str, str]]]:
    """What stands in the log, and what each command came to in it."""
    lines: list[Line] = []
    expected = []
    now = 1000
    for index, one in enumerate(said):
        lines.append((now, True, one.command))
        if echo:
            lines.append((now + 2, False, one.command))
        answers, result = one.answers, one.result
        if answers and ((omit == "second results" and index % 2) or (omit == "some results" and rng.random() < 0.3)):
            result = ""
        if omit == "some answers" and rng.random() < 0.15:
            answers, result = (), ""
        lines += [
            (now + 20 + place, False, line) for place, line in enumerate([*answers, *([result] if result else [])])
        ]
        expected.append((one.name, one.code if result else "shown" if answers else "none"))
        now += rng.choice([400, 900, 1500, 2600])
    return lines, expected


def _records(lines: list[Line], *, whole: bool) -> Iterator[tuple[int, bool, list[str]]]:
    """One line a record, or all that was said at once."""
    held: tuple[int, bool, list[str]] | None = None
    for ms, mcu, text in lines:
        if held is not None and (not whole or held[1] != mcu or mcu):
            yield held
            held = None
        held = (held[0], mcu, [*held[2], text]) if held is not None else (ms, mcu, [text])
    if held is not None:
        yield held


def _stamp(times: str, ms: int) -> str:
    second, rest = divmod(ms, 1000)
    clock = f"10:{second // 60:02d}:{second % 60:02d}"
    return {
        "none": "", "clock": f"{clock}.{rest:03d} ", "date": f"[2026-03-04 {clock}.{rest:03d}] ", "seconds": f"{ms / 1000:.3f} ",
        "ms in brackets": f"[{ms:08d}] ", "whole seconds": f"{clock} ",
    }[times]  # fmt: skip


def _quoted(quoting: str, texts: list[str], mcu: bool) -> list[str]:
    """The content of a record, as lines."""
    cr, lf = _CONTROLS.get(quoting, ("\\r", "\\n"))
    wire = "".join(texts) + cr if mcu else "".join(f"{cr}{lf}{text}{cr}{lf}" for text in texts)
    if quoting in _CONTROLS:
        return [wire]
    simple: dict[str, Callable[[], list[str]]] = {
        "none": lambda: texts, "quotes": lambda: ['"' + "\n".join(texts) + '"'], "apostrophes": lambda: ["'" + "\n".join(texts) + "'"],
        "backticks": lambda: ["`" + "\n".join(texts) + "`"], "list": lambda: [str(texts)], "bytes": lambda: [f"b'{wire}'"],
        "json": lambda: [json.dumps(("".join(texts) + "\r") if mcu else "".join(f"\r\n{text}\r\n" for text in texts))],
    }  # fmt: skip
    return [line for part in simple[quoting]() for line in part.split("\n")]


def _shown(shape: str, stamp: str, mark: str, content: list[str], mcu: bool) -> list[str]:
    """The lines of a record."""
    if shape == "alone":
        return [f"{stamp}{mark.strip()}", *content, ""]
    if shape == "behind":
        return [f"{stamp}{line} ...{'sent' if mcu else 'received'}" for line in content]
    if shape == "unmarked answers":
        return [f"{stamp}{mark}{content[0]}", *content[1:]] if mcu else content
    if shape == "column":
        return [f"{stamp}| core0 | {mark.strip()} | {line}" for line in content]
    if shape == "block":
        return [f"{stamp}{mark}{content[0]}", *content[1:]]
    return [f"{stamp}{mark}{line}" for line in content]


def outcome(one: Transaction) -> str:
    """What a command came to: its code, "shown" or "none"."""
    if one.result is not None and one.result.code not in ("unanswered", "timeout"):
        return one.result.code
    return "shown" if one.information or one.urcs else "none"


def right(expected: list[tuple[str, str]], found: list[tuple[str, str]]) -> int:
    """How many commands came out as they should. Records come when they are finished: their order says nothing."""
    return (Counter(expected) & Counter(found)).total()
