"""A USB capture, read from its first to its last packet: what is in it, and what its ports carried, kept for later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from atshark.sources.usb import adapters
from atshark.sources.usb.descriptors import Descriptors
from atshark.sources.usb.headers import BULK, CONTROL, IN, PARSERS, Device, Urb
from atshark.sources.usb.ports import Endpoint, Group, Port, Speakers, groups
from atshark.sources.usb.spool import InOrder, Piece, Spool
from capture.pcapng import Interface, Packet

MAX_ENDPOINTS = 1024
"""Endpoints of a capture that are looked at."""
MAX_SILENT = 4 << 20
"""Bytes of an endpoint that are kept without a line of AT among them."""
_MAX_OPEN = 4096
_SAME_NS = 10_000_000


class Survey:
    """What is in a capture: the packets of each kind of transfer, its ports, and what is wrong with it.

    ``keep_all``: keep also what does not look like AT.
    """

    def __init__(self, spool: Spool, *, keep_all: bool) -> None:
        self.kinds = Counter[int]()
        self.title = ""
        self.endpoints: list[Endpoint] = []
        self.damaged = self.surplus = self.doubles = self.late = 0
        self._spool, self._keep_all = spool, keep_all
        self._descriptors = Descriptors()
        self._by_address: dict[tuple[Device, int], Endpoint] = {}
        self._devices: dict[Device, Speakers] = {}
        self._sent: dict[tuple[Device, int, int], int] = {}
        self._seen: dict[tuple[Device, int, int], tuple[Interface, int, int]] = {}

    def read(self, packets: Iterable[Packet]) -> None:
        """Take all packets of the capture."""
        order = InOrder()
        for packet in packets:
            parser = PARSERS[packet.interface.link_type]
            self.title = self.title or parser.title
            urb = parser.parse(packet)
            if urb is None:
                self.damaged += 1
            elif urb.kind != BULK:
                self.kinds[urb.kind] += 1
                if urb.kind == CONTROL:
                    self._descriptors.hear(urb)
            elif (endpoint := self._endpoint(urb)) is not None and not self._is_double(urb, packet.interface):
                self._follow(urb, endpoint)
                if urb.data:
                    for piece in order.push(Piece(urb.time_ns, endpoint.number, urb.data)):
                        self._hear(piece)
        for piece in order.close():
            self._hear(piece)
        self.late = order.late

    def ports(self) -> list[Group]:
        """Return the ports that were found."""
        found = []
        for device, speakers in self._devices.items():
            product = self._descriptors.products.get(device, "")
            found += [Port(*ends, product) for ends in speakers.pairs(self._descriptors.interfaces(device))]
        return groups(found)

    def _endpoint(self, urb: Urb) -> Endpoint | None:
        found = self._by_address.get((urb.device, urb.endpoint))
        if found is None:
            if len(self.endpoints) >= MAX_ENDPOINTS:
                self.surplus += 1
                return None
            found = Endpoint(len(self.endpoints), urb.device, urb.endpoint)
            self.endpoints.append(found)
            self._by_address[urb.device, urb.endpoint] = found
            self._devices.setdefault(urb.device, Speakers()).add(found)
        return found

    def _is_double(self, urb: Urb, interface: Interface) -> bool:
        """Tell whether another interface of the capture showed the same (usbmon0 shows what usbmon2 shows)."""
        if not urb.data:
            return False
        key, time_ns, data = (urb.device, urb.endpoint, urb.number), urb.time_ns or 0, hash(urb.data)
        seen = self._seen.get(key)
        if seen is not None and seen[0] is not interface and abs(time_ns - seen[1]) < _SAME_NS and seen[2] == data:
            self.doubles += 1
            return True
        if len(self._seen) >= _MAX_OPEN:
            self._seen.clear()
        self._seen[key] = interface, time_ns, data
        return False

    def _follow(self, urb: Urb, endpoint: Endpoint) -> None:
        """Count what is missing, and what was sent and did not arrive."""
        if len(urb.data) < urb.length:
            endpoint.cut += 1
            endpoint.missing += urb.length - len(urb.data)
        if endpoint.address & IN:
            return
        key = urb.device, urb.endpoint, urb.number
        if urb.begins:
            if len(self._sent) >= _MAX_OPEN:
                self._sent.clear()
            self._sent[key] = urb.length
        elif (size := self._sent.pop(key, 0)) and urb.status:
            endpoint.failed += 1
            endpoint.failed_bytes += size

    def _hear(self, piece: Piece) -> None:
        """Look at what a transfer carried, in order of time, and keep it if it may be wanted."""
        endpoint = self.endpoints[piece.endpoint]
        data = self._unwrapped(endpoint, piece.data)
        if not data or endpoint.is_storage:
            return
        endpoint.size += len(data)
        if piece.time_ns is not None:
            endpoint.first_ns = piece.time_ns if endpoint.first_ns is None else endpoint.first_ns
            endpoint.last_ns = piece.time_ns
        self._devices[endpoint.device].hear(endpoint, data)
        if endpoint.traffic or self._keep_all or endpoint.size <= MAX_SILENT:
            self._spool.add(Piece(piece.time_ns, piece.endpoint, data))
        else:
            endpoint.left_out += len(data)

    def _unwrapped(self, endpoint: Endpoint, data: bytes) -> bytes:
        if not endpoint.address & IN:
            return data
        if endpoint.packet_size is None:
            of_device = self._descriptors.interfaces(endpoint.device)
            described = [one.bulk[endpoint.address] for one in of_device if endpoint.address in one.bulk]
            product = self._descriptors.products.get(endpoint.device, "")
            endpoint.packet_size = adapters.packet_size(data, product, described[0] if described else 0)
        return adapters.unwrapped(data, endpoint.packet_size) if endpoint.packet_size else data
