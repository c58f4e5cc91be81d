"""Modules in transparent mode: one connection, whose bytes cross the line as they are.

Nothing but silence, ``+++`` and what the module says at the end tells lines from data, so any bytes are too much for it:
only real protocols are carried here.
"""

from __future__ import annotations

from tests.families.espressif import Esp
from tests.families.family import Family, Link
from tests.families.quectel import Quectel
from tests.families.simcom import Sim800
from tests.families.telit import Telit


class Online(Family):
    """One connection, whose bytes cross the line as they are."""

    pulls = False
    links = 1

    def send(self, link: Link, data: bytes) -> None:
        self.line.rest(100)
        self.line.write("mcu", data)

    def announce(self, link: Link, data: bytes) -> None:
        self.line.rest(100)
        self.line.write("module", data)

    def escape(self, silent_ms: int = 500) -> None:
        """The MCU leaves transparent mode, and waits."""
        self.line.rest(1000)
        self.line.write("mcu", b"+++")
        self.line.rest(silent_ms)


class OnlineByCarrier(Online):
    """One whose module says OK to an escape, and NO CARRIER if the peer closes."""

    def close(self, link: Link) -> None:
        self.escape()
        self.answer(b"OK")
        super().close(link)

    def closed(self, link: Link) -> None:
        self.line.rest(100)
        self.answer(b"NO CARRIER")
        super().close(link)


class OnlineSim800(Online, Sim800):
    """SIM800 with CIPMODE=1."""

    setup = (b"AT+CIPMUX=0", b"AT+CIPMODE=1")

    def open(self, link: Link) -> None:
        self.ask(b'AT+CIPSTART="%b","%b",%d' % (link.kind, link.host, link.port), b"OK")
        self.answer(b"CONNECT")

    def close(self, link: Link) -> None:
        self.escape()
        self.answer(b"OK")
        self.ask(b"AT+CIPCLOSE", b"CLOSE OK")

    def closed(self, link: Link) -> None:
        self.line.rest(100)
        self.answer(b"CLOSED")


class OnlineEsp(Online, Esp):
    """ESP-AT with CIPMODE=1: nobody answers ``+++``."""

    transports = ("tcp",)
    setup = (b"AT+CIPMUX=0", b"AT+CIPMODE=1")

    def open(self, link: Link) -> None:
        self.command(b'AT+CIPSTART="%b","%b",%d' % (link.kind, link.host, link.port))
        self.say(b"CONNECT")
        self.answer(b"OK")
        self.command(b"AT+CIPSEND")
        self.line.write("module", b"\r\nOK\r\n\r\n>")
        self.line.rest(60)

    def close(self, link: Link) -> None:
        self.escape(1500)
        self.command(b"AT+CIPCLOSE")
        self.say(b"CLOSED")
        self.answer(b"OK")

    def closed(self, link: Link) -> None:
        self.close(link)


class OnlineQuectel(OnlineByCarrier, Quectel):
    """Quectel with access mode 2."""

    access = 2

    def open(self, link: Link) -> None:
        to = b'"%b","%b",%d,0,2' % (link.kind, link.host, link.port)
        self.ask(b"AT+QIOPEN=1,%d,%b" % (link.number, to), b"CONNECT")


class OnlineTelit(OnlineByCarrier, Telit):
    """Telit without the parameter that asks for command mode."""

    def open(self, link: Link) -> None:
        kind = int(link.transport == "udp")
        self.ask(b'AT#SD=%d,%d,%d,"%b"' % (link.number, kind, link.port, link.host), b"CONNECT")
