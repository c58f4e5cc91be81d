"""Records as text, tables and terminal output."""

from __future__ import annotations

import io
import sys
from typing import TextIO


def utf8_output() -> TextIO:
    """Return standard output, set to UTF-8 whatever the locale says; what cannot be encoded is escaped."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    return sys.stdout
