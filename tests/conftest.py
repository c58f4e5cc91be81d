"""What holds for all tests: nobody's own configuration and no plugin that somebody installed take part.

A test that needs another program, a port or a real clock is marked ``outside``; ``make quick`` leaves these and the ``slow``
ones out. Hypothesis draws the same examples in each run, so that a change is judged by what it changes; ``make explore`` draws
others. That the marks are true is seen to here: without it, no test can start a process, open a terminal or sleep. No
test fails because the machine is busy: Hypothesis has no deadline.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Any, NoReturn

import pytest
from hypothesis import settings

from tests.helpers import EXPLORE, examples

settings.register_profile("atshark", deadline=None, max_examples=examples(100), derandomize=not EXPLORE, database=None)
settings.load_profile("atshark")
os.environ["HOME"] = os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(
    prefix="atshark-tests-"
)
atexit.register(shutil.rmtree, os.environ["HOME"], ignore_errors=True)


if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a shell; programs under test inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _refuse(*arguments: Any, **_options: Any) -> NoReturn:
    raise AssertionError(f"a test that needs a process, a port or a clock is marked `outside`: {arguments}")


@pytest.fixture(autouse=True)
def _inside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("outside") is None:
        monkeypatch.setattr(subprocess, "Popen", _refuse)
        monkeypatch.setattr(os, "openpty", _refuse)
        monkeypatch.setattr(time, "sleep", _refuse)
