"""The order of two wires whose clocks do not tell it: two logs of one wire each, or what a stalled reader read at once.

Strategy: a session says what can come next. While a command waits, the module speaks, up to its result or its prompt;
behind a prompt the MCU sends as many bytes as it announced; while nothing waits, lines that belong to no command are
the module's own, and a line that answers the next command, or a result, makes the MCU speak first. Evidence (an echo, a
name) comes before times, which decide what it leaves open: that a command was given up, or when a URC came. By how much
the clocks differ is told from the times themselves (clocks.py); where they do not contradict what is said, they decide.

The session is asked after each piece; what it is told here has no times, so nothing is decided by silence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from capture import grammar
from capture.chunk import Chunk, Side, with_data, with_place
from decoder.catalog import Catalog
from decoder.clocks import clocks, is_result, lines, names_in, takes
from decoder.session import Awaits, Session

_AHEAD = 1 << 13
"""Bytes of the module that are looked at to see what its next lines answer."""
_HEAD = 1 << 18
"""Bytes of each wire by which the difference is told."""
_CLOSE_NS, _SAME_NS = 5_000_000, 1_000_000
"""Times that lie closer together do not tell what was first."""


class _Queue:
    """What a wire still has to say."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._source = iter(chunks)
        self._chunks: deque[Chunk] = deque()
        self.marks: list[Chunk] = []
        self._size = 0
        self._over = False

    def _fill(self, size: int) -> None:
        """Have at least ``size`` bytes at hand, if there are so many."""
        while self._size < size and not self._over:
            chunk = next(self._source, None)
            if chunk is None:
                self._over = True
            elif chunk.data:
                self._chunks.append(chunk)
                self._size += len(chunk.data)
            else:
                self.marks.append(chunk)

    def peek(self, size: int) -> bytes:
        """Return what comes next, at least ``size`` bytes of it if there are so many."""
        self._fill(size)
        parts = []
        for chunk in self._chunks:
            if size <= 0:
                break
            parts.append(chunk.data)
            size -= len(chunk.data)
        return b"".join(parts)

    def head(self, size: int) -> list[Chunk]:
        """Return the chunks that come next, so many bytes of them."""
        self._fill(size)
        return list(self._chunks)

    @property
    def first_size(self) -> int:
        """How many bytes came at the time of the next one."""
        return len(self._chunks[0].data) if self._chunks else 0

    @property
    def time_ns(self) -> int | None:
        """When the next byte came."""
        return self._chunks[0].time_ns if self._chunks else None

    def take(self, size: int) -> list[Chunk]:
        """Take so many bytes, as chunks with the times that they had."""
        out = []
        while size > 0 and self._chunks:
            chunk = self._chunks.popleft()
            part = chunk.data[:size]
            out.append(with_data(chunk, part))
            if len(part) < len(chunk.data):
                self._chunks.appendleft(with_data(chunk, chunk.data[size:]))
            self._size -= len(part)
            size -= len(part)
        return out


class Order:
    """Puts the chunks of two wires in the order of cause and effect.

    ``resolution_ns``: the step of their times; ``assumed``: how often neither times nor what is said told the order;
    ``skew_ns``: what is added to the module's times.
    """

    def __init__(self, catalog: Catalog, mcu: Iterable[Chunk], module: Iterable[Chunk], resolution_ns: int = 1) -> None:
        self._session = Session(catalog)
        self._step_ns, self._close_ns = max(resolution_ns, _SAME_NS), max(resolution_ns, _CLOSE_NS)
        self._catalog = catalog
        self._mcu, self._module = _Queue(mcu), _Queue(module)
        self._now_ns: int | None = None
        self._settles = self._trusts = False
        self.assumed = 0
        self.skew_ns = 0

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks, cut where the sides take turns; times never go backwards."""
        self.skew_ns, self._trusts = clocks(self._catalog, self._mcu.head(_HEAD), self._module.head(_HEAD))
        self._trusts &= self._close_ns == _CLOSE_NS
        while True:
            mcu, module = self._mcu.peek(_AHEAD), self._module.peek(_AHEAD)
            yield from self._marks()
            if not mcu and not module:
                return
            side, size = self._next(mcu, module)
            queue = self._mcu if side == "mcu" else self._module
            for chunk in queue.take(size):
                self._session.feed(Chunk(None, side, chunk.data))
                yield self._stamped(chunk, side)
            if side == "mcu" or self._settles:
                self._session.settle(side)

    def _marks(self) -> Iterator[Chunk]:
        for queue in (self._mcu, self._module):
            yield from queue.marks
            queue.marks.clear()

    def _stamped(self, chunk: Chunk, side: Side) -> Chunk:
        time_ns = chunk.time_ns
        if time_ns is not None:
            time_ns = time_ns if self._now_ns is None else max(time_ns, self._now_ns)
            self._now_ns = time_ns
        if chunk.time_ns == time_ns and chunk.side == side:
            return chunk
        return with_place(chunk, time_ns, side)

    def _next(self, mcu: bytes, module: bytes) -> tuple[Side, int]:
        """Decide who speaks next, and how many bytes."""
        awaits = self._session.awaits
        self._settles = False
        if not module:
            return "mcu", self._mcu_size(mcu, awaits)
        if not mcu:
            return "module", self._module_size(module, awaits)
        ahead_ns = self._ahead_ns()
        if self._trusts and ahead_ns is not None and abs(ahead_ns) >= self._step_ns:
            queue: tuple[Side, _Queue] = ("mcu", self._mcu) if ahead_ns > 0 else ("module", self._module)
            return queue[0], queue[1].first_size
        if awaits.stream:
            return self._in_stream(mcu, module)
        if awaits.payload is not None:
            return "mcu", self._mcu_size(mcu, awaits)
        if awaits.unread or awaits.held:
            return "module", self._module_size(module, awaits)
        if awaits.pending:
            side = self._while_waiting(mcu, module, awaits)
        else:
            side = self._while_idle(mcu, module, awaits)
        return (side, self._mcu_size(mcu, awaits)) if side == "mcu" else (side, self._module_size(module, awaits))

    def _in_stream(self, mcu: bytes, module: bytes) -> tuple[Side, int]:
        ahead_ns = self._ahead_ns()
        if ahead_ns is not None:
            first: Side = "mcu" if ahead_ns >= 0 else "module"
        else:
            first = "mcu" if _command(mcu) is None else "module"
            self.assumed += 1
        return first, self._run(first, mcu if first == "mcu" else module)

    def _run(self, side: Side, data: bytes) -> int:
        """A run of transparent data: a chunk, where there are times; an escape stands alone."""
        size = (self._mcu if side == "mcu" else self._module).first_size
        if side == "module":
            end = data.find(b"\n", _leading(data))
            return size if self._module.time_ns is not None else end + 1 or len(data)
        if self._mcu.time_ns is not None:
            return size
        at = data.find(b"+++")
        if at == 0:
            return 3
        return min(size, at) if at > 0 else size

    def _ahead_ns(self) -> int | None:
        """How much sooner the MCU speaks next than the module, ns; None if times do not tell."""
        mcu_ns, module_ns = self._mcu.time_ns, self._module.time_ns
        return None if mcu_ns is None or module_ns is None else module_ns + self.skew_ns - mcu_ns

    def _while_waiting(self, mcu: bytes, module: bytes, awaits: Awaits) -> Side:
        """A command waits: the module speaks, unless it speaks of the next command, or only after it."""
        following = _command(mcu)
        if following is None:
            return "module"
        line = _first_line(module)
        if line is not None and line.upper() == following.upper() and line.upper() not in awaits.lines:
            return "mcu"
        if self._names_only(following, module, awaits.takes):
            return "mcu"
        ahead_ns = self._ahead_ns()
        return "mcu" if ahead_ns is not None and ahead_ns > self._close_ns else "module"

    def _while_idle(self, mcu: bytes, module: bytes, awaits: Awaits) -> Side:
        """Nothing waits: the module may say something of its own, but no result and no answer."""
        following = _command(mcu)
        ahead_ns = self._ahead_ns()
        first = ahead_ns is not None and ahead_ns < 0
        if following is None:
            return "module" if first else "mcu"
        line = _first_line(module)
        if line == b"OK" and (awaits.own_ok or (awaits.may_be_own_ok and first)):
            return "module"
        if line is not None and line.decode("latin-1") in grammar.ENDS_OF_CALLS:
            if self._tells(ahead_ns):
                return "module" if first else "mcu"
            if not self._calls(following):
                return "module"
        if line is None or is_result(line) or grammar.is_prompt(line.decode("latin-1")):
            return "mcu"
        names = names_in(self._catalog, line)
        if line.upper() == following.upper() or not names.isdisjoint(takes(self._catalog, following)):
            return "mcu"
        parts = grammar.parse_information(line.decode("latin-1"))
        bare = parts is None and line.decode("latin-1") not in self._catalog.urcs
        if self._tells(ahead_ns):
            return "module" if first else "mcu"
        self.assumed += 1
        if bare and self._takes_text(following) and _result_follows(module) and not self._boots(module):
            return "mcu"
        return "module"

    def _calls(self, command: bytes) -> bool:
        """Tell whether a command is one that the end of a call may answer: it dials, answers, or goes to data mode."""
        read = [one.command for one in self._catalog.readings.parse(command)]
        return any(one is not None and (one.call or one.stream is not None) for one in read)

    def _tells(self, ahead_ns: int | None) -> bool:
        """Tell whether times lie so far apart that they tell the order."""
        return ahead_ns is not None and abs(ahead_ns) > self._close_ns

    def _boots(self, module: bytes) -> bool:
        """Tell whether the module restarts before its next result: then nobody has asked for what it says."""
        for line in lines(module):
            if is_result(line):
                return False
            urc = self._catalog.urcs.get(line.decode("latin-1").removeprefix("+").partition(":")[0])
            if urc is not None and urc.spec.reboot:
                return True
        return False

    def _takes_text(self, command: bytes) -> bool:
        """Tell whether a command may be answered by lines of any text."""
        last = self._catalog.readings.parse(command)[-1:]
        return any(one.command is None or one.form in one.command.answers for one in last)

    def _names_only(self, following: bytes, module: bytes, awaited: frozenset[str]) -> bool:
        """Tell whether what the module says up to its next result answers the next command, not the one that waits."""
        wanted: frozenset[str] | None = None
        for line in lines(module):
            if is_result(line):
                return False
            names = names_in(self._catalog, line)
            if not names.isdisjoint(awaited):
                return False
            if names:
                wanted = takes(self._catalog, following) if wanted is None else wanted
                if not names.isdisjoint(wanted):
                    return True
        return False

    def _mcu_size(self, data: bytes, awaits: Awaits) -> int:
        if awaits.stream:
            return self._run("mcu", data)
        if awaits.payload is not None:
            if awaits.payload:
                return min(awaits.payload, len(data))
            ends = [data.find(end) + len(end) for end in (awaits.end, b"\x1b") if end in data]
            return min(ends) if ends else len(data)
        end = data.find(b"\r")
        if end < 0:
            return len(data)
        return end + 1 + (data[end + 1 : end + 2] == b"\n")

    def _module_size(self, data: bytes, awaits: Awaits) -> int:
        if awaits.held or awaits.asks:
            match = grammar.prompt(awaits.prompt).match(data)
            if match is not None and len(data) > 0:
                self._settles = True
                blank = match.end()
                return blank + (data[blank : blank + 1] == b" ")
        match = grammar.SETTLED_LINE.match(data)
        if match is None:
            return len(data)
        self._settles = match[2] == b"\r" and not awaits.inside
        return match.end()


def _leading(data: bytes) -> int:
    return len(data) - len(data.lstrip(b"\r\n"))


def _first_line(data: bytes) -> bytes | None:
    return next(lines(data), None)


def _result_follows(data: bytes) -> bool:
    return any(is_result(line) for line in lines(data))


def _command(data: bytes) -> bytes | None:
    """Return the command line with which the MCU goes on; None if what comes is none."""
    line = data.lstrip(b"\r\n").partition(b"\r")[0].strip(b"\n ")
    return line if grammar.command_start(line) == 0 else None
