"""Telit: sockets of #SD in command mode.

Sources: Telit IP Easy user guide; LE910 AT commands reference guide, multisocket commands.
"""

from __future__ import annotations

from typing import ClassVar

from tests.families.family import Family, Link, in_hex


class Telit(Family):
    """The MCU asks by #SRECV; ``SRING`` says only that something arrived."""

    pulls = True
    limit = 1500
    first = 1
    links = 6
    model = b"LE910C1-EU"
    ring: ClassVar[int] = 0
    receive_hex: ClassVar[int] = 0

    def begin(self) -> None:
        for number in range(1, 7):
            self.ask(b"AT#SCFG=%d,1,1500,90,600,1" % number, b"OK")
            self.ask(b"AT#SCFGEXT=%d,%d,%d,0,0,0" % (number, self.ring, self.receive_hex), b"OK")
            self.ask(b"AT#SCFGEXT2=%d,0,0,0,0,1" % number, b"OK")
        self.ask(b"AT#SGACT=1,1", b"#SGACT: 10.64.3.7", b"OK")

    def open(self, link: Link) -> None:
        kind = int(link.transport == "udp")
        to = b'%d,%d,%d,"%b",0,%d,1' % (link.number, kind, link.port, link.host, 5000 + link.number)
        self.ask(b"AT#SD=" + to, b"OK")

    def send(self, link: Link, data: bytes) -> None:
        self.give(b"AT#SSENDEXT=%d,%d" % (link.number, len(data)), b"\r\n> ", data, b"OK")

    def announce(self, link: Link, data: bytes) -> None:
        more = b",%d" % link.unread if self.ring else b""
        self.line.say(b"SRING: %d%b" % (link.number, more))

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        shown = in_hex(data) if self.receive_hex else data
        said = b"#SRECV: %d,%d\r\n%b" % (link.number, len(data), shown)
        self.ask(b"AT#SRECV=%d,%d" % (link.number, size), said, b"OK")

    def close(self, link: Link) -> None:
        self.ask(b"AT#SH=%d" % link.number, b"OK")

    def closed(self, link: Link) -> None:
        self.answer(b"NO CARRIER: %d" % link.number)


class TelitHex(Telit):
    """Received in hex; ``SRING`` says how much waits."""

    limit = 750
    ring = 1
    receive_hex = 1


class TelitPush(Telit):
    """``SRING`` brings the bytes."""

    pulls = False
    ring = 2

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"SRING: %d,%d,%b" % (link.number, len(data), data))
