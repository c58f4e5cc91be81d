"""What USB-serial adapters put around the bytes of a line: FTDI's two status bytes in front of every packet.

Other adapters (CP210x, CH340, PL2303, CDC-ACM) put the bytes into their bulk endpoints as they are.

Source: the comments of Linux' drivers/usb/serial/ftdi_sio.h on modem and line status.
"""

from __future__ import annotations

_FTDI = "0403:"
_FULL_SPEED, _HIGH_SPEED = 1, 2
_QUIET = (0x00, 0x01, 0x60)
"""Line status without an error: transmitter empty or not, data there or not."""


def packet_size(data: bytes, product: str, described: int) -> int:
    """Return how long the packets are that status bytes stand in, 0 if there are none.

    ``data`` is the first transfer of an IN endpoint, ``product`` and ``described`` what its descriptors say ("" and 0
    if they are not known).
    """
    if len(data) < 2:
        return 0
    speed = data[0] & 0x0F
    if speed not in (_FULL_SPEED, _HIGH_SPEED) or (data[1] not in _QUIET and not product.startswith(_FTDI)):
        return 0
    return described if described > 2 else 64 if speed == _FULL_SPEED else 512


def unwrapped(data: bytes, size: int) -> bytes:
    """Take the status bytes out of a transfer of packets of ``size`` bytes."""
    return data[2:] if len(data) <= size else b"".join(data[at + 2 : at + size] for at in range(0, len(data), size))
