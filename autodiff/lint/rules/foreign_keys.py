"""Rules for the columns of new foreign keys."""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.dialects.type_names import split_type
from autodiff.lint.context import Step
from autodiff.lint.rule import ALL, Match, Rule
from autodiff.schema.objects import Column, ForeignKey, Name, PrimaryKey, Table, Unique
from autodiff.schema.operations import AddConstraint, CreateTable

__all__ = ["RULES"]

_TEXTS = ("text", "character varying", "character", "varchar", "char")
_DECIMALS = ("numeric", "decimal")


def _new_keys(step: Step) -> Iterator[tuple[Name, ForeignKey]]:
    match step.action:
        case CreateTable(table=table):
            for key in table.foreign_keys:
                yield table.name, key
        case AddConstraint(table=owner, constraint=ForeignKey() as key):
            yield owner, key


def _without_index(step: Step) -> Iterator[Match]:
    for owner, key in _new_keys(step):
        table = step.final_table(owner)
        if table is None or not set(key.columns) <= {c.name for c in table.columns}:
            continue  # the table is not completely known
        if not any(_begins_with(columns, key.columns) for columns in _indexed(table)):
            columns = ", ".join(key.columns)
            yield Match(
                message=f"no index of {owner} begins with the foreign key ({columns})",
                object=f"{owner}.{columns}",
            )


def _indexed(table: Table) -> Iterator[tuple[str, ...]]:
    """Yield the columns of the indexes that find all rows of a foreign key."""
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKey | Unique):
            yield constraint.columns
    for index in table.indexes:
        names = [element.text for element in index.elements if not element.is_expression]
        if len(names) == len(index.elements) and _is_complete(index.where, names):
            yield tuple(names)


def _is_complete(where: str | None, columns: list[str]) -> bool:
    """Return whether an index has all rows, or all whose key is not NULL."""
    if where is None:
        return True
    words = where.replace('"', "").replace("(", " ").replace(")", " ").lower().split()
    return words in ([column.lower(), "is", "not", "null"] for column in columns)


def _begins_with(columns: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return set(columns[: len(wanted)]) == set(wanted)


def _other_type(step: Step) -> Iterator[Match]:
    for owner, key in _new_keys(step):
        table, other = step.final_table(owner), _referred(step, key)
        if table is None or other is None:
            continue
        for name, target in zip(key.columns, _targets(key, other), strict=False):
            own, wanted = table.column(name), other.column(target)
            if own is not None and wanted is not None and _differ(step, own, wanted):
                place = f"{owner}.{name}"
                yield Match(
                    message=f"foreign key {place} is {own.type.sql}, but {other.name}.{target} is "
                    f"{wanted.type.sql}",
                    object=place,
                )


def _referred(step: Step, key: ForeignKey) -> Table | None:
    return step.final_table(key.referred) or step.tables.get(key.referred)


def _targets(key: ForeignKey, other: Table) -> tuple[str, ...]:
    """Return the columns that a key refers to; without any, they are the primary key."""
    primary = other.primary_key
    return key.referred_columns or (primary.columns if primary is not None else ())


def _differ(step: Step, own: Column, other: Column) -> bool:
    if not own.type.sql or not other.type.sql:
        return False
    if not step.dialect.features.enforces_types:
        return ("INT" in own.type.sql.upper()) != ("INT" in other.type.sql.upper())
    return _kind(own.type.sql) != _kind(other.type.sql)


def _kind(sql: str) -> tuple[object, ...]:
    """Return what two types have in common whose values are equal in both."""
    base, arguments, rest = split_type(sql)
    words, _, _ = base.lower().partition(" collate ")
    words, _, _ = words.partition(" character set ")
    if words in _TEXTS:
        return ("text",)
    if words in _DECIMALS:
        return ("decimal", arguments[1:])
    return (words, "unsigned" in rest.lower())


def _no_target(step: Step) -> Iterator[Match]:
    for owner, key in _new_keys(step):
        other = _referred(step, key)
        if other is None or not other.columns:
            continue
        targets = _targets(key, other)
        if not set(targets) <= {column.name for column in other.columns}:
            continue  # the table is not completely known
        loose = step.dialect.features.keys_reference_indexes
        if targets and (
            any(set(columns) == set(targets) for columns in _unique(other))
            or (loose and any(columns[: len(targets)] == targets for columns in _indexed(other)))
        ):
            continue
        names = ", ".join(targets)
        place = f"{key.referred} ({names})" if names else str(key.referred)
        yield Match(
            message=f"foreign key of {owner} refers to {place}, which is not unique",
            object=f"{owner}.{', '.join(key.columns)}",
        )


def _unique(table: Table) -> Iterator[tuple[str, ...]]:
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKey | Unique):
            yield constraint.columns
    for index in table.indexes:
        if index.unique and index.where is None and len(index.columns) == len(index.elements):
            yield index.columns


_MEMBERS = (
    'op.create_table("members", sa.Column("id", sa.BigInteger(), sa.Identity(), '
    "primary_key=True),\n"
    '    sa.Column("{name}", {type}, sa.ForeignKey("{target}")))'
)
_INDEXED = '\nop.create_index("ix_members_{name}", "members", ["{name}"])'


def _members(name: str, type_: str, target: str) -> str:
    return _MEMBERS.format(name=name, type=type_, target=target)


RULES = (
    Rule(
        code="AD603",
        name="foreign-key-without-index",
        severity="info",
        summary="No index begins with the columns of a foreign key.",
        reason="Each DELETE in the other table, and each UPDATE of its key, reads all rows of this "
        "table. So does a join. MySQL and MariaDB create the index themselves.",
        safe_way="Create an index whose first columns are those of the foreign key.",
        check=_without_index,
        actions=(CreateTable, AddConstraint),
        databases=("postgresql", "sqlite"),
        bad=_members("team_id", "sa.BigInteger()", "teams.id"),
        good=_members("team_id", "sa.BigInteger()", "teams.id") + _INDEXED.format(name="team_id"),
    ),
    Rule(
        code="AD604",
        name="foreign-key-type",
        severity="warning",
        summary="The types of a foreign key and of the columns that it refers to differ.",
        reason="MySQL and MariaDB refuse the foreign key. Elsewhere a smaller type ends before the "
        "other one does: no row can refer to a key beyond its end.",
        safe_way="Give the column the type of the column that it refers to.",
        check=_other_type,
        actions=(CreateTable, AddConstraint),
        bad=_members("team_id", "sa.Integer()", "teams.id") + _INDEXED.format(name="team_id"),
        good=_members("team_id", "sa.BigInteger()", "teams.id") + _INDEXED.format(name="team_id"),
    ),
    Rule(
        code="AD605",
        name="foreign-key-target",
        severity="error",
        summary="A foreign key refers to columns that are neither a primary key nor unique.",
        reason="PostgreSQL and MySQL 8.4 refuse the foreign key. MariaDB and older versions of "
        "MySQL refuse it if there is no index. SQLite accepts it, and then each INSERT fails with "
        "a foreign key mismatch.",
        safe_way="Refer to the primary key, or make the columns unique first.",
        check=_no_target,
        actions=(CreateTable, AddConstraint),
        databases=ALL,
        bad=_members("team", "sa.Text()", "teams.name") + _INDEXED.format(name="team"),
        good=_members("team_id", "sa.BigInteger()", "teams.id") + _INDEXED.format(name="team_id"),
    ),
)
