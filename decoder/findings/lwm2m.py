"""LwM2M on OneMO modules: requests of the platform, reports, lifetimes (AT manual V4.4.0, chapters 3 and 4)."""

from __future__ import annotations

import re
from collections import deque

from capture.grammar import split_arguments
from decoder.catalog import Catalog
from decoder.events import Issued, Message, Params
from decoder.findings.raising import Raise

SECOND = 1_000_000_000
_QUICK = ("lwm2m.read answer", "lwm2m.write answer", "lwm2m.execute answer")
_ANSWERS = (*_QUICK, "lwm2m.observe answer", "lwm2m.discover answer", "lwm2m.parameter answer")
_REQUESTS = ("lwm2m.read", "lwm2m.write", "lwm2m.execute", "lwm2m.observe", "lwm2m.discover", "lwm2m.parameter")
_VALUES = ("lwm2m.notify", "lwm2m.read answer")
"""Roles of lines: those that answer a request (three of them soon), requests, those that carry a value."""
_LARGEST = 1000
_ACKIDS = 32
_TOLERANCE_NS = 50_000_000
_PARAMETER = re.compile(r"(pmin|pmax|lt|gt|st)=(-?\d+(?:\.\d+)?)")


class Lwm2m:
    """Follows the life of a LwM2M device: creation, login, requests, reports, the end of its lifetime."""

    def __init__(self, raise_: Raise, catalog: Catalog) -> None:
        self._raise = raise_
        self._role_of = {name: role for name, role in catalog.role_of.items() if role.startswith("lwm2m.")}
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
        return self._logged_in or any(command.name in self._role_of for command in one.commands)

    def message(self, one: Message) -> None:
        """Look at a line."""
        if self._logged_in:
            self._clock(one)
        if one.kind == "command":
            for command in one.commands:
                if command.name in self._role_of and command.form == "set":
                    self._command(command, self._role_of[command.name], one)
        elif one.name in self._role_of and one.kind in ("urc", "information"):
            self._line(self._role_of[one.name], one.params, one)

    def names(self) -> frozenset[str]:
        """Return the names of the lines that matter here."""
        return frozenset(self._role_of)

    def _command(self, command: Issued, role: str, one: Message) -> None:
        params = command.params
        if role in _ANSWERS:
            self._answer(command, role, one)
        if role in _VALUES and "value" in params:
            self._value(command, one)
        if role == "lwm2m.notify":
            self._notify(params, one)
        elif role in ("lwm2m.open", "lwm2m.update"):
            lifetime = params.get("lifetime")
            self._lifetime = lifetime if isinstance(lifetime, int) else None
            self._opened = True
            if self._automatic and isinstance(lifetime, int) and lifetime < 60:
                self._raise("lwm2m.updateset.short", one, lifetime=lifetime)
        elif role == "lwm2m.update by itself":
            self._automatic = params.get("enable") == 1
            if self._opened and self._automatic:
                self._raise("lwm2m.updateset.late", one)
        elif role in ("lwm2m.close", "lwm2m.delete"):
            self._logged_in = self._opened = False

    def _answer(self, command: Issued, role: str, one: Message) -> None:
        request = command.request
        if not hasattr(request, "latency_ns"):
            if self._requested or self._opened:
                self._raise("lwm2m.mid.unknown", one, name=command.name, mid=command.params.get("mid", "?"))
            return
        latency = getattr(request, "latency_ns", None)
        limit = 3 if role in _QUICK else 5
        if isinstance(latency, int) and latency > limit * SECOND + _TOLERANCE_NS:
            self._raise("lwm2m.answer.late", one, name=command.name, seconds=f"{latency / SECOND:.1f}", limit=limit)

    def _value(self, command: Issued, one: Message) -> None:
        params = command.params
        arguments = split_arguments(command.raw.partition("=")[2])
        at = _place_of_value(command)
        raw = arguments[at].strip() if 0 <= at < len(arguments) else ""
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

    def _line(self, role: str, params: Params, one: Message) -> None:
        if role in _REQUESTS and one.kind == "urc":
            self._requested = True
        if role == "lwm2m.observe" and params.get("observe_flag") != 0:
            self._observed.add((params.get("objid"), params.get("insid")))
        elif role == "lwm2m.discover":
            self._observed.add((params.get("objid"), None))
        elif role == "lwm2m.parameter":
            self._attributes(str(params.get("para", "")), one)
        elif role == "lwm2m.event":
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


def _place_of_value(command: Issued) -> int:
    """Return which argument of a command is its value; -1 if none is."""
    for syntax in command.command.syntaxes if command.command is not None else ():
        names = [param.name for param in syntax.params]
        if "value" in names:
            return names.index("value")
    return -1
