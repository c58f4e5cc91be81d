"""The capture interfaces of Wireshark: "AT tap" listens on two serial ports, "AT tap (demo)" plays a virtual pair.

Wireshark starts a program for each question (which interfaces, which link types, which options) and reads the answers
as lines; to capture, it gives the name of a pipe, and the program writes pcapng into it until it is told to stop or the
pipe is closed. What goes wrong is one line on standard error, which Wireshark shows in a dialog.

Source: extcap(4); Wireshark Developer's Guide, 8.2 (extcap).
"""

from __future__ import annotations

import importlib.metadata
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from atshark.live import Live
from atshark.ports import ports
from atshark.virtual.line import VirtualLine
from atshark.virtual.meter import meter_chunks
from capture.errors import AtsharkError
from capture.pcapng import LINKTYPE_WIRESHARK_UPPER_PDU
from capture.tap import Tap
from decoder import catalog
from decoder.catalog import Catalog
from decoder.events import Event
from wireshark.export import Exporter

INTERFACES = {"atshark": "AT tap", "atshark-demo": "AT tap (demo)"}
DEFAULT_BAUD = 115200
_PORTS = (
    ("--mcu-port", "Port on the MCU's TX", "the MCU"),
    ("--module-port", "Port on the module's TX", "the module"),
)


def sentence(kind: str, **values: object) -> str:
    """Write one line of the extcap protocol: ``kind {name=value}…``."""
    return kind + " " + "".join(f"{{{name}={_safe(str(value))}}}" for name, value in values.items())


def _safe(text: str) -> str:
    return "".join(" " if character in "{}\r\n" else character for character in text)


def interfaces() -> Iterator[str]:
    """List the interfaces."""
    yield sentence("extcap", version=importlib.metadata.version("atshark"))
    for value, display in INTERFACES.items():
        yield sentence("interface", value=value, display=display)


def link_types() -> Iterator[str]:
    """List the link types that an interface begins with; more come with the pcapng stream."""
    yield sentence("dlt", number=LINKTYPE_WIRESHARK_UPPER_PDU, name="WIRESHARK_UPPER_PDU", display="AT lines")


def options(interface: str) -> Iterator[str]:
    """List the options of ``interface`` for the dialog."""
    number = 0
    if interface == "atshark":
        for call, display, side in _PORTS:
            tooltip = f"The adapter whose RX pin listens to what {side} sends"
            yield sentence("arg", number=number, call=call, display=display, type="selector", reload="true",
                           placeholder="Look again", tooltip=tooltip, group="Line")  # fmt: skip
            yield from _port_values(number)
            yield sentence("arg", number=number + 1, call=call + "-name", display="… or its name", type="string",
                           tooltip="A port that the list does not show; it counts instead", group="Line")  # fmt: skip
            number += 2
        yield sentence("arg", number=number, call="--baud", display="Speed (bit/s)", type="integer",
                       range="50,12000000", default=DEFAULT_BAUD, tooltip="8 data bits, no parity, 1 stop bit",
                       group="Line")  # fmt: skip
        number += 1
    yield sentence("arg", number=number, call="--dialect", display="Dialects", type="multicheck", group="Decoding",
                   tooltip="Which dialects to read the lines by; none: all of them")  # fmt: skip
    for dialect in catalog.names():
        yield sentence("value", arg=number, value=dialect, display=dialect, enabled="true")
    number += 1
    yield sentence("arg", number=number, call="--record", display="Keep a recording in", type="fileselect",
                   mustexist="false", group="Recording", fileext="pcapng (*.pcapng)",
                   tooltip="Every byte with its time; atshark decodes it again at any time")  # fmt: skip


def reload(option: str) -> Iterator[str]:
    """List the values of a port option again."""
    for index, (call, _, _) in enumerate(_PORTS):
        if call.lstrip("-") == option.lstrip("-"):
            yield from _port_values(2 * index)


def _port_values(number: int) -> Iterator[str]:
    known = ports()
    preset = 0 if number == 0 else min(1, len(known) - 1)
    for index, (device, title) in enumerate(known):
        shown = device if title == device else f"{device}: {title}"
        yield sentence("value", arg=number, value=device, display=shown, default="true" if index == preset else "false")


@contextmanager
def pipe(fifo: Path) -> Iterator[BinaryIO]:
    """Open Wireshark's pipe. It is opened first, whatever happens then: the other end waits for it."""
    try:
        with open(fifo, "wb", buffering=0) as stream:
            yield stream
    except OSError as error:
        raise AtsharkError(f"{fifo}: Wireshark's pipe cannot be opened: {error.strerror or error}") from error


@contextmanager
def real_line(mcu: str, module: str, baud: int) -> Iterator[Tap]:
    """Open the two ports. Raises :class:`AtsharkError` if that fails."""
    if not mcu or not module:
        raise AtsharkError("choose both serial ports first: the gear in front of the interface opens the dialog")
    tap = Tap(mcu, module, baud)
    try:
        yield tap
    finally:
        tap.close()


@contextmanager
def demo_line() -> Iterator[Tap]:
    """Play the virtual meter on a virtual line. Raises :class:`AtsharkError` where there are no pseudo terminals."""
    with VirtualLine() as line:
        stopped = threading.Event()
        chunks = meter_chunks(time.time_ns())
        player = threading.Thread(target=line.play, args=(chunks, stopped.is_set), daemon=True)
        with real_line(line.ports["mcu"], line.ports["module"], DEFAULT_BAUD) as tap:
            player.start()
            try:
                yield tap
            finally:
                stopped.set()
                player.join()


def capture(stream: BinaryIO, tap: Tap, known: Catalog, record: Path | None) -> None:
    """Capture from ``tap`` into ``stream`` until told to stop, or until nobody reads it any more.

    Raises :class:`AtsharkError` if the recording cannot be written, and at the end if a port went away.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: tap.stop())
    exporter = Exporter(stream)
    closed = threading.Event()

    def take(events: list[Event]) -> None:
        try:
            if not closed.is_set():
                exporter.write(events)
        except BrokenPipeError:
            closed.set()

    live = Live(tap, record, known, take)
    live.run(finished=closed.is_set)
    problems = list(tap.lost.values())
    if live.not_shown:
        kept = f"; they are in {record}" if record else ""
        problems.append(f"Wireshark could not follow: {live.not_shown} bytes were not shown{kept}")
    if problems:
        raise AtsharkError("; ".join(problems))
