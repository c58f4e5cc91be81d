"""How lines pair, when data is data, and what is said about what goes wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from capture.chunk import Chunk
from decoder.events import Data, Event, Finding, Transaction
from decoder.session import Session
from tests.helpers import (
    MS,
    START,
    answer,
    command,
    events,
    messages,
    records,
    rules,
    standard,
    talk,
    transactions,
    urcs,
)


def only(found: Sequence[Event]) -> Transaction:
    (one,) = transactions(found)
    return one


def codes(found: Sequence[Event]) -> list[tuple[str, str]]:
    return [(one.name, one.result.code if one.result else "") for one in transactions(found)]


def payloads(found: Sequence[Event]) -> list[tuple[str, bytes]]:
    return [(one.side, bytes.fromhex(one.data)) for one in found if isinstance(one, Data)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("AT", [("AT", "exec", {})]),
        ("at+csq", [("CSQ", "exec", {})]),
        ("AT+CSQ;+CEREG?", [("CSQ", "exec", {}), ("CEREG", "read", {})]),
        ("ATE0V1", [("E", "basic", {"value": 0}), ("V", "basic", {"value": 1})]),
        ("AT&F", [("&F", "basic", {})]),
        ("ATE0+CSQ", [("E", "basic", {"value": 0}), ("CSQ", "exec", {})]),
        ("ATS3=13", [("S3", "s-register", {"value": 13})]),
        ("ATS3?", [("S3", "s-register", {})]),
        ("ATD*99#", [("D", "dial", {"number": "*99#"})]),
        ('AT+CGDCONT=1,"IP","a;b,c"', [("CGDCONT", "set", {"cid": 1, "pdp_type": "IP", "apn": "a;b,c"})]),
        ("AT+CGDCONT=1,“IP”,“cmnet”", [("CGDCONT", "set", {"cid": 1, "pdp_type": "IP", "apn": "cmnet"})]),
        ('AT+CPIN="1234"', [("CPIN", "set", {"pin": "1234"})]),
        ("AT+CEREG = 2", [("CEREG", "set", {"n": 2})]),
        ("AT+COPS=?", [("COPS", "test", {})]),
        ("AT^FOO=1", [("^FOO", "set", {"arg1": "1"})]),
        ('AT+NOSUCH=1,,"x\\"y"', [("NOSUCH", "set", {"arg1": "1", "arg3": 'x"y'})]),
        ('AT+MIPSEND=0,5,"a,""b"', [("MIPSEND", "set", {"connect_id": 0, "send_length": 5, "data": 'a,""b'})]),
        ('AT+MIPSEND=0,3,"a;b"', [("MIPSEND", "set", {"connect_id": 0, "send_length": 3, "data": "a;b"})]),
        (
            'AT+MIPSEND=0,0,"x",1,2',
            [("MIPSEND", "set", {"connect_id": 0, "send_length": 0, "data": "x", "rai": 1, "seq": 2})],
        ),
    ],
)
def test_command_lines(line: str, expected: list[tuple[str, str, dict[str, object]]]) -> None:
    found = records(talk(command(line), answer("OK")))
    got = [(one.name, one.form, one.params) for one in transactions(found) or []]
    if expected[0][0] == "MIPSEND" and "rai" in expected[0][2]:
        found = records(talk(command(line), answer("OK"), answer('+MIPURC: "seq",0,2,0')))
        got = [(one.name, one.form, one.params) for one in transactions(found)]
    assert got == expected


def test_information_before_the_ok_and_latency_to_its_last_byte() -> None:
    one = only(records(talk(command("AT+CSQ"), answer("+CSQ: 24,99"), answer("OK"))))
    assert one.information[0].params == {"rssi": 24, "rssi_dbm": -65, "ber": 99}
    assert one.latency_ns == 40 * MS


def test_information_after_the_ok_is_late_and_has_its_own_latency() -> None:
    one = only(
        records(talk(command('AT+MIPOPEN=3,"TCP","h",1'), answer("OK"), ("module", b"\r\n+MIPOPEN: 3,0\r\n", 900)))
    )
    assert one.latency_ns == 20 * MS
    assert [(u.name, u.params, u.latency_ns) for u in one.urcs] == [
        ("MIPOPEN", {"connect_id": 3, "result": 0}, 920 * MS)
    ]


def test_a_late_urc_in_front_of_the_ok_belongs_to_the_command_too() -> None:
    one = only(records(talk(command("AT+MIPCLOSE=1"), answer("+MIPCLOSE: 1,0"), answer("OK"))))
    assert one.urcs[0].params == {"connect_id": 1, "ret_code": 0}


def test_late_urcs_go_to_the_connection_they_name() -> None:
    found = records(
        talk(
            command('AT+MIPOPEN=0,"TCP","a",1'),
            answer("OK"),
            command('AT+MIPOPEN=1,"TCP","b",2'),
            answer("OK"),
            answer("+MIPOPEN: 1,0"),
            answer("+MIPOPEN: 0,558"),
        )
    )
    assert [(one.params["address"], one.urcs[0].params["result"]) for one in transactions(found)] == [
        ("b", 0),
        ("a", 558),
    ]
    assert transactions(found)[1].urcs[0].labels == {"result": "connecting timed out"}


def test_urcs_in_between_are_not_information() -> None:
    found = records(talk(command("AT+CSQ"), answer("+CEREG: 5"), answer("+CSQ: 1,99"), answer("OK")))
    assert [one.name for one in urcs(found)] == ["CEREG"]
    assert [i.name for i in only(found).information] == ["CSQ"]


def test_the_same_name_as_answer_and_as_urc_is_told_by_its_parameters() -> None:
    found = records(
        talk(command("AT+CEREG?"), answer('+CEREG: 5,"5A1F","0C6E9D10",9'), answer("+CEREG: 2,1"), answer("OK"))
    )
    assert [one.params["stat"] for one in urcs(found)] == [5]
    assert only(found).information[0].params == {"n": 2, "stat": 1}


@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ("ERROR", "ERROR", None),
        ("+CME ERROR: 10", "CME ERROR", (10, "SIM not inserted")),
        ("+CME ERROR:SIM failure", "CME ERROR", ("SIM failure", "SIM failure")),
        ("+CMS ERROR: 331", "CMS ERROR", (331, "no network service")),
        ("+CIS ERROR: 553", "CIS ERROR", (553, "TCP/IP not connected")),
        ("+CME ERROR: 9999", "CME ERROR", (9999, None)),
        ("NO CARRIER", "NO CARRIER", None),
    ],
)
def test_errors(text: str, code: str, error: tuple[object, object] | None) -> None:
    found = records(talk(command("AT+CGATT=1"), answer(text)))
    result = only(found).result
    assert result is not None
    assert result.code == code
    assert (None if result.error is None else (result.error.code, result.error.text)) == error
    assert rules(found) == ["command.error"]


def test_echo_is_never_an_answer() -> None:
    found = events(talk(command("AT+CSQ"), ("module", b"AT+CSQ\r\r\n+CSQ: 3,99\r\n\r\nOK\r\n")))
    assert [one.kind for one in messages(found)] == ["command", "echo", "information", "result"]
    assert len(only(found).information) == 1


def test_echo_tells_which_of_two_commands_is_answered() -> None:
    found = records(talk(command("AT+CPIN?"), command("AT+CSQ"), ("module", b"AT+CSQ\r\r\nOK\r\n"), gap_ms=100))
    assert codes(found) == [("CPIN", "unanswered"), ("CSQ", "OK")]


def test_payload_echo_is_not_taken_for_lines() -> None:
    found = events(
        talk(
            command('AT+MIPOPEN=0,"TCP","a",1'),
            ("module", b'AT+MIPOPEN=0,"TCP","a",1\r\r\nOK\r\n\r\n+MIPOPEN: 0,0\r\n'),
            command("AT+MIPSEND=0,6"),
            ("module", b"AT+MIPSEND=0,6\r\r\n> "),
            ("mcu", b"\r\nOK\r\n", 5),
            ("module", b"\r\nOK\r\n", 5),
            answer("+MIPSEND: 0,6", "OK"),
        )
    )
    assert payloads(found) == [("mcu", b"\r\nOK\r\n")]
    assert codes(found)[-1] == ("MIPSEND", "OK")
    assert rules(found) == []


def test_numeric_results_after_atv0() -> None:
    found = records(
        talk(
            command("ATV0"),
            ("module", b"0\r"),
            command("AT+CSQ"),
            ("module", b"\r\n+CSQ: 22,99\r\n0\r"),
            command("AT+X"),
            ("module", b"4\r"),
        )
    )
    assert codes(found) == [("V", "OK"), ("CSQ", "OK"), ("X", "ERROR")]


def test_a_retry_is_answered_not_the_command_before_it() -> None:
    found = records(talk(command("AT"), command("AT"), answer("OK")))
    assert codes(found) == [("AT", "unanswered"), ("AT", "OK")]
    assert transactions(found)[1].latency_ns == 20 * MS
    assert rules(found) == ["command.unanswered"]


def test_pipelined_commands_are_answered_in_order() -> None:
    found = records(talk(command("ATE0"), command("AT+CMEE=1"), answer("OK"), answer("OK"), gap_ms=10))
    assert codes(found) == [("E", "OK"), ("CMEE", "OK")]


def test_time_out_comes_with_time_alone() -> None:
    session = Session(standard())
    assert not session.feed(Chunk(START, "mcu", b"AT+CSQ\r"))[1:]
    found = session.tick(START + 9_000 * MS) + session.tick(START + 11_000 * MS)
    assert [(one.name, one.result.code if one.result else "") for one in transactions(found)] == [("CSQ", "timeout")]
    assert rules(found) == ["command.unanswered"]


def test_live_results_are_given_at_once() -> None:
    session = Session(standard())
    session.feed(Chunk(START, "mcu", b"AT\r"))
    assert transactions(session.feed(Chunk(START + MS, "module", b"\r\nOK\r\n")))


def test_a_missing_late_urc_is_told() -> None:
    found = records([*talk(command('AT+MDNSGIP="x"'), answer("OK")), Chunk(START + 300_000 * MS, "mcu", b"AT\r")])
    assert rules(found)[0] == "late.missing"


def test_an_unasked_result_is_told() -> None:
    assert rules(records(talk(answer("OK")))) == ["result.unexpected"]


def test_the_ok_of_a_urc_does_not_complete_a_command_that_waits_for_information() -> None:
    found = records(
        talk(
            answer('+MIPURC: "drop",0,10', "OK"),
            command("AT+CSQ"),
            answer('+MIPURC: "drop",0,11', "OK"),
            answer("+CSQ: 3,99", "OK"),
        )
    )
    assert [i.params["rssi"] for i in only(found).information] == [3]
    assert rules(found) == []


def test_an_mcu_that_does_not_wait_for_the_prompt() -> None:
    found = records(
        talk(command("AT+MIPSEND=0,7"), ("mcu", b"AT+CSQ\r", 1), ("module", b"\r\n> "), answer("+MIPSEND: 0,7", "OK"))
    )
    assert payloads(found) == [("mcu", b"AT+CSQ\r")]
    assert codes(found) == [("MIPSEND", "OK")]


def test_held_bytes_are_a_command_if_the_module_refuses_to_prompt() -> None:
    found = records(
        talk(
            command("AT+MIPSEND=0,7"),
            ("module", b"\r\n+CME ERROR: 553\r\n"),
            command("AT+CSQ"),
            answer("+CSQ: 1,99", "OK"),
        )
    )
    assert payloads(found) == []
    assert codes(found) == [("MIPSEND", "CME ERROR"), ("CSQ", "OK")]


def test_payload_without_length_ends_with_ctrl_z() -> None:
    found = records(
        talk(
            command("AT+MIPSEND=0"),
            ("module", b"\r\n> "),
            ("mcu", b"hello\r\nOK\r\n\x1a"),
            answer("+MIPSEND: 0,11", "OK"),
            command("AT"),
            answer("OK"),
        )
    )
    assert payloads(found) == [("mcu", b"hello\r\nOK\r\n")]
    assert codes(found) == [("MIPSEND", "OK"), ("AT", "OK")]


def test_a_prompt_of_an_unknown_command_is_understood() -> None:
    found = records(
        talk(
            command("AT+QISEND=0,5"),
            ("module", b"\r\n> "),
            ("mcu", b"AT+X\r"),
            ("module", b"\r\nSEND OK\r\n"),
            command("AT"),
            answer("OK"),
        )
    )
    assert payloads(found) == [("mcu", b"AT+X\r")]
    assert codes(found) == [("QISEND", "SEND OK"), ("AT", "OK")]


def test_short_payload_and_the_session_goes_on() -> None:
    found = records(
        talk(
            command("AT+MIPSEND=0,100"),
            ("module", b"\r\n> "),
            ("mcu", b"only this"),
            answer("ERROR"),
            command("AT"),
            answer("OK"),
        )
    )
    assert payloads(found) == [("mcu", b"only this")]
    assert "send.short" in rules(found)
    assert codes(found) == [("MIPSEND", "ERROR"), ("AT", "OK")]


@pytest.mark.parametrize("lost", [1, 5, 30])
def test_lost_bytes_in_received_payload_do_not_swallow_the_next_lines(lost: int) -> None:
    line = b'\r\n+MIPURC: "rtcp",0,60,' + b"x" * (60 - lost) + b"\r\n"
    found = records(
        talk(
            command('AT+MIPOPEN=0,"TCP","a",1'),
            answer("OK", "+MIPOPEN: 0,0"),
            ("module", line),
            command("AT+CSQ"),
            answer("+CSQ: 9,99", "OK"),
            answer("+CEREG: 1"),
        )
    )
    assert payloads(found) == [("module", b"x" * (60 - lost))]
    assert "payload.length" in rules(found)
    assert codes(found) == [("MIPOPEN", "OK"), ("CSQ", "OK")]
    assert [one.name for one in urcs(found)] == ["MIPURC", "CEREG"]


def test_hex_payload_by_configuration_and_by_what_fits() -> None:
    configured = talk(
        command('AT+MIPCFG="encoding",1,1,1'), answer("OK"), ("module", b'\r\n+MIPURC: "rudp",1,3,4F4B0D\r\n')
    )
    assert payloads(records(configured)) == [("module", b"OK\r")]
    unknown = talk(
        ("module", b'\r\n+MIPURC: "rudp",1,3,4F4B0D\r\n'),
        command('AT+MIPSEND=1,3,"4f4b0d"'),
        answer("+MIPSEND: 1,3", "OK"),
    )
    assert payloads(records(unknown)) == [("module", b"OK\r"), ("mcu", b"OK\r")]


def test_escaped_payload() -> None:
    found = records(
        talk(
            command('AT+MIPCFG="encoding",0,2,0'),
            answer("OK"),
            command(r'AT+MIPSEND=0,12,"\r\n\x41\\\"\t"'),
            answer("+MIPSEND: 0,12", "OK"),
        )
    )
    assert payloads(found) == [("mcu", b'\r\nA\\"\t')]


def test_send_length_that_differs_is_an_error() -> None:
    found = records(talk(command('AT+MIPSEND=0,3,"four"'), answer("+CME ERROR: 50")))
    assert "send.length" in rules(found)


def test_buffered_mode_counts_are_not_payload() -> None:
    found = records(
        talk(
            command("AT+MIPMODE=0,2"),
            answer("OK"),
            answer('+MIPURC: "rtcp",0,2,20'),
            command("AT+MIPRD=0"),
            answer("+MIPRD: 0,20", "OK"),
        )
    )
    assert urcs(found)[0].params == {"kind": "rtcp", "connect_id": 0, "recv_length": 2, "total_length": 20}
    assert payloads(found) == []


def stream(*rest: tuple[str, bytes, int]) -> Sequence[Event]:
    return records(talk(command("AT+MIPMODE=0,1"), answer("OK"), answer("CONNECT"), *rest))


def test_transparent_mode_carries_anything_until_the_escape_is_confirmed() -> None:
    found = stream(
        ("mcu", b"AT+CSQ\r", 500),
        ("module", b"\r\nOK\r\n", 100),
        ("mcu", b"a+++b", 500),
        ("mcu", b"+++", 20),
        ("module", b"+++", 500),
        ("mcu", b"+++", 1500),
        ("module", b"\r\nOK\r\n", 400),
        ("mcu", b"AT\r", 500),
        ("module", b"\r\nOK\r\n", 20),
    )
    assert b"".join(data for side, data in payloads(found) if side == "mcu") == b"AT+CSQ\ra+++b+++"
    assert b"".join(data for side, data in payloads(found) if side == "module") == b"\r\nOK\r\n+++"
    assert codes(found) == [("MIPMODE", "OK"), ("+++", "OK"), ("AT", "OK")]


def test_an_escape_that_nobody_confirms_is_data_and_is_told() -> None:
    found = stream(("mcu", b"+++", 1500), ("module", b"more data", 9000), ("mcu", b"end", 500))
    assert b"".join(data for side, data in payloads(found) if side == "mcu") == b"+++end"
    assert "transparent.escape" in rules(found)


@pytest.mark.parametrize("ending", [b"\r\nNO CARRIER\r\n", b'\r\n+MIPURC: "disconn",0,1\r\n'])
def test_transparent_mode_ends_when_the_connection_does(ending: bytes) -> None:
    found = stream(("mcu", b"data", 500), ("module", ending, 500), ("mcu", b"AT\r", 500), ("module", b"\r\nOK\r\n", 20))
    assert payloads(found) == [("mcu", b"data")]
    assert codes(found) == [("MIPMODE", "OK"), ("AT", "OK")]


def test_transparent_mode_that_was_left_unseen_is_noticed() -> None:
    lines: list[tuple[str, bytes, int]] = []
    for _ in range(4):
        lines += [("mcu", b"AT+CSQ\r", 1000), ("module", b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n", 20)]
    found = stream(*lines)
    assert "transparent.lost" in rules(found)
    assert codes(found)[-1] == ("CSQ", "OK")


def test_dialling_goes_to_data_mode_and_comes_back() -> None:
    found = records(
        talk(
            command("ATD*99#"),
            answer("CONNECT 115200"),
            ("mcu", b"~\xff}#\xc0!~", 100),
            ("module", b"\r\nNO CARRIER\r\n", 900),
            command("AT"),
            answer("OK"),
        )
    )
    assert payloads(found) == [("mcu", b"~\xff}#\xc0!~")]
    assert codes(found) == [("D", "CONNECT"), ("AT", "OK")]


def test_a_restart_ends_what_was_open() -> None:
    found = records(
        talk(
            command('AT+MIPOPEN=0,"TCP","a",1'),
            answer("OK"),
            command("AT+COPS?"),
            answer("RDY"),
            command("AT"),
            answer("OK"),
        )
    )
    assert ("COPS", "unanswered") in codes(found)
    assert "module.rebooted" in rules(found)
    assert codes(found)[-1] == ("AT", "OK")


def test_noise_is_shown_with_its_bytes() -> None:
    found = [one for one in records(talk(("module", b"\xff\xfe\x01\x02\r\n"))) if isinstance(one, Finding)]
    assert [one.rule for one in found] == ["noise"]
    assert "ff fe 01 02" in found[0].message


def test_chinese_text_is_text() -> None:
    found = records(talk(("module", "模组启动完成\r\n".encode())))
    assert [one.name for one in urcs(found)] == [None]
    assert rules(found) == []


def test_memory_stays_bounded() -> None:
    session = Session(standard())
    for number in range(3000):
        session.feed(Chunk(None, "mcu", b'AT+MIPOPEN=%d,"TCP","h",1\r' % number))
        session.feed(Chunk(None, "module", b"\r\nOK\r\n"))
    assert len(session._channel.module.late) <= 1024
    found: list[Event] = []
    for _ in range(50):
        found += session.feed(Chunk(None, "module", b"x" * 10_000))
    assert len(session._channel.module_wire) <= 80_000
    assert "noise" in rules(found)
