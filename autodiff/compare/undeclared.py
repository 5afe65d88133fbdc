"""Keep attributes that models cannot declare when an index or a constraint is recreated."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from autodiff.schema.changes import Change, ConstraintAltered, IndexAltered
from autodiff.schema.objects import Check, ForeignKey, Table

__all__ = ["with_undeclared_attributes"]

T = TypeVar("T", bound=Change)


def with_undeclared_attributes(change: T, current: Table, aligned: Table) -> T:
    """Return the change with the current comment of an index, or the current constraint.

    aligned: the current table without what models cannot declare.
    """
    if isinstance(change, IndexAltered):
        index = current.index(change.before.name or "")
        if index is None or change.after.comment is not None:
            return change
        return replace(change, before=index, after=replace(change.after, comment=index.comment))
    if isinstance(change, ConstraintAltered) and isinstance(change.after, ForeignKey):
        key = current.constraint(change.before.name or "")
        return replace(change, before=key) if isinstance(key, ForeignKey) else change
    if isinstance(change, ConstraintAltered) and isinstance(change.after, Check):
        check = current.constraint(change.before.name or "")
        declared = aligned.constraint(change.before.name or "")
        if not isinstance(check, Check) or not isinstance(declared, Check):
            return change
        undeclared = {k: v for k, v in check.options.items() if k not in declared.options}
        options = {**change.after.options, **undeclared}
        return replace(change, before=check, after=replace(change.after, options=options))
    return change
