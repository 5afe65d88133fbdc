"""Preview the SQL of operations without a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autodiff.dialects.base import Dialect
from autodiff.runner.executor import Executor, run_operations
from autodiff.runner.sinks import RecordingSink
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Operation

__all__ = ["preview_statements"]


def preview_statements(
    dialect: Dialect,
    operations: Sequence[Operation],
    tables: Mapping[Name, Table],
    *,
    before: Sequence[Operation] = (),
) -> list[str]:
    """Return the statements of operations, in order.

    `tables` are the tables before the first operation. Operations in `before` run first, as a
    separate migration, and their statements are not returned.
    """
    sink = RecordingSink(dialect, tables)
    executor = Executor(dialect, sink)
    run_operations(executor, before)
    skipped = len(sink.statements)
    run_operations(executor, operations)
    return sink.statements[skipped:]
