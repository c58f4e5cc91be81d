"""Questions to a dataset, in SQL, by DuckDB, which may read its files and do nothing else.

Two walls: only a single SELECT is taken at all; and the connection may open the files of the dataset and no other,
knows no extension, and has its settings locked.
"""

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
    """Run ``sql`` on a dataset; its tables are views of these names.

    Raises :class:`AtsharkError` if that fails, or if ``sql`` is anything but one question.
    """
    store = Store(dataset)
    whole = store.parts("files")
    if not whole:
        raise AtsharkError(f"{dataset}: no dataset of `atshark batch` is there")
    connection = duckdb.connect(":memory:")
    _judge(connection, sql)
    readable: list[str] = []
    if not store.local:
        connection.register_filesystem(store.filesystem)
    for table, schema in SCHEMAS.items():
        files = [_url(store, f"{table}/{part}.parquet") for part in sorted(store.parts(table) & whole)]
        readable += files
        if files:
            names = ", ".join(map(_quoted, files))
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet([{names}])")
        else:
            columns = ", ".join(f"NULL::{_KINDS[str(one.type)]} AS {one.name}" for one in schema)
            connection.execute(f"CREATE VIEW {table} AS SELECT {columns} WHERE false")
    if store.local:
        connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, readable))}]")
        connection.execute("SET enable_external_access = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET lock_configuration = true")
    try:
        result = connection.execute(sql)
        rows = result.fetchall() if limit is None else result.fetchmany(limit)
    except duckdb.Error as error:
        raise AtsharkError(f"the query failed: {str(error).splitlines()[0]}") from error
    return Answer([column[0] for column in result.description or []], rows)


_KINDS = {"double": "DOUBLE", "string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER", "bool": "BOOLEAN"}


def _judge(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise :class:`AtsharkError` for what is not one SELECT."""
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise AtsharkError(f"the query failed: {str(error).splitlines()[0]}") from error
    if len(statements) != 1:
        raise AtsharkError(f"the query has {len(statements)} statements; give one SELECT")
    try:
        kind = statements[0].type
    except ValueError:  # a kind of statement that even duckdb for Python does not know
        kind = duckdb.StatementType.INVALID
    if kind != duckdb.StatementType.SELECT:
        raise AtsharkError(f"the query is {kind.name.replace('_', ' ')}; a dataset is only read: give a SELECT")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _url(store: Store, name: str) -> str:
    path = store.path(name)
    return path if store.local else str(store.filesystem.unstrip_protocol(path))
