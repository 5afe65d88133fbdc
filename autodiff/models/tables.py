"""Convert tables of SQLAlchemy."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.errors import ModelsError
from autodiff.models.columns import declare_column
from autodiff.models.constraints import declare_constraint, declare_index
from autodiff.models.options import has_options
from autodiff.models.renamed_from import renamed
from autodiff.schema.naming import without_repeated_names
from autodiff.schema.objects import Constraint, Index, Name, Option, PrimaryKey, Table, Unique

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.models.expressions import Compiler

__all__ = ["declare_table", "name_of", "option_value", "options_of_table"]

_by_creation_order = attrgetter("_creation_order")


def name_of(table: Any, dialect: Dialect) -> Name:
    """Return the name of a SQLAlchemy table, without the schema if that is the default one."""
    schema = table.schema
    return Name(str(table.name), None if schema == dialect.default_schema else schema)


def declare_table(table: sa.Table, dialect: Dialect, compiler: Compiler) -> Table:
    """Return a table with what its dialect creates, in SQLAlchemy's order of columns.

    Raises ModelsError, naming the table, for what cannot be converted.
    """
    columns, name = list(table.columns), name_of(table, dialect)
    if old_names := renamed(name, table, columns, dialect.default_schema):
        compiler.renamed.append(old_names)
    in_columns = [column.constraints for column in columns if column.constraints]
    items = table.constraints.union(*in_columns)
    found = [
        declare_constraint(item, dialect, compiler)
        for item in sorted(items, key=_by_creation_order)
    ]
    declared = Table(
        name=name,
        columns=tuple(
            [declare_column(column, dialect, compiler) for column in columns if not column.system]
        ),
        constraints=tuple([item for item in found if item is not None]),
        indexes=_indexes(table, dialect, compiler),
        comment=table.comment if dialect.features.comments else None,
        options=options_of_table(table, dialect),
    )
    if dialect.features.repeated_constraint_names:
        declared = without_repeated_names(declared)
    else:
        _require_distinct_names(declared, dialect)
    return dialect.adapt_table(declared)


def _require_distinct_names(table: Table, dialect: Dialect) -> None:
    """Raise ModelsError if two different constraints have a name that only one of them can have.

    MySQL allows it for a check and a foreign key, which could not be told apart by name.
    """
    names = [constraint.name for constraint in table.constraints if constraint.name is not None]
    if len(set(names)) == len(names):
        return
    features = dialect.features
    found: dict[tuple[str, bool], Constraint] = {}
    for constraint in table.constraints:
        is_unnamed_key = isinstance(constraint, PrimaryKey) and not features.named_primary_keys
        if constraint.name is None or is_unnamed_key:
            continue
        is_index = isinstance(constraint, Unique) and features.unique_is_index
        if found.setdefault((constraint.name, is_index), constraint) != constraint:
            raise ModelsError(
                f"cannot declare table {table.name}: two constraints have the name "
                f"{constraint.name}",
                hint="rename one of them; if two columns share an Enum or a Boolean with that "
                "name, give each column its own",
            )


def _indexes(table: sa.Table, dialect: Dialect, compiler: Compiler) -> tuple[Index, ...]:
    found: dict[str, Index] = {}
    for item in table.indexes:
        index = declare_index(item, dialect, compiler)
        if index is None:
            continue
        name = index.name or ""
        if name in found and found[name] != index:
            raise ModelsError(
                f"cannot declare table {table.fullname}: two indexes have the name {name}",
                hint="rename one of them",
            )
        found[name] = index
    return tuple(found[name] for name in sorted(found))


def options_of_table(table: sa.Table, dialect: Dialect) -> dict[str, Option]:
    """Return the options of the dialect that differ from SQLAlchemy's defaults."""
    options: dict[str, Option] = {}
    if not has_options(table) and not table._prefixes:
        return options
    prefixes = (f"{dialect.sqlalchemy.name}_", f"{dialect.name}_")
    for key in sorted(table.dialect_kwargs) if has_options(table) else ():
        prefix = next((prefix for prefix in prefixes if key.startswith(prefix)), None)
        value = table.dialect_kwargs[key]
        if prefix is None or (value in (None, False) and not key.endswith("with_rowid")):
            continue
        option = key.removeprefix(prefix).lower().replace(" ", "_")
        name = f"{dialect.name}_{option}"
        if not (name == "sqlite_with_rowid" and value):
            options[name] = option_value(value)
    if table._prefixes:
        options["prefix"] = " ".join(str(prefix) for prefix in table._prefixes).upper()
    return options


def option_value(value: Any) -> Option:
    """Return an option as plain data: pairs and names as text, separated by commas."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(sorted(f"{key}={item}" for key, item in value.items()))
    return value if isinstance(value, str | int | bool) else str(value)
