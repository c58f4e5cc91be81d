"""What all virtual modules share: commands with echo or without, and what arrives at bad moments.

A family says in which words it opens, sends, announces, reads and closes. Which bytes cross the wire is in each maker's
own file, with the document or driver that shows them.
"""

from __future__ import annotations

import random
from typing import ClassVar, Literal

from tests.modem import Line

Transport = Literal["tcp", "udp"]


def in_hex(data: bytes) -> bytes:
    """Bytes as modules write them in hex."""
    return data.hex().upper().encode()


class Link:
    """A connection: the module's number for it, and where it leads. ``waiting``: what was announced and not read."""

    def __init__(self, number: int, transport: Transport, host: bytes, port: int) -> None:
        self.number, self.transport, self.host, self.port = number, transport, host, port
        self.waiting: list[bytes] = []

    @property
    def kind(self) -> bytes:
        """The transport as most makers write it."""
        return self.transport.upper().encode()

    @property
    def unread(self) -> int:
        """How many bytes wait to be read."""
        return sum(map(len, self.waiting))

    def take(self, size: int) -> bytes:
        """Take up to ``size`` bytes of what waits: of datagrams the next one, whole."""
        if self.transport == "udp":
            return self.waiting.pop(0)
        whole = b"".join(self.waiting)
        self.waiting = [whole[size:]] if whole[size:] else []
        return whole[:size]


class Family:
    """A module on ``line``.

    ``limit``: bytes in one piece, either way. ``links``: connections at a time; ``first``: the number of the first one. ``pulls``: the MCU asks for what
    arrived. ``gossip``: URCs that have nothing to do with connections. In a ``nasty`` session there is echo, what
    arrives comes in the middle of other commands, and of a stream first ``small`` bytes are read, then the rest.
    """

    limit: ClassVar[int] = 1024
    links: ClassVar[int] = 5
    first: ClassVar[int] = 0
    transports: ClassVar[tuple[Transport, ...]] = ("tcp", "udp")
    pulls: ClassVar[bool] = False
    model: ClassVar[bytes] = b""
    gossip: ClassVar[tuple[bytes, ...]] = (b"+CREG: 1", b"+CREG: 5")

    def __init__(self, line: Line, *, nasty: bool = False, small: int = 1) -> None:
        self.line, self.nasty, self.small = line, nasty, small
        self.arrived: list[tuple[Link, bytes]] = []
        self._due: list[tuple[Link, bytes]] = []
        self._random = random.Random(11)
        self._turn = 0

    # what the families say

    def begin(self) -> None:
        """Set the module up."""

    def open(self, link: Link) -> None:
        """Open a connection."""
        raise NotImplementedError

    def send(self, link: Link, data: bytes) -> None:
        """Send bytes of the MCU."""
        raise NotImplementedError

    def announce(self, link: Link, data: bytes) -> None:
        """Say that ``data`` arrived; if nobody has to ask for it, with the bytes."""
        raise NotImplementedError

    def read(self, link: Link, size: int) -> None:
        """Ask for up to ``size`` bytes of what waits, and answer with what :meth:`take` gives."""
        raise NotImplementedError

    def close(self, link: Link) -> None:
        """The MCU closes."""
        raise NotImplementedError

    def closed(self, link: Link) -> None:
        """The peer has closed."""
        raise NotImplementedError

    # what the line is like

    def start(self) -> None:
        """Begin a session: echo, the model, then what the family wants."""
        self.line.ask(b"ATE%d" % self.nasty, b"OK")
        self.line.rest(60)
        if self.model:
            self.ask(b"AT+CGMM", self.model, b"OK")
        self.begin()

    def command(self, command: bytes) -> None:
        """The MCU sends a command line, and the module may echo it."""
        self.line.write("mcu", command + b"\r")
        if self.nasty:
            self.line.write("module", command + b"\r")
        self.line.rest(2)

    def ask(self, command: bytes, *answers: bytes) -> None:
        """The MCU sends a command line and the module answers in lines."""
        self.command(command)
        self.between()
        self.answer(*answers)

    def answer(self, *answers: bytes) -> None:
        """The module answers in lines."""
        for text in answers:
            self.line.say(text)
        self.line.rest(60)

    def give(self, command: bytes, prompt: bytes, data: bytes, *answers: bytes) -> None:
        """The MCU sends a command line, and at the prompt ``data``."""
        self.command(command)
        self.between()
        self.line.write("module", prompt)
        self.line.rest(2)
        self.line.write("mcu", data)
        self.line.rest(2)
        self.between()
        self.answer(*answers)

    # what arrives

    def receive(self, link: Link, data: bytes) -> None:
        """Bytes of the peer reached the module."""
        self._due.append((link, data))
        if not self.nasty:
            self.catch_up([link])

    def between(self) -> None:
        """Say something else, at every second place where the module may."""
        self._turn += 1
        if self.nasty and self._turn % 2 == 0 and not self._announce() and self.gossip:
            self.line.say(self._random.choice(self.gossip))

    def catch_up(self, links: list[Link]) -> None:
        """Announce what has come, and read it."""
        self._announce()
        for link in links:
            if self.pulls and self.nasty and link.waiting:
                self.read(link, self.small)
            while self.pulls and link.waiting:
                self.read(link, self.limit)

    def take(self, link: Link, size: int) -> bytes:
        """Take what one read gives."""
        data = link.take(size)
        self.arrived.append((link, data))
        return data

    def _announce(self) -> bool:
        due, self._due = self._due, []
        for link, data in due:
            link.waiting.append(data)
            self.announce(link, data)
            if not self.pulls:
                link.waiting.clear()
                self.arrived.append((link, data))
        return bool(due)
