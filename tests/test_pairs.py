"""Pairs across time: requests and their answers, packet ids, messages in parts, stories told by several lines."""

from __future__ import annotations

from typing import Any

import pytest

from decoder.events import Finding, Group, Record
from tests.helpers import answer, command, records, rules, talk, transactions, urcs


def groups(found: list[Record]) -> list[Group]:
    return [one for one in found if isinstance(one, Group)]


def request_of(found: list[Record], index: int = 0) -> Any:
    request = transactions(found)[index].request
    return request or None


@pytest.mark.parametrize(
    ("urc", "line"),
    [
        ("+MIPLREAD: 0,18172,3200,0,5750", "AT+MIPLREADRSP=0,18172,11"),
        ("+MIPLWRITE: 0,18172,3200,0,5750,1,4,test,0", "AT+MIPLWRITERSP=0,18172,2"),
        ("+MIPLEXECUTE: 0,18172,3200,0,5750", "AT+MIPLEXECUTERSP=0,18172,2"),
        ("+MIPLOBSERVE: 0,18172,1,3200,0,5750", "AT+MIPLOBSERVERSP=0,18172,1"),
        ('+MIPLPARAMETER: 0,18172,3200,0,5758,7,"pmin=18"', "AT+MIPLPARAMETERRSP=0,18172,1"),
        ("+MIPLDISCOVER: 0,18172,3200", 'AT+MIPLDISCOVERRSP=0,18172,1,14,"5500;5501;5750"'),
        ("+MIPLDISCOVER: 0,18172,3200", 'AT+MIPLDISCOVERRSP=0,3200,1,14,"5500;5501;5750"'),
    ],
)
def test_a_command_answers_the_request_with_its_message_id(urc: str, line: str) -> None:
    found = records(talk(answer(urc), command(line), answer("OK"), gap_ms=1200))
    request = request_of(found)
    assert (request.raw, request.latency_ns) == (urc, 1_200_000_000)
    assert rules(found) == []


def test_the_wrong_message_id_answers_nothing_and_the_request_stays_open() -> None:
    lines = [answer("+MIPLREAD: 0,7,3200,0,5750"), command("AT+MIPLREADRSP=0,8,1,3200,0,5750,1,1,a,0,0"), answer("OK")]
    found = records(talk(*lines, command("AT"), answer("OK"), gap_ms=6000))
    assert request_of(found) is None
    assert rules(found) == ["request.unanswered"]
    (finding,) = [one for one in found if isinstance(one, Finding)]
    assert "AT+MIPLREADRSP" in finding.message


def test_what_the_module_answers_by_itself_is_not_missed() -> None:
    found = records(talk(answer("+MIPLREAD: 0,39123,3,0,-1,0"), command("AT"), answer("OK"), gap_ms=9000))
    assert rules(found) == []


def test_the_other_makers_discover_answer_carries_a_message_id() -> None:
    lines = [answer("+MIPLDISCOVER: 0,41,3200"), command('AT+MIPLDISCOVERRSP=0,41,1,4,"5700"'), answer("OK")]
    lines += [command('AT+MIPLDISCOVERRSP=0,3200,1,4,"5700"'), answer("OK")]
    first, second = transactions(records(talk(*lines)))
    assert (first.params["mid"], "objid" in first.params) == (41, False)
    assert (second.params["objid"], "mid" in second.params) == (3200, False)


def test_a_variant_brings_its_own_meanings() -> None:
    lines = [answer("+MIPLDISCOVER: 0,3,3200"), command('AT+MIPLDISCOVERRSP=0,3,1,4,"5700"'), answer("OK")]
    (one,) = transactions(records(talk(*lines)))
    assert (one.params["mid"], one.labels) == (3, {"result": "content"})


def test_two_publications_are_told_apart_by_packet_id() -> None:
    lines = [command('AT+MQTTPUB="t",2,0,0,0,"a"'), answer("OK"), command('AT+MQTTPUB="t",2,0,0,0,"b"'), answer("OK")]
    handshakes = [
        "+MQTTPUBREC: 0,10",
        "+MQTTPUBREC: 0,11",
        "+MQTTPUBREL: 0,11",
        "+MQTTPUBCOMP: 0,11",
        "+MQTTPUBCOMP: 0,10",
    ]
    one, two = sorted(
        transactions(records(talk(*lines, *map(answer, handshakes)))), key=lambda t: str(t.params["message"])
    )
    assert [u.params["packid"] for u in one.urcs] == [10, 10]
    assert [(u.name, u.params["packid"]) for u in two.urcs] == [
        ("MQTTPUBREC", 11),
        ("MQTTPUBREL", 11),
        ("MQTTPUBCOMP", 11),
    ]


def test_a_status_finds_its_publication_by_the_id_of_the_answer() -> None:
    lines = [
        command('AT+IMQTTPUB="a",1,"x"'),
        answer("+IMQTTPUB:7", "OK"),
        command('AT+IMQTTPUB="b",1,"y"'),
        answer("+IMQTTPUB:8", "OK"),
    ]
    found = transactions(records(talk(*lines, answer("+IMQTTPUB:8,0"), answer("+IMQTTPUB:7,1"))))
    assert {str(one.params["topic"]): one.urcs[0].params["status"] for one in found} == {"a": 1, "b": 0}


def test_a_sent_report_carries_the_low_bits_of_the_message_id() -> None:
    lines = [
        command("AT+MIPLNMI=0,0,1"),
        answer("OK"),
        command("AT+MIPLWRITERSP=0,18173,2"),
        answer("OK"),
        answer("+MIPLNSMI: 0,1,125"),
    ]
    lines += [
        command('AT+MIPLNOTIFY=0,3,3200,0,5750,1,1,"a",0,0,9'),
        answer("OK"),
        answer("+MIPLNSMI: 0,1,3"),
        answer("+MIPLEVENT: 0,26,9"),
    ]
    found = records(talk(*lines))
    _, written, notified = transactions(found)
    assert [late.params["num"] for late in written.urcs] == [125]
    assert [late.name for late in notified.urcs] == ["MIPLNSMI", "MIPLEVENT"]
    assert urcs(found) == []


def test_without_reports_switched_on_nothing_waits_for_one() -> None:
    found = records(
        talk(command("AT+MIPLWRITERSP=0,18173,2"), answer("OK"), command("AT"), answer("OK"), gap_ms=90_000)
    )
    assert rules(found) == []


def test_a_notification_in_parts_is_one_message() -> None:
    parts = ['5500,5,1,"0",2,1', '5501,3,3,"-12",1,2', '5750,1,4,"test",0,0']
    lines = [line for part in parts for line in (command(f"AT+MIPLNOTIFY=0,0,3200,0,{part}"), answer("OK"))]
    (group,) = groups(records(talk(*lines)))
    assert (group.name, group.side, group.complete) == ("notify", "mcu", True)
    assert [(line.params["resid"], line.params["value"]) for line in group.lines] == [
        (5500, False),
        (5501, -12),
        (5750, "test"),
    ]


def test_a_message_without_its_last_part_is_incomplete() -> None:
    lines = [command('AT+MIPLNOTIFY=0,0,3200,0,5500,5,1,"0",2,1'), answer("OK"), command("AT"), answer("OK")]
    (group,) = groups(records(talk(*lines, gap_ms=70_000)))
    assert (group.complete, len(group.lines)) == (False, 1)


def test_parts_of_a_configuration_are_put_together() -> None:
    lines = [
        command("AT+MIPLCREATE=6,130006,1,3,1"),
        answer("+MIPLCREATE: 0", "OK"),
        command("AT+MIPLCREATE=6,F10003,0,3,0"),
        answer("+MIPLCREATE: 0", "OK"),
    ]
    (group,) = groups(records(talk(*lines)))
    assert (group.name, group.data, group.complete) == ("create", "130006F10003", True)


def test_a_message_in_one_part_is_no_group() -> None:
    assert groups(records(talk(command("AT+MIPLNOTIFY=0,0,3200,0,5500,5,1,0,0,0"), answer("OK")))) == []


def test_lost_pings_are_one_story() -> None:
    story = ["+MQTTTO:5", "+MQTTTO:5", "+MQTTTO:5", "+MQTTREC:0", "+MQTTREC:1", "+MQTTREC:2", "+MQTTDISC:OK"]
    (group,) = groups(records(talk(*map(answer, story))))
    assert (group.name, group.complete, [line.raw for line in group.lines]) == ("keep-alive", True, story)


def test_other_timeouts_begin_no_story() -> None:
    assert groups(records(talk(answer("+MQTTTO:2"), answer("+MQTTDISC:OK")))) == []


def test_a_restart_ends_what_was_open() -> None:
    lines = [
        answer("+MIPLREAD: 0,7,3200,0,5750"),
        command('AT+MIPLNOTIFY=0,0,3200,0,5500,5,1,"0",2,1'),
        answer("OK"),
        answer("RDY"),
    ]
    found = records(talk(*lines, command("AT+MIPLREADRSP=0,7,11"), answer("OK")))
    assert [group.complete for group in groups(found)] == [False]
    assert request_of(found, 1) is None
