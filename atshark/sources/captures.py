"""Captures (pcap and pcapng) of this project and of others, told apart by the link types of their packets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

from atshark.sources import rtac, usb
from capture import recording
from capture.chunk import Chunk
from capture.errors import AtsharkError
from capture.pcap import Packets, open_packets
from capture.pcapng import LINKTYPE_WIRESHARK_UPPER_PDU, Packet
from capture.timing import EXACT, Timing

_NAMES = {
    1: "Ethernet", 9: "PPP", 101: "raw IP", 105: "802.11", 113: "Linux cooked", 127: "802.11 radiotap",
    186: "USB of FreeBSD", 187: "Bluetooth HCI", 201: "Bluetooth HCI", 204: "PPP", 236: "27.010 multiplexer",
    252: "exported PDUs that are not atshark's", 266: "USB of macOS", 276: "Linux cooked", 288: "USB bus packets",
    293: "USB bus packets", 294: "USB bus packets", 295: "USB bus packets",
    189: "usbmon", 220: "usbmon", 249: "USBPcap", 250: "RTAC Serial",
}  # fmt: skip
"""Link types that people may meet, as www.tcpdump.org/linktypes.html names them."""
_READ = "usbmon (189, 220), USBPcap (249), RTAC Serial (250) and what atshark writes itself (252)"


class Opened(NamedTuple):
    """A capture that was recognised: its chunks, its format, how exact its times are, what its reader has to say.

    The last is filled as it reads.
    """

    chunks: Iterator[Chunk]
    format: str
    timing: Timing
    notes: list[str]


class _Packets:
    """The packets of a capture, of which the first that can be read was looked at. ``others`` counts by link type."""

    def __init__(self, reader: Packets) -> None:
        self._reader = reader
        self._packets = iter(reader)
        self.others = Counter[int]()

    def first(self) -> Packet | None:
        """Return the first packet that says what the capture is; None if there is none."""
        for packet in self._packets:
            link_type = packet.interface.link_type
            if link_type in usb.PARSERS or link_type == rtac.LINK_TYPE or recording.is_own(packet):
                self._packets = chain([packet], self._packets)
                return packet
            self.others[link_type] += 1
        return None

    def __iter__(self) -> Iterator[Packet]:
        return self._packets

    def of(self, wanted: frozenset[int], name: str, warnings: list[str], notes: list[str]) -> Iterator[Packet]:
        """Yield the packets of the link types ``wanted``; at the end, tell what else there is, and what is cut."""
        count = 0
        for packet in self._packets:
            if packet.interface.link_type in wanted:
                count += 1
                yield packet
            else:
                self.others[packet.interface.link_type] += 1
        if self._reader.truncated:
            warnings.append(f"{name}: {self._reader.truncated}; {count} whole packets before it were read")
        notes += [f"left out: {number} packets of {_named(kind)}" for kind, number in sorted(self.others.items())]


def open_capture(stream: BinaryIO, head: bytes, name: str, port: str, warnings: list[str]) -> Opened | None:
    """Open a capture that begins with ``head``; None if it is none.

    ``port`` is the port that is asked for, "" for the one with the most AT traffic. Raises :class:`AtsharkError` if the
    capture holds nothing that can be read, or has no such port.
    """
    reader = open_packets(stream, head, name)
    if reader is None:
        return None
    packets = _Packets(reader)
    first = packets.first()
    timing = EXACT if first is None else Timing(first.interface.resolution_ns)
    if first is not None and first.interface.link_type in usb.PARSERS:
        notes: list[str] = []
        told = packets.of(frozenset(usb.PARSERS), name, warnings, notes)
        chunks = usb.Capture(told, name, port, warnings, notes).chunks()
        return Opened(chunks, usb.PARSERS[first.interface.link_type].format, timing, notes)
    if port:
        raise AtsharkError(f"{name}: only USB captures have ports to choose from; leave out #{port}")
    if first is None:
        _refuse(reader, packets.others, name)
        if reader.truncated:
            warnings.append(f"{name}: {reader.truncated}; no whole packet stands before it")
        return Opened(iter(()), "pcapng", timing, [])
    if first.interface.link_type == rtac.LINK_TYPE:
        notes = ["read as RTAC Serial: the DTE is the MCU, the DCE is the module"]
        told = packets.of(frozenset((rtac.LINK_TYPE,)), name, warnings, notes)
        return Opened(rtac.chunks(told, name, warnings), "rtac", timing, notes)
    return Opened(recording.from_packets(packets, reader, name, warnings), "pcapng", timing, [])


def _refuse(reader: Packets, others: Counter[int], name: str) -> None:
    """Raise if packets, or interfaces without any, say that this is none of our captures."""
    count = others.total()
    if count:
        of = ", ".join(map(_named, sorted(others)))
        raise AtsharkError(f"{name}: none of its {count} packets is serial traffic: {of}; atshark reads {_READ}")
    found = reader.link_types - {LINKTYPE_WIRESHARK_UPPER_PDU}
    if found and LINKTYPE_WIRESHARK_UPPER_PDU not in reader.link_types and not reader.truncated:
        of = ", ".join(map(_named, sorted(found)[:5]))
        raise AtsharkError(f"{name}: a capture without a packet ({of})")


def _named(link_type: int) -> str:
    name = _NAMES.get(link_type)
    return f"link type {link_type} ({name})" if name else f"link type {link_type}"
