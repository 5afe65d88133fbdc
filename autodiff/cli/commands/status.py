"""The command autodiff status."""

from __future__ import annotations

from autodiff.cli.fleet import fleet_options, refuse_without_all, show_fleet_status
from autodiff.cli.format import status_data, status_lines
from autodiff.cli.options import All, Only, Parallel, ShardOf
from autodiff.cli.shell import Shell

__all__ = ["run_status"]


def run_status(
    shell: Shell,
    all: All = False,
    only: Only = None,
    shard: ShardOf = None,
    parallel: Parallel = None,
) -> int | None:
    """List applied and pending migrations.

    Applied migrations are read from the table autodiff_history of the database.

    Examples:
        autodiff status
        autodiff status --url postgresql://user@host/production
        autodiff status --all
    """
    if all:
        return show_fleet_status(shell, fleet_options(only=only, shard=shard, parallel=parallel))
    refuse_without_all({"--only": only, "--shard": shard, "--parallel": parallel})
    status = shell.project().status()
    shell.answer(status_lines(status), status_data(status))
    return None
