"""Run the steps of a revision on a scratch database, with Alembic's operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from autodiff.alembic.steps import Revision, Step
from autodiff.autogenerate.plan import Plan
from autodiff.rehearse.draft import prove_steps
from autodiff.rehearse.proof import Proof
from autodiff.runner.events import Direction

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.dialects import Dialect

__all__ = ["names_for", "rehearse_revision"]


def rehearse_revision(
    connection: sa.Connection, plan: Plan, steps: Revision, metadata: Sequence[sa.MetaData]
) -> Proof:
    """Return what a scratch database shows about a revision that Alembic runs."""

    def load(direction: Direction) -> Callable[[sa.Connection, Dialect], None]:
        chosen = steps.upgrade if direction == "upgrade" else steps.downgrade
        return lambda scratch, dialect: _run(scratch, chosen, metadata)

    return prove_steps(connection, plan, load)


def _run(scratch: sa.Connection, steps: Sequence[Step], metadata: Sequence[sa.MetaData]) -> None:
    """Run steps as Alembic runs a revision: in a separate transaction."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    scratch.rollback()
    # Alembic applies the naming convention of a single MetaData to new constraints.
    target = metadata[0] if len(metadata) == 1 else list(metadata)
    context = MigrationContext.configure(
        scratch, opts={"target_metadata": target, "transaction_per_migration": True}
    )
    with context.begin_transaction(_per_migration=True):
        source = "\n".join(step.code for step in steps)
        imports = {line for step in steps for line in step.imports}
        exec(source, names_for(Operations(context), imports))
    if scratch.in_transaction():
        scratch.commit()


def names_for(op: object, imports: set[str]) -> dict[str, Any]:
    """Return the names that the code of a revision uses."""
    names: dict[str, Any] = {}
    exec("\n".join(["import sqlalchemy as sa", *sorted(imports)]), names)
    return {**names, "op": op}
