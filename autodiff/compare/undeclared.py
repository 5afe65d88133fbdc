"""What models can't say of a thing stays as it is when the thing is made anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from autodiff.schema.changes import Change, ConstraintAltered, IndexAltered
from autodiff.schema.objects import Check, Table

__all__ = ["with_unsaid"]

T = TypeVar("T", bound=Change)


def with_unsaid(change: T, current: Table, aligned: Table) -> T:
    """The change with what `aligned`, the current table as models could say it, left out: the
    comment of an index, the options of a check."""
    if isinstance(change, IndexAltered):
        index = current.index(change.before.name or "")
        if index is None or change.after.comment is not None:
            return change
        return replace(change, before=index, after=replace(change.after, comment=index.comment))
    if isinstance(change, ConstraintAltered) and isinstance(change.after, Check):
        check = current.constraint(change.before.name or "")
        told = aligned.constraint(change.before.name or "")
        if not isinstance(check, Check) or not isinstance(told, Check):
            return change
        unsaid = {k: v for k, v in check.options.items() if k not in told.options}
        options = {**change.after.options, **unsaid}
        return replace(change, before=check, after=replace(change.after, options=options))
    return change
