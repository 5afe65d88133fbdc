"""Views that a plan leaves alone and that read what it takes away.

A rehearsal can't see them where they are not on its scratch: in schemas that no model is in, or
excluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.dialects import Dialect
from autodiff.dialects.unmanaged import Reader
from autodiff.plan import Finding
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Schema
from autodiff.schema.operations import AlterColumn, CreateView, DropColumn, DropTable, DropView
from autodiff.schema.sqltext import mentions

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["readers_in_the_way"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss:
    """A table, or a column of one, that goes or gets another type; by the names of before."""

    table: Name
    column: str | None
    goes: bool

    def __str__(self) -> str:
        return f"{self.table}.{self.column}" if self.column else f"table {self.table}"


def readers_in_the_way(connection: Connection, plan: Plan) -> list[Finding]:
    """A finding for each view that reads what the plan drops or retypes and that it can't keep.

    Where views hold what they read (PostgreSQL), the migration would fail; elsewhere the view
    would no longer work.
    """
    losses = list(_losses(plan))
    if not losses:
        return []
    readers = plan.dialect.readers(connection)
    if readers is None:
        readers = _by_text(plan.current, losses)
    connection.rollback()
    dropped = {step.name for step in plan.operations if isinstance(step, DropView)}
    kept = {step.view.name for step in plan.operations if isinstance(step, CreateView)}
    found: dict[str, Finding] = {}
    for reader in readers:
        for loss in losses:
            made_anew = reader.view in dropped
            in_the_way = reader.view in kept and loss.goes if made_anew else True
            wanted = plan.desired.views.get(reader.view)
            said_anew = wanted is not None and made_anew
            if in_the_way and not said_anew and _touches(reader, loss, plan.dialect):
                finding = _finding(reader, loss, plan.dialect)
                found.setdefault(finding.message, finding)
    return [found[message] for message in sorted(found)]


def _losses(plan: Plan) -> Iterator[_Loss]:
    names = NameMap.of_operations(plan.operations)
    for step in plan.operations:
        if isinstance(step, DropTable):
            yield _Loss(table=names.table_before(step.name), column=None, goes=True)
        elif isinstance(step, DropColumn | AlterColumn):
            goes = isinstance(step, DropColumn)
            if isinstance(step, DropColumn) or step.before.type != step.after.type:
                column = names.column_before(step.table, step.name)
                table = names.table_before(step.table)
                yield _Loss(table=table, column=column, goes=goes)


def _touches(reader: Reader, loss: _Loss, dialect: Dialect) -> bool:
    if reader.table != loss.table or not (loss.goes or dialect.features.readers_hold_columns):
        return False
    return loss.column is None or reader.column == loss.column


def _by_text(current: Schema, losses: Iterable[_Loss]) -> list[Reader]:
    """Where the catalogue does not tell what views read: what their texts name."""
    return [
        Reader(view=name, table=loss.table, column=loss.column)
        for name, view in sorted(current.views.items())
        for loss in losses
        if mentions(view.sql, loss.table.name)
        and (loss.column is None or mentions(view.sql, loss.column))
    ]


def _finding(reader: Reader, loss: _Loss, dialect: Dialect) -> Finding:
    holds = dialect.features.readers_hold_columns
    done = "drops" if loss.goes else "gives another type"
    end = "it would fail" if holds else "the view would no longer work"
    return Finding(
        code="view-reads",
        severity="error" if holds else "warning",
        message=f"view {reader.view} reads {loss}, which the migration {done}: {end}",
        hint="drop or change the view first, in the migration (op.drop_view) or by hand",
        place=str(loss.table),
    )
