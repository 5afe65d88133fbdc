"""The old and the new form of a changed object, as the SQL that defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.schema.changes import (
    Change,
    ColumnAltered,
    ConstraintAltered,
    EnumAltered,
    IndexAltered,
    SequenceAltered,
    TableCommentAltered,
    ViewAltered,
)
from autodiff.schema.operations import CreateEnum, CreateIndex, CreateSequence, CreateView

if TYPE_CHECKING:
    from autodiff.dialects import Dialect

__all__ = ["forms_of"]


def forms_of(dialect: Dialect, change: Change) -> tuple[str, str] | None:
    """Return the definition of a changed object before and after the change.

    None if the change is not one of an object's definition, or if both are spelled alike.
    """
    forms = _forms(dialect, change)
    return forms if forms is not None and forms[0] != forms[1] else None


def _forms(dialect: Dialect, change: Change) -> tuple[str, str] | None:
    ddl = dialect.ddl
    match change:
        case ColumnAltered(before=before, after=after):
            old, new = ddl.columns.definition(before), ddl.columns.definition(after)
            if before.comment != after.comment and old == new:
                return _comments(before.comment, after.comment)
            return old, new
        case TableCommentAltered(before=before_text, after=after_text):
            return _comments(before_text, after_text)
        case ConstraintAltered(before=before_, after=after_):
            return ddl.constraints.definition(before_), ddl.constraints.definition(after_)
        case IndexAltered(table=table, before=old_index, after=new_index):
            indexes = (CreateIndex(table=table, index=index) for index in (old_index, new_index))
            old, new = ("; ".join(ddl.statements(each)) for each in indexes)
            return old, new
        case EnumAltered(before=old_enum, after=new_enum):
            enums = (CreateEnum(enum=enum) for enum in (old_enum, new_enum))
            old, new = ("; ".join(ddl.statements(each)) for each in enums)
            return old, new
        case SequenceAltered(before=old_sequence, after=new_sequence):
            sequences = (CreateSequence(sequence=each) for each in (old_sequence, new_sequence))
            old, new = ("; ".join(ddl.statements(each)) for each in sequences)
            return old, new
        case ViewAltered(before=old_view, after=new_view):
            views = (CreateView(view=view) for view in (old_view, new_view))
            old, new = (";\n".join(ddl.statements(each)) for each in views)
            return old, new
        case _:
            return None


def _comments(before: str | None, after: str | None) -> tuple[str, str]:
    return tuple("no comment" if text is None else f"comment {text}" for text in (before, after))  # type: ignore[return-value]
