"""The invariants of the decoder, on generated and on damaged sessions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atshark.sources import open_source
from capture import recording
from capture.chunk import Chunk, Side
from decoder.decode import NO_STAGES, Decoder
from decoder.events import Data, Event
from tests.generated import Built, damaged, disordered, recut, sessions
from tests.helpers import as_json, events, examples, messages, records, standard, talk
from wireshark.export import export

common = settings(max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def sent(chunks: Iterable[Chunk], side: Side) -> bytes:
    return b"".join(chunk.data for chunk in chunks if chunk.side == side)


def conserved(chunks: list[Chunk], found: list[Event]) -> None:
    for side in ("mcu", "module"):
        assert b"".join(one.raw for one in messages(found) if one.side == side) == sent(chunks, side)


@common
@given(sessions())
def test_payloads_come_out_as_they_went_in(built: Built) -> None:
    found = [event for event in events(built.chunks) if isinstance(event, Data)]
    for side in ("mcu", "module"):
        for connection in (0, 1, 4):
            expected = b"".join(data for s, c, data in built.payloads if (s, c) == (side, connection))
            got = b"".join(bytes.fromhex(one.data) for one in found if (one.side, one.connect_id) == (side, connection))
            assert got == expected


@common
@given(sessions())
def test_1_bytes_are_conserved(built: Built) -> None:
    conserved(built.chunks, events(built.chunks))


@common
@given(st.data())
def test_2_cutting_into_other_chunks_changes_nothing(data: st.DataObject) -> None:
    chunks = data.draw(st.one_of(sessions().map(lambda built: built.chunks), damaged(), disordered()))
    assert as_json(records(data.draw(recut(chunks)))) == as_json(records(chunks))


@common
@given(sessions())
def test_2_byte_by_byte_is_the_same(built: Built) -> None:
    single = [Chunk(time_ns, side, bytes([byte])) for time_ns, side, data in built.chunks for byte in data]
    assert messages(events(single)) == messages(events(built.chunks))


@common
@given(st.one_of(damaged(), disordered()))
def test_3_damage_never_raises_and_loses_no_byte(chunks: list[Chunk]) -> None:
    conserved(chunks, events(chunks))


@common
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["mcu", "module"]), st.binary(min_size=1, max_size=60), st.none() | st.integers(0, 10**10)
        )
    )
)
def test_3_any_bytes_never_raise_and_are_conserved(pieces: list[tuple[Side, bytes, int | None]]) -> None:
    chunks = [Chunk(time_ns, side, data) for side, data, time_ns in pieces]
    conserved(chunks, events(chunks))


@common
@given(st.one_of(damaged(), disordered()))
def test_3_decoding_recovers(chunks: list[Chunk]) -> None:
    """After any damage and some silence, plain commands are understood again within a few lines."""
    now = max((chunk.time_ns or 0 for chunk in chunks), default=0) + 400_000_000_000
    more = []
    for number in range(5):
        more.append(Chunk(now + number * 2_000_000_000, "mcu", b"AT+CSQ\r"))
        more.append(Chunk(now + number * 2_000_000_000 + 20_000_000, "module", b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"))
    found = as_json(records([*chunks, *more]))
    last = [one for one in found if one["kind"] == "transaction" and one["name"] == "CSQ"][-2:]
    assert [one["result"]["code"] for one in last] == ["OK", "OK"]
    assert [one["information"][0]["params"] for one in last] == [{"rssi": 20, "rssi_dbm": -73, "ber": 99}] * 2


@pytest.mark.slow
@common
@given(st.one_of(sessions().map(lambda built: built.chunks), damaged()))
def test_4_recording_and_export_decode_to_the_same(chunks: list[Chunk]) -> None:
    expected = as_json(records(chunks))
    with tempfile.TemporaryDirectory() as folder:
        recorded, exported = Path(folder, "r.pcapng"), Path(folder, "e.pcapng")
        recording.record(chunks, recorded)
        with open_source(str(recorded)) as source:
            assert as_json(records(source)) == expected
        export(chunks, Decoder(standard(), NO_STAGES), exported)
        with open_source(str(exported)) as source:
            assert as_json(records(source)) == expected


POLL = [
    ("mcu", b"AT+CSQ\r", 600),
    ("module", b"AT+CSQ\r", 2),
    ("module", b"\r\n+CSQ: 0,99\r\n", 15),
    ("module", b"\r\nOK\r\n", 15),
]


@pytest.mark.parametrize(
    "lines",
    [
        # each was decided with later bytes at hand: a payload cut short, one that looks like lines, one with its line end
        [("module", b'\r\n+MIPURC: "rtcp",0,6,\r\nOK\n\r\n', 400), *POLL],
        [("module", b'\r\n+MIPURC: "rtcp",0,28,\n\r\nOK\r\n+MIPURC: "rtcp",0,5,\r\n', 400), *POLL],
        [
            ("module", b'\r\n+MIPURC: "rtcp",0,20,+MIPURC: "rtcp",0,', 400),
            ("mcu", b"AT+MIPSEND=0,3\r", 600),
            ("module", b"\r\n> ", 10),
            ("mcu", b"abc", 5),
            ("module", b"\r\n+MIPSEND: 0,3\r\n\r\nOK\r\n", 30),
        ],
    ],
)
def test_4_for_damage_that_once_broke_it(lines: list[tuple[str, bytes, int]], tmp_path: Path) -> None:
    chunks = talk(*POLL, *lines)
    export(chunks, Decoder(standard(), NO_STAGES), tmp_path / "e.pcapng")
    with open_source(str(tmp_path / "e.pcapng")) as source:
        assert as_json(records(source)) == as_json(records(chunks))


def test_4_for_runs_of_data_without_times(tmp_path: Path) -> None:
    """Without times nothing but the packets of an export tells where a run of data ended."""
    opened = [("module", "OK"), ("module", "CONNECT")]
    polled = [("mcu", b"AT+CSQ\r"), *(("module", line) for line in ("+CSQ: 0,99", "OK"))]
    lines: list[tuple[str, str | bytes]] = [
        ("mcu", b'AT+MIPOPEN=1,"TCP","10.0.0.1",5683\r'), ("module", "OK"), ("module", "+MIPOPEN: 1,0"),
        ("mcu", b"AT+MIPMODE=0,1\r"), *opened, ("mcu", b"\r\nxxx"), ("mcu", b"++"), ("module", "OK"), *polled,
        ("mcu", b"AT+MIPMODE=0,1\r"), *opened, ("mcu", b"OK"), ("mcu", b"+++"), ("module", "OK"), *polled,
    ]  # fmt: skip
    chunks = [
        Chunk(None, "mcu" if side == "mcu" else "module", f"\r\n{data}\r\n".encode() if isinstance(data, str) else data)
        for side, data in lines
    ]
    export(chunks, Decoder(standard(), NO_STAGES), tmp_path / "e.pcapng")
    with open_source(str(tmp_path / "e.pcapng")) as source:
        assert as_json(records(source)) == as_json(records(chunks))


@common
@given(sessions(), st.data())
def test_ticks_change_nothing(built: Built, data: st.DataObject) -> None:
    """A live session, which lets time pass between chunks, decodes to the same as the recording."""
    session = Decoder(standard(), NO_STAGES)
    found: list[Event] = []
    for chunk, following in zip(built.chunks, [*built.chunks[1:], None], strict=True):
        found.extend(session.feed(chunk))
        assert chunk.time_ns is not None
        end = chunk.time_ns + 5_000_000_000 if following is None or following.time_ns is None else following.time_ns
        for now in sorted(data.draw(st.lists(st.integers(chunk.time_ns, end), max_size=2))):
            found.extend(session.tick(now))
    found.extend(session.close())
    assert messages(found) == messages(events(built.chunks))
