"""The flows of the manuals, line by line: OneMO LwM2M chapter 5 and 4.3, C1100 guide chapter 3, M5310-A chapter 4.

Every line decodes by a dialect: no command, answer or URC is unknown, none misses its parameters, and requests meet
their answers. Calls of the platform's web interface, which the manual prints in between, are left out, and an OK that
it prints before the command it answers stands behind it.
"""

from __future__ import annotations

import pytest

from decoder.events import Finding, Record, Summary
from tests import dialogue
from tests.helpers import records, transactions, urcs

FLOWS = {
    "onemo-lwm2m 3.11 read in parts": """
< +MIPLREAD:0,18172,3200,0,-1
> AT+MIPLREADRSP=0,18172,1,3200,0,5500,5,1,"0",2,1
< OK
> AT+MIPLREADRSP=0,18172,1,3200,0,5501,3,3,"-12",1,2
< OK
> AT+MIPLREADRSP=0,18172,1,3200,0,5750,1,4,"test",0,0
< OK
""",
    "onemo-lwm2m 3.13 write": """
< +MIPLWRITE: 0,18173,3200,0,5750,1,4,test,0
> AT+MIPLWRITERSP=0,18173,2
< OK
""",
    "onemo-lwm2m 3.15 execute": """
< +MIPLEXECUTE: 0,18174,3200,0,5750,4,"test"
> AT+MIPLEXECUTERSP=0,18174,2
< OK
""",
    "onemo-lwm2m 3.19 parameters and observe": """
< +MIPLPARAMETER: 0,18174,3200,0,5758,38,"pmin=18;pmax=90;lt=0.0;gt=60.0;stp=2.0"
> AT+MIPLPARAMETERRSP=0,18174,1
< OK
< +MIPLOBSERVE=0,18175,1,3200,0,5750
> AT+MIPLWRITEOBSERVERSP=0,18175,1
< OK
""",
    "onemo-lwm2m 4.3 buffered requests": """
> AT+MIPLMGR=0
< +MIPLREAD: 0,8172,3200,0,-1
< OK
> AT+MIPLMGR=0
< +MIPLREAD: 0,8172,3200,0,-1
< OK
> AT+MIPLREADRSP=0,8172,1,3200,0,5500,5,1,"0",2,1
< OK
> AT+MIPLREADRSP=0,8172,1,3200,0,5501,3,3,"-12",1,2
< OK
> AT+MIPLREADRSP=0,8172,1,3200,0,5750,1,4,"test",0,0
< OK
> AT+MIPLMGR=0
< +MIPLWRITE: 0,8173,3200,0,5501,3,4,1860,1,0
< +MIPLWRITE: 0,8173,3200,0,5750,1,4,test,0,0
< OK
> AT+MIPLWRITERSP=0,8173,2
< OK
> AT+MIPLMGR=0
< OK
""",
    "onemo-lwm2m 4.10 what was sent": """
> AT+MIPLNMI=0,0,1
< OK
> AT+MIPLNOTIFY=0,0,3200,0,5750,1,4,"test",0,0
< OK
< +MIPLNSMI: 0,1,0
> AT+MIPLWRITERSP=0,18173,2
< OK
< +MIPLNSMI: 0,1,125
""",
    "onemo-lwm2m 4.11 a request waits": """
> AT+MIPLNMI=0,1,0
< OK
< +MIPLNMI: 0
""",
    "onemo-lwm2m 5.1 OneNET": """
> AT+MIPLCREATEEX="nbiotbt.heclouds.com:5683",1,"cmiot"
< +MIPLCREATEEX:0
< OK
> AT+MIPLADDOBJ=0,3200,1,"1",0,1
< OK
> AT+MIPLDISCOVERRSP=0,3200,1,4,"5750"
< OK
> AT+MIPLOPEN=0,3000,30
< OK
< +MIPLEVENT: 0,2
< +MIPLEVENT: 0,6
< +MIPLOBSERVE: 0,39121,1,3200,0,-1
< +MIPLDISCOVER: 0,39122,3200
< +MIPLEAD: 0,39123,3,0,-1,0
> AT+MIPLNOTIFY=0,0,3200,0,5750,1,4,"abcd",0,0,147
< OK
< +MIPLEVENT: 0,26,147
< +MIPLREAD: 0,32705,3200,0,-1,0
> AT+MIPLREADRSP=0,32705,1,3200,0,5750,1,4,"abcd",0,0
< OK
< +MIPLWRITE: 0,25845,3200,0,5750,1,4,abcd,0
> AT+MIPLWRITERSP=,0,25845,2
< OK
< +MIPLEXECUTE: 0,18166,3200,0,5750,4,abcd,0
> AT+MIPLEXECUTERSP=0,18166,2
< OK
> AT+MIPLCLOSE=0
< OK
< +MIPLEVENT: 0,15
> AT+MIPLDELETE=0
< OK
""",
    "onemo-lwm2m 5.2 OneNET with DTLS": """
> AT+MIPLCREATEEX="nbiotbt.heclouds.com:5684",1,,"1234abcd"
< +MIPLCREATEEX: 0
< OK
> AT+MIPLOPEN=0,3000,60
< OK
< +MIPLEVENT: 0,2
< +MIPLEVENT: 0,6
> AT+MIPLDEVINFO?
< +MIPLDEVINFO:"183.230.40.40:5684",0,,"cPYxj0cTs9qMVL72"
< OK
> AT+MIPLDELETE=0
< OK
> AT+MIPLCREATEEX="183.230.40.40:5684",0,,"cPYxj0cTs9qMVL72"
< +MIPLCREATEEX: 0
< OK
> AT+MIPLOPEN=0,3000,60
< OK
< +MIPLEVENT: 0,6
""",
    "onemo-lwm2m 5.3 CTWing": """
> AT+MIPLCREATEEX="221.229.214.202:5683",0
< +MIPLCREATEEX: 0
< OK
> AT+MIPLCFG="platform",0,1
< OK
> AT+MIPLADDOBJ=0,19,2,"11",0,0
< OK
> AT+MIPLDISCOVERRSP=0,19,1,3,"1;0"
< OK
> AT+MIPLOPEN=0,3000,30
< OK
< +MIPLEVENT: 0,6
< +MIPLOBSERVE: 0,61533,1,19,0,0
> AT+MIPLNOTIFY=0,18938,19,0,0,1,12,"003233343333",0,0,11
< OK
< +MIPLEVENT: 0,26,11
< +MIPLWRITE: 0,24265,19,1,0,2,8,34353637,0
> AT+MIPLCLOSE=0
< OK
< +MIPLEVENT: 0,15
> AT+MIPLDELETE=0
< OK
""",
    "onemo-lwm2m 5.4 CTWing with DTLS": """
> AT+MIPLCREATEEX="221.229.214.202:5684",0,,abcdefgh,,0
< +MIPLCREATEEX: 0
< OK
> AT+MIPLOPEN=0,3000,30
< OK
< +MIPLEVENT: 0,6
< +MIPLOBSERVE: 0,60532,1,19,0,0
""",
    "onemo-lwm2m 5.5 Yanfei": """
> AT+MIPLCREATEEX="dmp-coap.cuiot.cn:5683",0
< +MIPLCREATEEX: 0
< OK
> AT+MIPLCFG="platform",0,2
< OK
> AT+MIPLADDOBJ=0,3300,1,"1",0,1
< OK
> AT+MIPLDISCOVERRSP=0,3300,1,4,"5700"
< OK
> AT+MIPLOPEN=0,3000,30
< OK
< +MIPLEVENT: 0,6
< +MIPLOBSERVE: 0,50785,1,3300,0,-1
> AT+MIPLNOTIFY=0,9286,3300,0,5700,4,4,50.8,0,0,3
< OK
< +MIPLEVENT: 0,26,3
< +MIPLREAD: 0,7056,3300,0,5700
> AT+MIPLREADRSP=0,7056,1,3300,0,5700,4,4,30.6,0,0
< OK
< +MIPLWRITE: 0,44027,3300,0,5700,4,4,24.5,0
> AT+MIPLWRITERSP=0,44027,2
< OK
> AT+MIPLCLOSE=0
< OK
< +MIPLEVENT: 0,15
> AT+MIPLDELETE=0
< OK
""",
    "onemo-lwm2m 5.6 and 5.7 Huawei Cloud": """
> AT+MIPLCREATEEX="iot-coaps.cn-north-4.myhuaweicloud.com",0
< +MIPLCREATEEX: 0
< OK
> AT+MIPLCFG="platform",0,3
< OK
> AT+MIPLADDOBJ=0,19,2,"11",0,0
< OK
> AT+MIPLDISCOVERRSP=0,19,1,3,"1;0"
< OK
> AT+MIPLOPEN=0,3000,30
< OK
< +MIPLEVENT: 0,6
< +MIPLOBSERVE: 0,63660,1,19,0,0
> AT+MIPLNOTIFY=0,0,19,0,0,2,4,0102,0,0,13
< OK
< +MIPLEVENT: 0,26,13
< +MIPLWRITE: 0,23550,19,1,0,6,8,05010203,0
> AT+MIPLCLOSE=0
< OK
< +MIPLEVENT: 0,15
> AT+MIPLDELETE=0
< OK
> AT+MIPLCREATEEX="iot-coaps.cn-north-4.myhuaweicloud.com:5684",0,,abcd1234,,1
< +MIPLCREATEEX: 0
< OK
""",
    "c1100 3.1 start": r"""
> ATV0
<< 0\r
> AT+CPIN?
<< +CPIN: READY\r\n0\r
> AT+CSQ
<< +CSQ: 22,99\r\n0\r
> AT+CEREG=1
<< 0\r
> AT+CGREG=1
<< 0\r
> AT+COPS?
<< +COPS: 0,2,"46000",0\r\n0\r
""",
    "c1100 3.2.1 start with a PIN": r"""
> ATV0
<< 0\r
> AT+CPIN?
<< +CPIN:SIM PIN \r\n0\r
> AT+CPIN="1234"
<< 0\r
""",
    "c1100 3.3.1.1 open, 3.3.1.2 close": r"""
> ATV0
<< 0\r
> AT+LSIPPROFILE=1,"CMNET"
<< 0\r
> AT+LSIPCALL=1
<< +LSIPCALL:1, 10.32.226.112\r+LSIP:OK\r0\r
> AT+LSIPCALL?
<< +LSIPCALL: 1, 10.32.226.112\r\n0\r
> AT+LSIPOPEN=1,5000,"223.47.251.33",60000,0
<< +LSIPOPEN=1,1\r+LSIP:OK\r0\r
>> AT+LSIPOPEN? \r
<< +LSIPOPEN:2,3,4\r\n0\r
> AT+LSIPHEX=1
<< 0\r
> AT+LSIPSEND=1,"313233"
<< +LSIPSEND:1,1497\r\n0\r
> AT+LSIPPUSH=1
<< +LSIP:OK \r0\r
<< +LSIPRTCP=1,3,313233\r
> AT+LSIPCLOSE?
<< +LSIPCLOSE:1\r\n0\r
> AT+LSIPCLOSE =1
<< +LSIPCLOSE:1,3,3,0\r+LSIP:OK\r0\r
> AT+LSIPCALL=0
<< +LSIPCALL:0\r+LSIP:OK\r0\r
""",
    "c1100 3.3.2 entering data": r"""
> ATV0
<< 0\r
> AT+LSIPCALL=1
<<  +LSIPCALL:1, 10.34.41.70\r +LSIP:OK\r0\r
> AT+LSIPHEX=0
<< 0\r
> AT+LSIPTPS=1,1,5000,600
<< >
>> abcd+++
<< \r+LSIP:OK\r0\r
<< +LSIPRTCP=1,4,abcd\r
""",
    "c1100 3.3.3 PPP": r"""
> ATV0
<< 0\r
> AT+MODODREX=2
<< 0\r
> AT+CDGCONT=1,"IP","3GNET"
<< 0\r
> ATD*99#
<< 1\r
>> ~\xff}#\xc0!}!}!} }*}%}&}1"3D\xfa\x96~
+ 2000
<< \r\nNO CARRIER\r\n
> ATH
<< 0\r
""",
    "c1100 3.4 GPS": r"""
> ATV0
<< 0\r
> AT+GPSMODE=1
<< 0\r
> AT+GPSCONFIG=20,180,9999999,1,2,1
<< 0\r
> AT+ GPSSTART
<< 0\r
> AT+GPSEND
<< 0\r
""",
    "c1100 3.5 LwM2M": r"""
> ATV0
<< 0\r
> AT+LWMTM=3,"5.39.83.206:5683"
<< 0\r
> AT+LWMTM=4,"5.39.83.205:5683"
<< 0\r
> AT+LWMTM=5,"5.39.83.204:5683"
<< 0\r
> AT+LWMTM=1
<< 0\r
> AT+ CFUN=1,1
<< 0\r
""",
    "c1100 3.6 MQTT": r"""
> ATV0
<< 0\r
> AT+LSMQTTCFG="clientid","meter"
<< 0\r
> AT+LSMQTTCALL=1
<< 0\r
> AT+LSMQTTOPEN="183.230.40.39",6002,60
<< 0\r
> AT+LSMQTTSUB?
<< 0\r
> AT+LSMQTTSUB=1
<< 0\r
> AT+LSMQTTSUB=0
<< 0\r
> AT+LSMQTTPUB?
<< 0\r
> AT+LSMQTTPUB=1
<< 0\r
> AT+LSMQTTCLOSE=1
<< 0\r
""",
    "c1100 3.7 HTTP": r"""
> ATV0
<< 0\r
> AT+LSHTTPURL=40
<< >
>> http://www.example.com/+++
<< \r\n0\r
> AT+LSHTTPHEADERINFO="Connection","keep-alive"
<< 0\r
> AT+LSHTTPCFG:"contenttype",0
<< 0\r
> AT+LSHTTPGET
<< \r\n0,200,4,{\r\n}\r\n0\r
> AT+LSHTTPPOST=2
<< >
>> \r\n
<< \r\n0,200,2,ok\r\n0\r
""",
    "c1100 3.8.1 PSM": r"""
> ATV0
<< 0\r
> AT+CEREG=4
<< 0\r
> AT+CPSMS=1,,,"00100001","00000101"
<< 0\r
> AT+CPSMS?
<< +CPSMS: 1,,,"00100001","00000101"\r\n0\r
<< +CEREG: 1,"AD0C","01A2B3C4",9,,,"00000101","00100001"\r\n
> AT+CEREG?
<< +CEREG: 4,1,"AD0C","01A2B3C4",9,,,"00000101","00100001"\r\n0\r
<< ^DATADISCONN\r\n
<< ^ENTERPSMMODE\r\n
<< ^EXITPSMMODE\r\n
""",
    "c1100 3.8.2 eDRX": r"""
> ATV0
<< 0\r
> AT+CEDRXS=1,5,"0101"
<< 0\r
> AT+CEDRXS?
<< +CEDRXS: 5,"0101"\r\n0\r
> AT+CEDRXRDP
<< +CEDRXRDP: 5,"0101","1001","0011"\r\n0\r
""",
    "m5310a-mqtt 1.10 answers to pings": """
> AT+MQTTPING=0
< OK
< +MQTTPINGRSP: OK
< +MQTTPINGRSP: OK
""",
    "m5310a-mqtt 3.3.5 lost pings": """
< +MQTTPINGRESP:OK
< +MQTTPINGRESP:OK
< +MQTTTO:5
< +MQTTTO:5
< +MQTTTO:5
< +MQTTREC:0
< +MQTTREC:1
< +MQTTREC:2
< +MQTTDISC:OK
""",
}


def decoded(name: str) -> list[Record]:
    return records(dialogue.chunks(FLOWS[name]))


@pytest.mark.parametrize("name", FLOWS)
def test_every_line_is_known(name: str) -> None:
    found = decoded(name)
    # the manual's PPP ends by NO CARRIER, and does not show who ended it
    known = {"carrier.lost"} if "PPP" in name else set()
    assert {finding.rule for finding in found if isinstance(finding, Finding)} <= known
    assert all(one.dialect for one in transactions(found))
    assert all(one.name and one.dialect for one in urcs(found))
    (summary,) = [one for one in found if isinstance(one, Summary)]
    assert summary.unknown == {}


@pytest.mark.parametrize("name", [name for name in FLOWS if "RSP=" in FLOWS[name] and "MIPLWRITE" not in name])
def test_answers_meet_their_requests(name: str) -> None:
    answers = [one for one in transactions(decoded(name)) if one.name.endswith("RSP") and "mid" in one.params]
    sent_alone = {"onemo-lwm2m 4.10 what was sent"}
    assert name in sent_alone or all(one.request for one in answers)


def test_the_lsip_result_completes_the_command() -> None:
    opened = next(one for one in transactions(decoded("c1100 3.3.1.1 open, 3.3.1.2 close")) if one.name == "LSIPOPEN")
    assert [one.params for one in opened.information] == [{"connect_id": 1, "open_stat": 1}, {"result": "OK"}]
    assert opened.result is not None
    assert opened.result.code == "OK"
