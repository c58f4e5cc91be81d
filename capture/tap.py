"""The tap: two serial ports (or one), one reader, one clock. It listens and does nothing else.

One loop waits for the ports and takes the time as soon as a read returns. The time is the monotonic clock, anchored
once to the epoch, so it never runs backwards. What the ports do (ports.py), when a first byte began (arrival.py), the
order of the wires (order.py) and the speed (speed.py) are decided elsewhere; here they are put together, and a port
that goes away is opened again when its adapter comes back.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator

from capture import grammar
from capture.arrival import Arrival, character_ns
from capture.chunk import Chunk, Mark, MarkChunk, MarkKind, ReadChunk, Side, first_ns
from capture.errors import AtsharkError
from capture.identify import Identify
from capture.lineerrors import Unmark, marked
from capture.order import Order
from capture.ports import FRAMING, Port, find, open_port
from capture.speed import Finder, Follower
from capture.waiting import polling_wait, select_wait

_TICK_S = 0.01
"""The reader looks at its clock at least this often, so that it notices when it was held up."""
_STALL_NS = 30_000_000
"""From here on it is said that it was: less is what schedulers do."""
_CHECK_NS = 500_000_000
_SILENT_NS = 10_000_000_000
_SILENT_ANSWERS = 3
_IDENTIFY_BYTES = 65536
IDENTIFY_S = 30.0
DEFAULT_BAUD = 115200
_OTHER: dict[Side, Side] = {"mcu": "module", "module": "mcu"}


def clock() -> Callable[[], int]:
    """Return a clock in ns since the epoch that runs with the monotonic clock and is anchored now."""
    offset = time.time_ns() - time.monotonic_ns()
    monotonic = time.monotonic_ns
    return lambda: monotonic() + offset


class _Wire:
    """One wire: its port while it is there, and all that is remembered about it."""

    def __init__(self, side: Side, port: Port, baud: int, framing: str) -> None:
        self.side = side
        self.name = port.name
        self.identity = port.identity
        self.baud = baud
        self.framing = framing
        self.open(port)

    def open(self, port: Port) -> None:
        self.port: Port | None = port
        self.unmark = Unmark() if port.marked else None
        self.arrival = Arrival(character_ns(self.baud, self.framing), port.delay_ns)
        self.heard_ns = 0
        self.silent = False

    def speed(self, baud: int) -> None:
        """Listen at another speed. Raises OSError if the port refuses."""
        self.baud = baud
        self.arrival.character_ns = character_ns(baud, self.framing)
        if self.port is not None:
            self.port.set_speed(baud)


class Tap:
    """Listen on two ports, or on one. Iterate to get chunks; call :meth:`stop` from anywhere to end the iteration.

    A port is a device or a URL (``socket://``, ``rfc2217://``); None for a wire that is not tapped. ``baud`` in bit/s
    is that of both wires, unless ``module_baud`` is given; None: it is found by listening. ``framing`` as in
    :func:`capture.ports.open_port`. ``reattach``: a port that went away is opened again when it is back; without it,
    the iteration ends when no port is left.

    ``lost`` tells which wires were lost, and why. An idle wait of ``idle_s`` seconds yields None, so that the
    consumer can let time-outs pass while both wires are silent.
    """

    def __init__(
        self,
        mcu_port: str | None,
        module_port: str | None,
        baud: int | None = DEFAULT_BAUD,
        *,
        module_baud: int | None = None,
        framing: str = "8N1",
        idle_s: float = 0.05,
        reattach: bool = False,
    ) -> None:
        if mcu_port is None and module_port is None:
            raise AtsharkError("no port was given; a tap needs at least one")
        if mcu_port == module_port:
            raise AtsharkError(f"{mcu_port}: the same port was given for both wires; each wire needs an adapter")
        if not FRAMING.fullmatch(framing):
            raise AtsharkError(f"{framing}: no framing; give data bits, parity and stop bits, as 8N1 or 7E1")
        self.now = clock()
        names = {"mcu": mcu_port, "module": module_port}
        speeds: dict[Side, int | None] = {"mcu": baud, "module": module_baud or baud}
        self._finders: dict[Side, Finder] = {}
        self._wires: dict[Side, _Wire] = {}
        shared = Finder(self.now())
        for side, speed in speeds.items():
            name = names[side]
            if name is None:
                continue
            if speed is None:
                if "://" in name:
                    self.close()
                    raise AtsharkError(f"{name}: the speed of a URL cannot be found by trying; give it with -b")
                self._finders[side] = shared
            start = shared.speed if speed is None else speed
            try:
                self._wires[side] = _Wire(side, open_port(name, start, framing), start, framing)
            except AtsharkError:
                self.close()
                raise
        self.lost: dict[Side, str] = {}
        self.errors: dict[Side, int] = dict.fromkeys(self._wires, 0)
        self.overruns = 0
        self._order = Order()
        self._follower = Follower(module_heard="module" in self._wires)
        self._answers = 0
        self._reattach = reattach
        self._idle_s = idle_s
        self._check_ns = 0
        self._early: deque[Chunk] = deque()
        self._notes: deque[Chunk] = deque()
        self._stopped = False

    @property
    def ports(self) -> dict[Side, Port]:
        """The ports that are open."""
        return {side: wire.port for side, wire in self._wires.items() if wire.port is not None}

    @property
    def speeds(self) -> dict[Side, int]:
        """The speed of each wire, in bit/s."""
        return {side: wire.baud for side, wire in self._wires.items()}

    @property
    def descriptions(self) -> dict[Side, str]:
        """What is behind each wire: port, speed, framing."""
        out: dict[Side, str] = {}
        for side, wire in self._wires.items():
            latency = ", low latency" if wire.port is not None and wire.port.low_latency else ""
            found = ", found by trying" if side in self._finders else ""
            out[side] = f"{wire.name} {wire.baud} {wire.framing}{found}{latency}, bytes sent by the {side}"
        return out

    def stop(self) -> None:
        """End the iteration at the next opportunity."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether it was told to end."""
        return self._stopped

    def note(self, text: str) -> None:
        """Put a note of the user among the chunks, with the time of now. May be called from any thread."""
        self._notes.append(self._mark("note", text, "mcu"))

    def close(self) -> None:
        """Close the ports."""
        for wire in self._wires.values():
            if wire.port is not None:
                wire.port.close()

    def identify(self, seconds: float = IDENTIFY_S) -> str:
        """Listen until it is clear which port is the MCU's, at most so long; call before the iteration.

        What was heard is not lost: the iteration begins with it. Return a sentence about the decision.
        """
        decider = Identify()
        sides: tuple[Side, Side] = ("mcu", "module")
        heard: list[Chunk] = []
        size = 0
        until = time.monotonic() + seconds
        found = None
        for chunk in self._raw():
            if chunk is not None:
                heard.append(chunk)
                size += len(chunk.data)
                found = decider.feed(sides.index(chunk.side), chunk.data)
            if found is not None or size > _IDENTIFY_BYTES or time.monotonic() > until:
                break
        if found == 1:
            self._swap()
            heard = [_swapped(chunk) for chunk in heard]
        names = {side: wire.name for side, wire in self._wires.items()}
        if found is None:
            text = f"it stayed unclear which port is the MCU's; taken as given: {names['mcu']} is the MCU"
        else:
            text = f"{names['mcu']} is the MCU, {names['module']} the module: {decider.why(found)}"
        self._early.extend(heard)
        self._early.append(self._mark("identified", text, "mcu"))
        return text

    def _swap(self) -> None:
        self._wires = {_OTHER[side]: wire for side, wire in self._wires.items()}
        self._finders = {_OTHER[side]: finder for side, finder in self._finders.items()}
        self.lost = {_OTHER[side]: why for side, why in self.lost.items()}
        self.errors = {_OTHER[side]: count for side, count in self.errors.items()}
        for side, wire in self._wires.items():
            wire.side = side

    def __iter__(self) -> Iterator[Chunk | None]:
        order = self._order
        for chunk in self._raw():
            while self._early:
                yield from order.push(self._early.popleft())
            while self._notes:
                yield from order.push(self._notes.popleft())
            if chunk is None:
                yield from order.tick(self.now())
                yield None
            else:
                yield from order.push(chunk)
        while self._early:
            yield from order.push(self._early.popleft())
        yield from order.close()
        while self._notes:
            yield self._notes.popleft()
        skew = order.skew()
        if skew is not None:
            yield MarkChunk.at(self.now(), "module", skew)

    @property
    def skew(self) -> str:
        """What was measured about the skew of the two adapters, "" if nothing worth telling."""
        mark = self._order.skew()
        return "" if mark is None else mark.text

    def _mark(self, kind: MarkKind, text: str, side: Side) -> Chunk:
        return MarkChunk.at(self.now(), side, Mark(kind, text))

    def _raw(self) -> Iterator[Chunk | None]:
        """Yield what is read, as it is read, with marks for what happens to the ports; None when nothing is."""
        waiter = select_wait if sys.platform != "win32" else polling_wait
        now = self.now
        woke_ns = now()
        while not self._stopped:
            if now() >= self._check_ns:
                yield from self._check()
            ports = self.ports
            if not ports:
                if not self._reattach:
                    return
                time.sleep(self._idle_s)
                woke_ns = now()
                yield None
                continue
            wake = self._order.wake_ns
            wait_s = min(self._idle_s, _TICK_S)
            if wake is not None:
                wait_s = min(wait_s, max(0.0, (wake - now()) / 1e9))
            idle = True
            ready = waiter(ports, wait_s)
            before_ns, woke_ns = woke_ns, now()
            if woke_ns - before_ns - int(wait_s * 1e9) >= _STALL_NS:
                yield self._stalled(woke_ns - before_ns)
            if len(ready) < len(ports):
                looked_ns = now()
                for side in ports.keys() - ready:
                    self._wires[side].arrival.empty(looked_ns)
            for side in ready:
                wire = self._wires[side]
                try:
                    assert wire.port is not None
                    data = wire.port.read()
                except OSError as error:
                    yield self._gone(wire, error)
                    continue
                if data:
                    idle = False
                    yield from self._took(wire, data, now())
            if idle:
                yield None

    def _stalled(self, for_ns: int) -> Chunk:
        """Say that the reader was held up for so long, before what came meanwhile is read."""
        text = (
            f"the reader was held up for {for_ns / 1e6:.0f} ms: what came meanwhile has the time at which it was read"
        )
        return self._mark("stall", text, next(iter(self.ports), "mcu"))

    def _took(self, wire: _Wire, data: bytes, read_ns: int) -> Iterator[Chunk]:
        first = wire.arrival.first(read_ns, len(data))
        wire.heard_ns = read_ns
        if wire.silent:
            wire.silent = False
            yield self._mark("back", f"{wire.name}: heard again", wire.side)
        if wire.side == "mcu":
            self._answers = 0
        else:
            self._answers += len(grammar.FINAL_LINE.findall(data))
        errors = 0
        if wire.unmark is None:
            yield ReadChunk.at(read_ns, wire.side, data, first)
            yield from self._new_speed(wire, data)
        else:
            pieces = wire.unmark.feed(data)
            errors = sum(1 for kind, _ in pieces if kind is not None)
            self.errors[wire.side] += errors
            for chunk in marked(pieces, errors, wire.name, wire.side, read_ns, first):
                yield chunk
                yield from self._new_speed(wire, chunk.data)
        finder = self._finders.get(wire.side)
        if finder is not None:
            known = finder.found
            changed = finder.feed(data, errors, read_ns)
            if changed:
                yield from self._listen_at(finder.speed, "tried, because what came made no sense")
            elif finder.found and not known:
                yield self._mark("speed", f"{finder.speed} bit/s found", wire.side)

    def _new_speed(self, wire: _Wire, data: bytes) -> Iterator[Chunk]:
        speed = self._follower.feed(wire.side, data)
        if speed is not None and speed != wire.baud:
            yield from self._listen_at(speed, "the host changed the speed")

    def _listen_at(self, speed: int, why: str) -> Iterator[Chunk]:
        for wire in self._wires.values():
            try:
                wire.speed(speed)
                text = f"{wire.name}: listening at {speed} bit/s from here on: {why}"
            except OSError as error:
                text = f"{wire.name}: cannot listen at {speed} bit/s ({error}): {why}"
            yield self._mark("speed", text, wire.side)

    def _gone(self, wire: _Wire, error: OSError) -> Chunk:
        assert wire.port is not None
        wire.port.close()
        wire.port = None
        why = f"{wire.name}: the port went away ({error})"
        self.lost[wire.side] = why
        return self._mark("gap", why, wire.side)

    def _check(self) -> Iterator[Chunk]:
        """Look at what need not be looked at often: errors that were counted, wires that are silent, lost ports."""
        now = self.now()
        self._check_ns = now + _CHECK_NS
        for wire in self._wires.values():
            if wire.port is not None:
                yield from self._count(wire)
            elif self._reattach:
                yield from self._attach(wire)
        for finder in {id(one): one for one in self._finders.values()}.values():
            if finder.tick(now):
                yield from self._listen_at(finder.speed, "tried, because what came made no sense")
        mcu, module = self._wires.get("mcu"), self._wires.get("module")
        if mcu is not None and module is not None and mcu.port is not None:
            quiet = now - max(mcu.heard_ns, 0) > _SILENT_NS
            if self._answers >= _SILENT_ANSWERS and quiet and not mcu.silent:
                mcu.silent = True
                text = f"{mcu.name}: no byte on this wire, but {self._answers} results of the module: is it connected?"
                yield self._mark("silent", text, "mcu")

    def _count(self, wire: _Wire) -> Iterator[Chunk]:
        assert wire.port is not None
        new = wire.port.new_errors()
        lost = new.get("overrun", 0) + new.get("buf_overrun", 0)
        if lost:
            self.overruns += lost
            yield self._mark("overrun", f"{wire.name}: the driver lost bytes ({lost} overruns)", wire.side)

    def _attach(self, wire: _Wire) -> Iterator[Chunk]:
        name = find(wire.identity) if wire.identity is not None else wire.name
        if name is None or ("://" not in name and not os.path.exists(name)):
            return
        try:
            port = open_port(name, wire.baud, wire.framing)
        except AtsharkError:
            return
        wire.open(port)
        again = "" if name == wire.name else f" as {name}"
        text = f"{wire.name}: the port is back{again}"
        wire.name = name
        yield self._mark("back", text, wire.side)


def _swapped(chunk: Chunk) -> Chunk:
    side = _OTHER[chunk.side]
    if isinstance(chunk, MarkChunk):
        return MarkChunk.at(chunk.time_ns, side, chunk.mark)
    return ReadChunk.at(chunk.time_ns or 0, side, chunk.data, first_ns(chunk) or 0)
