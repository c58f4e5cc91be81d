"""Short ways to say in tests what crossed the wires and to read the decode."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec
from click.testing import CliRunner

from atshark.cli import main
from atshark.sources import open_source
from capture.chunk import Chunk, Side
from decoder import catalog, decode
from decoder.catalog import Catalog
from decoder.events import INNER, Event, Finding, Message, Record, Transaction, Urc
from wireshark import bundle

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
MS = 1_000_000
START = 1_763_690_400_000_000_000
_EXAMPLES = float(os.environ.get("ATSHARK_EXAMPLES", "1"))
EXPLORE = "ATSHARK_EXPLORE" in os.environ
"""Whether properties are tried with examples that no run had before."""


def examples(count: int) -> int:
    """How many examples a property is tried with: ``count``, times what ``ATSHARK_EXAMPLES`` says."""
    return max(3, round(count * _EXAMPLES))


@cache
def standard() -> Catalog:
    return catalog.load()


def chunks_of(path: Path) -> list[Chunk]:
    with open_source(str(path)) as source:
        return list(source)


@cache
def lua() -> Path:
    """The plugin for the built-in dialects, put together in the folder for temporary files."""
    text = bundle.plugin(catalog.load(catalog.names())).encode()
    path = Path(tempfile.gettempdir()) / f"atshark-{hashlib.sha256(text).hexdigest()[:16]}.lua"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(text)
        part.replace(path)
    return path


def events(chunks: Iterable[Chunk], known: Catalog | None = None) -> list[Event]:
    return list(decode.run(chunks, known or standard(), decode.NO_STAGES))


def records(chunks: Iterable[Chunk], known: Catalog | None = None) -> list[Record]:
    return [event for event in events(chunks, known) if not isinstance(event, INNER)]


def messages(found: Iterable[Event]) -> list[Message]:
    """The messages of the line; what channels of a multiplexed line said is in their frames."""
    return [event for event in found if isinstance(event, Message) and event.channel is None]


def by_channel(found: Iterable[Any]) -> dict[object, list[Any]]:
    """The records of each channel of a multiplexed line. Which of two waited longer for its end, an export does not tell."""
    out: dict[object, list[Any]] = {}
    for one in found:
        channel = one.get("channel") if isinstance(one, dict) else getattr(one, "channel", msgspec.UNSET)
        out.setdefault(None if channel is msgspec.UNSET else channel, []).append(one)
    return out


def transactions(found: Iterable[Event]) -> list[Transaction]:
    return [event for event in found if isinstance(event, Transaction)]


def urcs(found: Iterable[Event]) -> list[Urc]:
    return [event for event in found if isinstance(event, Urc)]


def compact(found: Iterable[Event]) -> list[tuple[Any, ...]]:
    """Transactions as (name, form, parameters, information, late URCs, result), for tables of examples."""
    return [
        (
            one.name,
            one.form,
            one.params,
            [information.params for information in one.information],
            [late.params for late in one.urcs],
            one.result.code if one.result else None,
        )
        for one in transactions(found)
    ]


def rules(found: Iterable[Event]) -> list[str]:
    return [event.rule for event in found if isinstance(event, Finding)]


def as_json(found: Iterable[Record]) -> list[dict[str, Any]]:
    return [json.loads(msgspec.json.encode(record)) for record in found]


def talk(*lines: tuple[str, bytes] | tuple[str, bytes, int], gap_ms: int = 1000) -> list[Chunk]:
    """Make chunks of ("mcu" | "module", bytes[, ms after the one before]); an answer comes 20 ms later."""
    time_ns = START
    out = []
    for line in lines:
        side: Side = "mcu" if line[0] == "mcu" else "module"
        pause = line[2] if len(line) == 3 else (gap_ms if side == "mcu" else 20)
        time_ns += pause * MS
        out.append(Chunk(time_ns, side, line[1]))
    return out


def command(text: str) -> tuple[str, bytes]:
    return ("mcu", text.encode() + b"\r")


def answer(*texts: str) -> tuple[str, bytes]:
    return ("module", b"".join(b"\r\n" + text.encode() + b"\r\n" for text in texts))


def run(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command as a user would, but in this process: what it prints, says and returns."""
    words = [str(one) for one in arguments]
    thresholds = gc.get_threshold()
    status: object = None
    entered = io.BufferedReader(io.BytesIO(stdin))
    with CliRunner().isolation(input=cast(Any, entered)) as (out, err, *_):
        before, sys.argv = sys.argv, ["atshark", *words]
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        finally:
            sys.argv = before
            gc.set_threshold(*thresholds)
            sys.stdout.flush()
            sys.stderr.flush()
        assert isinstance(status, int)
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


def process(*arguments: object, stdin: bytes = b"", timeout: float = 60) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "atshark", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def tool(name: str) -> str:
    """Find a program that the tests need. They fail, loudly, without it."""
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if path is None:
        raise AssertionError(f"{name} is needed for this test; `make test` installs it")
    return path


def tshark(file: Path, *arguments: str, plugin: bool = True) -> str:
    script = ["-X", f"lua_script:{lua()}"] if plugin else []
    done = subprocess.run(
        [tool("tshark"), "-r", str(file), *script, *arguments], capture_output=True, timeout=300, check=False
    )
    text = done.stdout.decode("utf-8", "replace")
    problems = done.stderr.decode("utf-8", "replace").replace(
        'Running as user "root" and group "root". This could be dangerous.', ""
    )
    assert "Lua" not in problems, problems
    assert done.returncode == 0, problems
    return text


def sample_files() -> list[Path]:
    return sorted(path for path in SAMPLES.iterdir() if path.suffix in (".pcapng", ".jsonl"))


def cpu_seconds(work: Callable[[], object]) -> float:
    """Measure the CPU time that some work takes, without what the collector spends on what other tests have left."""
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()
