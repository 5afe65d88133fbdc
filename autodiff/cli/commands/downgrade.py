"""autodiff downgrade."""

from __future__ import annotations

from autodiff.cli.options import DryRun, LockWait, Sql, Target
from autodiff.cli.running import run
from autodiff.cli.shell import Shell

__all__ = ["downgrade"]


def downgrade(
    shell: Shell,
    target: Target = "-1",
    sql: Sql = False,
    dry_run: DryRun = False,
    lock_wait: LockWait = None,
) -> None:
    """Take migrations back, down to TARGET, which stays applied.

    -1 takes the last one back, base takes all of them back. Of an upgrade that
    stopped half-way it takes the finished steps back.

    With --sql it prints a script, as upgrade does: FROM:TARGET says where it
    begins.

    Examples:
        autodiff downgrade head:0003 --sql > downgrade.sql
        autodiff downgrade
        autodiff downgrade -2 --dry-run
        autodiff downgrade 0001_first
    """
    run(shell, target, "downgrade", sql=sql, dry_run=dry_run, lock_wait=lock_wait)
