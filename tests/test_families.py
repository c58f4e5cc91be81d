"""Any bytes, in any order, over any number of connections of each virtual module: what is decoded is what was carried."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.chunk import Side
from decoder.events import Finding, Segment, Socket
from tests.families import FAMILIES
from tests.families.family import Link, Transport
from tests.helpers import START, events, examples
from tests.modem import Line

LOOK_ALIKES = [
    b"\r\nOK\r\n", b"\r\nERROR\r\n", b"+++", b"AT+CSQ\r", b"\r\n> ", b">", b"@", b"\x1a", b"\0", b"\r", b"\n", b'"', b",",
    b"\r\nSEND OK\r\n", b"\r\n0, SEND OK\r\n", b"\r\n0, CLOSED\r\n", b"\r\n0,CLOSED\r\n", b"\r\nCLOSED\r\n", b"\r\nCONNECT\r\n",
    b"\r\nNO CARRIER\r\n", b"\r\n+RECEIVE,0,3:\r\nabc", b"\r\n+CIPRXGET: 1,0\r\n", b"+CIPRXGET: 2,0,3,0\r\nabc\r\nOK\r\n",
    b"+IPD,0,3:abc", b"\r\n+IPD,1,5\r\n", b"\r\n+UUSORD: 0,5\r\n", b'+USORD: 0,3,"abc"\r\n\r\nOK\r\n', b'"\r\n\r\nOK\r\n',
    b'\r\n+QIURC: "recv",0,3\r\nabc\r\n', b'\r\n+QIURC: "closed",0\r\n', b"\r\n+QIRD: 3\r\nabc\r\n\r\nOK\r\n",
    b"\r\n+CASTATE: 0,0\r\n", b"+CARECV: 3,abc", b"\r\n+CADATAIND: 0\r\n", b"\r\n+IPCLOSE: 0,1\r\n", b"\r\nSRING: 1,5\r\n",
    b"#SRECV: 1,3\r\nabc\r\n\r\nOK\r\n", b"--EOF--Pattern--", b"\r\nOK\r\n--EOF--Pattern--", b"\r\n+KTCP_NOTIF: 1,4\r\n",
    b"^SISR: 0,3\r\nabc\r\nOK\r\n", b'\r\n^SIS: 0,0,48,"closed"\r\n', b"#XRECV: 3\r\nabc\r\nOK\r\n", b"\r\n+NSONMI:1,5\r\n",
    b"busy p...\r\n", b"\r\nRecv 5 bytes\r\n", b"\r\n7\r\n", b"1,2,3",
]  # fmt: skip
DATA = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.lists(st.sampled_from(LOOK_ALIKES), min_size=1, max_size=4).map(b"".join),
    st.sampled_from([bytes(range(256)), bytes(range(255, -1, -1)) * 2]),
    st.text("0123456789ABCDEFabcdef", min_size=1, max_size=30).map(str.encode),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["up", "up", "down", "down", "down", "rest", "close", "closed"]),
        st.integers(0, 3),
        st.sampled_from(["tcp", "udp"]),
        DATA,
    ),
    min_size=3,
    max_size=25,
)
Carried = list[tuple[Side, bytes]]


def joined(link: Transport, carried: Carried) -> list[tuple[Side, bytes]]:
    """What a connection carried, as far as its network would tell: datagrams one by one, streams as a whole."""
    if link == "udp":
        return sorted(one for one in carried if one[0] == "mcu") + [one for one in carried if one[0] == "module"]
    sides: tuple[Side, ...] = ("mcu", "module")
    return [(side, b"".join(data for other, data in carried if other == side)) for side in sides]


@pytest.mark.parametrize("nasty", [False, True], ids=["calm", "nasty"])
@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_carried_is_decoded(name: str, nasty: bool) -> None:
    @settings(max_examples=examples(30))
    @given(STEPS)
    def check(steps: list[tuple[str, int, Transport, bytes]]) -> None:
        talks(name, steps, nasty=nasty)

    check()


def talks(name: str, steps: list[tuple[str, int, Transport, bytes]], *, nasty: bool) -> None:
    line = Line(lambda: START)
    family = FAMILIES[name](line, nasty=nasty)
    family.start()
    open_links: dict[int, Link] = {}
    carried: list[tuple[Link, Carried]] = []
    by_link: dict[int, Carried] = {}

    def note() -> None:
        arrived, family.arrived = family.arrived, []
        for link, data in arrived:
            by_link[id(link)].append(("module", data))

    def finish(number: int, *, by_peer: bool) -> None:
        link = open_links.pop(number)
        family.catch_up([link])
        note()
        (family.closed if by_peer else family.close)(link)

    for what, wanted, transport, data in steps:
        number = family.first + wanted % family.links
        link = open_links.get(number)
        if what in ("close", "closed"):
            if link is not None and not (what == "closed" and link.transport == "udp"):
                finish(number, by_peer=what == "closed")
            continue
        if link is None:
            kind = transport if transport in family.transports else family.transports[0]
            link = open_links[number] = Link(number, kind, b"192.0.2.%d" % (number + 1), 4000 + number)
            by_link[id(link)] = []
            carried.append((link, by_link[id(link)]))
            family.open(link)
        if what == "up" and not (
            nasty and data.strip() in (b"OK", b"ERROR", b"SEND OK")
        ):  # the result, or an echo of this
            family.send(link, data)
            by_link[id(link)].append(("mcu", data))
        elif what == "down" and (link.transport == "tcp" or by_link[id(link)]):  # no peer answers who never asked
            family.receive(link, data)
        else:
            family.catch_up(list(open_links.values()))
        note()
    for number in list(open_links):
        finish(number, by_peer=False)
    assert_decoded(line, carried)


def assert_decoded(line: Line, carried: list[tuple[Link, Carried]]) -> None:
    found = events(line.chunks)
    problems = [one.message for one in found if isinstance(one, Finding) and one.severity != "note"]
    assert problems == []
    flows: dict[int, Carried] = defaultdict(list)
    opened = [one.flow for one in found if isinstance(one, Socket) and one.change == "opened"]
    ended = [one for one in found if isinstance(one, Socket) and one.change != "opened"]
    for one in found:
        if isinstance(one, Segment):
            flows[one.flow.number].append((one.side, one.data))
    assert [flow.transport for flow in opened] == [link.transport for link, _ in carried]
    for flow, (link, said) in zip(opened, carried, strict=True):
        assert joined(link.transport, flows.pop(flow.number, [])) == joined(link.transport, said)
    assert not flows
    assert [one.change in ("closed", "closed by peer") for one in ended] == [True] * len(opened)
    ports = {one.flow.number: one.flow.remote_port for one in ended}
    for flow, (link, said) in zip(opened, carried, strict=True):
        assert ports[flow.number] == link.port or not said
