"""Set comments of tables and other objects."""

from __future__ import annotations

from autodiff.op._arguments import checked
from autodiff.op._executor import qualified_name, submit
from autodiff.op.keywords import CommentedKind
from autodiff.schema.operations import SetComment

__all__ = ["create_table_comment", "drop_table_comment", "set_comment"]


@checked
def create_table_comment(
    table_name: str,
    comment: str | None,
    *,
    existing_comment: str | None = None,
    schema: str | None = None,
) -> None:
    """Set the comment of a table.

    SQLite has no comments: nothing is done there.

    Args:
        table_name: The name of the table.
        comment: The comment; None drops it.
        existing_comment: The present comment, if there is no database to ask.
        schema: The schema of the table.
    """
    name = qualified_name(table_name, schema)
    submit(SetComment(kind="table", name=name, before=existing_comment, after=comment))


@checked
def drop_table_comment(
    table_name: str, *, existing_comment: str | None = None, schema: str | None = None
) -> None:
    """Drop the comment of a table.

    SQLite has no comments: nothing is done there.

    Args:
        table_name: The name of the table.
        existing_comment: The present comment, if there is no database to ask.
        schema: The schema of the table.
    """
    name = qualified_name(table_name, schema)
    submit(SetComment(kind="table", name=name, before=existing_comment, after=None))


@checked
def set_comment(
    kind: CommentedKind,
    name: str,
    comment: str | None,
    *,
    table_name: str | None = None,
    schema: str | None = None,
) -> None:
    """Set the comment of a constraint, an index or another object.

    PostgreSQL has comments on all of them, MySQL and MariaDB on indexes and unique constraints,
    SQLite on none.

    Args:
        kind: The kind of the object.
        name: The name of the object.
        comment: The comment; None drops it.
        table_name: The table of a constraint or an index.
        schema: The schema of the object.
    """
    table = qualified_name(table_name, schema) if table_name else None
    submit(SetComment(kind=kind, name=qualified_name(name, schema), table=table, after=comment))
