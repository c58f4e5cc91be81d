"""Where a dataset lies: a folder, or an object store, by way of fsspec."""

from __future__ import annotations

import os
import uuid
from typing import Any

from fsspec.core import url_to_fs

from capture.errors import AtsharkError


class Store:
    """The files of a dataset. Each appears whole or not at all."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._fs, self._root = url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise AtsharkError(f"{url}: cannot be opened: {error}") from error
        self._partial: dict[str, str] = {}

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine."""
        protocol = self._fs.protocol
        return "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def path(self, name: str) -> str:
        """Return the full path of a file of the dataset, as its file system calls it."""
        return f"{self._root.rstrip('/')}/{name}"

    def create(self, name: str) -> Any:
        """Open a file for writing. On a folder it gets its name with :meth:`commit`; an object appears when closed."""
        path = self.path(name)
        if self.local:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            partial = f"{os.path.dirname(path)}/.{os.path.basename(path)}.{uuid.uuid4().hex}"
            self._partial[name] = partial
            return open(partial, "wb")
        return self._fs.open(path, "wb")

    def commit(self, name: str) -> None:
        """Give a closed file its name."""
        partial = self._partial.pop(name, None)
        if partial is not None:
            os.replace(partial, self.path(name))

    def discard(self) -> None:
        """Remove what was begun and not committed."""
        for partial in self._partial.values():
            if os.path.exists(partial):
                os.unlink(partial)
        self._partial.clear()

    def parts(self, table: str) -> set[str]:
        """Return the names of the parts that a table has."""
        folder = self.path(table)
        if not self._fs.exists(folder):
            return set()
        names = (str(path).rsplit("/", 1)[-1] for path in self._fs.ls(folder, detail=False, refresh=True))
        return {name.removesuffix(".parquet") for name in names if name.endswith(".parquet") and name[0] != "."}

    def leftovers(self) -> None:
        """Remove what an interrupted run left half written in a folder."""
        if not self.local or not os.path.isdir(self._root):
            return
        for folder, _, names in os.walk(self._root):
            for name in names:
                if name.startswith(".") and ".parquet." in name:
                    os.unlink(os.path.join(folder, name))

    def remove(self, table: str, part: str) -> None:
        """Remove a part of a table, if it has it."""
        path = self.path(f"{table}/{part}.parquet")
        if self._fs.exists(path):
            self._fs.rm(path)

    def open(self, name: str) -> Any:
        """Open a file for reading."""
        return self._fs.open(self.path(name), "rb")

    @property
    def filesystem(self) -> Any:
        """The fsspec file system."""
        return self._fs
