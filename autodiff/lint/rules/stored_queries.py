"""Rules for steps that break a view, a trigger or a routine."""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.lint.context import Step
from autodiff.lint.rule import SERVERS, Match, Rule
from autodiff.lint.stored_queries import StoredQuery
from autodiff.schema.objects import Name
from autodiff.schema.operations import (
    CreateView,
    DropColumn,
    DropTable,
    DropView,
    RenameColumn,
    RenameTable,
)

__all__ = ["RULES"]


def _read_elsewhere(step: Step) -> Iterator[Match]:
    match step.action:
        case DropTable(name=table):
            found = _readers(step, table, None)
            change = f"drops table {table}"
        case DropColumn(table=table, name=column):
            found = _readers(step, table, column)
            change = f"drops column {table}.{column}"
        case RenameTable(before=table, leaves_view=False) if not _follows(step):
            found = _readers(step, table, None)
            change = f"renames table {table}"
        case RenameColumn(table=table, before=column) if not _follows(step):
            found = _readers(step, table, column)
            change = f"renames column {table}.{column}"
        case _:
            return
    for query in found:
        verb = "reads" if query.kind == "view" else "uses"
        yield Match(
            message=f"{change}, which {query.kind} {query.name} {verb}", object=str(query.name)
        )


def _follows(step: Step) -> bool:
    return step.dialect.features.views_follow_renames


def _readers(step: Step, table: Name, column: str | None) -> list[StoredQuery]:
    """Return what names a table or a column, and is not dropped or created again afterwards."""
    is_refused = step.dialect.features.dependents_block_columns
    later = set() if is_refused else {_view(other) for other in step.later_of(CreateView, DropView)}
    return [
        query
        for query in step.queries.values()
        if query.names(table, column) and not (query.kind == "view" and query.name in later)
    ]


def _view(step: Step) -> Name | None:
    """Return the view that a step creates or drops."""
    match step.action:
        case CreateView(view=view):
            return view.name
        case DropView(name=name):
            return name
        case _:
            return None


_VIEW = (
    'op.create_table("notes", sa.Column("id", sa.BigInteger(), primary_key=True),\n'
    '    sa.Column("body", sa.Text()))\n'
    'op.create_view("texts", "SELECT body FROM notes")\n'
)

RULES = (
    Rule(
        code="AD207",
        name="view-reads-column",
        severity="error",
        summary="A view, trigger or routine of an earlier step names a table or column that is "
        "dropped or, on MySQL and MariaDB, renamed.",
        reason="PostgreSQL refuses to drop what a view reads. MySQL and MariaDB do not look: the "
        "view fails when it is read, and a trigger makes each write to its table fail.",
        safe_way="Drop the view or trigger first, and create it again with the new names.",
        check=_read_elsewhere,
        actions=(DropTable, DropColumn, RenameTable, RenameColumn),
        databases=SERVERS,
        tried_on="mariadb",
        bad=f'{_VIEW}op.rename_column("notes", "body", "content")',
        good=f'{_VIEW}op.drop_view("texts")\nop.rename_column("notes", "body", "content")\n'
        'op.create_view("texts", "SELECT content FROM notes")',
    ),
)
