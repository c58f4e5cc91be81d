"""u-blox: sockets of USOCR, written at the ``@`` or in hex, read in quotes.

Sources: u-blox AT commands manual (UBX-13002752) 25, Internet suite; the driver ubxlib.
"""

from __future__ import annotations

from typing import ClassVar

from tests.families.family import Family, Link, in_hex


class Ublox(Family):
    """Raw bytes at ``@``, raw bytes in quotes."""

    pulls = True
    links = 6
    model = b"SARA-R510S-01B"
    gossip = (b'+UUPSDA: 0,"10.64.3.7"', b"+CEREG: 5")
    setup: ClassVar[tuple[bytes, ...]] = ()

    def begin(self) -> None:
        for command in self.setup:
            self.ask(command, b"OK")

    def open(self, link: Link) -> None:
        number = link.number
        self.ask(b"AT+USOCR=%d" % (6 if link.transport == "tcp" else 17), b"+USOCR: %d" % number, b"OK")
        if link.transport == "tcp":
            self.ask(b'AT+USOCO=%d,"%b",%d' % (number, link.host, link.port), b"OK")

    def where(self, link: Link) -> bytes:
        """The parameters that say where data goes, and the name of the command that takes them."""
        if link.transport == "tcp":
            return b"USOWR=%d" % link.number
        return b'USOST=%d,"%b",%d' % (link.number, link.host, link.port)

    def send(self, link: Link, data: bytes) -> None:
        where = self.where(link)
        done = b"+%b: %d,%d" % (where[:5], link.number, len(data))
        self.give(b"AT+%b,%d" % (where, len(data)), b"\r\n@", data, done, b"OK")

    def announce(self, link: Link, data: bytes) -> None:
        name = b"UUSORD" if link.transport == "tcp" else b"UUSORF"
        self.line.say(b"+%b: %d,%d" % (name, link.number, link.unread))

    def shown(self, data: bytes) -> bytes:
        """How received bytes stand in an answer."""
        return data

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        shown = b'%d,"%b"' % (len(data), self.shown(data))
        if link.transport == "tcp":
            said = b"+USORD: %d,%b" % (link.number, shown)
            self.ask(b"AT+USORD=%d,%d" % (link.number, size), said, b"OK")
        else:
            said = b'+USORF: %d,"%b",%d,%b' % (link.number, link.host, link.port, shown)
            self.ask(b"AT+USORF=%d,%d" % (link.number, size), said, b"OK")

    def close(self, link: Link) -> None:
        self.ask(b"AT+USOCL=%d" % link.number, b"OK")

    def closed(self, link: Link) -> None:
        self.answer(b"+UUSOCL: %d" % link.number)


class UbloxHex(Ublox):
    """Everything in hex (UDCONF)."""

    limit = 512
    setup = (b"AT+UDCONF=1,1",)

    def send(self, link: Link, data: bytes) -> None:
        where = self.where(link)
        done = b"+%b: %d,%d" % (where[:5], link.number, len(data))
        self.ask(b'AT+%b,%d,"%b"' % (where, len(data), in_hex(data)), done, b"OK")

    def shown(self, data: bytes) -> bytes:
        return in_hex(data)
