"""What AT looks like, asked in one place: everybody who must know a result or a command knows the same ones.

Each of them had a regular expression of its own once, and they disagreed about CIS ERROR, SEND OK, NO CARRIER, blanks at
the end, "=" for ":", lower case, and which signs begin a name.
"""

from __future__ import annotations

import io

import pytest

from atshark.redact.spread import Substitutes
from atshark.sources.logs import open_log, shape
from capture import grammar
from capture.chunk import Chunk, MarkChunk
from capture.identify import Identify
from capture.order import Order
from capture.speed import Finder, Follower
from decoder.events import Finding, Message
from tests.helpers import MS, START, answer, command, events, rules, talk, transactions

ANSWERS = [
    b"OK", b"ERROR", b"NO ANSWER", b"NO DIALTONE", b"NO DIAL TONE", b"BUSY",
    b"+CME ERROR: 3", b"+CME ERROR:3", b"+CME ERROR=3", b"+CME ERROR: SIM not inserted", b"+CMS ERROR: 500", b"+CIS ERROR: 100",
]  # fmt: skip
LATE = [b"CONNECT", b"CONNECT 115200", b"NO CARRIER", b"SEND OK", b"SEND FAIL"]
NOT_RESULTS = [b"CONNECT OK", b"OKAY", b"ERRORS", b"BUSYBOX", b"+CME: 3", b"NO", b"+CSQ: 1", b"MODEM OK"]
COMMANDS = [
    b"AT", b"at", b"AT+CSQ", b"AT^SYSINFO", b"AT$QCRMCALL=1,1", b"AT%CSQ", b"AT*PSRDBS=0", b"AT#SGACT=1,1", b"AT!GSTATUS?",
    b"AT&F", b"AT\\Q3", b"ATE0", b"ATI", b"ATD*99#", b"ATS0=0", b"at+cgmi",
]  # fmt: skip
NOT_COMMANDS = ["Attached", "At home", "ATtach", "attach the antenna", "BAT+5", "a"]


def result_of(line: bytes) -> bool:
    """Whether the decoder takes a line for a result."""
    found = events([Chunk(START, "mcu", b"AT+CSQ\r"), Chunk(START + 9 * MS, "module", b"\r\n" + line + b"\r\n")])
    return any(isinstance(one, Message) and one.result is not None for one in found)


def identified(line: bytes) -> bool:
    return Identify().feed(0, b"\r\n" + line + b"\r\n") == 1


def held(line: bytes) -> bool:
    """Whether the tap holds a line for a moment, as it must be the answer to a command that was not read yet."""
    return not Order().push(Chunk(START, "module", b"\r\n" + line + b"\r\n"))


def proves_speed(line: bytes) -> bool:
    finder = Finder(START)
    finder.feed(line, 0, START)
    return finder.found


@pytest.mark.parametrize("line", ANSWERS + LATE)
@pytest.mark.parametrize("end", [b"", b" "], ids=["", "blank behind it"])
def test_all_know_the_same_results(line: bytes, end: bytes) -> None:
    assert result_of(line + end)
    assert identified(line + end)
    assert proves_speed(b"\r\n" + line + end + b"\r\n")
    assert grammar.ends_with_result(b"x\r\n" + line + end + b"\r\n")
    assert grammar.is_final((line + end).decode())
    assert grammar.is_answer((line + end).decode())
    assert shape.start("12:30:01 < " + line.decode()) == 11
    assert held(line + end) == (line in ANSWERS)


@pytest.mark.parametrize("line", NOT_RESULTS)
def test_and_take_nothing_else_for_one(line: bytes) -> None:
    assert not result_of(line)
    assert not identified(line)
    assert not held(line)
    assert not grammar.ends_with_result(b"x\r\n" + line + b"\r\n")
    assert not grammar.is_final(line.decode())


@pytest.mark.parametrize("line", COMMANDS)
def test_all_know_the_same_commands(line: bytes) -> None:
    assert grammar.command_start(line) == 0
    assert grammar.is_command(line.decode())
    assert grammar.is_lone_command(line + b"\r")
    assert proves_speed(line + b"\r")
    assert shape.start("12:30:01 > " + line.decode()) == 11
    found = transactions(events([Chunk(START, "mcu", line + b"\r")]))
    assert len(found) == 1
    order = Order()
    got = [*order.push(Chunk(START, "module", b"\r\nOK\r\n")), *order.push(Chunk(START + MS, "mcu", line + b"\r"))]
    assert [one.side for one in got if not isinstance(one, MarkChunk)] == ["mcu", "module"]
    decider = Identify()
    assert decider.feed(0, line + b"\r") is None
    assert decider.feed(1, b"\r\nOK\r\n") == 0
    assert "1 commands here" in decider.why(0)


@pytest.mark.parametrize("text", NOT_COMMANDS)
def test_prose_is_no_command(text: str) -> None:
    assert not grammar.is_command(text)
    assert shape.start(text) is None


def test_payload_that_ends_in_letters_of_a_command_is_none_for_the_tap() -> None:
    """STATUS=1 holds AT, too."""
    order = Order()
    order.push(Chunk(START, "module", b"\r\nOK\r\n"))
    assert order.push(Chunk(START + MS, "mcu", b"STATUS=1\r")) == []
    assert order.commands == 0


@pytest.mark.parametrize("code", [b"SEND OK", b"NO CARRIER", b"+CIS ERROR: 100", b"+CME ERROR: 100", b"BUSY", b"ERROR"])
@pytest.mark.parametrize("secret", ["SEND", "ARRI", "ERRO", "+CIS", "+CME", "Y\r\nA"])
def test_redacting_keeps_results(code: bytes, secret: str) -> None:
    """Even if a secret is spelt like a part of them."""
    line = b"\r\n" + code + b"\r\nAT"
    assert Substitutes([secret], b"salt").replace(line) == line


def test_an_error_of_makers_ends_the_change_of_speed() -> None:
    follower = Follower(module_heard=True)
    assert follower.feed("mcu", b"AT+IPR=9600\r") is None
    assert follower.feed("module", b"\r\n+CIS ERROR: 100\r\n") is None
    assert follower.feed("module", b"\r\nOK\r\n") is None
    # An OK from before the command does not confirm it, whatever comes next.
    assert follower.feed("mcu", b"AT+IPR=9600\r") is None
    assert follower.feed("module", b"AT+IPR=9600\r") is None
    assert follower.feed("module", b"\r\nOK\r") is None
    assert follower.feed("module", b"\n") == 9600


def test_a_wrong_length_ends_before_an_error() -> None:
    """Of the lines at which decoding resumes, results with a number were not known."""
    found = events(talk(
        command("AT+CSQ"), ("module", b'\r\n+MIPURC: "rtcp",0,99,abcd\r\n+CIS ERROR: 100\r\n', 20), command("AT"), answer("OK"),
    ))  # fmt: skip
    assert [one.result.code for one in transactions(found) if one.result] == ["CIS ERROR", "OK"]


def test_transparent_mode_is_lost_by_any_result() -> None:
    lines = [command('AT+MIPOPEN=0,"TCP","a.example",80,,1'), answer("OK", "+MIPOPEN: 0,0"), command("AT+MIPMODE=0,1")]
    lines += [answer("CONNECT")]
    for _ in range(2):
        lines += [command("AT+MIPLREAD=1"), answer("+CIS ERROR: 100")]
    assert "transparent.lost" in rules(events(talk(*lines)))


def test_a_log_with_answer_and_result_on_one_line() -> None:
    log = b"AT+MIPLREADRSP=0,1,1\nAT+CSQ\n+CSQ: 20,99 OK\nAT+CSQ\n+CSQ: 20,99 +CIS ERROR: 100\n"
    opened = open_log(io.BytesIO(log), log, "log")
    assert opened is not None
    said = [chunk.data.strip() for chunk in opened.chunks() if chunk.side == "module"]
    assert said == [b"+CSQ: 20,99", b"OK", b"+CSQ: 20,99", b"+CIS ERROR: 100"]


def test_numbers_are_the_results_that_there_are() -> None:
    log = b"ATV0\n0\nAT+CSQ\n5\n0\n"
    opened = open_log(io.BytesIO(log), log, "log")
    assert opened is not None
    assert [chunk.data for chunk in opened.chunks() if chunk.side == "module"] == [b"0\r", b"\r\n5\r\n", b"0\r"]


def test_an_echo_is_damaged_if_it_looks_like_a_command_of_any_kind() -> None:
    for text in ("AT+SQ", "AT^SQ", "AT!SQ", "AT\\Q3"):
        found = events(talk(command("AT+CSQ"), answer(text), answer("OK")))
        assert [one for one in found if isinstance(one, Message) and one.kind in ("text", "information")]
    assert not [one for one in events(talk(answer("Attached"))) if isinstance(one, Finding) and "echo" in one.rule]
