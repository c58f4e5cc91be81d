"""Captures as other programs make them: USB bulk transfers (usbmon, USBPcap) and RTAC Serial, with AT traffic inside."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from capture.chunk import Chunk

_US = 1_000
LINKTYPE_USB_LINUX_MMAPPED, LINKTYPE_USBPCAP, LINKTYPE_RTAC_SERIAL = 220, 249, 250


def _write(path: Path, link_type: int, packets: Iterable[tuple[int, bytes]]) -> None:
    with path.open("wb") as stream:
        stream.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type))
        for time_ns, data in packets:
            seconds, rest = divmod(time_ns, 1_000_000_000)
            stream.write(struct.pack("<IIII", seconds, rest // _US, len(data), len(data)) + data)


def _usbmon(chunks: Iterable[Chunk]) -> Iterator[tuple[int, bytes]]:
    """Write what leaves as submissions, what arrives as completions (Documentation/usb/usbmon.rst of Linux)."""
    for number, (time_ns, side, data) in enumerate(chunks):
        out = side == "mcu"
        endpoint = 0x02 if out else 0x84
        seconds, rest = divmod(time_ns or 0, 1_000_000_000)
        head = struct.pack(
            "<QBBBBHBBqiiIIQiiII",
            number,
            ord("S" if out else "C"),
            3,
            endpoint,
            5,
            1,
            ord("-"),
            0,
            seconds,
            rest // _US,
            0,
            len(data),
            len(data),
            0,
            0,
            0,
            0,
            0,
        )
        yield time_ns or 0, head + data


def _usbpcap(chunks: Iterable[Chunk]) -> Iterator[tuple[int, bytes]]:
    """Write the header of USBPcap: length, IRP, status, function, info, bus, device, endpoint, transfer, size."""
    for number, (time_ns, side, data) in enumerate(chunks):
        out = side == "mcu"
        head = struct.pack("<HQIHBHHBBI", 27, number, 0, 9, 0 if out else 1, 1, 5, 0x02 if out else 0x84, 3, len(data))
        yield time_ns or 0, head + data


def _rtac(chunks: Iterable[Chunk]) -> Iterator[tuple[int, bytes]]:
    """Write the header of RTAC Serial: seconds, microseconds, event (data of the DTE or the DCE), control lines, 0."""
    for time_ns, side, data in chunks:
        seconds, rest = divmod(time_ns or 0, 1_000_000_000)
        yield time_ns or 0, struct.pack(">IIBBH", seconds, rest // _US, 1 if side == "mcu" else 2, 0, 0) + data


def write_foreign(kind: str, path: Path, chunks: Iterable[Chunk]) -> None:
    """Write ``chunks`` as a capture of ``kind``: "usbmon", "usbpcap" or "rtac"."""
    link_type, packets = {
        "usbmon": (LINKTYPE_USB_LINUX_MMAPPED, _usbmon),
        "usbpcap": (LINKTYPE_USBPCAP, _usbpcap),
        "rtac": (LINKTYPE_RTAC_SERIAL, _rtac),
    }[kind]
    _write(path, link_type, packets(chunks))
