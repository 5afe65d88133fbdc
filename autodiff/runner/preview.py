"""The SQL of operations, without a database to run them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autodiff.dialects.base import Dialect
from autodiff.runner.executor import Executor, run_operations
from autodiff.runner.sinks import RecordingSink
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Operation

__all__ = ["statements"]


def statements(
    dialect: Dialect,
    operations: Sequence[Operation],
    tables: Mapping[Name, Table],
    *,
    before: Sequence[Operation] = (),
) -> list[str]:
    """The statements of the operations, in order; `tables` is what stands before the first.

    Operations in `before` are done first, in a migration of their own, and not told.
    """
    target = RecordingSink(dialect, tables)
    executor = Executor(dialect, target)
    run_operations(executor, before)
    done = len(target.statements)
    run_operations(executor, operations)
    return target.statements[done:]
