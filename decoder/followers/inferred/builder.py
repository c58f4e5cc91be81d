"""What builders of inferred frames take and give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from capture.chunk import Side
from decoder.events import Params


class Made(NamedTuple):
    """An inferred frame: its bytes, and what they say; ``unknown`` names what no line showed and was made up."""

    protocol: str
    text: str
    fields: dict[str, Any]
    data: bytes
    unknown: tuple[str, ...] = ()


class Fields:
    """The fields that are known, by name, as the types that builders need."""

    def __init__(self, values: Params) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        """Tell whether a field is known."""
        return name in self.values

    def number(self, name: str, default: int = 0) -> int:
        """Return a field as an integer: of several the first; words that say yes are 1."""
        value = self.values.get(name, default)
        if isinstance(value, list):
            value = value[0] if value else default
        if isinstance(value, str):
            text = value.strip()
            return int(text) if text.lstrip("-").isdecimal() else int(text.lower() in ("true", "yes", "on"))
        return int(value)

    def text(self, name: str, default: str = "") -> str:
        """Return a field as text."""
        value = self.values.get(name, default)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def data(self, name: str) -> bytes:
        """Return a field as bytes: text as UTF-8."""
        value = self.values.get(name, b"")
        return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


Builder = Callable[[Fields, Side, dict[str, Any]], Made | None]
"""Makes a frame from its fields; the last argument is the memory of the session."""
