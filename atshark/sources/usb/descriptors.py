"""What devices say of themselves, where a capture holds it: maker, product, and the endpoints of each interface.

The host asks with GET DESCRIPTOR when a device is plugged in; the programs that capture usually ask once more when they
begin. Any of it may be cut or a lie: what cannot be read is left out.

Source: USB 2.0, 9.3 and 9.4 (requests), 9.6 (descriptors).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from atshark.sources.usb.headers import IN, Device, Urb

_GET_DESCRIPTOR, _SET_CONFIGURATION = b"\x80\x06", b"\x00\x09"
_OF_DEVICE, _OF_CONFIGURATION, _OF_INTERFACE, _OF_ENDPOINT = 1, 2, 4, 5
_DEVICE = struct.Struct("<8xHH")
_INTERFACE = struct.Struct("<2xBxxB")
_ENDPOINT = struct.Struct("<2xBBH")
_BULK, _MAX_BULK = 2, 32
_MAX_WAITING, _MAX_DEVICES, _MAX_INTERFACES = 256, 512, 4096

NO_SERIAL_PORT = {
    1: "audio", 3: "HID", 6: "images", 7: "printer", 8: "mass storage", 9: "hub", 11: "smart card", 14: "video",
}  # fmt: skip
"""Classes of interfaces that are none of a modem's or an adapter's ports (www.usb.org/defined-class-codes)."""


class Interface(NamedTuple):
    """An interface: its number, its class, and the addresses of its bulk endpoints with their packet sizes."""

    number: int
    group: int
    bulk: dict[int, int]

    def first(self, direction: int) -> int | None:
        """Return the first bulk endpoint to the host (IN) or from it (0); None if there is none."""
        return next((address for address in self.bulk if address & IN == direction), None)


class Descriptors:
    """Hears control transfers and remembers what devices said. ``products`` are "maker:product" in hex digits."""

    def __init__(self) -> None:
        self.products: dict[Device, str] = {}
        self._waiting: dict[tuple[Device, int], int] = {}
        self._configurations: dict[Device, dict[int, dict[int, Interface]]] = {}
        self._chosen: dict[Device, int] = {}
        self._count = 0

    def interfaces(self, device: Device) -> list[Interface]:
        """Return the interfaces of a device, by number: of the configuration that was set, else of the first one.

        An address may be given to another device; then the last one counts.
        """
        known = self._configurations.get(device)
        if not known:
            return []
        found = known.get(self._chosen.get(device, -1)) or next(iter(known.values()))
        return [found[number] for number in sorted(found)]

    def hear(self, urb: Urb) -> None:
        """Take one end of a control transfer."""
        key = urb.device, urb.number
        if len(urb.setup) == 8:
            request, low, high = urb.setup[:2], urb.setup[2], urb.setup[3]
            self._waiting.pop(key, None)
            if request == _GET_DESCRIPTOR and high in (_OF_DEVICE, _OF_CONFIGURATION):
                if len(self._waiting) >= _MAX_WAITING:
                    del self._waiting[next(iter(self._waiting))]
                self._waiting[key] = high
            elif request == _SET_CONFIGURATION and (urb.device in self._chosen or len(self._chosen) < _MAX_DEVICES):
                self._chosen[urb.device] = low
        elif not urb.begins and urb.data and key in self._waiting:
            if self._waiting.pop(key) == _OF_CONFIGURATION:
                self._read(urb.device, urb.data)
            elif len(urb.data) >= _DEVICE.size and (urb.device in self.products or len(self.products) < _MAX_DEVICES):
                product = "{:04x}:{:04x}".format(*_DEVICE.unpack_from(urb.data))
                if self.products.get(urb.device, product) != product:
                    self._count -= sum(map(len, self._configurations.pop(urb.device, {}).values()))
                self.products[urb.device] = product

    def _read(self, device: Device, data: bytes) -> None:
        """Take a configuration; of several readings, the host's first ones are cut, the longest counts."""
        if len(data) < 6 or (device not in self._configurations and len(self._configurations) >= _MAX_DEVICES):
            return
        known = self._configurations.setdefault(device, {})
        before = len(known.get(data[5], ()))
        found = _interfaces(data)
        if len(found) >= before and self._count + len(found) - before <= _MAX_INTERFACES:
            known[data[5]] = found
            self._count += len(found) - before


def _interfaces(data: bytes) -> dict[int, Interface]:
    found: dict[int, Interface] = {}
    now: Interface | None = None
    for one in _descriptors(data):
        if one[1] == _OF_INTERFACE and len(one) >= _INTERFACE.size:
            number, group = _INTERFACE.unpack_from(one)
            now = found.setdefault(number, Interface(number, group, {}))
        elif one[1] == _OF_ENDPOINT and len(one) >= _ENDPOINT.size and now is not None:
            address, attributes, size = _ENDPOINT.unpack_from(one)
            if attributes & 3 == _BULK and len(now.bulk) < _MAX_BULK:
                now.bulk.setdefault(address, size & 0x7FF)
    return found


def _descriptors(data: bytes) -> Iterator[bytes]:
    """Part what a configuration says into descriptors, each with its length and kind in front."""
    at = 0
    while at + 2 <= len(data) and data[at] >= 2:
        yield data[at : at + data[at]]
        at += data[at]
