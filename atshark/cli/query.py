"""``atshark query``: questions to a dataset."""

from __future__ import annotations

import csv

import click

from atshark.cli import DONE, needs_batch
from atshark.render import utf8_output
from atshark.render.safe import cell, json

_NAMES = (
    "errors", "slowest-commands", "findings", "causes", "causes-by-firmware", "by-firmware", "by-dialect", "unreadable",
)  # fmt: skip


def _question(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Take "slowest commands", "slowest" and "slowest-commands" for the same."""
    if value is None:
        return None
    name = "-".join(value.lower().replace("_", " ").replace("-", " ").split())
    for known in _NAMES:
        if name and (known == name or known.startswith(name) or known.removeprefix("by-") == name):
            return known
    raise click.BadParameter(f"{value!r} is none of {', '.join(_NAMES)}")


@click.command("query")
@click.argument("dataset")
@click.argument("sql", required=False)
@click.option(
    "--top", "question", callback=_question, metavar="QUESTION", help=f"A ready question: {', '.join(_NAMES)}."
)
@click.option("--limit", type=click.IntRange(min=1), help="Rows at most; 20 for a ready question printed as text.")
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "csv", "jsonl"]),
    default="text",
    show_default=True,
    help="How rows are printed.",
)
def command(dataset: str, sql: str | None, question: str | None, limit: int | None, output: str) -> int:
    """Ask DATASET, which `atshark batch` wrote, a question in SQL (DuckDB), or a ready one.

    The tables are transactions, urcs, frames, findings, causes and files; docs/dataset.md has their columns.
    """
    if (sql is None) == (question is None):
        raise click.UsageError('give either a query in SQL ("SELECT …") or --top QUESTION')
    needs_batch()
    from atshark.batch.query import ask, questions  # noqa: PLC0415 - needs the extra

    if question is not None:
        sql = questions()[question].sql
        limit = limit or (20 if output == "text" else None)
    assert sql is not None
    answer = ask(dataset, sql, limit)
    stream = utf8_output()
    if output == "csv":
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(map(cell, answer.columns))
        rows.writerows(map(cell, row) for row in answer.rows)
    elif output == "jsonl":
        for row in answer.rows:
            stream.write(json(dict(zip(answer.columns, row, strict=True))).decode() + "\n")
    else:
        from rich.table import Table  # noqa: PLC0415 - slow to load

        from atshark.render.console import console_on  # noqa: PLC0415
        from decoder.values import printable  # noqa: PLC0415

        table = Table(title=questions()[question].title if question else None, title_justify="left")
        for name in answer.columns:
            table.add_column(printable(name), overflow="fold")
        for row in answer.rows:
            table.add_row(*("" if value is None else printable(str(value)) for value in row))
        console_on(stream).print(table, soft_wrap=False)
    return DONE
