"""Checked dialect files, kept: reading TOML and checking it costs far more than reading what came out of it.

Strategy: one file in the user's folder for caches holds, for each dialect file, its size, its time of change, and what
it said when it was checked. An entry counts only while these are the same and the schema is: whoever edits a dialect,
or updates atshark, gets it read anew. A cache that is missing, damaged or cannot be written costs time, nothing else.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

from decoder.catalog.spec import DialectFile

_NAME = "dialects.msgpack"
_MAX_SIZE = 64 << 20
_MAX_ENTRIES = 256


class _Entry(msgspec.Struct, array_like=True):
    """What a dialect file was, and said."""

    mtime_ns: int
    size: int
    file: msgspec.Raw


class _Kept(msgspec.Struct, array_like=True):
    """The whole cache. ``schema``: by which schema its entries were checked."""

    schema: str
    entries: dict[str, _Entry]


def folder() -> Path:
    """Return the folder of the cache (it need not exist)."""
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "atshark"


@cache
def _schema() -> str:
    """Tell by which schema files are checked: the sources that it stands in, by size and time of change."""
    here = Path(__file__).parent
    names = ("spec.py", "effects.py", "lint.py", "words.py", "conditions.py")
    return " ".join(f"{found.st_size}.{found.st_mtime_ns}" for found in [(here / name).stat() for name in names])


class Cache:
    """The checked files of one run. :meth:`file` reads, :meth:`save` writes what was new."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._changed = False
        with contextlib.suppress(OSError, RuntimeError, msgspec.DecodeError):
            path = folder() / _NAME
            if path.stat().st_size <= _MAX_SIZE:
                kept = msgspec.msgpack.decode(path.read_bytes(), type=_Kept)
                self._entries = kept.entries if kept.schema == _schema() else {}

    def file(self, path: Path, read: Callable[[], DialectFile]) -> DialectFile:
        """Return what the dialect file ``path`` says; ``read`` reads and checks it, if nobody did since it changed."""
        try:
            found = path.stat()
        except OSError:
            return read()
        key, entry = str(path.absolute()), self._entries.get(str(path.absolute()))
        if entry is not None and (entry.mtime_ns, entry.size) == (found.st_mtime_ns, found.st_size):
            with contextlib.suppress(msgspec.DecodeError):
                return msgspec.msgpack.decode(entry.file, type=DialectFile)
        file = read()
        self._entries[key] = _Entry(found.st_mtime_ns, found.st_size, msgspec.Raw(msgspec.msgpack.encode(file)))
        self._changed = True
        return file

    def save(self) -> None:
        """Write the cache, if anything in it is new."""
        if not self._changed:
            return
        entries = dict(list(self._entries.items())[-_MAX_ENTRIES:])
        with contextlib.suppress(OSError, RuntimeError):
            where = folder()
            where.mkdir(parents=True, exist_ok=True)
            part, name = tempfile.mkstemp(dir=where, prefix=_NAME)
            try:
                with os.fdopen(part, "wb") as out:
                    out.write(msgspec.msgpack.encode(_Kept(_schema(), entries)))
                Path(name).replace(where / _NAME)
            except OSError:
                Path(name).unlink(missing_ok=True)
