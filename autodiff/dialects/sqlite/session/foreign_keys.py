"""Find rows that violate foreign keys, also if a key refers to columns that are not unique."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from autodiff.dialects.session import KeyWatch
from autodiff.dialects.sqlite.session.settings import run_pragma
from autodiff.errors import DatabaseError
from autodiff.schema.operations import (
    AddColumn,
    CreateIndex,
    CreateTable,
    CreateView,
    DropColumn,
    DropIndex,
    DropView,
    Operation,
    Require,
)
from autodiff.schema.sqltext import quote_identifier

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.schema.objects import Name

__all__ = [
    "ForeignKeyWatch",
    "Violations",
    "find_violations",
    "forget_violations",
    "keeping_violations",
]

_KNOWN = "autodiff_violations"
"""The key of the last result in the information that SQLAlchemy keeps with a connection."""

_MISMATCH = "foreign key mismatch"
"""The start of the error for a key whose parent columns are missing or not unique."""

_FIX_AT_END = "fix the rows at the end of the migration: PRAGMA foreign_key_check lists them"
_KEEPING = (AddColumn, CreateIndex, CreateTable, CreateView, DropColumn, DropIndex, DropView)
_KEEPING_SQL = re.compile(
    r"(?:CREATE (?:TABLE|INDEX|UNIQUE INDEX|VIEW)|DROP (?:INDEX|VIEW)"
    r"|ALTER TABLE \S+ (?:ADD|DROP) COLUMN) "
)
"""Their statements, unless a table is rebuilt.

SQLite drops a column only if no key of its table uses it and no index makes it unique.
https://www.sqlite.org/lang_altertable.html#alter_table_drop_column
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violations:
    """The state of a database's foreign keys.

    rows: the number of rows that violate a key, by child and parent table. Rows are counted rather
        than identified, because a rebuild changes their rowids.
    mismatches: the messages of keys that SQLite cannot check.
    """

    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    mismatches: frozenset[str] = frozenset()


def _state(connection: Connection) -> tuple[int, ...] | None:
    """Return numbers that any change of the databases changes; None if they are unknown.

    Other connections change the data version, and this one the schema version or its number of
    changed rows. https://www.sqlite.org/pragma.html#pragma_data_version
    """
    changes = getattr(connection.connection.driver_connection, "total_changes", None)
    if changes is None:
        return None
    schemas = [
        quote_identifier(database[1]) for database in run_pragma(connection, "database_list")
    ]
    versions = [f"{each}.{name}" for each in schemas for name in ("data_version", "schema_version")]
    return (int(changes), *(int(run_pragma(connection, name)[0][0]) for name in versions))


class ForeignKeyWatch(KeyWatch):
    """Checks the foreign keys before and after a transaction, if that can break one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._before: Violations | None = None
        self._known = _known_violations(connection)
        self._new_tables: list[Name] = []

    def before(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        if not _keeps_keys(self._connection, operations, statements):
            self.before_anything()
        created = (item.table for item in operations if isinstance(item, CreateTable))
        self._new_tables += [table.name for table in created if any(table.foreign_keys)]

    def before_anything(self) -> None:
        if self._before is None:
            found = self._known or find_violations(self._connection)
            self._before = replace(found, mismatches=found.mismatches - self._new_mismatches())

    def refuse_new_violations(self, *, enforced: bool, hint: str = _FIX_AT_END) -> None:
        """Raise DatabaseError if more rows violate foreign keys than before.

        With `enforced`, it is raised also for a new key that SQLite cannot check: the application,
        which enforces keys, could not write to its tables.
        """
        if self._before is not None:
            before, after = self._before, find_violations(self._connection)
        else:
            before = self._known or Violations()
            needed = enforced or self._known is not None
            new = self._new_mismatches() if needed else frozenset[str]()
            after = replace(before, mismatches=before.mismatches | new)
        if self._before is not None or self._known is not None:
            self._connection.info[_KNOWN] = (_state(self._connection), after)
        added = sorted(after.rows - before.rows)
        if added:
            pairs = ", ".join(f"{child} -> {parent}" for child, parent in added)
            raise DatabaseError(
                f"the migration leaves rows that violate foreign keys: {pairs}",
                hint=hint,
            )
        mismatches = sorted(after.mismatches - before.mismatches)
        if mismatches and enforced:
            raise DatabaseError(
                "the migration leaves foreign keys that refer to columns that are not unique, so "
                f"that SQLite would refuse every write to these tables: {', '.join(mismatches)}",
                hint="add a unique constraint on the columns that the key refers to",
            )

    def _new_mismatches(self) -> frozenset[str]:
        """Return the mismatches of tables that were created since the transaction began."""
        found = set()
        for name in self._new_tables:
            schema = quote_identifier(name.schema or "main")
            try:
                _check(
                    self._connection,
                    f"PRAGMA {schema}.foreign_key_check({quote_identifier(name.name)})",
                )
            except DBAPIError as error:
                found.add(_mismatch(error))
        return frozenset(found)


def _keeps_keys(
    connection: Connection, operations: Sequence[Operation], statements: Sequence[str]
) -> bool:
    """Return whether operations can break no foreign key but those of the tables they create.

    They change no row, no column that a key uses and no index that it needs.
    """
    if all(isinstance(operation, Require) for operation in operations):
        return True
    if not all(isinstance(operation, _KEEPING) for operation in operations):
        return False
    dropped = [operation for operation in operations if isinstance(operation, DropIndex)]
    if not all(_allows_duplicates(connection, operation) for operation in dropped):
        return False
    is_new = any(isinstance(operation, CreateTable) for operation in operations)
    return all(
        _KEEPING_SQL.match(sql) and (is_new or "REFERENCES" not in sql.upper())
        for sql in statements
    )


def _allows_duplicates(connection: Connection, operation: DropIndex) -> bool:
    """Return whether an index is known not to be unique, so that no key needs it."""
    master = f"{quote_identifier(operation.schema or 'main')}.sqlite_master"
    query = f"SELECT sql FROM {master} WHERE type = 'index' AND lower(name) = lower(?)"
    sql = connection.exec_driver_sql(query, (operation.name,)).scalar()
    return sql is not None and not sql.upper().startswith("CREATE UNIQUE")


def _known_violations(connection: Connection) -> Violations | None:
    """Return the result of the last check, None if there is none or anything has changed since.

    A check reads the rows of all tables with foreign keys, and an upgrade can have many migrations.
    """
    state, known = connection.info.get(_KNOWN, (None, None))
    if not isinstance(known, Violations) or state is None or state != _state(connection):
        return None
    return known


def forget_violations(connection: Connection) -> None:
    """Check again next time: a transaction was rolled back, which no number shows."""
    if not (connection.closed or connection.invalidated):
        connection.info.pop(_KNOWN, None)


@contextmanager
def keeping_violations(connection: Connection) -> Iterator[None]:
    """Keep the result of the last check: what is written inside has no foreign keys."""
    known = _known_violations(connection)
    yield
    if known is not None:
        connection.info[_KNOWN] = (_state(connection), known)


def find_violations(connection: Connection) -> Violations:
    """Check all foreign keys, without ending an open transaction.

    SQLite stops at the first key that refers to columns that are not unique ("foreign key
    mismatch"), although it accepts such a key while foreign keys are off. The tables are then
    checked one by one.
    https://www.sqlite.org/foreignkeys.html#fk_indexes
    """
    try:
        return Violations(rows=_check(connection, "PRAGMA foreign_key_check"))
    except DBAPIError as error:
        if not _is_mismatch(error):
            raise
    rows: Counter[tuple[str, str]] = Counter()
    mismatches = set()
    for schema, table in _tables(connection):
        try:
            rows += _check(
                connection, f"PRAGMA {schema}.foreign_key_check({quote_identifier(table)})"
            )
        except DBAPIError as error:
            mismatches.add(_mismatch(error))
            rows += _count_rows(connection, schema, table)
    return Violations(rows=rows, mismatches=frozenset(mismatches))


def _check(connection: Connection, pragma: str) -> Counter[tuple[str, str]]:
    return Counter((row[0], row[2]) for row in connection.exec_driver_sql(pragma))


def _mismatch(error: DBAPIError) -> str:
    """Return the child and the parent of a foreign key mismatch; raise any other error."""
    if not _is_mismatch(error):
        raise error
    return f"{error.orig}".removeprefix(f"{_MISMATCH} - ")


def _is_mismatch(error: DBAPIError) -> bool:
    return isinstance(error.orig, sqlite3.OperationalError) and _MISMATCH in str(error.orig)


def _tables(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield the quoted schema and the name of each table, temporary and attached ones too."""
    for database in connection.exec_driver_sql("PRAGMA database_list").all():
        schema = quote_identifier(database[1])
        query = f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'"
        for (table,) in connection.exec_driver_sql(query).all():
            yield schema, table


def _count_rows(connection: Connection, schema: str, table: str) -> Counter[tuple[str, str]]:
    """Count the rows whose parent is missing, for each key of a table, without SQLite's check."""
    keys: dict[int, tuple[str, list[tuple[str, str | None]]]] = {}
    pragma = f"PRAGMA {schema}.foreign_key_list({quote_identifier(table)})"
    for number, _, parent, column, parent_column, *_ in connection.exec_driver_sql(pragma).all():
        keys.setdefault(number, (parent, []))[1].append((column, parent_column))
    found: Counter[tuple[str, str]] = Counter()
    for parent, pairs in keys.values():
        child_columns = [quote_identifier(column) for column, _ in pairs]
        parent_columns = _parent_columns(connection, schema, parent, pairs)
        if len(parent_columns) != len(child_columns):
            continue
        matches = " AND ".join(
            f"p.{quote_identifier(theirs)} = c.{own}"
            for own, theirs in zip(child_columns, parent_columns, strict=True)
        )
        present = " AND ".join(f"c.{own} IS NOT NULL" for own in child_columns)
        query = (
            f"SELECT count(*) FROM {schema}.{quote_identifier(table)} AS c "
            f"WHERE {present} AND NOT EXISTS "
            f"(SELECT 1 FROM {schema}.{quote_identifier(parent)} AS p WHERE {matches})"
        )
        count = connection.exec_driver_sql(query).scalar_one()
        if count:
            found[table, parent] += count
    return found


def _parent_columns(
    connection: Connection, schema: str, parent: str, pairs: list[tuple[str, str | None]]
) -> list[str]:
    """Return the columns that a key refers to that exist; those of the primary key by default."""
    rows = connection.exec_driver_sql(
        f"PRAGMA {schema}.table_info({quote_identifier(parent)})"
    ).all()
    names = {row[1].lower(): row[1] for row in rows}
    if all(theirs is None for _, theirs in pairs):
        return [row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5]]
    return [names[theirs.lower()] for _, theirs in pairs if theirs and theirs.lower() in names]
