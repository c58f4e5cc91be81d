"""Redact: pass a file on without what is secret in it, and with everything else as it was.

Strategy: the file is decoded, and its secrets are gathered (secrets.py). In what each wire said as a whole, secrets are
replaced in every encoding (spread.py), so that no cut between chunks hides one; checksums around them are made right
again. The result is decoded and searched before it is written: it must say the same, and hold no secret.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from atshark.redact.across import pieces
from atshark.redact.logs import redact_text, summed
from atshark.redact.mux import Streams
from atshark.redact.ppp import repaired
from atshark.redact.secrets import Options, secrets, summary
from atshark.redact.spread import Key, Substitutes
from atshark.sources import buffered, open_source, split_port, unpacked
from atshark.sources.logs import HEAD
from atshark.sources.logs.text import encoding_of
from capture import chunkfile, recording
from capture.chunk import Chunk, Side, WholeChunk, with_data
from capture.errors import AtsharkError
from decoder.catalog import Catalog
from decoder.decode import NO_STAGES, Decoder, run
from decoder.events import Event, Message, Transaction, Urc
from wireshark.export import export

MAX_SIZE = 256 << 20
"""Bytes of a file: it is held in memory, so that no cut hides a secret."""
_ATTEMPTS = 400
_TRIES = 4
"""A substitute may happen to be another secret, if that is short; others are tried then."""
Made = TypeVar("Made")
_SIDES: tuple[Side, Side] = ("mcu", "module")


class UntrustedError(AtsharkError):
    """A result holds a secret, or no longer says what the file said: by chance, or for good."""


class Redacted(NamedTuple):
    """The new file, how many secrets of each kind were in it, and what the reader of the old one has to say."""

    data: bytes
    kinds: Counter[str]
    notes: list[str]
    warnings: list[str]
    """What was wrong with the old file: cut, damaged."""


def redact(path: str, known: Catalog, options: Options = Options()) -> Redacted:  # noqa: B008 - a tuple
    """Return a file without its secrets.

    Raises :class:`AtsharkError` if it is unusable, too large, or the result is not to be trusted.
    """
    if path == "-":
        with tempfile.NamedTemporaryFile() as copy:
            copy.write(sys.stdin.buffer.read(MAX_SIZE + 1))
            copy.flush()
            done = redact(copy.name, known, options)
            return done._replace(notes=[note.replace(copy.name, "standard input") for note in done.notes])
    name, _ = split_port(path)
    if Path(name).is_file() and Path(name).stat().st_size > MAX_SIZE:
        raise AtsharkError(f"{path}: too large to redact: {MAX_SIZE >> 20} MiB are the limit; cut it into parts")
    with open_source(path) as source:
        chunks = list(source)
        form, notes, warnings = source.format, [*source.notes], source.warnings
    if not source.is_text:
        if form not in ("pcapng", "chunks"):
            notes.append("the result is a recording, and holds nothing but these two wires")
        return _binary(chunks, known, options, form)._replace(notes=notes, warnings=warnings)
    events = _decoded(chunks, known)
    if any(isinstance(one, Message) and one.kind == "mux" for one in events):
        raise AtsharkError(f"{path}: a log of a multiplexed line cannot be redacted: export it, and redact that")
    found = secrets(events, known, options)
    with open(path, "rb") as stream:
        head = stream.read(4)
        stream.seek(0)
        whole = unpacked(buffered(stream, path), path, []).read(MAX_SIZE + 1)
    if len(whole) > MAX_SIZE:
        raise AtsharkError(f"{path}: too large to redact: {MAX_SIZE >> 20} MiB are the limit; cut it into parts")
    if not whole.startswith(head):
        notes.append("the result is not compressed")
    try:
        data = _tried(lambda: _text(path, whole, events, found, known))
    except UntrustedError:
        parts = {**_on_several_lines(whole, found), **found}
        data = _tried(lambda: _text(path, whole, events, parts, known))
    return Redacted(data, summary(found), notes, warnings)


def _on_several_lines(whole: bytes, found: dict[Key, str]) -> dict[Key, str]:
    """Return what of the secrets stands on lines of its own, where a logger cut one."""
    text = whole.decode(encoding_of(whole[:HEAD]), "replace")
    return {piece: kind for key, kind in found.items() if isinstance(key, str) for piece in pieces(text, key)}


def _text(path: str, whole: bytes, events: list[Event], found: dict[Key, str], known: Catalog) -> bytes:
    data = redact_text(whole, Substitutes(found, os.urandom(16)))
    _judge(path, events, data, found, known)
    return data


def _tried(make: Callable[[], Made]) -> Made:
    """Make a result with substitutes by chance, and again if it is not to be trusted."""
    for _ in range(_TRIES - 1):
        try:
            return make()
        except UntrustedError:
            continue
    return make()


def _binary(chunks: list[Chunk], known: Catalog, options: Options, form: str) -> Redacted:
    events = _decoded(chunks, known)
    found = secrets(events, known, options)
    made = _tried(lambda: _wires(chunks, events, found, known))
    return Redacted(_file(made, form, known), summary(found), [], [])


def _wires(chunks: list[Chunk], events: list[Event], found: dict[Key, str], known: Catalog) -> list[Chunk]:
    for _ in range(_ATTEMPTS):
        made = _chunks(chunks, events, Substitutes(found, os.urandom(16)))
        if made is not None:
            _compare(events, made, known, found)
            return made
    raise AtsharkError("no substitute keeps the length of the PPP frames that hold secrets; nothing was written")


def _decoded(chunks: list[Chunk], known: Catalog) -> list[Event]:
    return list(run(chunks, known, NO_STAGES))


def _chunks(chunks: list[Chunk], events: list[Event], substitutes: Substitutes) -> list[Chunk] | None:
    """Replace in all that each wire said; None if a length could not be kept."""
    wires: dict[Side, bytes] = {}
    for side in _SIDES:
        made = Streams(events, side).changed(lambda whole: repaired(whole, summed(whole, substitutes.replace(whole))))
        if made is None:
            return None
        wires[side] = made
    at = dict.fromkeys(_SIDES, 0)
    out = []
    for chunk in chunks:
        start = at[chunk.side]
        at[chunk.side] = end = start + len(chunk.data)
        out.append(with_data(chunk, wires[chunk.side][start:end]))
    return out


def _file(chunks: list[Chunk], form: str, known: Catalog) -> bytes:
    out = io.BytesIO()
    if form == "chunks":
        chunkfile.write(chunks, out)
        return out.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "redacted.pcapng")
        if any(isinstance(chunk, WholeChunk) for chunk in chunks):
            export(chunks, Decoder(known), path)
        else:
            recording.record(chunks, path)
        return path.read_bytes()


def _judge(path: str, before: list[Event], data: bytes, found: dict[Key, str], known: Catalog) -> None:
    """Read the new log and compare it with the old one."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with open_source(file.name) as source:
            after = list(source)
    _compare(before, after, known, found)
    if Substitutes(found, b"check").holds(data):
        raise UntrustedError(f"{path}: a secret is still in the result; nothing was written")


def _compare(before: list[Event], after: list[Chunk], known: Catalog, found: dict[Key, str]) -> None:
    """The decode must be the same but for values, and no secret may be left."""
    decoded = _decoded(after, known)
    if _shape(before) != _shape(decoded):
        raise UntrustedError("redacting would change what the file says; nothing was written (please report this)")
    check = Substitutes(found, b"check")
    for side in _SIDES:
        if any(check.holds(stream) for stream in Streams(decoded, side).by_channel.values()):
            raise UntrustedError("a secret is still in the result; nothing was written (please report this)")


def _shape(events: list[Event]) -> list[Any]:
    """What a session says, without values: kinds, names, forms, results, lengths, times."""
    out: list[Any] = []
    for event in events:
        if isinstance(event, Message):
            out.append((event.kind, event.side, event.time_ns, len(event.raw), _masked(event.name)))
        elif isinstance(event, Transaction):
            code = event.result.code if event.result else None
            answers = len(event.information), len(event.urcs)
            out.append((_masked(event.name), event.form, sorted(event.params), code, *answers))
        elif isinstance(event, Urc):
            out.append((_masked(event.name), sorted(event.params)))
    return out


def _masked(name: str | None) -> str | None:
    """A name as it is; of a damaged line, which may hold anything, only its shape."""
    return name if name is None or re.fullmatch(r"\w+", name) else re.sub(r"\w", "x", name)


__all__ = ["Options", "Redacted", "redact"]
