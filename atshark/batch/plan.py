"""What is to be done: which inputs there are, which the dataset has already, and how the rest is dealt into parts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from atshark.batch.store import Store
from atshark.batch.tables import SCHEMAS, stored
from capture.errors import AtsharkError

LARGEST_PART, PART_BYTES = 256, 64 * 1024 * 1024
_PARTS = 64


class Input(NamedTuple):
    """A file to decode. ``version`` changes when its content does: its modification time, or what the store says."""

    path: str
    size: int
    version: str


class Part(NamedTuple):
    """Inputs that one worker decodes, and the name of what they become."""

    name: str
    inputs: tuple[Input, ...]


def inputs(paths: Iterable[str]) -> list[Input]:
    """Find the files of ``paths``: files, folders (all files in them), patterns, URLs of any kind fsspec knows.

    Raises :class:`AtsharkError` for a path where there is nothing.
    """
    found: dict[str, Input] = {}
    for path in paths:
        try:
            fs, root = url_to_fs(path)
            remote = "://" in path
            if any(mark in root for mark in "*?["):
                names = fs.glob(root, detail=True)
            elif fs.isdir(root):
                names = fs.find(root, detail=True)
            else:
                names = {root: fs.info(root)}
        except FileNotFoundError:
            names = {}
        except (OSError, ValueError, ImportError) as error:
            raise AtsharkError(f"{path}: cannot be read: {error}") from error
        files = {name: info for name, info in names.items() if info.get("type") == "file"}
        if not files:
            raise AtsharkError(f"{path}: there is no such file, and nothing matches")
        for name, info in files.items():
            full = fs.unstrip_protocol(name) if remote else os.path.relpath(name)
            version = info.get("mtime") or info.get("LastModified") or info.get("ETag") or info.get("created") or ""
            found[full] = Input(full, int(info.get("size") or 0), str(version))
    return [found[path] for path in sorted(found)]


def plan(wanted: list[Input], store: Store, again: bool = False) -> tuple[list[Part], int]:
    """Deal what is not in the dataset yet into parts. Return them, and how many inputs are in it already.

    Parts that no longer hold (interrupted, or with an input that has changed since) are removed from the dataset; their
    other inputs are done again. ``again``: do all inputs again.
    """
    store.leftovers()
    known = {(stored(one.path), one.size, one.version): one for one in wanted}
    paths = {stored(one.path) for one in wanted}
    whole = store.parts("files")
    for table in SCHEMAS:
        for part in store.parts(table) - whole:
            store.remove(table, part)
    done: set[str] = set()
    redo: set[Input] = set()
    for part in sorted(whole):
        rows = _rows(store, part)
        stale = [row for row in rows if row.path in paths and (again or tuple(row) not in known)]
        if stale or any(row.path in done for row in rows):
            for table in ("files", *(name for name in SCHEMAS if name != "files")):
                store.remove(table, part)
            redo.update(row for row in rows if row.path not in paths)
        else:
            done.update(row.path for row in rows)
    todo = sorted({one.path: one for one in (*redo, *wanted) if stored(one.path) not in done}.values())
    return deal(todo), len(paths & done)


def _rows(store: Store, part: str) -> list[Input]:
    """Read the inputs of a part.

    Whole and in this thread: a thread of Arrow's pool that holds a Python stream when the interpreter ends aborts it.
    """
    try:
        with store.open(f"files/{part}.parquet") as stream:
            file = pq.ParquetFile(pa.BufferReader(stream.read()), pre_buffer=False)
        columns = file.read(columns=["file", "size", "version"], use_threads=False).to_pydict()
    except (OSError, ValueError) as error:
        raise AtsharkError(f"{store.url}: its part {part} cannot be read: {error}") from error
    return [Input(*row) for row in zip(columns["file"], columns["size"], columns["version"], strict=True)]


def deal(todo: list[Input]) -> list[Part]:
    """Deal inputs into parts of bounded size, by their order: some 64 parts, more where they would get too large."""
    most = min(LARGEST_PART, max(1, -(-len(todo) // _PARTS)))
    parts: list[Part] = []
    taken: list[Input] = []
    size = 0
    for one in todo:
        if taken and (len(taken) >= most or size + one.size > PART_BYTES):
            parts.append(part_of(taken))
            taken, size = [], 0
        taken.append(one)
        size += one.size
    if taken:
        parts.append(part_of(taken))
    return parts


def part_of(taken: list[Input]) -> Part:
    """Make a part; its name follows from its inputs."""
    text = "\n".join(f"{one.path}\t{one.size}\t{one.version}" for one in taken)
    return Part(hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24], tuple(taken))
