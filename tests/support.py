"""Helpers for tests of migrations: a migration folder and the state of a database."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autodiff.dialects import Scope, dialect_of
from autodiff.dialects.scope import OWN_TABLES
from autodiff.migrations import load_graph
from autodiff.runner.runner import Runner
from autodiff.schema.objects import Name, Schema, Table

__all__ = ["Database", "Folder", "opened"]

_FILE = '''"""{message}"""
import sqlalchemy as sa
from autodiff import op

revision = "{revision}"
parents = {parents}


def upgrade() -> None:
{up}


def downgrade() -> None:
{down}
'''


class Folder:
    """A migration folder in which each written migration follows the previous one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last: tuple[str, ...] = ()
        self._number = 0
        path.mkdir(exist_ok=True)

    def write(
        self, revision: str, up: str = "pass", down: str = "pass", *, parents: Any = None
    ) -> Path:
        """Write the next Python migration, given the bodies of its two functions."""
        return self._put(
            f"{self._next(revision, parents)}.py",
            _FILE.format(
                message=f"step {revision}",
                revision=revision,
                parents=self._parents,
                up=_body(up),
                down=_body(down),
            ),
        )

    def write_sql(self, revision: str, up: str, down: str = "") -> Path:
        """Write the next migration as a pair of SQL files."""
        name = self._next(revision, None)
        head = f"-- revision: {revision}\n-- parents: {' '.join(self._parents)}\n"
        self._put(f"{name}.down.sql", textwrap.dedent(down))
        return self._put(f"{name}.up.sql", head + textwrap.dedent(up))

    def _next(self, revision: str, parents: Any) -> str:
        self._parents = self._last if parents is None else tuple(parents)
        self._last = (revision,)
        self._number += 1
        return f"{self._number:04d}_step_{revision}"

    def _put(self, name: str, text: str) -> Path:
        path = self.path / name
        path.write_text(text, encoding="utf-8")
        return path


def _body(code: str) -> str:
    return textwrap.indent(textwrap.dedent(code).strip("\n"), "    ")


@dataclass(frozen=True)
class Database:
    """A connection with helpers to run statements and read the state of its database."""

    connection: sa.Connection

    def runner(self, folder: Folder, **arguments: Any) -> Runner:
        return Runner(self.connection, load_graph(folder.path), **arguments)

    def execute(self, *statements: str) -> None:
        for sql in statements:
            self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        self.connection.commit()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        result = self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        rows = [tuple(row) for row in result]
        self.connection.rollback()
        return rows

    def history(self) -> list[str]:
        """Return the recorded revisions, sorted."""
        if not sa.inspect(self.connection).has_table("autodiff_history"):
            return []
        return [
            str(row[0]) for row in self.rows("SELECT revision FROM autodiff_history ORDER BY 1")
        ]

    def schema(self, *namespaces: str) -> Schema:
        """Return the reflected schema without autodiff's own tables."""
        dialect = dialect_of(self.connection)
        schema = dialect.catalog.reflect(
            self.connection, Scope(namespaces=namespaces, exclude=OWN_TABLES)
        )
        self.connection.rollback()
        return schema

    def table(self, name: str, schema: str | None = None) -> Table:
        return self.schema(*([schema] if schema else [])).tables[Name(name, schema)]

    def tables(self) -> list[str]:
        return sorted(name.name for name in self.schema().tables)

    def state(self) -> tuple[object, ...]:
        """Return the schema, all rows and the history, to compare before and after."""
        quote = self.connection.dialect.identifier_preparer.quote
        schema = self.schema()
        rows = {
            str(name): sorted(self.rows(f"SELECT * FROM {quote(name.name)}"), key=str)
            for name in sorted(schema.tables)
        }
        return schema, rows, self.history()


@contextmanager
def opened(url: sa.URL) -> Iterator[Database]:
    """Open a separate connection to a database and close it at the end."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield Database(connection)
    finally:
        engine.dispose()
