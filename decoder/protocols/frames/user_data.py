"""User data of messages: the header in front, and the text or bytes behind it, of one message or of its parts.

Sources: 3GPP TS 23.040 9.2.3.16 (length), 9.2.3.24 (header and its elements); TS 23.038 6.1.2 (fill bits, alphabets).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from decoder.protocols.frames import gsm7
from decoder.protocols.frames.dcs import Coding, waiting_of

_CONCATENATED_8, _CONCATENATED_16 = 0x00, 0x08
_WAITING = 0x01
_PORTS_8, _PORTS_16 = 0x04, 0x05
_SINGLE_SHIFT, _LOCKING_SHIFT = 0x24, 0x25
_SERVICES = {
    2948: "wap-push", 2949: "wap-push-secure", 9200: "wap-wsp", 9201: "wap-wsp-wtp", 9202: "wap-wsp-s",
    9203: "wap-wsp-wtp-s", 9204: "wap-vcard", 9205: "wap-vcal", 9206: "wap-vcard-s", 9207: "wap-vcal-s",
}  # fmt: skip
"""Ports that the IANA registered for what goes over messages too."""


class UserData(NamedTuple):
    """User data, taken apart.

    ``elements`` of the header: number and value each. ``values``: septets of the default alphabet, one a byte, or
    octets; ``size`` of them were announced behind the header. ``skip`` is where they begin, in bits.
    """

    coding: Coding
    header: bytes
    elements: tuple[tuple[int, bytes], ...]
    whole: bool
    """Whether the elements fill the header exactly."""
    values: bytes
    size: int
    skip: int
    missing: int
    """Octets that were announced and are not there."""
    extra: int
    """Octets behind the end."""

    @property
    def is_septets(self) -> bool:
        """Whether the values are septets."""
        return self.coding.name == "gsm7"

    @property
    def tables(self) -> tuple[int, int]:
        """The languages of the locking and the single shift table, 0 for the default."""
        shifts = {name: value[0] for name, value in self.elements if len(value) == 1}
        return shifts.get(_LOCKING_SHIFT, 0), shifts.get(_SINGLE_SHIFT, 0)

    @property
    def part(self) -> dict[str, int] | None:
        """Which part of a message it is: ``ref``, ``number``, ``of``; None if it is no part, or says nonsense."""
        parts = [part for name, value in self.elements if (part := _part(name, value)) is not None]
        return parts[-1] if parts else None

    def fields(self) -> dict[str, Any]:
        """Return what records say of it: what the header says, then ``text``, or ``data`` in hex."""
        out = _of_elements(self.elements)
        if self.part is not None:
            out["part"] = self.part
        if not self.whole:
            out["header"] = self.header.hex()
        out |= said([self])
        for name in ("missing", "extra"):
            if count := getattr(self, name):
                out[name] = count
        return out


def read(coding: Coding, size: int, data: bytes, *, header: bool) -> UserData:
    """Take user data apart. ``size``: as announced, in septets or octets; ``header``: whether it begins with one."""
    head = data[1 : 1 + data[0]] if header and data else b""
    octets = 1 + data[0] if header and data else 0
    elements, whole = _elements(head)
    whole = whole and len(head) == max(0, octets - 1)
    if coding.name == "gsm7":
        used = -(-octets * 8 // 7)
        count, needed = max(0, size - used), -(-size * 7 // 8)
        values, skip = bytes(gsm7.septets(data[:needed], count, used * 7)) if count else b"", used * 7
    else:
        count, needed = max(0, size - octets), size
        values, skip = data[octets:size], octets * 8
    missing, extra = max(0, needed - len(data)), max(0, len(data) - needed)
    return UserData(coding, head, elements, whole, values, count, skip, missing, extra)


def said(parts: Sequence[UserData]) -> dict[str, Any]:
    """Return what parts of a message say together: ``text``, or ``data`` in hex if they are not all text.

    Characters may be cut by the end of a part: those of parts of the same coding are put together before they are read.
    """
    first = parts[0]
    if all(one.coding.name == first.coding.name and one.tables == first.tables for one in parts):
        together = b"".join(one.values for one in parts)
        if first.is_septets:
            return {"text": gsm7.text_of(list(together), *first.tables)}
        if first.coding.name == "ucs2":
            return {"text": together.decode("utf-16-be", "replace")}
        return {"data": together.hex()}
    each = [said([one]) for one in parts]
    if all("text" in one for one in each):
        return {"text": "".join(one["text"] for one in each)}
    return {"data": b"".join(one.values for one in parts).hex()}


def _elements(head: bytes) -> tuple[tuple[tuple[int, bytes], ...], bool]:
    """Take a header apart; tell whether its elements fill it."""
    out, at = [], 0
    while at + 2 <= len(head) and at + 2 + head[at + 1] <= len(head):
        end = at + 2 + head[at + 1]
        out.append((head[at], head[at + 2 : end]))
        at = end
    return tuple(out), at == len(head)


def _of_elements(elements: Iterable[tuple[int, bytes]]) -> dict[str, Any]:
    """Return what the elements of a header say; those that are not known stand in ``elements``, in hex."""
    out: dict[str, Any] = {}
    others = []
    for name, value in elements:
        size = {_PORTS_8: 1, _PORTS_16: 2}.get(name)
        if size is not None and len(value) == 2 * size:
            out["port"], out["port_from"] = (int.from_bytes(value[at : at + size], "big") for at in (0, size))
            if out["port"] in _SERVICES:
                out["service"] = _SERVICES[out["port"]]
        elif name in (_SINGLE_SHIFT, _LOCKING_SHIFT) and len(value) == 1:
            known = gsm7.LANGUAGES.get(value[0])
            out["single_shift" if name == _SINGLE_SHIFT else "locking_shift"] = known.name if known else value[0]
        elif name == _WAITING and len(value) == 2:
            kind, count = value[0] & 0x7F, value[1]
            waiting = waiting_of(kind if kind < 4 else 3, active=count > 0, stored=bool(value[0] & 0x80))
            out["waiting"] = {**waiting, "count": count}
        elif _part(name, value) is None:
            others.append({"id": name, "data": value.hex()})
    if others:
        out["elements"] = others
    return out


def _part(name: int, value: bytes) -> dict[str, int] | None:
    """Return which part of a message an element says that it is; None if it says no such thing, or nonsense."""
    size = {_CONCATENATED_8: 1, _CONCATENATED_16: 2}.get(name)
    if size is None or len(value) != size + 2 or not 1 <= value[-1] <= value[-2]:
        return None
    return {"ref": int.from_bytes(value[:size], "big"), "number": value[-1], "of": value[-2]}
