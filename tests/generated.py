"""Hypothesis strategies: whole sessions of the OneMO TCP/IP dialect, with hostile payloads, and damage to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import strategies as st

from capture.chunk import Chunk, Side
from tests.helpers import MS, START

NASTY = [
    b"\r\n",
    b"OK",
    b"\r\nOK\r\n",
    b"+++",
    b'+MIPURC: "rtcp",0,5,',
    b"\r\nERROR\r\n",
    b">",
    b"\r\n> ",
    b"AT+CSQ\r",
    b'"',
    b",",
    b"\x1a",
    b"\0",
]


@st.composite
def payloads(draw: st.DrawFn, max_size: int = 80) -> bytes:
    pieces = draw(
        st.lists(st.one_of(st.sampled_from(NASTY), st.binary(min_size=1, max_size=12)), min_size=1, max_size=6)
    )
    if draw(st.integers(0, 40)) == 0:
        pieces.append(bytes(range(256)))
    return b"".join(pieces)


@dataclass
class Built:
    """A session: its chunks, and the payloads that crossed as (side, connection, bytes)."""

    chunks: list[Chunk] = field(default_factory=list)
    payloads: list[tuple[Side, int, bytes]] = field(default_factory=list)
    now: int = START

    def say(self, side: Side, data: bytes, after_ms: int) -> None:
        self.now += after_ms * MS
        self.chunks.append(Chunk(self.now, side, data))

    def command(self, line: str, *answers: str, echo: bool = False) -> None:
        self.say("mcu", line.encode() + b"\r", 600)
        if echo:
            self.say("module", line.encode() + b"\r", 2)
        for text in answers:
            self.say("module", f"\r\n{text}\r\n".encode(), 15)


@st.composite
def sessions(draw: st.DrawFn, steps: int = 8) -> Built:
    built = Built()
    echo = draw(st.booleans())
    for identity in (0, 1):
        kind = draw(st.sampled_from(["TCP", "UDP"]))
        built.command(f'AT+MIPOPEN={identity},"{kind}","10.0.0.1",5683', "OK", f"+MIPOPEN: {identity},0", echo=echo)
    actions = [
        _poll,
        _send_hex,
        _send_prompt,
        _send_early,
        _receive,
        _read,
        _transparent,
        _error,
        _urc,
        _unknown,
        _send_ascii,
    ]
    for _ in range(draw(st.integers(1, steps))):
        draw(st.sampled_from(actions))(draw, built, echo)
    return built


def _connection(draw: st.DrawFn) -> int:
    return draw(st.integers(0, 1))


def _poll(draw: st.DrawFn, built: Built, echo: bool) -> None:
    level = draw(st.integers(0, 31))
    if draw(st.booleans()):
        built.command("AT+CSQ", f"+CSQ: {level},99", "OK", echo=echo)
    else:
        built.command("AT+CSQ;+CEREG?", f"+CSQ: {level},99", "+CEREG: 0,1", "OK", echo=echo)


def _error(draw: st.DrawFn, built: Built, echo: bool) -> None:
    built.command('AT+MIPSEND=4,1,"x"', f"+CME ERROR: {draw(st.integers(550, 590))}", echo=echo)
    built.payloads.append(("mcu", 4, b"x"))


def _urc(draw: st.DrawFn, built: Built, _echo: bool) -> None:
    built.say("module", f"\r\n+CEREG: {draw(st.integers(0, 5))}\r\n".encode(), 300)


def _unknown(draw: st.DrawFn, built: Built, echo: bool) -> None:
    name = draw(st.text("ABCDEFGHXYZ", min_size=3, max_size=8))
    built.command(f'AT+Q{name}=1,"two",3', f"+Q{name}: 7", "OK", echo=echo)


def _send_hex(draw: st.DrawFn, built: Built, echo: bool) -> None:
    connection, data = _connection(draw), draw(payloads())
    built.command(f'AT+MIPCFG="encoding",{connection},1,0', "OK", echo=echo)
    built.command(
        f'AT+MIPSEND={connection},{len(data)},"{data.hex().upper()}"',
        f"+MIPSEND: {connection},{len(data)}",
        "OK",
        echo=echo,
    )
    built.command(f'AT+MIPCFG="encoding",{connection},0,0', "OK", echo=echo)
    built.payloads.append(("mcu", connection, data))


def _send_ascii(draw: st.DrawFn, built: Built, echo: bool) -> None:
    connection, text = _connection(draw), draw(st.text('abc,";+ATOK>0123 ', min_size=1, max_size=30))
    built.command(
        f'AT+MIPSEND={connection},{len(text)},"{text}"', f"+MIPSEND: {connection},{len(text)}", "OK", echo=echo
    )
    built.payloads.append(("mcu", connection, text.encode()))


def _send_prompt(draw: st.DrawFn, built: Built, _echo: bool) -> None:
    connection, data = _connection(draw), draw(payloads())
    built.say("mcu", f"AT+MIPSEND={connection},{len(data)}\r".encode(), 600)
    built.say("module", b"\r\n> ", 10)
    cut = draw(st.integers(0, len(data)))
    for piece in (data[:cut], data[cut:]):
        if piece:
            built.say("mcu", piece, draw(st.integers(1, 300)))
    built.say("module", f"\r\n+MIPSEND: {connection},{len(data)}\r\n\r\nOK\r\n".encode(), 30)
    built.payloads.append(("mcu", connection, data))


def _send_early(draw: st.DrawFn, built: Built, _echo: bool) -> None:
    connection, data = _connection(draw), draw(payloads())
    built.say("mcu", f"AT+MIPSEND={connection},{len(data)}\r".encode(), 600)
    built.say("mcu", data, draw(st.integers(0, 20)))
    built.say("module", b"\r\n> ", 10)
    built.say("module", f"\r\n+MIPSEND: {connection},{len(data)}\r\n\r\nOK\r\n".encode(), 30)
    built.payloads.append(("mcu", connection, data))


def _receive(draw: st.DrawFn, built: Built, _echo: bool) -> None:
    connection, data = _connection(draw), draw(payloads())
    kind = draw(st.sampled_from(["rtcp", "rudp"]))
    line = f'\r\n+MIPURC: "{kind}",{connection},{len(data)},'.encode() + data + b"\r\n"
    cut = draw(st.integers(1, len(line) - 1))
    built.say("module", line[:cut], 400)
    built.say("module", line[cut:], draw(st.integers(0, 200)))
    built.payloads.append(("module", connection, data))


def _read(draw: st.DrawFn, built: Built, _echo: bool) -> None:
    connection, data = _connection(draw), draw(payloads())
    built.say("mcu", f"AT+MIPRD={connection},0\r".encode(), 600)
    built.say("module", f"\r\n+MIPRD: {connection},0,{len(data)},".encode() + data + b"\r\n\r\nOK\r\n", 15)
    built.payloads.append(("module", connection, data))


def _transparent(draw: st.DrawFn, built: Built, echo: bool) -> None:
    connection = _connection(draw)
    built.command(f"AT+MIPMODE={connection},1", "OK", "CONNECT", echo=echo)
    for _ in range(draw(st.integers(0, 4))):
        side: Side = draw(st.sampled_from(["mcu", "module"]))
        data = draw(payloads())
        if (side == "mcu" and data.strip(b"\r\n") == b"+++") or (side == "module" and data.startswith(b"\r\nOK")):
            data += b"."
        built.say(side, data, draw(st.integers(60, 400)))
        built.payloads.append((side, connection, data))
    built.say("mcu", b"+++", 1000)
    built.say("module", b"\r\nOK\r\n", 500)


@st.composite
def damaged(draw: st.DrawFn) -> list[Chunk]:
    """A session with bytes lost, changed, added, chunks swapped or missing; perhaps without any times."""
    chunks = list(draw(sessions()).chunks)
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.integers(0, len(chunks) - 1))
        time_ns, side, data = chunks[index]
        at = draw(st.integers(0, max(0, len(data) - 1)))
        action = draw(st.sampled_from(["lose", "change", "add", "swap", "cut", "untimed"]))
        if action == "lose":
            data = data[:at] + data[at + draw(st.integers(1, 10)) :]
        elif action == "change":
            data = data[:at] + draw(st.binary(min_size=1, max_size=3)) + data[at + 1 :]
        elif action == "add":
            data = data[:at] + draw(st.one_of(st.binary(max_size=20), st.sampled_from(NASTY))) + data[at:]
        elif action == "swap":
            other = draw(st.integers(0, len(chunks) - 1))
            chunks[other], (side, data) = Chunk(chunks[other].time_ns, side, data), chunks[other][1:]
        elif action == "cut":
            chunks = chunks[: index + 1]
        else:
            chunks = [Chunk(None, one.side, one.data) for one in chunks]
            time_ns = None
        chunks[index] = Chunk(time_ns, side, data)
    return [chunk for chunk in chunks if chunk.data]


@st.composite
def disordered(draw: st.DrawFn) -> list[Chunk]:
    """A damaged session whose times run backwards here and there, or are partly unknown."""
    chunks = draw(damaged())
    for _ in range(draw(st.integers(1, 3))):
        if chunks:
            index = draw(st.integers(0, len(chunks) - 1))
            time_ns, side, data = chunks[index]
            earlier = None if time_ns is None else time_ns - draw(st.integers(0, 10)) * 1000 * MS
            chunks[index] = Chunk(draw(st.sampled_from([None, earlier])), side, data)
    return chunks


@st.composite
def recut(draw: st.DrawFn, chunks: list[Chunk]) -> list[Chunk]:
    """The same bytes at the same times, cut into other chunks."""
    out: list[Chunk] = []
    for time_ns, side, data in chunks:
        cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
        ends = [0, *cuts, len(data)]
        out.extend(Chunk(time_ns, side, data[a:b]) for a, b in pairwise(ends) if a < b)
    return out
