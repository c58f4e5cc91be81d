"""When the device was in which state: registered, logged in, connected, saving power."""

from __future__ import annotations

from typing import NamedTuple

from decoder.catalog import Catalog
from decoder.events import Event, Frame, Message, Socket

_REGISTERED = (1, 5)


class Span(NamedTuple):
    """A state that lasted from row ``first`` to row ``last`` (None: to the end), with the times in ns."""

    lane: str
    label: str
    first: int
    first_ns: int | None
    last: int | None = None
    last_ns: int | None = None


class States:
    """Follows the states of a session. ``row`` is the number of the record that an event belongs to."""

    def __init__(self, catalog: Catalog) -> None:
        self._role_of = catalog.role_of
        self._sleeps: dict[tuple[str | None, str | None], bool] = {
            (dialect.id, one.name): means.says == "bad"
            for dialect in catalog.dialects
            for one in dialect.file.urc
            for means in one.means
            if means.fact == "sleep" and not means.value and not means.when
        }
        """URCs that say that the module goes to sleep, or wakes up."""
        self.spans: list[Span] = []
        self._open: dict[tuple[str, object], Span] = {}

    def hear(self, event: Event, row: int) -> None:
        """Take the next event."""
        if isinstance(event, Message):
            self._message(event, row)
        elif isinstance(event, Socket):
            where = event.flow.remote or event.flow.remote_ip or "?"
            number = "" if event.connect_id is None else f"{event.connect_id}: "
            peer = f"{number}{where}:{event.flow.remote_port or '?'}"
            self._set("connection", event.flow.number, event.change == "opened", peer, row, event.time_ns)
            if event.change != "opened":
                self._set("mqtt", event.connect_id, False, "", row, event.time_ns)
        elif isinstance(event, Frame) and event.protocol == "cmux":
            self._channel(event, row)
        elif isinstance(event, Frame) and event.protocol == "mqtt":
            kind = event.fields.get("type")
            if kind == "CONNACK" and event.fields.get("code") == 0:
                self._set("mqtt", event.connect_id, True, "MQTT", row, event.time_ns)
            elif kind == "DISCONNECT":
                self._set("mqtt", event.connect_id, False, "", row, event.time_ns)

    def _channel(self, one: Frame, row: int) -> None:
        """Follow the channels of a multiplexed line; that of control is the multiplexer itself."""
        dlci, kind = one.fields["dlci"], one.fields["type"]
        ends = kind == "DISC" or any(said["name"] == "CLD" for said in one.fields.get("messages", ()))
        if ends and dlci == 0:
            for lane, key in [*self._open]:
                if lane == "channel":
                    self._set("channel", key, False, "", row, one.time_ns)
        elif kind in ("UA", "UIH", "UI", "DISC"):
            self._set("channel", dlci, not ends, f"channel {dlci}" if dlci else "CMUX", row, one.time_ns)

    def close(self) -> list[Span]:
        """Return all spans; those still open have no end."""
        return [*self.spans, *self._open.values()]

    def _message(self, one: Message, row: int) -> None:
        params, role = one.params, self._role_of.get(one.name or "")
        if role == "registration" and one.side == "module" and isinstance(params.get("stat"), int):
            self._set("registered", one.name, params["stat"] in _REGISTERED, f"+{one.name}", row, one.time_ns)
        elif role == "lwm2m.event" and params.get("evtid") in (6, 7, 15, 31):
            self._set("lwm2m", params.get("ref"), params["evtid"] == 6, "LwM2M", row, one.time_ns)
        elif role == "mqtt.disconnected" and one.kind == "urc":
            self._set("mqtt", None, False, "", row, one.time_ns)
        elif one.kind == "urc" and (sleeps := self._sleeps.get((one.dialect, one.name))) is not None:
            self._set("psm", None, sleeps, "PSM", row, one.time_ns)

    def _set(self, lane: str, key: object, on: bool, label: str, row: int, time_ns: int | None) -> None:
        open_span = self._open.pop((lane, key), None)
        if on:
            self._open[lane, key] = open_span or Span(lane, label, row, time_ns)
        elif open_span is not None:
            self.spans.append(open_span._replace(last=row, last_ns=time_ns))
