"""`atshark query` only reads: every kind of statement of DuckDB but SELECT is refused, and no SELECT gets further."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from atshark.batch import query
from atshark.batch.query import ask
from capture.errors import AtsharkError
from tests.helpers import SAMPLES, run

pytestmark = pytest.mark.outside
STATEMENTS: dict[str, list[str]] = {
    "ALTER": ["ALTER TABLE files ADD COLUMN x INT", "COMMENT ON VIEW files IS 'x'"],
    "ANALYZE": ["ANALYZE files"],
    "ATTACH": ["ATTACH '{folder}/x.db' AS x", "ATTACH '{folder}/x.db' AS x (READ_ONLY)"],
    "CALL": ["CALL pragma_version()", "CHECKPOINT", "CALL enable_logging(storage = 'file')"],
    "COPY": ["COPY files TO '{folder}/x.csv'", "COPY (SELECT 1) TO '{folder}/files/x.parquet' (FORMAT parquet)",
             "COPY files FROM '{folder}/x.csv'", "COPY (SELECT 1) TO '{part}' (FORMAT parquet)"],
    "COPY_DATABASE": ["COPY FROM DATABASE memory TO x"],
    "CREATE": ["CREATE TABLE x (a INT)", "CREATE VIEW x AS SELECT 1", "CREATE SECRET (TYPE s3)", "CREATE MACRO m() AS 1"],
    "CREATE_FUNC": [],
    "DELETE": ["DELETE FROM files", "TRUNCATE files"],
    "DETACH": ["DETACH memory"],
    "DROP": ["DROP VIEW files", "DEALLOCATE x"],
    "EXECUTE": ["EXECUTE x"],
    "EXPLAIN": ["EXPLAIN SELECT 1", "EXPLAIN ANALYZE COPY files TO '{folder}/x.csv'"],
    "EXPORT": ["EXPORT DATABASE '{folder}/export'"],
    "EXTENSION": [],
    "INSERT": ["INSERT INTO files SELECT * FROM files"],
    "INVALID": ["UPDATE EXTENSIONS"],
    "LOAD": ["LOAD httpfs", "INSTALL httpfs", "FORCE INSTALL httpfs", "LOAD '{folder}/x.duckdb_extension'"],
    "LOGICAL_PLAN": [],
    "MERGE_INTO": ["MERGE INTO files USING files AS x ON true WHEN MATCHED THEN DELETE"],
    "MULTI": ["PIVOT files ON format USING count(*)"],
    "PRAGMA": ["PRAGMA version", "PRAGMA database_list", "IMPORT DATABASE '{folder}'"],
    "PREPARE": ["PREPARE x AS SELECT 1"],
    "RELATION": [],
    "SELECT": [],
    "SET": ["SET enable_external_access = true", "SET allowed_directories = ['/']", "RESET threads", "USE memory",
            "SET lock_configuration = false"],
    "TRANSACTION": ["BEGIN", "COMMIT", "ROLLBACK"],
    "UPDATE": ["UPDATE files SET format = 'x'"],
    "VACUUM": ["VACUUM"],
    "VARIABLE_SET": ["SET VARIABLE x = 1"],
}  # fmt: skip
"""What SQL gives each kind of statement; none: a kind that no SQL gives."""
KINDS = [name for name in dir(duckdb.StatementType) if name.isupper()]
REACHING = (
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '/etc/passwd'", "SELECT * FROM read_blob('{folder}/files/*')", "SELECT * FROM read_text('{folder}/x')",
    "SELECT * FROM read_csv('https://example.com/x.csv')", "SELECT * FROM 's3://x/y.parquet'",
    "SELECT * FROM sniff_csv('/etc/passwd')", "WITH t AS (INSERT INTO files SELECT * FROM files RETURNING *) SELECT * FROM t",
    "SELECT 1; COPY files TO '{folder}/x.csv'", "SELECT 1; SELECT 2", "", ";", "-- nothing",
    "SELECT * FROM query('COPY files TO ''{folder}/x.csv''')", "SELECT * FROM sqlite_scan('{folder}/x', 'y')",
)  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("query") / "set"
    assert run("batch", SAMPLES / "tour.pcapng", SAMPLES / "ica.jsonl", "-o", folder).returncode == 0
    (folder / "x").write_text("secret")
    return folder


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(dataset: Path, sql: str) -> str:
    part = next((dataset / "files").glob("*.parquet"))
    before = state(dataset)
    with pytest.raises(AtsharkError) as caught:
        ask(str(dataset), sql.replace("{folder}", str(dataset)).replace("{part}", str(part)))
    assert state(dataset) == before, sql
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_kind_is_here() -> None:
    assert sorted(STATEMENTS) == sorted(KINDS)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if STATEMENTS.get(kind)])
def test_no_kind_of_statement_but_select(kind: str, dataset: Path) -> None:
    for sql in STATEMENTS[kind]:
        assert "a dataset is only read" in refused(dataset, sql) or "statements" in refused(dataset, sql), sql


@pytest.mark.parametrize("kind", [kind for kind in KINDS if STATEMENTS.get(kind)])
def test_the_second_wall(kind: str, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a statement came through, it could still not write where the dataset is, or open up."""
    if kind in ("ATTACH", "COPY", "EXPORT", "LOAD", "SET", "EXPLAIN", "MERGE_INTO", "INSERT", "DELETE", "UPDATE"):
        monkeypatch.setattr(query, "_judge", lambda _connection, _sql: None)
        for sql in STATEMENTS[kind]:
            if "{part}" not in sql and sql not in ("USE memory", "EXPLAIN SELECT 1"):
                refused(dataset, sql)


@pytest.mark.parametrize("sql", REACHING)
def test_no_select_reaches_out(sql: str, dataset: Path) -> None:
    refused(dataset, sql)


@pytest.mark.parametrize(
    "sql",
    ["SELECT count(*) FROM files", "FROM files", "SHOW TABLES", "DESCRIBE files", "SUMMARIZE transactions", "VALUES (1)",
     "WITH t AS (SELECT 1 AS a) SELECT * FROM t", "SELECT name, count(*) FROM transactions GROUP BY 1 ORDER BY 2 DESC;"],
)  # fmt: skip
def test_questions_are_answered(sql: str, dataset: Path) -> None:
    assert ask(str(dataset), sql).rows
