"""Who does the parts: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from typing import Any

from atshark.batch.plan import Part, part_of
from atshark.batch.store import Store
from atshark.batch.work import given_up, work
from capture.errors import AtsharkError

Progress = Callable[[int], None]
"""Called with the number of inputs that are done now."""
_TRIES = 3


def run(
    parts: list[Part],
    dataset: str,
    dialects: tuple[str, ...] = (),
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress = lambda _count: None,
) -> Counter[str]:
    """Do ``parts`` and return how many inputs came out with which status.

    An input that kills its worker is done alone, and then said to have crashed. ``scheduler`` is the address of a Dask
    scheduler. Raises :class:`AtsharkError` if that cannot be reached.
    """
    counts: Counter[str] = Counter()
    if scheduler is None:
        results = _local(parts, dataset, dialects, workers or os.cpu_count() or 1)
    else:
        results = _cluster(parts, dataset, dialects, scheduler)
    for found in results:
        counts.update(found)
        progress(sum(found.values()))
    Store(dataset).leftovers()  # of workers that were killed while they wrote
    return counts


def _local(parts: list[Part], dataset: str, dialects: tuple[str, ...], workers: int) -> Iterator[dict[str, int]]:
    suspects: list[Part] = []
    waiting = list(parts)
    while waiting:
        left: list[Part] = []
        with _pool(min(workers, len(waiting))) as pool:
            futures: dict[Future[dict[str, int]], Part] = {}
            for part in waiting:
                try:
                    futures[pool.submit(work, part, dataset, dialects)] = part
                except BrokenProcessPool:  # a worker was killed while parts were still handed out
                    left.append(part)
            for future in as_completed(futures):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    left.append(futures[future])
        if len(left) == len(waiting):
            suspects += left
            break
        waiting = left
    yield from _alone(suspects, dataset, dialects)


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _alone(parts: list[Part], dataset: str, dialects: tuple[str, ...]) -> Iterator[dict[str, int]]:
    """Do parts that may have killed their process, one after the other; when one has, do its inputs one by one.

    A process is used as long as it lives. What killed one that had done something else before gets a new one.
    """
    waiting = deque(parts)
    pool, fresh = _pool(1), True
    try:
        while waiting:
            part = waiting.popleft()
            try:
                yield pool.submit(work, part, dataset, dialects).result()
                fresh = False
                continue
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(1)
            if not fresh:
                waiting.appendleft(part)
            elif len(part.inputs) == 1:
                yield given_up(part, dataset, "the process that decoded it was killed; out of memory?")
            else:
                waiting.extendleft(part_of([one]) for one in reversed(part.inputs))
            fresh = True
    finally:
        pool.shutdown()


def _cluster(parts: list[Part], dataset: str, dialects: tuple[str, ...], address: str) -> Iterator[dict[str, int]]:
    from distributed import Client, KilledWorker  # noqa: PLC0415 - slow to load
    from distributed import as_completed as completed  # noqa: PLC0415

    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise AtsharkError(f"{address}: no Dask scheduler answers there: {error}") from error
    with client:
        _check_versions(client)
        tasks = {_submit(client, part, dataset, dialects): part for part in parts}
        for future in completed(list(tasks), loop=client.loop):
            try:
                yield future.result()
            except KilledWorker:
                for one in tasks[future].inputs:
                    yield _single(client, part_of([one]), dataset, dialects)


def _submit(client: Any, part: Part, dataset: str, dialects: tuple[str, ...]) -> Any:
    return client.submit(work, part, dataset, dialects, key=f"atshark-{part.name}", retries=_TRIES, pure=False)


def _single(client: Any, part: Part, dataset: str, dialects: tuple[str, ...]) -> dict[str, int]:
    from distributed import KilledWorker  # noqa: PLC0415 - slow to load

    try:
        found: dict[str, int] = _submit(client, part, dataset, dialects).result()
    except KilledWorker:
        return given_up(part, dataset, "the worker that decoded it was killed; out of memory?")
    return found


def _versions() -> str:
    return version("atshark")


def _check_versions(client: Any) -> None:
    here = version("atshark")
    try:
        there = client.run(_versions)
    except Exception as error:
        raise AtsharkError(f"the workers of the cluster cannot run atshark {here}: {error}") from error
    for worker, found in there.items():
        if found != here:
            raise AtsharkError(f"the worker {worker} has atshark {found}, this machine {here}: install the same")
