"""Nordic Serial Modem: #XSOCKET and its kin, with a handle in each command.

Source: ncs-serial-modem documentation, Socket AT commands, and app/src/sm_at_socket.c (where the line ends are).
"""

from __future__ import annotations

from tests.families.family import Family, Link, in_hex


class Nordic(Family):
    """Sent in hex, received in binary."""

    pulls = True
    limit = 1024
    links = 8
    model = b"nRF9151-LACA"
    gossip = (b'+CEREG: 5,"0001","00000001",7', b"%MDMEV: SEARCH STATUS 2")

    def open(self, link: Link) -> None:
        kind = b"1,6" if link.transport == "tcp" else b"2,17"
        self.ask(b"AT#XSOCKET=1,%b,0" % kind[:1], b"#XSOCKET: %d,%b" % (link.number, kind), b"OK")
        if link.transport == "tcp":
            connect = b'AT#XCONNECT=%d,"%b",%d' % (link.number, link.host, link.port)
            self.ask(connect, b"#XCONNECT: %d,1" % link.number, b"OK")
        self.ask(b"AT#XAPOLL=%d,1,1" % link.number, b"OK")

    def send(self, link: Link, data: bytes) -> None:
        done = b"%d,0,%d" % (link.number, len(data))
        shown = in_hex(data)
        if link.transport == "tcp":
            self.ask(b'AT#XSEND=%d,1,0,"%b"' % (link.number, shown), b"#XSEND: " + done, b"OK")
        else:
            command = b'AT#XSENDTO=%d,1,0,"%b",%d,"%b"' % (link.number, link.host, link.port, shown)
            self.ask(command, b"#XSENDTO: " + done, b"OK")

    def announce(self, link: Link, data: bytes) -> None:
        self.line.say(b"#XAPOLL: %d,1" % link.number)

    def read(self, link: Link, size: int) -> None:
        data = self.take(link, size)
        if link.transport == "tcp":
            said = b"#XRECV: %d,0,%d\r\n%b" % (link.number, len(data), data)
            self.command(b"AT#XRECV=%d,0,0,10,%d" % (link.number, size))
        else:
            said = b'#XRECVFROM: %d,0,%d,"%b",%d\r\n%b' % (link.number, len(data), link.host, link.port, data)
            self.command(b"AT#XRECVFROM=%d,0,0,10,%d" % (link.number, size))
        self.between()
        self.line.write("module", b"\r\n" + said + b"\r\nOK\r\n")
        self.line.rest(60)

    def close(self, link: Link) -> None:
        self.ask(b"AT#XCLOSE=%d" % link.number, b"#XCLOSE: %d,0" % link.number, b"OK")

    def closed(self, link: Link) -> None:
        self.answer(b"#XAPOLL: %d,17" % link.number)
        self.close(link)
