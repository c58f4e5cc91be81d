"""The network: registration, signal, and what of the power saving asked for was granted."""

from __future__ import annotations

from decoder.catalog import Catalog
from decoder.events import Message, Params, Socket
from decoder.findings.raising import About, Raise

_REGISTERED = (1, 5)
_LOST = (0, 2, 3, 4)
COMMANDS = ("psm", "edrx")
ANSWERS = ("registration", "edrx granted", "signal")
"""The roles of lines that matter here."""
_WEAK = 6
"""AT+CSQ: -101 dBm and less; 99 is not known."""
_NEEDS_NETWORK = ("name", "connection", "protocol")
"""Layers that stand on the network."""


class Network:
    """Follows registration and signal."""

    def __init__(self, raise_: Raise, catalog: Catalog) -> None:
        self._raise = raise_
        self._role_of = catalog.role_of
        self._states: dict[str, int] = {}
        self._weak: int | None = None
        self._asked: dict[str, str] = {}
        self._told: set[tuple[str, str]] = set()

    def message(self, one: Message) -> None:
        """Look at a line."""
        if one.kind == "command":
            for command in one.commands:
                role = self._role_of.get(command.name)
                if role == "psm" and command.form == "set":
                    on = command.params.get("psm_mode") == 1
                    self._ask("periodic_tau", command.params.get("req_tau"), on=on)
                    self._ask("active_time", command.params.get("req_active"), on=on)
                elif role == "edrx" and command.form == "set":
                    on = command.params.get("edrx_mode") in (1, 2)
                    self._ask("nw_edrx", command.params.get("req_edrx"), on=on)
        elif one.kind == "result":
            owner = one.owner
            failed = one.result is not None and not one.result.good
            if failed and owner is not None and owner.command is not None and owner.command.layer in _NEEDS_NETWORK:
                self.failed(one)
        elif one.name is not None:
            role = self._role_of.get(one.name)
            if role == "registration":
                self._registration(one.name, one.params.get("stat"), one)
                self._granted(one.params, one)
            elif role == "edrx granted":
                self._granted(one.params, one)
            elif role == "signal" and isinstance(rssi := one.params.get("rssi"), int):
                self._weak = rssi if rssi <= _WEAK or rssi == 99 else None

    def socket(self, one: Socket) -> None:
        """Look at what happened to a connection."""
        if one.change in ("failed", "lost"):
            self.failed(one)

    def failed(self, about: About) -> None:
        """Something failed that the network carries."""
        if self._weak is not None:
            shown = "unknown" if self._weak == 99 else f"{-113 + 2 * self._weak} dBm"
            self._raise("signal.weak", about, rssi=self._weak, dbm=shown)
            self._weak = None

    def _registration(self, name: str, stat: object, about: About) -> None:
        if not isinstance(stat, int):
            return
        before = self._states.get(name)
        self._states[name] = stat
        if before in _REGISTERED and stat in _LOST:
            self._raise("registration.lost", about, name=name, stat=stat)
        elif stat == 3 and before != 3:
            self._raise("registration.denied", about, name=name)

    def _ask(self, name: str, bits: object, *, on: bool) -> None:
        if on and isinstance(bits, str):
            self._asked[name] = bits
        else:
            self._asked.pop(name, None)

    def _granted(self, params: Params, about: About) -> None:
        for name, rule in (
            ("periodic_tau", "psm.differs"),
            ("active_time", "psm.differs"),
            ("nw_edrx", "edrx.differs"),
        ):
            asked, granted = self._asked.get(name), params.get(name)
            if asked and isinstance(granted, str) and granted and asked != granted:
                key = (name, asked + granted)
                if key not in self._told:
                    self._told.add(key)
                    self._raise(
                        rule, about, what=name, asked=asked, granted=granted, seconds=params.get(name + "_s", "?")
                    )
