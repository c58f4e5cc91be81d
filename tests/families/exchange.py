"""Real peers through a virtual module: clients connect to a port of it for each server, and talk over one line."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from tests.families.family import Family, Link, Transport
from tests.modem import Line

WAIT_S = 0.02
"""Silence of all peers after which the module has time for what it put off."""


class _Pair:
    """A connection of a client, and the one to the server that the module has for it."""

    def __init__(self, link: Link, client: socket.socket, server: socket.socket) -> None:
        self.link, self.client, self.server = link, client, server
        self.peer: tuple[str, int] | None = None


class Exchange:
    """Carries connections of clients of ``ports`` to ``servers`` over the line of a module. A context manager.

    ``address``: the module's own, one of those of the loopback interface.
    """

    def __init__(self, make: Callable[[Line], Family], servers: dict[str, tuple[Transport, int]], address: str) -> None:
        self.line = Line()
        self.address = address
        self._family = make(self.line)
        self._doors: dict[socket.socket, tuple[Transport, int]] = {}
        self.ports: dict[str, int] = {}
        self._pairs: list[_Pair] = []
        self._stopped = False
        for name, (transport, port) in servers.items():
            if transport in self._family.transports:
                door = socket.socket(socket.AF_INET, _kind(transport))
                door.bind(("127.0.0.1", 0))
                if transport == "tcp":
                    door.listen()
                self._doors[door] = transport, port
                self.ports[name] = door.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Exchange:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._thread.join(20)
        alive = self._thread.is_alive()
        for one in (*self._doors, *(sock for pair in self._pairs for sock in (pair.client, pair.server))):
            one.close()
        assert not alive, "the module hangs"

    def _run(self) -> None:
        self._family.start()
        while self._turn() or not self._stopped:
            pass
        for pair in self._pairs[:]:
            self._end(pair, by_peer=False)

    def _turn(self) -> bool:
        """Carry what waits. False if nothing did."""
        streams = [pair.client for pair in self._pairs if pair.link.transport == "tcp"]
        servers = [pair.server for pair in self._pairs]
        doors = [door for door in self._doors if self._may_enter(door)]
        ready = select.select([*streams, *servers, *doors], [], [], WAIT_S)[0]
        for pair in self._pairs[:]:
            if pair.server in ready:
                self._down(pair)
            elif pair.client in ready and pair.link.transport == "tcp":
                self._up(pair)
        for door in self._doors:
            if door in ready and self._may_enter(door):
                self._knock(door)
        if not ready:
            self._family.catch_up([pair.link for pair in self._pairs])
        self._deliver()
        return bool(ready)

    def _may_enter(self, door: socket.socket) -> bool:
        return len(self._pairs) < self._family.links or self._datagrams(door) is not None

    def _datagrams(self, door: socket.socket) -> _Pair | None:
        return next((pair for pair in self._pairs if pair.client is door), None)

    def _knock(self, door: socket.socket) -> None:
        """A client connects, or sends a datagram."""
        transport, _ = self._doors[door]
        if transport == "tcp":
            self._open(door, door.accept()[0])
            return
        data, peer = door.recvfrom(4096)
        pair = self._datagrams(door) or self._open(door, door)
        pair.peer = peer
        self._family.send(pair.link, data)
        pair.server.send(data)

    def _open(self, door: socket.socket, client: socket.socket) -> _Pair:
        transport, port = self._doors[door]
        used = {pair.link.number for pair in self._pairs}
        number = next(number for number in count(self._family.first) if number not in used)
        server = socket.socket(socket.AF_INET, _kind(transport))
        server.bind((self.address, 0))
        server.connect(("127.0.0.1", port))
        pair = _Pair(Link(number, transport, b"127.0.0.1", port), client, server)
        self._pairs.append(pair)
        self._family.open(pair.link)
        return pair

    def _down(self, pair: _Pair) -> None:
        data = pair.server.recv(self._family.limit if pair.link.transport == "tcp" else 4096)
        if data:
            self._family.receive(pair.link, data)
        else:
            self._end(pair, by_peer=True)

    def _up(self, pair: _Pair) -> None:
        data = b""
        with suppress(ConnectionResetError):
            data = pair.client.recv(self._family.limit)
        if data:
            self._family.send(pair.link, data)
            pair.server.sendall(data)
        else:
            self._end(pair, by_peer=False)

    def _end(self, pair: _Pair, *, by_peer: bool) -> None:
        """A side has closed: what is on its way is read first."""
        self._family.catch_up([pair.link])
        self._deliver()
        (self._family.closed if by_peer else self._family.close)(pair.link)
        self._pairs.remove(pair)
        pair.server.close()
        if pair.link.transport == "tcp":
            pair.client.close()

    def _deliver(self) -> None:
        """Hand to the clients what has crossed the line."""
        arrived, self._family.arrived = self._family.arrived, []
        pairs = {id(pair.link): pair for pair in self._pairs}
        for link, data in arrived:
            pair = pairs[id(link)]
            if pair.peer is not None:
                pair.client.sendto(data, pair.peer)
            elif link.transport == "tcp":
                with suppress(ConnectionError):
                    pair.client.sendall(data)


def _kind(transport: Transport) -> socket.SocketKind:
    return socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
