"""Which bulk endpoints of a device are a serial port, which of them carry AT traffic, and which two belong together.

Strategy: each endpoint is read line by line, as far as that needs no memory, and what looks like AT is counted. Two
endpoints of one interface are a port, if the capture holds the device's descriptors. Without them, an IN endpoint
belongs to the OUT endpoint whose commands it repeats and answers; what is left is paired in order, or by number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from atshark.sources.usb.descriptors import NO_SERIAL_PORT, Interface
from atshark.sources.usb.headers import IN, Device
from capture import grammar

_BREAKS = re.compile(rb"[\r\n]")
_CONTROL = re.compile(rb"[\0-\x08\x0b-\x1f\x7f]")
_INFORMATION = re.compile(r"[+^%$*#!][A-Z]")
_MAX_LINE = 1024
_ECHO, _ANSWER, _STRAY = 4, 2, -1
_STORAGE = b"USBC", 31
"""Signature and size of a command block of USB mass storage (Bulk-Only Transport 1.0, 5.1)."""
_MAX_BASIC = 3
_SHARE = 4


def is_command(line: bytes) -> bool:
    """Tell whether a line without its end is a command line, and not a word of prose that begins like one.

    Behind bytes of something else (a frame around it, payload without an end) only an extended command is one.
    """
    start = grammar.command_start(line)
    if start < 0 or _CONTROL.search(line, start):
        return False
    found = grammar.parse_command_line(line[start + 2 :].decode("latin-1"))
    if start > 0:
        return found[0].prefix == "+" and found[0].name.isalpha()
    bare = sum(1 for one in found if one.form in ("basic", "exec") and not one.prefix and not one.arguments)
    return bare <= _MAX_BASIC and all(one.prefix or one.form != "exec" or one.name == "AT" for one in found)


def _is_final(line: bytes) -> bool:
    return (
        line in grammar.FINAL_CODES or line in grammar.NUMERIC_CODES or line.startswith((b"+CME ERROR", b"+CMS ERROR"))
    )


def _is_answer(line: bytes) -> bool:
    if line in grammar.FINAL_CODES or line.startswith((b"CONNECT", b"RING", b"NO CARRIER")):
        return True
    if not line or line[:1] not in b"+^%$*#!" or _CONTROL.search(line):
        return False
    text = line.decode("latin-1")
    return _INFORMATION.match(text) is not None and grammar.parse_information(text) is not None


class Endpoint:
    """A bulk endpoint and what was counted of it: bytes, lines, and the lines that are commands or answers.

    ``packet_size`` is that of packets with status bytes in front, 0 if there are none, None as long as it is not known.
    """

    def __init__(self, number: int, device: Device, address: int) -> None:
        self.number, self.device, self.address = number, device, address
        self.size = self.missing = self.cut = self.failed = self.failed_bytes = 0
        self.lines = self.commands = self.answers = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self.left_out = 0
        self.is_storage = False
        self.packet_size: int | None = None
        self.last = b""
        self.answered: set[int] = set()
        self._tail = b""

    @property
    def traffic(self) -> int:
        """How many lines look like AT."""
        return self.commands + self.answers

    @property
    def is_mostly_at(self) -> bool:
        """Whether AT is a good part of what it carries: for ports of which only one side says something."""
        return self.traffic > 0 and self.traffic * _SHARE >= self.lines

    def read(self, data: bytes) -> list[bytes]:
        """Take what a transfer carried; return the lines that have ended with it, and of long ones the beginning."""
        parts = _BREAKS.split(self._tail + data)
        self._tail = parts.pop()
        if len(self._tail) > _MAX_LINE:
            self._tail = b""
            self.lines += 1
        return [line[:_MAX_LINE] for part in parts if (line := part.strip(b" \t\0"))]


class Speakers:
    """The endpoints of one device: who commands, who answers, and how well each IN fits each OUT."""

    def __init__(self) -> None:
        self.outs: dict[int, Endpoint] = {}
        self.ins: dict[int, Endpoint] = {}
        self._fits = Counter[tuple[int, int]]()

    def add(self, endpoint: Endpoint) -> None:
        """Take an endpoint of the device."""
        (self.ins if endpoint.address & IN else self.outs)[endpoint.address] = endpoint

    def hear(self, endpoint: Endpoint, data: bytes) -> None:
        """Take what a transfer of an endpoint carried, in order of time."""
        if not endpoint.address & IN:
            if (data[:4], len(data)) == _STORAGE:
                endpoint.is_storage = True
            for line in endpoint.read(data):
                endpoint.lines += 1
                if is_command(line):
                    endpoint.commands += 1
                    endpoint.last = line
                    endpoint.answered = set()
            return
        for line in endpoint.read(data):
            endpoint.lines += 1
            final = _is_final(line)
            if is_command(line) or _is_answer(line):
                endpoint.answers += 1
            for out in self.outs.values():
                if line == out.last and out.last:
                    self._fits[out.address, endpoint.address] += _ECHO
                elif final and out.last:
                    stray = endpoint.address in out.answered
                    self._fits[out.address, endpoint.address] += _STRAY if stray else _ANSWER
                    out.answered.add(endpoint.address)

    def pairs(self, interfaces: Iterable[Interface]) -> list[tuple[Endpoint | None, Endpoint | None, Interface | None]]:
        """Return the ports of the device as (OUT, IN, interface); None for what was not heard, or is not known."""
        outs, ins = dict(self.outs), dict(self.ins)
        found: list[tuple[Endpoint | None, Endpoint | None, Interface | None]] = []
        for one in interfaces:
            out, into = outs.pop(one.first(0) or 0, None), ins.pop(one.first(IN) or 0, None)
            if out is not None or into is not None:
                found.append((out, into, one))
        for (out_address, in_address), fit in self._fits.most_common():
            if fit > 0 and out_address in outs and in_address in ins:
                found.append((outs.pop(out_address), ins.pop(in_address), None))
        if len(outs) == len(ins):
            return found + [(outs[one], ins[other], None) for one, other in zip(sorted(outs), sorted(ins), strict=True)]
        found += [(one, ins.pop(address | IN, None), None) for address, one in outs.items()]
        return found + [(None, one, None) for one in ins.values()]


class Port:
    """Two endpoints that belong together, or one that is alone."""

    def __init__(self, out: Endpoint | None, into: Endpoint | None, interface: Interface | None, product: str) -> None:
        self.out, self.into, self.interface, self.product = out, into, interface, product
        self.ends = [one for one in (out, into) if one is not None]
        self.device = self.ends[0].device
        into_name = str(into.address & 0x7F) if into is not None else f"{self.ends[0].address}out"
        self.name = f"{self.device[0]}.{self.device[1]}.{into_name}"
        self.order = (*self.device, self.ends[-1].address & 0x7F)

    @property
    def is_at(self) -> bool:
        """Whether it carries AT traffic."""
        both = self.out is not None and self.into is not None and self.out.commands and self.into.answers
        return not self.what and bool(both or any(one.is_mostly_at for one in self.ends))

    @property
    def what(self) -> str:
        """What it is instead of a serial port, "" if it may be one."""
        if self.interface is not None and self.interface.group in NO_SERIAL_PORT:
            return NO_SERIAL_PORT[self.interface.group]
        return NO_SERIAL_PORT[8] if any(one.is_storage for one in self.ends) else ""

    @property
    def told(self) -> str:
        """What it is, for people."""
        of = [self.product] if self.product else []
        of += [f"interface {self.interface.number}"] if self.interface is not None else []
        of += ["FTDI's status bytes taken out"] if any(one.packet_size for one in self.ends) else []
        ends = " and ".join(f"{'IN' if one.address & IN else 'OUT'} {one.address & 0x7F}" for one in self.ends)
        return f"port {self.name} ({', '.join([*of, ends])})"


class Group:
    """A port; or several that are one to the user, because the device was plugged in anew and got another address."""

    def __init__(self, ports: list[Port]) -> None:
        self.ports = ports

    @property
    def ends(self) -> list[Endpoint]:
        """All endpoints of its ports."""
        return [one for port in self.ports for one in port.ends]

    @property
    def name(self) -> str:
        """How the user names it."""
        return "+".join(port.name for port in self.ports)

    @property
    def is_at(self) -> bool:
        """Whether it carries AT traffic."""
        return any(port.is_at for port in self.ports)

    @property
    def traffic(self) -> int:
        """How many lines look like AT."""
        return sum(one.traffic for one in self.ends)

    @property
    def told(self) -> str:
        """What it is, for people."""
        return ", ".join(port.told for port in self.ports)

    @property
    def content(self) -> str:
        """What it carried, in a few words."""
        what = next((port.what for port in self.ports if port.what), "")
        commands = sum(port.out.commands for port in self.ports if port.out is not None)
        size = sum(one.size for one in self.ends)
        return what or (f"{commands:,} commands, {size:,} bytes" if self.is_at else f"{size:,} bytes")

    def goes_on_as(self, port: Port) -> bool:
        """Tell whether ``port`` may be the same one after the device was plugged in anew."""
        last = self.ports[-1]
        mine, other = ([one.address for one in each.ends] for each in (last, port))
        if mine != other or last.device == port.device or last.device[0] != port.device[0]:
            return False
        if last.product and port.product and last.product != port.product:
            return False
        ended = [one.last_ns for one in last.ends if one.last_ns is not None]
        begins = [one.first_ns for one in port.ends if one.first_ns is not None]
        return bool(ended and begins) and max(ended) < min(begins)


def groups(ports: list[Port]) -> list[Group]:
    """Put AT ports of devices that were plugged in anew together, in order of time; all others stand alone."""
    found: list[Group] = []
    for port in sorted(ports, key=lambda one: min((end.first_ns or 0 for end in one.ends if end.first_ns), default=0)):
        group = next((one for one in found if port.is_at and one.is_at and one.goes_on_as(port)), None)
        if group is None:
            found.append(Group([port]))
        else:
            group.ports.append(port)
    return sorted(found, key=lambda group: group.ports[0].order)
