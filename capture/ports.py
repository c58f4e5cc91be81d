"""One serial port that is only listened to: a device, or a pyserial URL (``socket://``, ``rfc2217://``).

Passive is a promise. The port object refuses to write; opening it drives neither DTR nor RTS, throws away nothing that
has arrived, takes no exclusive lock, uses no flow control. Where the driver marks bytes with line errors (POSIX
``PARMRK``), they are asked for and told apart from the bytes.
"""

from __future__ import annotations

import array
import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import serial
from serial.tools import list_ports

from capture.errors import AtsharkError

READ_SIZE = 65536
FRAMING = re.compile(r"[5-8][NEOMS](?:1|1\.5|2)")
"""Data bits, parity, stop bits."""
_TIOCGICOUNT = 0x545D
_COUNTERS = ("frame", "overrun", "parity", "brk", "buf_overrun")
_FIRST_COUNTER = 6
_PUMP_TIMEOUT_S = 0.2


class _Passive:
    """What a port that can only be read does not do. pyserial's classes call these steps while they open."""

    def _update_dtr_state(self) -> None:
        """Leave DTR alone."""

    def _update_rts_state(self) -> None:
        """Leave RTS alone."""

    def _update_break_state(self) -> None:
        """Never send a break."""

    def _reset_input_buffer(self) -> None:
        """Keep what has arrived already: pyserial would throw it away on opening."""

    def reset_input_buffer(self) -> None:
        """Keep what has arrived already."""

    def reset_output_buffer(self) -> None:
        """Nothing is ever in it."""

    def write(self, _data: Any, /) -> NoReturn:
        """Refuse."""
        raise RuntimeError("a tap never writes to the line")

    def send_break(self, _duration: float = 0.0) -> NoReturn:
        """Refuse."""
        raise RuntimeError("a tap never writes to the line")


class PassivePort(_Passive, serial.Serial):
    """A serial device that can only be read. Line errors are marked in its bytes if the driver can (``marked``)."""

    marked = False

    def _reconfigure_port(self, force_update: bool = False) -> None:
        super()._reconfigure_port(force_update)  # type: ignore[misc]  # not in the stubs
        if sys.platform != "win32":
            self._mark_errors()

    def _mark_errors(self) -> None:
        """Ask the driver to mark damaged bytes, and not to drop DTR when the port is closed (HUPCL)."""
        import termios  # noqa: PLC0415 - POSIX only

        with contextlib.suppress(termios.error):
            settings = termios.tcgetattr(self.fd or 0)
            settings[0] |= termios.PARMRK | termios.INPCK
            settings[0] &= ~(termios.IGNPAR | termios.IGNBRK | termios.BRKINT)
            settings[2] &= ~termios.HUPCL
            settings[6][termios.VMIN] = 1  # with 0, "nothing yet" and "gone" look the same
            termios.tcsetattr(self.fd or 0, termios.TCSANOW, settings)
            self.marked = True


class Identity(NamedTuple):
    """What tells a USB adapter from all others, whatever name it gets: its serial number and its ids."""

    vid: int | None
    pid: int | None
    serial_number: str
    interface: str | None


class Port:
    """An open port: ``read`` never waits, ``fileno`` can be waited for. ``name`` is what was asked for.

    ``marked``: damaged bytes come marked (see :class:`capture.lineerrors.Unmark`). ``low_latency``: the driver hands
    bytes on at once. ``delay_ns``: how long an adapter may keep bytes back before the system sees them.
    """

    def __init__(self, name: str, port: Any, *, marked: bool, delay_ns: int) -> None:
        self.name = name
        self.marked = marked
        self.delay_ns = delay_ns
        self.identity = _identity(name)
        self._port = port
        self._pump = _Pump(port) if sys.platform != "win32" and not _has_number(port) else None
        self._counted = self._counters()
        self.low_latency = _low_latency(port)

    def fileno(self) -> int:
        """Return the file number to wait for (POSIX)."""
        return self._pump.fileno() if self._pump is not None else int(self._port.fileno())

    @property
    def in_waiting(self) -> int:
        """How many bytes wait."""
        return int(self._port.in_waiting)

    def read(self) -> bytes:
        """Return what has arrived, b"" if nothing has. Raises OSError if the port went away."""
        if sys.platform == "win32":
            return bytes(self._port.read(min(self._port.in_waiting, READ_SIZE)))
        try:
            data = os.read(self.fileno(), READ_SIZE)
        except BlockingIOError:
            return b""
        except TypeError as error:
            raise OSError("the port is closed") from error
        if not data:
            raise OSError(self._pump.why if self._pump is not None else "end of input")
        return data

    @property
    def settings(self) -> tuple[int, int, str, float]:
        """Speed (baud), data bits, parity, stop bits."""
        return self._port.baudrate, self._port.bytesize, self._port.parity, self._port.stopbits

    def set_speed(self, baud: int) -> None:
        """Listen at another speed, in bit/s. Raises OSError if the port refuses it or went away."""
        try:
            self._port.baudrate = baud
        except (serial.SerialException, ValueError) as error:
            raise OSError(str(error)) from error

    def new_errors(self) -> dict[str, int]:
        """Return how many line errors of each kind the driver counted since it was asked last (Linux)."""
        counted = self._counters()
        new = {
            name: value - self._counted.get(name, value)
            for name, value in counted.items()
            if value > self._counted.get(name, value)
        }
        self._counted = counted
        return new

    def _counters(self) -> dict[str, int]:
        if not sys.platform.startswith("linux") or not self.marked:
            return {}
        import fcntl  # noqa: PLC0415 - POSIX only

        values = array.array("i", [0] * 20)
        try:
            fcntl.ioctl(self._port.fileno(), _TIOCGICOUNT, values, True)
        except (OSError, TypeError):
            return {}
        return dict(zip(_COUNTERS, values[_FIRST_COUNTER:], strict=False))

    def close(self) -> None:
        """Close the port."""
        with contextlib.suppress(OSError, serial.SerialException):
            self._port.close()
        if self._pump is not None:
            self._pump.close()


class _Pump:
    """Carries the bytes of a port that cannot be waited for into a pipe that can (rfc2217 keeps them in a queue)."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._out, self._in = os.pipe()
        self.why = "end of input"
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        port.timeout = _PUMP_TIMEOUT_S
        self._thread.start()

    def fileno(self) -> int:
        return self._out

    def _run(self) -> None:
        try:
            while True:
                data = self._port.read(max(1, min(self._port.in_waiting, READ_SIZE)))
                view = memoryview(data)
                while view:
                    view = view[os.write(self._in, view) :]
        except Exception as error:
            self.why = str(error)
        with contextlib.suppress(OSError):
            os.close(self._in)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._out)


def _has_number(port: Any) -> bool:
    try:
        return isinstance(port.fileno(), int)
    except Exception:  # io.UnsupportedOperation, AttributeError: pyserial's classes differ
        return False


def _low_latency(port: Any) -> bool:
    try:
        port.set_low_latency_mode(True)
    except (AttributeError, NotImplementedError, ValueError, OSError):
        return False
    return True


def _identity(name: str) -> Identity | None:
    real = os.path.realpath(name)
    for port in list_ports.comports():
        if port.serial_number and real == os.path.realpath(port.device):
            return Identity(port.vid, port.pid, port.serial_number, port.interface)
    return None


def find(identity: Identity) -> str | None:
    """Return the name that the adapter of ``identity`` has now, None if it is not there."""
    for port in list_ports.comports():
        if port.serial_number and Identity(port.vid, port.pid, port.serial_number, port.interface) == identity:
            return str(port.device)
    return None


USB_DELAY_NS = 16_000_000
"""FTDI's latency timer, the longest of the usual adapters."""


def open_port(name: str, baud: int, framing: str = "8N1") -> Port:
    """Open a device or a URL to listen at ``baud`` bit/s. ``framing``: data bits, parity (N, E, O, M, S), stop bits.

    Raises :class:`AtsharkError` if that fails.
    """
    try:
        port = _make(name)
        port.baudrate = baud
        port.bytesize, port.parity, port.stopbits = int(framing[0]), framing[1], float(framing[2:])
        port.timeout = 0
        port.xonxoff = port.rtscts = port.dsrdtr = False
        if isinstance(port, PassivePort):
            port.exclusive = None
        port.open()
    except (serial.SerialException, OSError, ValueError) as error:
        raise AtsharkError(f"{name}: {_open_problem(name, error)}") from error
    device = isinstance(port, PassivePort)
    virtual = not device or os.path.realpath(name).startswith("/dev/pts/")
    return Port(name, port, marked=device and port.marked, delay_ns=0 if virtual else USB_DELAY_NS)


def _make(name: str) -> Any:
    if "://" not in name:
        port = PassivePort()
    else:
        makers: dict[str, Callable[[], type]] = {"socket": _socket, "rfc2217": _rfc2217}
        scheme = name.partition("://")[0].lower()
        if scheme not in makers:
            raise ValueError(f"{scheme}:// is no source of a tap; socket://HOST:PORT and rfc2217://HOST:PORT are")
        kind = makers[scheme]()
        port = type("PassiveUrl", (_Passive, kind), {})()
    port.port = name
    return port


def _socket() -> type:
    from serial.urlhandler import protocol_socket  # noqa: PLC0415 - only for such URLs

    return protocol_socket.Serial


def _rfc2217() -> type:
    from serial import rfc2217  # noqa: PLC0415 - only for such URLs

    return rfc2217.Serial


def _open_problem(name: str, error: Exception) -> str:
    if isinstance(error, ValueError):
        return f"cannot be opened: {error}"
    if "://" in name:
        return f"cannot be opened: {error}; is the other end listening?"
    number = getattr(error, "errno", None)
    if number == 13:
        return "no permission to open the port; add yourself to its group (often 'dialout') and log in again"
    known = ", ".join(sorted(port.device for port in list_ports.comports())) or "none"
    if number == 2 or not os.path.exists(name):
        return f"no such port; ports of this machine: {known}"
    return f"cannot be opened as a serial port: {error}"
