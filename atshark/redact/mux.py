"""The streams that a wire carries: of a multiplexed line one a channel, each as its receiver puts it together.

A secret may be cut by the end of a frame, so it is looked for in the stream of its channel; each frame then gets its
part of the new stream, and its checksum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from capture.chunk import Side
from decoder.events import Event, Message
from decoder.link import cmux

_SETS = (re.compile(rb"[\x7d\x7e]"), re.compile(rb"[\x11\x13\x7d\x7e\x91\x93]"))
"""What senders escape in the advanced option: flags and escapes, or XON and XOFF too."""


class _Piece(NamedTuple):
    """Bytes of a stream: ``channel`` (None: of the line), the bytes as they crossed, the frame they were in."""

    channel: int | None
    data: bytes
    raw: bytes
    frame: cmux.Frame | None


class Streams:
    """What one wire said, in streams: by channel, and by None what stands in no frame."""

    def __init__(self, events: Iterable[Event], side: Side) -> None:
        self._pieces = list(_pieces(events, side))
        streams: dict[int | None, list[bytes]] = {}
        for one in self._pieces:
            streams.setdefault(one.channel, []).append(one.data)
        self.by_channel = {channel: b"".join(parts) for channel, parts in streams.items()}

    def changed(self, change: Callable[[bytes], bytes | None]) -> bytes | None:
        """Return what the wire says if each stream is changed; None if a length could not be kept."""
        new: dict[int | None, bytes] = {}
        for channel, whole in self.by_channel.items():
            made = change(whole)
            if made is None or len(made) != len(whole):
                return None
            new[channel] = made
        at = dict.fromkeys(new, 0)
        out = []
        for one in self._pieces:
            start = at[one.channel]
            at[one.channel] = end = start + len(one.data)
            written = _written(one, new[one.channel][start:end])
            if written is None:
                return None
            out.append(written)
        return b"".join(out)


def _pieces(events: Iterable[Event], side: Side) -> Iterator[_Piece]:
    second: set[int] = set()
    for event in events:
        if not isinstance(event, Message) or event.channel is not None:
            continue
        frame = cmux.whole(event.raw) if event.kind == "mux" else None
        if frame is not None:
            cmux.note_layers(cmux.said(frame), second)
        if event.side != side:
            continue
        if frame is None or frame.kind not in ("UIH", "UI"):
            yield _Piece(None, event.raw, event.raw, None)
        else:
            data = cmux.behind_status(frame.data) if frame.dlci in second else frame.data
            yield _Piece(frame.dlci, data, event.raw, frame)


def _written(one: _Piece, data: bytes) -> bytes | None:
    """Write a piece again with other data, as its sender did; None if its length would change."""
    if one.frame is None or data == one.data:
        return data if one.frame is None else one.raw
    kept = one.frame.data[: len(one.frame.data) - len(one.data)]
    frame = one.frame._replace(data=kept + data)
    if frame.option == "basic":
        start = len(one.raw) - len(frame.data) - 2
        head = one.raw[:start].lstrip(b"\xf9")
        check = cmux.fcs(head + frame.data) if frame.kind == "UI" else one.raw[-2]
        return one.raw[:start] + frame.data + bytes([check]) + one.raw[-1:]
    flags = len(one.raw) - len(one.raw.lstrip(b"\x7e"))
    for special in _SETS:
        made = b"\x7e" * flags + cmux.build(frame, special).lstrip(b"\x7e")
        if len(made) == len(one.raw):
            return made
    return None
