"""A file for Wireshark that lasts as long as its window."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from capture.errors import AtsharkError


@contextlib.contextmanager
def temporary(file: str) -> Iterator[Path]:
    """Yield where to write the export of ``file``; it is removed at the end, also when a signal ends this process.

    Raises :class:`AtsharkError` if there is no room for temporary files.
    """
    stem = "standard-input" if file == "-" else Path(file).stem or "export"
    stops = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, _stop) for number in stops}
    try:
        with tempfile.TemporaryDirectory(prefix="atshark-", ignore_cleanup_errors=True) as folder:
            yield Path(folder) / f"{stem}.pcapng"
    except FileNotFoundError as error:
        raise AtsharkError(f"no temporary file can be made: {error.strerror or error}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def show(command: Sequence[str]) -> int:
    """Run Wireshark and wait until its window is closed; return its exit status.

    It is ended with this process. Raises :class:`AtsharkError` if it cannot be started.
    """
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise AtsharkError(f"{command[0]}: cannot be started: {error.strerror or error}") from error
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
