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
    A migration that stopped half-way goes on where it stopped.

    With --sql it prints a script for psql, mariadb or sqlite3, from the base or
    from where FROM:TARGET begins, and connects to nothing. The script records
    what it does, and refuses a database that is not where it begins. It begins
    where the database stands with current:TARGET.

    Examples:
        autodiff upgrade
        autodiff upgrade +1
        autodiff upgrade 0003:head --sql > upgrade.sql
    """
    run(shell, target, "upgrade", sql=sql, dry_run=dry_run, lock_wait=lock_wait)
