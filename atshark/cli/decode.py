"""``atshark decode``: any input to records."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
import msgspec

from atshark.cli import DONE, FINDINGS, in_force, say
from atshark.cli.inputs import Input, one_input
from atshark.render import utf8_output
from atshark.render.safe import escaped
from atshark.render.why import why as explained
from atshark.sources import Source, Wanted
from capture.chunk import Side
from capture.errors import AtsharkError
from decoder.decode import Decoder, drive
from decoder.events import INNER, Finding, Record

Write = Callable[[list[Record]], None]
_INNER = frozenset(INNER)
_BATCH = 64
"""Records of a file that are written at once. Standard input may be live: each record is written as it is known."""


def sides_of(_context: click.Context, _option: click.Parameter, text: str | None) -> dict[str, Side] | None:
    """Read "MARK=mcu,MARK=module"."""
    if text is None:
        return None
    out: dict[str, Side] = {}
    for part in text.split(","):
        mark, equals, side = part.rpartition("=")
        if not equals or side not in ("mcu", "module"):
            raise click.BadParameter(f'{part!r} is not MARK=mcu or MARK=module, as in "TX=mcu,RX=module"')
        out[mark.strip()] = "mcu" if side == "mcu" else "module"
    return out


@click.command("decode")
@one_input
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "jsonl", "csv"]),
    default="text",
    show_default=True,
    help="How records are printed.",
)
@click.option(
    "--dialect",
    "dialects",
    multiple=True,
    metavar="NAME|FILE",
    help="A dialect by name, or a dialect file; may be given several times.",
)
@click.option("--why", is_flag=True, help="Say how a text log is read, and which readings were tried; do not decode.")
@click.option("--reading", metavar="NAME", help="Read a text log in this way; --why tells the names.")
@click.option(
    "--sides", metavar="MARK=SIDE,…", callback=sides_of, help='Whose the marks of a text log are: "TX=mcu,RX=module".'
)
def command(
    given: Input, output: str, dialects: tuple[str, ...], why: bool, reading: str | None, sides: dict[str, Side] | None
) -> int:
    """Decode FILE (a recording, an export, a USB capture, a text log; "-" is standard input) and print what was said.

    The exit status is 0 if all went well on the line, 1 if there are errors or warnings, or the input was cut.
    """
    known = in_force(dialects)
    with given.open(Wanted(known, reading, sides)) as source:
        if why:
            return _explain(source)
        decoder = Decoder(known, timing=source.timing)
        write, finish = _writer(output)
        at_once = 1 if given.files == ("-",) else _BATCH
        troubles = 0
        records: list[Record] = []
        try:
            for events in drive(source, decoder):
                for event in events:
                    if type(event) not in _INNER:
                        records.append(event)  # type: ignore[arg-type]  # what is left is a record
                if len(records) >= at_once:
                    troubles += _emit(records, write)
                    records.clear()
        except (AtsharkError, KeyboardInterrupt):
            write(records)
            finish()
            raise
        troubles += _emit(records, write)
        say(given.name, source)
        return FINDINGS if troubles or source.warnings else DONE


def _explain(source: Source) -> int:
    """Say how the input is read."""
    for line in explained(source.verdict) if source.verdict is not None else [f"read as {source.format}: no text log"]:
        click.echo(line)
    return DONE


def _emit(records: list[Record], write: Write) -> int:
    """Write ``records`` and count the findings that matter."""
    write(records)
    return sum(1 for record in records if type(record) is Finding and record.severity != "note")


def _writer(output: str) -> tuple[Write, Callable[[], None]]:
    """Return what writes records, and what to call if the input breaks off."""
    if output == "jsonl":
        encode = msgspec.json.Encoder().encode_lines
        stream = sys.stdout.buffer

        def write_lines(records: list[Record]) -> None:
            stream.write(escaped(encode(records)))
            stream.flush()

        return write_lines, _nothing
    text = utf8_output()
    if output == "csv":
        from atshark.render.table import Writer  # noqa: PLC0415 - loaded when asked for

        rows = Writer(text)

        def write_rows(records: list[Record]) -> None:
            for record in records:
                rows.write(record)

        return write_rows, _nothing
    from atshark.render.console import Printer  # noqa: PLC0415 - rich is slow to load

    printer = Printer(text)
    return printer, printer.finish


def _nothing() -> None:
    """Nothing is held back."""
