"""Inferred frames: what the module must have said on the network for a command whose protocol stack is inside it.

Strategy: the dialect says of commands and URCs which frame each stands for, and which parameters are its fields.
Builders, one module a protocol, make the frame from what is known; what the line does not show is named, never
passed off as observed. A frame whose packet id only a later line tells waits for that line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from construct import ConstructError

from capture.chunk import Side
from decoder.catalog.conditions import applies
from decoder.catalog.effects import InferSpec, KeepsSpec
from decoder.effects import Answered, Carried, Ended, Reported, Restarted
from decoder.events import Frame, Params
from decoder.followers.follower import Follower, Hear, Seat
from decoder.followers.inferred import coap, http, lwm2m, mqtt
from decoder.followers.inferred.builder import Builder, Fields, Made
from decoder.protocols.frames.errors import NotThisFormatError

BUILDERS: dict[str, Builder] = {**mqtt.BUILDERS, **coap.BUILDERS, **http.BUILDERS, **lwm2m.BUILDERS}
MAX_SETTINGS = 256
MAX_HELD = 64
_MAX_PAYLOADS = 32


class _Waiting(NamedTuple):
    """A frame that waits for a parameter, or for payload. ``about``: what stands for it on the line."""

    spec: InferSpec
    time_ns: int | None
    params: Params
    about: str
    side: Side


class Inferred(Follower):
    """Makes the inferred frames of a session."""

    effects = frozenset(["infer", "keeps"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._settings: Params = {}
        self._memory: dict[str, Any] = {}
        self._payloads: dict[tuple[Side, str], bytes] = {}
        """The last payload of each side for each name: most of it nobody asks for."""
        self._held: dict[int, list[_Waiting]] = {}
        """By the number of its command, what waits for a later line."""
        self._awaits_data: dict[str, list[_Waiting]] = {}

    def hears(self) -> Mapping[type, Hear]:
        """Commands and URCs that stand for frames, and payload."""
        return {
            Ended: self._ended,
            Answered: self._answered,
            Reported: self._reported,
            Carried: self._carried,
            Restarted: self._restarted,
        }

    # what lines say

    def _carried(self, event: Carried) -> None:
        """Take notice of payload; a URC may have waited for it."""
        if event.kind in ("stream", "link"):
            return
        data = event.data
        if len(self._payloads) >= _MAX_PAYLOADS:
            self._payloads.clear()
        self._payloads[data.side, data.announced_by] = event.raw
        for waiting in self._awaits_data.pop(data.announced_by, []) if data.side == "module" else ():
            self._make(waiting._replace(time_ns=data.time_ns), event.raw)

    def _ended(self, event: Ended) -> None:
        """A command got its OK."""
        issued = event.issued
        spec = issued.command.infer if issued.command is not None and event.good else None
        if spec is None or issued.form not in ("set", "exec"):
            return
        params = dict(issued.params)
        for information in event.information:
            params |= {name: value for name, value in information.params.items() if name not in params}
        self._keep(spec.keeps, params, spec.name)
        for one in spec.infer:
            if not applies(one.when, params):
                continue
            side = one.side or "mcu"
            waiting = _Waiting(one, issued.time_ns if side == "mcu" else event.time_ns, params, issued.raw, side)
            data = self._last_payload(side, spec.name)
            if one.needs and one.needs not in params:
                self._hold(issued.number, waiting._replace(params={**params, "@data": data}))
            else:
                self._make(waiting, data)
        self._payloads.pop(("mcu", spec.name), None)
        self._payloads.pop(("module", spec.name), None)

    def _answered(self, event: Answered) -> None:
        """A later line belongs to a command: frames that waited for what it tells are complete."""
        if not event.late:
            return
        issued = event.issued
        data = self._last_payload("mcu", issued.name)
        for waiting in self._held.pop(issued.number, []):
            self._make(waiting._replace(params={**event.message.params, **waiting.params}), data)
        self._payloads.pop(("mcu", issued.name), None)

    def _reported(self, event: Reported) -> None:
        """A URC came."""
        message = event.message
        spec = event.urc.infer if event.urc is not None else None
        if spec is None:
            return
        own = event.issued.params if event.issued is not None else {}
        merged = {**own, **message.params}
        for one in spec.infer:
            if not applies(one.when, merged):
                continue
            waiting = _Waiting(one, message.time_ns, merged, message.text, one.side or "module")
            if spec.raw_after_ok is not None and "@data" in one.fields.values():
                self._awaits_data.setdefault(spec.name, []).append(waiting)
                del self._awaits_data[spec.name][:-_MAX_PAYLOADS]
            else:
                self._make(waiting, self._last_payload("module", message.data.announced_by) if message.data else b"")

    def _restarted(self, _event: Restarted) -> None:
        """The module restarted: what it knew is gone."""
        self.finish(None)
        self._settings.clear()
        self._memory.clear()
        self._payloads.clear()
        self._awaits_data.clear()

    def finish(self, last_ns: int | None) -> None:
        """Make what still waits, without what it waited for."""
        for key in list(self._held):
            for waiting in self._held.pop(key):
                self._make(waiting, b"")

    # frames

    def _last_payload(self, side: Side, name: str) -> bytes:
        return self._payloads.get((side, name), b"")

    def _hold(self, number: int, waiting: _Waiting) -> None:
        if len(self._held) >= MAX_HELD:
            for one in self._held.pop(next(iter(self._held))):
                self._make(one, b"")
        self._held.setdefault(number, []).append(waiting)

    def _keep(self, spec: KeepsSpec | None, params: Params, name: str) -> None:
        if spec is None:
            return
        if len(self._settings) > MAX_SETTINGS:
            self._settings.clear()
        for setting, parameter in spec.values.items():
            value = self._last_payload("mcu", name) or None if parameter == "@data" else params.get(parameter)
            if value is not None:
                self._settings[setting] = value
        if spec.tags:
            tag_name, value_name = spec.tags
            for suffix in ("", "2", "3", "4"):
                tag, value = params.get(tag_name + suffix), params.get(value_name + suffix)
                if tag is not None and value is not None:
                    self._settings[str(tag).lower()] = value

    def _make(self, waiting: _Waiting, data: bytes) -> None:
        fields: Params = {}
        for name, source in waiting.spec.fields.items():
            if isinstance(source, str) and not source.startswith(("@", "=")):
                value = waiting.params.get(source, self._settings.get(source))
            elif source == "@data":
                value = data or waiting.params.get("@data") or None
            else:
                value = source[1:] if isinstance(source, str) else source
            if value is not None:
                fields[name] = value
        try:
            made = BUILDERS[waiting.spec.frame](Fields(fields), waiting.side, self._memory)
        except (ConstructError, NotThisFormatError, ValueError, OverflowError, StopIteration, TypeError):
            return  # the line's parameters make no frame
        if made is not None:
            self._out.append(_frame(waiting, made))


def _frame(waiting: _Waiting, made: Made) -> Frame:
    fields = {**made.fields, "unknown": list(made.unknown)} if made.unknown else made.fields
    return Frame(
        waiting.time_ns, waiting.side, made.protocol, waiting.params.get("connect_id"), waiting.about, made.text,
        fields, "inferred", data=made.data.hex(),
    )  # fmt: skip
