r"""A notation for what crosses the two wires, to write sessions by hand.

::

    # a remark
    > AT+CSQ            the MCU sends a line, ended by CR
    < +CSQ: 22,99       the module sends a line between CR LF and CR LF
    >> abc\r\n+++       the MCU sends these bytes, with \r \n \t \0 \\ and \xNN
    << 0\r              the module sends these bytes
    + 500               nothing happens for 500 ms

A command line comes a second after what was before, an answer 20 ms, bytes of the MCU 15 ms.
"""

from __future__ import annotations

import re

from capture.chunk import Chunk, Side
from tests.helpers import MS, SAMPLES, START

SESSIONS = SAMPLES.parent / "tests" / "sessions"
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)")
_NAMED = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


def _bytes(text: str) -> bytes:
    out, position = b"", 0
    for match in _ESCAPE.finditer(text):
        what = match[1]
        out += text[position : match.start()].encode()
        out += bytes([int(what[1:], 16)]) if len(what) == 3 else _NAMED[what]
        position = match.end()
    return out + text[position:].encode()


def chunks(text: str) -> list[Chunk]:
    """Make the chunks of a session. Raises ValueError for a line that is not of the notation."""
    time_ns, out = START, []
    for number, line in enumerate(text.splitlines(), 1):
        mark, _, rest = line.partition(" ")
        side: Side = "mcu" if mark.startswith(">") else "module"
        if not line.strip() or mark == "#":
            continue
        if mark == "+":
            time_ns += int(rest) * MS
            continue
        if mark not in (">", "<", ">>", "<<"):
            raise ValueError(f"line {number}: {line!r} is not of the notation")
        time_ns += (1000 if mark == ">" else 15 if mark == ">>" else 20) * MS
        data = {">": rest.encode() + b"\r", "<": b"\r\n" + rest.encode() + b"\r\n"}.get(mark) or _bytes(rest)
        out.append(Chunk(time_ns, side, data))
    return out
