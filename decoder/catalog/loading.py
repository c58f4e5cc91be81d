"""Finding and loading dialect files: those that come with atshark, and the user's own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from capture.errors import AtsharkError
from decoder.catalog import lint
from decoder.catalog.cache import Cache
from decoder.catalog.compiled import Dialect
from decoder.catalog.lookup import Catalog
from decoder.catalog.spec import DialectFile


def names() -> list[str]:
    """List the dialects that come with atshark."""
    folder = resources.files("decoder.catalog.dialects")
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def own_folder() -> Path:
    """Return the folder for the user's own dialect files (it need not exist)."""
    if os.name == "nt":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "atshark" / "dialects"


def own_files() -> dict[str, Path]:
    """List the user's own dialect files by name."""
    return {path.stem: path for path in sorted(own_folder().glob("*.toml"))}


def _read(path: Path) -> DialectFile:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise AtsharkError(f"{path}: the dialect file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AtsharkError(f"{path}: the dialect file is not UTF-8 text") from error
    return lint.load(text, str(path))


def _load(name: str, own: dict[str, Path], kept: Cache) -> Dialect:
    if name in own:
        name = str(own[name])
    if os.sep in name or name.endswith(".toml"):
        path = Path(name)
        return Dialect(kept.file(path, lambda: _read(path)))
    if name not in names():
        known = ", ".join([*own, *names()])
        raise AtsharkError(f"no dialect is called {name!r}; known: {known}, or give a TOML file")
    file = resources.files("decoder.catalog.dialects") / f"{name}.toml"
    if isinstance(file, Path):
        return Dialect(kept.file(file, lambda: lint.load(file.read_text("utf-8"), f"{name}.toml")))
    return Dialect(lint.load(file.read_text("utf-8"), f"{name}.toml"))


def load(dialects: Iterable[str] = ()) -> Catalog:
    """Load dialects by name or file path, each with its base; without any, the user's own and the built-in ones.

    Of the user's own files one that is broken is left out, and told in ``problems``. Raises :class:`AtsharkError`.
    """
    loaded: dict[str, Dialect] = {}
    given, own, kept = list(dialects), own_files(), Cache()
    problems: list[str] = []
    chosen: list[str] = []
    queue = [*given] or [*own, *names()]
    for name in queue:
        try:
            dialect = _load(name, own, kept)
        except AtsharkError as error:
            if given or name not in own:
                raise
            problems.append(str(error))
            own.pop(name)
            continue
        if dialect.id in loaded:
            continue
        loaded[dialect.id] = dialect
        if name in given or (not given and name in own):
            chosen.append(dialect.id)
        base = dialect.file.dialect.base
        if base and base not in loaded:
            queue.append(base)
    kept.save()
    others = sorted(loaded.keys() - set(chosen), key=lambda one: (loaded[one].file.dialect.rank, one))
    return Catalog([loaded[one] for one in [*chosen, *others]], chosen if given else (), problems)
