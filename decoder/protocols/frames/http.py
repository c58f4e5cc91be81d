"""HTTP/1.1: the head of a request or response, and bodies sent in chunks.

Source: RFC 9112 2 (message format), 6 (message body), 7.1 (chunked transfer coding).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from construct import Construct, ConstructError, RepeatUntil, Struct

from decoder.protocols.frames.errors import NotThisFormatError
from decoder.values import to_text

METHODS = (b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE")
MAX_HEAD = 65536
_START = re.compile(rb"(?:%b) [^ \r\n]+ HTTP/1\.[01]\r\n|HTTP/1\.[01] \d\d\d[ \r]" % b"|".join(METHODS))
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_STARTS = (*(method + b" " for method in METHODS), b"HTTP/1.")


class _Line(Construct):  # type: ignore[misc]
    """Bytes up to CR LF, at any place."""

    def _parse(self, stream: Any, _context: Any, _path: Any) -> bytes:
        line: bytes = stream.readline()
        while not line.endswith(b"\r\n"):
            more = stream.readline()
            if not more:
                raise ConstructError("a line without an end")
            line += more
        return line[:-2]

    def _build(self, line: Any, stream: Any, _context: Any, _path: Any) -> Any:
        stream.write(line + b"\r\n")
        return line


HEAD = Struct("start" / _Line(), "headers" / RepeatUntil(lambda line, _list, _context: line == b"", _Line()))
"""A start line and header lines, the last of them empty."""


class Head(NamedTuple):
    """A head: three words of the start line (method, target, version; or version, status, reason), and headers."""

    start: tuple[str, str, str]
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_request(self) -> bool:
        """Whether this is a request."""
        return not self.start[0].startswith("HTTP/")

    def header(self, name: str) -> str:
        """Return the value of a header, "" if there is none; several are joined with commas."""
        return ", ".join(value for one, value in self.headers if one.lower() == name.lower())


def starts(stream: bytes | bytearray) -> bool | None:
    """Tell whether a head begins here; None if more bytes must tell."""
    beginning = bytes(stream[:2048])
    if _START.match(beginning):
        return True
    may = any(one.startswith(beginning[: len(one)]) for one in _STARTS)
    return None if may and b"\r\n" not in beginning and len(beginning) < 2048 else False


def take(stream: bytes | bytearray) -> tuple[Head, int] | None:
    """Take a head from the beginning of ``stream``: the head and its size; None if more bytes are needed.

    Raises :class:`NotThisFormatError`.
    """
    if starts(stream) is False:
        raise NotThisFormatError("neither a request nor a response begins here")
    end = stream.find(b"\r\n\r\n")
    if end < 0:
        if len(stream) > MAX_HEAD:
            raise NotThisFormatError("a head too long")
        return None
    return parse(bytes(stream[: end + 4])), end + 4


def parse(data: bytes) -> Head:
    """Parse a whole head. Raises :class:`NotThisFormatError`."""
    try:
        raw = HEAD.parse(data)
    except ConstructError as error:
        raise NotThisFormatError(str(error)) from error
    words = [to_text(word) for word in bytes(raw.start).split(b" ", 2)]
    if len(words) < 2:
        raise NotThisFormatError("a start line with too few words")
    headers = []
    for line in raw.headers[:-1]:
        name, colon, value = bytes(line).partition(b":")
        if not colon:
            raise NotThisFormatError("a header line without a colon")
        headers.append((to_text(name), to_text(value.strip(b" \t"))))
    return Head((words[0], words[1], words[2] if len(words) > 2 else ""), tuple(headers))


def build(head: Head) -> bytes:
    """Build a head."""
    lines = [f"{name}: {value}".encode() for name, value in head.headers]
    made: bytes = HEAD.build({"start": " ".join(head.start).encode(), "headers": [*lines, b""]})
    return made


def chunk_size(stream: bytes | bytearray) -> tuple[int, int] | None:
    """Read the line that tells a chunk's size: that size and the line's; None if more bytes are needed.

    Raises :class:`NotThisFormatError`.
    """
    match = _SIZE.match(stream)
    if match:
        return int(match[1], 16), match.end()
    if b"\n" in stream[:1024] or len(stream) >= 1024:
        raise NotThisFormatError("a chunk without a size")
    return None


def describe(head: Head, length: int) -> tuple[str, dict[str, Any]]:
    """Tell people what a message is, whose body has ``length`` bytes."""
    first, second, third = head.start
    kind = head.header("Content-Type").split(";")[0].strip()
    if head.is_request:
        host = head.header("Host")
        text = f"{first} {second}" + (f", host {host}" if host else "")
        fields: dict[str, Any] = {"method": first, "target": second, "version": third}
    else:
        text = f"{second} {third}".rstrip()
        fields = {"version": first, "status": int(second) if second.isdigit() else second, "reason": third}
    fields["headers"] = [list(one) for one in head.headers]
    fields["body_length"] = length
    if length:
        text += f", {length} bytes" + (f" of {kind}" if kind else "")
    return text, fields
