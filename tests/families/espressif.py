"""ESP-AT: several connections that push or are read, one connection, and passthrough.

Source: ESP-AT user guide, TCP/IP AT commands (CIPSTART, CIPSEND, +IPD, CIPRECVTYPE, CIPRECVDATA, CIPMODE).
"""

from __future__ import annotations

from typing import ClassVar

from tests.families.family import Family, Link


class Esp(Family):
    """Several connections; what arrives is said at once behind ``+IPD``."""

    limit = 2048
    gossip = (b"WIFI DISCONNECT", b"WIFI CONNECTED", b"WIFI GOT IP")
    setup: ClassVar[tuple[bytes, ...]] = (b"AT+CIPMUX=1",)

    def start(self) -> None:
        super().start()
        self.ask(b"AT+CWMODE=1", b"OK")
        self.ask(b'AT+CWJAP="home","secret-17"', b"WIFI CONNECTED", b"WIFI GOT IP", b"", b"OK")
        for command in self.setup:
            self.ask(command, b"OK")

    def say(self, text: bytes) -> None:
        """Say a line that has no line end in front."""
        self.line.write("module", text + b"\r\n")

    def open(self, link: Link) -> None:
        self.command(b'AT+CIPSTART=%d,"%b","%b",%d' % (link.number, link.kind, link.host, link.port))
        self.say(b"%d,CONNECT" % link.number)
        self.answer(b"OK")

    def send(self, link: Link, data: bytes) -> None:
        self.command(b"AT+CIPSEND=%d,%d" % (link.number, len(data)))
        self.between()
        self._payload(data)

    def _payload(self, data: bytes) -> None:
        self.line.write("module", b"\r\nOK\r\n\r\n>")
        self.line.rest(2)
        self.line.write("mcu", data)
        self.line.rest(2)
        self.answer(b"Recv %d bytes" % len(data))
        self.between()
        self.answer(b"SEND OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.write("module", b"\r\n+IPD,%d,%d:%b" % (link.number, len(data), data))

    def close(self, link: Link) -> None:
        self.command(b"AT+CIPCLOSE=%d" % link.number)
        self.say(b"%d,CLOSED" % link.number)
        self.answer(b"OK")

    def closed(self, link: Link) -> None:
        self.say(b"%d,CLOSED" % link.number)
        self.line.rest(60)


class EspInfo(Esp):
    """The same, and who sent it is said too (CIPDINFO)."""

    setup = (b"AT+CIPMUX=1", b"AT+CIPDINFO=1")

    def announce(self, link: Link, data: bytes) -> None:
        said = b'\r\n+IPD,%d,%d,"%b",%d:%b' % (link.number, len(data), link.host, link.port, data)
        self.line.write("module", said)


class EspPassive(Esp):
    """The MCU asks for what arrived."""

    pulls = True
    transports = ("tcp",)
    setup: ClassVar[tuple[bytes, ...]] = (
        b"AT+CIPMUX=1",
        b"AT+CIPRECVTYPE=0,1",
        b"AT+CIPRECVTYPE=1,1",
        b"AT+CIPRECVTYPE=2,1",
        b"AT+CIPRECVTYPE=3,1",
    )

    def announce(self, link: Link, data: bytes) -> None:
        self.line.write("module", b"\r\n+IPD,%d,%d\r\n" % (link.number, link.unread))

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        self.command(b"AT+CIPRECVDATA=%d,%d" % (link.number, size))
        self.line.write("module", b"+CIPRECVDATA:%d,%b\r\n\r\nOK\r\n" % (len(data), data))
        self.line.rest(60)


class Esp8266Passive(EspPassive):
    """The same of ESP8266: one mode for all connections, and another answer."""

    setup = (b"AT+CIPMUX=1", b"AT+CIPRECVMODE=1")

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        self.command(b"AT+CIPRECVDATA=%d,%d" % (link.number, size))
        self.line.write("module", b"+CIPRECVDATA,%d:%b\r\nOK\r\n" % (len(data), data))
        self.line.rest(60)


class EspSingle(Esp):
    """One connection at a time."""

    links = 1
    setup = (b"AT+CIPMUX=0",)

    def open(self, link: Link) -> None:
        self.command(b'AT+CIPSTART="%b","%b",%d' % (link.kind, link.host, link.port))
        self.say(b"CONNECT")
        self.answer(b"OK")

    def send(self, link: Link, data: bytes) -> None:
        self.command(b"AT+CIPSEND=%d" % len(data))
        self.between()
        self._payload(data)

    def announce(self, link: Link, data: bytes) -> None:
        self.line.write("module", b"\r\n+IPD,%d:%b" % (len(data), data))

    def close(self, link: Link) -> None:
        self.command(b"AT+CIPCLOSE")
        self.say(b"CLOSED")
        self.answer(b"OK")

    def closed(self, link: Link) -> None:
        self.say(b"CLOSED")
        self.line.rest(60)
