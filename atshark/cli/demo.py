"""``atshark demo``: the whole path without hardware."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import click

from atshark.cli import DONE, FINDINGS
from atshark.live import Live
from atshark.render import utf8_output
from atshark.render.console import Printer
from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from atshark.virtual.module import tour_chunks
from capture.tap import Tap
from decoder import catalog
from decoder.decode import Decoder
from wireshark import bundle, health
from wireshark.export import export
from wireshark.install import folders

BAUD = 115200
SETTLE_S = 0.3


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Folder for the recording, the export and the dissector.",
)
def command(out: Path) -> int:
    """Let a virtual MCU and a virtual module talk over two pseudo terminals, and tap them.

    The tap, the recorder and the decoder are the real ones; only the two ends of the line are not. Takes about
    12 seconds and leaves a recording, an export and Wireshark's dissector in the folder given by --out.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"{out}: cannot make the folder: {error.strerror}") from error
    recording, exported, dissector = out / "demo.pcapng", out / "demo-wireshark.pcapng", out / "atshark.lua"
    click.echo("a virtual MCU and module talk at 115200 bit/s; atshark listens on both wires\n", err=True)
    sent = _talk(recording)
    with open_source(str(recording)) as source:
        packets = export(source, Decoder(catalog.load()), exported)
    dissector.write_text(bundle.plugin(catalog.load()), "utf-8")
    got = recording_size(recording)
    click.echo(f"\nrecorded {got} of {sent} bytes to {recording}; {packets} packets exported to {exported}\n", err=True)
    click.echo(f"decode it again:    atshark decode {recording}", err=True)
    click.echo(f"as JSON lines:      atshark decode {recording} --format jsonl", err=True)
    click.echo(f"open in Wireshark:  wireshark -X lua_script:{dissector} {exported}", err=True)
    click.echo(f"or on a terminal:   tshark -2 -X lua_script:{dissector} -r {exported}", err=True)
    if health.is_root() and health.scripts_not_for_root(where := folders()):
        click.echo(f"\nas root, Wireshark {where.version} ignores that script: be an ordinary user for it", err=True)
    return DONE if got == sent else FINDINGS


def _talk(recording: Path) -> int:
    """Play the tour into pseudo terminals with the tap on them. Return how many bytes went over the wires."""
    chunks = list(tour_chunks(time.time_ns()))
    with VirtualLine() as line:
        tap = Tap(line.ports["mcu"], line.ports["module"], BAUD)
        live = Live(tap, recording, catalog.load(), Printer(utf8_output()))
        stopped = threading.Event()
        player = threading.Thread(target=line.play, args=(chunks, stopped.is_set), daemon=True)
        ended: list[float] = []

        def finished() -> bool:
            if not player.is_alive() and not ended:
                ended.append(time.monotonic() + SETTLE_S)
            return bool(ended) and time.monotonic() >= ended[0]

        player.start()
        try:
            live.run(finished=finished)
        finally:
            stopped.set()
            player.join()
    return sum(len(chunk.data) for chunk in chunks)


def recording_size(path: Path) -> int:
    """Count the bytes in a recording."""
    with open_source(str(path)) as source:
        return sum(len(chunk.data) for chunk in source)
