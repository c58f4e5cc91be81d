"""LwM2M on OneMO modules: requests of the platform, reports, lifetimes (AT manual V4.4.0, chapters 3 and 4)."""

from __future__ import annotations

import re
from collections import deque

from capture.grammar import split_arguments
from decoder.events import Issued, Message, Params
from decoder.findings.raising import Raise

SECOND = 1_000_000_000
_QUICK = ("MIPLREADRSP", "MIPLWRITERSP", "MIPLEXECUTERSP")
_ANSWERS = (*_QUICK, "MIPLOBSERVERSP", "MIPLDISCOVERRSP", "MIPLPARAMETERRSP")
_REQUESTS = ("MIPLREAD", "MIPLWRITE", "MIPLEXECUTE", "MIPLOBSERVE", "MIPLDISCOVER", "MIPLPARAMETER")
_VALUE_AT = {"MIPLNOTIFY": 7, "MIPLREADRSP": 8}
"""Which argument is the value."""
_LARGEST = 1000
_ACKIDS = 32
_TOLERANCE_NS = 50_000_000
_PARAMETER = re.compile(r"(pmin|pmax|lt|gt|st)=(-?\d+(?:\.\d+)?)")


class Lwm2m:
    """Follows the life of a LwM2M device: creation, login, requests, reports, the end of its lifetime."""

    def __init__(self, raise_: Raise) -> None:
        self._raise = raise_
        self._requested = False
        self._logged_in_ns: int | None = None
        self._logged_in = False
        self._opened = False
        self._lifetime: int | None = None
        self._automatic = False
        self._observed: set[object] = set()
        self._told: set[object] = set()
        self._acks: deque[object] = deque(maxlen=_ACKIDS)
        self._sizes: dict[str, int] = {}
        self._index: dict[str, int | None] = {}

    def follows(self, one: Message) -> bool:
        """Whether a command line matters here: it is one of LwM2M, or a lifetime may end before it."""
        return self._logged_in or any(command.name.startswith("MIPL") for command in one.commands)

    def message(self, one: Message) -> None:
        """Look at a line."""
        if self._logged_in:
            self._clock(one)
        if one.kind == "command":
            for command in one.commands:
                if command.name.startswith("MIPL") and command.form == "set":
                    self._command(command, one)
        elif one.name is not None and one.name.startswith("MIPL") and one.kind in ("urc", "information"):
            self._line(one.name, one.params, one)

    def _command(self, command: Issued, one: Message) -> None:
        name, params = command.name, command.params
        if name in _ANSWERS:
            self._answer(command, one)
        if name in _VALUE_AT and "value" in params:
            self._value(command, one)
        if name == "MIPLNOTIFY":
            self._notify(params, one)
        elif name in ("MIPLOPEN", "MIPLUPDATE"):
            lifetime = params.get("lifetime")
            self._lifetime = lifetime if isinstance(lifetime, int) else None
            self._opened = True
            if self._automatic and isinstance(lifetime, int) and lifetime < 60:
                self._raise("lwm2m.updateset.short", one, lifetime=lifetime)
        elif name == "MIPLUPDATESET":
            self._automatic = params.get("enable") == 1
            if self._opened and self._automatic:
                self._raise("lwm2m.updateset.late", one)
        elif name in ("MIPLCLOSE", "MIPLDELETE"):
            self._logged_in = self._opened = False

    def _answer(self, command: Issued, one: Message) -> None:
        request = command.request
        if not hasattr(request, "latency_ns"):
            if self._requested or self._opened:
                self._raise("lwm2m.mid.unknown", one, name=command.name, mid=command.params.get("mid", "?"))
            return
        latency = getattr(request, "latency_ns", None)
        limit = 3 if command.name in _QUICK else 5
        if isinstance(latency, int) and latency > limit * SECOND + _TOLERANCE_NS:
            self._raise("lwm2m.answer.late", one, name=command.name, seconds=f"{latency / SECOND:.1f}", limit=limit)

    def _value(self, command: Issued, one: Message) -> None:
        params = command.params
        arguments = split_arguments(command.raw.partition("=")[2])
        at = _VALUE_AT[command.name]
        raw = arguments[at].strip() if len(arguments) > at else ""
        value, length, kind = str(params["value"]), params.get("len"), params.get("type")
        if kind == 1 and raw and raw[0] not in '"“”':
            self._raise("lwm2m.value.quotes", one, value=value)
        characters = len(raw.strip('"“”')) if raw else len(value)
        if isinstance(length, int) and length not in (characters, len(value.encode())) and length * 2 != characters:
            self._raise("lwm2m.value.length", one, name=command.name, length=length, value=value, real=characters)
        self._parts(command, one, length if isinstance(length, int) else characters)

    def _parts(self, command: Issued, one: Message, length: int) -> None:
        name, index, flag = command.name, command.params.get("index"), command.params.get("flag")
        if not isinstance(index, int) or not isinstance(flag, int):
            return
        before = self._index.get(name)
        last = flag == 0 or flag >= 0x200
        if (last and index != 0) or (before is not None and flag != 1 and index not in (before - 1, 0)):
            self._raise("lwm2m.parts", one, name=name, index=index, flag=flag)
        size = self._sizes.get(name, 0) + length
        self._sizes[name], self._index[name] = (0, None) if last else (size, index)
        if size > _LARGEST and (last or size - length <= _LARGEST):
            self._raise("lwm2m.too-long", one, name=name, size=size)

    def _notify(self, params: Params, one: Message) -> None:
        ackid, place = params.get("ackid"), (params.get("objid"), params.get("insid"))
        if ackid is not None and ackid in self._acks:
            self._raise("lwm2m.ackid.repeated", one, ackid=ackid)
        if ackid is not None:
            self._acks.append(ackid)
        seen = {place, (place[0], -1), (place[0], None)} & self._observed
        if self._opened and not seen and place not in self._told:
            self._told.add(place)
            self._raise("lwm2m.notify.early", one, objid=place[0], insid=place[1])

    def _line(self, name: str, params: Params, one: Message) -> None:
        if name in _REQUESTS and one.kind == "urc":
            self._requested = True
        if name == "MIPLOBSERVE" and params.get("observe_flag") != 0:
            self._observed.add((params.get("objid"), params.get("insid")))
        elif name == "MIPLDISCOVER":
            self._observed.add((params.get("objid"), None))
        elif name == "MIPLPARAMETER":
            self._attributes(str(params.get("para", "")), one)
        elif name == "MIPLEVENT":
            event = params.get("evtid")
            if event in (6, 11):
                self._logged_in, self._logged_in_ns = True, one.time_ns
            elif event in (7, 15, 31):
                self._logged_in = False
                if event != 7:
                    self._observed.clear()
                    self._told.clear()

    def _attributes(self, text: str, one: Message) -> None:
        values = {name: float(value) for name, value in _PARAMETER.findall(text)}
        wrong = []
        if values.get("pmin", 0) > values.get("pmax", float("inf")):
            wrong.append("pmin > pmax")
        if "lt" in values and "gt" in values and values["lt"] + 2 * max(0.0, values.get("st", 0)) >= values["gt"]:
            wrong.append("lt + 2·st >= gt")
        if values.get("st", 0) < 0 or values.get("pmin", 0) < 0:
            wrong.append("negative")
        if wrong:
            self._raise("lwm2m.attributes", one, text=text, why=", ".join(wrong))

    def _clock(self, one: Message) -> None:
        began, lifetime = self._logged_in_ns, self._lifetime
        if began is None or lifetime is None or lifetime < 10 or one.time_ns is None:
            return
        if one.time_ns - began > lifetime * SECOND:
            self._logged_in = False
            self._raise("lwm2m.lifetime.over", one, lifetime=lifetime)
