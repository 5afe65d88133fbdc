"""The command autodiff downgrade."""

from __future__ import annotations

from typing import Annotated

from autodiff.cli.fleet import run_one_or_all
from autodiff.cli.options import (
    All,
    Canary,
    CanaryWait,
    Confirm,
    DryRun,
    ExecutorOf,
    LockWait,
    Only,
    OptionalTargetArgument,
    OutcomesUrl,
    Parallel,
    RunName,
    ShardOf,
    Sql,
    StopAfter,
    Yes,
    flag,
)
from autodiff.cli.shell import Shell

__all__ = ["run_downgrade"]


def run_downgrade(
    shell: Shell,
    target: OptionalTargetArgument = None,
    sql: Sql = False,
    dry_run: DryRun = False,
    lock_wait: LockWait = None,
    all: All = False,
    only: Only = None,
    shard: ShardOf = None,
    parallel: Parallel = None,
    canary: Canary = None,
    stop_after: StopAfter = None,
    executor: ExecutorOf = None,
    run: RunName = None,
    outcomes: OutcomesUrl = None,
    canary_wait: CanaryWait = None,
    yes: Yes = False,
    confirm: Confirm = None,
    drop_baseline: Annotated[
        bool,
        flag(
            "--drop-baseline",
            "Also revert a first migration that was recorded without being run, which drops "
            "tables that it did not create.",
        ),
    ] = False,
) -> int | None:
    """Revert migrations down to TARGET, which stays applied.

    -1 reverts the last migration, base reverts all of them. Without TARGET, the
    last migration is reverted after a question. What is lost is shown first. If
    an upgrade stopped half-way, downgrade first undoes its finished steps.

    With --sql it prints a script, as upgrade does. FROM:TARGET sets the
    migration at which the script starts.

    Examples:
        autodiff downgrade
        autodiff downgrade -1
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
        executor=executor,
        run=run,
        outcomes=outcomes,
        canary_wait=canary_wait,
        yes=yes,
        confirm=confirm,
        drop_baseline=drop_baseline,
    )
