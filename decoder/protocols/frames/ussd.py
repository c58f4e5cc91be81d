"""USSD: what ``AT+CUSD`` and ``+CUSD`` say, by their data coding scheme.

Sources: TS 27.007 7.15; TS 23.038 5 (coding), 6.1.2.3 (packing, and the CR that fills). Some modules write text as it
is, some as hex of UCS2 by the character set of the MCU, some as hex of the packed septets that the network sent.
"""

from __future__ import annotations

import re
from typing import Any

from decoder.protocols.frames import written
from decoder.protocols.frames.dcs import Coding, of_broadcast
from decoder.protocols.frames.written import Way

_DEFAULT = 15
"""What a line without a coding means: the default alphabet, no language (TS 27.007 7.15)."""
_PACKED = re.compile(r"(?=[0-9A-Fa-f]*[A-Fa-f])(?:[0-9A-Fa-f]{2}){3,}")
_WORDS = re.compile(r"[\r\n -~£¥èéùìòÇØøÅåÆæßÉÄÖÑÜ§äöñüà€]*[A-Za-z0-9*#][\r\n -~£¥èéùìòÇØøÅåÆæßÉÄÖÑÜ§äöñüà€]*")


def read(text: str, dcs: int | None, charset: str) -> dict[str, Any]:
    """Return what records say of the text of a line: ``text`` or ``data``, its coding, how it was ``written``."""
    scheme = of_broadcast(_DEFAULT if dcs is None else dcs)
    fields = scheme.fields(dcs or 0)
    raw = written.octets_of(text)
    if raw is not None and scheme.name in ("8bit", "compressed"):
        return fields | {"data": raw.hex(), "written": "octets"}
    meant, way = _text(text, raw, scheme, charset)
    return fields | {"text": meant, "written": way}


def _text(text: str, raw: bytes | None, scheme: Coding, charset: str) -> tuple[str, Way]:
    wide = charset == "UCS2" and len(text) % 4 == 0
    if raw is not None and not wide and scheme.name == "gsm7" and _PACKED.fullmatch(text):
        unpacked = written.septets_of(raw)
        if _WORDS.fullmatch(unpacked) and not written.is_ascii_in_ucs2(text):
            return unpacked, "septets"
    return written.text_of(text, charset, scheme)
