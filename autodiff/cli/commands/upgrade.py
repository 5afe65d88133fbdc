"""autodiff upgrade."""

from __future__ import annotations

from autodiff.cli.options import DryRun, LockWait, Sql, Target
from autodiff.cli.running import run
from autodiff.cli.shell import Shell

__all__ = ["upgrade"]


def upgrade(
    shell: Shell,
    target: Target = "head",
    sql: Sql = False,
    dry_run: DryRun = False,
    lock_wait: LockWait = None,
) -> None:
    """Apply migrations, up to TARGET.

    TARGET is the last one to apply, or +1 for the next one.
    SQL that was run by hand is recorded by autodiff stamp. A migration that
    stopped half-way goes on where it stopped.

    Examples:
        autodiff upgrade
        autodiff upgrade +1
        autodiff upgrade --sql > upgrade.sql
    """
    run(shell, target, "upgrade", sql=sql, dry_run=dry_run, lock_wait=lock_wait)
