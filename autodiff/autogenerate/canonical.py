"""Ask the database how it describes desired tables and views: the second step of comparing.

Databases rewrite SQL expressions. What differs as text is therefore created on a scratch database
of the same server and reflected there, by the same reflector as the live database. Foreign keys are
left out, because they contain no SQL text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from autodiff.autogenerate.scratch_sources import scratch_to_describe
from autodiff.compare import DescribedObjects, PossibleDifferences
from autodiff.compare.enums import map_texts
from autodiff.dialects.base import Dialect
from autodiff.dialects.scope import Scope
from autodiff.plan.order import order_views
from autodiff.schema.objects import Name, Schema, Table, View
from autodiff.schema.operations import (
    CreateEnum,
    CreateSequence,
    CreateTable,
    CreateView,
    Operation,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["describe_on_scratch"]

_BATCH_SIZE = 100
"""How many objects to create in one round trip.

Large enough that round trips do not count, small enough that a batch which fails, and is then
created object by object, costs little.
"""


def describe_on_scratch(
    connection: Connection | None,
    dialect: Dialect,
    desired: Schema,
    possible: PossibleDifferences,
    *,
    create: bool,
) -> DescribedObjects | None:
    """Return the possibly different tables and views as the database describes them.

    None if there is no scratch database. Without a connection there is one only if the dialect
    needs no server for it, or if `scratch_url` is set. What cannot be created on the scratch is
    left out.

    create: whether a database may be created for it.
    """
    namespaces = tuple(sorted(desired.namespaces))
    with scratch_to_describe(dialect, connection, namespaces=namespaces, create=create) as opened:
        if opened is None:
            return None
        scratch = _DescribingScratch(opened, dialect)
        return scratch.describe(desired, possible)


class _DescribingScratch:
    """A scratch database, and the names that objects have there."""

    def __init__(self, connection: Connection, live: Dialect) -> None:
        self.connection = connection
        self.live = live
        self.dialect = live.scratch.make_dialect(connection)
        self.scratch_name = self.dialect.scratch.map_name

    def describe(self, desired: Schema, possible: PossibleDifferences) -> DescribedObjects:
        self._create(list(self._operations(desired, possible)))
        return self._read(desired, possible)

    def _operations(self, desired: Schema, possible: PossibleDifferences) -> Iterator[Operation]:
        for enum in desired.enums.values():
            yield CreateEnum(enum=replace(enum, name=self.scratch_name(enum.name)))
        for sequence in desired.sequences.values():
            yield CreateSequence(sequence=replace(sequence, name=self.scratch_name(sequence.name)))
        for table in [*possible.tables, *_read_by(possible, desired)]:
            yield CreateTable(table=self._scratch_table(table))
        for view in order_views({view.name: view for view in possible.views}):
            bare = replace(view, name=self.scratch_name(view.name), indexes=(), comment=None)
            yield CreateView(view=bare)

    def _read(self, desired: Schema, possible: PossibleDifferences) -> DescribedObjects:
        namespaces = {self.scratch_name(Name("", name)).schema for name in desired.namespaces}
        scope = Scope(namespaces=tuple(sorted(name for name in namespaces if name)))
        found = self.dialect.catalog.reflect(self.connection, scope)
        names = {self.scratch_name(name): name for name in (*desired.tables, *desired.views)}
        tables = {
            names[name]: self._live_table(replace(table, name=names[name]), desired)
            for name, table in found.tables.items()
            if name in names
        }
        wanted = {table.name for table in possible.tables}
        return DescribedObjects(
            tables={name: table for name, table in tables.items() if name in wanted},
            views=self._views(found, names, possible),
        )

    def _views(
        self, found: Schema, names: dict[Name, Name], possible: PossibleDifferences
    ) -> dict[Name, View]:
        declared = {view.name: view for view in possible.views}
        return {
            names[name]: replace(
                view,
                name=names[name],
                comment=declared[names[name]].comment,
                indexes=declared[names[name]].indexes,
            )
            for name, view in found.views.items()
            if name in names and names[name] in declared
        }

    def _scratch_table(self, table: Table) -> Table:
        """Return the table under its name on the scratch, without foreign keys and parents."""
        moved = replace(self.dialect.scratch.detach(table), name=self.scratch_name(table.name))
        return self._with_enum_names(moved, self.scratch_name)

    def _with_enum_names(self, table: Table, rename: Callable[[Name], Name]) -> Table:
        """Return the table with the names of its enum types in other schemas mapped by `rename`.

        The types have other names on the scratch, and SQL texts contain them.
        """
        for moved in sorted({c.type.enum for c in table.columns if c.type.enum is not None}):
            if rename(moved) != moved:
                casts = partial(self.dialect.rename_enum_casts, before=moved, after=rename(moved))
                table = map_texts(table, casts)
        columns = []
        for column in table.columns:
            enum = column.type.enum
            if enum is not None and enum.schema is not None:
                old, new = self.dialect.quote_name(enum), self.dialect.quote_name(rename(enum))
                sql = column.type.sql.replace(old, new)
                column = replace(column, type=replace(column.type, sql=sql, enum=rename(enum)))
            columns.append(column)
        return replace(table, columns=tuple(columns))

    def _live_table(self, table: Table, desired: Schema) -> Table:
        original = {self.scratch_name(name): name for name in desired.enums}
        return self._with_enum_names(table, lambda name: original.get(name, name))

    def _create(self, operations: Sequence[Operation]) -> None:
        """Create each object completely or not at all; many in one round trip if possible."""
        groups = [self.dialect.ddl.statements(operation) for operation in operations]
        for start in range(0, len(groups), _BATCH_SIZE):
            batch = groups[start : start + _BATCH_SIZE]
            combined = self.dialect.ddl.combine(batch)
            if combined is None or not self._run([combined]):
                for group in batch:
                    self._run(group)

    def _run(self, statements: Sequence[str]) -> bool:
        """Run statements and return whether all succeeded; if one fails, none has an effect."""
        try:
            with self._savepoint():
                for sql in statements:
                    self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        except SQLAlchemyError:
            return False
        return True

    def _savepoint(self) -> AbstractContextManager[object]:
        transactional = self.dialect.features.transactional_ddl
        return self.connection.begin_nested() if transactional else nullcontext()


def _read_by(possible: PossibleDifferences, desired: Schema) -> list[Table]:
    """Return the tables that the possibly different views read; the views cannot exist without."""
    known = {table.name for table in possible.tables}
    names = {name for view in possible.views for name in view.reads} if possible.views else set()
    return [desired.tables[name] for name in sorted(names - known) if name in desired.tables]
