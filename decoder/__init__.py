"""What bytes mean. The hot path may be compiled (`make fast`); the sources are the same, and must not be newer."""

from __future__ import annotations

import warnings
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path


def _stale() -> list[str]:
    """Name the modules whose source was changed after they were compiled in place."""
    out = []
    for compiled in Path(__file__).parent.glob("*" + EXTENSION_SUFFIXES[0]):
        source = compiled.with_name(compiled.name.partition(".")[0] + ".py")
        if source.exists() and source.stat().st_mtime > compiled.stat().st_mtime:
            out.append(source.name)
    return out


if _changed := _stale():
    _text = f"{', '.join(_changed)} changed since `make fast`: what runs is the old code. `make fast` or `make slow`."
    warnings.warn(_text, RuntimeWarning, stacklevel=2)
