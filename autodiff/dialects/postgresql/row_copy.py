"""Copy rows between PostgreSQL databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autodiff.dialects.row_copy import RowCopy
from autodiff.schema.operations import AddConstraint, DropConstraint, Operation

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.schema.objects import Column, Table

__all__ = ["PostgreSQLRowCopy"]


class PostgreSQLRowCopy(RowCopy):
    """Copies values as text.

    PostgreSQL can parse the text form of each type that it prints, but drivers do not support all
    types.
    """

    def select_expression(self, column: Column) -> str:
        return f"CAST({self.dialect.quote(column.name)} AS text)"

    def insert_expression(self, column: Column, placeholder: str) -> str:
        """Return a cast to the type of the column.

        There is no cast to a character type with a length: an explicit cast truncates silently.
        https://www.postgresql.org/docs/current/datatype-character.html
        """
        text, type_ = f"CAST({placeholder} AS text)", column.type.sql.partition(" COLLATE ")[0]
        is_text = type_.startswith("character") and not type_.endswith("]")
        return text if is_text else f"CAST({text} AS {type_})"

    @contextmanager
    def disable_foreign_keys(
        self, connection: Connection, tables: Sequence[Table]
    ) -> Iterator[None]:
        """Drop the foreign keys, and add them again at the end.

        Disabling their triggers instead needs a superuser.
        https://www.postgresql.org/docs/current/sql-altertable.html
        """
        pairs = [(table.name, key) for table in tables for key in table.foreign_keys if key.name]
        for name, key in pairs:
            drop = DropConstraint(table=name, name=key.name or "", kind="foreignkey")
            self._run(connection, drop)
        yield
        for name, key in pairs:
            self._run(connection, AddConstraint(table=name, constraint=key))

    def _run(self, connection: Connection, operation: Operation) -> None:
        for sql in self.dialect.ddl.statements(operation):
            connection.exec_driver_sql(sql, execution_options={"no_parameters": True})

    def advance_sequences(self, connection: Connection, table: Table) -> None:
        quote, literal = self.dialect.quote, self.dialect.literal
        for column in table.columns:
            if column.identity is not None or column.autoincrement:
                name, owner = quote(column.name), self.dialect.quote_name(table.name)
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence({literal(owner)}, "
                    f"{literal(column.name)}), max({name})) FROM {owner} "
                    f"HAVING max({name}) > 0",
                    execution_options={"no_parameters": True},
                )
