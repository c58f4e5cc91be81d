"""What the host's program says of failures, in a text log: told as its words, and never as traffic."""

from __future__ import annotations

from pathlib import Path

import pytest

from atshark.sources import open_source
from decoder.decode import run
from decoder.events import Finding, Transaction
from decoder.findings.story import Story
from tests.helpers import standard

HEAD = "[10:00:00.000] TX: AT\n[10:00:00.050] RX: OK\n"
SAID = [
    "[10:00:05.000] app: modem not responding, giving up",
    "E (9314) esp_modem_dce: esp_modem_dce_handle(31): Command:AT+CPIN? response timeout",
    "Traceback (most recent call last):",
    "[10:00:05.000] 模块无响应,正在重启",
]
NOT_SAID = [
    "[10:00:05.000] RX: +CME ERROR: operation failed",
    '[10:00:05.000] TX: AT+QMTPUBEX=0,1,1,0,"failed",5',
    "[10:00:05.000] RX: SEND FAIL",
    "[10:00:05.000] app: all is well",
]


def heard(tmp_path: Path, line: str) -> tuple[list[str], list[str], list[str]]:
    path = tmp_path / "log.txt"
    path.write_text(f"{HEAD}{line}\n[10:00:06.000] TX: AT+CSQ\n[10:00:06.050] RX: +CSQ: 9,99\n[10:00:06.060] RX: OK\n")
    story = Story(standard())
    with open_source(str(path)) as source:
        events = list(run(source, standard()))
    for one in events:
        story.hear(one)
    words = [one.message for one in events if isinstance(one, Finding) and one.rule == "tap.host"]
    return words, [one.name for one in events if isinstance(one, Transaction)], story.tell("en")


@pytest.mark.parametrize("line", SAID)
def test_words_of_the_host_are_told_and_are_no_traffic(tmp_path: Path, line: str) -> None:
    words, names, story = heard(tmp_path, line)
    assert words == [line]
    assert [name for name in names if name != "CPIN"] == ["AT", "CSQ"]
    assert any(step.startswith("the host says: ") for step in story)


@pytest.mark.parametrize("line", NOT_SAID)
def test_what_the_module_or_a_command_says_is_not_the_host(tmp_path: Path, line: str) -> None:
    words, _, story = heard(tmp_path, line)
    assert words == []
    assert not any(step.startswith("the host says") for step in story)
