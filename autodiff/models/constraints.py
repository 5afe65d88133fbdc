"""Convert constraints and indexes of SQLAlchemy."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import InvalidRequestError, NoReferencedColumnError, NoReferencedTableError
from sqlalchemy.sql.ddl import CreateConstraint, CreateIndex

from autodiff.dialects.literals import MissingValueError
from autodiff.errors import ModelsError
from autodiff.models.index_elements import declare_element
from autodiff.models.options import dialect_options, has_options
from autodiff.schema.objects import (
    Check,
    Constraint,
    Exclusion,
    ForeignKey,
    Index,
    Name,
    Option,
    PrimaryKey,
    Unique,
)

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.models.expressions import Compiler

__all__ = ["declare_constraint", "declare_index", "foreign_key_target"]


def declare_constraint(
    constraint: sa.Constraint, dialect: Dialect, compiler: Compiler
) -> Constraint | None:
    """Return a constraint, None if the dialect does not create it.

    That is the case for `ddl_if`, and for the check of a type that the database has natively.

    Raises ModelsError for one that is not supported, or that has a parameter without a value.
    """
    if not _is_created(constraint, compiler):
        return None
    named: dict[str, Any] = {"name": compiler.name(constraint)}
    if dialect.features.comments:
        named["comment"] = getattr(constraint, "comment", None)
    try:
        match constraint:
            case sa.PrimaryKeyConstraint():
                return _primary_key(constraint, named, dialect)
            case sa.ForeignKeyConstraint():
                return _foreign_key(constraint, named, dialect)
            case sa.UniqueConstraint():
                return _unique(constraint, named, dialect)
            case sa.CheckConstraint():
                return _check(constraint, named, dialect, compiler)
            case _ if constraint.__visit_name__ == "exclude_constraint":
                return _exclusion(constraint, named, dialect, compiler)
    except MissingValueError as error:
        raise ModelsError(f"{_refusal(constraint)}: {error}", hint=error.hint) from error
    raise ModelsError(
        _refusal(constraint),
        hint="supported constraints: primary and foreign keys, unique, check, exclusion",
    )


def _refusal(constraint: sa.Constraint) -> str:
    name = f" {constraint.name}" if isinstance(constraint.name, str) else ""
    kind, table = type(constraint).__name__, constraint.table.fullname
    return f"cannot declare {kind}{name} of table {table}"


def _is_created(constraint: sa.Constraint, compiler: Compiler) -> bool:
    """Return whether the database has the constraint after CREATE TABLE and what follows it.

    A constraint that was once part of AddConstraint, as create_all() does for the foreign keys of a
    cycle, is left out of CREATE TABLE by SQLAlchemy from then on. It is created nevertheless, so
    only the rule of a type's own check counts here.
    """
    if getattr(constraint, "_type_bound", False):
        return bool(constraint._should_create_for_compiler(compiler.ddl))
    return constraint._ddl_if is None or _is_executed(constraint, CreateConstraint, compiler)


def _is_executed(item: Any, statement: type[Any], compiler: Compiler) -> bool:
    """Return whether the `ddl_if` that a constraint or index has allows its statement."""
    return bool(item._ddl_if._should_execute(statement(item), item, None, compiler=compiler.ddl))


def _timing(constraint: Any, dialect: Dialect) -> dict[str, Any]:
    if not constraint.deferrable and not constraint.initially:
        return {}
    is_deferred = (constraint.initially or "").upper() == "DEFERRED"
    is_deferrable = bool(constraint.deferrable) or is_deferred
    if is_deferrable and not _supports("deferrable", constraint, dialect):
        return {}
    return {"deferrable": is_deferrable, "initially_deferred": is_deferred}


def _match(constraint: sa.ForeignKeyConstraint, dialect: Dialect) -> str | None:
    """Return how a foreign key compares NULL, None for the standard."""
    match = str(constraint.match).upper()
    return match if _supports("match", constraint, dialect) and match != "SIMPLE" else None


def _supports(option: str, constraint: sa.Constraint, dialect: Dialect) -> bool:
    """Return whether the database has an option of a key.

    Raises ModelsError if it does not, unless the application writes the constraint's SQL by a
    function that is marked with @compiles, which can leave the option out.
    """
    match constraint:
        case sa.ForeignKeyConstraint() if option == "match":
            has_option = dialect.features.match_clause
        case sa.ForeignKeyConstraint():
            has_option = dialect.features.deferrable_foreign_keys
        case sa.UniqueConstraint() | sa.PrimaryKeyConstraint():
            has_option = dialect.features.deferrable_unique_keys
        case _:
            return True
    if not has_option and not hasattr(type(constraint), "_compiler_dispatcher"):
        raise ModelsError(
            f"{_refusal(constraint)}: {dialect.backend} does not support {option}",
            hint="remove it, or declare the constraint once for each database, with ddl_if()",
        )
    return has_option


def _primary_key(
    constraint: sa.PrimaryKeyConstraint, named: dict[str, Any], dialect: Dialect
) -> PrimaryKey | None:
    columns = tuple([str(column.name) for column in constraint.columns])
    if not columns:
        return None
    options = _key_options(constraint, "on_conflict_primary_key", dialect)
    return PrimaryKey(columns=columns, options=options, **_timing(constraint, dialect), **named)


def _key_options(constraint: Any, on_column: str, dialect: Dialect) -> dict[str, Option]:
    """Return the options of a key, with that of its only column for ON CONFLICT in SQLite."""
    options = _constraint_options(constraint, dialect)
    if len(constraint.columns) == 1:
        (column,) = constraint.columns
        if conflict := dialect_options(column, dialect).get(on_column):
            options.setdefault("sqlite_on_conflict", str(conflict).upper())
    return options


def _constraint_options(constraint: Any, dialect: Dialect) -> dict[str, Option]:
    options: dict[str, Option] = {}
    if not has_options(constraint):
        return options
    found = dialect_options(constraint, dialect)
    if included := found.get("include"):
        columns = ", ".join(getattr(item, "name", item) for item in included)
        options["postgresql_include"] = columns
    if found.get("not_valid"):
        options["postgresql_not_valid"] = True
    if conflict := found.get("on_conflict"):
        options["sqlite_on_conflict"] = str(conflict).upper()
    if found.get("not_enforced"):
        options[f"{dialect.sqlalchemy.name}_not_enforced"] = True
    return options


def _unique(
    constraint: sa.UniqueConstraint, named: dict[str, Any], dialect: Dialect
) -> Unique | None:
    columns = tuple([str(column.name) for column in constraint.columns])
    if not columns:
        return None
    return Unique(
        columns=columns,
        nulls_not_distinct=bool(dialect_options(constraint, dialect).get("nulls_not_distinct")),
        options=_key_options(constraint, "on_conflict_unique", dialect),
        **_timing(constraint, dialect),
        **named,
    )


def _check(
    constraint: sa.CheckConstraint, named: dict[str, Any], dialect: Dialect, compiler: Compiler
) -> Check:
    text = compiler.bare_expression(constraint.sqltext)
    return Check(sql=text, options=_constraint_options(constraint, dialect), **named)


def _exclusion(
    constraint: Any, named: dict[str, Any], dialect: Dialect, compiler: Compiler
) -> Exclusion | None:
    if not dialect.features.exclusion_constraints:
        return None
    where = constraint.where
    elements = []
    for expression, _, operator in constraint._render_exprs:
        text = compiler.expression(expression)
        opclass = constraint.ops.get(getattr(expression, "key", None))
        elements.append((f"{text} {opclass}" if opclass else text, str(operator)))
    return Exclusion(
        elements=tuple(elements),
        using=str(constraint.using).lower(),
        where=None if where is None else compiler.expression(where),
        **_timing(constraint, dialect),
        **named,
    )


def _foreign_key(
    constraint: sa.ForeignKeyConstraint, named: dict[str, Any], dialect: Dialect
) -> ForeignKey:
    targets = [foreign_key_target(element, dialect) for element in constraint.elements]
    return ForeignKey(
        columns=tuple([str(element.parent.name) for element in constraint.elements]),
        referred=targets[0][0],
        referred_columns=tuple([column for _, column in targets]),
        on_update=_action(constraint.onupdate),
        on_delete=_action(constraint.ondelete),
        match=_match(constraint, dialect) if constraint.match else None,
        options=_constraint_options(constraint, dialect),
        **_timing(constraint, dialect),
        **named,
    )


@cache
def _action(action: str | None) -> str | None:
    text = " ".join((action or "").split())
    upper = re.sub(r"^[a-zA-Z ]+", lambda found: found[0].upper(), text)
    return None if upper in ("", "NO ACTION") else upper


def foreign_key_target(element: sa.ForeignKey, dialect: Dialect) -> tuple[Name, str]:
    """Return the table and column that a foreign key references; no MetaData needs to have them."""
    try:
        column = element.column
        schema, table, name = column.table.schema, column.table.name, column.name
    except (NoReferencedTableError, NoReferencedColumnError, InvalidRequestError):
        parts = element.target_fullname.split(".")
        if len(parts) == 1:
            raise ModelsError(
                f"cannot declare a foreign key of table {element.parent.table}: it references "
                f"{parts[0]!r}, which names no column",
                hint='write the table and the column, such as sa.ForeignKey("users.id")',
            ) from None
        name, table = parts[-1], parts[-2]
        schema = ".".join(parts[:-2]) or None
    return Name(str(table), None if schema == dialect.default_schema else schema), str(name)


def declare_index(index: sa.Index, dialect: Dialect, compiler: Compiler) -> Index | None:
    """Return an index, None if the dialect does not create it (`ddl_if`).

    An index without columns has no elements: the columns are those that the database has.

    Raises ModelsError for an index without a name, or with a parameter without a value.
    """
    if index._ddl_if is not None and not _is_executed(index, CreateIndex, compiler):
        return None
    options = dialect_options(index, dialect)
    name = compiler.name(index)
    if name is None:
        raise ModelsError(
            f"cannot declare an index of table {index.table}: it has no name",
            hint='name the index, or add "ix" to the naming convention of the MetaData',
        )
    where = options.get("where")
    try:
        elements = tuple(
            [declare_element(p, options, dialect, compiler) for p in index.expressions]
        )
        condition = None if where is None else compiler.expression(_clause(where))
    except MissingValueError as error:
        message = f"cannot declare index {name} of table {index.table}: {error}"
        raise ModelsError(message, hint=error.hint) from error
    if not options:
        return Index(name=name, elements=elements, unique=bool(index.unique))
    return Index(
        name=name,
        elements=elements,
        unique=bool(index.unique),
        method=_method(options),
        where=condition,
        include=tuple(str(getattr(i, "name", i)) for i in options.get("include") or ()),
        nulls_not_distinct=bool(options.get("nulls_not_distinct")),
        options=_storage(options),
        concurrently=bool(options.get("concurrently")),
    )


def _clause(value: Any) -> Any:
    return sa.text(value) if isinstance(value, str) else value


def _method(options: dict[str, Any]) -> str | None:
    method = options.get("using") or options.get("prefix")
    return None if not method or str(method).lower() == "btree" else str(method).lower()


def _storage(options: dict[str, Any]) -> dict[str, Option]:
    storage: dict[str, Option] = {}
    if parameters := options.get("with"):
        pairs = sorted(f"{key}={value}" for key, value in parameters.items())
        storage["postgresql_with"] = ", ".join(pairs)
    if tablespace := options.get("tablespace"):
        storage["postgresql_tablespace"] = str(tablespace)
    if parser := options.get("with_parser"):
        storage["mysql_with_parser"] = str(parser)
    if options.get("invisible"):
        storage["mysql_invisible"] = True
    return storage
