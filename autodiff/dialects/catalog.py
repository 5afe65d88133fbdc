"""Read the objects of a database, and match them with the objects that models can declare."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from autodiff.dialects.scope import Scope
from autodiff.schema.naming import name_constraints
from autodiff.schema.objects import (
    Constraint,
    Domain,
    Exclusion,
    ForeignKey,
    Index,
    Name,
    Schema,
    Table,
)
from autodiff.utils.sharing import map_shared, replace_changed

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect
    from autodiff.dialects.records import Records
    from autodiff.dialects.table_copies import TableCopies
    from autodiff.dialects.table_size import TableSize
    from autodiff.dialects.unmanaged import (
        DependentObject,
        DependentView,
        IndexUse,
        Prerequisite,
        UnmanagedObject,
    )

__all__ = ["Catalog", "drop_undeclared_comment"]


_T = TypeVar("_T")


class Catalog(ABC):
    """Reads the catalog of a database, and compares what it read with what models declare."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    # Reading

    def reflect(self, connection: Connection, scope: Scope) -> Schema:
        """Return the objects of the database within the scope, in a fixed number of queries."""
        schema = self.read(connection, scope)
        if scope.declared is not None:
            schema = self.with_extension_objects(connection, schema, scope.declared)
        return scope.select(schema)

    def with_extension_objects(
        self, connection: Connection, schema: Schema, declared: Schema
    ) -> Schema:
        """Add the declared objects that an extension owns to a schema, and return the result.

        The objects of an extension are not read, because no migration may change them. Models can
        declare them, for example to refer to them in foreign keys.
        """
        kinds = ("tables", "views", "sequences", "enums")
        missing = {
            name
            for kind in kinds
            for name in getattr(declared, kind)
            if name not in getattr(schema, kind)
        }
        owned = self.extension_objects(connection, missing) if missing else frozenset()
        if not owned:
            return schema
        return replace(
            schema,
            tables={
                **{
                    name: name_constraints(table, implicit=True)
                    for name, table in declared.tables.items()
                    if name in owned
                },
                **schema.tables,
            },
            views=_with_named(schema.views, declared.views, owned),
            sequences=_with_named(schema.sequences, declared.sequences, owned),
            enums=_with_named(schema.enums, declared.enums, owned),
        )

    def extension_objects(self, connection: Connection, names: Collection[Name]) -> frozenset[Name]:
        """Return those of the names whose table, view, sequence or type an extension owns."""
        return frozenset()

    @abstractmethod
    def read(self, connection: Connection, scope: Scope) -> Schema:
        """Return what `reflect` does, before the objects of other projects are removed."""

    @abstractmethod
    def unmanaged_objects(self, connection: Connection, scope: Scope) -> list[UnmanagedObject]:
        """Return what the schemas of a scope have that is never reflected, such as triggers."""

    def prerequisites(self, connection: Connection, scope: Scope) -> list[Prerequisite]:
        """Return the unmanaged objects that the tables and views of a scope need, in order."""
        return []

    def domain_problems(self, connection: Connection, domains: Sequence[Domain]) -> list[str]:
        """Return a sentence for each domain that the database lacks or defines in another way."""
        return []

    def extension_names(self, connection: Connection) -> dict[str, frozenset[str]]:
        """Return the names of types and operator classes by extension; functions as `name()`."""
        return {}

    def tables_named(self, connection: Connection, names: Sequence[str]) -> list[Name]:
        """Return the tables of all schemas that have one of the names."""
        return []

    def dependent_views(self, connection: Connection) -> list[DependentView] | None:
        """Return the tables and columns that each view reads; None if the catalog lacks views."""
        return None

    def dependent_objects(self, connection: Connection) -> list[DependentObject]:
        """Return the triggers, policies, rules and routines that a change of a column can break."""
        return []

    def index_uses(self, connection: Connection) -> list[IndexUse]:
        """Return the settings of tables that name an index."""
        return []

    def has_table(self, connection: Connection, name: str, schema: str | None) -> bool:
        """Return whether there is a table of that name; `schema` None is the default one."""
        import sqlalchemy as sa

        return sa.inspect(connection).has_table(name, schema=schema)

    def row_counts(self, connection: Connection, most: int) -> Mapping[Name, int]:
        """Return about how many rows tables have; tables for which that is unknown are left out.

        Only an empty table has 0. Numbers above `most` need not be known more closely.
        """
        return {}

    def table_copies(self, connection: Connection) -> TableCopies | None:
        """Return what decides if tables are copied; None if the database never rebuilds a table."""
        return None

    def table_sizes(
        self, connection: Connection, names: Collection[Name]
    ) -> Mapping[Name, TableSize]:
        """Return the sizes of tables as far as the catalog has them; no rows are counted."""
        return {}

    def stored_programs(self, connection: Connection, scope: Scope) -> list[tuple[Any, ...]]:
        """Return the definitions of triggers, routines and the like, which are never compared."""
        return []

    def fingerprint(
        self,
        connection: Connection,
        tables: Sequence[Name],
        namespaces: Sequence[str] = (),
        *,
        without: Collection[Name] = (),
    ) -> str:
        """Return a digest of the tables, to see if they changed.

        If no table is named, it is a digest of everything in the default schema and `namespaces`,
        including triggers and routines, except the tables in `without`.
        """
        schemas = {*namespaces, *(name.schema for name in tables if name.schema)}
        scope = Scope(namespaces=tuple(sorted(schemas)))
        if tables:
            scope = replace(scope, only=tuple(tables))
        text = None if schemas or not tables else self.definitions(connection, tables)
        if text is None:
            text = self._normal_text(connection, scope, without)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _normal_text(self, connection: Connection, scope: Scope, without: Collection[Name]) -> str:
        found = self.reflect(connection, scope)
        normalize = self.dialect.normalize
        names = [name for name in sorted(found.tables) if name not in without]
        normal = {name: normalize(found.tables[name]) for name in names}
        text = repr(replace(found, tables=normal))
        if scope.only is None:
            text += repr(self.stored_programs(connection, scope))
        return text

    def definitions(self, connection: Connection, names: Sequence[Name]) -> str | None:
        """Return the definitions of tables of the default schema as one text.

        It is the same for equal tables, whatever the order of their parts. None if the server can't
        describe the tables much faster than `reflect` reads them.
        """
        return None

    def read_fingerprint(
        self, connection: Connection, schemas: Sequence[str], records: Records
    ) -> str | None:
        """Let the server compute a fingerprint of all that `reflect` and the runner read; or None.

        Unlike that of `fingerprint`, it need not be the same for equal schemas. It covers the
        settings of the session, and the rows of the tables in `records`.
        """
        return None

    # What was read, compared with what models declare

    def align(self, current: Table, desired: Table) -> Table:
        """Return the current table without what models may leave out.

        Implicit indexes, options and comments that the desired table does not mention are no
        difference.
        """
        options = current.options
        if not options.keys() <= desired.options.keys():
            options = {key: value for key, value in options.items() if key in desired.options}
        indexes = map_shared(
            current.indexes,
            lambda index: drop_undeclared_comment(index, desired.index(index.name or "")),
        )
        return replace_changed(current, options=options, indexes=indexes)

    def without_implied(self, table: Table) -> Table:
        """Return the table without parts that the database adds implicitly and no script needs."""
        return table

    def omitted_by_sqlalchemy(self, constraint: Constraint) -> bool:
        """Return whether SQLAlchemy does not reflect the constraint, so that models lack it."""
        return isinstance(constraint, Exclusion)

    def with_server_names(self, table: Table) -> Table | None:
        """Return a new table with the names that the server gives to unnamed constraints.

        None if those are the names of `autodiff.schema.naming`, or if the server gives none.
        """
        return None

    def server_name(
        self,
        constraint: Constraint,
        find: Callable[[], Table | None],
        ask: Callable[[Callable[[], bool]], bool],
    ) -> str | None:
        """Return the name that the server gives to an unnamed constraint of an existing table.

        find: returns the table before the constraint is added, None if it is unknown.
        ask: answers a question about it, or returns the answer that an earlier run got.
        None as for `with_server_names`.
        """
        return None

    def has_schema_wide_name(self, part: Constraint | Index) -> bool:
        """Return whether no other table of the schema can have a part of the same name."""
        return isinstance(part, Index) and not self.dialect.features.index_names_per_table

    def is_implicit_index(self, index: Index, key: ForeignKey) -> bool:
        """Return whether the database creates and drops the index along with the foreign key."""
        return False

    def renamed_index(self, old: str, new: str, table: Table) -> tuple[str, str] | None:
        """Return the old and the new name of an index that is renamed along with a column."""
        return None


def drop_undeclared_comment(index: Index, desired: Index | None) -> Index:
    """Return a current index without its comment if the desired one has none.

    Models cannot declare the comment of an index.
    """
    if index.comment is None or desired is None or desired.comment is not None:
        return index
    return replace(index, comment=None)


def _with_named(
    items: Mapping[Name, _T], others: Mapping[Name, _T], names: Collection[Name]
) -> dict[Name, _T]:
    return {**{name: other for name, other in others.items() if name in names}, **items}
