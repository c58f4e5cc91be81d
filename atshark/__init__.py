"""atshark: decode what a microcontroller and a cellular module say to each other.

The small stable API, for other programs::

    import atshark

    with atshark.open_source("recording.pcapng") as source:
        for record in atshark.decode(source):
            print(record)

``decode`` yields :class:`Transaction`, :class:`Urc`, :class:`Data`, :class:`Socket`, :class:`Frame` and
:class:`Finding` records, among others; docs/jsonl.md describes their fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from atshark.sources import Source, open_source
from capture.chunk import Chunk, Side
from capture.errors import AtsharkError
from decoder.catalog import Catalog
from decoder.catalog import load as load_catalog
from decoder.decode import Decoder, run
from decoder.events import INNER, Data, Event, Finding, Frame, Message, Record, Socket, Transaction, Urc

__version__ = "0.1.0"
__all__ = [
    "AtsharkError",
    "Catalog",
    "Chunk",
    "Data",
    "Decoder",
    "Event",
    "Finding",
    "Frame",
    "Message",
    "Record",
    "Side",
    "Socket",
    "Source",
    "Transaction",
    "Urc",
    "decode",
    "load_catalog",
    "open_source",
]


def decode(chunks: Iterable[Chunk], dialects: Iterable[str] = ()) -> Iterator[Record]:
    """Decode ``chunks`` and yield records as they are finished.

    ``dialects`` are names or file paths; without any, the dialects that come with atshark are used. Raises
    :class:`AtsharkError` if a dialect cannot be loaded, or as the source of the chunks does.
    """
    for event in run(chunks, load_catalog(dialects)):
        if not isinstance(event, INNER):
            yield event
