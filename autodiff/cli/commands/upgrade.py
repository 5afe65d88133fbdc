"""autodiff upgrade."""

from __future__ import annotations

from autodiff.cli.fleet import run_one_or_all
from autodiff.cli.options import (
    All,
    Canary,
    DryRun,
    LockWait,
    Only,
    Parallel,
    ShardOf,
    Sql,
    StopAfter,
    Target,
)
from autodiff.cli.shell import Shell

__all__ = ["upgrade"]


def upgrade(
    shell: Shell,
    target: Target = "head",
    sql: Sql = False,
    dry_run: DryRun = False,
    lock_wait: LockWait = None,
    all: All = False,
    only: Only = None,
    shard: ShardOf = None,
    parallel: Parallel = None,
    canary: Canary = None,
    stop_after: StopAfter = None,
) -> int | None:
    """Apply migrations, up to TARGET.

    TARGET is the last one to apply, or +1 for the next one.
    A migration that stopped half-way goes on where it stopped. With --all every
    database of the configuration's targets is upgraded; exit code 2 if one is not.

    With --sql it prints a script for psql, mariadb or sqlite3, from the base or
    from where FROM:TARGET begins, and connects to nothing. The script records
    what it does, and refuses a database that is not where it begins. It begins
    where the database stands with current:TARGET.

    Examples:
        autodiff upgrade
        autodiff upgrade +1
        autodiff upgrade 0003:head --sql > upgrade.sql
        autodiff upgrade --all --canary 1 --parallel 8
    """
    return run_one_or_all(
        shell,
        target,
        "upgrade",
        all=all,
        sql=sql,
        dry_run=dry_run,
        lock_wait=lock_wait,
        only=only,
        shard=shard,
        parallel=parallel,
        canary=canary,
        stop_after=stop_after,
    )
