"""The cause: of what was found, the lowest layer that is broken, and how sure that is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from decoder.events import Cause, Finding, Frame, Summary
from decoder.findings import Inspector, rules
from decoder.findings.cause import Ladder
from decoder.rules import LAYERS
from tests.helpers import run, standard
from tests.test_report import data_of

SIM = "AT+CPIN?\n+CPIN: SIM PIN\nOK\n"
SEARCHING = "AT+CSQ\n+CSQ: 20,99\nOK\nAT+CEREG?\n+CEREG: 0,2\nOK\n"
DENIED = "AT+CEREG?\n+CEREG: 0,3\nOK\n"
CONTEXT = "AT+CGACT=1,1\n+CME ERROR: 149\n"
NAME = 'AT+CDNSGIP="nowhere.invalid"\nOK\n+CDNSGIP: 0,10\n'
MQTT = 'AT+QMTOPEN=0,"broker",1883\nOK\n+QMTOPEN: 0,-1\n'
HTTP = "AT+HTTPACTION=0\nOK\n+HTTPACTION: 0,603,0\n"
GOOD = "AT+CPIN?\n+CPIN: READY\nOK\nAT+CEREG?\n+CEREG: 0,1\nOK\nAT+CSQ\n+CSQ: 20,99\nOK\n"


def causes(tmp_path: Path, text: str, *options: str) -> list[dict[str, object]]:
    path = tmp_path / "log.txt"
    path.write_text(text)
    done = run("check", path, "--format", "jsonl", *options)
    return [one for one in map(json.loads, done.stdout.splitlines()) if one["kind"] == "cause"]


@pytest.mark.outside
@pytest.mark.parametrize(
    ("lower", "layer"), [(SIM, "sim"), (SEARCHING, "registration"), (DENIED, "registration"), (CONTEXT, "context")]
)
@pytest.mark.parametrize("upper", [MQTT, HTTP, MQTT + HTTP])
def test_a_broken_layer_explains_what_fails_above_it(tmp_path: Path, lower: str, layer: str, upper: str) -> None:
    for text in (lower + upper, upper + lower):
        (one,) = causes(tmp_path, text)
        assert one["layer"] == layer, text
        assert one["certainty"] == "likely"
        assert int(str(one["consequences"])) >= 1


@pytest.mark.outside
def test_one_finding_alone_is_the_cause_and_nothing_is_none(tmp_path: Path) -> None:
    (one,) = causes(tmp_path, GOOD + MQTT)
    assert (one["layer"], one["certainty"], one["line"]) == ("protocol", "certain", 12)
    assert "network could not be opened" in str(one["message"])
    (one,) = causes(tmp_path, GOOD + MQTT, "--lang", "zh")
    assert "打开网络失败" in str(one["message"])
    assert causes(tmp_path, GOOD) == []


@pytest.mark.outside
def test_an_error_in_words_is_the_one_by_number(tmp_path: Path) -> None:
    both = [causes(tmp_path, f"AT+CGATT=1\n+CME ERROR: {said}\n") for said in ("10", "SIM not inserted")]
    assert [(one["layer"], one["advice"]) for (one,) in both] == [("sim", both[0][0]["advice"])] * 2
    assert both[0][0]["advice"]


@pytest.mark.outside
def test_the_first_lines_of_check_say_it(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text(SIM + MQTT)
    done = run("check", path)
    assert any(b"cause (likely): +CPIN: SIM PIN" in line for line in done.stdout.splitlines()[:5])


def test_every_layer_of_a_rule_exists() -> None:
    assert {rule.layer for rule in rules().values()} <= set(LAYERS)


def summed(*found: tuple[Finding, int], doubted: bool = False) -> list[Cause]:
    ladder = Ladder()
    ladder.doubted = doubted
    for one, at in found:
        ladder.found(one, None, at)
    return ladder.causes()


def test_doubt_about_the_reading_lowers_the_certainty() -> None:
    sim = Finding(1, "module", "state.sim", "warning", "x")
    assert [one.certainty for one in summed((sim, 1))] == ["certain"]
    doubt = Finding(1, None, "log.doubt", "warning", "y")
    assert [one.certainty for one in summed((doubt, 0), (sim, 1))] == ["possible"]
    assert [one.certainty for one in summed((sim, 1), doubted=True)] == ["possible"]
    silent = Finding(1, "module", "module.silent", "error", "z")
    assert summed((silent, 1), doubted=True) == []  # nobody is accused by a log that is read with doubt


def test_what_worked_in_between_makes_two_causes() -> None:
    lost = Finding(1, "module", "registration.lost", "warning", "x")
    refused = Finding(2, "module", "mqtt.connect-refused", "error", "y")
    assert [(one.rule, one.consequences) for one in summed((lost, 1), (refused, 3))] == [("registration.lost", 1)]
    ladder = Ladder()
    ladder.found(lost, None, 1)
    ladder.works("registration", 2)
    ladder.found(refused, None, 3)
    assert [(one.rule, one.recovered) for one in ladder.causes()] == [
        ("mqtt.connect-refused", False), ("registration.lost", True)
    ]  # fmt: skip
    ladder = Ladder()
    ladder.works("registration", 1)
    ladder.found(refused, None, 2)
    ladder.found(lost, None, 3)
    assert [one.rule for one in ladder.causes()] == ["registration.lost", "mqtt.connect-refused"]
    assert [one.consequences for one in ladder.causes()] == [0, 0]


REASONS = {
    "quectel": ("AT+QIACT=1\nERROR\nAT+QIGETERROR\n+QIGETERROR: 561,Activate PDP failed\nOK\n", "context", "561"),
    "3gpp": ("AT+CGATT=1\nERROR\nAT+CEER\n+CEER: EPS services not allowed\nOK\n", "registration", "not allowed"),
    "ublox": ('AT+USOCO=0,"host",80\nERROR\nAT+USOER\n+USOER: 101\nOK\n', "connection", "101"),
}


@pytest.mark.outside
@pytest.mark.parametrize("name", REASONS)
def test_the_command_that_asks_why_answers_for_the_failure_before_it(tmp_path: Path, name: str) -> None:
    text, layer, why = REASONS[name]
    (one,) = causes(tmp_path, text)
    assert one["layer"] == layer
    evidence = one["evidence"]
    assert isinstance(evidence, list)
    assert why in evidence[0]["message"]


FRAMES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "tls.alert": ("tls", {"level": "fatal", "alert": "certificate expired"}, {"level": "warning", "alert": "close notify"}, "protocol"),
    "dns.refused": ("dns", {"response": True, "code": 3}, {"response": True, "code": 0}, "name"),
    "ppp.refused": ("ppp", {"protocol": "PAP", "code": "Authenticate-Nak"}, {"protocol": "PAP", "code": "Authenticate-Ack"}, "context"),
}  # fmt: skip


@pytest.mark.parametrize("rule", FRAMES)
def test_frames_that_refuse(rule: str) -> None:
    protocol, bad, good, layer = FRAMES[rule]
    for fields, wanted in ((bad, [rule]), (good, [])):
        inspector = Inspector(standard())
        frame = Frame(1, "module", protocol, 0, "+X", "the frame", fields)
        found = [one.rule for one in inspector.look([frame]) if isinstance(one, Finding)]
        assert found == wanted
        causes = inspector.conclude(Summary(2, None, [], {}, 0)).causes
        assert [(one.rule, one.layer) for one in causes] == [(rule, layer)] * len(wanted)


TWO = MQTT + SIM


@pytest.mark.outside
def test_every_output_begins_with_the_cause(tmp_path: Path) -> None:
    """The cause stands behind its consequence in the log, and before it in what is printed."""
    path = tmp_path / "log.txt"
    path.write_text(TWO)
    first, second = json.loads(run("check", path, "--format", "sarif").stdout)["runs"][0]["results"]
    assert first["ruleId"] == "state.sim"
    assert first["properties"]["cause"] == "likely"
    assert first["properties"]["layer"] == "sim"
    assert "cause" not in second["properties"]
    cases = ElementTree.fromstring(run("check", path, "--format", "junit").stdout).findall(".//failure")
    assert [one.get("message", "").startswith("cause (likely): ") for one in cases] == [True, False]
    summary = json.loads(run("decode", path, "--format", "jsonl").stdout.splitlines()[-1])
    assert [one["rule"] for one in summary["causes"]] == ["state.sim"]
    assert re.search("[\u4e00-\u9fff]", summary["causes"][0]["advice_zh"])
    page = tmp_path / "page.html"
    assert run("report", path, "-o", page).returncode == 0
    assert [one["l"] for one in data_of(page.read_text())["causes"]] == ["sim"]
    text = run("check", path).stdout.decode()
    assert text.count("the SIM is locked") == 2  # the cause and the story; the finding that it is, is not told again


@pytest.mark.outside
def test_causes_of_many_files_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(TWO if number else GOOD)
    assert b"2 \xc3\x97 sim, state.sim" in run("check", folder).stdout
    assert run("batch", folder, "-o", tmp_path / "set").returncode == 0
    done = run("query", tmp_path / "set", "SELECT rank, layer, certainty FROM causes ORDER BY file", "--format", "csv")
    assert done.stdout.decode().splitlines()[1:] == ["1,sim,likely"] * 2
