"""The one door: chunks in, events out, by way of stages that nobody below knows of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atshark.check import check
from atshark.diff import compare, steps
from atshark.report import report
from atshark.sources import Source
from capture.chunk import Chunk, Mark, MarkChunk
from capture.errors import AtsharkError
from decoder.catalog import Catalog
from decoder.decode import FINDINGS, NO_STAGES, Decoder, run
from decoder.events import Event, Finding, Message, Summary
from tests.helpers import MS, START, answer, command, standard, talk

TALK = talk(command("AT+CSQ"), answer("+CSQ: 20,99", "OK"), command("AT+CPIN?"), answer("+CME ERROR: 10"))


class Counting:
    """A stage made up here: it says how much it has heard, and who is before it."""

    def __init__(self, known: Catalog) -> None:
        assert known is standard()
        self.heard: list[Event] = []

    def look(self, events: list[Event]) -> list[Event]:
        self.heard += events
        return events

    def at(self, line: int, *, doubt: bool = False) -> None:
        raise AssertionError("these chunks are no log")

    def mark(self, chunk: MarkChunk) -> list[Event]:
        return [Finding(chunk.time_ns, chunk.side, "made.up", "note", chunk.mark.text)]

    def conclude(self, summary: Summary) -> Summary:
        return summary

    def close(self) -> list[Event]:
        findings = [one.rule for one in self.heard if isinstance(one, Finding)]
        return [Finding(START, "mcu", "made.up", "note", f"{len(self.heard)} {findings}")]


def test_stages_look_in_order_and_the_summary_is_last() -> None:
    chunks = [*TALK, MarkChunk.at(START, "mcu", Mark("note", "here"))]
    plain = list(run(chunks, standard(), NO_STAGES))
    assert not [one for one in plain if isinstance(one, Finding) and one.rule.startswith(("tap.", "sim."))]
    told = list(run(chunks, standard(), (*FINDINGS, Counting)))
    assert isinstance(told[-1], Summary)
    of_mine = [one.message for one in told if isinstance(one, Finding) and one.rule == "made.up"]
    assert of_mine[0] == "here"
    assert "tap.note" in of_mine[1]  # what an earlier stage says is heard by a later one
    assert of_mine[1].startswith(f"{len(told) - 2} ")
    assert [one for one in told[:-1] if not isinstance(one, Finding)] == [
        one for one in plain[:-1] if not isinstance(one, Finding)
    ]


def test_events_come_before_the_next_chunk_is_taken_and_no_end_is_made_up() -> None:
    taken: list[Chunk] = []

    def source() -> Iterator[Chunk]:
        for chunk in TALK:
            taken.append(chunk)
            yield chunk

    events = run(source(), standard())
    first = next(events)
    assert isinstance(first, Message)
    assert taken == TALK[:2]  # a command line is whole when something follows
    del events
    assert taken == TALK[:2]


def test_pushed_and_pulled_are_the_same() -> None:
    decoder = Decoder(standard())
    pushed = [event for chunk in TALK for event in (*decoder.feed(chunk), *decoder.tick((chunk.time_ns or 0) + MS))]
    assert pushed + decoder.close() == list(run(TALK, standard()))


def broken() -> Iterator[Chunk]:
    yield from TALK
    raise AtsharkError("the cable was cut")


def test_apps_take_a_source_that_is_no_file() -> None:
    """What another front end has: chunks, and what is to be said about them."""
    source = Source(iter(TALK), ["a warning"], "made here")
    checked = check(source, standard(), "the session")
    assert (checked.file, checked.format, checked.problem) == ("the session", "made here", None)
    assert (checked.commands, checked.warnings) == (2, ["a warning"])
    assert "command.error" in [one.finding.rule for one in checked.found]
    assert "the session" in report(Source(iter(TALK), [], "made here"), standard(), "the session")
    assert compare(steps(TALK, standard()), steps(TALK, standard())).differences == []


def test_a_source_that_breaks_off() -> None:
    checked = check(Source(broken(), [], "made here"), standard(), "the session")
    assert (checked.problem, checked.commands) == ("the cable was cut", 2)
    with pytest.raises(AtsharkError):
        report(Source(broken(), [], "made here"), standard(), "the session")
