"""Convert MetaData to a Schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateSequence
from sqlalchemy.sql import visitors

from autodiff.dialects.literals import MissingValueError
from autodiff.dialects.scope import EVERYTHING, Selection
from autodiff.errors import ModelsError
from autodiff.models.columns import enum_of, first_of_sequence
from autodiff.models.distinct_names import require_distinct_index_names
from autodiff.models.expressions import Compiler
from autodiff.models.long_names import (
    cut_long_names,
    has_names_to_cut,
    is_cut,
    require_short_name,
)
from autodiff.models.tables import declare_table, name_of
from autodiff.schema.objects import (
    Constraint,
    Domain,
    EnumType,
    ForeignKey,
    Name,
    Schema,
    Table,
    View,
)
from autodiff.schema.objects import Sequence as SequenceNoun
from autodiff.utils.sharing import keep_equal, map_shared, pause_garbage_collection, replace_changed

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect

__all__ = ["declare_metadata", "declared_enum_types", "declared_sequences", "declared_view"]

_INCREMENT = re.compile(r"\bINCREMENT(?: BY)? (-?\d+)\s*$", re.IGNORECASE)


@pause_garbage_collection()
def declare_metadata(
    metadata: sa.MetaData | Sequence[sa.MetaData],
    dialect: Dialect,
    selection: Selection = EVERYTHING,
) -> Schema:
    """Return the schema that one MetaData, or several together, declare for a dialect.

    selection: the objects to leave out. The tables in which autodiff and Alembic record migrations
        are always left out.

    Raises ModelsError for what cannot be converted, if two of them declare one table differently,
    and if two objects have a name that only one of them can have.
    """
    all_metadata = [metadata] if isinstance(metadata, sa.MetaData) else list(metadata)
    compiler = Compiler(
        dialect.sqlalchemy,
        dialect.default_schema,
        backslashes=dialect.features.backslash_escapes,
    )
    all_sequences = declared_sequences(all_metadata, dialect)
    compiler.sequences = frozenset(name.name for name in all_sequences)
    has_cut_names = any(is_cut(name, dialect) for name in compiler.sequences)
    own_tables = selection.own_tables
    features = dialect.features
    tables: dict[Name, Table] = {}
    views: dict[Name, View] = {}
    enums: dict[Name, EnumType] = {}
    domains: dict[Name, Domain] = {}
    for table in _all_tables(all_metadata):
        name = name_of(table, dialect)
        if name.name in own_tables or selection.leaves_out(name):
            continue
        if getattr(table, "is_view", False):
            view = declared_view(name, table, dialect, compiler)
            _require_one_declaration(name, view, views.setdefault(name, view), tables)
            continue
        declared_table = declare_table(table, dialect, compiler)
        first = tables.setdefault(name, declared_table)
        _require_one_declaration(name, declared_table, first, views)
        has_cut_names |= has_names_to_cut(tables[name], dialect)
        for domain in dialect.domains_of(table):
            domains.setdefault(domain.name, domain)
        if features.enum_types and [None for c in tables[name].columns if c.type.enum is not None]:
            _collect_enums(table, dialect, compiler, enums)
    for enum_type in declared_enum_types(all_metadata, dialect):
        _add_enum(enum_type, "its MetaData", dialect, compiler, enums)
    if features.case_insensitive_tables:
        tables = _one_spelling(tables)
    sequences = {
        name: sequence for name, sequence in all_sequences.items() if not selection.leaves_out(name)
    }
    schema = Schema(
        tables=tables,
        enums=enums,
        sequences=sequences,
        views=views,
        namespaces=_namespaces(tables, views, enums, sequences),
        renamed=tuple(dict.fromkeys(compiler.renamed)),
        domains=tuple(domains.values()),
    )
    if has_cut_names:
        schema = cut_long_names(schema, features.max_name_length)
    declared = selection.declared(schema)
    require_distinct_index_names(declared, dialect)
    return declared


def _require_one_declaration(
    name: Name, found: object, first: object, others: Collection[Name]
) -> None:
    """Raise ModelsError if two MetaData declare a table or a view differently.

    Several parts of an application may declare one table, each for itself.
    """
    is_one = found is first or _in_any_order(found) == _in_any_order(first)
    if name in others or not is_one:
        raise ModelsError(
            f"table {name} is declared in two MetaData, differently",
            hint="declare it in one of them or in both alike, or configure only one",
        )


def _in_any_order(item: object) -> object:
    """Return a table with its constraints in the order of their texts."""
    if isinstance(item, Table):
        return replace(item, constraints=tuple(sorted(item.constraints, key=repr)))
    return item


def _one_spelling(tables: dict[Name, Table]) -> dict[Name, Table]:
    """Return the tables, each under one spelling.

    SQLAlchemy reflects a table again for each spelling that a foreign key uses.

    Raises ModelsError if two tables differ that are one table to the database.
    """
    first: dict[tuple[str | None, str], Name] = {}
    for name in tables:
        first.setdefault((name.schema, name.name.lower()), name)
    targets = {key.referred for table in tables.values() for key in table.foreign_keys}
    if len(first) == len(tables) and targets <= tables.keys():
        return tables

    def spelled(name: Name) -> Name:
        return keep_equal(name, first.get((name.schema, name.name.lower()), name))

    def constraint(item: Constraint) -> Constraint:
        if isinstance(item, ForeignKey):
            return replace_changed(item, referred=spelled(item.referred))
        return item

    found: dict[Name, Table] = {}
    for name, table in tables.items():
        one = replace_changed(
            table, name=spelled(table.name), constraints=map_shared(table.constraints, constraint)
        )
        if found.setdefault(one.name, one) != one:
            raise ModelsError(
                f"tables {one.name} and {name} are the same table in the database, and differ",
                hint="rename one of them",
            )
    return found


def _all_tables(metadata: Iterable[sa.MetaData]) -> list[sa.Table]:
    return [item.tables[key] for item in metadata for key in sorted(item.tables)]


def declared_view(name: Name, table: Any, dialect: Dialect, compiler: Compiler) -> View:
    """Return the view that a table of SQLAlchemy creates.

    Raises ModelsError if its SELECT has a parameter without a value.
    """
    creator = table._creator_ddl
    try:
        sql = compiler.select(creator.selectable)
    except MissingValueError as error:
        raise ModelsError(f"cannot declare view {name}: {error}", hint=error.hint) from error
    return View(
        name=name,
        sql=sql,
        materialized=bool(creator.materialized),
        reads=tuple(sorted(_read_by(creator.selectable, dialect) - {name})),
    )


def _read_by(selectable: Any, dialect: Dialect) -> set[Name]:
    """Return the tables and views that a SELECT reads, in joins and subqueries too."""
    found = {part for part in visitors.iterate(selectable) if isinstance(part, sa.Table)}
    return {name_of(table, dialect) for table in found}


def _collect_enums(
    table: sa.Table, dialect: Dialect, compiler: Compiler, enums: dict[Name, EnumType]
) -> None:
    for column in table.columns:
        place = f"column {table.fullname}.{column.name}"
        _add_enum(column.type, place, dialect, compiler, enums)


def _add_enum(
    type_: Any, place: str, dialect: Dialect, compiler: Compiler, enums: dict[Name, EnumType]
) -> None:
    enum = enum_of(type_, dialect, compiler)
    if enum is None:
        return
    require_short_name("enum type", enum.name.name, dialect.features.max_name_length, dialect.name)
    if enums.setdefault(enum.name, enum) != enum:
        raise ModelsError(
            f"enum {enum.name} is declared with different values, last in {place}",
            hint="share one sa.Enum between the columns, or give the types different names",
        )


def declared_enum_types(metadata: Iterable[sa.MetaData], dialect: Dialect) -> list[sa.Enum]:
    """Return the enum types of the MetaData itself, which no table needs to use.

    SQLAlchemy 2.0 keeps no list of them.
    """
    if not dialect.features.enum_types:
        return []
    found = [item for part in metadata for item in getattr(part, "_objects", ())]
    return [item for item in found if isinstance(item, sa.Enum) and item.name]


def declared_sequences(
    metadata: Iterable[sa.MetaData], dialect: Dialect
) -> dict[Name, SequenceNoun]:
    """Return the sequences of the MetaData, by name."""
    if not dialect.features.sequences:
        return {}
    found: dict[Name, SequenceNoun] = {}
    for item in metadata:
        for sequence in item._sequences.values():
            if sequence.optional and dialect.sqlalchemy.sequences_optional:
                continue
            noun = _sequence(sequence, dialect)
            found[noun.name] = noun
    return {name: found[name] for name in sorted(found)}


def _sequence(sequence: Any, dialect: Dialect) -> SequenceNoun:
    schema = None if sequence.schema == dialect.default_schema else sequence.schema
    if not dialect.features.cuts_names_by_bytes:
        most = dialect.features.max_name_length
        require_short_name("sequence", sequence.name, most, dialect.name)
    increment = _increment(sequence, dialect)
    up = (increment or 1) > 0
    kind = (
        dialect.canonical_type(
            dialect.sqlalchemy.type_compiler_instance.process(sequence.data_type)
        )
        if sequence.data_type is not None
        else None
    )
    first = first_of_sequence(increment, sequence.minvalue, sequence.maxvalue)
    return SequenceNoun(
        name=Name(str(sequence.name), schema),
        type=None if kind == "bigint" else kind,
        start=None if sequence.start == first else sequence.start,
        increment=None if increment == 1 else increment,
        minvalue=None if up and sequence.minvalue == 1 else sequence.minvalue,
        maxvalue=None if not up and sequence.maxvalue == -1 else sequence.maxvalue,
        cache=None if sequence.cache == 1 else sequence.cache,
        cycle=bool(sequence.cycle),
    )


def _increment(sequence: Any, dialect: Dialect) -> int | None:
    """Return the increment; one that the application adds to CREATE SEQUENCE counts as declared.

    For a MariaDB cluster, an increment of 0 means the server's auto_increment_increment. In
    SQLAlchemy, a function registered with `compiles` sets it for all sequences.
    """
    if sequence.increment is not None:
        return int(sequence.increment)
    text = str(CreateSequence(sequence).compile(dialect=dialect.sqlalchemy))
    found = _INCREMENT.search(text)
    return int(found[1]) if found else None


def _namespaces(*kinds: Iterable[Name]) -> frozenset[str]:
    return frozenset(name.schema for names in kinds for name in names if name.schema is not None)
