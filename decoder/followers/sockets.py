"""Connections: who opened them, what they carried, how they ended, and the frames in it.

Strategy: the dialect says which commands and URCs open, feed and end a connection. What the MCU sends counts only when
the module has taken it: it waits for the result of its command, and in modules that gather data, for the command that
pushes it. A result that never comes counts as good, since nothing says otherwise. Names that lines resolved and the
module's own address are remembered, to name the ends of a connection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import NamedTuple

from capture.chunk import Side
from decoder.catalog.conditions import applies, fixed
from decoder.catalog.effects import AddressSpec, ArrivesSpec, ClosesSpec, LeadsSpec, SendsSpec
from decoder.catalog.spec import CommandSpec
from decoder.effects import Answered, Carried, Connected, Disconnected, Ended, Reported, Restarted
from decoder.events import Data, Flow, Issued, Params
from decoder.followers.carrier import Carrier, Change
from decoder.followers.destinations import NOWHERE, Asked, Destination, ip, led, opened, port, shown
from decoder.followers.follower import Follower, Hear, Seat
from decoder.rules import found

MAX_CONNECTIONS = 64
MAX_NAMES = 256
MAX_BUFFERED = 1 << 20
_Key = int | str | None


class _Piece(NamedTuple):
    """Payload on its way: its record, and its bytes."""

    data: Data
    raw: bytes


class _Connection(Carrier):
    """An open connection. ``held`` waits for the result of its command, ``buffered`` for a push.

    ``announcer``: the URC that said that data waits to be read.
    """

    __slots__ = ("announcer", "arrived", "buffered", "held", "packets", "read")

    def __init__(self, flow: Flow, began_ns: int | None) -> None:
        super().__init__(flow, began_ns)
        self.held: list[_Piece] = []
        self.buffered: list[_Piece] = []
        self.announcer = ""
        self.arrived = self.read = self.packets = 0

    @property
    def unread(self) -> int:
        """Bytes (UDP: packets) that were announced and not read."""
        return self.packets if self.flow.transport == "udp" else max(0, self.arrived - self.read)


class Sockets(Follower):
    """Follows the connections of a session."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._numbers = seat.connections
        self._open: dict[_Key, _Connection] = {}
        self._opening: dict[_Key, Asked] = {}
        self._leads: dict[_Key, Destination] = {}
        """Where connections will lead that no command has opened yet."""
        self._names: dict[str, str] = {}
        self._local_ip: str | None = None
        self._newest = 0
        """The number of the command that opened a connection last."""

    def hears(self) -> Mapping[type, Hear]:
        """Commands that open, feed and end connections, lines that tell of them, payload."""
        return {
            Answered: self._answered,
            Ended: self._ended,
            Reported: self._reported,
            Carried: self._carried,
            Connected: self._connected,
            Disconnected: self._disconnected,
            Restarted: self._restarted,
        }

    # what commands and lines say

    def _ended(self, event: Ended) -> None:
        """A command got its result."""
        issued, spec = event.issued, _socket(event.issued)
        if spec is None or issued.form not in ("set", "exec"):
            return
        params, time_ns = issued.params, event.time_ns
        if spec.opens is not None and issued.number != self._newest:
            asked = Asked(spec.opens, issued, params)
            if not event.good:
                self._not_opened(asked, time_ns, event.why)
            elif spec.opens.answer is None:
                self._made(asked, time_ns)
            elif params.get(spec.opens.key) not in self._open:
                self._expect(asked)
        if spec.leads is not None and spec.payload is None:
            if not event.good:
                self._not_led(spec.leads, params, time_ns, event.why)
            elif spec.leads.answer is None:
                self._led(spec.leads, params, time_ns)
        if event.good and spec.closes is not None and not event.more:
            self._closed(spec.closes, params, time_ns, "mcu", issued.raw)
        if spec.sends is not None or spec.payload is not None:
            self._result(spec.sends, params.get("connect_id"), good=event.good)

    def _answered(self, event: Answered) -> None:
        """A line belongs to a command."""
        issued, message, spec = event.issued, event.message, _socket(event.issued)
        if spec is None:
            return
        name, params = message.name, message.params
        if spec.tells is not None and issued.form != "test":
            self._told(spec.tells, params, issued.params)
        if issued.form not in ("set", "exec"):
            return
        opens = spec.opens
        if opens is not None and opens.answer is not None and name in opens.answer.names:
            asked = Asked(opens, issued, {**issued.params, **params})
            if fixed(opens.answer.where, params):
                self._made(asked, message.time_ns)
            elif all(key in params for key in opens.answer.where):
                self._not_opened(asked, message.time_ns, f"{name} {shown(message, opens.answer)}")
        leads = spec.leads
        if leads is not None and leads.answer is not None and name in leads.answer.names:
            if fixed(leads.answer.where, params):
                self._led(leads, issued.params, message.time_ns)
            elif all(key in params for key in leads.answer.where):
                self._not_led(leads, issued.params, message.time_ns, f"{name} {shown(message, leads.answer)}")
        if spec.sends is not None and spec.sends.sent:
            self._taken(issued.params.get("connect_id"), params.get(spec.sends.sent))
        if spec.closes is not None and event.late:
            self._closed(spec.closes, issued.params, message.time_ns, "mcu", issued.raw)

    def _seen(self, arrives: ArrivesSpec, params: Params) -> None:
        """A URC carries data of a connection: it is open, even if nobody recorded how."""
        key = params.get(arrives.key)
        if key in self._open or key in self._opening or len(self._open) >= MAX_CONNECTIONS:
            return
        udp = arrives.udp is not None and applies(arrives.udp, params)
        if udp or (arrives.tcp is not None and applies(arrives.tcp, params)):
            flow = Flow(next(self._numbers), key, "udp" if udp else "tcp", local_ip=self._local_ip)
            self._open[key] = _Connection(flow, None)

    def _reported(self, event: Reported) -> None:
        """A URC came."""
        message, urc = event.message, event.urc
        if urc is None or urc.socket is None:
            return
        spec, params, time_ns = urc.socket, message.params, message.time_ns
        if spec.closes is not None:
            self._closed(spec.closes, params, time_ns, "module", message.text)
        if spec.arrives is not None and message.data is None:
            self._arrived(spec.name, spec.arrives, params, time_ns)
        if spec.tells is not None:
            self._told(spec.tells, params, event.issued.params if event.issued is not None else {})

    def _connected(self, event: Connected) -> None:
        """Transparent mode begins: if its command opens a connection, it is open."""
        spec = _socket(event.issued)
        if spec is not None and spec.opens is not None and event.issued.number != self._newest:
            self._opened(Asked(spec.opens, event.issued, event.issued.params), event.time_ns)

    def _disconnected(self, event: Disconnected) -> None:
        """Transparent mode ended with its connection."""
        connection = self._open.pop(event.connect_id, None)
        if connection is not None:
            self._end(connection, "closed by peer", event.time_ns, "module", event.why)

    # opening

    def _expect(self, asked: Asked) -> None:
        """The connection that a command asked for is not open yet."""
        if len(self._opening) >= MAX_CONNECTIONS:
            self._opening.clear()
        self._opening[asked.params.get(asked.spec.key)] = asked

    def _made(self, asked: Asked, time_ns: int | None) -> None:
        """What a command asked for is there: a connection, or a socket that leads nowhere yet."""
        if asked.spec.later and opened(asked, NOWHERE).transport == "tcp":
            self._newest = asked.issued.number
            self._expect(asked)
        else:
            self._opened(asked, time_ns)

    def _opened(self, asked: Asked, time_ns: int | None, to: Destination | None = None) -> None:
        """The connection that a command asked for is open; an earlier one of the same number is over."""
        issued, key = asked.issued, asked.params.get(asked.spec.key)
        self._newest = issued.number
        self._opening.pop(key, None)
        if (before := self._open.pop(key, None)) is not None:
            self._end(before, "lost", time_ns, "module", "the number was used again")
        if len(self._open) >= MAX_CONNECTIONS:
            self._open.clear()
        connection = self._open[key] = _Connection(self._flow(asked, to), issued.time_ns)
        self._out.append(connection.tell("opened", time_ns, "mcu", issued.raw))

    def _not_opened(self, asked: Asked, time_ns: int | None, why: str) -> None:
        self._opening.pop(asked.params.get(asked.spec.key), None)
        self._fail(asked, None, time_ns, why)

    def _fail(self, asked: Asked, to: Destination | None, time_ns: int | None, why: str) -> None:
        connection = _Connection(self._flow(asked, to), asked.issued.time_ns)
        self._out.append(connection.tell("failed", time_ns, "module", why))

    def _flow(self, asked: Asked, to: Destination | None) -> Flow:
        params, key = asked.params, asked.params.get(asked.spec.key)
        to = opened(asked, to or self._leads.get(key, NOWHERE))
        local_port = port(params.get(asked.spec.local_port))
        return Flow(
            next(self._numbers), key, to.transport or "tcp", to.remote, self._address(to.remote), to.port,
            self._local_ip, local_port,
        )  # fmt: skip

    def _address(self, remote: str | None) -> str | None:
        """Return the IP address of a peer, if it is one or a line told it."""
        return (ip(remote) or self._names.get(remote.lower())) if remote else None

    def _led(self, spec: LeadsSpec, params: Params, time_ns: int | None) -> None:
        """A command said where a connection leads: that opens it, or is kept until one opens it."""
        key, to = params.get(spec.key), led(spec, params)
        connection, asked = self._open.get(key), self._opening.get(key)
        if asked is not None and asked.spec.later:
            self._opened(asked, time_ns, to)
        elif connection is None and to != NOWHERE:
            if len(self._leads) >= MAX_CONNECTIONS:
                self._leads.clear()
            self._leads[key] = to
        elif connection is not None and connection.flow.remote is None and not connection.carried and to != NOWHERE:
            connection.lead(to.remote, self._address(to.remote), to.port)

    def _not_led(self, spec: LeadsSpec, params: Params, time_ns: int | None, why: str) -> None:
        """A socket could not be connected; it is there all the same."""
        asked = self._opening.get(params.get(spec.key))
        if asked is not None and asked.spec.later:
            self._fail(asked, led(spec, params), time_ns, why)

    # the end

    def _closed(self, spec: ClosesSpec, told: Params, time_ns: int | None, side: Side, why: str) -> None:
        """End a connection. ``told`` are the parameters that name it and tell how it ended."""
        key = told.get(spec.key)
        connection = self._open.get(key)
        if connection is None and key in self._opening and fixed(spec.where, told):
            asked = self._opening.pop(key)
            if side == "module":
                self._fail(asked, None, time_ns, why)
        if connection is None or not fixed(spec.where, told):
            return
        change: Change = "closed"
        if spec.peer is not None and applies(spec.peer, told):
            change = "closed by peer"
        elif spec.reset is not None and applies(spec.reset, told):
            change = "reset"
        elif spec.lost is not None and applies(spec.lost, told):
            change = "lost"
        del self._open[key]
        self._end(connection, change, time_ns, "mcu" if change == "closed" else side, why)

    def _restarted(self, event: Restarted) -> None:
        """The module restarted: all connections are lost, and what it knew."""
        for connection in self._open.values():
            self._end(connection, "lost", event.time_ns, "module", "the module restarted")
        self._open.clear()
        self._opening.clear()
        self._leads.clear()
        self._local_ip = None

    def finish(self, last_ns: int | None) -> None:
        """The input ends: what waits for a result counts as sent."""
        for connection in self._open.values():
            self._flush(connection, connection.held)

    def _end(self, connection: _Connection, change: Change, time_ns: int | None, side: Side, why: str) -> None:
        self._flush(connection, connection.held)
        self._out.extend(connection.finish())
        self._out.append(connection.tell(change, time_ns, side, why, connection.unread))
        if connection.unread:
            unit = "packets" if connection.flow.transport == "udp" else "bytes"
            values = {"connect_id": connection.flow.connect_id, "count": connection.unread, "unit": unit}
            self._out.append(found("data.unread", time_ns, "module", values))

    # addresses

    def _told(self, spec: AddressSpec, params: Params, own: Params) -> None:
        """Note an IP address. ``own`` are the parameters of the command that it answers."""
        if not fixed(spec.where, params):
            return
        address = params.get(spec.address)
        told = ip(str(address[0] if isinstance(address, list) and address else address))
        if told is None or ipaddress.ip_address(told).is_unspecified:
            return
        if not spec.name:
            self._local_ip = told
        elif (name := params.get(spec.name, own.get(spec.name))) is not None:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            self._names[str(name).lower()] = told

    # data

    def _arrived(self, name: str, spec: ArrivesSpec, params: Params, time_ns: int | None) -> None:
        """Note data that arrived and waits to be read, or was dropped."""
        connection = self._connection(params.get(spec.key), time_ns)
        if connection is None:
            return
        connection.announcer = name
        named = (spec.bytes, spec.waiting, spec.packets, spec.dropped)
        size, waiting, packets, dropped = (params.get(one) for one in named)
        if isinstance(size, int):
            connection.arrived += size
        if isinstance(waiting, int):
            connection.arrived = connection.read + waiting
        if isinstance(packets, int):
            connection.packets = packets
        if isinstance(dropped, int):
            values = {"connect_id": connection.flow.connect_id, "count": dropped}
            self._out.append(found("data.dropped", time_ns, "module", values))

    def _carried(self, event: Carried) -> None:
        """Payload of a connection crossed the line."""
        data, urc = event.data, event.urc
        if urc is not None and urc.socket is not None and urc.socket.arrives is not None:
            self._seen(urc.socket.arrives, event.params)
        if event.frame is not None or event.kind == "link":
            return
        if event.command is not None and event.command.leads is not None and data.side == "mcu":
            self._led(event.command.leads, event.params, data.time_ns)
        connection = self._connection(data.connect_id, data.time_ns)
        if connection is None:
            return
        piece = _Piece(data, event.raw)
        if event.kind == "stream":
            self._carry(connection, [piece])
        elif data.side == "module":
            self._flush(connection, connection.held)
            if data.announced_by != connection.announcer:
                connection.read += data.length
                connection.packets -= 1 if connection.packets else 0
            self._carry(connection, [piece])
        elif event.command is not None and event.command.sends is not None and event.command.sends.buffered:
            if sum(len(one.raw) for one in connection.buffered) + len(event.raw) <= MAX_BUFFERED:
                connection.buffered.append(piece)
        else:
            self._flush(connection, connection.held)
            connection.held.append(piece)

    def _taken(self, key: _Key, count: object) -> None:
        """Note how much the module took of what was sent last."""
        connection = self._open.get(key)
        if connection is None or not connection.held or not isinstance(count, int):
            return
        last = connection.held[-1]
        data, raw = last
        if 0 <= count < len(raw):
            values = {"name": data.announced_by, "taken": count, "sent": len(raw)}
            self._out.append(found("send.partial", data.time_ns, "mcu", values))
            connection.held[-1] = _Piece(data, raw[:count])

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
            self._opened(self._opening[key], time_ns)
        return self._open.get(key)

    def _flush(self, connection: _Connection, waiting: list[_Piece]) -> None:
        if waiting:
            parts = waiting[:]
            waiting.clear()
            self._carry(connection, parts)

    def _carry(self, connection: _Connection, parts: list[_Piece]) -> None:
        """The connection carried ``parts``, as one piece."""
        last = parts[-1].data
        raw = parts[0].raw if len(parts) == 1 else b"".join([one.raw for one in parts])
        self._out.extend(connection.carry(last.time_ns, last.side, raw, last.announced_by))


def _socket(issued: Issued) -> CommandSpec | None:
    """Return what a command does to connections, if anything."""
    return issued.command.socket if issued.command is not None else None
