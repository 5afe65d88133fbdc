"""Describe the changes that the steps of a migration make."""

from __future__ import annotations

from dataclasses import replace

from autodiff.lint.context import Action, Step
from autodiff.lint.statements import (
    ChangeRows,
    ChangeTable,
    CreateTrigger,
    DropDependents,
    DropSchemaWithContents,
    Harmless,
    MaintainTable,
    PythonCode,
    SetOption,
    TransactionControl,
    Truncate,
    Unparsed,
    UseIndex,
    ValidateConstraint,
)
from autodiff.report.review import ReviewedChange, Sign
from autodiff.schema.operations import KIND_WORDS, AlterColumn, Operation, Require, tables_of
from autodiff.schema.sqltext import in_few_words
from autodiff.utils.quoting import one_line

__all__ = ["change_of_line", "change_of_step"]

_KINDS = sorted(
    (
        *("table", "column", "index", "enum", "sequence", "view", "schema", "comment", "rows"),
        *KIND_WORDS.values(),
    ),
    key=len,
    reverse=True,
)
"""The words at the start of a description, the longest first."""
_SIGNS: dict[str, Sign] = {"+": "+", "-": "-", "~": "~"}
_SHOWN = 80
"""How many characters of a statement are shown."""


def change_of_step(step: Step) -> ReviewedChange | None:
    """Return what a step changes; None for a check of rows or a setting."""
    action = step.action
    if isinstance(action, Operation):
        if isinstance(action, Require):
            return None
        tables = tables_of(action)
        words = _with_old_type(step, action).describe()
        return change_of_line(words, table=str(tables[0]) if tables else None, line=step.line)
    described = _described(action)
    if described is None:
        return None
    sign, kind, text, table = described
    return ReviewedChange(sign=sign, kind=kind, text=one_line(text), table=table, line=step.line)


def _with_old_type(step: Step, action: Operation) -> Operation:
    """Return a change of a type with the old type, which a migration need not name."""
    match action:
        case AlterColumn(table=table, name=name, before=before) if "type" not in before.fields:
            column = step.column(table, name)
            if column is None:
                return action
            return replace(action, before=replace(before, type=column.type))
        case _:
            return action


def change_of_line(
    text: str, *, table: str | None = None, line: int | None = None
) -> ReviewedChange:
    """Return the change of a description such as `+ column users.email`."""
    sign, _, words = text.partition(" ")
    kind = next((kind for kind in _KINDS if words.startswith(f"{kind} ")), "statement")
    if words.startswith("materialized view "):
        kind = "view"
    return ReviewedChange(
        sign=_SIGNS.get(sign, "~"), kind=_plain(kind), text=words, table=table, line=line
    )


def _plain(kind: str) -> str:
    return "row update" if kind == "rows" else kind


def _described(action: Action) -> tuple[Sign, str, str, str | None] | None:
    """Return the sign, the kind, the words and the table of a step without an operation."""
    match action:
        case ChangeRows(table=table, verb=verb):
            return "~", "row update", f"rows of {table}: {verb}", str(table)
        case Truncate(tables=tables):
            names = ", ".join(map(str, tables))
            return "-", "row update", f"all rows of {names}", str(tables[0]) if tables else None
        case DropSchemaWithContents(name=name):
            return "-", "schema", f"schema {name} with its contents", None
        case DropDependents(kind=kind, name=name):
            return "-", kind, f"{kind} {name} with what depends on it", None
        case ValidateConstraint(table=table, name=name):
            return "~", "constraint", f"constraint {table}.{name}: validate", str(table)
        case UseIndex(table=table, index=index):
            return "+", "constraint", f"constraint {table}.{index} from the index", str(table)
        case CreateTrigger(table=table, name=name):
            return "+", "trigger", f"trigger {name} on {table}", str(table)
        case ChangeTable(table=table, kind=kind):
            return "~", "table", f"table {table}: {kind}", str(table)
        case MaintainTable(words=words):
            return "~", "statement", words, None
        case PythonCode(what=what):
            return "~", "code step", f"Python code: {what}", None
        case Unparsed(sql=sql) | Harmless(sql=sql):
            return "~", "statement", f"execute {in_few_words(sql, _SHOWN)}", None
        case SetOption() | TransactionControl():
            return None
        case _:
            return "~", "statement", type(action).__name__, None
