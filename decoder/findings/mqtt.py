"""MQTT, of every dialect: by its frames, observed or inferred, and by the time-outs that modules report."""

from __future__ import annotations

from decoder.catalog import Catalog
from decoder.events import Frame, Group, Message, Socket
from decoder.findings.raising import Raise

COMMANDS = ("mqtt.settings", "mqtt.time-out")
"""The roles of commands that matter here."""
_MAX_OPEN = 256
_REFUSALS = {
    1: "protocol version",
    2: "client id",
    3: "server unavailable",
    4: "user name or password",
    5: "not authorised",
}
_GRACE_NS = 60_000_000_000


class Mqtt:
    """Follows keep-alive and acknowledgements."""

    def __init__(self, raise_: Raise, catalog: Catalog) -> None:
        self._raise = raise_
        self._role_of = catalog.role_of
        self._keep_alive: int | None = None
        self._ack_timeout = 10
        self._acknowledged: set[str] = set()
        self._accepted: set[int | None] = set()
        """Connections whose client the broker has accepted, and which nobody has ended."""
        self._waiting: dict[tuple[object, object], tuple[Frame, str]] = {}

    def message(self, one: Message) -> None:
        """Look at a line."""
        if one.kind != "command":
            return
        for command in one.commands:
            if command.form != "set":
                continue
            role = self._role_of.get(command.name)
            if role == "mqtt.settings" and isinstance(keep := command.params.get("keepalive"), int):
                self._keep_alive = keep
            elif role == "mqtt.time-out" and isinstance(timeout := command.params.get("timeout"), int):
                self._ack_timeout = timeout
            else:
                continue
            if self._keep_alive is not None and 0 < self._keep_alive <= self._ack_timeout:
                self._raise("mqtt.keep-alive", one, keep_alive=self._keep_alive, timeout=self._ack_timeout)

    def frame(self, one: Frame) -> None:
        """Look at a frame."""
        if one.protocol != "mqtt":
            return
        kind, fields = one.fields.get("type"), one.fields
        if kind == "CONNACK" and fields.get("code") == 0 and one.flow is not None and len(self._accepted) < _MAX_OPEN:
            self._accepted.add(one.flow)
        elif kind == "DISCONNECT":
            self._accepted.discard(one.flow)
        if kind == "CONNACK" and isinstance(code := fields.get("code"), int) and code:
            self._raise("mqtt.connect-refused", one, code=code, why=_REFUSALS.get(code, f"0x{code:02x}"))
        elif kind == "SUBACK" and any(isinstance(code, int) and code >= 128 for code in fields.get("codes", ())):
            self._raise("mqtt.subscription-refused", one, packet_id=fields.get("packet_id", "?"))
        key = (one.connect_id, fields.get("packet_id"))
        if kind == "PUBLISH" and one.side == "mcu" and fields.get("qos") in (1, 2):
            if len(self._waiting) < _MAX_OPEN:
                self._waiting[key] = one, "PUBACK" if fields["qos"] == 1 else "PUBCOMP"
        elif one.side == "module" and key in self._waiting and kind == self._waiting[key][1]:
            self._acknowledged.add(one.origin)
            del self._waiting[key]
        elif kind == "CONNECT":
            self._waiting.clear()

    def socket(self, one: Socket) -> None:
        """Look at what happened to a connection: a broker that accepts a client and then closes has a reason."""
        if one.change != "opened" and one.flow.number in self._accepted:
            self._accepted.discard(one.flow.number)
            if one.change in ("closed by peer", "reset"):
                which = "" if one.connect_id is None else f" {one.connect_id}"
                self._raise("mqtt.closed", one, which=which, because=one.because)

    def group(self, one: Group) -> None:
        """Look at a story told by several lines."""
        if one.name != "keep-alive":
            return
        roles = [self._role_of.get(line.name or "") for line in one.lines]
        pings, tries = roles.count("mqtt.time-out"), roles.count("mqtt.reconnect")
        failed = roles[-1] in ("mqtt.disconnected", "mqtt.reconnect", "mqtt.time-out")
        self._raise("mqtt.reconnect-failed" if failed else "mqtt.ping-timeouts", one, pings=pings, tries=tries)

    def close(self, last_ns: int | None) -> None:
        """The session ends: what was never acknowledged is said, if there was time for it."""
        for frame, wanted in self._waiting.values():
            if last_ns is not None and frame.time_ns is not None and last_ns - frame.time_ns < _GRACE_NS:
                continue
            if frame.origin == "inferred" and "inferred" not in self._acknowledged:
                continue  # this module keeps acknowledgements to itself
            topic = frame.fields.get("topic", "?")
            self._raise("mqtt.unacknowledged", frame, topic=topic, qos=frame.fields["qos"], wanted=wanted)
