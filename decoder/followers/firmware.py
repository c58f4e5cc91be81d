"""Firmware images that arrive in blocks over the serial line: put together and checked.

Strategy: a line announces an image with its size and digest; a command asks for its next block, or for the last one
again, which then takes the place of what came before. The image is complete when its announced size is reached.

Source: ICA AT command set V0.4, 8.4 (announcement), 8.6 (blocks), 8.7 (abort).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from decoder.catalog.conditions import applies
from decoder.catalog.effects import BlockSpec, ImageSpec
from decoder.effects import Answered, Carried, Ended, Reported, Restarted
from decoder.events import Image, Params
from decoder.followers.follower import Follower, Hear, Seat
from decoder.rules import found

MAX_IMAGE = 64 << 20


class Firmware(Follower):
    """Follows the image that is being transferred."""

    effects = frozenset(["image", "block"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._announced: Params = {}
        self._blocks: list[bytes] = []
        self._size = 0
        self._again = False
        self._started = False

    def hears(self) -> Mapping[type, Hear]:
        """Lines that announce an image, commands that ask for its blocks, the blocks."""
        return {
            Answered: self._answered,
            Reported: self._reported,
            Ended: self._ended,
            Carried: self._carried,
            Restarted: lambda event: self.finish(event.time_ns),
        }

    def _answered(self, event: Answered) -> None:
        command = event.issued.command
        if command is not None and command.image is not None:
            self._announce(command.image, event.message.params, event.message.time_ns)

    def _reported(self, event: Reported) -> None:
        if event.urc is not None and event.urc.spec.image is not None:
            self._announce(event.urc.spec.image, event.message.params, event.message.time_ns)

    def _announce(self, spec: ImageSpec, params: Params, time_ns: int | None) -> None:
        """A line announced an image; one that was not complete is given up."""
        self.finish(time_ns)
        self._announced = {
            "version": params.get(spec.version),
            "size": params.get(spec.size),
            "digest": params.get(spec.digest),
        }

    def _ended(self, event: Ended) -> None:
        """A command asked for a block, or ends the transfer."""
        command = event.issued.command
        spec: BlockSpec | None = command.block if command is not None and event.good else None
        if spec is None:
            return
        if not spec.ends:
            self._started = True
            self._again = bool(spec.again) and applies(spec.again, event.issued.params)
        elif spec.ends == "always" or self._size == self._announced.get("size"):
            self.finish(event.time_ns)

    def _carried(self, event: Carried) -> None:
        """A block came."""
        if event.kind != "block" or not self._started:
            return
        data = event.raw
        self._started = False
        if self._again and self._blocks:
            self._size -= len(self._blocks.pop())
        if self._size + len(data) > MAX_IMAGE:
            return
        self._blocks.append(data)
        self._size += len(data)

    def finish(self, last_ns: int | None) -> None:
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
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if isinstance(digest, str) and digest and md5 != digest.lower().strip():
            problems.append(f"its MD5 is {md5}, announced was {digest}")
        if not announced:
            problems.append("no line announced its size and MD5")
        self._out.append(Image(last_ns, version, data, tuple(problems)))
        values = {"version": version, "size": len(data), "blocks": count, "why": "; ".join(problems)}
        if not problems or announced:
            rule = "firmware.damaged" if problems else "firmware.image"
            self._out.append(found(rule, last_ns, "module", values))
