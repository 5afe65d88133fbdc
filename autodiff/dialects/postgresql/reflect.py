"""Reads a PostgreSQL database in a fixed number of queries and puts the rows together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.base import Scope, is_excluded
from autodiff.dialects.postgresql import catalog
from autodiff.dialects.postgresql.texts import plain_text
from autodiff.dialects.postgresql.types import plain_default, type_python
from autodiff.dialects.sqltext import split_top_level, strip_parentheses, tokens
from autodiff.dialects.typenames import python_string
from autodiff.keep import collected_later
from autodiff.schema import (
    Check,
    Column,
    ColumnType,
    Computed,
    Constraint,
    EnumType,
    Exclusion,
    ForeignKey,
    Identity,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
    Schema,
    Sequence,
    Table,
    Unique,
    View,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["reflect"]

_ACTIONS = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_MATCHES = {"f": "FULL", "p": "PARTIAL"}
_LIMITS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


@dataclass(frozen=True, slots=True)
class _Rows:
    """The catalogue's rows, by the table that they belong to."""

    relations: list[Any]
    columns: dict[int, list[Any]]
    constraints: dict[int, list[Any]]
    indexes: dict[int, list[Any]]
    enums: dict[int, Any]
    sequences: list[Any]
    reads: dict[int, list[Any]]
    opclasses: dict[int, Any]
    collations: dict[int, str]


@collected_later()
def reflect(connection: Connection, scope: Scope, default_schema: str) -> Schema:
    """The tables, views, enums and sequences of the default schema and the asked namespaces."""
    rows = _fetch(connection, [default_schema, *scope.namespaces], scope.only)
    found = connection.execute(sa.text("SELECT nspname FROM pg_namespace")).scalars()
    reader = _Reader(rows, default_schema, scope)
    return Schema(
        tables=reader.tables(),
        enums=reader.enums(),
        sequences=reader.sequences(),
        views=reader.views(),
        namespaces=frozenset(scope.namespaces).intersection(found),
    )


def _fetch(connection: Connection, schemas: list[str], only: tuple[Name, ...] | None) -> _Rows:
    version = connection.dialect.server_version_info or (0,)
    names = {} if only is None else {"only": [name.name for name in only]}
    limit = "" if only is None else catalog.ONLY

    def fetch(query: str) -> list[Any]:
        values = {"schemas": schemas, **(names if ":only" in query else {})}
        return list(connection.execute(sa.text(query), values).all())

    indexes = catalog.INDEXES.format(
        only=limit, nulls_not_distinct="i.indnullsnotdistinct" if version >= (15,) else "false"
    )
    constraints = catalog.CONSTRAINTS.format(
        only=limit, delete_columns=catalog.DELETE_COLUMNS if version >= (15,) else "NULL"
    )
    return _Rows(
        relations=fetch(catalog.RELATIONS.format(only=limit)),
        columns=_grouped(fetch(catalog.COLUMNS.format(only=limit)), "attrelid"),
        constraints=_grouped(fetch(constraints), "conrelid"),
        indexes=_grouped(fetch(indexes), "indrelid"),
        enums={row.oid: row for row in connection.execute(sa.text(catalog.ENUMS))},
        sequences=fetch(catalog.SEQUENCES),
        reads=_grouped(fetch(catalog.VIEW_READS), "view_oid"),
        opclasses={row.oid: row for row in connection.execute(sa.text(catalog.OPCLASSES))},
        collations={
            row.oid: row.collname for row in connection.execute(sa.text(catalog.COLLATIONS))
        },
    )


def _grouped(rows: list[Any], key: str) -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = defaultdict(list)
    key_of = attrgetter(key)
    for row in rows:
        groups[key_of(row)].append(row)
    return groups


class _Reader:
    """Turns the catalogue's rows into nouns."""

    def __init__(self, rows: _Rows, default_schema: str, scope: Scope) -> None:
        self.rows = rows
        self.default_schema = default_schema
        self.scope = scope
        self.owned = {
            (row.table_oid, row.attnum): row for row in rows.sequences if row.table_oid is not None
        }

    def name(self, schema: str, name: str) -> Name:
        return Name(name, None if schema == self.default_schema else schema)

    def wanted(self, name: Name) -> bool:
        if self.scope.only is not None and name not in self.scope.only:
            return False
        return not is_excluded(name, self.scope.exclude)

    # Other objects than tables

    def enums(self) -> dict[Name, EnumType]:
        schemas = {self.default_schema, *self.scope.namespaces}
        read = {row.oid for row in self.rows.relations if self.reads(row)}
        return {
            name: EnumType(
                name=name,
                values=tuple(row.labels),
                comment=row.description,
                elsewhere=not read.issuperset(row.used_in),
            )
            for row in self.rows.enums.values()
            if row.nspname in schemas and not row.in_extension
            for name in [self.name(row.nspname, row.typname)]
        }

    def sequences(self) -> dict[Name, Sequence]:
        return {
            name: _sequence(name, row)
            for row in self.rows.sequences
            if row.table_oid is None and not row.in_extension
            for name in [self.name(row.nspname, row.relname)]
            if self.wanted(name)
        }

    def views(self) -> dict[Name, View]:
        views = {}
        for row in self.rows.relations:
            name = self.name(row.nspname, row.relname)
            if row.relkind in ("v", "m") and self.wanted(name):
                views[name] = View(
                    name=name,
                    sql=row.definition.strip().rstrip(";"),
                    materialized=row.relkind == "m",
                    comment=row.description,
                    indexes=self.indexes(row.oid, constraints=()),
                    reads=tuple(
                        self.name(read.nspname, read.relname)
                        for read in self.rows.reads.get(row.oid, ())
                    ),
                )
        return views

    # Tables

    def tables(self) -> dict[Name, Table]:
        tables = {}
        for row in self.rows.relations:
            if self.reads(row):
                name = self.name(row.nspname, row.relname)
                tables[name] = self.table(name, row)
        return tables

    def reads(self, row: Any) -> bool:
        """Whether a relation is a table within the scope."""
        return row.relkind in ("r", "p") and self.wanted(self.name(row.nspname, row.relname))

    def table(self, name: Name, row: Any) -> Table:
        constraints = self.rows.constraints.get(row.oid, [])
        numbers = self.columns(row.oid)
        return Table(
            name=name,
            columns=tuple(self.column(column) for column in numbers.values()),
            constraints=tuple(self.constraint(row.oid, item, numbers) for item in constraints),
            indexes=self.indexes(row.oid, constraints, numbers),
            comment=row.description,
            options=self.table_options(row),
            partitions=tuple(self.name(*found) for found in row.partitions or ()),
        )

    def table_options(self, row: Any) -> dict[str, Option]:
        options = _storage(row)
        if row.relpersistence == "u":
            options["prefix"] = "UNLOGGED"
        if row.amname not in (None, "heap"):
            options["postgresql_using"] = row.amname
        if row.parents:
            parents = (str(self.name(*found)) for found in row.parents)
            options["postgresql_inherits"] = ", ".join(parents)
        if row.partition_by:
            options["postgresql_partition_by"] = row.partition_by
        return options

    def column(self, row: Any) -> Column:
        expression = row.expression
        if expression is None and not row.attidentity:
            return Column(
                name=row.attname,
                type=self.type(row),
                nullable=not row.attnotnull,
                comment=row.description,
            )
        sequence = self.owned.get((row.attrelid, row.attnum))
        serial = (
            sequence is not None
            and sequence.deptype == "a"
            and (expression or "").startswith("nextval(")
        )
        generated = row.attgenerated in ("s", "v")
        computed = (
            Computed(sql=self.text(row.attrelid, expression), persisted=row.attgenerated == "s")
            if generated
            else None
        )
        return Column(
            name=row.attname,
            type=self.type(row),
            nullable=not row.attnotnull,
            default=None if serial or generated else _default(row),
            computed=computed,
            identity=_identity(row, sequence) if row.attidentity else None,
            autoincrement=serial,
            comment=row.description,
        )

    def type(self, row: Any) -> ColumnType:
        sql = row.type
        if row.attcollation and row.attcollation != row.typcollation:
            sql = f'{sql} COLLATE "{self.rows.collations[row.attcollation]}"'
        if row.enum_oid is None:
            return _plain_type(sql)
        enum = self.rows.enums[row.enum_oid]
        name = self.name(enum.nspname, enum.typname)
        python = enum_python(enum.labels, name)
        if sql.endswith("[]"):
            python = f"postgresql.ARRAY({python})"
        return ColumnType(sql=sql, python=python, enum=name)

    def columns(self, oid: int) -> dict[int, Any]:
        return {row.attnum: row for row in self.rows.columns.get(oid, ())}

    def text(self, oid: int, sql: str) -> str:
        """An expression over a table's columns, as people write it."""
        if "::" not in sql and "~" not in sql and "ARRAY" not in sql:
            return strip_parentheses(sql)
        columns = self.rows.columns.get(oid, ())
        varchars = {c.attname for c in columns if c.type.startswith("character varying")}
        return plain_text(strip_parentheses(sql), varchars)

    def constraint(self, oid: int, row: Any, by_number: dict[int, Any]) -> Constraint:
        columns = tuple(by_number[number].attname for number in row.conkey or () if number)
        index = next((i for i in self.rows.indexes[oid] if i.indexrelid == row.conindid), None)
        build = _CONSTRAINTS[row.contype]
        return build(self, row, columns, index, by_number)

    def indexes(
        self, oid: int, constraints: Any, columns: dict[int, Any] | None = None
    ) -> tuple[Index, ...]:
        of_constraints = {row.conindid for row in constraints if row.contype in ("p", "u", "x")}
        columns = self.columns(oid) if columns is None else columns
        return tuple(
            self.index(row, columns)
            for row in self.rows.indexes.get(oid, ())
            if row.indexrelid not in of_constraints
        )

    def index(self, row: Any, columns: dict[int, Any]) -> Index:
        numbers = [int(number) for number in row.indkey.split()]
        elements = tuple(
            self.element(row, place, number, columns)
            for place, number in enumerate(numbers[: row.indnkeyatts])
        )
        return Index(
            name=row.relname,
            elements=elements,
            unique=row.indisunique,
            method=None if row.amname == "btree" else row.amname,
            where=row.predicate and self.text(row.indrelid, row.predicate),
            include=_included(row, columns),
            nulls_not_distinct=row.nulls_not_distinct,
            comment=row.description,
            options=_storage(row),
        )

    def element(self, row: Any, place: int, number: int, columns: dict[int, Any]) -> IndexElement:
        options = int(row.indoption.split()[place])
        descending, nulls_first = bool(options & 1), bool(options & 2)
        opclass = self.rows.opclasses[int(row.indclass.split()[place])]
        text = columns[number].attname if number else ""
        text = text or self.text(row.indrelid, row.definitions[place])
        return IndexElement(
            text=text,
            is_expression=not number,
            descending=descending,
            nulls_first=None if nulls_first == descending else nulls_first,
            opclass=None if opclass.opcdefault else opclass.opcname,
            collation=self.collation(row, place, number, columns),
        )

    def collation(self, row: Any, place: int, number: int, columns: dict[int, Any]) -> str | None:
        if not number:
            return _told_collation(row, place)
        collation = int(row.indcollation.split()[place])
        same = collation == columns[number].attcollation
        return None if same else self.rows.collations[collation]


@lru_cache(4096)
def _plain_type(sql: str) -> ColumnType:
    return ColumnType(sql=sql, python=type_python(sql))


def enum_python(labels: list[str], name: Name) -> str:
    """How a script spells an enum type."""
    values = ", ".join(python_string(label) for label in labels)
    schema = f", schema={python_string(name.schema)}" if name.schema else ""
    return f"sa.Enum({values}, name={python_string(name.name)}{schema})"


def _told_collation(row: Any, place: int) -> str | None:
    """The collation of an expression, which the definition of the whole index alone tells."""
    _, _, rest = row.definition.partition(f" USING {row.amname} ")
    body, _ = _bracketed(rest)
    told = split_top_level(body)[place].removeprefix(row.definitions[place])
    match = re.match(r'\s*COLLATE (?:\w+\.)?(?:"([^"]+)"|(\w+))', told)
    return None if match is None else match[1] or match[2]


def _included(row: Any, columns: dict[int, Any]) -> tuple[str, ...]:
    numbers = row.indkey.split()[row.indnkeyatts :]
    return tuple(columns[int(number)].attname for number in numbers)


def _storage(row: Any) -> dict[str, Option]:
    """Storage parameters, and the tablespace where it is not the database's own."""
    options: dict[str, Option] = {}
    if row.reloptions:
        options["postgresql_with"] = ", ".join(sorted(row.reloptions))
    if row.spcname:
        options["postgresql_tablespace"] = row.spcname
    return options


def _numbers(row: Any, type_sql: str) -> dict[str, Any]:
    """A sequence's options, those left out that are the database's defaults."""
    up = row.seqincrement > 0
    limit = _LIMITS.get(type_sql, _LIMITS["bigint"])
    low, high = (1, limit) if up else (-limit - 1, -1)
    start = row.seqmin if up else row.seqmax
    return {
        "start": None if row.seqstart == start else row.seqstart,
        "increment": None if row.seqincrement == 1 else row.seqincrement,
        "minvalue": None if row.seqmin == low else row.seqmin,
        "maxvalue": None if row.seqmax == high else row.seqmax,
        "cache": None if row.seqcache == 1 else row.seqcache,
        "cycle": row.seqcycle,
    }


def _default(row: Any) -> str | None:
    text = row.expression and plain_default(row.expression, row.type)
    return None if text is None or text.startswith("NULL::") else text


def _identity(row: Any, sequence: Any) -> Identity:
    always = row.attidentity == "a"
    return Identity(always=always, **_numbers(sequence, row.type)) if sequence else Identity()


def _sequence(name: Name, row: Any) -> Sequence:
    kind = None if row.type == "bigint" else row.type
    return Sequence(name=name, type=kind, comment=row.description, **_numbers(row, row.type))


# Constraints, by pg_constraint.contype


def _timing(row: Any) -> dict[str, Any]:
    return {
        "name": row.conname,
        "deferrable": row.condeferrable,
        "initially_deferred": row.condeferred,
        "comment": row.description,
    }


def _primary_key(
    reader: _Reader, row: Any, columns: tuple[str, ...], index: Any, numbers: dict[int, Any]
) -> PrimaryKey:
    options = _include_option(index, numbers)
    return PrimaryKey(columns=columns, options=options, **_timing(row))


def _unique(
    reader: _Reader, row: Any, columns: tuple[str, ...], index: Any, numbers: dict[int, Any]
) -> Unique:
    return Unique(
        columns=columns,
        nulls_not_distinct=bool(index is not None and index.nulls_not_distinct),
        options=_include_option(index, numbers),
        **_timing(row),
    )


def _include_option(index: Any, numbers: dict[int, Any]) -> dict[str, Option]:
    included = _included(index, numbers) if index is not None else ()
    return {"postgresql_include": ", ".join(included)} if included else {}


def _check(
    reader: _Reader, row: Any, columns: tuple[str, ...], index: Any, numbers: dict[int, Any]
) -> Check:
    options: dict[str, Option] = {"postgresql_no_inherit": True} if row.connoinherit else {}
    if not row.convalidated:
        options["postgresql_not_valid"] = True
    return Check(
        name=row.conname,
        sql=reader.text(row.conrelid, row.definition),
        comment=row.description,
        options=options,
    )


def _foreign_key(
    reader: _Reader, row: Any, columns: tuple[str, ...], index: Any, numbers: dict[int, Any]
) -> ForeignKey:
    on_delete = _ACTIONS.get(row.confdeltype)
    if row.definition:
        on_delete = f"{on_delete} ({row.definition})"
    return ForeignKey(
        columns=columns,
        referred=reader.name(row.referred_schema, row.referred_table),
        referred_columns=tuple(row.referred_columns),
        on_update=_ACTIONS.get(row.confupdtype),
        on_delete=on_delete,
        match=_MATCHES.get(row.confmatchtype),
        options={} if row.convalidated else {"postgresql_not_valid": True},
        **_timing(row),
    )


def _exclusion(
    reader: _Reader, row: Any, columns: tuple[str, ...], index: Any, numbers: dict[int, Any]
) -> Exclusion:
    """From its definition: EXCLUDE USING gist (a WITH =, b WITH &&) WHERE (...)."""
    head = re.match(r"EXCLUDE USING (\w+) ", row.definition)
    body, where = _bracketed(row.definition[head.end() if head else 0 :])
    where = where and reader.text(row.conrelid, where)
    elements = []
    for part in split_top_level(body):
        expression, _, operator = part.rpartition(" WITH ")
        elements.append((reader.text(row.conrelid, expression.strip()), operator.strip()))
    return Exclusion(
        elements=tuple(elements),
        using=head[1] if head else "gist",
        where=where,
        **_timing(row),
    )


def _bracketed(text: str) -> tuple[str, str | None]:
    """The inside of the first brackets, and the condition of a WHERE behind them."""
    depth = position = 0
    for _, token in tokens(text):
        depth += (token == "(") - (token == ")")
        position += len(token)
        if depth == 0 and token == ")":
            break
    rest = text[position:].strip()
    where = None
    if rest.startswith("WHERE "):
        condition, _ = _bracketed(rest[6:].strip())
        where = strip_parentheses(condition)
    return text[:position].strip()[1:-1], where


_CONSTRAINTS: dict[str, Callable[..., Constraint]] = {
    "p": _primary_key,
    "u": _unique,
    "c": _check,
    "f": _foreign_key,
    "x": _exclusion,
}
