"""Two sessions side by side: aligned by what was done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atshark.diff import compare, steps
from capture.recording import record
from tests.helpers import SAMPLES, chunks_of, run, sample_files, standard
from tests.make_logs import FOLDER, WRITERS
from tests.test_findings import talked

GOOD = """
0 > AT
0.1 < OK
1 > AT+CEREG?
1.1 < +CEREG: 0,1
1.1 < OK
2 > AT+MIPOPEN=0,"TCP","a.example",80
2.1 < OK
2.3 < +MIPOPEN: 0,0
3 > AT+MIPSEND=0,2,"hi"
3.1 < +MIPSEND: 0,2
3.1 < OK
4 > AT+MIPCLOSE=0
4.1 < OK
4.2 < +MIPCLOSE: 0,0
"""


def kinds(good: str, bad: str) -> tuple[int, list[tuple[str, int]]]:
    found = compare(steps(talked(good), standard()), steps(talked(bad), standard()))
    return found.alike, [(one.kind, one.count) for one in found.differences]


def test_no_difference() -> None:
    assert kinds(GOOD, GOOD) == (6, [])
    later = "\n".join(f"{float(line.split()[0]) * 1.5} {line.split(' ', 1)[1]}" for line in GOOD.strip().splitlines())
    assert kinds(GOOD, later)[1] == []


@pytest.mark.parametrize(
    ("old", "new", "alike", "expected"),
    [
        ("1 > AT+CEREG?\n1.1 < +CEREG: 0,1\n1.1 < OK\n", "", 1, [("missing", 1)]),
        ("0 > AT\n0.1 < OK\n", "0 > AT\n0.1 < OK\n0.2 > AT\n0.3 < OK\n0.4 > AT\n0.5 < OK\n", 0, [("added", 2)]),
        ("3.1 < +MIPSEND: 0,2\n3.1 < OK", "3.1 < +CME ERROR: 553", 4, [("answer", 1)]),
        ('"a.example",80', '"a.example",81', 2, [("arguments", 1)]),
        ("4.1 < OK\n4.2", "9.1 < OK\n9.2", 6, [("slower", 1)]),
        ("2.3 < +MIPOPEN: 0,0", "2.3 < +MIPOPEN: 0,558", 2, [("answer", 1), ("missing", 1), ("added", 1)]),
    ],
)
def test_differences(old: str, new: str, alike: int, expected: list[tuple[str, int]]) -> None:
    assert old in GOOD
    found = kinds(GOOD, GOOD.replace(old, new))
    assert [kind for kind, _ in found[1]][: len(expected)] == [kind for kind, _ in expected] or set(found[1]) >= set(
        expected
    )
    assert found[0] == alike


def test_signal_and_time_are_no_difference() -> None:
    text = "0 > AT+CSQ\n0.1 < +CSQ: 20,99\n0.1 < OK"
    assert kinds(text, text.replace("20,99", "25,99"))[1] == []


def test_the_same_session_in_two_formats() -> None:
    """A log of one program and that of another, of the same conversation, say the same."""
    names = [name for name in WRITERS if name != "saleae-one-wire"]
    first = steps(chunks_of(FOLDER / f"{names[0]}.txt"), standard())
    for name in names[1:]:
        other = steps(chunks_of(FOLDER / f"{name}.txt"), standard())
        assert [one.kind for one in compare(first, other).differences if one.kind not in ("slower", "faster")] == [], (
            name
        )


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_a_sample_does_not_differ_from_itself(path: Path) -> None:
    found = steps(chunks_of(path), standard())
    assert compare(found, found).differences == []


def test_command(tmp_path: Path) -> None:
    record(talked(GOOD), tmp_path / "good")
    record(talked(GOOD.replace("3.1 < +MIPSEND: 0,2\n3.1 < OK", "3.1 < +CME ERROR: 553")), tmp_path / "bad")
    done = run("diff", tmp_path / "good", tmp_path / "bad")
    text = done.stdout.decode()
    assert done.returncode == 1
    assert "alike up to step 4" in text
    assert "CME ERROR 553 (TCP/IP not connected)" in text
    rows = [
        json.loads(line)
        for line in run("diff", tmp_path / "good", tmp_path / "bad", "--format", "jsonl").stdout.splitlines()
    ]
    assert rows[0]["alike"] == 4
    assert rows[1]["kind"] == "answer"
    assert run("diff", tmp_path / "good", tmp_path / "good").returncode == 0
    assert run("diff", tmp_path / "good", tmp_path / "nothing").returncode == 2
    assert run("diff", SAMPLES / "meter.pcapng", SAMPLES / "tour.pcapng").returncode == 1
