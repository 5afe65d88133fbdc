"""Changes: the differences between the current and the desired schema. No SQL, no order.

A change contains both sides, so that reversing it swaps them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

from autodiff.schema.objects import (
    Column,
    Constraint,
    EnumType,
    Index,
    Name,
    Option,
    Sequence,
    Table,
    View,
)

__all__ = [
    "Change",
    "ColumnAdded",
    "ColumnAltered",
    "ColumnRemoved",
    "ColumnRenamed",
    "ColumnValueRenamed",
    "ConstraintAdded",
    "ConstraintAltered",
    "ConstraintRemoved",
    "ConstraintRenamed",
    "EnumAdded",
    "EnumAltered",
    "EnumRemoved",
    "EnumRenamed",
    "EnumValueRenamed",
    "IndexAdded",
    "IndexAltered",
    "IndexRemoved",
    "IndexRenamed",
    "NamespaceAdded",
    "SequenceAdded",
    "SequenceAltered",
    "SequenceRemoved",
    "TableAdded",
    "TableCommentAltered",
    "TableOptionsAltered",
    "TableRemoved",
    "TableRenamed",
    "ViewAdded",
    "ViewAltered",
    "ViewRemoved",
    "is_of_texts",
    "reverse_change",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceAdded:
    """The models use a schema (namespace) that the database does not have."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAdded:
    """A table of the models that the database does not have."""

    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRemoved:
    """A table of the database that the models do not declare."""

    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRenamed:
    """A table that is the same under another name."""

    before: Name
    after: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCommentAltered:
    """A different comment of a table."""

    table: Name
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptionsAltered:
    """Different dialect options of a table; each is (name, before, after)."""

    table: Name
    options: tuple[tuple[str, Option | None, Option | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnAdded:
    """A column that the database's table does not have."""

    table: Name
    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRemoved:
    """A column that the models' table does not have."""

    table: Name
    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRenamed:
    """A column that is the same under another name; `table` is the new name of the table."""

    table: Name
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnAltered:
    """A column on both sides; `fields` are the names of the attributes that differ, sorted."""

    table: Name
    before: Column
    after: Column
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintAdded:
    """A constraint that the database's table does not have."""

    table: Name
    constraint: Constraint


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintRemoved:
    """A constraint that the models' table does not have."""

    table: Name
    constraint: Constraint


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintAltered:
    """A constraint whose contents differ; `fields` are the names of the attributes."""

    table: Name
    before: Constraint
    after: Constraint
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintRenamed:
    """A constraint that differs in its name, and in its comment at most."""

    table: Name
    before: Constraint
    after: Constraint


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAdded:
    """An index that the database's table does not have."""

    table: Name
    index: Index


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRemoved:
    """An index that the models' table does not have."""

    table: Name
    index: Index


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAltered:
    """An index whose contents differ; `fields` are the names of the attributes."""

    table: Name
    before: Index
    after: Index
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRenamed:
    """An index that differs in its name, and in its comment at most."""

    table: Name
    before: Index
    after: Index


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumAdded:
    """An enum type that the database does not have."""

    enum: EnumType


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumRemoved:
    """An enum type that no model uses any longer."""

    enum: EnumType


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumAltered:
    """An enum type whose values or comment differ."""

    before: EnumType
    after: EnumType


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumRenamed:
    """An enum type that is the same under another name, or in another schema."""

    before: Name
    after: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumValueRenamed:
    """A value that is the same under another name; `enum` is the new name of its type."""

    enum: Name
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnValueRenamed:
    """A renamed value of a column that lists its own values: ENUM('a', 'b'), or text with a check.

    `table` and `column` are the new names.
    """

    table: Name
    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceAdded:
    """A sequence that the database does not have."""

    sequence: Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceRemoved:
    """A sequence that the models do not declare."""

    sequence: Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceAltered:
    """A sequence whose options differ."""

    before: Sequence
    after: Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewAdded:
    """A view that the database does not have."""

    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRemoved:
    """A view that the models do not declare."""

    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewAltered:
    """A view whose text, kind, comment or indexes differ."""

    before: View
    after: View


Change: TypeAlias = (
    NamespaceAdded
    | TableAdded
    | TableRemoved
    | TableRenamed
    | TableCommentAltered
    | TableOptionsAltered
    | ColumnAdded
    | ColumnRemoved
    | ColumnRenamed
    | ColumnAltered
    | ConstraintAdded
    | ConstraintRemoved
    | ConstraintAltered
    | ConstraintRenamed
    | IndexAdded
    | IndexRemoved
    | IndexAltered
    | IndexRenamed
    | EnumAdded
    | EnumRemoved
    | EnumAltered
    | EnumRenamed
    | EnumValueRenamed
    | ColumnValueRenamed
    | SequenceAdded
    | SequenceRemoved
    | SequenceAltered
    | ViewAdded
    | ViewRemoved
    | ViewAltered
)
"""Any observed difference."""

_OPPOSITES: dict[type[Any], type[Any]] = {
    TableAdded: TableRemoved,
    ColumnAdded: ColumnRemoved,
    ConstraintAdded: ConstraintRemoved,
    IndexAdded: IndexRemoved,
    EnumAdded: EnumRemoved,
    SequenceAdded: SequenceRemoved,
    ViewAdded: ViewRemoved,
}
_OPPOSITES |= {removed: added for added, removed in _OPPOSITES.items()}


def reverse_change(change: Change) -> Change:
    """Return the same difference in the other direction."""
    opposite = _OPPOSITES.get(type(change))
    if opposite is not None:
        result: Change = opposite(**{f.name: getattr(change, f.name) for f in fields(change)})
        return result
    if isinstance(change, TableOptionsAltered):
        swapped = tuple((name, after, before) for name, before, after in change.options)
        return replace(change, options=swapped)
    if isinstance(change, NamespaceAdded):
        return change
    return replace(change, before=change.after, after=change.before)  # type: ignore[union-attr, arg-type]


_TEXTS = frozenset(("sql", "default", "computed", "elements", "where"))
"""Fields that hold SQL texts, which a database rewrites."""


def is_of_texts(change: Change) -> bool:
    """Return whether only SQL texts differ, which can still mean the same."""
    match change:
        case ColumnAltered(fields=fields) | ConstraintAltered(fields=fields):
            return _TEXTS.issuperset(fields)
        case IndexAltered(fields=fields):
            return _TEXTS.issuperset(fields)
        case ViewAltered():
            return True
        case _:
            return False
