"""Neul (BC95, BC28, M5310): NSOCR and its kin; everything is in hex, and answers have no name.

Sources: Quectel BC95 AT commands manual, UDP and TCP commands; drivers of BC95, TB22 and TPB23 modules.
"""

from __future__ import annotations

from tests.families.family import Family, Link, in_hex


class Neul(Family):
    """The MCU asks by NSORF."""

    pulls = True
    limit = 512
    links = 7
    gossip = (b"+CEREG:1", b"+CSCON:1")

    def open(self, link: Link) -> None:
        kind = b"DGRAM,17,%d,1" % (5000 + link.number) if link.transport == "udp" else b"STREAM,6,0,1"
        self.ask(b"AT+NSOCR=" + kind, b"%d" % link.number, b"OK")
        if link.transport == "tcp":
            self.ask(b"AT+NSOCO=%d,%b,%d" % (link.number, link.host, link.port), b"OK")

    def send(self, link: Link, data: bytes) -> None:
        shown = b"%d,%b" % (len(data), in_hex(data))
        command = b"AT+NSOSD=%d,%b" % (link.number, shown)
        if link.transport == "udp":
            command = b"AT+NSOST=%d,%b,%d,%b" % (link.number, link.host, link.port, shown)
        self.ask(command, b"%d,%d" % (link.number, len(data)), b"OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"+NSONMI:%d,%d" % (link.number, len(data)))

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        shown = b"%d,%b,%d" % (len(data), in_hex(data), link.unread)
        said = b"%d,%b,%d,%b" % (link.number, link.host, link.port, shown)
        self.ask(b"AT+NSORF=%d,%d" % (link.number, size), said, b"OK")

    def close(self, link: Link) -> None:
        self.ask(b"AT+NSOCL=%d" % link.number, b"OK")

    def closed(self, link: Link) -> None:
        self.answer(b"+NSOCLI:%d" % link.number)


class NeulPush(Neul):
    """What arrives is said at once (NSONMI=2)."""

    pulls = False

    def begin(self) -> None:
        self.ask(b"AT+NSONMI=2", b"OK")

    def announce(self, link: Link, data: bytes) -> None:
        shown = b"%d,%b" % (len(data), in_hex(data))
        self.line.say(b"+NSONMI:%d,%b,%d,%b" % (link.number, link.host, link.port, shown))
