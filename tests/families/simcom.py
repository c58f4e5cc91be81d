"""SIMCom: CIPSTART and CIPSEND (SIM800), CIPOPEN (SIM7600, A7600), CAOPEN (SIM7000, SIM7080).

Sources: SIM800 series AT command manual 8.2; SIM7500/SIM7600 series AT command manual 11; SIM7070/SIM7080/SIM7090
series AT command manual 12; the drivers TinyGSM and LilyGo Modem Series.
"""

from __future__ import annotations

from typing import ClassVar

from tests.families.family import Family, Link, in_hex


class Sim800(Family):
    """Several connections; what arrives is said at once behind ``+RECEIVE``."""

    links = 6
    limit = 1460
    model = b"SIMCOM_SIM800L"
    setup: ClassVar[tuple[bytes, ...]] = (b"AT+CIPMUX=1",)

    def begin(self) -> None:
        for command in (*self.setup, b'AT+CSTT="internet","",""', b"AT+CIICR"):
            self.ask(command, b"OK")
        self.ask(b"AT+CIFSR", b"10.64.3.7")

    def open(self, link: Link) -> None:
        self.ask(b'AT+CIPSTART=%d,"%b","%b",%d' % (link.number, link.kind, link.host, link.port), b"OK")
        self.answer(b"%d, CONNECT OK" % link.number)

    def send(self, link: Link, data: bytes) -> None:
        self.give(b"AT+CIPSEND=%d,%d" % (link.number, len(data)), b"\r\n> ", data, b"%d, SEND OK" % link.number)

    def announce(self, link: Link, data: bytes) -> None:
        self.line.write("module", b"\r\n+RECEIVE,%d,%d:\r\n%b" % (link.number, len(data), data))

    def close(self, link: Link) -> None:
        self.ask(b"AT+CIPCLOSE=%d" % link.number, b"%d, CLOSE OK" % link.number)

    def closed(self, link: Link) -> None:
        self.answer(b"%d, CLOSED" % link.number)


class Sim800Asking(Sim800):
    """The MCU asks for what arrived; data is acknowledged when the module has taken it."""

    pulls = True
    setup = (b"AT+CIPMUX=1", b"AT+CIPQSEND=1", b"AT+CIPRXGET=1")

    def send(self, link: Link, data: bytes) -> None:
        command = b"AT+CIPSEND=%d,%d" % (link.number, len(data))
        self.give(command, b"\r\n> ", data, b"DATA ACCEPT:%d,%d" % (link.number, len(data)))

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"+CIPRXGET: 1,%d" % link.number)

    def read(self, link: Link, size: int) -> None:
        self.ask(b"AT+CIPRXGET=4,%d" % link.number, b"+CIPRXGET: 4,%d,%d" % (link.number, link.unread), b"OK")
        data = self.take(link, size)
        self.ask(b"AT+CIPRXGET=2,%d,%d" % (link.number, size), *self.answers(link, data))

    def answers(self, link: Link, data: bytes) -> tuple[bytes, ...]:
        """What a read is answered with."""
        return b"+CIPRXGET: 2,%d,%d,%d\r\n%b" % (link.number, len(data), link.unread, data), b"OK"


class Sim800Hex(Sim800Asking):
    """The same, read in hex."""

    limit = 730

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        said = b"+CIPRXGET: 3,%d,%d,%d\r\n%b" % (link.number, len(data), link.unread, in_hex(data))
        self.ask(b"AT+CIPRXGET=3,%d,%d" % (link.number, size), said, b"OK")


class Sim800Single(Sim800):
    """One connection at a time; what arrives is said at once behind ``+IPD``."""

    links = 1
    setup = (b"AT+CIPMUX=0", b"AT+CIPHEAD=1")

    def open(self, link: Link) -> None:
        self.ask(b'AT+CIPSTART="%b","%b","%d"' % (link.kind, link.host, link.port), b"OK")
        self.answer(b"CONNECT OK")

    def send(self, link: Link, data: bytes) -> None:
        self.give(b"AT+CIPSEND=%d" % len(data), b"\r\n> ", data, b"SEND OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.write("module", b"\r\n+IPD,%d:%b" % (len(data), data))

    def close(self, link: Link) -> None:
        self.ask(b"AT+CIPCLOSE", b"CLOSE OK")

    def closed(self, link: Link) -> None:
        self.answer(b"CLOSED")


class Sim7600(Family):
    """CIPOPEN; what arrives is said at once behind ``+RECEIVE``."""

    links = 10
    limit = 1460
    model = b"SIMCOM_SIM7600E"
    setup: ClassVar[tuple[bytes, ...]] = (b"AT+CIPHEAD=1", b"AT+CIPSRIP=0")

    def begin(self) -> None:
        for command in self.setup:
            self.ask(command, b"OK")
        self.ask(b"AT+NETOPEN", b"OK", b"+NETOPEN: 0")
        self.ask(b"AT+IPADDR", b"+IPADDR: 10.64.3.7", b"OK")

    def open(self, link: Link) -> None:
        if link.transport == "tcp":
            self.ask(b'AT+CIPOPEN=%d,"TCP","%b",%d' % (link.number, link.host, link.port), b"OK")
        else:
            self.ask(b'AT+CIPOPEN=%d,"UDP",,,%d' % (link.number, 5000 + link.number), b"OK")
        self.answer(b"+CIPOPEN: %d,0" % link.number)

    def send(self, link: Link, data: bytes) -> None:
        to = b'%d,%d,"%b",%d' % (link.number, len(data), link.host, link.port)
        command = b"AT+CIPSEND=" + (b"%d,%d" % (link.number, len(data)) if link.transport == "tcp" else to)
        done = b"+CIPSEND: %d,%d,%d" % (link.number, len(data), len(data))
        self.give(command, b"\r\n>", data, b"OK", done)

    def announce(self, link: Link, data: bytes) -> None:
        self.line.write("module", b"\r\n+RECEIVE,%d,%d:\r\n%b" % (link.number, len(data), data))

    def close(self, link: Link) -> None:
        self.ask(b"AT+CIPCLOSE=%d" % link.number, b"OK", b"+CIPCLOSE: %d,0" % link.number)

    def closed(self, link: Link) -> None:
        self.answer(b"+IPCLOSE: %d,1" % link.number)


class Sim7600Asking(Sim7600):
    """The MCU asks for what arrived."""

    pulls = True
    setup = (b"AT+CIPRXGET=1",)

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"+CIPRXGET: 1,%d" % link.number)

    def read(self, link: Link, size: int) -> None:
        self.ask(b"AT+CIPRXGET=4,%d" % link.number, b"+CIPRXGET: 4,%d,%d" % (link.number, link.unread), b"OK")
        data = self.take(link, size)
        said = b"+CIPRXGET: 2,%d,%d,%d\r\n%b" % (link.number, len(data), link.unread, data)
        self.ask(b"AT+CIPRXGET=2,%d,%d" % (link.number, size), said, b"OK")


class Sim7080(Family):
    """CAOPEN; the MCU asks by CARECV."""

    pulls = True
    links = 12
    limit = 1459
    model = b"SIMCOM_SIM7080G"
    mode: ClassVar[bytes] = b""

    def begin(self) -> None:
        self.ask(b"AT+CNACT=0,1", b"OK")
        self.answer(b"+APP PDP: 0,ACTIVE")

    def open(self, link: Link) -> None:
        to = b'%d,0,"%b","%b",%d' % (link.number, link.kind, link.host, link.port)
        self.ask(b"AT+CAOPEN=%b%b" % (to, self.mode), b"+CAOPEN: %d,0" % link.number, b"OK")

    def send(self, link: Link, data: bytes) -> None:
        self.give(b"AT+CASEND=%d,%d" % (link.number, len(data)), b"\r\n>", data, b"OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"+CADATAIND: %d" % link.number)

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        self.ask(b"AT+CARECV=%d,%d" % (link.number, size), b"+CARECV: %d,%b" % (len(data), data), b"OK")
        if not link.waiting:
            self.ask(b"AT+CARECV=%d,%d" % (link.number, size), b"+CARECV: 0", b"OK")

    def close(self, link: Link) -> None:
        self.ask(b"AT+CACLOSE=%d" % link.number, b"OK")

    def closed(self, link: Link) -> None:
        self.answer(b"+CASTATE: %d,0" % link.number)


class Sim7080Push(Sim7080):
    """What arrives is said at once behind ``+CAURC``."""

    pulls = False
    mode = b",1"

    def announce(self, link: Link, data: bytes) -> None:
        self.line.write("module", b'\r\n+CAURC: "recv",%d,%d\r\n%b\r\n' % (link.number, len(data), data))


class Sim7080PushFrom(Sim7080Push):
    """The same, with who sent it."""

    def announce(self, link: Link, data: bytes) -> None:
        said = b'\r\n+CAURC: "recv",%d,%d,"%b",%d\r\n%b\r\n' % (link.number, len(data), link.host, link.port, data)
        self.line.write("module", said)
