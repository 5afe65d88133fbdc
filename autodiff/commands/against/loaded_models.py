"""The models of one version of the code, and the statements that the ORM sends for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper

from autodiff.commands.against.python_values import listed_values
from autodiff.commands.against.statements import Sender, Sent, Subject
from autodiff.commands.against.verdicts import Enums
from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.scratch import SharedScratch
from autodiff.rehearse.proof import select_tables
from autodiff.rehearse.sample_rows import insert_samples
from autodiff.rehearse.sample_values import choose_sample_values
from autodiff.schema.objects import Name, Schema
from autodiff.utils.connections import open_connection

__all__ = ["LoadedModels"]


class LoadedModels:
    """The models of this process; a `Code`."""

    def __init__(
        self,
        label: str,
        dialect: Dialect,
        declared: Schema,
        metadata: Sequence[sa.MetaData],
        mappers: Sequence[Mapper[Any]],
    ) -> None:
        self.label = label
        self.dialect = dialect
        self.declared = declared
        self._names = _named_tables(metadata, declared, dialect)
        self._subjects = _find_subjects(mappers, self._names)

    @property
    def enums(self) -> Enums:
        """The values of each Enum, by table and column."""
        return {
            (name, column.name): values
            for table, name in self._names.items()
            for column in table.columns
            if (values := listed_values(column))
        }

    def send(
        self, shared: SharedScratch, schema: Schema, tables: Iterable[Name], others: Enums
    ) -> list[Sent]:
        """Send the statements for some tables on a scratch with that schema."""
        wanted = set(tables)
        with _transaction(self, shared) as connection:
            _insert_rows(connection, schema, wanted)
            sender = Sender(
                connection=connection,
                declared=self.declared.tables,
                names=self._names,
                other_values=others,
            )
            return [
                sent
                for subject in self._subjects
                if any(self._names[table] in wanted for table in subject.tables)
                for sent in sender.send(subject)
            ]


@contextmanager
def _transaction(models: LoadedModels, shared: SharedScratch) -> Iterator[sa.Connection]:
    """Connect to the scratch; roll everything back at the end."""
    with open_connection(sa.make_url(shared.url)) as connection:
        for name, file in shared.attached.items():
            quoted = connection.dialect.identifier_preparer.quote_identifier(name)
            connection.exec_driver_sql(f"ATTACH ? AS {quoted}", (file,))
        default = models.dialect.default_schema
        if models.dialect.scratch.reaches_other_databases([default or ""]):
            # A model may name the live database as its schema, which must not be written:
            connection = connection.execution_options(schema_translate_map={default: None})
        try:
            yield connection
        finally:
            connection.rollback()


def _insert_rows(connection: sa.Connection, schema: Schema, wanted: set[Name]) -> None:
    """Insert sample rows into the wanted tables and those that they refer to."""
    names = {name for name in wanted if name in schema.tables}
    todo = list(names)
    while todo:
        for key in schema.tables[todo.pop()].foreign_keys:
            if key.referred in schema.tables and key.referred not in names:
                names.add(key.referred)
                todo.append(key.referred)
    choices = choose_sample_values((), (), schema, schema).choices
    insert_samples(
        connection, dialect_of(connection), select_tables(schema, names), schema, choices
    )


def _named_tables(
    metadata: Sequence[sa.MetaData], declared: Schema, dialect: Dialect
) -> dict[sa.Table, Name]:
    found: dict[sa.Table, Name] = {}
    for one in metadata:
        for table in one.tables.values():
            schema = None if table.schema == dialect.default_schema else table.schema
            name = Name(str(table.name), schema)
            if name in declared.tables:
                found[table] = name
    return found


def _find_subjects(mappers: Sequence[Mapper[Any]], names: Mapping[sa.Table, Name]) -> list[Subject]:
    """Return the mapped classes whose tables are all managed, then the other tables."""
    subjects: list[Subject] = []
    mapped: set[sa.Table] = set()
    for mapper in mappers:
        own = mapper.local_table
        tables = [table for table in mapper.tables if isinstance(table, sa.Table)]
        if not isinstance(own, sa.Table) or not all(table in names for table in tables):
            continue
        mapped.update(tables)
        ordered = (own, *(table for table in tables if table is not own))
        subjects.append(Subject(tables=ordered, mapper=mapper))
    subjects.sort(key=lambda subject: subject.label)
    rest = (table for table in names if table not in mapped)
    return [*subjects, *(Subject(tables=(table,)) for table in rest)]
