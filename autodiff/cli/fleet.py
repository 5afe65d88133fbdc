"""What the commands share that take --all: their options together, and how they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.cli.fleet_format import (
    outcome_lines,
    outcome_rows,
    outcomes_data,
    standing_lines,
    standing_rows,
    standings_data,
)
from autodiff.cli.fleet_progress import fleet_progress
from autodiff.cli.running import run
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff.fleet import Choices
    from autodiff.runner.events import Direction

__all__ = ["choices", "refuse_alone", "run_one_or_all", "show_fleet"]

_FAILED = 2


def choices(
    *,
    only: Sequence[str] | None = None,
    shard: str | None = None,
    parallel: int | None = None,
    canary: Sequence[str] | None = None,
    stop_after: int | None = None,
    lock_wait: float | None = None,
) -> Choices:
    """What was given on the command line, as `Project.upgrade_all` takes it.

    Raises ConfigError for a shard that is none.
    """
    from autodiff.fleet import parse_shard

    counted = canary is not None and len(canary) == 1 and canary[0].isdecimal()
    return {
        "only": tuple(only or ()),
        "shard": parse_shard(shard) if shard else None,
        "parallel": parallel,
        "canary": int(canary[0]) if canary and counted else canary or None,
        "stop_after": stop_after,
        "lock_wait": lock_wait,
    }


def refuse_alone(options: Mapping[str, object]) -> None:
    """Raises ConfigError for an option that means nothing without --all."""
    if given := [name for name, value in options.items() if value]:
        raise ConfigError(
            f"{given[0]} is for many databases", hint=f"add --all, or drop {given[0]}"
        )


def run_one_or_all(
    shell: Shell,
    target: str,
    direction: Direction,
    *,
    all: bool,
    sql: bool,
    dry_run: bool,
    lock_wait: float | None,
    only: Sequence[str] | None,
    shard: str | None,
    parallel: int | None,
    canary: Sequence[str] | None,
    stop_after: int | None,
) -> int | None:
    """Runs migrations on the project's database, or with `all` on its targets; the exit code.

    Raises ConfigError for options that don't go together.
    """
    if all:
        chosen = choices(
            only=only,
            shard=shard,
            parallel=parallel,
            canary=canary,
            stop_after=stop_after,
            lock_wait=lock_wait,
        )
        return _run_fleet(shell, target, direction, chosen, sql=sql, dry_run=dry_run)
    refuse_alone(
        {
            "--only": only,
            "--shard": shard,
            "--parallel": parallel,
            "--canary": canary,
            "--stop-after": stop_after,
        }
    )
    run(shell, target, direction, sql=sql, dry_run=dry_run, lock_wait=lock_wait)
    return None


def _run_fleet(
    shell: Shell,
    target: str,
    direction: Direction,
    chosen: Choices,
    *,
    sql: bool,
    dry_run: bool,
) -> int:
    """Runs migrations on all targets and prints what came of each; the exit code.

    Raises ConfigError for --sql and --dry-run, which are for one database.
    """
    if sql or dry_run:
        raise ConfigError(
            f"{'--sql' if sql else '--dry-run'} is for one database",
            hint="autodiff status --all lists what is pending where; --url names one of them",
        )
    project = shell.project()
    with fleet_progress() as listener:
        step = project.upgrade_all if direction == "upgrade" else project.downgrade_all
        outcomes = step(target, on_event=listener, **chosen)
    shell.answer_table(*outcome_rows(outcomes), outcome_lines(outcomes), outcomes_data(outcomes))
    return 0 if outcomes else _FAILED


def show_fleet(shell: Shell, chosen: Choices) -> int:
    """Prints where each target stands; the exit code."""
    standings = shell.project().status_all(**chosen)
    shell.answer_table(
        *standing_rows(standings), standing_lines(standings), standings_data(standings)
    )
    return _FAILED if any(standing.error for standing in standings) else 0
