"""Captures as other programs make them: USB transfers (usbmon, USBPcap) and RTAC Serial, with AT traffic inside.

Built from the formats' own descriptions with nothing but ``struct``: usbmon.rst of Linux (binary API), the capture
format of USBPcap, draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, USB 2.0 chapter 9.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from capture.chunk import Chunk

USB_LINUX, USB_LINUX_MMAPPED, USBPCAP, RTAC_SERIAL = 189, 220, 249, 250
ISOCHRONOUS, INTERRUPT, CONTROL, BULK = range(4)
MODEM, STICK, CAMERA = (2, 5), (2, 7), (1, 9)
_S = 1_000_000_000


class Leg(NamedTuple):
    """One end of a transfer, as a capture shows it. ``requested``: how many bytes the host asks for."""

    time_ns: int
    number: int
    device: tuple[int, int]
    endpoint: int
    kind: int
    begins: bool
    data: bytes = b""
    status: int = 0
    setup: bytes = b""
    requested: int = 0


def transfer(
    number: int, time_ns: int, device: tuple[int, int], endpoint: int, data: bytes, kind: int = BULK, status: int = 0,
    setup: bytes = b"",
) -> list[Leg]:  # fmt: skip
    """Both ends: what goes out is there when it begins, what comes in when it is done."""
    into = bool(endpoint & 0x80)
    begin = Leg(time_ns - 1000 if into and time_ns else time_ns, number, device, endpoint, kind, True,
                b"" if into else data, 0, setup, 4096 if into else len(data))  # fmt: skip
    done = Leg(time_ns if into or not time_ns else time_ns + 1000, number, device, endpoint, kind, False,
               data if into else b"", status, b"", len(data))  # fmt: skip
    return [begin, done]


# headers


def usbmon(leg: Leg, order: str = "<", size: int = 64) -> bytes:
    bus, address = leg.device
    carries = leg.begins != bool(leg.endpoint & 0x80)
    seconds, rest = divmod(leg.time_ns, _S)
    length = len(leg.data) if carries else leg.requested
    head = struct.pack(
        order + "QBBBBHBBqiiII8s", leg.number, ord("S" if leg.begins else "C"), leg.kind, leg.endpoint, address, bus,
        0 if leg.setup else ord("-"), 0 if carries and leg.data else ord("<" if leg.begins else ">"), seconds,
        rest // 1000, leg.status if not leg.begins else -115, length, len(leg.data), leg.setup,
    )  # fmt: skip
    isochronous = leg.kind == ISOCHRONOUS
    head += struct.pack(order + "iiII", 0, 0, 0, 2 if isochronous else 0)
    return head[:size] + (bytes(32) if isochronous else b"") + leg.data


def usbpcap(leg: Leg) -> bytes:
    bus, address = leg.device
    extra = {CONTROL: b"\0" if leg.begins else b"\3", ISOCHRONOUS: bytes(24)}.get(leg.kind, b"")
    data = leg.setup + leg.data
    function = 0x000B if leg.kind == CONTROL else 0x0009
    return struct.pack(
        "<HQIHBHHBBI", 27 + len(extra), leg.number, leg.status & 0xFFFFFFFF, function, 0 if leg.begins else 1, bus,
        address, leg.endpoint, leg.kind, len(data),
    ) + extra + data  # fmt: skip


def rtac(time_ns: int, event: int, data: bytes = b"") -> bytes:
    seconds, rest = divmod(time_ns, _S)
    return struct.pack(">IIBBH", seconds, rest // 1000, event, 0, 0) + data


# files

Packets = Iterable[tuple[int, bytes] | tuple[int, bytes, int]]
"""Time, bytes, and (in pcapng) the number of the interface."""


def pcap(packets: Packets, link_type: int, order: str = "<", *, nano: bool = True, snap: int = 65535) -> bytes:
    parts = 1 if nano else 1000
    out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snap, link_type)]
    for time_ns, data, *_ in packets:
        seconds, rest = divmod(time_ns, _S)
        kept = data[:snap]
        out.append(struct.pack(order + "IIII", seconds, rest // parts, len(kept), len(data)) + kept)
    return b"".join(out)


def pcapng(
    packets: Packets,
    link_type: int,
    order: str = "<",
    *,
    nano: bool = True,
    snap: int = 65535,
    other: int | None = None,
) -> bytes:
    """Two interfaces are described, the second one of the link type ``other``."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)

    options = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0) if nano else b""
    out = [block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
           block(1, struct.pack(order + "HHI", link_type, 0, snap) + options),
           block(1, struct.pack(order + "HHI", link_type if other is None else other, 0, snap) + options)]  # fmt: skip
    for time_ns, data, *interface in packets:
        ticks = time_ns if nano else time_ns // 1000
        kept = data[:snap]
        head = struct.pack(
            order + "IIIII", interface[0] if interface else 0, ticks >> 32, ticks & 0xFFFFFFFF, len(kept), len(data)
        )
        out.append(block(6, head + kept))
    return b"".join(out)


def packets_of(legs: Iterable[Leg], link_type: int, order: str = "<") -> Iterator[tuple[int, bytes]]:
    for leg in legs:
        if link_type == USBPCAP:
            yield leg.time_ns, usbpcap(leg)
        else:
            yield leg.time_ns, usbmon(leg, order, 48 if link_type == USB_LINUX else 64)


# what a bus carries


def port(chunks: Iterable[Chunk], device: tuple[int, int], out: int, into: int, size: int = 512) -> Iterator[Leg]:
    """What crossed a serial port, in packets of ``size``; one without data ends what fills its packets."""
    number = device[1] << 32 | into << 24
    for time_ns, side, data in chunks:
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        if len(pieces[-1]) == size:
            pieces.append(b"")
        for piece in pieces:
            number += 1
            yield from transfer(number, time_ns or 0, device, out if side == "mcu" else into, piece)


def descriptors(
    time_ns: int, device: tuple[int, int], interfaces: list[tuple[int, list[int]]], size: int = 512, maker: int = 0x2C7C
) -> list[Leg]:
    """What a device says of itself: a device descriptor, and interfaces as (class, bulk endpoints)."""
    body = b""
    for number, (group, endpoints) in enumerate(interfaces):
        body += bytes([9, 4, number, 0, len(endpoints) + 1, group, 0, 0, 0])
        body += bytes([5, 0x24, 0, 0x10, 1]) if group == 2 else b""
        body += struct.pack("<BBBBHB", 7, 5, 0x8F - number, 3, 16, 9)
        for address in endpoints:
            body += struct.pack("<BBBBHB", 7, 5, address, 2, size, 0)
    head = struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), len(interfaces), 1, 0, 0xE0, 250)
    of_device = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x200, 0, 0, 0, 64, maker, 0x0125, 0x318, 1, 2, 3, 1)
    asked = [(1, of_device), (2, head), (2, head + body)]
    out = []
    for index, (kind, data) in enumerate(asked):
        setup = struct.pack("<BBHHH", 0x80, 6, kind << 8, 0, len(data))
        out += transfer(7000 + index, time_ns + index * 10_000, device, 0x80, data, CONTROL, setup=setup)
    return out


def noise(times: list[int], seed: int) -> list[Leg]:
    """What else a bus carries while a modem talks: DIAG and NMEA ports, a memory stick, a camera, interrupts."""
    chance = random.Random(seed)
    out: list[Leg] = []
    number = 1
    for time_ns in times:
        number += 1
        kind = chance.randrange(6)
        if kind == 0:
            out += transfer(number, time_ns, MODEM, 0x81, chance.randbytes(chance.randrange(400)))
            out += transfer(number + 5000, time_ns, MODEM, 0x01, b"\x7e" + chance.randbytes(20) + b"\x7e")
        elif kind == 1:
            out += transfer(number, time_ns, MODEM, 0x82, b"$GPGGA,092204.999,4250.5589,S,14718.5084,E,1,04*7E\r\n")
        elif kind == 2:
            out += transfer(number, time_ns, STICK, 0x02, b"USBC" + chance.randbytes(27))
            out += transfer(number + 5000, time_ns, STICK, 0x81, b"\r\nAT+CSQ\r\n\r\nOK\r\n" * 20)
        elif kind == 3:
            out += transfer(number, time_ns, MODEM, 0x85, b"\xa1\x20\0\0\2\0\2\0\3\0", INTERRUPT)
        elif kind == 4:
            out += transfer(number, time_ns, CAMERA, 0x83, chance.randbytes(60), ISOCHRONOUS)
        else:
            out += transfer(number, time_ns, MODEM, 0x00, b"", CONTROL, setup=bytes([0x21, 0x22, 3, 0, 2, 0, 0, 0]))
    return out


def shuffled(legs: Iterable[Leg], seed: int, reach_ns: int = 50_000_000) -> list[Leg]:
    """Put legs into another order, without parting those of the same time."""
    chance = random.Random(seed)
    moved: dict[int, int] = {}
    return sorted(legs, key=lambda leg: moved.setdefault(leg.time_ns, leg.time_ns + chance.randrange(reach_ns)))


def write_foreign(kind: str, path: Path, chunks: Iterable[Chunk]) -> None:
    """Write ``chunks`` as a capture of ``kind``: "usbmon", "usbpcap" or "rtac"."""
    if kind == "rtac":
        packets = [
            (one.time_ns or 0, rtac(one.time_ns or 0, 1 if one.side == "mcu" else 2, one.data)) for one in chunks
        ]
        path.write_bytes(pcap(packets, RTAC_SERIAL, nano=False))
        return
    link_type = {"usbmon": USB_LINUX_MMAPPED, "usbpcap": USBPCAP}[kind]
    legs = (leg for leg in port(chunks, (1, 5), 0x02, 0x84, 1 << 20) if leg.data)
    path.write_bytes(pcap(packets_of(legs, link_type), link_type, nano=False))
