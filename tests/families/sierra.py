"""Sierra Wireless HL: KTCP and KUDP sessions; data either way stands behind CONNECT, and a pattern behind it.

Sources: AirPrime HL6 and HL8, HL78xx AT commands interface guides; Zephyr drivers hl7800 and hl78xx; the maker's tests.
"""

from __future__ import annotations

from tests.families.family import Family, Link

PATTERN = b"--EOF--Pattern--"


class Sierra(Family):
    """The MCU asks by KTCPRCV or KUDPRCV."""

    pulls = True
    limit = 1460
    first = 1
    links = 6
    model = b"HL7812"

    def begin(self) -> None:
        self.ask(b'AT+KPATTERN="--EOF--Pattern--"', b"OK")
        self.ask(b'AT+KCNXCFG=1,"GPRS","internet"', b"OK")

    def open(self, link: Link) -> None:
        if link.transport == "tcp":
            config = b'AT+KTCPCFG=1,0,"%b",%d' % (link.host, link.port)
            self.ask(config, b"+KTCPCFG: %d" % link.number, b"OK")
            self.ask(b"AT+KTCPCNX=%d" % link.number, b"OK")
            self.answer(b"+KTCP_IND: %d,1" % link.number)
        else:
            self.ask(b"AT+KUDPCFG=1,0", b"+KUDPCFG: %d" % link.number, b"OK")
            self.answer(b"+KUDP_IND: %d,1" % link.number)

    def send(self, link: Link, data: bytes) -> None:
        command = b"AT+KTCPSND=%d,%d" % (link.number, len(data))
        if link.transport == "udp":
            command = b'AT+KUDPSND=%d,"%b",%d,%d' % (link.number, link.host, link.port, len(data))
        self.give(command, b"\r\nCONNECT\r\n", data + PATTERN, b"OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"+K%b_DATA: %d,%d" % (link.kind, link.number, link.unread))

    def read(self, link: Link, size: int) -> None:
        if self.nasty:
            size = len(link.waiting[0]) if link.transport == "udp" else min(size, link.unread)
        data = self.take(link, size)
        self.command(b"AT+K%bRCV=%d,%d" % (link.kind, link.number, size))
        self.between()
        self.line.write("module", b"\r\nCONNECT\r\n" + data + PATTERN + b"\r\nOK\r\n")
        self.line.rest(60)
        if link.transport == "udp":
            self.answer(b'+KUDP_RCV: "%b",%d' % (link.host, link.port))

    def close(self, link: Link) -> None:
        self.ask(b"AT+K%bCLOSE=%d,1" % (link.kind, link.number), b"OK")
        self.ask(b"AT+K%bDEL=%d" % (link.kind, link.number), b"OK")

    def closed(self, link: Link) -> None:
        self.answer(b"+KTCP_NOTIF: %d,4" % link.number)
        self.ask(b"AT+KTCPDEL=%d" % link.number, b"OK")
