"""``atshark batch``: many files into one dataset."""

from __future__ import annotations

import sys

import click

from atshark.cli import DONE, FINDINGS, in_force, needs_batch


@click.command("batch")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o", "--output", "dataset", required=True, help="The dataset: a folder, or a URL such as s3://bucket/set."
)
@click.option("--dialect", "dialects", multiple=True, metavar="NAME|FILE", help="A dialect by name, or a dialect file.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes on this machine; else one per core.")
@click.option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster: the address of its scheduler.")
@click.option("--again", is_flag=True, help="Decode what the dataset has already, too.")
def command(
    paths: tuple[str, ...],
    dataset: str,
    dialects: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
    again: bool,
) -> int:
    """Decode PATHS (recordings, exports, text logs; folders, patterns, URLs) into a dataset of Parquet tables.

    What is in the dataset already is not done again, unless it has changed. A file that cannot be read is noted in the
    table "files", and stops nothing. The exit status is 0 if all files were read, 1 if some were not.
    """
    needs_batch()
    from rich.console import Console  # noqa: PLC0415 - slow to load
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from atshark.batch import plan, run  # noqa: PLC0415 - needs the extra
    from atshark.batch.plan import inputs  # noqa: PLC0415
    from atshark.batch.store import Store  # noqa: PLC0415

    in_force(dialects)
    wanted = inputs(paths)
    parts, known = plan(wanted, Store(dataset), again)
    todo = sum(len(part.inputs) for part in parts)
    columns = (TextColumn("decoding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("decoding", total=todo)
        counts = run(
            parts, dataset, dialects, workers=workers, scheduler=scheduler, progress=lambda n: bar.advance(task, n)
        )
    said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "nothing to do"
    click.echo(f"{dataset}: {said}; {known} of {len(wanted)} files were in it already", err=True)
    if bad := sum(count for status, count in counts.items() if status != "ok"):
        click.echo(f"which ones, and why: atshark query {dataset} --top unreadable", err=True)
    return FINDINGS if bad else DONE
