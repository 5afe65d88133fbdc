"""Benchmarks of declaring, reflecting and comparing, with Alembic's `compare_metadata`."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from autodiff import diff
from tests.benchmarks.shop import models
from tests.benchmarks.timing import Grown, Row, in_turn
from tests.support import opened

__all__ = ["Size", "compared", "create", "grown", "limits", "our_changes", "queries"]
__all__ += ["their_changes"]

LIMITS = {
    "sqlite": ["SELECT type, name, tbl_name, sql FROM sqlite_master"],
    "postgresql": [
        "SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull "
        "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0",
        "SELECT conrelid, conname, contype, conkey, confrelid, confkey FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
        "SELECT i.indexrelid, i.indrelid, c.relname, i.indkey FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE c.relnamespace = 'public'::regnamespace",
    ],
    "mariadb": [
        "SELECT table_name, column_name, column_type, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_schema = database()",
        "SELECT table_name, constraint_name, column_name, referenced_table_name "
        "FROM information_schema.key_column_usage WHERE table_schema = database()",
        "SELECT table_name, index_name, column_name, non_unique "
        "FROM information_schema.statistics WHERE table_schema = database()",
    ],
}
"""Plain queries that fetch columns, keys and indexes without processing them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of a comparison: tables, changed tables and rounds."""

    tables: int
    changed: int
    rounds: int


def create(url: sa.URL, metadata: sa.MetaData) -> None:
    """Create the tables and their schemas."""
    is_server = url.get_backend_name() != "sqlite"
    # A server cannot hold the locks of 10,000 tables in one transaction.
    engine = sa.create_engine(url, **({"isolation_level": "AUTOCOMMIT"} if is_server else {}))
    with engine.begin() as connection:
        for schema in sorted({table.schema for table in metadata.tables.values() if table.schema}):
            connection.execute(sa.schema.CreateSchema(schema))
        metadata.create_all(connection)
    engine.dispose()


def our_changes(connection: sa.Connection, metadata: sa.MetaData) -> int:
    """Return the number of changes that autodiff finds."""
    return len(diff(connection, metadata, assume="drop-and-add", data_checks=False).changes)


def their_changes(connection: sa.Connection, metadata: sa.MetaData) -> int:
    """Return the number of changes that Alembic finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schemas = {table.schema for table in metadata.tables.values()} - {None}
        options = {"include_schemas": bool(schemas)}
        context = MigrationContext.configure(connection, opts=options)
        return len(compare_metadata(context, metadata))


_WANTED = {"sqlite": (25, 16, 16), "postgresql": (20, 15, 12), "mariadb": (15, 12, 10)}
"""The goals: times as fast as Alembic with nothing changed, no repeated columns, and changes."""


def limits(connection: sa.Connection, kind: str) -> None:
    """Run the plain queries and fetch all rows."""
    for query in LIMITS[kind]:
        connection.exec_driver_sql(query).all()


def compared(kind: str, new: Callable[[], sa.URL], size: Size) -> Iterator[Row]:
    """Measure comparisons without changes, with and without repeated columns, and with changes."""
    tables, changed = f"{size.tables:,} tables", f"{size.changed:,} changed"
    url, far = new(), new()
    create(url, models(size.tables))
    create(far, models(size.tables, apart=True))
    few = {"changed": size.changed}
    same, unlike, changing = _WANTED[kind]
    for work, where, models_of, wanted in (
        (f"{tables}, none changed", url, {}, same),
        (f"{tables}, none changed, no repeated columns", far, {"apart": True}, unlike),
        (f"{tables}, {changed}", url, few, changing),
        (f"{tables}, {changed}, including defaults", url, {**few, "worded": True}, changing),
    ):
        metadata = models(size.tables, **models_of)
        yield _compared(f"compare {work}", kind, where, metadata, size.rounds, wanted)


def _compared(
    work: str, kind: str, url: sa.URL, metadata: sa.MetaData, rounds: int, wanted: int
) -> Row:
    with opened(url) as database:
        connection = database.connection
        ours, theirs, limit = in_turn(
            rounds,
            lambda: our_changes(connection, metadata),
            lambda: their_changes(connection, metadata),
            lambda: limits(connection, kind),
        )
    return Row(
        work=work, database=kind, ours=ours, theirs=theirs, limit=limit, wanted=f"{wanted} times"
    )


def grown(kind: str, url: sa.URL, tables: int, rounds: int, setting: str = "") -> Grown:
    """Measure a comparison of existing tables, after a setting of the server is changed."""
    metadata = models(tables)
    with opened(url) as database:
        connection = database.connection
        if setting:
            connection.exec_driver_sql(f"SET GLOBAL {setting}")
        ours, limit = in_turn(
            rounds, lambda: our_changes(connection, metadata), lambda: limits(connection, kind)
        )
        tracemalloc.start()
        our_changes(connection, metadata)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return Grown(tables=tables, seconds=ours, limit=limit, megabytes=peak / 2**20)


def queries(url: sa.URL, tables: int, schemas: Sequence[str]) -> int:
    """Return the number of statements that a comparison over the schemas sends."""
    create(url, models(tables, schemas=schemas))
    metadata, sent = models(tables, schemas=schemas), 0

    def count(*_: object) -> None:
        nonlocal sent
        sent += 1

    with opened(url) as database:
        connection = database.connection
        sa.event.listen(connection, "before_cursor_execute", count)
        assert our_changes(connection, metadata) == 0
    return sent
