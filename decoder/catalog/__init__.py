"""The catalog: which dialect knows a name, and what its parameters are.

Dialect files (spec.py is their shape, lint.py checks them, words.py reads their syntaxes) are compiled once into
look-up tables (compiled.py, inline.py) and looked up together (lookup.py). arguments.py reads the arguments of a line
by a syntax, choice.py decides which dialect a line means where several define its name.
"""

from __future__ import annotations

from decoder.catalog.arguments import FITS, Arguments, Fit, Param, Syntax, best, generic, slice_payload
from decoder.catalog.compiled import DEFAULT_TIMEOUT_S, Basic, Command, Dialect, UrcType
from decoder.catalog.inline import Inline
from decoder.catalog.loading import load, names, own_files, own_folder
from decoder.catalog.lookup import Catalog, Known

__all__ = [
    "DEFAULT_TIMEOUT_S",
    "FITS",
    "Arguments",
    "Basic",
    "Catalog",
    "Command",
    "Dialect",
    "Fit",
    "Inline",
    "Known",
    "Param",
    "Syntax",
    "UrcType",
    "best",
    "generic",
    "load",
    "names",
    "own_files",
    "own_folder",
    "slice_payload",
]
