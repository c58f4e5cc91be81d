"""The multiplexer (3GPP TS 27.010): frames, channels, how it begins and ends, what goes wrong."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atshark.redact import Options, redact
from atshark.sources import open_source
from capture.chunk import Chunk, Side
from capture.recording import record
from decoder.decode import Decoder, run
from decoder.events import Finding, Frame, Message, Summary
from decoder.link import cmux
from tests import mux_session, ppp_session
from tests.generated import recut
from tests.helpers import (
    MS,
    START,
    answer,
    as_json,
    by_channel,
    command,
    events,
    examples,
    messages,
    records,
    standard,
    talk,
    transactions,
    tshark,
)
from tests.mux_session import Line, interleaved
from tests.test_logs import read
from wireshark.export import export

common = settings(max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
KINDS: tuple[cmux.Kind, ...] = ("SABM", "UA", "DM", "DISC", "UIH", "UI")
HOSTILE = st.lists(
    st.sampled_from([b"\xf9", b"~", b"}", b"OK", b"\r\nOK\r\n", b"AT\r", b"\xf9\xf9", b"\x03\x2f", b"\r\nRDY\r\n"])
    | st.binary(min_size=1, max_size=9),
    max_size=9,
).map(b"".join)
frames = st.builds(
    cmux.Frame,
    st.sampled_from(KINDS),
    st.integers(0, cmux.MAX_DLCI),
    st.booleans(),
    st.booleans(),
    HOSTILE | st.binary(min_size=100, max_size=400),
    st.sampled_from(["basic", "advanced"]),
)


@common
@given(frames)
def test_a_frame_is_read_as_it_was_written(frame: cmux.Frame) -> None:
    raw = cmux.build(frame)
    found = cmux.cut(raw, 0, frame.option, follows=False)
    assert found == cmux.Cut(len(raw), frame)
    assert cmux.find(raw) == (0, frame.option)
    for size in range(len(raw)):
        cut = cmux.cut(raw[:size], 0, frame.option, follows=False) if size else None
        assert cut is None or cut.frame is None, "a part of a frame is none"


def test_the_longest_frame() -> None:
    frame = cmux.Frame("UIH", 61, True, False, bytes(range(256)) * 127 + bytes(255), "basic")
    assert len(frame.data) == cmux.MAX_INFO
    raw = cmux.build(frame)
    assert cmux.cut(raw, 0, "basic", follows=False) == cmux.Cut(len(raw), frame)


@pytest.mark.parametrize(
    ("raw", "text"),
    [  # 3GPP TS 27.010 5.4.6.3, and what public traces show
        ("f9033f011cf9", "SABM on channel 0"),
        ("f9037301d7f9", "UA on channel 0"),
        ("f907ef0941540d0a39f9", "UIH on channel 1: 4 bytes: AT\r\n"),
        ("f903ef09e305070dfbf9", "UIH on channel 0: MSC command (dlci=1, fc=false, rtc=true, rtr=true, ic=false, dv=false)"),
        ("f903ef05c301f2f9", "UIH on channel 0: CLD command"),
    ],
)  # fmt: skip
def test_frames_of_public_traces(raw: str, text: str) -> None:
    found = cmux.cut(bytes.fromhex(raw), 0, "basic", follows=False)
    assert found is not None
    assert found.frame is not None
    assert cmux.describe(found.frame, cmux.said(found.frame))[0] == text


def findings(chunks: Iterable[Chunk]) -> list[Finding]:
    return [one for one in run(chunks, standard()) if isinstance(one, Finding)]


# the wire


@st.composite
def lines(draw: st.DrawFn) -> list[Chunk]:
    """A multiplexed line with hostile payload, perhaps with plain text around it, and damage."""
    line = Line(draw(st.sampled_from(["basic", "advanced"])), draw(st.integers(5, 200)))
    begins = draw(st.booleans())
    if begins:
        line.begin()
    for _ in range(draw(st.integers(1, 12))):
        side: Side = draw(st.sampled_from(["mcu", "module"]))
        kind = draw(st.sampled_from(["data", "data", "frame", "damage", "plain", "end", "control"]))
        if kind == "data":
            line.data(side, draw(st.integers(1, 4)), draw(HOSTILE))
        elif kind == "frame":
            line.frame(side, draw(st.sampled_from(KINDS)), draw(st.integers(0, 3)))
        elif kind == "damage":
            line.say(
                side, draw(st.binary(min_size=1, max_size=12) | st.sampled_from([b"\xf9", b"\xf9\x05\xef\x55x", b"~"]))
            )
        elif kind == "plain":
            line.say(side, draw(st.sampled_from([b"AT+CSQ\r", b"\r\nOK\r\n", b"\r\nRDY\r\n", b"AT"])))
        elif kind == "control":
            line.control(side, draw(st.sampled_from(["PN", "MSC", "FCON", "FCOFF", "TEST", "NSC", "RPN", "RLS", "SNC", "PSC"])),
                         draw(st.binary(max_size=9)))  # fmt: skip
        else:
            line.end()
        line.now += draw(st.sampled_from([0, 0, 1, 30, 200, 4000])) * MS
    return line.chunks


@common
@given(lines())
def test_every_byte_is_in_a_message_of_the_line(chunks: list[Chunk]) -> None:
    found = events(chunks)
    for side in ("mcu", "module"):
        assert b"".join(one.raw for one in messages(found) if one.side == side) == b"".join(
            chunk.data for chunk in chunks if chunk.side == side
        )


@common
@given(lines())
def test_channels_say_what_their_frames_carry(chunks: list[Chunk]) -> None:
    """The messages of a channel, in order, are what its frames carry."""
    found = events(chunks)
    carried: dict[tuple[Side, int], bytes] = {}
    for one in found:
        frame = cmux.whole(one.raw) if isinstance(one, Message) and one.kind == "mux" else None
        if frame is not None and frame.dlci and frame.kind in ("UIH", "UI"):
            assert isinstance(one, Message)
            carried[one.side, frame.dlci] = carried.get((one.side, frame.dlci), b"") + frame.data
    said: dict[tuple[Side, int], bytes] = {}
    for one in found:
        if isinstance(one, Message) and one.channel is not None:
            said[one.side, one.channel] = said.get((one.side, one.channel), b"") + one.raw
    second = any(one.get("convergence_layer") == 2 for event in found if isinstance(event, Frame)
                 for one in event.fields.get("messages", ()))  # fmt: skip
    if not second:
        assert said == {key: data for key, data in carried.items() if data}


@common
@given(st.data())
def test_cutting_into_other_chunks_changes_nothing(data: st.DataObject) -> None:
    chunks = data.draw(lines())
    assert as_json(records(data.draw(recut(chunks)))) == as_json(records(chunks))


@pytest.mark.slow
@common
@given(lines())
def test_the_export_decodes_to_the_same(chunks: list[Chunk]) -> None:
    expected = by_channel(as_json(records(chunks)))
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder, "e.pcapng")
        export(chunks, Decoder(standard()), exported)
        with open_source(str(exported)) as source:
            assert by_channel(as_json(records(source))) == expected


@pytest.mark.parametrize("option", ["basic", "advanced"])
@pytest.mark.parametrize("n1", [7, 31, 127, 1500])
@pytest.mark.parametrize("status", [b"", b"\x8d"])
def test_a_channel_is_read_as_a_line_of_its_own(option: cmux.Option, n1: int, status: bytes) -> None:
    said = [*ppp_session.dialled()]
    plain = as_json(records(talk(*said)))
    line = Line(option, n1, status)
    line.begin()
    if status:
        line.control("mcu", "PN", bytes([3, 0x10, 7, 10, n1 & 255, n1 >> 8, 3, 2]))
        line.control("module", "PN", bytes([3, 0x10, 7, 10, n1 & 255, n1 >> 8, 3, 2]), response=True)
    line.open(3)
    line.talk((3, one) for one in said)
    line.end()
    found = [one for one in as_json(records(line.chunks)) if one.get("channel") == 3]
    kinds = ("transaction", "socket", "frame")
    bare = [_bare(one) for one in plain if one["kind"] in kinds]
    assert [_bare(one) for one in found if one["kind"] in kinds] == bare


def _bare(one: dict[str, Any]) -> dict[str, Any]:
    """A record without what depends on the time that frames take."""
    return {key: value for key, value in one.items() if key not in ("time_ns", "latency_ns", "channel", "began_ns")}


def test_channels_pair_for_themselves() -> None:
    line = Line()
    line.begin()
    line.talk(interleaved({1: [command("AT+CSQ"), answer("+CSQ: 1,99"), answer("OK")],
                           2: [command("AT+CEREG?"), answer("+CEREG: 0,5"), answer("ERROR")]}))  # fmt: skip
    found = [one for one in records(line.chunks) if one.__class__.__name__ == "Transaction"]
    told = [(one["name"], one.get("channel"), one["result"]["code"]) for one in as_json(found)]
    assert told == [("CMUX", None, "OK"), ("CSQ", 1, "OK"), ("CEREG", 2, "ERROR")]


# where it begins and ends


@pytest.mark.parametrize("option", ["basic", "advanced"])
@pytest.mark.parametrize("skip", range(60))
def test_it_is_found_in_mid_stream(option: cmux.Option, skip: int) -> None:
    """Recording began later, in the middle of a frame: the multiplexer is found within three frames."""
    line = Line(option)
    for _ in range(9):
        line.talk((1, one) for one in mux_session.POLL)
    first, *rest = line.chunks
    chunks = [Chunk(first.time_ns, first.side, first.data[skip % len(first.data) :]), *rest[skip // len(first.data) :]]
    found = events(chunks)
    lost = [one for one in messages(found) if one.kind != "mux"]
    assert sum(len(one.raw) for one in lost) <= sum(len(one.data) for one in chunks[:3])
    assert len(transactions(found)) >= 17 - skip // len(first.data)


def test_no_other_traffic_is_taken_for_it() -> None:
    """Bytes that hold its flags, between lines and in payload."""
    said = [command("AT+CSQ"), answer("+CSQ: 20,99", "OK"), ("module", b"~tilde ~\r\n"), ("module", b"\xf9\xf9\xf9\r\n"),
            ("module", b"\r\n+MIPURC: \"rtcp\",0,5,\xf9\x03\x3f\x01\x1c\r\n"), command("AT+CSQ"), answer("+CSQ: 20,99", "OK")]  # fmt: skip
    found = events(talk(*said))
    assert not [one for one in messages(found) if one.kind == "mux"]
    assert len(transactions(found)) == 2


@pytest.mark.parametrize("way", ["CLD", "DISC", "plain MCU", "restart"])
def test_the_line_is_plain_again(way: str) -> None:
    line = Line()
    line.begin()
    line.open(1)
    line.talk((1, one) for one in mux_session.POLL)
    if way == "CLD":
        line.end()
    elif way == "DISC":
        line.frame("mcu", "DISC", 0, final=True)
        line.frame("module", "UA", 0, final=True)
    elif way == "restart":
        line.say("module", b"\r\nRDY\r\n", 900)
    line.say("mcu", b"AT+CGMM\r", 300)
    line.say("module", b"\r\nM5311\r\n\r\nOK\r\n")
    found = events(line.chunks)
    last = transactions(found)[-1]
    assert (last.name, last.result and last.result.code, last.channel is None or last.channel) in [
        ("CGMM", "OK", last.channel),
    ]
    assert messages(found)[-1].kind == "result"
    assert ("mux.plain" in [one.rule for one in findings(line.chunks)]) == (way in ("plain MCU", "restart"))


def test_it_begins_again_after_it_ended() -> None:
    line = Line()
    for _ in range(3):
        line.begin()
        line.talk((1, one) for one in mux_session.POLL)
        line.end()
        line.say("mcu", b"AT\r", 300)
        line.say("module", b"\r\nOK\r\n")
    found = transactions(events(line.chunks))
    assert [one.name for one in found] == ["CMUX", "CEREG", "CSQ", "AT"] * 3
    assert all(one.result is not None and one.result.code == "OK" for one in found)


def test_damage_costs_what_it_hit() -> None:
    """A frame whose length lies, one with a wrong checksum, one without its end: the next good frame is read."""
    line = Line()
    line.begin()
    bad = [b"\xf9\x05\xef\x55junk", b"\xf9\x05\xef\x0b\r\nOK\r\n\x00\xf9", b"\xf9\x05\xef"]
    for damage in bad:
        line.say("module", damage, 300)
        line.talk((1, one) for one in mux_session.POLL)
    found = events(line.chunks)
    assert [one.name for one in transactions(found)] == ["CMUX", *["CEREG", "CSQ"] * 3]
    noise = [one.raw for one in messages(found) if one.kind == "noise"]
    assert b"".join(noise).startswith(bad[0])
    assert len(b"".join(noise)) <= len(b"".join(bad))
    assert {one.rule for one in findings(line.chunks)} == {"mux.damaged"}


# what goes wrong

SPEAKS = mux_session.POLL


def _unanswered(line: Line) -> None:
    line.frame("mcu", "SABM", 2, final=True)


def _refused(line: Line) -> None:
    line.frame("mcu", "SABM", 2, final=True)
    line.frame("module", "DM", 2, final=True)


def _closed(line: Line) -> None:
    line.frame("mcu", "DISC", 1, final=True)
    line.frame("module", "UA", 1, final=True)
    line.data("mcu", 1, b"AT\r")


def _long(line: Line) -> None:
    line.frame("module", "UIH", 1, bytes(line.n1 + 1))


def _flow(line: Line) -> None:
    line.control("module", "MSC", b"\x07\x8f")
    line.now += 1000 * MS
    line.control("module", "MSC", b"\x07\x8d")


def _stopped(line: Line) -> None:
    line.control("module", "FCOFF")


def _pushed(line: Line) -> None:
    line.control("module", "MSC", b"\x07\x8f")
    line.now += 500 * MS
    line.data("mcu", 1, b"AT\r")
    line.control("module", "MSC", b"\x07\x8d")


FAULTS = {
    "mux.unanswered": _unanswered, "mux.refused": _refused, "mux.closed": _closed, "mux.long": _long, "mux.flow": _flow,
    "mux.stopped": _stopped, "mux.pushed": _pushed,
}  # fmt: skip


@pytest.mark.parametrize("rule", FAULTS)
def test_what_goes_wrong_is_told(rule: str) -> None:
    line = Line()
    line.begin()
    line.open(1)
    line.talk((1, one) for one in SPEAKS)
    assert not [one for one in findings(line.chunks) if one.rule.startswith("mux.")]
    FAULTS[rule](line)
    found = [one for one in findings(line.chunks) if one.rule.startswith("mux.")]
    assert rule in [one.rule for one in found]
    assert all(isinstance(one.message_zh, str) and "{" not in one.message + one.message_zh for one in found)


# Wireshark, redaction


def _shown(raw: str) -> int:
    return int(raw, 0)


VALUES = {
    "PN": bytes([1, 0x10, 7, 10, 0x40, 1, 3, 2]), "MSC": b"\x07\x8d", "NSC": b"\x43", "RLS": b"\x07\x01", "SNC": b"\x07\x01",
    "RPN": b"\x07\x07\x03\x00\x00\x11\x13\x3f\x00", "TEST": b"abc", "PSC": b"", "FCON": b"", "FCOFF": b"",
}  # fmt: skip


def judged(option: cmux.Option, choose: random.Random) -> list[Chunk]:
    """A session with every kind of frame and message, on 1 to 63 channels, some frames of which are damaged."""
    line = Line(option, cmux.MAX_INFO)
    line.begin()
    open_ones = choose.sample(range(1, cmux.MAX_DLCI + 1), choose.choice([1, 5, cmux.MAX_DLCI]))
    for dlci in open_ones:
        line.open(dlci)
    kinds: list[cmux.Kind] = [*KINDS, *("UIH",) * 4]
    for size in (0, 1, 127, 128, cmux.MAX_INFO, *(choose.randint(0, 300) for _ in range(60))):
        side: Side = choose.choice(["mcu", "module"])
        kind, dlci = choose.choice(kinds), choose.choice(open_ones)
        if kind in ("UIH", "UI") or size == cmux.MAX_INFO:
            line.frame(side, "UI" if kind == "UI" else "UIH", dlci, choose.randbytes(size), final=choose.random() < 0.2)
        else:
            line.frame(side, kind, dlci, final=choose.random() < 0.5)
        name = choose.choice([*VALUES])
        line.control(side, name, VALUES[name], response=choose.random() < 0.5)
        if choose.random() < 0.2:
            one = line.chunks.pop()
            raw = bytearray(one.data)
            raw[choose.randrange(1, len(raw) - 1)] ^= 1 << choose.randrange(8)
            line.chunks.append(Chunk(one.time_ns, one.side, bytes(raw)))
    line.end()
    return line.chunks


@pytest.mark.outside
@pytest.mark.parametrize("option", ["basic", "advanced"])
@pytest.mark.parametrize("seed", range(examples(3)))
def test_wireshark_says_the_same(tmp_path: Path, option: cmux.Option, seed: int) -> None:
    """Its own dissector reads from the interface mux what the decoder read, field by field."""
    chunks = judged(option, random.Random(seed))
    path = tmp_path / "mux.pcapng"
    export(chunks, Decoder(standard()), path)
    said = [one for one in records(chunks) if isinstance(one, Frame) and one.protocol == "cmux"]
    assert len(said) > 100
    names = ["direction", "address.dlciaddress", "address.craddress", "control.frametype", "control.pfcontrol",
             "length.framesize", "length.framesize_ea", "controlchannel.frametype.command", "controlchannel.frametype.crtype",
             "checksum_correct"]  # fmt: skip
    text = tshark(path, "-Y", "mux27010", "-T", "fields", "-E", "separator=|", "-E", "occurrence=f",
                  *[part for name in names for part in ("-e", f"mux27010.{name}")])  # fmt: skip
    rows = [row.split("|") for row in text.splitlines()]
    assert len(rows) == len(said)
    kinds = {0x2F: "SABM", 0x63: "UA", 0x0F: "DM", 0x43: "DISC", 0xEF: "UIH", 0x03: "UI"}
    for one, (side, dlci, cr, kind, final, short, longer, name, of_command, good) in zip(said, rows, strict=True):
        fields = one.fields
        assert ("mcu", "module")[_shown(side)] == one.side
        assert _shown(dlci) == fields["dlci"]
        assert (cr in ("1", "True")) == fields["command"]
        assert kinds[_shown(kind)] == fields["type"]
        assert bool(_shown(final)) == fields["final"]
        assert _shown(short or longer) == fields["length"]
        told_all = fields.get("messages", [])
        for told in told_all[:1]:
            unknown = told["name"].partition("type ")[2]
            assert (int(unknown) if unknown else cmux.TYPES[told["name"]]) == _shown(name)
            assert (of_command in ("1", "True")) == told["command"]
        # with two octets of length Wireshark checks from the second byte on, of UI the header alone (5.2.1.6: all), and
        # behind a message whose length is damaged it looks for the checksum elsewhere
        if not longer and fields["type"] != "UI" and (fields["dlci"] or len(told_all) == 1):
            assert good in ("1", "True")


def test_secrets_are_found_across_frames(tmp_path: Path) -> None:
    line = Line("basic", 9)
    line.begin()
    line.open(1)
    line.talk((1, one) for one in [command('AT+CPIN="73519846"'), answer("OK"), command("AT+CGSN=1"),
                                   answer("+CGSN: 867723031234569", "OK")])  # fmt: skip
    path = tmp_path / "r.pcapng"
    record(line.chunks, path)
    done = redact(str(path), standard(), Options())
    out = tmp_path / "o.pcapng"
    out.write_bytes(done.data)
    with open_source(str(out)) as source:
        after = list(source)
    text = json.dumps(as_json(records(after)))
    assert "73519846" not in text
    assert "867723031234569" not in text
    assert [one["name"] for one in as_json(records(after)) if one["kind"] == "transaction"] == ["CMUX", "CPIN", "CGSN"]
    assert not [one for one in findings(after) if one.rule.startswith("mux.")]


def test_time_that_passes_silently_is_the_same_for_all_channels() -> None:
    """Commands that nobody answers time out on their channels, in the order of their times."""
    line = Line()
    line.begin()
    for dlci in (1, 2, 3):
        line.open(dlci)
        line.data("mcu", dlci, b"AT+CSQ\r")
    line.now += 900_000 * MS
    line.data("mcu", 1, b"AT\r")
    line.data("module", 1, b"\r\nOK\r\n")
    found = [one for one in as_json(records(line.chunks)) if one["kind"] == "transaction" and one["name"] == "CSQ"]
    assert [(one["channel"], one["result"]["code"]) for one in found] == [
        (1, "timeout"),
        (2, "timeout"),
        (3, "timeout"),
    ]


def test_times_begin_with_the_last_byte_of_a_frame() -> None:
    raw = cmux.build(cmux.Frame("UIH", 1, True, False, b"AT\r", "basic"))
    chunks = [Chunk(START + at * MS, "mcu", bytes([byte])) for at, byte in enumerate(raw)]
    chunks.append(
        Chunk(START + 90 * MS, "module", cmux.build(cmux.Frame("UIH", 1, False, False, b"\r\nOK\r\n", "basic")))
    )
    (one,) = transactions(events(chunks))
    assert one.time_ns == START + (len(raw) - 1) * MS
    assert one.latency_ns == 90 * MS - (len(raw) - 1) * MS


def chunks_of_turns(*turns: tuple[int, Side, bytes]) -> list[Chunk]:
    return [Chunk(START + at * MS, side, data) for at, side, data in turns]


def frame(side: Side, kind: cmux.Kind, dlci: int, data: bytes = b"") -> bytes:
    return cmux.build(cmux.Frame(kind, dlci, (kind not in ("UA", "DM")) == (side == "mcu"), False, data, "basic"))


def test_numeric_results_begin_it_too() -> None:
    for gap in (20, 500):
        found = events(chunks_of_turns(
            (0, "mcu", b"ATV0\r"), (20, "module", b"0\r"), (40, "mcu", b"AT+CMUX=0\r"), (60, "module", b"0\r"),
            (60 + gap, "mcu", frame("mcu", "SABM", 0)), (80 + gap, "module", frame("module", "UA", 0)),
        ))  # fmt: skip
        assert [one.kind for one in messages(found)][-2:] == ["mux", "mux"]
        assert [one.result and one.result.code for one in transactions(found)] == ["OK", "OK"]


def test_flags_alone_are_no_damage() -> None:
    """Flags that wake the other side up, and the last of which opens the next frame (5.4.7)."""
    line = Line()
    line.begin()
    for _ in range(3):
        line.say("mcu", b"\xf9\xf9\xf9", 600)
        line.say("module", b"\xf9", 400)
        line.say("mcu", frame("mcu", "UIH", 1, b"AT+CSQ\r")[1:], 400)
        line.say("module", frame("module", "UIH", 1, b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n")[1:])
    assert findings(line.chunks) == []
    assert [one.name for one in transactions(events(line.chunks))] == ["CMUX", "CSQ", "CSQ", "CSQ"]


@pytest.mark.parametrize("close", ["CLD", "DISC"])
def test_who_closes_and_goes_on_is_not_accused(close: str) -> None:
    """The other side does not answer; or it was not multiplexed at all, and the host only makes sure of that."""
    for begins in (True, False):
        line = Line()
        if begins:
            line.begin()
        if close == "CLD":
            line.control("mcu", "CLD")
        else:
            line.frame("mcu", "DISC", 0, final=True)
        line.say("mcu", b"AT\r", 1000)
        line.say("module", b"\r\nOK\r\n")
        assert [one.rule for one in findings(line.chunks)] == []
        assert transactions(events(line.chunks))[-1].name == "AT"


def test_a_urc_before_the_first_frame_is_no_end() -> None:
    line = Line()
    line.say("mcu", b"AT+CMUX=0\r")
    line.say("module", b"\r\nOK\r\n")
    line.say("module", b"\r\n+CREG: 1\r\n")
    line.open(0)
    line.talk((1, one) for one in mux_session.POLL)
    assert [one.rule for one in findings(line.chunks)] == []


def test_nothing_is_known_of_a_multiplexer_that_begins_again() -> None:
    line = Line(n1=31)
    line.begin()
    line.control("module", "MSC", b"\x07\x8f")
    line.control("module", "FCOFF")
    line.say("module", b"\r\nRDY\r\n", 900)
    line.n1 = 127
    line.begin()
    line.data("mcu", 1, b"ATI\r")
    line.data("module", 1, b"\r\n" + b"word " * 16 + b"\r\n\r\nOK\r\n")
    assert {one.rule for one in findings(line.chunks)} <= {"mux.plain"}


def test_a_restart_ends_the_commands_of_channels() -> None:
    line = Line()
    line.begin()
    line.data("mcu", 1, b"AT+COPS=?\r")
    line.say("module", b"\r\nRDY\r\n", 900)
    found = as_json(records(line.chunks))
    (lost,) = [one for one in found if one["kind"] == "transaction" and one["name"] == "COPS"]
    assert (lost["channel"], lost["result"]["code"]) == (1, "unanswered")
    assert "module.rebooted" in [one["rule"] for one in found if one["kind"] == "finding"]


def test_bytes_in_lines_are_lines() -> None:
    """Payload inside a line may hold its flags, also at the end of a chunk, and whole frames."""
    inside = frame("mcu", "SABM", 0) + b"~~\xf9"
    for cut in range(1, len(inside)):
        said = b'AT+MIPSEND=0,9,"' + inside
        found = events(
            chunks_of_turns(
                (0, "mcu", said[: 16 + cut]), (5, "mcu", said[16 + cut :] + b'"\r'), (20, "module", b"\r\nOK\r\n")
            )
        )
        assert not [one for one in messages(found) if one.kind == "mux"]
        assert len(transactions(found)) == 1


def test_a_log_of_frames_in_hex(tmp_path: Path) -> None:
    """Also one in which no command stands."""
    path = tmp_path / "frames.txt"
    path.write_text("".join(f"{'TX' if one.side == 'mcu' else 'RX'}: {one.data.hex(' ')}\n" for one in chunks_of_turns(
        (0, "mcu", frame("mcu", "SABM", 0)), (1, "module", frame("module", "UA", 0)),
        (2, "mcu", frame("mcu", "SABM", 1)), (3, "module", frame("module", "UA", 1)),
    )))  # fmt: skip
    with open_source(str(path)) as source:
        assert [one.kind for one in messages(events(source))] == ["mux"] * 4


def rows(data: bytes) -> Iterator[tuple[int, str, str]]:
    """Rows of a hex dump: the offset, sixteen bytes, the characters."""
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        yield at, row.hex(" "), "".join(chr(one) if 32 <= one < 127 else "." for one in row)


def zephyr(one: Chunk, ms: int) -> Iterator[str]:
    stamp = f"[00:00:{ms // 1000:02}.{ms % 1000:03},000]"
    yield f"{stamp} <dbg> modem_cmux: {'TX' if one.side == 'mcu' else 'RX'}: "
    for _, shown, signs in rows(one.data):
        yield f"{' ' * 26}{shown[:23]:<23}  {shown[24:]:<23} |{signs[:8]} {signs[8:]}"


def esp_buffer(one: Chunk, ms: int) -> Iterator[str]:
    return (f"I ({ms}) cmux-{'tx' if one.side == 'mcu' else 'rx'}: {shown} " for _, shown, _ in rows(one.data))


def esp_dump(one: Chunk, ms: int) -> Iterator[str]:
    side = "tx" if one.side == "mcu" else "rx"
    return (f"D ({ms}) uart-{side}: 0x3ffc{at:04x}   {shown:<47}  |{signs}|" for at, shown, signs in rows(one.data))


def linux(one: Chunk, ms: int) -> Iterator[str]:
    word = "output" if one.side == "mcu" else "receive"
    return (f"[ {100 + ms / 1000:.6f}] gsmld_{word}: {at:08x}: {shown}  {signs}" for at, shown, signs in rows(one.data))


@pytest.mark.parametrize("writer", [zephyr, esp_buffer, esp_dump, linux])
def test_dumps_of_programs(writer: Callable[[Chunk, int], Iterator[str]]) -> None:
    chunks = list(mux_session.session())
    start = chunks[0].time_ns or 0
    text = "".join(f"{line}\n" for one in chunks for line in writer(one, ((one.time_ns or 0) - start) // MS))
    wanted, found = (
        [
            (type(one).__name__, getattr(one, "raw", getattr(one, "text", "")))
            for one in records(each)
            if not isinstance(one, Summary)
        ]
        for each in (chunks, read(text.encode())[0])
    )
    assert found == wanted
