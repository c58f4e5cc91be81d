"""The tap's end of the export beside a recording: starts the process that writes it, and hears how it fares.

The tap gives it nothing and waits for nothing but its end (see following.py): no fault of the export reaches the
recording.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STOPPED = 3
"""Exit status of an export that stopped with one line about why."""
_LOOK_S = 0.5
_SOON_S = 1.0


class LiveExport:
    """A running export of the recording ``path`` to ``out``. ``whole``: it went well so far.

    ``several``: the recording is one in several files, of which ``keep`` stay (None: all).
    """

    def __init__(self, path: Path, out: Path, several: bool = False, keep: int | None = None) -> None:
        self._out = out
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        arguments = [sys.executable, "-m", "atshark.following", os.path.abspath(path), os.path.abspath(out)]
        arguments += ["--several", "--keep", str(keep or 0)] if several else []
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said,
            start_new_session=True,
        )  # fmt: skip
        self._looked = 0.0
        self._ended = False
        self._untold: list[str] = []
        self.whole = True

    def news(self) -> list[str]:
        """Return what is wrong, once, as soon as it is known; to be called often."""
        now = time.monotonic()
        if not self._ended and now - self._looked >= _LOOK_S:
            self._looked = now
            if self._process.poll() is not None:
                self._gather()
        untold, self._untold = self._untold, []
        return untold

    def close(self) -> None:
        """Let it export what is left, and wait for it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_SOON_S)
        except subprocess.TimeoutExpired:
            print(f"atshark: finishing {self._out} (Ctrl-C leaves it as it is) …", file=sys.stderr, flush=True)
            try:
                self._process.wait()
            except KeyboardInterrupt:
                self._process.kill()
                self._process.wait()
        if not self._ended:
            self._gather()
        self._said.close()

    def _gather(self) -> None:
        """Read what the process said; it has ended."""
        self._ended = True
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").splitlines()
        if self._process.returncode not in (0, STOPPED):
            lines = [
                f"the export stopped: its process ended ({self._process.returncode}) {' '.join(lines[-1:])}".strip()
            ]
        self.whole = not lines
        self._untold = [f"{self._out}: {line}; `atshark export` writes it again from the recording" for line in lines]
