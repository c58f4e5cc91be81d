"""Followers hear events and emit others; the session knows none of them. Records are their owner's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from capture.chunk import Chunk
from decoder.decode import NO_STAGES, Decoder
from decoder.effects import Answered, Carried, Connected, Ended, Reported, Restarted, Sent
from decoder.events import (
    Body,
    Data,
    Event,
    Finding,
    Frame,
    Group,
    GroupEnded,
    Image,
    Issued,
    Joined,
    LinkFrame,
    Message,
    Segment,
    Socket,
    Transaction,
    Urc,
)
from decoder.followers import STANDARD, Follower
from decoder.followers.firmware import Firmware
from decoder.followers.follower import Hear
from decoder.followers.frames import NamedFrames
from decoder.followers.groups import Groups
from decoder.followers.inferred import Inferred
from decoder.followers.ppp import Ppp
from decoder.followers.sockets import Sockets
from decoder.session import modes
from tests.helpers import MS, START, answer, command, standard, talk
from tests.playbook import Playbook, said
from tests.ppp_session import session as dial_up

POLL = (command("AT+CSQ"), answer("+CSQ: 17,99", "OK"))
OPEN = (command('AT+MIPOPEN=0,"TCP","203.0.113.9",1883'), answer("OK"), answer("+MIPOPEN: 0,0"))
SEND = (command('AT+MIPSEND=0,4,"ping"'), answer("+MIPSEND: 0,4", "OK"))


# a made-up follower: all that it takes stands here ------------------------------------------------------------------


class Weather(msgspec.Struct, frozen=True, tag_field="kind", tag="weather"):
    """A made-up record: what the signal is like."""

    time_ns: int | None
    like: str


class Forecast(Follower):
    """Makes a record of each signal quality that was read."""

    def hears(self) -> Mapping[type, Hear]:
        return {Message: self._message}

    def _message(self, one: Message) -> None:
        if one.name == "CSQ" and one.kind == "information":
            self._out.append(Weather(one.time_ns, "fair" if one.params["rssi"] > 10 else "foul"))  # type: ignore[arg-type]


def decoded(chunks: list[Chunk], *more: type[Follower]) -> list[Any]:
    decoder = Decoder(standard(), NO_STAGES, (*STANDARD, *more))
    out: list[Any] = []
    for chunk in chunks:
        out += decoder.feed(chunk)
    return out + decoder.close()


def test_a_new_follower_is_one_class() -> None:
    chunks = talk(*POLL, *OPEN, *SEND)
    with_it, without = decoded(chunks, Forecast), decoded(chunks)
    assert [one for one in with_it if not isinstance(one, Weather)] == without
    place = next(index for index, one in enumerate(with_it) if isinstance(one, Weather))
    assert isinstance(before := with_it[place - 1], Message)
    assert (before.name, before.kind) == ("CSQ", "information")
    assert msgspec.json.encode(with_it[place]) == b'{"kind":"weather","time_ns":%d,"like":"fair"}' % (START + 1020 * MS)


def test_a_follower_hears_what_others_emit() -> None:
    class Echo(Follower):
        """Counts connections."""

        def hears(self) -> Mapping[type, Hear]:
            return {Socket: lambda event: self._out.append(Weather(event.time_ns, event.change))}  # type: ignore[arg-type]

    assert [one.like for one in decoded(talk(*OPEN), Echo) if isinstance(one, Weather)] == ["opened"]


# events in, events out ----------------------------------------------------------------------------------------------


def of(events: list[Event], *kinds: type) -> list[Event]:
    return [one for one in events if isinstance(one, kinds)]


def test_lines_without_effects_are_told_to_nobody() -> None:
    told = said(talk(*POLL))
    assert of(told, Sent, Answered, Reported, Ended, Carried, Connected, Restarted) == []


def test_sockets() -> None:
    told = said(talk(*OPEN, *SEND, ("module", b'\r\n+MIPURC: "rtcp",0,2,hi\r\n'), answer('+MIPURC: "disconn",0,1')))
    play = Playbook(Sockets)
    emitted = play.hears(*told)
    assert [one.change for one in emitted if isinstance(one, Socket)] == ["opened", "closed by peer"]
    assert [(one.side, one.data) for one in emitted if isinstance(one, Segment)] == [
        ("mcu", b"ping"),
        ("module", b"hi"),
    ]
    assert play.ends() == []


def test_sockets_when_the_module_restarts() -> None:
    play = Playbook(Sockets)
    play.hears(*said(talk(*OPEN)))
    (lost,) = play.hears(Restarted(START))
    assert isinstance(lost, Socket)
    assert (lost.change, lost.because) == ("lost", "the module restarted")
    assert play.hears(Restarted(START)) == []


def test_ppp() -> None:
    emitted = Playbook(Ppp).hears(*said(dial_up()))
    assert {type(one) for one in emitted} == {LinkFrame, Frame, Finding, Socket, Segment}
    assert Playbook(Sockets).hears(*[one for one in said(dial_up()) if isinstance(one, Carried)]) == []


def test_groups_give_up_in_time() -> None:
    (dialect, spec) = next((dialect, one) for dialect, one in standard().groups if one.name == "keep-alive")
    line = spec.start[0]
    message = Message("urc", "module", START, START, b"", line.line, line.line, dict(line.where), dialect=dialect)
    play = Playbook(Groups)
    assert [type(one) for one in play.hears(Reported(("group",), message, None, None))] == [Joined]
    assert play.waits(START + (spec.within - 1) * 1000 * MS) == []
    group, ended = play.waits(START + spec.within * 1000 * MS)
    assert isinstance(group, Group)
    assert isinstance(ended, GroupEnded)
    assert not group.complete
    assert play.ends() == []


def test_named_frames() -> None:
    told = said(talk(answer("$GNGGA,1")))
    (frame,) = Playbook(NamedFrames).hears(*told)
    assert isinstance(frame, Frame)
    assert (frame.protocol, frame.text) == ("nmea", "GN GGA")


def test_firmware() -> None:
    urc = next(one for one in standard().urcs.values() if one.spec.image is not None)
    ask = next(one for one in standard().commands.values() if one.block is not None and not one.block.ends)
    spec = urc.spec.image
    assert spec is not None
    issued = Issued(1, START, ask.name, "exec", ask.dialect, {}, {}, "AT+" + ask.name, ask)
    message = Message("urc", "module", START, START, b"", "", urc.name, {spec.size: 3, spec.version: "2"})
    data = Data(START, "module", None, ask.name, "urc", "raw", 3, "616263")
    play = Playbook(Firmware)
    out = play.hears(
        Reported(urc.effects, message, urc, None),
        Ended(ask.effects, issued, START, True, "OK", False, ()),
        Carried(ask.effects, data, b"abc", {}, "block"),
    )
    assert out == []
    image, told = play.ends(START)
    assert isinstance(image, Image)
    assert (image.version, image.data) == ("2", b"abc")
    assert isinstance(told, Finding)


def test_inferred() -> None:
    told = said(talk(command('AT+MQTTCFG="h",1883,"c",60,"u","p",1'), answer("OK"), command("AT+MQTTOPEN=1,1,0,0,0,\"\",\"\""),
                     answer("OK"), answer("+MQTTOPEN: OK")))  # fmt: skip
    emitted = Playbook(Inferred).hears(*told)
    assert all(isinstance(one, Frame) and one.origin == "inferred" for one in emitted)
    assert "CONNECT" in " ".join(one.text for one in emitted if isinstance(one, Frame))


def test_every_follower_takes_anything_that_a_session_says() -> None:
    told = said(talk(*POLL, *OPEN, *SEND))
    for make in STANDARD:
        play = Playbook(make)
        for event in (*play.hears(*told), *play.waits(START * 2), *play.ends(None)):
            assert isinstance(
                event, (Socket, Segment, Frame, Finding, Body, Group, GroupEnded, Joined, Image, LinkFrame)
            )


# records are their owner's --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Transaction, Urc])
def test_what_one_does_to_a_record_does_not_show_in_the_next(kind: type) -> None:
    lines = [*POLL, command("AT+COPS=?"), answer("+COPS: (1,\"a\"),(2,\"b\")", "OK"), answer("+CEREG: 1")]  # fmt: skip
    decoder = Decoder(standard(), NO_STAGES)
    seen: list[bytes] = []
    for _ in range(2):
        found = [one for chunk in talk(*lines) for one in decoder.feed(chunk)]
        mine = [one for one in found if isinstance(one, kind)]
        assert mine
        seen.append(msgspec.json.encode(mine))
        for one in mine:
            spoil(one)
    assert seen[0] == seen[1]


def spoil(record: object) -> None:
    """Change all of a record that can be changed."""
    for name in type(record).__struct_fields__:  # type: ignore[attr-defined]
        value = getattr(record, name)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                for inner in one.values():
                    if isinstance(inner, list):
                        inner.append("spoilt")
                one["x"] = 1
            elif isinstance(one, msgspec.Struct) and name != "result":
                spoil(one)


def test_records_are_frozen() -> None:
    (record,) = [one for one in decoded(talk(*POLL)) if isinstance(one, Transaction)]
    with pytest.raises(AttributeError):
        record.name = "X"  # type: ignore[misc]


# the mode ---------------------------------------------------------------------------------------------------------------


def test_every_mode_is_reached_and_left() -> None:
    for mode in modes.Mode:
        assert any(to is mode for to in modes.TRANSITIONS.values())
        assert any(at is mode for at, _ in modes.TRANSITIONS)
    assert len(modes.table().splitlines()) == len(modes.TRANSITIONS)


def test_two_commands_of_a_line_that_both_connect() -> None:
    found = decoded(
        talk(command("AT+MIPMODE=0,1;+MIPMODE=1,1"), answer("CONNECT"), ("mcu", b"data", 5000), ("module", b"more"))
    )
    assert [one.data for one in found if isinstance(one, Data)] == [b"data".hex(), b"more".hex()]


def test_what_one_session_read_decides_nothing_in_another() -> None:
    """A/ in front of a line end is no repetition, even where another session had one."""
    lines = talk(("mcu", b"AT+CSQ\r"), ("mcu", b"A/\r\n"))
    before = decoded(lines)
    decoded(talk(*POLL, ("mcu", b"A/"), answer("+CSQ: 17,99", "OK")))
    assert decoded(lines) == before
