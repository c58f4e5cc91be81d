"""The decode that an export carries: read from the packets alone, it is what `decode` says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import pcapng, upper_pdu
from capture.recording import NOTE_DISSECTOR
from decoder.decode import Decoder
from decoder.events import Data, Event, Finding, Group, Summary, Transaction, Urc
from tests.helpers import SAMPLES, standard
from wireshark import decode_layout as layout
from wireshark.export import Exporter, as_finding

SOURCES = sorted([*SAMPLES.glob("*.pcapng"), *SAMPLES.glob("*.jsonl")])


class Packet:
    """A packet of `uart` as anybody reads it, by the documented layout."""

    def __init__(self, packet: pcapng.Packet) -> None:
        tags = upper_pdu.tags_of(packet.data)
        self.time_ns = packet.time_ns or None
        self.note = tags[upper_pdu.TAG_DISSECTOR].rstrip(b"\0") == NOTE_DISSECTOR.encode()
        self.bytes = upper_pdu._behind_tags(packet.data, 0) or b""
        decode = layout.read(tags[upper_pdu.TAG_DECODE])
        assert decode is not None
        self.kind = layout.KINDS[decode.kind]
        self.records = [(one.type, one.value) for one in decode.records]

    def of(self, kind: int) -> list[Any]:
        return [value for type_, value in self.records if type_ == kind]

    def commands(self) -> list[list[tuple[int, Any]]]:
        out: list[list[tuple[int, Any]]] = []
        for type_, value in self.records:
            if type_ == layout.COMMAND:
                out.append([])
            if out and type_ not in (layout.FINDING, layout.GROUP, layout.PAYLOAD):
                out[-1].append((type_, value))
        return out


def value_of(one: Any, raw: bytes) -> Any:
    text = one.value.decode()
    if not text and one.place.start != layout.NOWHERE:
        text = raw[one.place.start : one.place.start + one.place.size].decode()
    kind = layout.TYPES[one.type % layout.SEVERAL]
    return (
        int(text) if kind == "int" else float(text) if kind == "float" else text == "true" if kind == "bool" else text
    )


def params_of(records: list[tuple[int, Any]], raw: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    params: dict[str, Any] = {}
    labels = {}
    for type_, one in records:
        if type_ != layout.PARAMETER:
            continue
        value = value_of(one, raw)
        if one.type >= layout.SEVERAL:
            params.setdefault(one.name, []).append(value)
        else:
            params[one.name] = value
        if one.label:
            labels[one.name] = one.label
    return params, labels


def text(records: list[tuple[int, Any]], kind: int) -> str | None:
    return next((value for type_, value in records if type_ == kind), None)


def error_of(result: Any) -> dict[str, Any] | None:
    error = result.error
    if error is None:
        return None
    code = {0: None, 1: int(error.code) if error.kind == 1 else 0, 2: error.code}[error.kind]
    return {"code": code, "text": error.text or None, "text_zh": error.text_zh or None}


def decoded(source: Path) -> tuple[list[Event], list[Packet]]:
    import atshark

    session = Decoder(standard())
    stream = io.BytesIO()
    exporter = Exporter(stream)
    events: list[Event] = []
    with atshark.open_source(str(source)) as chunks:
        for chunk in chunks:
            found = session.feed(chunk)
            events += found
            exporter.write(found)
    found = session.close()
    exporter.write(found)
    packets = [one for one in pcapng.Reader(io.BytesIO(stream.getvalue())) if one.interface.name.startswith("uart")]
    named = [one for one in packets if upper_pdu.TAG_DECODE in upper_pdu.tags_of(one.data)]
    return events + found, [Packet(one) for one in named]


def plain(record: Any) -> Any:
    return msgspec.to_builtins(record)


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.stem)
def session(request: pytest.FixtureRequest) -> tuple[list[Event], list[Packet]]:
    return decoded(request.param)


def test_transactions(session: tuple[list[Event], list[Packet]]) -> None:
    events, packets = session
    answers: dict[int, list[Packet]] = {}
    given_up: dict[int, str] = {}
    requests: dict[int, Packet] = {}
    for packet in packets:
        for one in packet.of(layout.ANSWERS_COMMAND):
            answers.setdefault(one.number, []).append(packet)
        for one in packet.of(layout.GIVEN_UP):
            given_up[one.number] = one.code
        for number in packet.of(layout.REQUEST):
            requests[number] = packet
    found = []
    result_of: dict[int, Packet] = {}
    lines = []
    for packet in packets:
        numbers = [one.number for one in packet.of(layout.COMMAND)]
        finals = [p for p in answers.get(numbers[-1] if numbers else 0, []) if p.of(layout.RESULT)]
        for number, records in zip(numbers, packet.commands(), strict=True):
            if finals:
                result_of[number] = finals[0]
            lines.append((packet, number, records))
    for packet, number, records in lines:
        command = records[0][1]
        params, labels = params_of(records, packet.bytes)
        final = result_of.get(number)
        result = None
        if final is not None:
            [value] = final.of(layout.RESULT)
            result = {"code": value.code, "error": error_of(value)}
            result.update(("done", done) for done in final.of(layout.DONE))
        elif number in given_up:
            result = {"code": given_up[number], "error": None}
        latency = final.of(layout.LATENCY) if final is not None else []
        others = [p for p in answers.get(number, []) if p.kind in ("information", "urc") and p is not final]

        def line(one: Packet) -> tuple[Any, ...]:
            params, labels = params_of(one.records, one.bytes)
            return text(one.records, layout.NAME), params, labels

        request = [requests[value] for type_, value in records if type_ == layout.ANSWERS_REQUEST]
        found.append(
            {
                "time_ns": packet.time_ns,
                "name": text(records, layout.NAME),
                "form": layout.FORMS[command.form],
                "dialect": text(records, layout.DIALECT),
                "params": params,
                "labels": labels,
                "result": result,
                "latency_ns": latency[0] if latency else None,
                "information": [line(p) for p in others if p.kind == "information"],
                "urcs": [(*line(p), p.of(layout.LATENCY)) for p in others if p.kind == "urc"],
                "request": [(*line(p), text(records, layout.LATENCY)) for p in request],
            }
        )

    def lines_of(ones: list[Any]) -> list[tuple[Any, ...]]:
        return [(one.name, one.params, one.labels or {}) for one in ones]

    expected = [
        {
            "time_ns": record.time_ns,
            "name": record.name,
            "form": record.form,
            "dialect": record.dialect,
            "params": record.params,
            "labels": record.labels or {},
            "result": plain(record.result),
            "latency_ns": record.latency_ns,
            "information": lines_of(record.information),
            "urcs": [
                (*line, [] if one.latency_ns is None else [one.latency_ns])
                for line, one in zip(lines_of(record.urcs), record.urcs, strict=True)
            ],
            "request": [(*lines_of([one])[0], one.latency_ns) for one in [record.request] if one],
        }
        for record in events
        if isinstance(record, Transaction)
    ]

    def order(one: dict[str, Any]) -> str:
        return repr((one["time_ns"], one["name"], one["form"], list(one["params"].items()), one["result"]))

    for mine, theirs in zip(sorted(found, key=order), sorted(expected, key=order), strict=True):
        assert mine == theirs


def test_urcs(session: tuple[list[Event], list[Packet]]) -> None:
    events, packets = session
    found = [
        (p.time_ns, text(p.records, layout.NAME), text(p.records, layout.DIALECT), *params_of(p.records, p.bytes))
        for p in packets
        if p.kind in ("urc", "text") and not p.of(layout.ANSWERS_COMMAND) and not p.of(layout.RESULT)
        and p.bytes.strip() != b"OK" and (p.kind == "urc" or p.records or b"AT" not in p.bytes)
    ]  # fmt: skip
    expected = [
        (one.time_ns, one.name, one.dialect, one.params, one.labels or {}) for one in events if isinstance(one, Urc)
    ]
    assert [one for one in found if one[1]] == [one for one in expected if one[1]]


def test_findings(session: tuple[list[Event], list[Packet]]) -> None:
    events, packets = session

    def time(packet: Packet, one: Any) -> Any:
        return {0: packet.time_ns, 1: None, 2: one.time_ns}[one.time]

    found = [
        (time(p, one), one.rule, layout.SEVERITIES[one.severity], one.message, one.message_zh, one.reference)
        for p in packets
        for one in p.of(layout.FINDING)
    ]
    causes = [as_finding(cause) for one in events if isinstance(one, Summary) for cause in one.causes]
    expected = [
        (one.time_ns, one.rule, one.severity, one.message, one.message_zh or "", one.reference or "")
        for one in [*events, *causes]
        if isinstance(one, Finding) and not one.rule.startswith("tap.")
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


def test_payload(session: tuple[list[Event], list[Packet]]) -> None:
    events, packets = session
    found = []
    for packet in packets:
        for one in packet.of(layout.PAYLOAD):
            data = one.meant
            if not data and one.place.start != layout.NOWHERE:
                data = packet.bytes[one.place.start : one.place.start + one.place.size]
                if layout.ENCODINGS[one.encoding] == "hex":
                    data = bytes.fromhex(data.decode())
            connection = [None, int(one.connection or 0), one.connection][one.connection_type]
            found.append(
                (layout.VIAS[one.via], layout.ENCODINGS[one.encoding], connection, one.announced_by, data.hex())
            )
    expected = [
        (one.via, one.encoding, one.connect_id, one.announced_by, one.data) for one in events if isinstance(one, Data)
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


def test_groups(session: tuple[list[Event], list[Packet]]) -> None:
    events, packets = session
    lines: dict[int, list[Any]] = {}
    complete: dict[int, bool] = {}
    for packet in packets:
        for one in packet.of(layout.GROUP):
            names = [text(records, layout.NAME) for records in packet.commands()] or packet.of(layout.NAME)
            lines.setdefault(one.number, [one.name, one.dialect]).append(names[0])
            complete[one.number] = bool(one.flags & 2)
    found = [(*value[:2], value[2:], complete[number]) for number, value in lines.items()]
    expected = [
        (one.name, one.dialect, [line.name for line in one.lines], one.complete)
        for one in events
        if isinstance(one, Group)
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


def test_places_hold_the_arguments(session: tuple[list[Event], list[Packet]]) -> None:
    """Where a text or integer stands as it was written, its place says so."""
    known = unknown = 0
    for packet in session[1]:
        for one in packet.of(layout.PARAMETER):
            if one.place.start == layout.NOWHERE:
                unknown += 1
            else:
                known += 1
                assert one.place.start + one.place.size <= len(packet.bytes)
    assert unknown <= known / 10


@given(st.binary(max_size=200))
def test_any_bytes_are_a_decode_or_none(data: bytes) -> None:
    parsed = layout.read(data)
    assert parsed is None or parsed.version == layout.VERSION
