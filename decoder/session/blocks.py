"""Raw bytes that the module sends after an OK or CONNECT: a message in binary, a block of a firmware image, data.

Strategy: an answer or URC announces how many; the OK behind it lets them come. They may be anything, so they are
counted, not read; if they stop coming, what there is of them is taken and said to be short. After CONNECT there may be
fewer than the command asked for: then what stands behind them tells, as soon as nothing more comes.

Sources: ICA AT command set V0.4, 5.11, 6.9, 7.8 (messages), 8.6 (blocks with CRC); AirPrime HL78xx AT commands
interface guide, KTCPRCV (after CONNECT).
"""

from __future__ import annotations

import binascii

from decoder.catalog import Command, UrcType
from decoder.catalog.spec import ConnectSpec, RawSpec
from decoder.events import Data
from decoder.pairing.attribution import Answer
from decoder.pairing.pending import PendingCommand
from decoder.session.channel import Channel, ConnectId, Via, connection
from decoder.times import SECOND

GAP_NS = 1 * SECOND
MAX_RAW = 1 << 20


class RawReader:
    """Takes announced raw bytes from the module's wire."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._wire = channel.module_wire
        self._name = ""
        self._connect_id: ConnectId = None
        self.length = 0
        self._crc: int | None = None
        self._command: Command | None = None
        self._urc: UrcType | None = None
        self._tail = b""
        self.expected = False

    def announce(self, answer: Answer, line: str) -> None:
        """Note what an answer or URC announces; any other line takes it back."""
        rule = _rule(answer)
        if rule is None:
            self.length = 0
            return
        params = answer.arguments.params
        length = params.get(rule.length)
        self.length = length if isinstance(length, int) and 0 < length <= MAX_RAW else 0
        self._crc = _number(params.get(rule.crc16)) if rule.crc16 else None
        self._name = answer.name or line
        self._connect_id = connection(params)
        self._urc = answer.urc
        self._command = answer.owner.reading.command if answer.owner is not None else None
        self._tail = b""

    def connected(self, rule: ConnectSpec, waiting: PendingCommand) -> None:
        """CONNECT came: what a command asked for follows now, and a tail behind it."""
        params = waiting.issued.params
        length = params.get(rule.length)
        self.length = length if isinstance(length, int) and 0 < length <= MAX_RAW else MAX_RAW
        self._crc = self._urc = None
        self._name, self._connect_id = waiting.issued.name, connection(params)
        self._command, self._tail = waiting.reading.command, rule.tail.encode()
        self.begin()

    def begin(self) -> None:
        """The OK came: what was announced follows now."""
        self.expected = self.length > 0
        if self.expected:
            self._channel.plain = False

    def step(self, concluded: bool = False) -> bool:
        """Take the bytes if all are there. ``concluded``: nothing more comes for now."""
        waiting = self._wire.waiting()
        size = self.length
        if len(waiting) < size + len(self._tail):
            size = waiting.rfind(self._tail) if self._tail and concluded else -1
        if size < 0:
            self._wire.undecided = bool(self._tail) and not concluded
            if self._wire.last_ns is not None:
                self._channel.wake(self._wire.last_ns + GAP_NS)
            return False
        self._take(size)
        return True

    def pass_time(self, now_ns: int) -> bool:
        """Give up on bytes that have not come by ``now_ns``. True if they were given up."""
        if not self.expected or not len(self._wire) or not self._channel.silent(self._wire, GAP_NS, now_ns):
            return False
        self.give_up()
        return True

    def give_up(self) -> None:
        """Take what there is of the announced bytes."""
        have, announced = len(self._wire), self.length
        self._tail = b""
        if have:
            self._take(have)
        self.expected = False
        self._channel.finding(
            self._wire.last_ns, "module", "payload.length", name=self._name, announced=announced, kind="raw", came=have
        )

    def _take(self, size: int) -> None:
        tail = self._tail if self._wire.waiting().startswith(self._tail, size) else b""
        span = self._wire.take(self._wire.position + size + len(tail))
        raw = span.raw[:size]
        self.expected = False
        via: Via = "answer" if self._tail else "urc"
        data = Data(span.last_ns, "module", self._connect_id, self._name, via, "raw", size, raw.hex())
        self._channel.message("data", "module", span, data=data)
        if raw or not self._tail:
            self._channel.carried(data, raw, {}, kind="block", command=self._command, urc=self._urc)
        if self._crc is not None and size == self.length:
            got = binascii.crc_hqx(raw, 0xFFFF)
            if got != self._crc:
                found, announced = f"0x{got:04X}", f"0x{self._crc:04X}"
                self._channel.finding(
                    span.last_ns, "module", "payload.crc", name=self._name, found=found, announced=announced
                )
        self.length, self._tail = 0, b""


def _rule(answer: Answer) -> RawSpec | None:
    if answer.owner is not None and not answer.late:
        command = answer.owner.reading.command
        return command.raw_after_ok if command is not None else None
    return answer.urc.spec.raw_after_ok if answer.urc is not None else None


def _number(value: object) -> int | None:
    if isinstance(value, int):
        return value
    try:
        return int(str(value), 16)
    except ValueError:
        return None
