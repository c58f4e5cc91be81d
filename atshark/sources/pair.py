"""Two inputs, one wire each, as one: what the MCU said stands in one, what the module said in the other.

Each may be a recording, a text log, or the bare bytes of a wire; with times, or without. What puts them in order
(decoder/order.py) says how sure that is, and so do the notes of the source.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from atshark.sources import AS_IT_IS, Source, Wanted, buffered, open_source, unpacked
from atshark.sources.logs import HEAD
from atshark.sources.notes import Note
from capture.chunk import Chunk, LogChunk, MarkChunk, Side, with_data, with_place
from capture.errors import AtsharkError
from capture.timing import Timing
from decoder import catalog
from decoder.order import Order

_PIECE = 1 << 16
_MS = 1_000_000


@contextlib.contextmanager
def open_pair(mcu: str, module: str, wanted: Wanted = AS_IT_IS) -> Iterator[Source]:
    """Open two inputs of one wire each as one source. Raises :class:`AtsharkError` if one of them cannot be read."""
    known = wanted.catalog if wanted.catalog is not None else catalog.load()
    with _open_wire(mcu, "mcu", wanted) as one, _open_wire(module, "module", wanted) as two:
        resolution_ns = max(one.timing.resolution_ns, two.timing.resolution_ns)
        notes: list[str] = []
        warnings: list[str] = []
        order = Order(known, one, two, resolution_ns)

        def chunks() -> Iterator[Chunk]:
            yield from order
            for each in (one, two):
                notes.extend(note for note in each.notes if note not in notes)
                warnings.extend(each.warnings)
            if order.skew_ns:
                way, zh = ("added to", "加上") if order.skew_ns > 0 else ("taken from", "减去")
                skew = abs(order.skew_ns) // _MS
                notes.append(
                    Note(
                        f"the clocks of the two inputs differ: {skew} ms were {way} the module's times",
                        f"两份输入的时钟不一致:模组一侧的时间已{zh}{skew} ms",
                    )
                )
            if order.assumed:
                places = "1 place" if order.assumed == 1 else f"{order.assumed} places"
                notes.append(
                    Note(
                        f"the order of the two wires is assumed in {places}: neither times nor what was said tells it",
                        f"有{order.assumed}处两线的先后为假设:时间和内容都无法判断",
                    )
                )

        yield Source(
            chunks(), warnings, f"{one.format}+{two.format}", None, Timing(resolution_ns, abs(order.skew_ns)), notes
        )


@contextlib.contextmanager
def _open_wire(path: str, side: Side, wanted: Wanted) -> Iterator[Source]:
    """Open what one wire said, as chunks of this side."""
    try:
        stream = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below
    except OSError as error:
        raise AtsharkError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise AtsharkError(f"{path}: cannot be read: {error}") from error
    with stream:
        warnings: list[str] = []
        inside = unpacked(buffered(cast(BinaryIO, stream), path), path, warnings)
        head = inside.peek(HEAD)[:HEAD]
        if not head:
            raise AtsharkError(f"{path}: the input is empty")
        with contextlib.ExitStack() as stack:
            opened = _known(path, wanted, stack)
            if opened is not None:
                chunks = _of_side(opened, side)
                yield Source(chunks, opened.warnings, opened.format, None, opened.timing, opened.notes)
                return
        with_ends = b"\r" in head or b"\n" not in head
        data = _bare(inside, side) if with_ends else _lines(inside, side)
        yield Source(data, warnings, "wire", None, notes=[f"{path}: taken for the bare bytes of the {side}'s wire"])


def _known(path: str, wanted: Wanted, stack: contextlib.ExitStack) -> Source | None:
    """Open an input that says more than its bytes; None for the bytes of a wire as they are."""
    try:
        source = stack.enter_context(open_source(path, wanted))
    except AtsharkError:
        return None
    verdict = source.verdict
    return None if verdict is not None and verdict.reading.told else source


def _of_side(source: Source, side: Side) -> Iterator[Chunk]:
    """Yield what a side said; everything, if the input does not tell sides apart or knows but one."""
    recorded = not source.is_text
    for chunk in source:
        if isinstance(chunk, MarkChunk) or chunk.side == side:
            yield chunk
        elif not recorded:
            yield with_place(_reshaped(chunk, side), chunk.time_ns, side)


def _reshaped(chunk: Chunk, side: Side) -> Chunk:
    """Take off the line ends of the module that a text log was given, where it is payload of the MCU."""
    if side == "module" or not isinstance(chunk, LogChunk) or chunk.exact:
        return chunk
    return with_data(chunk, chunk.data.strip(b"\r\n"))


def _bare(stream: io.BufferedReader, side: Side) -> Iterator[Chunk]:
    while data := stream.read(_PIECE):
        yield Chunk(None, side, data)


def _lines(stream: io.BufferedReader, side: Side) -> Iterator[Chunk]:
    """Yield lines that an editor has ended with LF alone, ended as the side does."""
    for line in stream:
        bare = line.rstrip(b"\n")
        if bare:
            yield Chunk(None, side, bare + b"\r" if side == "mcu" else b"\r\n" + bare + b"\r\n")
