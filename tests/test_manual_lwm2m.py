"""Examples of the OneMO LwM2M manual V4.4.0, chapters 3 to 5: names, parameters, pairs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import compact, records, rules, transactions, urcs
from tests.test_manual_tcpip import chunks, t

VALUE = {"objid": 3200, "insid": 0}


def notify(resid: int, kind: int, length: int, value: object, index: int, flag: int, **more: Any) -> dict[str, Any]:
    return {
        "ref": 0,
        "mid": 0,
        **VALUE,
        "resid": resid,
        "type": kind,
        "len": length,
        "value": value,
        "index": index,
        "flag": flag,
        **more,
    }


EXAMPLES: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {
    "3.1": (["> AT+MIPLCREATE", "< +MIPLCREATE: 0", "< OK"], [t("MIPLCREATE", "exec", {}, [{"ref": 0}])]),
    "3.2": (["> AT+MIPLDELETE=0", "< OK"], [t("MIPLDELETE", "set", {"ref": 0})]),
    "3.4": (["> AT+MIPLDELOBJ=0,3200", "< OK"], [t("MIPLDELOBJ", "set", {"ref": 0, "objid": 3200})]),
    "3.5": (
        ['> AT+MIPLDISCOVERRSP=0,3200,1,14,"5500;5501;5750"', "< OK"],
        [t("MIPLDISCOVERRSP", "set", {"ref": 0, "objid": 3200, "result": 1, "length": 14, "data": "5500;5501;5750"})],
    ),
    "3.6 logged in": (
        ["> AT+MIPLOPEN=0,300,30", "< OK", "< +MIPLEVENT: 0,6"],
        [t("MIPLOPEN", "set", {"ref": 0, "lifetime": 300, "timeout": 30}, late=[{"ref": 0, "evtid": 6}])],
    ),
    "3.6 refused": (
        ["> AT+MIPLOPEN=0,300,30", "< OK", "< +MIPLEVENT: 0,7"],
        [t("MIPLOPEN", "set", {"ref": 0, "lifetime": 300, "timeout": 30}, late=[{"ref": 0, "evtid": 7}])],
    ),
    "3.6 asked": (["> AT+MIPLOPEN?", "< OK", "< +MIPLEVENT: 0,6"], [t("MIPLOPEN", "read", {}, late=[{"ref": 0, "evtid": 6}])]),
    "3.7": (
        ["> AT+MIPLUPDATE=0,0,0", "< OK", "< +MIPLEVENT: 0,11"],
        [t("MIPLUPDATE", "set", {"ref": 0, "lifetime": 0, "with_object_flag": 0}, late=[{"ref": 0, "evtid": 11}])],
    ),
    "3.8": (["> AT+MIPLCLOSE=0", "< OK", "< +MIPLEVENT: 0,15"], [t("MIPLCLOSE", "set", {"ref": 0}, late=[{"ref": 0, "evtid": 15}])]),
    "3.9": (
        ['> AT+MIPLNOTIFY=0,0,3200,0,5500,5,1,"0",2,1', "< OK", '> AT+MIPLNOTIFY=0,0,3200,0,5501,3,3,"-12",1,2', "< OK",
         '> AT+MIPLNOTIFY=0,0,3200,0,5505,2,10,"E309C82FE6",0,0x400,278', "< OK", "< +MIPLEVENT: 0,26,278"],
        [t("MIPLNOTIFY", "set", notify(5500, 5, 1, False, 2, 1)), t("MIPLNOTIFY", "set", notify(5501, 3, 3, -12, 1, 2)),
         t("MIPLNOTIFY", "set", notify(5505, 2, 10, "e309c82fe6", 0, 0x400, ackid=278), late=[{"ref": 0, "evtid": 26, "ackid": 278}])],
    ),
    "3.11": (["> AT+MIPLREADRSP=0,18172,11", "< OK"], [t("MIPLREADRSP", "set", {"ref": 0, "mid": 18172, "result": 11})]),
    "4.1": (['> AT+MIPLCFG="platform",0,1', "< OK"], [t("MIPLCFG", "set", {"item": "platform", "ref": 0, "platform": 1})]),
    "4.2": (["> AT+MIPLNMI=0,1,1", "< OK"], [t("MIPLNMI", "set", {"ref": 0, "nnmi": 1, "nsmi": 1})]),
    "4.4": (
        ["> AT+MIPLQMGR=0", "< +MIPLQMGR: 0, QUEUES=3, DROPPED=0, BUFFERS=12", "< OK"],
        [t("MIPLQMGR", "set", {"ref": 0}, [{"ref": 0, "queues": 3, "dropped": 0, "buffers": 12}])],
    ),
    "4.5": (["> AT+MIPLUPDATESET=0,1", "< OK"], [t("MIPLUPDATESET", "set", {"ref": 0, "enable": 1})]),
    "4.6": (
        ['> AT+MIPLCREATEEX="nbiotbt.heclouds.com",1', "< +MIPLCREATEEX: 0", "< OK"],
        [t("MIPLCREATEEX", "set", {"host": "nbiotbt.heclouds.com", "create_flag": 1}, [{"ref": 0}])],
    ),
    "4.7": (
        ["> AT+MIPLDEVINFO?", '< +MIPLDEVINFO: "183.230.40.149:5684",1,,"abcd1234"', "< OK"],
        [t("MIPLDEVINFO", "read", {}, [{"host": "183.230.40.149:5684", "create_flag": 1, "psk": "abcd1234"}])],
    ),
    "4.8": (["> AT+MIPLDTLSNAT=0,120", "< OK"], [t("MIPLDTLSNAT", "set", {"ref": 0, "timeout": 120})]),
    "4.9": (["> AT+MIPLLTRDP", "< +MIPLLTRDP: 2087", "< OK"], [t("MIPLLTRDP", "exec", {}, [{"lifetime": 2087}])]),
    "5.4": (
        ['> AT+MIPLCREATEEX="221.229.214.202:5684",0,,abcd1234,,1', "< +MIPLCREATEEX: 0", "< OK"],
        [t("MIPLCREATEEX", "set", {"host": "221.229.214.202:5684", "create_flag": 0, "psk": "abcd1234", "psk_encode": 1}, [{"ref": 0}])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    lines, expected = EXAMPLES[name]
    found = records(chunks(lines))
    assert compact(found) == expected
    assert {one.dialect for one in transactions(found)} == {"onemo-lwm2m"}
    assert rules(found) == []


@pytest.mark.parametrize(
    ("line", "name", "params"),
    [
        ("+MIPLREAD:0,18172,3200,0,5750", "MIPLREAD", {"mid": 18172, **VALUE, "resid": 5750}),
        ("+MIPLEAD: 0,39123,3,0,-1,0", "MIPLREAD", {"mid": 39123, "objid": 3, "insid": 0, "resid": -1, "flag": 0}),
        ("+MIPLWRITE: 0,18173,3200,0,5750,1,4,test,0", "MIPLWRITE", {"mid": 18173, **VALUE, "resid": 5750, "type": 1, "len": 4, "value": "test", "flag": 0}),
        ("+MIPLWRITE: 0,8173,3200,0,5501,3,4,1860,1,0", "MIPLWRITE", {"mid": 8173, **VALUE, "resid": 5501, "type": 3, "len": 4, "value": 1860, "index": 1, "flag": 0}),
        ('+MIPLEXECUTE: 0,18174,3200,0,5750,4,"test"', "MIPLEXECUTE", {"mid": 18174, **VALUE, "resid": 5750, "len": 4, "cmd": "test"}),
        ('+MIPLPARAMETER: 0,18174,3200,0,5758,38,"pmin=18;pmax=90;lt=0.0;gt=60.0;stp=2.0"', "MIPLPARAMETER",
         {"mid": 18174, **VALUE, "resid": 5758, "len": 38, "para": "pmin=18;pmax=90;lt=0.0;gt=60.0;stp=2.0"}),
        ("+MIPLOBSERVE=0,18175,1,3200,0,5750", "MIPLOBSERVE", {"mid": 18175, "observe_flag": 1, **VALUE, "resid": 5750}),
        ("+MIPLDISCOVER: 0,39122,3200", "MIPLDISCOVER", {"mid": 39122, "objid": 3200}),
        ("+MIPLNSMI: 0,1,125", "MIPLNSMI", {"status": 1, "num": 125}),
        ("+MIPLNMI: 0", "MIPLNMI", {}),
        ("+MIPLEVENT: 0,31", "MIPLEVENT", {"evtid": 31}),
    ],
)  # fmt: skip
def test_requests_and_reports_of_the_platform(line: str, name: str, params: dict[str, Any]) -> None:
    (urc,) = urcs(records(chunks([f"< {line}"])))
    assert (urc.name, urc.dialect, urc.params) == (name, "onemo-lwm2m", {"ref": 0, **params})


@pytest.mark.parametrize("code", [100, 601, 602, 651, 652, 653])
def test_every_error_code_of_chapter_6(code: int) -> None:
    result = transactions(records(chunks(["> AT+MIPLDELETE=0", f"< +CIS ERROR: {code}"])))[0].result
    assert result is not None
    assert result.error is not None
    assert result.error.text
    assert result.error.text_zh
