"""The command autodiff upgrade."""

from __future__ import annotations

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
    OutcomesUrl,
    Parallel,
    PhaseOption,
    RunName,
    ShardOf,
    Sql,
    StopAfter,
    TargetArgument,
)
from autodiff.cli.shell import Shell

__all__ = ["run_upgrade"]


def run_upgrade(
    shell: Shell,
    target: TargetArgument = "head",
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
    confirm: Confirm = None,
    phase: PhaseOption = None,
) -> int | None:
    """Apply migrations up to TARGET.

    TARGET is the last migration to apply, or +1 for the next one. A migration
    that stopped half-way is resumed. With --all, every database of the configured
    targets is upgraded; the exit code is 2 if one of them fails.

    With --sql, upgrade prints a script for psql, mariadb or sqlite3. The script
    starts at the base, or at FROM with FROM:TARGET. No database is connected to,
    except with current:TARGET, which starts at the current state of the database.
    The script records the migrations that it applies, and refuses a database that
    is not in the state where it starts.

    With --phase expand, upgrade stops before a migration that waits for the deploy of a
    new version of the application; with --phase contract it applies that migration.

    Examples:
        autodiff upgrade
        autodiff upgrade +1
        autodiff upgrade 0003:head --sql > upgrade.sql
        autodiff upgrade --phase expand
        autodiff upgrade --all --canary 1 --parallel 8
        autodiff upgrade --all --executor app.cluster:connect --parallel 100
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
        executor=executor,
        run=run,
        outcomes=outcomes,
        canary_wait=canary_wait,
        confirm=confirm,
        phase=phase,
    )
