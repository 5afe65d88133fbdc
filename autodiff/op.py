"""What migration files call: each function hands one operation to the migration that runs.

The functions take what those of Alembic's `op` take, so a script moves over by its import line.
Outside of a migration each raises MigrationFailedError.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from autodiff.models.columns import declare_column, declare_type, enum_of
from autodiff.models.constraints import declare_constraint, declare_index
from autodiff.models.expressions import Compiler
from autodiff.models.tables import declare_table, option_value
from autodiff.runner.context import MigrationContext, current_executor
from autodiff.schema.naming import default_name, name_constraints
from autodiff.schema.objects import EnumType, Exclusion, Identity, Name, Option, Table, View
from autodiff.schema.objects import Sequence as SequenceNoun
from autodiff.schema.operations import (
    UNSET,
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterEnum,
    AlterSequence,
    Backfill,
    ColumnPatch,
    ConstraintKind,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropNamespace,
    DropSequence,
    DropTable,
    DropView,
    EnumUser,
    Execute,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameEnum,
    RenameEnumValue,
    RenameIndex,
    RenameTable,
    Require,
    SetComment,
    SetTableOptions,
)
from autodiff.schema.sqltype import SQLType

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

    from autodiff.runner.executor import Executor

__all__ = [
    "add_column",
    "alter_column",
    "alter_enum",
    "alter_sequence",
    "alter_table_options",
    "autocommit",
    "backfill",
    "batch_alter_table",
    "bulk_insert",
    "create_check_constraint",
    "create_enum",
    "create_exclude_constraint",
    "create_foreign_key",
    "create_index",
    "create_primary_key",
    "create_schema",
    "create_sequence",
    "create_table",
    "create_table_comment",
    "create_unique_constraint",
    "create_view",
    "drop_column",
    "drop_constraint",
    "drop_enum",
    "drop_index",
    "drop_schema",
    "drop_sequence",
    "drop_table",
    "drop_table_comment",
    "drop_view",
    "execute",
    "f",
    "get_bind",
    "get_context",
    "inline_literal",
    "rename_column",
    "rename_constraint",
    "rename_enum",
    "rename_enum_value",
    "rename_index",
    "rename_table",
    "require",
    "run",
    "set_comment",
    "sql_type",
]


def _submit(operation: Operation) -> None:
    current_executor().submit(operation)


def _compiler(executor: Executor) -> Compiler:
    return _compiler_of(threading.get_ident(), executor.dialect.sqlalchemy)


@lru_cache(maxsize=16)
def _compiler_of(thread: int, dialect: SQLAlchemyDialect) -> Compiler:
    """One for each thread: SQLAlchemy's compilers keep what they are at in themselves."""
    return Compiler(dialect)


def _name(name: str, schema: str | None = None) -> Name:
    default = current_executor().dialect.default_schema
    return Name(str(name), None if schema == default else schema)


def f(name: str) -> str:
    """The name as it is: no naming convention is applied to it."""
    return sa.schema.conv(name)


def inline_literal(value: str | int, type_: Any = None) -> sa.BindParameter[Any]:
    """A value that is written into the statement, and not sent beside it."""
    return sa.literal(value, type_, literal_execute=True)


def sql_type(sql: str) -> SQLType:
    """A column type by its SQL, such as op.sql_type("tsvector")."""
    return SQLType(sql)


# Tables

_UNSAID_OPTIONS = ("postgresql_with",)
"""What sa.Table takes from SQLAlchemy 2.1 on alone."""


def create_table(
    table_name: str,
    *columns: sa.schema.SchemaItem,
    if_not_exists: bool | None = None,
    **kw: Any,
) -> sa.Table:
    """Creates a table from sa.Column(...) and constraints; the sa.Table that they make.

    `kw` is what sa.Table takes: schema, comment, prefixes, mysql_engine and so on. Constraints
    without a name get one. Enum types that are missing are created first.
    """
    executor = current_executor()
    unsaid = {name: option_value(kw.pop(name)) for name in _UNSAID_OPTIONS if name in kw}
    table = sa.Table(table_name, sa.MetaData(), *columns, **kw)
    name = _name(table_name, table.schema)
    if if_not_exists and executor.decide(lambda: executor.find(name) is not None):
        return table
    noun = name_constraints(_declared(executor, table))
    with_enum = {column.name for column in noun.columns if column.type.enum is not None}
    _create_enums(executor, [column for column in table.columns if column.name in with_enum])
    executor.submit(CreateTable(table=replace(noun, options={**noun.options, **unsaid})))
    return table


def _declared(executor: Executor, table: sa.Table) -> Table:
    """The noun of a table; a script's autoincrement=True counts outside of a primary key too."""
    noun = declare_table(table, executor.dialect, _compiler(executor))
    if not executor.dialect.features.autoincrement:
        return noun
    told = {str(c.name) for c in table.columns if c.autoincrement is True and c.identity is None}
    columns = (replace(c, autoincrement=c.autoincrement or c.name in told) for c in noun.columns)
    return replace(noun, columns=tuple(columns))


def _create_enums(executor: Executor, columns: Any) -> None:
    for column in columns:
        enum = enum_of(column.type, executor.dialect, _compiler(executor))
        if enum is not None and getattr(column.type, "create_type", True):
            executor.submit(CreateEnum(enum=enum, if_not_exists=True))


def drop_table(
    table_name: str, *, schema: str | None = None, if_exists: bool | None = None, **kw: Any
) -> None:
    """Drops a table, with its rows; `kw` is what Alembic takes, and is not needed."""
    name = _name(table_name, schema)
    executor = current_executor()
    if not if_exists or executor.decide(lambda: executor.find(name) is not None):
        _submit(DropTable(name=name))


def _has_column(table: Name, column: str) -> bool:
    executor = current_executor()

    def question() -> bool:
        found = executor.find(table)
        return found is not None and found.column(column) is not None

    return executor.decide(question)


def rename_table(old_table_name: str, new_table_name: str, *, schema: str | None = None) -> None:
    """Renames a table; keys, indexes and rows stay."""
    before, after = _name(old_table_name, schema), _name(new_table_name, schema)
    _submit(RenameTable(before=before, after=after))


def create_table_comment(
    table_name: str,
    comment: str | None,
    *,
    existing_comment: str | None = None,
    schema: str | None = None,
) -> None:
    """Sets the comment of a table."""
    name = _name(table_name, schema)
    _submit(SetComment(kind="table", name=name, before=existing_comment, after=comment))


def drop_table_comment(
    table_name: str, *, existing_comment: str | None = None, schema: str | None = None
) -> None:
    """Takes the comment of a table away."""
    name = _name(table_name, schema)
    _submit(SetComment(kind="table", name=name, before=existing_comment, after=None))


def set_comment(
    kind: Literal["constraint", "index", "type", "sequence", "view", "materialized view"],
    name: str,
    comment: str | None,
    *,
    table_name: str | None = None,
    schema: str | None = None,
) -> None:
    """Sets the comment of a constraint, an index or another object; None takes it away."""
    table = _name(table_name, schema) if table_name else None
    _submit(SetComment(kind=kind, name=_name(name, schema), table=table, after=comment))


def alter_table_options(
    table_name: str, *, schema: str | None = None, **options: Option | Mapping[str, Option] | None
) -> None:
    """Sets dialect options of a table, such as mysql_engine="InnoDB"; None resets one."""
    values = {name: None if v is None else option_value(v) for name, v in options.items()}
    changes = tuple((name, None, values[name]) for name in sorted(values))
    _submit(SetTableOptions(table=_name(table_name, schema), options=changes))


# Columns


def add_column(
    table_name: str,
    column: sa.Column[Any],
    *,
    schema: str | None = None,
    if_not_exists: bool | None = None,
    inline_references: bool | None = None,
    inline_primary_key: bool | None = None,
) -> None:
    """Adds a column, with the keys, uniques, checks and index that it says.

    The inline_... arguments are Alembic's; what they ask for comes in a statement of its own.
    """
    executor = current_executor()
    if if_not_exists and _has_column(_name(table_name, schema), str(column.name)):
        return
    table = sa.Table(table_name, sa.MetaData(), column, schema=schema)
    _create_enums(executor, [column])
    noun = _declared(executor, table)
    name = _name(table_name, schema)
    executor.submit(AddColumn(table=name, column=noun.columns[0]))
    for constraint in name_constraints(noun).constraints:
        executor.submit(AddConstraint(table=name, constraint=constraint))
    for index in noun.indexes:
        executor.submit(CreateIndex(table=name, index=index))


def drop_column(
    table_name: str,
    column_name: str,
    *,
    schema: str | None = None,
    if_exists: bool | None = None,
    **kw: Any,
) -> None:
    """Drops a column, with its values; `kw` is what Alembic takes, and is not needed."""
    table = _name(table_name, schema)
    if not if_exists or _has_column(table, column_name):
        _submit(DropColumn(table=table, name=column_name))


def rename_column(
    table_name: str, old_column_name: str, new_column_name: str, *, schema: str | None = None
) -> None:
    """Renames a column; its values, keys and indexes stay."""
    table = _name(table_name, schema)
    _submit(RenameColumn(table=table, before=old_column_name, after=new_column_name))


def alter_column(
    table_name: str,
    column_name: str,
    *,
    nullable: bool | None = None,
    comment: str | Literal[False] | None = False,
    server_default: Any = False,
    new_column_name: str | None = None,
    type_: Any = None,
    autoincrement: bool | None = None,
    existing_type: Any = None,
    existing_server_default: Any = False,
    existing_nullable: bool | None = None,
    existing_comment: str | None = None,
    existing_autoincrement: bool | None = None,
    postgresql_using: str | None = None,
    schema: str | None = None,
) -> None:
    """Changes what is given and leaves the rest; server_default=None takes a default away.

    The existing_... arguments say what a column is where there is no database to ask.
    """
    table = _name(table_name, schema)
    before = _patch(
        existing_type,
        existing_nullable,
        existing_server_default,
        existing_comment if existing_comment is not None else False,
        existing_autoincrement,
    )
    after = _patch(type_, nullable, server_default, comment, autoincrement)
    if server_default is not False:
        after = _only_one(after, server_default, existing_server_default)
    if after.fields:
        _submit(
            AlterColumn(
                table=table, name=column_name, before=before, after=after, using=postgresql_using
            )
        )
    if new_column_name is not None and new_column_name != column_name:
        _submit(RenameColumn(table=table, before=column_name, after=new_column_name))


def _only_one(after: ColumnPatch, default: Any, existing: Any) -> ColumnPatch:
    """A column has a default, or an identity, or is computed: one of them rules out the rest."""
    generated = isinstance(default, sa.Identity | sa.Computed)
    if generated and type(existing) is not type(default):
        after = replace(after, default=None)
    plain = replace(after, default=UNSET) if default is None else after
    if isinstance(existing, sa.Identity) and not isinstance(default, sa.Identity):
        return replace(plain, identity=None)
    if isinstance(existing, sa.Computed) and not isinstance(default, sa.Computed):
        return replace(plain, computed=None)
    return after


def _patch(
    type_: Any, nullable: bool | None, default: Any, comment: Any, autoincrement: bool | None
) -> ColumnPatch:
    executor = current_executor()
    compiler = _compiler(executor)
    patch = ColumnPatch(
        type=UNSET
        if type_ is None
        else declare_type(sa.types.to_instance(type_), executor.dialect, compiler),
        nullable=UNSET if nullable is None else nullable,
        comment=UNSET if comment is False else comment,
        autoincrement=UNSET if autoincrement is None else autoincrement,
    )
    return patch if default is False else _with_default(patch, default, executor, compiler)


def _with_default(
    patch: ColumnPatch, default: Any, executor: Executor, compiler: Compiler
) -> ColumnPatch:
    if default is None:
        return replace(patch, default=None)
    column = (
        sa.Column("_", sa.Integer, default)
        if isinstance(default, sa.Identity | sa.Computed)
        else sa.Column("_", sa.Integer, server_default=default)
    )
    sa.Table("_", sa.MetaData(), column)
    noun = declare_column(column, executor.dialect, compiler)
    if isinstance(default, sa.Identity):
        identity: Identity | None = noun.identity
        return replace(patch, identity=identity)
    if isinstance(default, sa.Computed):
        return replace(patch, computed=noun.computed)
    return replace(patch, default=noun.default)


def backfill(
    table_name: str,
    values: Mapping[str, Any],
    where: Any = None,
    batch_size: int | None = None,
    *,
    schema: str | None = None,
) -> None:
    """Sets columns of the rows that `where` (SQL text or clause) selects; of all rows without it.

    A value is a Python value or a SQL expression such as sa.func.now() or sa.text("lower(name)").
    A large table is filled batch by batch, in the order of its primary key; `batch_size` is the
    number of rows of one UPDATE.
    """
    executor = current_executor()
    compiler = _compiler(executor)
    pairs = tuple((column, _value_sql(value, compiler)) for column, value in values.items())
    condition = where if where is None or isinstance(where, str) else compiler.expression(where)
    table = _name(table_name, schema)
    executor.submit(Backfill(table=table, values=pairs, where=condition, batch_size=batch_size))


def require(query: Any, message: str) -> None:
    """Refuses the migration where the query (SQL text or clause) finds rows, which it names.

    `message` says what stands in the way. Put it before what changes anything: MySQL and MariaDB
    take no DDL back.
    """
    executor = current_executor()
    text = query if isinstance(query, str) else _compiler(executor).select(query)
    executor.submit(Require(query=text, message=message))


def _value_sql(value: Any, compiler: Compiler) -> str:
    clause = value if isinstance(value, sa.sql.ClauseElement) else sa.literal(value)
    return compiler.expression(clause)


# Constraints


def create_primary_key(
    constraint_name: str | None,
    table_name: str,
    columns: Sequence[str],
    *,
    schema: str | None = None,
    **dialect_kw: Any,
) -> None:
    """Adds a primary key."""
    key = sa.PrimaryKeyConstraint(*columns, name=constraint_name, **dialect_kw)
    _add_constraint(table_name, schema, key, columns)


def create_unique_constraint(
    constraint_name: str | None,
    table_name: str,
    columns: Sequence[str],
    *,
    schema: str | None = None,
    **kw: Any,
) -> None:
    """Adds a unique constraint."""
    constraint = sa.UniqueConstraint(*columns, name=constraint_name, **kw)
    _add_constraint(table_name, schema, constraint, columns)


def create_check_constraint(
    constraint_name: str | None,
    table_name: str,
    condition: Any,
    *,
    schema: str | None = None,
    postgresql_no_inherit: bool = False,
    **kw: Any,
) -> None:
    """Adds a check: its condition is SQL text or a clause."""
    text = sa.text(condition) if isinstance(condition, str) else condition
    check = sa.CheckConstraint(text, name=constraint_name, **kw)
    unsaid: dict[str, Option] = {"postgresql_no_inherit": True} if postgresql_no_inherit else {}
    _add_constraint(table_name, schema, check, (), unsaid)


def create_foreign_key(
    constraint_name: str | None,
    source_table: str,
    referent_table: str,
    local_cols: Sequence[str],
    remote_cols: Sequence[str],
    *,
    onupdate: str | None = None,
    ondelete: str | None = None,
    deferrable: bool | None = None,
    initially: str | None = None,
    match: str | None = None,
    source_schema: str | None = None,
    referent_schema: str | None = None,
    **dialect_kw: Any,
) -> None:
    """Adds a foreign key from `local_cols` to `remote_cols`."""
    target = f"{referent_schema}.{referent_table}" if referent_schema else referent_table
    key = sa.ForeignKeyConstraint(
        local_cols,
        [f"{target}.{column}" for column in remote_cols],
        name=constraint_name,
        onupdate=onupdate,
        ondelete=ondelete,
        deferrable=deferrable,
        initially=initially,
        match=match,
        **dialect_kw,
    )
    _add_constraint(source_table, source_schema, key, local_cols)


def create_exclude_constraint(
    constraint_name: str, table_name: str, *elements: tuple[Any, str], **kw: Any
) -> None:
    """Adds an exclusion constraint; its elements are (column or expression, operator)."""
    from sqlalchemy.dialects.postgresql import ExcludeConstraint

    schema = kw.pop("schema", None)
    if isinstance(kw.get("where"), str):
        kw["where"] = sa.text(kw["where"])
    constraint = ExcludeConstraint(*elements, name=constraint_name, **kw)
    columns = [getattr(part, "name", part) for part, _ in elements]
    _add_constraint(table_name, schema, constraint, [c for c in columns if isinstance(c, str)])


def _add_constraint(
    table_name: str,
    schema: str | None,
    constraint: Any,
    columns: Sequence[str],
    unsaid: Mapping[str, Option] = MappingProxyType({}),
) -> None:
    """Adds SQLAlchemy's constraint; `unsaid` are options that it has no way to say."""
    executor = current_executor()
    sa.Table(
        table_name,
        sa.MetaData(),
        *(sa.Column(column, sa.Integer) for column in dict.fromkeys(columns)),
        constraint,
        schema=schema,
    )
    noun = declare_constraint(constraint, executor.dialect, _compiler(executor))
    if noun is None:
        return
    if unsaid and not isinstance(noun, Exclusion):
        noun = replace(noun, options={**noun.options, **unsaid})
    name = _name(table_name, schema)
    if noun.name is None:
        noun = replace(noun, name=default_name(Table(name=name), noun, executor.names_in(name)))
    executor.submit(AddConstraint(table=name, constraint=noun))


def drop_constraint(
    constraint_name: str,
    table_name: str,
    type_: ConstraintKind | None = None,
    *,
    schema: str | None = None,
    if_exists: bool | None = None,
) -> None:
    """Drops a constraint; `type_` is primary, foreignkey, unique, check or exclude."""
    table = _name(table_name, schema)
    if not if_exists or _has_constraint(table, constraint_name, type_):
        _submit(DropConstraint(table=table, name=constraint_name, kind=type_))


def rename_constraint(
    table_name: str,
    old_constraint_name: str,
    new_constraint_name: str,
    *,
    type_: ConstraintKind | None = None,
    schema: str | None = None,
) -> None:
    """Renames a constraint; `type_` is primary, foreignkey, unique, check or exclude."""
    table = _name(table_name, schema)
    before, after = str(old_constraint_name), str(new_constraint_name)
    _submit(RenameConstraint(table=table, before=before, after=after, kind=type_))


def _has_constraint(table: Name, constraint: str, kind: ConstraintKind | None) -> bool:
    executor = current_executor()

    def question() -> bool:
        found = executor.find(table)
        if found is None:
            return False
        named = found.constraint(constraint) or found.index(constraint)
        return named is not None or (kind == "primary" and found.primary_key is not None)

    return executor.decide(question)


# Indexes


def create_index(
    index_name: str | None,
    table_name: str,
    columns: Sequence[Any],
    *,
    schema: str | None = None,
    unique: bool = False,
    if_not_exists: bool = False,
    comment: str | None = None,
    **kw: Any,
) -> None:
    """Creates an index over columns and expressions (sa.text); `kw` are sa.Index's options."""
    executor = current_executor()
    names = [column for column in columns if isinstance(column, str)]
    names += [name for name in _referenced(kw) if name not in names]
    table = sa.Table(
        table_name,
        sa.MetaData(),
        *(sa.Column(name, sa.Integer) for name in dict.fromkeys(names)),
        schema=schema,
    )
    index = sa.Index(index_name, *columns, unique=unique, _table=table, **kw)
    noun = declare_index(index, executor.dialect, _compiler(executor))
    if noun is None:
        return
    executor.submit(
        CreateIndex(
            table=_name(table_name, schema),
            index=replace(noun, comment=comment),
            concurrently=bool(kw.get("postgresql_concurrently")),
            if_not_exists=bool(if_not_exists),
        )
    )


def _referenced(kw: Mapping[str, Any]) -> list[str]:
    return [name for name in kw.get("postgresql_include") or () if isinstance(name, str)]


def drop_index(
    index_name: str,
    table_name: str | None = None,
    *,
    schema: str | None = None,
    if_exists: bool = False,
    **kw: Any,
) -> None:
    """Drops an index; MySQL needs its table's name."""
    table = _name(table_name, schema) if table_name is not None else None
    _submit(
        DropIndex(
            table=table,
            name=index_name,
            schema=schema,
            concurrently=bool(kw.get("postgresql_concurrently")),
            if_exists=bool(if_exists),
        )
    )


def rename_index(
    old_index_name: str,
    new_index_name: str,
    table_name: str | None = None,
    *,
    schema: str | None = None,
) -> None:
    """Renames an index; PostgreSQL alone needs no table's name."""
    table = _name(table_name, schema) if table_name is not None else None
    before, after = str(old_index_name), str(new_index_name)
    _submit(RenameIndex(table=table, before=before, after=after, schema=schema))


# Enums, sequences, views, schemas


def create_enum(
    name: str,
    *values: str,
    schema: str | None = None,
    comment: str | None = None,
    if_not_exists: bool = False,
) -> None:
    """Creates an enum type; nothing on databases that have none."""
    enum = EnumType(name=_name(name, schema), values=values, comment=comment)
    _submit(CreateEnum(enum=enum, if_not_exists=if_not_exists))


def drop_enum(name: str, *, schema: str | None = None, if_exists: bool = False) -> None:
    """Drops an enum type; nothing on databases that have none."""
    _submit(DropEnum(name=_name(name, schema), if_exists=if_exists))


def rename_enum(
    old_name: str, new_name: str, *, schema: str | None = None, new_schema: str | None = None
) -> None:
    """Renames an enum type; `new_schema` moves it, from the default schema if `schema` is None.

    Columns, defaults and checks that use it go along. Nothing on databases that have no enums.
    """
    after = _name(new_name, schema if new_schema is None else new_schema)
    _submit(RenameEnum(before=_name(old_name, schema), after=after))


def rename_enum_value(
    name: str, old_value: str, new_value: str, *, schema: str | None = None
) -> None:
    """Renames a value of an enum type; rows, defaults and checks that have it go along."""
    enum = _name(name, schema)
    _submit(RenameEnumValue(enum=enum, before=old_value, after=new_value))


def alter_enum(
    name: str,
    before: Sequence[str],
    after: Sequence[str],
    *,
    columns: Sequence[tuple[str, str, str | None] | tuple[str, str, str | None, bool]] = (),
    schema: str | None = None,
    comment: str | None = None,
) -> None:
    """Gives an enum type other values, or another order.

    `columns` are the (table, column, default) that use it, with True behind for an array. They
    are needed where a value goes away or moves, and where the migration uses a value that it
    adds: the type is then made anew, with `comment`.
    """
    named = _name(name, schema)
    users = tuple(
        EnumUser(table=_table_name(table), column=column, default=default, is_array=any(is_array))
        for table, column, default, *is_array in columns
    )
    _submit(
        AlterEnum(
            before=EnumType(name=named, values=tuple(before), comment=comment),
            after=EnumType(name=named, values=tuple(after), comment=comment),
            users=users,
            anew=bool(users),
        )
    )


def _table_name(text: str) -> Name:
    schema, _, name = text.rpartition(".")
    return _name(name, schema or None)


def _sequence(name: Name, options: Mapping[str, Any]) -> SequenceNoun:
    return SequenceNoun(name=name, **options)


def create_sequence(name: str, *, schema: str | None = None, **options: Any) -> None:
    """Creates a sequence; options are start, increment, minvalue, maxvalue, cache, cycle, type."""
    _submit(CreateSequence(sequence=_sequence(_name(name, schema), options)))


def drop_sequence(name: str, *, schema: str | None = None) -> None:
    """Drops a sequence."""
    _submit(DropSequence(name=_name(name, schema)))


def alter_sequence(name: str, *, schema: str | None = None, **options: Any) -> None:
    """Gives a sequence these options; those that are not given get their defaults.

    Where its next value is outside of limits that are given, it begins anew.
    """
    after = _sequence(_name(name, schema), options)
    before = replace(
        after,
        minvalue=-(2**63) if "minvalue" in options else after.minvalue,
        maxvalue=2**63 - 1 if "maxvalue" in options else after.maxvalue,
    )
    _submit(AlterSequence(before=before, after=after))


def create_view(
    name: str, select: Any, *, materialized: bool = False, schema: str | None = None
) -> None:
    """Creates a view from the text of a SELECT, or from sa.select(...)."""
    executor = current_executor()
    sql = select if isinstance(select, str) else _compiler(executor).select(select)
    view = View(name=_name(name, schema), sql=sql.strip(), materialized=materialized)
    executor.submit(CreateView(view=view))


def drop_view(name: str, *, materialized: bool = False, schema: str | None = None) -> None:
    """Drops a view."""
    _submit(DropView(name=_name(name, schema), materialized=materialized))


def create_schema(name: str) -> None:
    """Creates a schema (namespace); nothing on databases that have none."""
    _submit(CreateNamespace(name=name))


def drop_schema(name: str) -> None:
    """Drops a schema (namespace), which must be empty."""
    _submit(DropNamespace(name=name))


# Statements of one's own


def execute(
    sqltext: Any,
    *,
    reverse: str | None = None,
    execution_options: Mapping[str, Any] | None = None,
) -> None:
    """Runs SQL text, or a SQLAlchemy statement.

    As in Alembic, a colon that is no parameter may be escaped with a backslash. `reverse` is SQL
    text that takes back what other text did, where a migration that stopped half-way is taken
    back; downgrade() has a statement of its own.

    Raises MigrationFailedError for `reverse` of what is no text.
    """
    executor = current_executor()
    if not isinstance(sqltext, str) and not isinstance(sqltext, sa.sql.elements.TextClause):
        if reverse is not None:
            raise MigrationFailedError(
                "op.execute() has a reverse for SQL text alone, and this is no text",
                hint="write it as text, or as op.run(function, reverse=...)",
            )
        executor.execute_clause(sqltext)
        return
    if isinstance(sqltext, sa.sql.elements.TextClause) and sqltext._bindparams:
        text = _compiler(executor).expression(sqltext)
    else:
        text = sqltext if isinstance(sqltext, str) else sqltext.text
    executor.submit(Execute(sql=text.replace("\\:", ":"), reverse_sql=reverse))


def bulk_insert(
    table: sa.TableClause, rows: Sequence[Mapping[str, Any]], *, multiinsert: bool = True
) -> None:
    """Inserts rows into a table made with sa.table(...) or returned by create_table.

    All in one statement; one by one with multiinsert=False, and where values are expressions.
    """
    executor = current_executor()
    if multiinsert and rows and not any(map(_has_clause, rows)):
        executor.execute_clause(sa.insert(table), rows)
        return
    for row in rows:
        executor.execute_clause(sa.insert(table).values(dict(row)))


def run(
    function: Callable[[sa.Connection], object],
    *,
    reverse: Callable[[sa.Connection], object] | None = None,
) -> None:
    """Calls a function with the connection: a data migration that SQL alone can't say.

    It is one step: where a migration is resumed, a function that has come to its end is not
    called again. `reverse` takes back what it did, where a migration that stopped half-way is
    taken back; downgrade() calls it by itself, by op.run(reverse).
    """
    current_executor().call(function, reverse)


def autocommit() -> AbstractContextManager[None]:
    """Outside of the migration's transaction: what CREATE INDEX CONCURRENTLY and VACUUM need.

    What came before is committed. Each step in here stands by itself, and is in the journal, so
    that a migration that fails goes on from there.
    """
    return current_executor().autocommit()


def _has_clause(row: Mapping[str, Any]) -> bool:
    return any(isinstance(value, sa.sql.ClauseElement) for value in row.values())


def get_context() -> MigrationContext:
    """The migration that runs: get_context().dialect.name is "sqlite", "postgresql", "mysql"."""
    return MigrationContext(current_executor())


def get_bind() -> sa.Connection:
    """The connection of the migration that runs, with everything done that came before."""
    return current_executor().connection()


# batch_alter_table


class BatchOperations:
    """The functions of `op` for one table, as `with op.batch_alter_table(...)` gives them."""

    def __init__(self, table_name: str, schema: str | None) -> None:
        self._table = table_name
        self._schema = schema

    def add_column(
        self,
        column: sa.Column[Any],
        *,
        insert_before: str | None = None,
        insert_after: str | None = None,
        **kw: Any,
    ) -> None:
        """Adds a column, at the end, where other databases would put it too."""
        add_column(self._table, column, schema=self._schema, **kw)

    def drop_column(self, column_name: str, **kw: Any) -> None:
        """Drops a column."""
        drop_column(self._table, column_name, schema=self._schema, **kw)

    def alter_column(self, column_name: str, **kw: Any) -> None:
        """Changes a column."""
        for place in ("insert_before", "insert_after"):
            kw.pop(place, None)
        alter_column(self._table, column_name, schema=self._schema, **kw)

    def create_primary_key(self, constraint_name: str | None, columns: Sequence[str]) -> None:
        """Adds a primary key."""
        create_primary_key(constraint_name, self._table, columns, schema=self._schema)

    def create_unique_constraint(
        self, constraint_name: str | None, columns: Sequence[str], **kw: Any
    ) -> None:
        """Adds a unique constraint."""
        create_unique_constraint(constraint_name, self._table, columns, schema=self._schema, **kw)

    def create_check_constraint(
        self, constraint_name: str | None, condition: Any, **kw: Any
    ) -> None:
        """Adds a check."""
        create_check_constraint(constraint_name, self._table, condition, schema=self._schema, **kw)

    def create_foreign_key(
        self,
        constraint_name: str | None,
        referent_table: str,
        local_cols: Sequence[str],
        remote_cols: Sequence[str],
        **kw: Any,
    ) -> None:
        """Adds a foreign key."""
        create_foreign_key(
            constraint_name,
            self._table,
            referent_table,
            local_cols,
            remote_cols,
            source_schema=self._schema,
            **kw,
        )

    def create_exclude_constraint(self, constraint_name: str, *elements: Any, **kw: Any) -> None:
        """Adds an exclusion constraint."""
        create_exclude_constraint(
            constraint_name, self._table, *elements, schema=self._schema, **kw
        )

    def drop_constraint(
        self, constraint_name: str, type_: ConstraintKind | None = None, **kw: Any
    ) -> None:
        """Drops a constraint."""
        drop_constraint(constraint_name, self._table, type_, schema=self._schema, **kw)

    def create_index(self, index_name: str, columns: Sequence[Any], **kw: Any) -> None:
        """Creates an index."""
        create_index(index_name, self._table, columns, schema=self._schema, **kw)

    def drop_index(self, index_name: str, **kw: Any) -> None:
        """Drops an index."""
        drop_index(index_name, self._table, schema=self._schema, **kw)

    def create_table_comment(self, comment: str | None, **kw: Any) -> None:
        """Sets the table's comment."""
        create_table_comment(self._table, comment, schema=self._schema, **kw)

    def drop_table_comment(self, **kw: Any) -> None:
        """Takes the table's comment away."""
        drop_table_comment(self._table, schema=self._schema, **kw)

    def f(self, name: str) -> str:
        """The name as it is."""
        return f(name)

    def execute(self, sqltext: Any, **kw: Any) -> None:
        """Runs SQL text, or a SQLAlchemy statement."""
        execute(sqltext, **kw)

    def get_bind(self) -> sa.Connection:
        """The connection of the migration that runs."""
        return get_bind()

    def get_context(self) -> MigrationContext:
        """The migration that runs."""
        return get_context()


@contextmanager
def batch_alter_table(
    table_name: str, schema: str | None = None, **kw: Any
) -> Iterator[BatchOperations]:
    """The functions of `op` for one table.

    Operations on one table share a rebuild on SQLite without this too; it is here for scripts
    that come from Alembic, whose further arguments are taken and not needed.
    """
    yield BatchOperations(table_name, schema)
