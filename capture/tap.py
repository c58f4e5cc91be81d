"""The tap: two serial ports, one reader, one clock. It listens and does nothing else.

Passive is a promise. The port object refuses to write; opening it drives neither DTR nor RTS; no flow control,
no exclusive lock, no break. One loop waits for both ports and takes the time as soon as a read returns. The
time is the monotonic clock, anchored once to the epoch, so it never runs backwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import serial
from serial.tools import list_ports

from capture.chunk import Chunk, Side
from capture.errors import AtsharkError

_READ_SIZE = 65536
_POLL_S = 0.001
FRAMING = re.compile(r"[5-8][NEOMS](?:1|1\.5|2)")
"""Data bits, parity, stop bits."""


class PassivePort(serial.Serial):
    """A serial port that can only be read.

    pyserial sets DTR and RTS while it opens a port; here those steps do nothing, so the lines stay as the
    driver has them. ``write`` and ``send_break`` raise.
    """

    def _update_dtr_state(self) -> None:
        """Leave DTR alone."""

    def _update_rts_state(self) -> None:
        """Leave RTS alone."""

    def _update_break_state(self) -> None:
        """Never send a break."""

    def _reset_input_buffer(self) -> None:
        """Keep what has arrived already: pyserial would throw it away on opening."""

    def write(self, _data: Any, /) -> NoReturn:
        """Refuse."""
        raise RuntimeError("a tap never writes to the line")

    def send_break(self, _duration: float = 0.0) -> NoReturn:
        """Refuse."""
        raise RuntimeError("a tap never writes to the line")


def open_port(name: str, baud: int, framing: str = "8N1") -> PassivePort:
    """Open a port to listen at ``baud`` bit/s. ``framing``: data bits, parity (N, E, O, M, S), stop bits.

    Raises :class:`AtsharkError` if that fails.
    """
    port = PassivePort()
    port.port = name
    port.baudrate = baud
    port.bytesize, port.parity, port.stopbits = int(framing[0]), framing[1], float(framing[2:])
    port.timeout = 0
    port.write_timeout = 0
    port.xonxoff = port.rtscts = port.dsrdtr = False
    port.exclusive = None
    try:
        port.open()
    except (serial.SerialException, OSError, ValueError) as error:
        raise AtsharkError(f"{name}: {_open_problem(name, error)}") from error
    _keep_lines_on_close(port)
    return port


def _open_problem(name: str, error: Exception) -> str:
    if isinstance(error, ValueError):
        return f"cannot be opened: {error}"
    number = getattr(error, "errno", None)
    if number == 13:
        return "no permission to open the port; add yourself to its group (often 'dialout') and log in again"
    known = ", ".join(sorted(port.device for port in list_ports.comports())) or "none"
    if number == 2 or not os.path.exists(name):
        return f"no such port; ports of this machine: {known}"
    return f"cannot be opened as a serial port: {error}"


def _keep_lines_on_close(port: PassivePort) -> None:
    """Clear HUPCL: closing the port must not drop DTR either (POSIX; elsewhere there is no such flag)."""
    if sys.platform != "win32":
        import termios  # noqa: PLC0415 - POSIX only

        with contextlib.suppress(termios.error, OSError):
            settings = termios.tcgetattr(port.fileno())
            settings[2] &= ~termios.HUPCL
            termios.tcsetattr(port.fileno(), termios.TCSANOW, settings)


def clock() -> Callable[[], int]:
    """Return a clock in ns since the epoch that runs with the monotonic clock and is anchored now."""
    offset = time.time_ns() - time.monotonic_ns()
    monotonic = time.monotonic_ns
    return lambda: monotonic() + offset


class Tap:
    """Listen on two ports. Iterate to get chunks; call :meth:`stop` from anywhere to end the iteration.

    ``baud`` in bit/s is that of both wires, unless ``module_baud`` is given; ``framing`` as in :func:`open_port`.

    ``lost`` tells which wires ended early, and why. An idle wait of ``idle_s`` seconds yields None, so that the
    consumer can let time-outs pass while both wires are silent.
    """

    def __init__(
        self,
        mcu_port: str,
        module_port: str,
        baud: int = 115200,
        *,
        module_baud: int | None = None,
        framing: str = "8N1",
        idle_s: float = 0.05,
    ) -> None:
        if mcu_port == module_port:
            raise AtsharkError(f"{mcu_port}: the same port was given for both wires; each wire needs an adapter")
        if not FRAMING.fullmatch(framing):
            raise AtsharkError(f"{framing}: no framing; give data bits, parity and stop bits, as 8N1 or 7E1")
        speeds: dict[Side, int] = {"mcu": baud, "module": module_baud or baud}
        self.ports: dict[Side, PassivePort] = {"mcu": open_port(mcu_port, baud, framing)}
        try:
            self.ports["module"] = open_port(module_port, speeds["module"], framing)
        except AtsharkError:
            self.ports["mcu"].close()
            raise
        self.descriptions: dict[Side, str] = {
            side: f"{port.name} {speeds[side]} {framing}, bytes sent by the {side}" for side, port in self.ports.items()
        }
        self.now = clock()
        self.lost: dict[Side, str] = {}
        self._idle_s = idle_s
        self._stopped = False

    def stop(self) -> None:
        """End the iteration at the next opportunity."""
        self._stopped = True

    def close(self) -> None:
        """Close both ports."""
        for port in self.ports.values():
            port.close()

    def __iter__(self) -> Iterator[Chunk | None]:
        waiter = _select_wait if sys.platform != "win32" else _polling_wait
        live = dict(self.ports)
        while live and not self._stopped:
            idle = True
            for side in waiter(live, self._idle_s):
                data = self._read(side)
                if data is None:
                    del live[side]
                elif data:
                    idle = False
                    yield Chunk(self.now(), side, data)
            if idle:
                yield None

    def _read(self, side: Side) -> bytes | None:
        try:
            return self.ports[side].read(_READ_SIZE)
        except (serial.SerialException, OSError, TypeError) as error:
            self.lost[side] = f"{self.ports[side].name}: the port went away ({error})"
            return None


def _select_wait(ports: dict[Side, PassivePort], timeout_s: float) -> list[Side]:
    by_number = {port.fileno(): side for side, port in ports.items()}
    ready, _, _ = select.select(list(by_number), [], [], timeout_s)
    return [by_number[number] for number in ready]


def _polling_wait(ports: dict[Side, PassivePort], timeout_s: float) -> list[Side]:
    deadline = time.monotonic() + timeout_s
    while True:
        ready = [side for side, port in ports.items() if port.in_waiting]
        if ready or time.monotonic() >= deadline:
            return ready
        time.sleep(_POLL_S)
