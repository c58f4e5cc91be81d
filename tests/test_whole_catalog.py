"""Every command and URC of every dialect, driven through parameters that are drawn from the catalog itself."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from capture.chunk import Chunk, Side
from decoder import catalog
from decoder.catalog import Catalog, Dialect
from decoder.decode import Decoder, run
from decoder.events import INNER, Event, Message, Transaction, Urc
from tests import from_catalog
from tests.from_catalog import prefix, same, written
from tests.helpers import START, as_json, events, examples
from tests.test_shown import compare
from wireshark.export import export

SECOND = 1_000_000_000
_PART = 40
_FEW = 6
Entry = TypeVar("Entry")
relaxed = settings(
    max_examples=examples(8),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
"""Without shrinking: an example is a whole dialect, and the message of a failure names the line."""


@cache
def alone(name: str) -> Catalog:
    return catalog.load([name])


def dialect(name: str) -> Dialect:
    return alone(name).dialects[0]


def decode(name: str, *said: tuple[Side, str]) -> list[Event]:
    chunks = [Chunk(START + number * SECOND // 50, side, text.encode()) for number, (side, text) in enumerate(said)]
    return events(chunks, alone(name))


def some(data: st.DataObject, entries: list[Entry], part: int = _PART) -> list[Entry]:
    """Draw which part of a long dialect an example is about."""
    if len(entries) <= part:
        return entries
    start = data.draw(st.integers(0, (len(entries) - 1) // part)) * part
    return entries[start : start + part]


@pytest.mark.parametrize("name", catalog.names())
@relaxed
@given(data=st.data())
def test_commands_give_their_parameters_back(name: str, data: st.DataObject) -> None:
    for command, syntax in some(data, from_catalog.commands(dialect(name))):
        line = data.draw(written(syntax))
        text = f"AT{prefix(command.name)}={line.text}"
        found = [
            event
            for event in decode(name, ("mcu", text + "\r"), ("module", "\r\nOK\r\n"))
            if isinstance(event, Transaction)
        ]
        assert found[0].name == command.name, text
        assert same(found[0].params, line.values), (text, found[0].params, line.values)


def _reaches_the_result(text: str) -> bool:
    """Whether a number in a line is by chance how much follows it, the result included: then that may be payload."""
    parts = text.split(",")
    behind = [len(",".join(parts[at + 1 :])) for at in range(len(parts))]
    return any(
        one.isdigit() and 0 < int(one) - size <= len("\r\n\r\nOK\r\n") for one, size in zip(parts, behind, strict=True)
    )


@pytest.mark.parametrize("name", catalog.names())
@relaxed
@given(data=st.data())
def test_information_responses_give_their_parameters_back(name: str, data: st.DataObject) -> None:
    for command, syntax, form in some(data, from_catalog.answers(dialect(name))):
        line = data.draw(written(syntax))
        if _reaches_the_result(line.text):
            continue
        answer = f"{prefix(command.name)}: {line.text}"
        asked = f"AT{prefix(command.name)}{form}\r"
        events = decode(name, ("mcu", asked), ("module", f"\r\n{answer}\r\n"), ("module", "\r\nOK\r\n"))
        found = [event for event in events if isinstance(event, Transaction)]
        got = [one.params for one in found[0].information + found[0].urcs]
        assert len(got) == 1, (answer, found)
        assert same(got[0], line.values), (answer, got, line.values)


@pytest.mark.parametrize("name", catalog.names())
@relaxed
@given(data=st.data())
def test_urcs_give_their_parameters_back(name: str, data: st.DataObject) -> None:
    for urc, syntax in some(data, from_catalog.urcs(dialect(name))):
        line = data.draw(written(syntax))
        text = f"{prefix(urc.name)}: {line.text}"
        if urc.spec.payload_line == "next" and syntax.payload >= 0:
            head, _, body = text.rpartition(",")
            text = f"{head}\r\n{body.strip(chr(34))}"
        found = [event for event in decode(name, ("module", f"\r\n{text}\r\n")) if isinstance(event, Urc)]
        assert [one.name for one in found] == [urc.name], text
        assert same(found[0].params, line.values), (text, found[0].params, line.values)


@st.composite
def broken(draw: st.DrawFn, text: str) -> bytes:
    """The line with bytes lost, changed or added."""
    data = text.encode()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["lose", "change", "add"]))
        new = draw(
            st.one_of(
                st.binary(min_size=1, max_size=3),
                st.sampled_from([b'"', b",", b"\r", b";", b"(", b"\\", b"99999999999"]),
            )
        )
        data = data[:at] + (b"" if kind == "lose" else new) + data[at + (0 if kind == "add" else len(new)) :]
    return data


@pytest.mark.parametrize("name", catalog.names())
@relaxed
@given(data=st.data())
def test_damaged_lines_never_raise_and_lose_no_byte(name: str, data: st.DataObject) -> None:
    chunks: list[Chunk] = []
    spoken: dict[Side, bytes] = {"mcu": b"", "module": b""}
    lines: list[tuple[Side, str]] = [
        ("mcu", f"AT{prefix(command.name)}={data.draw(written(syntax)).text}\r")
        for command, syntax in some(data, from_catalog.commands(dialect(name)))
    ]
    lines += [
        ("module", f"\r\n{prefix(urc.name)}: {data.draw(written(syntax)).text}\r\n")
        for urc, syntax in some(data, from_catalog.urcs(dialect(name)))
    ]
    for number, (side, text) in enumerate(data.draw(st.permutations(lines))):
        raw = data.draw(broken(text))
        if raw:
            spoken[side] += raw
            chunks.append(Chunk(START + number * SECOND // 10, side, raw))
    found = events(chunks, alone(name))
    for side, raw in spoken.items():
        assert b"".join(one.raw for one in found if isinstance(one, Message) and one.side == side) == raw


@pytest.mark.outside
@settings(relaxed, max_examples=examples(3))
@given(data=st.data())
def test_wireshark_shows_the_whole_catalog(data: st.DataObject) -> None:
    said: list[tuple[Side, str]] = []
    for known in catalog.load().dialects:
        for command, syntax in some(data, from_catalog.commands(known), _FEW):
            if command.payload is None and command.stream is None and command.raw_after_ok is None:
                said.append(("mcu", f"AT{prefix(command.name)}={data.draw(written(syntax)).text}\r"))
                said.append(("module", "\r\nOK\r\n"))
        for urc, syntax in some(data, from_catalog.urcs(known), _FEW):
            if urc.spec.payload_line != "next" and not urc.spec.raw_after_ok:
                said.append(("module", f"\r\n{prefix(urc.name)}: {data.draw(written(syntax)).text}\r\n"))
    chunks = [Chunk(START + number * SECOND // 50, side, text.encode()) for number, (side, text) in enumerate(said)]
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "export.pcapng"
        export(chunks, Decoder(catalog.load()), exported)
        found = run(chunks, catalog.load())
        compare(exported, as_json(one for one in found if not isinstance(one, INNER)))
