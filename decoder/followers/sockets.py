"""Connections: who opened them, what they carried, how they ended, and the frames in it.

Strategy: the dialect says which commands and URCs open, feed and end a connection. What the MCU sends counts only when
the module has taken it: it waits for the result of its command, and in modules that gather data, for the command that
pushes it. A result that never comes counts as good, since nothing says otherwise. Names that lines resolved and the
module's own address are remembered, to name the ends of a connection.
"""

from __future__ import annotations

import ipaddress

import msgspec

from capture.chunk import Side
from decoder.catalog.conditions import applies, fixed
from decoder.catalog.effects import AddressSpec, ArrivesSpec, ClosesSpec, LineSpec, OpensSpec, SendsSpec
from decoder.catalog.spec import CommandSpec, UrcSpec
from decoder.events import Data, Event, Finding, Flow, Params, Transaction
from decoder.followers.carrier import Carrier, Change

MAX_CONNECTIONS = 64
MAX_NAMES = 256
MAX_BUFFERED = 1 << 20
_Key = int | str | None


class _Connection(Carrier):
    """An open connection. ``held`` waits for the result of its command, ``buffered`` for a push.

    ``announcer``: the URC that said that data waits to be read.
    """

    __slots__ = ("announcer", "arrived", "buffered", "held", "packets", "read")

    def __init__(self, flow: Flow, began_ns: int | None) -> None:
        super().__init__(flow, began_ns)
        self.held: list[Data] = []
        self.buffered: list[Data] = []
        self.announcer = ""
        self.arrived = self.read = self.packets = 0

    @property
    def unread(self) -> int:
        """Bytes (UDP: packets) that were announced and not read."""
        return self.packets if self.flow.transport == "udp" else max(0, self.arrived - self.read)


class Sockets:
    """The connections of a session. Appends records to ``out``."""

    def __init__(self, out: list[Event]) -> None:
        self._out = out
        self._open: dict[_Key, _Connection] = {}
        self._opening: dict[_Key, tuple[OpensSpec, Transaction]] = {}
        self._names: dict[str, str] = {}
        self._local_ip: str | None = None
        self._count = 0

    # what commands and lines say

    def succeeded(self, spec: CommandSpec, record: Transaction, time_ns: int | None, *, more: bool) -> None:
        """A command got its OK. ``more``: a later line will complete it."""
        if record.form not in ("set", "exec"):
            return
        params = record.params
        if spec.opens is not None:
            if spec.opens.answer is None:
                self.opened(spec.opens, record, time_ns)
            elif params.get(spec.opens.key) not in self._open:
                if len(self._opening) >= MAX_CONNECTIONS:
                    self._opening.clear()
                self._opening[params.get(spec.opens.key)] = spec.opens, record
        if spec.closes is not None and not more:
            self._closed(spec.closes, params, params, time_ns, "mcu", record.raw)
        if spec.sends is not None or spec.payload is not None:
            self._result(spec.sends, params.get("connect_id"), good=True)

    def failed(self, spec: CommandSpec, record: Transaction, time_ns: int | None, why: str) -> None:
        """A command was answered with an error."""
        if record.form not in ("set", "exec"):
            return
        if spec.opens is not None:
            self._not_opened(spec.opens, record, time_ns, why)
        if spec.sends is not None or spec.payload is not None:
            self._result(spec.sends, record.params.get("connect_id"), good=False)

    def answered(
        self,
        spec: CommandSpec,
        record: Transaction,
        name: str | None,
        params: Params,
        time_ns: int | None,
        *,
        late: bool,
    ) -> None:
        """A line belongs to a command."""
        if spec.tells is not None and record.form != "test":
            self._told(spec.tells, params, record.params)
        if record.form not in ("set", "exec"):
            return
        opens = spec.opens
        if opens is not None and opens.answer is not None and name == opens.answer.line:
            if fixed(opens.answer.where, params):
                self.opened(opens, record, time_ns)
            elif all(key in params for key in opens.answer.where):
                self._not_opened(opens, record, time_ns, f"{name} {_shown(params, opens.answer)}")
        if spec.sends is not None and spec.sends.sent:
            self._taken(record.params.get("connect_id"), params.get(spec.sends.sent))
        if spec.closes is not None and late:
            self._closed(spec.closes, record.params, record.params, time_ns, "mcu", record.raw)

    def seen(self, spec: UrcSpec, params: Params) -> None:
        """A URC carries data of a connection: it is open, even if nobody recorded how."""
        arrives = spec.arrives
        key = params.get(arrives.key) if arrives is not None else None
        if arrives is None or key in self._open or key in self._opening or len(self._open) >= MAX_CONNECTIONS:
            return
        udp = arrives.udp is not None and applies(arrives.udp, params)
        if udp or (arrives.tcp is not None and applies(arrives.tcp, params)):
            flow = Flow(self.number(), key, "udp" if udp else "tcp", local_ip=self._local_ip)
            self._open[key] = _Connection(flow, None)

    def reported(
        self, spec: UrcSpec, params: Params, own: Params, time_ns: int | None, raw: str, *, carries: bool
    ) -> None:
        """A URC came. ``own``: the parameters of the command that it completes. ``carries``: it carries the data."""
        if spec.closes is not None:
            self._closed(spec.closes, params, params, time_ns, "module", raw)
        if spec.arrives is not None and not carries:
            self._arrived(spec.name, spec.arrives, params, time_ns)
        if spec.tells is not None:
            self._told(spec.tells, params, own)

    def number(self) -> int:
        """Give the next connection its number."""
        self._count += 1
        return self._count

    # opening

    def opened(self, spec: OpensSpec, record: Transaction, time_ns: int | None) -> None:
        """The connection that a command asked for is open; an earlier one of the same number is over."""
        key = record.params.get(spec.key)
        self._opening.pop(key, None)
        if (before := self._open.pop(key, None)) is not None:
            self._end(before, "lost", time_ns, "module", "the number was used again")
        if len(self._open) >= MAX_CONNECTIONS:
            self._open.clear()
        connection = self._open[key] = _Connection(self._flow(spec, record.params), record.time_ns)
        self._out.append(connection.tell("opened", time_ns, "mcu", record.raw))

    def _not_opened(self, spec: OpensSpec, record: Transaction, time_ns: int | None, why: str) -> None:
        self._opening.pop(record.params.get(spec.key), None)
        connection = _Connection(self._flow(spec, record.params), record.time_ns)
        self._out.append(connection.tell("failed", time_ns, "module", why))

    def _flow(self, spec: OpensSpec, params: Params) -> Flow:
        key, remote = params.get(spec.key), params.get(spec.address)
        remote = str(remote) if remote is not None else None
        port, local_port = _port(params.get(spec.port)), _port(params.get(spec.local_port))
        return Flow(
            self.number(), key, "udp" if params.get(spec.transport) in spec.udp else "tcp", remote,
            (_ip(remote) or self._names.get(remote.lower())) if remote else None,
            port, self._local_ip, local_port or None,
        )  # fmt: skip

    # the end

    def _closed(
        self, spec: ClosesSpec, params: Params, told: Params, time_ns: int | None, side: Side, why: str
    ) -> None:
        """End a connection. ``params`` name it, ``told`` are those that tell how it ended."""
        connection = self._open.get(params.get(spec.key))
        if connection is None or not fixed(spec.where, told):
            return
        change: Change = "closed"
        if spec.peer is not None and applies(spec.peer, told):
            change = "closed by peer"
        elif spec.reset is not None and applies(spec.reset, told):
            change = "reset"
        elif spec.lost is not None and applies(spec.lost, told):
            change = "lost"
        del self._open[params.get(spec.key)]
        self._end(connection, change, time_ns, "mcu" if change == "closed" else side, why)

    def restarted(self, time_ns: int | None) -> None:
        """The module restarted: all connections are lost, and what it knew."""
        for connection in self._open.values():
            self._end(connection, "lost", time_ns, "module", "the module restarted")
        self._open.clear()
        self._opening.clear()
        self._local_ip = None

    def finish(self) -> None:
        """The input ends: what waits for a result counts as sent."""
        for connection in self._open.values():
            self._flush(connection, connection.held)

    def _end(self, connection: _Connection, change: Change, time_ns: int | None, side: Side, why: str) -> None:
        self._flush(connection, connection.held)
        self._out.extend(connection.finish())
        self._out.append(connection.tell(change, time_ns, side, why, connection.unread))
        if connection.unread:
            unit = "packets" if connection.flow.transport == "udp" else "bytes"
            text = f"connection {connection.flow.connect_id} ended with {connection.unread} {unit} never read"
            self._out.append(Finding(time_ns, "module", "data.unread", "warning", text))

    # addresses

    def _told(self, spec: AddressSpec, params: Params, own: Params) -> None:
        """Note an IP address. ``own`` are the parameters of the command that it answers."""
        if not fixed(spec.where, params):
            return
        address = params.get(spec.address)
        ip = _ip(str(address[0] if isinstance(address, list) and address else address))
        if ip is None or ipaddress.ip_address(ip).is_unspecified:
            return
        if not spec.name:
            self._local_ip = ip
        elif (name := params.get(spec.name, own.get(spec.name))) is not None:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            self._names[str(name).lower()] = ip

    # data

    def _arrived(self, name: str, spec: ArrivesSpec, params: Params, time_ns: int | None) -> None:
        """Note data that arrived and waits to be read, or was dropped."""
        connection = self._connection(params.get(spec.key), time_ns)
        if connection is None:
            return
        connection.announcer = name
        size, packets, dropped = (params.get(one) for one in (spec.bytes, spec.packets, spec.dropped))
        if isinstance(size, int):
            connection.arrived += size
        if isinstance(packets, int):
            connection.packets = packets
        if isinstance(dropped, int):
            text = f"connection {connection.flow.connect_id}: {dropped} received bytes were dropped, the buffer is full"
            self._out.append(Finding(time_ns, "module", "data.dropped", "error", text))

    def payload(self, data: Data, sends: SendsSpec | None = None) -> None:
        """Take payload of a connection."""
        connection = self._connection(data.connect_id, data.time_ns)
        if connection is None:
            return
        if data.via == "transparent":
            self._carry(connection, [data])
        elif data.side == "module":
            self._flush(connection, connection.held)
            if data.announced_by != connection.announcer:
                connection.read += data.length
                connection.packets -= 1 if connection.packets else 0
            self._carry(connection, [data])
        elif sends is not None and sends.buffered:
            if sum(one.length for one in connection.buffered) + data.length <= MAX_BUFFERED:
                connection.buffered.append(data)
        else:
            self._flush(connection, connection.held)
            connection.held.append(data)

    def _taken(self, key: _Key, count: object) -> None:
        """Note how much the module took of what was sent last."""
        connection = self._open.get(key)
        if connection is None or not connection.held or not isinstance(count, int):
            return
        last = connection.held[-1]
        if 0 <= count < last.length:
            text = f"{last.announced_by}: the module took {count} of {last.length} bytes"
            self._out.append(Finding(last.time_ns, "mcu", "send.partial", "warning", text))
            connection.held[-1] = msgspec.structs.replace(last, length=count, data=last.data[: 2 * count])

    def _result(self, spec: SendsSpec | None, key: _Key, *, good: bool) -> None:
        """Decide about what waits for the result of a command that sends, or pushes what was sent before."""
        connection = self._open.get(key)
        if connection is None:
            return
        buffered, pushes = spec is not None and spec.buffered, spec is not None and spec.pushes
        waiting = connection.buffered if buffered or pushes else connection.held
        if good and not buffered:
            self._flush(connection, waiting)
        elif not good and pushes:
            waiting.clear()
        elif not good and waiting:
            waiting.pop()

    def _connection(self, key: _Key, time_ns: int | None) -> _Connection | None:
        """Find a connection; what carries data is open, even if the line that says so was lost."""
        if key not in self._open and key in self._opening:
            self.opened(*self._opening[key], time_ns)
        return self._open.get(key)

    def _flush(self, connection: _Connection, waiting: list[Data]) -> None:
        if waiting:
            parts = waiting[:]
            waiting.clear()
            self._carry(connection, parts)

    def _carry(self, connection: _Connection, parts: list[Data]) -> None:
        """The connection carried ``parts``, as one piece."""
        last = parts[-1]
        raw = b"".join(bytes.fromhex(one.data) for one in parts)
        self._out.extend(connection.carry(last.time_ns, last.side, raw, last.announced_by))


def _shown(params: Params, answer: LineSpec) -> str:
    return ", ".join(f"{name}={params[name]}" for name in answer.where)


def _port(value: object) -> int | None:
    """Return a port, or None if the value is none."""
    return value if isinstance(value, int) and 0 <= value <= 0xFFFF else None


def _ip(text: str) -> str | None:
    """Return an IP address in its usual spelling, or None if ``text`` is none."""
    try:
        return str(ipaddress.ip_address(text.strip("[]").partition("%")[0]))
    except ValueError:
        return None
