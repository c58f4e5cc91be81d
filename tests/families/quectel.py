"""Quectel: QIOPEN of the LTE modules, buffered or pushed, in hex or transparent, and QIOPEN of the GSM modules.

Sources: Quectel LTE Standard TCP/IP application note; Quectel GSM TCPIP application note; TinyGSM BG96 and M95.
"""

from __future__ import annotations

from typing import ClassVar

from tests.families.family import Family, Link, in_hex


class Quectel(Family):
    """Buffered: the MCU asks by QIRD."""

    pulls = True
    limit = 1460
    links = 6
    model = b"EC25"
    gossip = (b"+CEREG: 5", b'+QIND: "csq",20,99')
    access: ClassVar[int] = 0

    def begin(self) -> None:
        self.ask(b'AT+QICSGP=1,1,"internet","","",0', b"OK")
        self.ask(b"AT+QIACT=1", b"OK")
        self.ask(b"AT+QIACT?", b'+QIACT: 1,1,1,"10.64.3.7"', b"OK")

    def open(self, link: Link) -> None:
        to = b'"%b","%b",%d,0,%d' % (link.kind, link.host, link.port, self.access)
        self.ask(b"AT+QIOPEN=1,%d,%b" % (link.number, to), b"OK")
        self.answer(b"+QIOPEN: %d,0" % link.number)

    def send(self, link: Link, data: bytes) -> None:
        self.give(b"AT+QISEND=%d,%d" % (link.number, len(data)), b"\r\n> ", data, b"SEND OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b'+QIURC: "recv",%d' % link.number)

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        self.ask(b"AT+QIRD=%d,%d" % (link.number, size), b"+QIRD: %d\r\n%b" % (len(data), data), b"OK")
        if not link.waiting:
            self.ask(b"AT+QIRD=%d,%d" % (link.number, size), b"+QIRD: 0", b"OK")

    def close(self, link: Link) -> None:
        self.ask(b"AT+QICLOSE=%d" % link.number, b"OK")

    def closed(self, link: Link) -> None:
        self.answer(b'+QIURC: "closed",%d' % link.number)
        self.ask(b"AT+QICLOSE=%d" % link.number, b"OK")


class QuectelPush(Quectel):
    """Pushed at once; sent in hex."""

    pulls = False
    limit = 512
    access = 1

    def send(self, link: Link, data: bytes) -> None:
        self.ask(b'AT+QISENDEX=%d,"%b"' % (link.number, in_hex(data)), b"SEND OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b'+QIURC: "recv",%d,%d\r\n%b' % (link.number, len(data), data))


class QuectelGsm(Family):
    """M95 and its kin: data is buffered (QINDI) and read by QIRD."""

    pulls = True
    limit = 1460
    links = 6
    model = b"Quectel_M95"

    def begin(self) -> None:
        for command in (b"AT+QIFGCNT=0", b'AT+QICSGP=1,"internet"', b"AT+QIMUX=1", b"AT+QIMODE=0", b"AT+QINDI=1"):
            self.ask(command, b"OK")
        self.ask(b"AT+QIREGAPP", b"OK")
        self.ask(b"AT+QIACT", b"OK")
        self.ask(b"AT+QILOCIP", b"10.64.3.7")

    def open(self, link: Link) -> None:
        self.ask(b'AT+QIOPEN=%d,"%b","%b",%d' % (link.number, link.kind, link.host, link.port), b"OK")
        self.answer(b"%d, CONNECT OK" % link.number)

    def send(self, link: Link, data: bytes) -> None:
        self.give(b"AT+QISEND=%d,%d" % (link.number, len(data)), b"\r\n> ", data, b"SEND OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"+QIRDI: 0,1,%d,%d,%d,%d" % (link.number, len(link.waiting), len(data), link.unread))

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        said = b"+QIRD: %b:%d,%b,%d\r\n%b" % (link.host, link.port, link.kind, len(data), data)
        self.ask(b"AT+QIRD=0,1,%d,%d" % (link.number, size), said, b"OK")

    def close(self, link: Link) -> None:
        self.ask(b"AT+QICLOSE=%d" % link.number, b"%d, CLOSE OK" % link.number)

    def closed(self, link: Link) -> None:
        self.answer(b"%d, CLOSED" % link.number)


class QuectelGsmPush(QuectelGsm):
    """The same, pushed at once (QINDI=0)."""

    pulls = False

    def begin(self) -> None:
        for command in (b"AT+QIMUX=1", b"AT+QINDI=0"):
            self.ask(command, b"OK")
        self.ask(b"AT+QIACT", b"OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"+RECEIVE: %d, %d\r\n%b" % (link.number, len(data), data))
