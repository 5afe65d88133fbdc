"""autodiff status."""

from __future__ import annotations

from autodiff.cli.fleet import choices, refuse_alone, show_fleet
from autodiff.cli.format import status_data, status_lines
from autodiff.cli.options import All, Only, Parallel, ShardOf
from autodiff.cli.shell import Shell

__all__ = ["status"]


def status(
    shell: Shell,
    all: All = False,
    only: Only = None,
    shard: ShardOf = None,
    parallel: Parallel = None,
) -> int | None:
    """List the migrations that the database has had, and those it has not.

    The database says so itself: applied migrations stand in its table
    autodiff_history.

    Examples:
        autodiff status
        autodiff status --url postgresql://user@host/production
        autodiff status --all
    """
    if all:
        return show_fleet(shell, choices(only=only, shard=shard, parallel=parallel))
    refuse_alone({"--only": only, "--shard": shard, "--parallel": parallel})
    found = shell.project().status()
    shell.answer(status_lines(found), status_data(found))
    return None
