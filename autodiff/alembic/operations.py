"""Turn the steps of a revision into operations that Alembic renders; needs Alembic."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text, renderers
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext

from autodiff.alembic.rehearsal import names_for
from autodiff.alembic.steps import Step

__all__ = ["CodeOp", "operations_for"]


class CodeOp(MigrateOperation):
    """A step that no operation of Alembic expresses: code that is rendered unchanged."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def reverse(self) -> MigrateOperation:
        """Raise NotImplementedError: a plan has its own downgrade."""
        raise NotImplementedError("a step of autodiff has no automatic reverse")

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the step for `alembic check`."""
        return ("autodiff", self.step.description)


@renderers.dispatch_for(CodeOp)
def _render_code(autogen_context: AutogenContext, operation: CodeOp) -> str:
    autogen_context.imports.update(operation.step.imports)
    return operation.step.code


def operations_for(
    steps: Sequence[Step], autogen_context: AutogenContext
) -> list[MigrateOperation]:
    """Return Alembic's operations for steps.

    A step is one of Alembic's own operations if Alembic renders it to code that does the same;
    hooks of the user can read and change it. Otherwise the step's code is kept.
    """
    return [operation for step in steps for operation in _operations(step, autogen_context)]


def _operations(step: Step, autogen_context: AutogenContext) -> list[MigrateOperation]:
    if step.is_call:
        own = _recorded(step.code, set(step.imports), autogen_context)
        if own and all(_is_rendered_in_full(operation, autogen_context) for operation in own):
            return own
    return [CodeOp(step)]


class _Recorder(Operations):
    """Collects operations instead of running them."""

    def __init__(self, context: MigrationContext) -> None:
        super().__init__(context)
        self.operations: list[MigrateOperation] = []

    def invoke(self, operation: MigrateOperation) -> Any:
        """Collect one operation."""
        self.operations.append(operation)


def _recorded(
    code: str, imports: set[str], autogen_context: AutogenContext
) -> list[MigrateOperation]:
    recorder = _Recorder(autogen_context.migration_context)
    exec(code, names_for(recorder, imports))
    return recorder.operations


def _is_rendered_in_full(operation: MigrateOperation, autogen_context: AutogenContext) -> bool:
    """Return whether Alembic's code for an operation sends the same SQL as the operation."""
    context = AutogenContext(
        autogen_context.migration_context, autogen_context.metadata, autogenerate=False
    )
    context.opts = {**autogen_context.opts, "render_as_batch": False}
    try:
        operation.to_diff_tuple()
        code = render_op_text(context, operation)
        [again] = _recorded(code, set(context.imports), autogen_context)
        return _sql(operation, autogen_context) == _sql(again, autogen_context)
    except Exception:  # renderers, also those of users, can raise anything
        return False


def _sql(operation: MigrateOperation, autogen_context: AutogenContext) -> str:
    buffer = StringIO()
    opts = {
        "as_sql": True,
        "output_buffer": buffer,
        "target_metadata": autogen_context.metadata,
    }
    context = MigrationContext.configure(dialect=autogen_context.dialect, opts=opts)
    Operations(context).invoke(operation)
    return buffer.getvalue()
