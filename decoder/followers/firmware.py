"""Firmware images that arrive in blocks over the serial line: put together and checked.

Strategy: a line announces an image with its size and digest; a command asks for its next block, or for the last one
again, which then takes the place of what came before. The image is complete when its announced size is reached.

Source: ICA AT command set V0.4, 8.4 (announcement), 8.6 (blocks), 8.7 (abort).
"""

from __future__ import annotations

import hashlib

from decoder.catalog.conditions import applies
from decoder.catalog.effects import BlockSpec, ImageSpec
from decoder.events import Event, Finding, Image, Params

MAX_IMAGE = 64 << 20


class Firmware:
    """The image that is being transferred. Appends events to ``out``."""

    def __init__(self, out: list[Event]) -> None:
        self._out = out
        self._announced: Params = {}
        self._blocks: list[bytes] = []
        self._size = 0
        self._again = False
        self._started = False

    def announced(self, spec: ImageSpec, params: Params, time_ns: int | None) -> None:
        """A line announced an image; one that was not complete is given up."""
        self.finish(time_ns)
        self._announced = {
            "version": params.get(spec.version), "size": params.get(spec.size), "digest": params.get(spec.digest),
        }  # fmt: skip

    def asked(self, spec: BlockSpec, params: Params, time_ns: int | None) -> None:
        """A command asked for a block, or ends the transfer."""
        if not spec.ends:
            self._started = True
            self._again = bool(spec.again) and applies(spec.again, params)
        elif spec.ends == "always" or self._size == self._announced.get("size"):
            self.finish(time_ns)

    def block(self, data: bytes, time_ns: int | None) -> None:
        """A block came."""
        if not self._started:
            return
        self._started = False
        if self._again and self._blocks:
            self._size -= len(self._blocks.pop())
        if self._size + len(data) > MAX_IMAGE:
            return
        self._blocks.append(data)
        self._size += len(data)

    def finish(self, time_ns: int | None) -> None:
        """The transfer is over, or another one begins: check what came."""
        if not self._blocks:
            self._announced = {}
            return
        data = b"".join(self._blocks)
        announced, count = self._announced, len(self._blocks)
        self._blocks, self._size, self._announced = [], 0, {}
        version = str(announced.get("version") or "unknown")
        size, digest = announced.get("size"), announced.get("digest")
        problems = []
        if isinstance(size, int) and size != len(data):
            problems.append(f"{size} bytes were announced, {len(data)} came in {count} blocks")
        found = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if isinstance(digest, str) and digest and found != digest.lower().strip():
            problems.append(f"its MD5 is {found}, announced was {digest}")
        if not announced:
            problems.append("no line announced its size and MD5")
        self._out.append(Image(time_ns, version, data, tuple(problems)))
        told = "; ".join(problems) or f"{len(data)} bytes in {count} blocks, size and MD5 as announced"
        if not problems or announced:
            self._out.append(
                Finding(
                    time_ns, "module", "firmware.image" if not problems else "firmware.damaged",
                    "error" if problems else "note", f"firmware {version}: {told}", "ICA 8.4, 8.6",
                )
            )  # fmt: skip
