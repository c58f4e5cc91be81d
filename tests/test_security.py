"""SECURITY.md: each promise in it is held by a test, and each of these tests exists."""

from __future__ import annotations

import re

import pytest

from tests.helpers import ROOT

PROMISES: dict[str, tuple[str, ...]] = {
    "are shown as escapes": ("test_untrusted::test_every_field_of_every_record", "test_untrusted::test_no_verb_prints_it"),
    "text, JSON, CSV, messages on standard error, the live view": (
        "test_untrusted::test_json_is_the_same_and_safe", "test_untrusted::test_csv_of_every_record",
        "test_untrusted::test_error_messages_are_safe", "test_untrusted::test_a_console_that_is_given_raw_text",
    ),
    "The HTML report shows all text as text": ("test_untrusted::test_no_other_verb_prints_it", "test_report::test_"),
    "a cell that begins like a formula gets a quote": ("test_untrusted::test_csv_of_query_is_harmless",),
    "lines end at 64 KiB however they come": ("test_lines::test_a_line_beyond_the_bound_is_cut_alike_however_it_comes",),
    "64 commands and 512 arguments": (
        "test_lines::test_commands_of_a_long_line_tell_their_own_part",
        "test_lines::test_arguments_beyond_the_bound_stay_together",
    ),
    "A byte of a line costs at most 40 times": ("test_lines::test_each_shape_by_each_way", "test_lines::test_a_line_of_a_million"),
    "memory stays below 120 MB": ("test_lines::test_long_lines_stay_within_memory", "test_reliability::test_bombs_stay_within"),
    "becomes a file name without being cleaned": ("test_extract::test_",),
    "appear whole or not at all": ("test_outputs::test_a_failure_leaves_what_was_there",),
    "a symbolic link, a device, a FIFO, a folder of that name": ("test_outputs::test_only_over_a_regular_file",),
    "A file that is replaced keeps its permissions": ("test_outputs::test_umask_and_mode",),
    "are for their owner alone (0600)": ("test_outputs::test_umask_and_mode", "test_outputs::test_what_was_carried_is_for_its_owner"),
    "follow the umask": ("test_outputs::test_umask_and_mode",),
    "cannot be taken by a second recorder": ("test_outputs::test_a_second_recorder", "test_recorder::test_a_file_that_another_rec"),
    "edited are neither replaced nor removed": ("test_profile::test_an_edited_file_is_left",),
    "If the file is deleted, replaced or changed": ("test_recorder::test_what_happens_to_the_file_ends",),
    "if the disk fails, forgets, or does not answer": (
        "test_recorder::test_a_disk_that_lies_or_fails", "test_recorder::test_a_disk_that_hangs_is_told_and_can_be_left",
    ),
    "at once (live view, or standard error)": ("test_recorder::test_the_view_tells_it_at_once",),
    "If the reader was held up for more than 30 ms": ("test_recorder::test_a_stall_of_the_reader_is_a_mark",),
    "A file that is renamed is written on": ("test_recorder::test_a_file_that_is_given_another_name",),
    "if it is a single SELECT": ("test_query_reads::test_no_kind_of_statement_but_select",),
    "all that a\nSELECT can read": ("test_query_reads::test_no_select_reaches_out",),
    "A tap cannot write to a device": ("test_tap::test_", "test_any_port::test_"),
}  # fmt: skip
"""A phrase of each promise, and how the names of the tests begin that hold it."""


@pytest.mark.parametrize("phrase", PROMISES)
def test_a_promise_has_its_tests(phrase: str) -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    assert phrase in text
    for test in PROMISES[phrase]:
        module, name = test.split("::")
        assert f"def {name}" in (ROOT / "tests" / f"{module}.py").read_text("utf-8"), test


def test_every_part_has_a_promise() -> None:
    """Whoever adds a paragraph or a point adds what holds it (what `redact` promises is held by its own tests)."""
    text = (ROOT / "SECURITY.md").read_text("utf-8").partition("## What is trusted")[2]
    parts = [
        one
        for one in re.split(r"\n\n|\n(?=- )", text)
        if one.strip() and not one.startswith(("**Secrets.**", "**Not trusted"))
    ]
    untested = ("plugin runs inside", "newest release", ", and what is not")
    without = [one for one in parts if not any(phrase in one for phrase in (*PROMISES, *untested))]
    assert without == []
