"""The generic dialect, for databases that SQLAlchemy supports and autodiff has no dialect for.

SQLAlchemy's Inspector reads the database and its DDL compiler writes the SQL. What else a database
can do is declared in `databases`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.dialects.generic.databases import database_of
from autodiff.dialects.generic.types import type_python
from autodiff.errors import ModelsError
from autodiff.schema.objects import Constraint, Table
from autodiff.utils.sharing import map_shared, replace_changed

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

    from autodiff.dialects.generic.catalog import GenericCatalog
    from autodiff.dialects.generic.ddl.statements import GenericDDL
    from autodiff.dialects.generic.scratch import GenericScratch
    from autodiff.dialects.generic.session.session import GenericSession

__all__ = ["Generic"]


class Generic(Dialect):
    """A database that is known by its SQLAlchemy dialect, and by what `databases` declares."""

    def __init__(
        self,
        sqlalchemy_dialect: SQLAlchemyDialect,
        *,
        version: str | None = None,
        default_schema: str | None = None,
        scratch_url: URL | None = None,
    ) -> None:
        self.name = sqlalchemy_dialect.name
        self.database = database_of(sqlalchemy_dialect)
        self.features = self.database.features
        self.abilities = self.database.abilities
        super().__init__(
            sqlalchemy_dialect,
            version=version if self.abilities.reports_own_version else None,
            default_schema=default_schema,
            scratch_url=scratch_url,
        )

    @cached_property
    def catalog(self) -> GenericCatalog:
        from autodiff.dialects.generic.catalog import GenericCatalog

        return GenericCatalog(self)

    @cached_property
    def ddl(self) -> GenericDDL:
        from autodiff.dialects.generic.ddl.statements import GenericDDL

        return GenericDDL(self)

    @cached_property
    def session(self) -> GenericSession:
        from autodiff.dialects.generic.session.session import GenericSession

        return GenericSession(self)

    @cached_property
    def scratch(self) -> GenericScratch:
        from autodiff.dialects.generic.scratch import GenericScratch

        return GenericScratch(self)

    def canonical_type(self, sql: str) -> str:
        return sql

    def type_python(self, sql: str) -> str:
        return type_python(sql, self.sqlalchemy)

    def adapt_table(self, table: Table) -> Table:
        """Return the table without the names of constraints, if the database forgets them.

        Raises ModelsError for an index over an expression, if it cannot be compared.
        """
        if not self.abilities.reflects_expressions:
            _refuse_expressions(table, self.name)
        if self.abilities.keeps_constraint_names:
            return table
        return replace_changed(table, constraints=map_shared(table.constraints, _unnamed))

    def require_type(self, type_: Any) -> None:
        """Raise ModelsError for an enum that the database would store as a separate type."""
        import sqlalchemy as sa

        if isinstance(type_, sa.Enum) and type_.native_enum and self.abilities.native_enums:
            raise ModelsError(
                f"autodiff does not create the enum types of {self.name}",
                hint="store the values as texts: sa.Enum(..., native_enum=False)",
            )


def _unnamed(constraint: Constraint) -> Constraint:
    return replace_changed(constraint, name=None)


def _refuse_expressions(table: Table, database: str) -> None:
    for index in table.indexes:
        if any(element.is_expression for element in index.elements):
            raise ModelsError(
                f"index {index.name} of table {table.name} has an expression, which SQLAlchemy's "
                f"Inspector does not read on {database}, so that it cannot be compared",
                hint="remove the index from the models, and create it with op.create_index() in a "
                "migration",
            )
