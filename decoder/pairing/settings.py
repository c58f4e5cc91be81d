"""What was configured for each connection: encodings, access modes, what is reported."""

from __future__ import annotations

from typing import Literal

from decoder.catalog.spec import SetsSpec
from decoder.events import Params

MAX_SETTINGS = 256
_ENCODINGS: dict[int, Literal["raw", "hex", "escaped"]] = {0: "raw", 1: "hex", 2: "escaped"}


class Settings:
    """What was configured for each connection: encodings, access modes. Bounded; ``None`` is the whole module."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, object], int] = {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def clear(self) -> None:
        """Forget everything: the module restarted."""
        self._values.clear()

    def get(self, state: str, key: object) -> int | None:
        """Return a state of a connection, or that of the whole module, or None."""
        return self._values.get((state, key), self._values.get((state, None)))

    def apply(self, rules: list[SetsSpec], params: Params, *, defaults: bool) -> None:
        """Change states as ``rules`` say for a command with ``params``; absent parameters may have defaults."""
        for rule in rules:
            key = params.get(rule.key) if rule.key else None
            for state, name in rule.values.items():
                value = params.get(name, rule.defaults.get(state) if defaults else None)
                if isinstance(value, int):
                    if len(self._values) >= MAX_SETTINGS:
                        self._values.clear()
                    self._values[state, key] = value

    def encoding(self, state: str, key: object) -> Literal["raw", "hex", "escaped"] | None:
        """Return how payload is written by the state ``state`` ("=hex": always so), None if that was never said."""
        if state == "=hex":
            return "hex"
        value = self.get(state, key)
        return None if value is None else _ENCODINGS.get(value)
