"""Cinterion: services of ^SISS that are opened, written and read by profile.

Sources: Cinterion BGS2, EHS5 and EXS82 AT command sets, Internet service commands; MG323 driver of iCar.
"""

from __future__ import annotations

from tests.families.family import Family, Link


class Cinterion(Family):
    """The MCU asks by ^SISR."""

    pulls = True
    limit = 1500
    links = 10
    model = b"EHS5-E"

    def begin(self) -> None:
        self.ask(b'AT^SICS=0,"conType","GPRS0"', b"OK")
        self.ask(b'AT^SICS=0,"apn","internet"', b"OK")

    def open(self, link: Link) -> None:
        to = b"sock%b://%b:%d" % (link.transport.encode(), link.host, link.port)
        for item in (b'"srvType","Socket"', b'"conId","0"', b'"address","%b"' % to):
            self.ask(b"AT^SISS=%d,%b" % (link.number, item), b"OK")
        self.ask(b"AT^SISO=%d" % link.number, b"OK")
        self.answer(b"^SISW: %d,1" % link.number)

    def send(self, link: Link, data: bytes) -> None:
        self.command(b"AT^SISW=%d,%d" % (link.number, len(data)))
        self.between()
        self.line.say(b"^SISW: %d,%d,0" % (link.number, len(data)))
        self.line.rest(2)
        self.line.write("mcu", data)
        self.line.rest(2)
        self.between()
        self.answer(b"OK")
        self.answer(b"^SISW: %d,1" % link.number)

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"^SISR: %d,1" % link.number)

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        self.ask(b"AT^SISR=%d,%d" % (link.number, size), b"^SISR: %d,%d\r\n%b" % (link.number, len(data), data), b"OK")

    def close(self, link: Link) -> None:
        self.ask(b"AT^SISC=%d" % link.number, b"OK")

    def closed(self, link: Link) -> None:
        self.answer(b'^SIS: %d,0,48,"Remote Peer has closed the connection"' % link.number)
        self.ask(b"AT^SISC=%d" % link.number, b"OK")
