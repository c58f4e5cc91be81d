"""Files and certificates that go into the module or come out of it: put together, and checked as far as it tells.

Which payload is a file stands in the dialects (``file``). A file comes whole with one command, in parts that a handle,
an offset, or the rest that is still to come holds together, or as a text in a command. What the module says of it then
(its checksum) is compared with what crossed the line.

Source: the makers' file and certificate commands; RFC 7468 for what PEM says of its contents.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Mapping

import msgspec

from capture.chunk import Side
from decoder.catalog.conditions import applies
from decoder.catalog.effects import FileSpec
from decoder.effects import Answered, Carried, Ended, Restarted
from decoder.events import File, FileKind, Params
from decoder.followers.follower import Follower, Hear, Seat
from decoder.rules import found

MAX_FILE = 64 << 20
_MAX_OPEN = 64
"""Files, and handles, that are kept in mind at a time."""
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----")
_SIDES: tuple[Side, ...] = ("mcu", "module")
Key = tuple[Side, str]


class _Transfer(msgspec.Struct):
    """A file of which something has come.

    ``announced``: its size in bytes, where a line told; ``whole``: not in parts; ``exact``: its bytes are known.
    """

    side: Side
    name: str
    kind: FileKind
    whole: bool
    exact: bool
    announced: int | None = None
    parts: list[bytes] = []
    size: int = 0
    time_ns: int | None = None


class Files(Follower):
    """Follows files."""

    effects = frozenset(["file"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._open: dict[Key, _Transfer] = {}
        self._names: dict[object, str] = {}
        """What the handles stand for."""
        self._asked: Params = {}
        """What the command said, of which an answer carries a part."""
        self._told = ""
        """The checksum in an answer to the newest command."""

    def hears(self) -> Mapping[type, Hear]:
        """Commands that carry files, their answers and results."""
        return {
            Answered: self._answered,
            Carried: self._carried,
            Ended: self._ended,
            Restarted: lambda event: self.finish(event.time_ns),
        }

    def finish(self, last_ns: int | None) -> None:
        """The session is over, or the module restarted."""
        for key, one in [*self._open.items()]:
            self._over(key, None if not one.whole else "cut")
        self._names.clear()

    def _answered(self, event: Answered) -> None:
        command = event.issued.command
        if command is not None and command.file is not None:
            self._asked = event.issued.params
            self._told = str(event.message.params.get(command.file.checksum, self._told))

    def _carried(self, event: Carried) -> None:
        spec = event.command.file if event.command is not None else None
        if spec is None or spec.does != "carries":
            return
        data = event.data
        params = {**self._asked, **event.params} if data.via == "answer" else event.params
        key, name = self._key(spec, data.side, params)
        before = self._open.get(key)
        begins = spec.append and not applies(spec.append, params)
        offset = params.get(spec.offset)
        if before is not None and (begins or offset == 0 or before.size == before.announced):
            self._over(key, None)
        transfer = self._open.get(key)
        if transfer is None:
            if len(self._open) >= _MAX_OPEN:
                self._over(next(iter(self._open)), "cut")
            transfer = self._open[key] = _Transfer(data.side, name, spec.kind, not _in_parts(spec, params), True)
        announced = params.get(spec.size)
        if isinstance(announced, int) and transfer.whole:
            transfer.announced = announced
        transfer.time_ns = data.time_ns
        transfer.exact &= event.exact
        if transfer.size + len(event.raw) <= MAX_FILE:
            transfer.parts.append(event.raw)
            transfer.size += len(event.raw)

    def _ended(self, event: Ended) -> None:
        """A command got its result."""
        issued = event.issued
        spec = issued.command.file if issued.command is not None else None
        told, self._told, self._asked = self._told, "", {}
        if spec is None:
            return
        params = issued.params
        if spec.does == "opens":
            if event.good and event.information:
                if len(self._names) >= _MAX_OPEN:
                    self._names.clear()
                self._names[event.information[0].params.get(spec.key)] = _named(spec, params)
            return
        if spec.does == "closes":
            for side in _SIDES:
                self._over(self._key(spec, side, params)[0], None)
            self._names.pop(params.get(spec.key), None)
            return
        if spec.content and spec.content in params:
            text = str(params[spec.content]).encode("utf-8", "surrogateescape")
            key, name = self._key(spec, "mcu", params)
            self._open[key] = _Transfer("mcu", name, spec.kind, True, True, None, [text], len(text), issued.time_ns)
        for side in _SIDES:
            key = self._key(spec, side, params)[0]
            transfer = self._open.get(key)
            if transfer is None:
                continue
            if not event.good:
                self._over(key, "refused", told=event.why)
            elif transfer.whole or params.get(spec.remaining) == 0:
                self._over(key, None, checksum=told, digest=spec.digest)

    def _key(self, spec: FileSpec, side: Side, params: Params) -> tuple[Key, str]:
        """Return what tells a file apart from others, and its name."""
        if spec.key:
            handle = params.get(spec.key)
            return (side, f"handle {handle}"), self._names.get(handle, f"handle {handle}")
        name = _named(spec, params)
        return (side, name), name

    def _over(self, key: Key, why: str | None, *, told: str = "", checksum: str = "", digest: str = "") -> None:
        """No more of a file comes; ``why`` it is not whole, if something says so."""
        one = self._open.pop(key, None)
        if one is None:
            return
        data = b"".join(one.parts)
        mine = _digest(digest, data) if checksum else ""
        agrees = bool(mine) and int(mine, 16) == _hexadecimal(checksum)
        values: dict[str, object] = {}
        if why is None and one.exact and one.announced is not None and one.announced != len(data):
            why, values = "size", {"announced": one.announced, "came": len(data)}
        elif why is None and mine and one.exact and not agrees:
            why, values = "checksum", {"announced": checksum, "came": mine}
        elif why == "refused":
            values = {"announced": told, "came": len(data)}
        elif why == "cut":
            values = {"announced": "?" if one.announced is None else one.announced, "came": len(data)}
        kind = _kind(data) or one.kind
        about = {"name": one.name, "kind": kind, "size": len(data), "side": one.side}
        if why is not None:
            finding = found("file.damaged", one.time_ns, one.side, {**about, **values, "why": why})
        else:
            finding = found("file.whole", one.time_ns, one.side, {**about, "check": "agrees" if agrees else "none"})
        problems = () if why is None else (finding.message,)
        self._out.append(File(one.time_ns, one.side, one.name, kind, data, agrees and why is None, problems))
        self._out.append(finding)


def _named(spec: FileSpec, params: Params) -> str:
    """Return the name of a file: what of its parameters is given."""
    said = [str(params[name]).strip('"') for name in spec.name.split() if params.get(name) not in (None, "")]
    return " ".join(said) or "unnamed"


def _in_parts(spec: FileSpec, params: Params) -> bool:
    return bool(spec.key or spec.offset in params or spec.remaining in params or spec.append)


def _kind(data: bytes) -> FileKind | None:
    """Tell what a file holds by what its PEM says."""
    labels = [match[1] for match in _PEM.finditer(data)]
    if any(label.endswith(b"PRIVATE KEY") for label in labels):
        return "private key"
    return "certificate" if labels else None


def _digest(how: str, data: bytes) -> str:
    """Return the checksum of a file as modules make it, in hex; empty where nobody can tell."""
    if how == "xor16":
        padded = data + b"\0" * (len(data) % 2)
        high = _xor(padded[::2])
        return f"{high << 8 | _xor(padded[1::2]):04x}"
    if how == "md5":
        pem = [*_PEM.finditer(data)]
        if len(pem) > 1:
            return ""
        try:
            plain = binascii.a2b_base64(pem[0][2]) if pem else data
        except binascii.Error:
            return ""
        return hashlib.md5(plain, usedforsecurity=False).hexdigest()
    return ""


def _xor(data: bytes) -> int:
    """Return all bytes combined by exclusive or: halves of them at a time."""
    number, size = int.from_bytes(data, "big"), len(data)
    while size > 1:
        half = (size + 1) // 2
        number = number >> 8 * half ^ number & (1 << 8 * half) - 1
        size = half
    return number


def _hexadecimal(text: str) -> int | None:
    try:
        return int(text.strip().strip('"'), 16)
    except ValueError:
        return None
