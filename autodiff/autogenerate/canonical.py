"""Asks the database how it would describe desired tables and views: the second step of comparing.

What is in doubt is created on a scratch of the same server and reflected there, by the same
reflector as the live database. Foreign keys are left out: they hold no SQL text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from autodiff.autogenerate.scratch_sources import scratch_to_describe
from autodiff.compare import Described, Doubts
from autodiff.compare.enum_casts import cast_renamed
from autodiff.compare.enums import with_texts
from autodiff.dialects.base import Dialect, Scope
from autodiff.plan.order import order_views
from autodiff.schema.objects import ForeignKey, Name, Schema, Table, View
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

_AT_ONCE = 100
"""A round trip for so many things is none for each, and no statement takes for ever."""


def describe_on_scratch(
    connection: Connection | None,
    dialect: Dialect,
    desired: Schema,
    doubts: Doubts,
    *,
    create: bool,
) -> Described | None:
    """The doubtful tables and views as the database describes them; None without a scratch.

    Without a connection there is a scratch only where it needs no server, or where the dialect has
    a `scratch_url`. What can't be created
    on the scratch is left out. With `create` false no database is created for it.
    """
    namespaces = tuple(sorted(desired.namespaces))
    with scratch_to_describe(dialect, connection, namespaces=namespaces, create=create) as opened:
        if opened is None:
            return None
        workshop = _Workshop(opened, dialect)
        return workshop.describe(desired, doubts)


class _Workshop:
    """A scratch, and the names that things have there."""

    def __init__(self, connection: Connection, live: Dialect) -> None:
        self.connection = connection
        self.live = live
        self.dialect = live.scratch_dialect(connection)
        self.place = self.dialect.scratch_name

    def describe(self, desired: Schema, doubts: Doubts) -> Described:
        self._create(list(self._operations(desired, doubts)))
        return self._read(desired, doubts)

    def _operations(self, desired: Schema, doubts: Doubts) -> Iterator[Operation]:
        for enum in desired.enums.values():
            yield CreateEnum(enum=replace(enum, name=self.place(enum.name)))
        for sequence in desired.sequences.values():
            yield CreateSequence(sequence=replace(sequence, name=self.place(sequence.name)))
        for table in [*doubts.tables, *_read_by(doubts, desired)]:
            yield CreateTable(table=self._moved(table))
        for view in order_views({view.name: view for view in doubts.views}):
            bare = replace(view, name=self.place(view.name), indexes=(), comment=None)
            yield CreateView(view=bare)

    def _read(self, desired: Schema, doubts: Doubts) -> Described:
        namespaces = {self.place(Name("", name)).schema for name in desired.namespaces}
        scope = Scope(namespaces=tuple(sorted(name for name in namespaces if name)))
        found = self.dialect.reflect(self.connection, scope)
        back = {self.place(name): name for name in (*desired.tables, *desired.views)}
        tables = {
            back[name]: self._back(replace(table, name=back[name]), desired)
            for name, table in found.tables.items()
            if name in back
        }
        wanted = {table.name for table in doubts.tables}
        return Described(
            tables={name: table for name, table in tables.items() if name in wanted},
            views=self._views(found, back, doubts),
        )

    def _views(self, found: Schema, back: dict[Name, Name], doubts: Doubts) -> dict[Name, View]:
        declared = {view.name: view for view in doubts.views}
        return {
            back[name]: replace(
                view,
                name=back[name],
                comment=declared[back[name]].comment,
                indexes=declared[back[name]].indexes,
            )
            for name, view in found.views.items()
            if name in back and back[name] in declared
        }

    def _moved(self, table: Table) -> Table:
        """The table under its name on the scratch, without foreign keys and parents."""
        constraints = tuple(c for c in table.constraints if not isinstance(c, ForeignKey))
        moved = replace(
            table,
            name=self.place(table.name),
            constraints=constraints,
            options={k: v for k, v in table.options.items() if k != "postgresql_inherits"},
        )
        return self._respelled(moved, self.place)

    def _respelled(self, table: Table, place: Callable[[Name], Name]) -> Table:
        """Enum types of other schemas are spelled with the schema, which has moved too."""
        for moved in sorted({c.type.enum for c in table.columns if c.type.enum is not None}):
            if place(moved) != moved:
                spelled = self.dialect.quote_name(place(moved))
                table = with_texts(table, partial(cast_renamed, before=moved, spelled=spelled))
        columns = []
        for column in table.columns:
            enum = column.type.enum
            if enum is not None and enum.schema is not None:
                old, new = self.dialect.quote_name(enum), self.dialect.quote_name(place(enum))
                sql = column.type.sql.replace(old, new)
                column = replace(column, type=replace(column.type, sql=sql, enum=place(enum)))
            columns.append(column)
        return replace(table, columns=tuple(columns))

    def _back(self, table: Table, desired: Schema) -> Table:
        original = {self.place(name): name for name in desired.enums}
        return self._respelled(table, lambda name: original.get(name, name))

    def _create(self, operations: Sequence[Operation]) -> None:
        """Creates each thing, or nothing of it; many in one round trip, where that can be."""
        groups = [self.dialect.statements(operation) for operation in operations]
        together = self.dialect.features.together
        for start in range(0, len(groups), _AT_ONCE):
            some = groups[start : start + _AT_ONCE]
            if together is None or not self._run([together(some)]):
                for group in some:
                    self._run(group)

    def _run(self, statements: Sequence[str]) -> bool:
        """Whether the statements went well; if not, nothing of them is left."""
        try:
            with self._undone_on_error():
                for sql in statements:
                    self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        except SQLAlchemyError:
            return False
        return True

    def _undone_on_error(self) -> AbstractContextManager[object]:
        transactional = self.dialect.features.transactional_ddl
        return self.connection.begin_nested() if transactional else nullcontext()


def _read_by(doubts: Doubts, desired: Schema) -> list[Table]:
    """The tables that doubtful views read, which the views need to be created."""
    known = {table.name for table in doubts.tables}
    names = {name for view in doubts.views for name in view.reads} if doubts.views else set()
    return [desired.tables[name] for name in sorted(names - known) if name in desired.tables]
