"""Dialogues on the channels of a multiplexed line, as they cross the wires in frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capture.chunk import Chunk, Side
from decoder.link import cmux
from decoder.link.cmux import Frame, Option
from tests import ppp_session
from tests.helpers import MS, START, answer, command

Said = tuple[str, bytes] | tuple[str, bytes, int]


class Line:
    """A line on which frames are said: ``option``, longest information field ``n1``, bytes in front of data."""

    def __init__(self, option: Option = "basic", n1: int = 127, status: bytes = b"", gap_ms: int = 20) -> None:
        self.chunks: list[Chunk] = []
        self.now = START
        self._gap_ms = gap_ms
        self._option, self.n1, self._status = option, n1, status

    def say(self, side: Side, data: bytes, after_ms: int = 0) -> None:
        self.now += (after_ms or self._gap_ms) * MS
        self.chunks.append(Chunk(self.now, side, data))

    def frame(self, side: Side, kind: cmux.Kind, dlci: int, data: bytes = b"", *, final: bool = False) -> None:
        # the station that began the multiplexer sets C/R in commands, the other one in responses (5.2.1.2)
        is_command = kind not in ("UA", "DM")
        self.say(side, cmux.build(Frame(kind, dlci, is_command == (side == "mcu"), final, data, self._option)))

    def control(self, side: Side, name: str, value: bytes = b"", *, response: bool = False) -> None:
        self.frame(side, "UIH", 0, cmux.message(name, value, command=not response))

    def begin(self) -> None:
        self.say("mcu", f"AT+CMUX={int(self._option == 'advanced')},0,5,{self.n1}\r".encode())
        self.say("module", b"\r\nOK\r\n")
        self.open(0)

    def open(self, dlci: int) -> None:
        self.frame("mcu", "SABM", dlci, final=True)
        self.frame("module", "UA", dlci, final=True)

    def end(self) -> None:
        self.control("mcu", "CLD")
        self.control("module", "CLD", response=True)

    def data(self, side: Side, dlci: int, data: bytes) -> None:
        size = self.n1 - len(self._status)
        for at in range(0, len(data), size):
            self.frame(side, "UIH", dlci, self._status + data[at : at + size])

    def talk(self, said: Iterable[tuple[int, Sequence[object]]]) -> None:
        """Say what dialogues say, each on its channel."""
        for dlci, (side, data, *_) in said:
            assert isinstance(data, bytes)
            self.data("mcu" if side == "mcu" else "module", dlci, data)


POLL: list[Said] = [command("AT+CEREG?"), answer("+CEREG: 0,1", "OK"), command("AT+CSQ"), answer("+CSQ: 21,99", "OK")]


def interleaved(channels: dict[int, list[Said]]) -> list[tuple[int, Said]]:
    """What is said on each channel, by turns."""
    rest = {dlci: [*said] for dlci, said in channels.items()}
    out: list[tuple[int, Said]] = []
    while any(rest.values()):
        for dlci, said in rest.items():
            if said:
                out.append((dlci, said.pop(0)))
    return out


def session() -> list[Chunk]:
    """Two channels of AT, one of which goes on to PPP with MQTT inside, while the other one asks for the signal."""
    line = Line(n1=127)
    line.say("mcu", b"AT+CPIN?\r")
    line.say("module", b"\r\n+CPIN: READY\r\n\r\nOK\r\n")
    line.begin()
    for dlci in (1, 2):
        line.open(dlci)
        for side in ("mcu", "module"):
            for response in (False, True):
                speaker: Side = "mcu" if (side == "mcu") != response else "module"
                line.control(speaker, "MSC", bytes([dlci << 2 | 3, 0x8D]), response=response)
    line.talk(interleaved({1: [*ppp_session.dialled()], 2: POLL * 12}))
    line.control("module", "MSC", bytes([1 << 2 | 3, 0x8F]))
    line.now += 400 * MS
    line.control("module", "MSC", bytes([1 << 2 | 3, 0x8D]))
    line.end()
    line.say("mcu", b"AT+CPOWD=1\r", 500)
    line.say("module", b"\r\nNORMAL POWER DOWN\r\n")
    return line.chunks
