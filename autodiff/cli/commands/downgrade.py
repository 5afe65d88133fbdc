"""autodiff downgrade."""

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

__all__ = ["downgrade"]


def downgrade(
    shell: Shell,
    target: Target = "-1",
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
    """Take migrations back, down to TARGET, which stays applied.

    -1 takes the last one back, base takes all of them back. Of an upgrade that
    stopped half-way it takes the finished steps back.

    With --sql it prints a script, as upgrade does: FROM:TARGET says where it
    begins.

    Examples:
        autodiff downgrade
        autodiff downgrade -2 --dry-run
        autodiff downgrade 0001_first
        autodiff downgrade head:0003 --sql > downgrade.sql
        autodiff downgrade 0001_first --all
    """
    return run_one_or_all(
        shell,
        target,
        "downgrade",
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
