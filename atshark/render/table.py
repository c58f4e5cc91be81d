"""Records as CSV: one row each, the same columns for every kind."""

from __future__ import annotations

import csv
from typing import TextIO

import msgspec

from atshark.render.safe import cell
from decoder.events import Call, Data, Finding, Frame, Group, Position, Record, Socket, Summary, Transaction, Urc

COLUMNS = (
    "kind",
    "time_ns",
    "side",
    "name",
    "form",
    "dialect",
    "result",
    "error_code",
    "error_text",
    "latency_ns",
    "connect_id",
    "params",
    "raw",
    "data",
    "rule",
    "severity",
    "message",
    "channel",
)


class Writer:
    """Write records as CSV rows to a text stream, after a header row."""

    def __init__(self, stream: TextIO) -> None:
        self._rows = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        self._rows.writeheader()

    def write(self, record: Record) -> None:
        """Write one record. Cells that a spreadsheet would run as a formula are given a quote; none has controls."""
        row = {"kind": record.__struct_config__.tag, "time_ns": record.time_ns, "side": record.side, **_cells(record)}
        if isinstance(channel := getattr(record, "channel", None), int):
            row["channel"] = channel
        self._rows.writerow({name: cell(value) for name, value in row.items()})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _cells(record: Record) -> dict[str, object]:
    if isinstance(record, Transaction):
        error = record.result.error if record.result else None
        return {
            "name": record.name,
            "form": record.form,
            "dialect": record.dialect,
            "params": _json(record.params),
            "result": record.result.code if record.result else None,
            "error_code": error.code if error else None,
            "error_text": error.text if error else None,
            "latency_ns": record.latency_ns,
            "raw": record.raw,
            "connect_id": record.params.get("connect_id"),
        }
    if isinstance(record, Urc):
        return {
            "name": record.name,
            "dialect": record.dialect,
            "params": _json(record.params),
            "raw": record.raw,
            "connect_id": record.params.get("connect_id"),
        }
    if isinstance(record, Data):
        return {"name": record.announced_by, "form": record.via, "connect_id": record.connect_id, "data": record.data}
    if isinstance(record, Socket):
        return {
            "name": record.change,
            "connect_id": record.connect_id,
            "message": record.because,
            "params": _json(record.flow),
            "form": record.flow.transport,
        }
    if isinstance(record, Call):
        return {
            "name": record.number,
            "form": record.direction,
            "message": record.ended,
            "raw": record.because,
            "latency_ns": record.answered_after_ns,
        }
    if isinstance(record, Position):
        place = f"{record.latitude}, {record.longitude}" if record.latitude is not None else None
        said = {
            key: getattr(record, key) for key in ("altitude_m", "time_iso", "satellites", "accuracy_m", "speed_kmh")
        }
        return {"name": place, "form": record.fix, "message": record.by, "raw": record.because, "params": _json(said)}
    if isinstance(record, Frame):
        return {
            "name": record.protocol,
            "form": record.origin,
            "connect_id": record.connect_id,
            "params": _json(record.fields),
            "message": record.text,
        }
    if isinstance(record, Group):
        lines = _json([line.raw for line in record.lines])
        return {"name": record.name, "dialect": record.dialect, "raw": lines, "message": record.text}
    if isinstance(record, Summary):
        return {"params": _json(record.unknown), "message": ", ".join(use.dialect for use in record.dialects)}
    assert isinstance(record, Finding)
    return {"rule": record.rule, "severity": record.severity, "message": record.message}
