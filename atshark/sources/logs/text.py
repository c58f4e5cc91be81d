"""Bytes of a file to lines of text: encoding, line ends, and what pasting does to a log.

Bytes that are no text in the encoding survive as surrogates (PEP 383), so that payload printed raw comes back.
"""

from __future__ import annotations

import codecs
import html
import io
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import BinaryIO

from atshark.sources.logs import shape
from capture import grammar

MAX_LINE = 1 << 16
"""Characters of a line; a longer one is cut into pieces."""
_BOMS = [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_BACKSPACE = re.compile(r"[^\x08]\x08")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_ENTITY = re.compile(r"&(?:lt|gt|quot|amp|apos|nbsp|#x?[0-9A-Fa-f]{1,5});")
_QUOTED_MAIL = re.compile(r"\s?(?:>|\|) ?")
_LINE_NUMBER = re.compile(r"\s*(\d{1,6})(?:[ ]?[|:│]\s?|\t|\s{2,})(?=\S)")
_CHINESE = re.compile(
    r"[\u3400-\u9fff\u3000-\u303f\uff00-\uffef\u2010-\u203a\u2190-\u21ff\u25a0-\u25ff\u2600-\u266f\u2500-\u257f·×÷°]"
)
"""What texts in GBK hold: characters, punctuation, and the signs that serial assistants draw."""


def encoding_of(head: bytes) -> str:
    """Tell the encoding of a text that begins with ``head``."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    pairs = min(len(head), 4096) & ~1
    if pairs >= 8:
        even, odd = head[0:pairs:2].count(0), head[1:pairs:2].count(0)
        if odd > pairs * 0.4 and even < pairs * 0.05:
            return "utf-16-le"
        if even > pairs * 0.4 and odd < pairs * 0.05:
            return "utf-16-be"
    if _reads(head, "utf-8"):
        return "utf-8"
    if _reads(head, "gb18030"):
        text = codecs.getincrementaldecoder("gb18030")().decode(head)
        high = sum(1 for character in text if character >= "\x80")
        if len(_CHINESE.findall(text)) >= high * 0.8:
            return "gb18030"
    return "utf-8"


def _reads(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def is_text(head: bytes, encoding: str) -> bool:
    """Whether ``head`` is text at all: few control characters."""
    if encoding.startswith("utf-16"):
        return True
    control = sum(head.count(bytes([code])) for code in range(32) if code not in (7, 8, 9, 10, 12, 13, 26, 27))
    return control * 20 <= len(head)


def lines(stream: BinaryIO, encoding: str) -> Iterator[str]:
    """Yield the lines of ``stream`` without their ends; memory is bounded whatever a line is long."""
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    reader = io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="")
    first = True
    while line := reader.readline(MAX_LINE):
        if first:
            line, first = line.removeprefix("\ufeff"), False
        yield line.rstrip("\r\n")


def washed(line: str) -> str:
    """Take terminal sequences and corrections out of a line."""
    if "\x1b" in line:
        line = _ANSI.sub("", line)
    if "\x08" in line:
        line = _BACKSPACE.sub("", line)
    return line.replace("\u00a0", " ").replace("\u200b", "").replace("\ufeff", "")


class Wash:
    """What pasting added to all lines of a log, learned from its head.

    Fences around it, numbers before each line, a mail's quoting, the entities of HTML.
    """

    def __init__(self, head: Iterable[str]) -> None:
        sample = [washed(line) for line in head]
        self.fenced = sum(1 for line in sample if _FENCE.match(line)) >= 1 and _inside_fences(sample)
        filled = [line for line in sample if line.strip()]
        numbers = [int(match[1]) for line in filled if (match := _LINE_NUMBER.match(line))]
        rising = sum(1 for a, b in pairwise(numbers) if 1 <= b - a <= 3)
        self.numbered = len(numbers) >= 3 and len(numbers) >= 0.8 * len(filled) and rising >= 0.9 * (len(numbers) - 1)
        self.entities = sum(1 for line in filled if _ENTITY.search(line)) >= 2
        self.mail = len(filled) >= 3 and all(line.startswith((">", " >")) for line in filled)
        self.outside = 0
        self._open = False

    def line(self, line: str) -> str | None:
        """Return the line as it was before pasting; None if it is none of the log."""
        line = washed(line)
        if self.entities and "&" in line:
            line = html.unescape(line).replace("\u00a0", " ")
        if self.mail:
            line = _QUOTED_MAIL.sub("", line, count=1)
        if self.fenced:
            if _FENCE.match(line):
                self._open = not self._open
                return None
            if not self._open:
                self.outside += bool(line.strip())
                return None
        return _LINE_NUMBER.sub("", line, count=1) if self.numbered else line


def _inside_fences(sample: list[str]) -> bool:
    """Whether AT traffic stands inside fences, and none outside."""
    inside = outside = 0
    opened = False
    for line in sample:
        if _FENCE.match(line):
            opened = not opened
        elif (at := shape.start(line)) is not None and grammar.is_command(line[at:]):
            inside, outside = inside + opened, outside + (not opened)
    return inside > outside
