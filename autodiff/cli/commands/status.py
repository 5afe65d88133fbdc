"""The command autodiff status."""

from __future__ import annotations

from autodiff.cli.fleet import (
    fleet_options,
    refuse_without_all,
    show_fleet_status,
    show_recorded_run,
)
from autodiff.cli.format import status_data, status_lines
from autodiff.cli.options import All, Only, OutcomesUrl, Parallel, RunName, ShardOf
from autodiff.cli.shell import Shell

__all__ = ["run_status"]


def run_status(
    shell: Shell,
    all: All = False,
    only: Only = None,
    shard: ShardOf = None,
    parallel: Parallel = None,
    run: RunName = None,
    outcomes: OutcomesUrl = None,
) -> int | None:
    """List applied and pending migrations.

    Applied migrations are read from the table autodiff_history of the database.
    With --all --run NAME, list the outcomes that the shards of a run have recorded.

    Examples:
        autodiff status
        autodiff status --url postgresql://user@host/production
        autodiff status --all
        autodiff status --all --run release-42
    """
    if all and (run or outcomes):
        return show_recorded_run(shell, run, outcomes)
    if all:
        return show_fleet_status(shell, fleet_options(only=only, shard=shard, parallel=parallel))
    refuse_without_all(
        {
            "--only": only,
            "--shard": shard,
            "--parallel": parallel,
            "--run": run,
            "--outcomes": outcomes,
        }
    )
    status = shell.project().status()
    shell.answer(status_lines(status), status_data(status))
    return None
