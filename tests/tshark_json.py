"""What `tshark -T json` prints of an export, brought into the form of `decode --format jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import convert, to_builtins

from decoder.events import Cause
from decoder.values import printable
from tests.helpers import standard, tshark
from wireshark import bundle
from wireshark.export import as_finding

Pairs = list[tuple[str, Any]]
GENERIC = ("int", "float", "bool", "string", "bytes", "clock")


class Node(NamedTuple):
    """A field with what stands below it."""

    key: str
    value: str
    below: list[Node]


class Packet(NamedTuple):
    """A packet of ours: its frame number, its time in ns, its fields."""

    number: int
    time_ns: int | None
    nodes: list[Node]

    def all(self, key: str, nodes: list[Node] | None = None) -> Iterator[Node]:
        """Find the fields of a name, at any depth."""
        for node in self.nodes if nodes is None else nodes:
            if node.key == key:
                yield node
            yield from self.all(key, node.below)

    def one(self, key: str, nodes: list[Node] | None = None) -> str | None:
        """Return the first value of a field, None if it is not there."""
        return next((node.value for node in self.all(key, nodes)), None)

    @property
    def kind(self) -> str | None:
        return self.one("atshark.kind")


def packets(exported: Path, *options: str) -> list[Packet]:
    """Read all packets that the dissector of AT lines shows."""
    text = tshark(exported, "-Y", "atshark", "-T", "json", "-J", "atshark frame", *options)
    out = []
    for entry in json.loads(text, object_pairs_hook=lambda pairs: pairs):
        layers = dict(dict(entry)["_source"])["layers"]
        frame = dict(dict(layers)["frame"])
        nodes = [node for key, value in layers if key == "atshark" for node in _nodes(value)]
        out.append(Packet(int(frame["frame.number"]), _time(frame["frame.time_epoch"]), nodes))
    return out


def _nodes(pairs: Pairs) -> list[Node]:
    out: list[Node] = []
    for key, value in pairs:
        if key.endswith("_tree"):
            out[-1].below.extend(_nodes(value))
        elif isinstance(value, list):
            out.append(Node(key, "", _nodes(value)))
        else:
            out.append(Node(key, value, []))
    return out


def _time(text: str) -> int | None:
    """Return ns since 1970 of what tshark prints: seconds with a fraction, from 4.6 on ISO 8601."""
    if "T" in text:
        moment, _, fraction = text.rstrip("Z").partition(".")
        seconds = int(datetime.fromisoformat(moment + "+00:00").timestamp())
        return seconds * 10**9 + int((fraction + "0" * 9)[:9]) or None
    seconds_text, _, fraction = text.partition(".")
    return int(seconds_text) * 10**9 + int((fraction + "0" * 9)[:9]) or None


def _clock(text: str) -> int | None:
    """Return ns since 1970 of a field that holds a time: "Nov 21, 2025 02:00:00.000000005 UTC", from 4.6 on ISO 8601."""
    if text[:1].isdigit():
        return _time(text)
    moment, _, zone = text.rpartition(" ")
    assert zone == "UTC", text
    seconds, _, fraction = moment.partition(".")
    found = datetime.strptime(seconds + " +0000", "%b %d, %Y %H:%M:%S %z")
    return int(found.timestamp()) * 10**9 + int((fraction + "0" * 9)[:9])


# Parameters, as lists of (name, value, label): several values of one name follow each other.

Param = tuple[str, Any, str | None]


def wanted_params(params: dict[str, Any], labels: dict[str, str] | None) -> list[Param]:
    """The parameters of a record, as tshark is to show them."""
    out: list[Param] = []
    for name, value in params.items():
        label = (labels or {}).get(name)
        for one in value if isinstance(value, list) else [value]:
            out.append((name, _wanted(name, one), None if label is None else printable(label)))
    return out


def _wanted(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return _moment(value) if name.endswith("_iso") else printable(value)
    if isinstance(value, int) and not isinstance(value, bool) and len(str(value)) > 18:
        return str(value)
    return value


def _moment(text: str) -> Any:
    found = datetime.fromisoformat(text)
    return int((found if found.tzinfo else datetime.fromisoformat(text + "+00:00")).timestamp()) * 10**9


@cache
def _kinds() -> dict[str, str]:
    return bundle.types(standard())


def shown_params(nodes: list[Node]) -> list[Param]:
    """The parameters below a name (or in a packet), with the types of their fields."""
    kinds = _kinds()
    out: list[Param] = []
    candidates: list[Node] = []
    for node in nodes:
        if node.key != "atshark.param":
            candidates.append(node)
            continue
        name, _, text = node.value.partition("=")
        own = {f"atshark.{name.lower()}", f"atshark.param.{name.lower()}"}
        found = next(one for one in candidates if one.key in own or one.key.removeprefix("atshark.param.") in GENERIC)
        kind = "int" if name == "connect_id" and found.key == "atshark.connect_id" else kinds.get(name, "")
        if found.key not in own:
            kind = found.key.removeprefix("atshark.param.")
        label = next((one.value for one in [*found.below, *candidates] if one.key == "atshark.param.label"), None)
        out.append((name, _value(found.value, kind, text), label))
        candidates = []
    return out


def _value(value: str, kind: str, text: str) -> Any:
    if kind == "int":
        return int(value)
    if kind == "float":
        return float(value)
    if kind == "bool":
        return value in ("1", "True")
    if kind == "bytes":
        return value.replace(":", "")
    if kind == "clock":
        return _clock(value)
    assert value == text
    return value


# Records

Line = dict[str, Any]


def _line(packet: Packet) -> Line:
    name = next(packet.all("atshark.name"), None)
    return {
        "name": None if name is None else name.value,
        "params": shown_params(packet.nodes if name is None else name.below),
    }


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _result(packet: Packet) -> Any:
    code = packet.one("atshark.error.code")
    text, chinese = packet.one("atshark.error.text"), packet.one("atshark.error.text_zh")
    number = packet.one("atshark.error.number")
    error = None if code is None and text is None else [code if number is None else int(number), text, chinese]
    return [packet.one("atshark.result"), error, packet.one("atshark.result.done")]


def transactions(found: list[Packet]) -> list[Line]:
    """All commands, with what answered them."""
    by_frame = {packet.number: packet for packet in found}
    answers: dict[str, list[Packet]] = {}
    given_up: dict[str, str] = {}
    for packet in found:
        if packet.kind != "command" and "atshark.response_to" in {node.key for node in packet.nodes}:
            answers.setdefault(packet.one("atshark.number", packet.nodes) or "", []).append(packet)
        for node in packet.all("atshark.given_up"):
            if number := packet.one("atshark.number", node.below):
                given_up[number] = node.value
    out = []
    for packet in found:
        names = [node for node in packet.nodes if node.key == "atshark.name"] if packet.kind == "command" else []
        numbers = [packet.one("atshark.number", node.below) or "" for node in names]
        for number, node in zip(numbers, names, strict=True):
            finals = [
                one for one in answers.get(numbers[-1], []) if one.kind == "result" or _has(one, "atshark.result")
            ]
            others = [one for one in answers.get(number, []) if one not in finals]
            request = _number(packet.one("atshark.answers", node.below))
            result = _result(finals[0]) if finals else [given_up[number], None, None] if number in given_up else None
            out.append({
                "time_ns": packet.time_ns,
                "name": node.value,
                "form": packet.one("atshark.form", node.below),
                "dialect": packet.one("atshark.dialect", node.below),
                "params": shown_params(node.below),
                "result": result,
                "latency_ns": _number(finals[0].one("atshark.latency_ns")) if finals else None,
                "information": [_line(one) for one in others if one.kind == "information"],
                "urcs": [_late(one) for one in others if one.kind == "urc"],
                "request": None if request is None else {
                    **_line(by_frame[request]), "latency_ns": _number(packet.one("atshark.answer_latency_ns", node.below)),
                },
            })  # fmt: skip
    return out


def _has(packet: Packet, key: str) -> bool:
    return packet.one(key) is not None


def _late(packet: Packet) -> Line:
    return {**_line(packet), "time_ns": packet.time_ns, "latency_ns": _number(packet.one("atshark.latency_ns"))}


def wanted_transactions(records: list[Any]) -> list[Line]:
    """The same, of the records of `decode --format jsonl`."""

    def line(one: Any) -> Line:
        return {
            "name": one["name"] and printable(one["name"]),
            "params": wanted_params(one["params"], one.get("labels")),
        }

    out = []
    for one in records:
        if one["kind"] != "transaction":
            continue
        result, request = one["result"], one.get("request")
        error = result and result["error"]
        out.append({
            "time_ns": one["time_ns"],
            **line(one),
            "form": one["form"],
            "dialect": one["dialect"],
            "result": result and [result["code"], error and [
                printable(error["code"]) if isinstance(error["code"], str) else error["code"],
                error["text"] and printable(error["text"]), error["text_zh"]],
                None if "done" not in result else "1" if result["done"] else "0"],
            "latency_ns": one["latency_ns"],
            "information": [line(each) for each in one["information"]],
            "urcs": [{**line(u), "time_ns": u["time_ns"], "latency_ns": u["latency_ns"]} for u in one["urcs"]],
            "request": request and {**line(request), "latency_ns": request["latency_ns"]},
        })  # fmt: skip
    return out


def urcs(found: list[Packet]) -> list[Line]:
    """The lines with a name that the module sent of its own accord."""
    return [
        {**_line(packet), "time_ns": packet.time_ns, "dialect": packet.one("atshark.dialect")}
        for packet in found
        if packet.kind == "urc" and _has(packet, "atshark.name") and not _has(packet, "atshark.response_to")
    ]


def wanted_urcs(records: list[Any]) -> list[Line]:
    """The same, of records."""
    return [
        {"name": printable(one["name"]), "params": wanted_params(one["params"], one.get("labels")),
         "time_ns": one["time_ns"], "dialect": one["dialect"]}
        for one in records
        if one["kind"] == "urc" and one["name"]
    ]  # fmt: skip


def payload(found: list[Packet]) -> list[tuple[Any, ...]]:
    """All payload that was carried: how, on which connection, for whom, its bytes."""
    out: list[tuple[Any, ...]] = []
    for packet in found:
        for node in packet.all("atshark.data"):
            via = packet.one("atshark.via", node.below)
            if via is None:
                continue
            number = packet.one("atshark.connect_id", node.below)
            connection = packet.one("atshark.connect_name", node.below) if number is None else int(number)
            told = [packet.one(f"atshark.{key}", node.below) for key in ("encoding", "announced_by")]
            out.append((via, *told, connection, node.value.replace(":", "")))
    return out


def wanted_payload(records: list[Any]) -> list[tuple[Any, ...]]:
    """The same, of records; payload of no bytes is no field."""
    return [
        (one["via"], one["encoding"], one["announced_by"], one["connect_id"], one["data"])
        for one in records
        if one["kind"] == "data" and one["data"]
    ]


def findings(found: list[Packet]) -> list[tuple[Any, ...]]:
    """All findings but those of marks."""
    out = []
    for packet in found:
        for node in packet.all("atshark.finding"):
            told = {one.key.removeprefix("atshark.finding."): one.value for one in node.below}
            if packet.kind != "mark":
                time = _clock(told["time"]) if "time" in told else packet.time_ns
                out.append(
                    (node.value, *(told.get(key) for key in ("severity", "text", "text_zh", "reference", "side")), time)
                )
    return out


def wanted_findings(records: list[Any]) -> list[tuple[Any, ...]]:
    """The same, of records: the findings, and the causes that the summary tells."""
    causes = [cause for one in records if one["kind"] == "summary" for cause in one["causes"]]
    told = [to_builtins(as_finding(convert(cause, Cause))) for cause in causes]
    return [
        (one["rule"], one["severity"], printable(one["message"]), one.get("message_zh"), one["reference"] or None,
         one["side"], one["time_ns"])
        for one in [*records, *told]
        if one["kind"] == "finding" and not one["rule"].startswith("tap.")
    ]  # fmt: skip


def groups(found: list[Packet]) -> list[tuple[Any, ...]]:
    """Groups of lines: name, dialect, the names of their lines, whether the last came."""
    known: dict[tuple[str, str], list[Any]] = {}
    complete: dict[tuple[str, str], bool] = {}
    for packet in found:
        names = {
            id(group): node.value
            for node in packet.all("atshark.name")
            for group in packet.all("atshark.group", node.below)
        }
        for group in packet.all("atshark.group"):
            start = packet.one("atshark.group_start", group.below) or ""
            key = (group.value, start)
            name = names.get(id(group)) or packet.one("atshark.name")
            known.setdefault(key, [packet.one("atshark.group.dialect", group.below)]).append(name)
            complete[key] = packet.one("atshark.group.last", group.below) in ("1", "True")
    return [(key[0], lines[0], lines[1:], complete[key]) for key, lines in known.items()]


def wanted_groups(records: list[Any]) -> list[tuple[Any, ...]]:
    """The same, of records."""
    return [
        (one["name"], one["dialect"], [line["name"] for line in one["lines"]], one["complete"])
        for one in records
        if one["kind"] == "group"
    ]
