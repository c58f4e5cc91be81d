"""Questions to a dataset, in SQL, by DuckDB."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import duckdb

from atshark.batch.store import Store
from atshark.batch.tables import SCHEMAS
from capture.errors import AtsharkError


class Question(NamedTuple):
    """A ready question."""

    title: str
    sql: str


class Answer(NamedTuple):
    """The rows that answer a question."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


@cache
def questions() -> dict[str, Question]:
    """Return the ready questions by name."""
    text = resources.files("atshark.batch").joinpath("questions.toml").read_text("utf-8")
    return {name: Question(**one) for name, one in tomllib.loads(text).items()}


def ask(dataset: str, sql: str, limit: int | None = None) -> Answer:
    """Run ``sql`` on a dataset; its tables are views of these names. Raises :class:`AtsharkError` if that fails."""
    store = Store(dataset)
    whole = store.parts("files")
    if not whole:
        raise AtsharkError(f"{dataset}: no dataset of `atshark batch` is there")
    connection = duckdb.connect(":memory:")
    if not store.local:
        connection.register_filesystem(store.filesystem)
    for table, schema in SCHEMAS.items():
        files = [_url(store, f"{table}/{part}.parquet") for part in sorted(store.parts(table) & whole)]
        if files:
            names = ", ".join("'" + name.replace("'", "''") + "'" for name in files)
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet([{names}])")
        else:
            columns = ", ".join(f"{one.name} {_KINDS[str(one.type)]}" for one in schema)
            connection.execute(f"CREATE TABLE {table} ({columns})")
    if store.local:
        folder = store.path("").replace("'", "''")
        connection.execute(f"SET allowed_directories = ['{folder}']")
        connection.execute("SET enable_external_access = false")
    try:
        result = connection.execute(sql)
        rows = result.fetchall() if limit is None else result.fetchmany(limit)
    except duckdb.Error as error:
        raise AtsharkError(f"the query failed: {str(error).splitlines()[0]}") from error
    return Answer([column[0] for column in result.description or []], rows)


_KINDS = {"string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER"}


def _url(store: Store, name: str) -> str:
    path = store.path(name)
    return path if store.local else str(store.filesystem.unstrip_protocol(path))
