"""Many files into one dataset: the same on one machine and on a cluster, whole after any interruption."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from atshark.batch import Part, plan, run
from atshark.batch.plan import inputs
from atshark.batch.query import ask, questions
from atshark.batch.store import Store
from atshark.batch.tables import SCHEMAS
from atshark.batch.work import work
from benchmarks.tickets import write
from capture.errors import AtsharkError

from tests.helpers import ROOT, process as atshark  # isort: skip

pytestmark = pytest.mark.outside

TICKETS = int(os.environ.get("ATSHARK_TICKETS", "1000"))
SMALL = 300


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tickets")
    assert sum(1 for _ in write(folder, TICKETS, size=SMALL)) == TICKETS
    return folder


@pytest.fixture(scope="module")
def dataset(tickets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dataset") / "local"
    done = atshark("batch", tickets, "-o", out, timeout=300)
    assert done.returncode == 1
    assert f"{TICKETS // 10} unreadable".encode() in done.stderr
    return out


def files(folder: Path) -> dict[str, bytes]:
    """The whole dataset: each file with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    if not (folder / table).exists():
        return []
    out = pq.read_table(folder / table).to_pylist()
    return sorted(out, key=lambda row: (row["file"], row.get("n", 0)))


def same(one: Path, other: Path) -> bool:
    return all(rows(one, table) == rows(other, table) for table in SCHEMAS)


def start(tickets: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "atshark", "batch", str(tickets), "-o", str(out), *more],
        cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def wait_for_parts(out: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while len(Store(str(out)).parts("files")) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def test_the_dataset_says_what_decode_says(dataset: Path, tickets: Path) -> None:
    import json

    found = {row["file"]: row for row in rows(dataset, "files")}
    assert len(found) == TICKETS
    for path in sorted(tickets.iterdir())[:9]:
        name = os.path.relpath(path)
        records = [json.loads(line) for line in atshark("decode", path, "--format", "jsonl").stdout.splitlines()]
        row = found[name]
        for kind in ("transaction", "urc", "frame", "finding"):
            of_kind = [one for one in records if one["kind"] == kind]
            assert row[kind + "s"] == len(of_kind)
            got = [one for one in rows(dataset, kind + "s") if one["file"] == name]
            assert [one["time_ns"] for one in got] == [one["time_ns"] for one in of_kind]
            if kind == "transaction":
                assert [json.loads(one["params"] or "{}") for one in got] == [one["params"] for one in of_kind]
                assert [one["result"] for one in got] == [one["result"] and one["result"]["code"] for one in of_kind]
        assert row["model"] == "M5311"
        assert row["firmware"]
        assert row["dialect"] == "onemo-tcpip"
    bad = [row for row in found.values() if row["status"] == "unreadable"]
    assert len(bad) == TICKETS // 10
    assert all("not an input" in row["problem"] or row["problem"] for row in bad)


def test_what_is_known_is_not_done_again_and_what_changed_is(tickets: Path, tmp_path: Path) -> None:
    mine, out = tmp_path / "tickets", tmp_path / "set"
    mine.mkdir()
    for path in sorted(tickets.iterdir())[:140]:
        shutil.copy2(path, mine)
    assert atshark("batch", mine, "-o", out).returncode == 1
    before = files(out)
    done = atshark("batch", mine, "-o", out)
    assert done.returncode == 0
    assert b"nothing to do; 140 of 140" in done.stderr
    assert files(out) == before
    changed = mine / "ticket-000001.jsonl"
    changed.write_bytes((mine / "ticket-000004.jsonl").read_bytes())
    shutil.copy2(sorted(tickets.iterdir())[150], mine)
    done = atshark("batch", mine, "-o", out)
    assert b"137 of 141" in done.stderr
    fresh = tmp_path / "fresh"
    atshark("batch", mine, "-o", fresh)
    assert same(out, fresh)
    assert b"0 of 141" in atshark("batch", mine, "-o", out, "--again").stderr
    assert same(out, fresh)


PLANNED = """
import os, sys
from atshark.batch.plan import inputs, plan
from atshark.batch.store import Store

threads = len(os.listdir("/proc/self/task"))
parts, known = plan(inputs([sys.argv[1]]), Store(sys.argv[2]))
print(len(parts), known > 0, len(os.listdir("/proc/self/task")) - threads)
"""


def test_planning_leaves_no_thread_behind(tickets: Path, dataset: Path) -> None:
    """A thread of Arrow's that lets go of a Python stream while the interpreter ends aborts it: one run in twenty did."""
    done = subprocess.run([sys.executable, "-c", PLANNED, tickets, dataset], capture_output=True, check=True)
    assert done.stdout == b"0 True 0\n"


def test_a_run_that_was_killed_is_taken_up_again(tickets: Path, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    process = start(tickets, out)
    wait_for_parts(out, 5, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stderr is not None
    process.stderr.close()
    (out / "transactions").mkdir(parents=True, exist_ok=True)
    (out / "transactions" / ".x.parquet.abc").write_bytes(b"half")
    some = next((dataset / "transactions").iterdir())
    (out / "transactions" / "ffffffffffffffffffffffff.parquet").write_bytes(some.read_bytes())  # its part is not whole
    done = atshark("batch", tickets, "-o", out, timeout=300)
    assert b" 0 of " not in done.stderr
    assert same(out, dataset)
    assert not list(out.rglob(".*"))


def test_a_cluster_gives_the_same_even_when_a_worker_is_killed(tickets: Path, dataset: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        plain, out = tmp_path / "plain", tmp_path / "set"
        done = atshark("batch", tickets, "-o", plain, "--scheduler", cluster.scheduler_address, timeout=300)
        assert b"900 ok" in done.stderr or TICKETS != 1000, done.stderr
        assert files(plain) == files(dataset)
        process = start(tickets, out, "--scheduler", cluster.scheduler_address)
        wait_for_parts(out, 3, process)
        assert process.poll() is None
        os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 1, errors
    assert files(out) == files(dataset)


def test_no_cluster_is_one_line(tickets: Path, tmp_path: Path) -> None:
    done = atshark("batch", tickets, "-o", tmp_path / "x", "--scheduler", "tcp://127.0.0.1:1")
    assert done.returncode == 2
    assert b"no Dask scheduler answers there" in done.stderr
    assert b"Traceback" not in done.stderr


def deadly(part: Part, dataset: str, dialects: tuple[str, ...] = ()) -> dict[str, int]:
    """Decode a part, unless it has an input that kills the process while it writes."""
    if any("deadly" in one.path for one in part.inputs):
        Store(dataset).create(f"transactions/{part.name}.parquet").write(b"half")
        os._exit(9)
    return work(part, dataset, dialects)


def test_a_file_that_kills_its_process_costs_itself_only(
    tickets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "tickets"
    mine.mkdir()
    for path in sorted(tickets.iterdir())[:150]:
        shutil.copy2(path, mine)
    (mine / "ticket-000070-deadly.txt").write_bytes(b"x")
    monkeypatch.setattr("atshark.batch.executors.work", deadly)
    parts, _ = plan(inputs([str(mine)]), Store(str(tmp_path / "set")))
    counts = run(parts, str(tmp_path / "set"), workers=2)
    assert counts == {"ok": 135, "unreadable": 15, "crashed": 1}
    assert next(row["file"] for row in rows(tmp_path / "set", "files") if row["status"] == "crashed").endswith(
        "deadly.txt"
    )
    assert not list((tmp_path / "set").rglob(".*"))


def test_stores_and_urls(tickets: Path, dataset: Path) -> None:
    """An object store, as far as one can be had without a network: the same code, another file system."""
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in sorted(tickets.iterdir())[:30]:
        memory.pipe(f"/in/{path.name}", path.read_bytes())
    wanted = inputs(["memory://in"])
    store = Store("memory://out")
    parts, known = plan(wanted, store)
    assert known == 0
    assert sum((work(part, "memory://out").get("ok", 0)) for part in parts) == 27
    assert plan(wanted, store) == ([], 30)
    answer = ask("memory://out", "SELECT count(*) FROM transactions")
    local = ask(
        str(dataset),
        "SELECT count(*) FROM transactions WHERE file LIKE '%ticket-00000_.%' OR file LIKE '%ticket-00001_.%' OR file LIKE '%ticket-00002_.%'",
    )
    assert answer.rows == local.rows


@pytest.mark.parametrize("name", sorted(questions()))
def test_ready_questions(name: str, dataset: Path) -> None:
    done = atshark("query", dataset, "--top", name, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") >= 1
    text = atshark("query", dataset, "--top", name.replace("-", " "))
    assert text.returncode == 0
    assert questions()[name].title.split()[0].encode() in text.stdout


def test_answers_are_right(dataset: Path) -> None:
    sql = "SELECT error_code, count(*) AS n FROM transactions WHERE name = 'CPIN' GROUP BY 1"
    done = atshark("query", dataset, sql, "--format", "csv")
    assert done.stdout.decode().splitlines()[0] == "error_code,n"
    direct = duckdb.sql(
        f"SELECT error_code, count(*) FROM '{dataset}/transactions/*.parquet' WHERE name='CPIN' GROUP BY 1"
    )
    assert done.stdout.decode().splitlines()[1] == ",".join(map(str, direct.fetchall()[0]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SELEC"], b"the query failed"),
        (["SELECT * FROM read_csv('/etc/passwd')"], b"the query failed"),
        (["COPY files TO '/tmp/x.csv'"], b"a dataset is only read"),
        ([], b"either a query in SQL"),
        (["--top", "wrong"], b"is none of"),
    ],
)
def test_wrong_questions_are_one_line(arguments: list[str], said: bytes, dataset: Path) -> None:
    done = atshark("query", dataset, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_no_dataset_and_no_input(tmp_path: Path) -> None:
    assert b"no dataset" in atshark("query", tmp_path, "SELECT 1").stderr
    assert b"there is no such file" in atshark("batch", tmp_path / "x", "-o", tmp_path / "y").stderr
    with pytest.raises(AtsharkError, match="nothing matches"):
        inputs([str(tmp_path / "*.txt")])


def test_the_columns_are_documented() -> None:
    text = (ROOT / "docs" / "dataset.md").read_text("utf-8")
    for table, schema in SCHEMAS.items():
        section = text.partition(f"\n## {table}\n")[2].partition("\n## ")[0]
        documented = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
        assert documented == schema.names, table
