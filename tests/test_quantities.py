"""Coded parameters and their physical values: the tables of TS 27.007 and TS 24.008."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import answer, command, records, talk, transactions, urcs


def read(line: str, *answers: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return parameters and labels of the information response to ``line``."""
    (one,) = transactions(records(talk(command(line), *map(answer, answers), answer("OK"))))
    information = one.information[0]
    return information.params, information.labels or {}


def written(line: str) -> dict[str, Any]:
    (one,) = transactions(records(talk(command(line), answer("OK"))))
    return one.params


@pytest.mark.parametrize(
    ("code", "dbm"), [(0, -113), (1, -111), (23, -67), (31, -51), (99, None), (100, -116), (191, -25)]
)
def test_signal_strength(code: int, dbm: int | None) -> None:
    assert read("AT+CSQ", f"+CSQ: {code},99")[0].get("rssi_dbm") == dbm


@pytest.mark.parametrize(
    ("bits", "seconds"),
    [("00000001", 600), ("00100001", 3600), ("01000001", 36000), ("01100101", 10), ("10000011", 90), ("10111111", 1860),
     ("11000001", 1152000), ("01011111", 1116000), ("00000000", 0)],
)  # fmt: skip
def test_periodic_tau_is_a_gprs_timer_3(bits: str, seconds: int) -> None:
    assert written(f'AT+CPSMS=1,,,"{bits}","00000101"')["req_tau_s"] == seconds


@pytest.mark.parametrize(
    ("bits", "seconds"), [("00000101", 10), ("00100001", 60), ("01000010", 720), ("01100011", 180)]
)
def test_active_time_is_a_gprs_timer(bits: str, seconds: int) -> None:
    params = written(f'AT+CPSMS=1,,,"00000001","{bits}"')
    assert (params["req_active"], params["req_active_s"]) == (bits, seconds)


def test_a_timer_that_is_switched_off_has_no_seconds() -> None:
    line = '+CEREG: 4,1,"AD0C","01A2B3C4",9,,,"11100000","11100001"'
    params, labels = read("AT+CEREG?", line)
    assert "active_time_s" not in params
    assert labels["active_time"] == labels["periodic_tau"] == "deactivated"


def test_granted_timers_in_the_registration_urc() -> None:
    (urc,) = urcs(records(talk(answer('+CEREG: 5,"AD0C","01A2B3C4",9,,,"00001010","10100101"'))))
    assert (urc.params["active_time_s"], urc.params["periodic_tau_s"]) == (20, 300)


@pytest.mark.parametrize(
    ("act", "bits", "cycle"),
    [(5, "0010", 20.48), (5, "0101", 81.92), (5, "1001", 163.84), (5, "1101", 2621.44), (5, "1111", 10485.76),
     (5, "0000", 20.48), (4, "0000", 5.12), (4, "0100", 61.44), (4, "1101", 2621.44), (4, "1111", 2621.44),
     (3, "1001", 2621.44), (2, "0000", 1.88)],
)  # fmt: skip
def test_edrx_cycle_by_access_technology(act: int, bits: str, cycle: float) -> None:
    assert written(f'AT+CEDRXS=1,{act},"{bits}"')["req_edrx_s"] == cycle


@pytest.mark.parametrize(
    ("act", "bits", "window"),
    [(5, "0011", 10.24), (5, "1111", 40.96), (4, "0000", 1.28), (4, "0111", 10.24), (3, "1011", 12)],
)
def test_paging_window(act: int, bits: str, window: float) -> None:
    params, _ = read("AT+CEDRXRDP", f'+CEDRXRDP: {act},"0101","1001","{bits}"')
    assert params["ptw_s"] == window
    if act == 5:
        assert (params["req_edrx_s"], params["nw_edrx_s"]) == (81.92, 163.84)


@pytest.mark.parametrize(
    ("text", "iso"),
    [("26/11/21,08:30:15+32", "2026-11-21T08:30:15+08:00"), ("26/11/21,08:30:15-14", "2026-11-21T08:30:15-03:30"),
     ("26/11/21,08:30:15", "2026-11-21T08:30:15"), ("26/13/21,08:30:15+32", None)],
)  # fmt: skip
def test_clock_with_a_zone_in_quarter_hours(text: str, iso: str | None) -> None:
    params, _ = read("AT+CCLK?", f'+CCLK: "{text}"')
    assert (params["time"], params.get("time_iso")) == (text, iso)


def test_values_have_the_type_that_the_line_names() -> None:
    lines = [
        ('AT+MIPLNOTIFY=0,1,3303,0,5700,4,5,"21.50",0,0', 21.5),
        ('AT+MIPLNOTIFY=0,1,3200,0,5750,1,11,"a,b,""c"",0",0,0', 'a,b,""c"",0'),
        ("AT+MIPLNOTIFY=0,1,3200,0,5505,2,10,E309C82FE6,0,0x200", "e309c82fe6"),
        ("AT+MIPLNOTIFY=0,1,3,0,13,3,4,nine,0,0", "nine"),
    ]
    assert [written(line)["value"] for line, _ in lines] == [value for _, value in lines]


def test_a_value_with_commas_is_cut_out_by_its_length() -> None:
    (urc,) = urcs(records(talk(answer('+MIPLWRITE: 0,17,3200,0,5750,1,9,on,1,2,"x,0,0'))))
    assert (urc.params["value"], urc.params["index"], urc.params["flag"]) == ('on,1,2,"x', 0, 0)


def test_a_length_may_count_bytes_of_hex_digits() -> None:
    (urc,) = urcs(records(talk(answer("+MIPLWRITE: 0,42857,3200,0,5750,2,4,48695961,0,0"))))
    assert (urc.params["value"], urc.params["flag"]) == ("48695961", 0)


def test_flags_are_named() -> None:
    (one,) = transactions(records(talk(command('AT+MIPLCREATEEX="h:5683",3'), answer("OK"))))
    assert one.labels == {"create_flag": "bootstrap server, monitor off"}
