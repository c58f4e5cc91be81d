"""Write what a session carried to files: payloads, streams, datagrams, bodies, firmware images, and an index of them.

Names come from the wire only in part, and only in letters that no file system minds; the index has them in full.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from atshark.render.safe import json
from capture.chunk import Side
from capture.errors import AtsharkError
from capture.outfile import output
from decoder.events import Body, Data, Event, File, Flow, Image, Segment

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_MAX_NAME = 60
_MAX_EXTENSION = 8
_EXTENSIONS = {
    "application/json": ".json",
    "application/senml+json": ".json",
    "application/cbor": ".cbor",
    "text/plain": ".txt",
    "application/senml+cbor": ".cbor",
    "text/html": ".html",
    "application/xml": ".xml",
    "image/png": ".png",
    "image/jpeg": ".jpg",
}
_DIRECTION: dict[Side, str] = {"mcu": "up", "module": "down"}


class Extracted(msgspec.Struct):
    """A file that was written: what it holds, where it came from, and whether something is wrong with it.

    ``checked``: the module told a checksum of it, and it is right.
    """

    file: str
    kind: str
    side: Side | None
    time_ns: int | None
    length: int
    md5: str
    name: str = ""
    flow: Flow | None = None
    complete: bool = True
    problems: tuple[str, ...] = ()
    checked: bool = False


class _Open(NamedTuple):
    entry: Extracted
    digest: hashlib._Hash


class Extractor:
    """Write files into ``folder``, which must be new or empty. Raises :class:`AtsharkError`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise AtsharkError(f"{folder}: is not empty; give a new folder to -d")
        except OSError as error:
            raise AtsharkError(f"{folder}: cannot be used: {error.strerror}") from error
        self._open: dict[str, _Open] = {}
        self._counts: dict[str, int] = {}
        self._bodies: dict[tuple[int, Side, int], str] = {}
        self._done: list[Extracted] = []

    def write(self, events: Iterable[Event]) -> None:
        """Write what of ``events`` carries data."""
        for event in events:
            if isinstance(event, Data):
                self._payload(event)
            elif isinstance(event, Segment):
                self._segment(event)
            elif isinstance(event, Body):
                self._body(event)
            elif isinstance(event, Image):
                self._image(event)
            elif isinstance(event, File):
                self._file(event)

    def finish(self) -> list[Extracted]:
        """Write the index and return it."""
        for file, one in self._open.items():
            one.entry.md5 = one.digest.hexdigest()
            if file in self._bodies.values():
                one.entry.complete = False
            self._done.append(one.entry)
        self._done.sort(key=lambda entry: entry.file)
        index = b"".join(json(entry) + b"\n" for entry in self._done)
        with output(self._folder / "index.jsonl", secret=True) as stream:
            stream.write(index)
        return self._done

    def _payload(self, data: Data) -> None:
        if data.via == "transparent":
            return
        where = "" if data.connect_id is None else f"-{_safe(str(data.connect_id))}"
        file = self._numbered("payloads", f"{_DIRECTION[data.side]}-{_safe(data.announced_by)}{where}", ".bin")
        entry = Extracted(file, "payload", data.side, data.time_ns, 0, "", data.announced_by)
        self._append(entry, bytes.fromhex(data.data), whole=True)

    def _segment(self, segment: Segment) -> None:
        flow, direction = segment.flow, _DIRECTION[segment.side]
        if flow.transport == "udp":
            file = self._numbered(f"datagrams/flow-{flow.number}", direction, ".bin")
            entry = Extracted(file, "datagram", segment.side, segment.time_ns, 0, "", flow=flow)
            self._append(entry, segment.data, whole=True)
        else:
            file = f"streams/flow-{flow.number}-{direction}.bin"
            self._append(Extracted(file, "stream", segment.side, segment.time_ns, 0, "", flow=flow), segment.data)

    def _body(self, body: Body) -> None:
        key = body.flow, body.side, body.number
        if key not in self._bodies:
            media = body.media.split(";")[0].split(" (")[0].strip().lower()
            name = f"flow-{body.flow}-{_DIRECTION[body.side]}-{body.protocol}-{_safe(body.name.split('?')[0])}"
            self._bodies[key] = self._numbered("bodies", name.rstrip("-"), _EXTENSIONS.get(media, ".bin"))
        file = self._bodies[key]
        self._append(Extracted(file, "body", body.side, body.time_ns, 0, "", body.name), body.data)
        if body.last:
            del self._bodies[key]
            self._close(file)

    def _image(self, image: Image) -> None:
        file = self._numbered("firmware", _safe(image.version), ".bin")
        entry = Extracted(file, "firmware", "module", image.time_ns, 0, "", image.version, problems=image.problems)
        entry.complete = not image.problems
        self._append(entry, image.data, whole=True)

    def _file(self, one: File) -> None:
        name, dot, end = one.name.rpartition(".")
        known = dot and 0 < len(end) <= _MAX_EXTENSION and end.isascii() and end.isalnum()
        extension = f".{end}" if known else ".bin" if one.kind == "file" else ".pem"
        file = self._numbered("files", f"{_DIRECTION[one.side]}-{_safe(name if known else one.name)}", extension)
        entry = Extracted(file, one.kind, one.side, one.time_ns, 0, "", one.name, problems=one.problems)
        entry.complete = not one.problems
        entry.checked = one.checked
        self._append(entry, one.data, whole=True)

    def _numbered(self, folder: str, name: str, extension: str) -> str:
        number = self._counts[folder] = self._counts.get(folder, 0) + 1
        return f"{folder}/{number:04}-{name}"[: _MAX_NAME + len(folder)] + extension

    def _append(self, entry: Extracted, data: bytes, *, whole: bool = False) -> None:
        path = self._folder / entry.file
        if entry.file not in self._open:
            self._open[entry.file] = _Open(entry, hashlib.md5(usedforsecurity=False))
        one = self._open[entry.file]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "ab", opener=_private) as stream:
                stream.write(data)
        except OSError as error:
            raise AtsharkError(f"{path}: cannot be written: {error.strerror}") from error
        one.digest.update(data)
        one.entry.length += len(data)
        if whole:
            self._close(entry.file)

    def _close(self, file: str) -> None:
        one = self._open.pop(file)
        one.entry.md5 = one.digest.hexdigest()
        self._done.append(one.entry)


def extract(events: Iterable[Event], folder: Path) -> list[Extracted]:
    """Write what ``events`` carry into ``folder``; return what was written. Raises :class:`AtsharkError`."""
    extractor = Extractor(folder)
    extractor.write(events)
    return extractor.finish()


def _private(path: str, flags: int) -> int:
    """Open a file for its owner only, and no link to another."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _safe(name: str) -> str:
    return _UNSAFE.sub("-", name).strip("-")[:_MAX_NAME] or "unnamed"
