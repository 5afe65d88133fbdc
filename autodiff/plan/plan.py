"""The plan: ordered operations, and what stands out about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autodiff.changes import Change
from autodiff.describe import describe_change
from autodiff.dialects.base import Dialect
from autodiff.operations import AlterColumn, DropColumn, Operation
from autodiff.schema import Schema

__all__ = ["Finding", "Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about a plan or a file; `severity` is "info", "warning" or "error"."""

    code: str
    severity: str
    message: str
    hint: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, in order, to get from the current schema to the desired one."""

    dialect: Dialect
    current: Schema
    desired: Schema
    changes: tuple[Change, ...] = ()
    operations: tuple[Operation, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.operations)

    def reverse(self) -> list[Operation]:
        """The operations that take the plan back, in order.

        What is altered and then dropped is only dropped.
        """
        reversed_ = (operation.reverse() for operation in reversed(self.operations))
        steps = [operation for operation in reversed_ if operation is not None]
        return [step for place, step in enumerate(steps) if not _dropped_later(step, steps[place:])]

    def summary(self) -> list[str]:
        """A line for each change: `+ column comments.timestamp`."""
        return [describe_change(change) for change in self.changes]


def _dropped_later(step: Operation, later: Sequence[Operation]) -> bool:
    return isinstance(step, AlterColumn) and any(
        isinstance(other, DropColumn) and (other.table, other.name) == (step.table, step.name)
        for other in later
    )
