"""Name constraints as Alembic names them: by the naming convention of env.py's target metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.op._executor import compiler_for
from autodiff.runner.context import current_executor, current_settings
from autodiff.schema.objects import ForeignKey, PrimaryKey, Unique

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autodiff.schema.objects import Constraint
    from autodiff.schema.operations import ConstraintKind

__all__ = ["conventional_name", "name_to_drop", "script_metadata"]

_EMPTY: Mapping[str, Callable[[str], sa.Constraint]] = {
    "primary": lambda name: sa.PrimaryKeyConstraint(name=name),
    "foreignkey": lambda name: sa.ForeignKeyConstraint([], [], name=name),
    "unique": lambda name: sa.UniqueConstraint(name=name),
    "check": lambda name: sa.CheckConstraint("", name=name),
}
"""Constraints without columns, which are enough for a convention to find its format."""


def script_metadata() -> sa.MetaData:
    """Return an empty MetaData with the naming convention of the file that runs, if it has one."""
    return sa.MetaData(naming_convention=current_settings().get("naming_convention"))


def name_to_drop(
    name: str | None, table: str, schema: str | None, kind: ConstraintKind | None
) -> str | None:
    """Return the name of a constraint that a script drops.

    A convention with %(constraint_name)s adds its prefix to a name that `op.f()` does not mark.
    """
    convention = current_settings().get("naming_convention")
    if name is None or not convention or isinstance(name, sa.schema.conv):
        return name
    if kind is None or kind not in _EMPTY:
        return name
    constraint = _EMPTY[kind](name)
    sa.Table(table, script_metadata(), constraint, schema=schema)
    return compiler_for(current_executor()).name(constraint) or name


def conventional_name(
    constraint: Constraint, table: str, convention: Mapping[str, Any]
) -> str | None:
    """Return the name that a convention gives to an unnamed constraint; None if it gives none.

    Checks get no name: Alembic does not see unnamed ones.
    """
    item: sa.Constraint
    match constraint:
        case PrimaryKey(columns=columns):
            item = sa.PrimaryKeyConstraint(*columns)
        case Unique(columns=columns):
            item = sa.UniqueConstraint(*columns)
        case ForeignKey(columns=columns, referred=referred, referred_columns=targets):
            item = sa.ForeignKeyConstraint(columns, [f"{referred.name}.{name}" for name in targets])
        case _:
            return None
    metadata = sa.MetaData(naming_convention=convention)
    sa.Table(table, metadata, *(sa.Column(name, sa.Integer) for name in columns), item)
    return compiler_for(current_executor()).name(item)
