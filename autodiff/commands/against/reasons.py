"""Explain why a statement fails, by the schema that it was sent to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from autodiff.commands.against.statements import Sent
from autodiff.schema.objects import Column, Name, Schema, Table

__all__ = ["Failure", "explain_failures"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Failure:
    """A statement that fails, and why.

    table: its name, with its schema. statement: SELECT, INSERT or UPDATE. columns: the columns that
    it is about; empty if that is unknown.
    """

    table: str
    reason: str
    statement: str
    columns: tuple[str, ...] = ()


def explain_failures(
    sent: Iterable[Sent], schema: Schema, declared: Mapping[Name, Table]
) -> frozenset[Failure]:
    """Return why statements failed on a schema; `declared` are the tables of their models.

    Of several messages of the database about one column, such as for different values, the first
    one is kept.
    """
    found: set[Failure] = set()
    messages: dict[tuple[object, ...], Failure] = {}
    for one in sent:
        if one.problem is None:
            continue
        causes = {
            failure
            for name in one.tables
            for failure in _causes(one, name, schema, declared.get(name))
        }
        found |= causes
        if not causes:
            subject = one.columns or one.problem
            messages.setdefault((one.statement, one.tables, subject, one.value), _by_message(one))
    return frozenset((*found, *messages.values()))


def _causes(sent: Sent, name: Name, schema: Schema, declared: Table | None) -> Iterator[Failure]:
    """Yield the differences between the model and the schema that make the statement fail."""
    table = schema.tables.get(name)
    if name in schema.views:
        return
    if table is None:
        yield _failure(sent, name, "the table does not exist")
        return
    if declared is None:
        return
    existing = {column.name: column for column in table.columns}
    for wanted in declared.columns:
        if sent.columns and wanted.name not in sent.columns:
            continue
        reason = _column_reason(sent, wanted, existing.get(wanted.name))
        if reason is not None:
            yield _failure(sent, name, f"column {wanted.name} {reason}", wanted.name)
    if sent.statement == "INSERT":
        known = {column.name: column for column in declared.columns}
        for column in table.columns:
            own = known.get(column.name)
            # the code leaves out a column that it does not know, or that has a default for it
            is_left_out = own is None or (own.default is not None and not sent.columns)
            if is_left_out and _needs_value(column):
                reason = f"column {column.name} is NOT NULL without a default"
                yield _failure(sent, name, reason, column.name)


def _column_reason(sent: Sent, wanted: Column, column: Column | None) -> str | None:
    if column is None:
        return "does not exist"
    if sent.statement == "SELECT":
        return None
    if column.computed is not None and wanted.computed is None:
        return "is computed by the database"
    if _is_always_identity(column) and not _is_always_identity(wanted):
        return "is an identity column, which accepts no value"
    if wanted.name in sent.nulls and wanted.nullable and not column.nullable:
        return "is NOT NULL, and the code can send NULL"
    return None


def _is_always_identity(column: Column) -> bool:
    return column.identity is not None and column.identity.always


def _needs_value(column: Column) -> bool:
    generated = column.computed is not None or column.identity is not None or column.autoincrement
    return not (column.nullable or column.default is not None or generated)


def _by_message(sent: Sent) -> Failure:
    """Return the failure in the words of the database."""
    named = ", ".join(sent.columns)
    value = f", value {sent.value!r}" if sent.value is not None else ""
    prefix = f"column {named}{value}: " if named else ""
    return _failure(sent, sent.tables[0], f"{prefix}{sent.problem}", *sent.columns)


def _failure(sent: Sent, name: Name, reason: str, *columns: str) -> Failure:
    return Failure(table=str(name), reason=reason, statement=sent.statement, columns=columns)
