"""The report: one HTML page that holds a session, to read, search and print without any network.

Strategy: the session is decoded once; each record is a row with the words that ``atshark decode`` prints. All of it
goes into the page as compressed JSON, which cannot be taken for markup; the script of the page shows it as text only.
"""

from __future__ import annotations

import base64
import gzip
import html
from collections import deque
from importlib import resources
from string import Template
from typing import Any

from atshark import __version__
from atshark.render.safe import all_shown, json
from atshark.render.text import is_shown, render
from atshark.report.states import States
from atshark.sources import Source
from atshark.sources.notes import in_language
from decoder.catalog import Catalog
from decoder.decode import run
from decoder.events import (
    INNER,
    Call,
    Cause,
    Data,
    Event,
    Finding,
    Finished,
    Frame,
    Group,
    Issued,
    Message,
    Position,
    Socket,
    Summary,
    Transaction,
    Urc,
)
from decoder.findings import Lang, advice, message
from decoder.findings.story import Story
from decoder.values import printable

MAX_ROWS = 300_000
"""Records that a page holds; the rest is counted and said to be missing."""
_MAX_BYTES = 2048
_MAX_TEXT = 4000
_KINDS: dict[type, str] = {
    Transaction: "command",
    Urc: "urc",
    Data: "data",
    Socket: "connection",
    Call: "call",
    Position: "position",
    Frame: "frame",
    Group: "group",
    Finding: "finding",
    Summary: "summary",
}


class _Bytes:
    """The bytes that belong to a transaction, as they crossed the line, until its record is written."""

    def __init__(self) -> None:
        self._of: dict[int, list[list[str]]] = {}
        self._order: deque[int] = deque()

    def add(self, owner: Issued, one: Message) -> None:
        lines = self._of.get(owner.number)
        if lines is None:
            lines = self._of[owner.number] = []
            self._order.append(owner.number)
            if len(self._order) > 4096:
                self._of.pop(self._order.popleft(), None)
        if sum(len(text) for _, text in lines) < 2 * _MAX_BYTES:
            lines.append(["→" if one.side == "mcu" else "←", one.raw[:_MAX_BYTES].hex(" ")])

    def take(self, number: int) -> list[list[str]]:
        return self._of.pop(number, [])


class _Rows:
    """The rows of the page."""

    def __init__(self, lang: Lang) -> None:
        self.rows: list[list[Any]] = []
        self.findings: list[dict[str, Any]] = []
        self.missing = 0
        self.first_ns: int | None = None
        self._lang = lang
        self._bytes = _Bytes()
        self._finished = 0
        """The number of the command whose transaction follows."""

    def hear(self, event: Event) -> None:
        if isinstance(event, Message):
            for owner in (*event.commands, *((event.owner,) if event.owner is not None else ())):
                self._bytes.add(owner, event)
            return
        if isinstance(event, Finished):
            self._finished = event.number
        if isinstance(event, (*INNER, Summary)) or not is_shown(event):
            return
        if event.time_ns is not None and self.first_ns is None:
            self.first_ns = event.time_ns
        if isinstance(event, Finding):
            self.findings.append(
                {
                    "s": event.severity,
                    "r": event.rule,
                    "m": printable(message(event, self._lang)),
                    "a": advice(event, self._lang),
                    "f": event.reference,
                    "t": event.time_ns,
                    "row": len(self.rows) - 1,
                }
            )
            return
        if len(self.rows) >= MAX_ROWS:
            self.missing += 1
            return
        self.rows.append(self._row(event))

    def _row(self, event: Any) -> list[Any]:
        """[kind, time ns, side, name, text, result, latency ns, bytes, failed]."""
        name, result, latency, raw, failed = "", None, None, [], False
        if isinstance(event, Transaction):
            name, latency, raw = event.name, event.latency_ns, self._bytes.take(self._finished)
            if event.result is not None:
                result = event.result.code
                failed = not event.result.good
                if event.result.error is not None and event.result.error.code is not None:
                    result += f" {event.result.error.code}"
        elif isinstance(event, Urc | Group):
            name = event.name or ""
        elif isinstance(event, Data):
            name = event.announced_by
            raw = [["→" if event.side == "mcu" else "←", bytes.fromhex(event.data)[:_MAX_BYTES].hex(" ")]]
        elif isinstance(event, Frame):
            name = event.protocol + ("*" if event.origin == "inferred" else "")
            if isinstance(event.data, str):
                raw = [["→" if event.side == "mcu" else "←", bytes.fromhex(event.data)[:_MAX_BYTES].hex(" ")]]
        elif isinstance(event, Socket):
            name, failed = str(event.connect_id), event.change in ("failed", "lost", "reset")
        text = render(event).plain[:_MAX_TEXT]
        return [
            _KINDS[type(event)],
            event.time_ns,
            event.side,
            name,
            text.partition(" ")[2],
            result,
            latency,
            raw,
            failed,
        ]


def _cause(one: Cause, lang: Lang) -> dict[str, Any]:
    zh = lang == "zh"
    return {
        "m": printable(one.message_zh if zh else one.message),
        "a": one.advice_zh if zh else one.advice,
        "c": one.certainty,
        "l": one.layer,
        "n": one.consequences,
        "o": one.recovered,
        "f": one.reference,
        "t": one.time_ns,
        "line": one.line,
        "e": [[each.line, each.time_ns, printable(each.message_zh if zh else each.message)] for each in one.evidence],
    }


def report(source: Source, known: Catalog, file: str, lang: Lang = "en") -> str:
    """Return the page for ``source``; ``file`` is its name there. Raises what the source raises."""
    rows, story, states = _Rows(lang), Story(known), States(known)
    summary: Summary | None = None
    for event in run(source, known):
        states.hear(event, len(rows.rows))
        rows.hear(event)
        story.hear(event)
        summary = event if isinstance(event, Summary) else summary
    notes = [*source.notes, *source.warnings]
    told = story.tell(lang)
    steps = [[step.kind, text, step.first_ns] for step, text in zip(story.steps, told, strict=True)]
    data = {
        "file": printable(file),
        "format": source.format,
        "version": __version__,
        "notes": [printable(in_language(note, lang)) for note in notes],
        "dialects": [[use.dialect, use.certainty, use.because] for use in summary.dialects] if summary else [],
        "story": steps,
        "causes": [_cause(one, lang) for one in summary.causes] if summary else [],
        "findings": rows.findings,
        "rows": rows.rows,
        "missing": rows.missing,
        "states": [list(span) for span in states.close()],
        "lang": lang,
        "first": rows.first_ns,
    }
    packed = base64.b64encode(gzip.compress(json(all_shown(data)), mtime=0)).decode()
    page = resources.files("atshark.report")
    return Template(page.joinpath("page.html").read_text("utf-8")).substitute(
        lang="zh-CN" if lang == "zh" else "en",
        title=html.escape(printable(file)),
        style=page.joinpath("page.css").read_text("utf-8"),
        script=page.joinpath("page.js").read_text("utf-8"),
        data=packed,
    )
