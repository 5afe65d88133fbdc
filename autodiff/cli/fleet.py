"""Code that the commands with --all share: options, and the choice of one or all databases."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from autodiff.cli.fleet_format import (
    outcome_lines,
    outcome_rows,
    outcomes_data,
    target_status_lines,
    target_status_rows,
    target_statuses_data,
)
from autodiff.cli.fleet_progress import show_fleet_progress
from autodiff.cli.format import data_loss_lines
from autodiff.cli.guards import confirm_environment
from autodiff.cli.running import run_migrations
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError
from autodiff.utils.values import first_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from autodiff.fleet import FleetOptions, Outcomes
    from autodiff.project import Project
    from autodiff.runner.deploys import DeployPhase
    from autodiff.runner.events import Direction

__all__ = [
    "fleet_options",
    "refuse_without_all",
    "run_one_or_all",
    "show_fleet_status",
    "show_recorded_run",
]

_FAILED = 2


def fleet_options(
    *,
    only: Sequence[str] | None = None,
    shard: str | None = None,
    parallel: int | None = None,
    canary: Sequence[str] | None = None,
    stop_after: int | None = None,
    lock_wait: float | None = None,
    run: str | None = None,
    outcomes: str | None = None,
    canary_wait: float | None = None,
) -> FleetOptions:
    """Return the options of the command line as `Project.upgrade_all` takes them.

    Raises ConfigError if the shard is not of the form N/M, or not found in the environment.
    """
    from autodiff.fleet import parse_shard

    is_count = canary is not None and len(canary) == 1 and re.fullmatch(r"\d{1,9}", canary[0])
    return {
        "only": tuple(only or ()),
        "shard": parse_shard(shard) if shard else None,
        "parallel": parallel,
        "canary": int(canary[0]) if canary and is_count else canary or None,
        "stop_after": stop_after,
        "lock_wait": lock_wait,
        "run": run,
        "outcomes": outcomes,
        "canary_wait": canary_wait,
    }


def refuse_without_all(options: Mapping[str, object]) -> None:
    """Raise ConfigError for an option that needs --all."""
    if given := [name for name, value in options.items() if value]:
        raise ConfigError(
            f"{given[0]} is only valid with --all", hint=f"add --all, or remove {given[0]}"
        )


def run_one_or_all(
    shell: Shell,
    target: str | None,
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
    executor: str | None = None,
    run: str | None = None,
    outcomes: str | None = None,
    canary_wait: float | None = None,
    yes: bool = False,
    confirm: str | None = None,
    drop_baseline: bool = False,
    phase: DeployPhase | None = None,
) -> int | None:
    """Run migrations on the project's database, or with `all` on its targets.

    Returns the exit code, or None for success.

    Raises ConfigError for options that exclude each other.
    """
    if all:
        options = fleet_options(
            only=only,
            shard=shard,
            parallel=parallel,
            canary=canary,
            stop_after=stop_after,
            lock_wait=lock_wait,
            run=run,
            outcomes=outcomes,
            canary_wait=canary_wait,
        )
        if phase is not None:
            raise ConfigError(
                "--phase is not valid with --all",
                hint="name the last migration before the deploy, such as 0003",
            )
        if drop_baseline:
            raise ConfigError(
                "--drop-baseline is not valid with --all",
                hint="revert the baseline of one database at a time: pass --url",
            )
        if target is None and direction == "downgrade":
            raise ConfigError(
                "downgrade --all needs a target",
                hint="name the migration to go back to, such as 0003 or base",
            )
        reached = "head" if target is None else target
        return _run_fleet(
            shell,
            reached,
            direction,
            options,
            executor=executor,
            sql=sql,
            dry_run=dry_run,
            confirm=confirm,
        )
    refuse_without_all(
        {
            "--only": only,
            "--shard": shard,
            "--parallel": parallel,
            "--canary": canary,
            "--stop-after": stop_after,
            "--executor": executor,
            "--run": run,
            "--outcomes": outcomes,
            "--canary-wait": canary_wait,
        }
    )
    run_migrations(
        shell,
        target,
        direction,
        sql=sql,
        dry_run=dry_run,
        lock_wait=lock_wait,
        yes=yes,
        confirm=confirm,
        drop_baseline=drop_baseline,
        phase=phase,
    )
    return None


def _run_fleet(
    shell: Shell,
    target: str,
    direction: Direction,
    options: FleetOptions,
    *,
    executor: str | None,
    sql: bool,
    dry_run: bool,
    confirm: str | None,
) -> int:
    """Run migrations on all targets, print the outcome of each, and return the exit code.

    Raises ConfigError for --sql and --dry-run, which need exactly one database.
    """
    if sql or dry_run:
        raise ConfigError(
            f"{'--sql' if sql else '--dry-run'} is not valid with --all",
            hint="list the pending migrations of all targets with autodiff status --all, or pass "
            "--url to select one database",
        )
    project = shell.project()
    if direction == "downgrade":
        confirm_environment(shell, project, confirm, f"revert all targets to {target}")
    elif project.config.protected:
        _confirm_upgrade(shell, project, target, options, confirm)
    with _executor(executor, project) as options["executor"]:
        with show_fleet_progress(is_shown=shell.shows_progress) as listener:
            run_all = project.upgrade_all if direction == "upgrade" else project.downgrade_all
            outcomes = run_all(target, on_event=listener, **options)
        _answer_outcomes(shell, outcomes)
    return 0 if outcomes else _FAILED


def _confirm_upgrade(
    shell: Shell, project: Project, target: str, options: FleetOptions, confirm: str | None
) -> None:
    """Require the name of a protected environment if the upgrade loses data, or if it may."""
    from autodiff.fleet import FleetRequest, losses_of_all

    losses = losses_of_all(project, FleetRequest(target=target, **options))
    if not losses.data_loss and not losses.unknown:
        return
    for line in data_loss_lines(losses.data_loss):
        shell.note(line)
    if losses.unknown:
        names = first_names(losses.unknown)
        shell.note(f"What the upgrade loses cannot be found for the targets {names}")
    confirm_environment(shell, project, confirm, f"upgrade all targets to {target}")


@contextmanager
def _executor(name: str | None, project: Project) -> Iterator[Executor | None]:
    """Yield the executor that a function returns, and shut it down at the end.

    After a second Ctrl-C its running tasks are not waited for.
    """
    if name is None:
        yield None
        return
    from autodiff.fleet.executors import load_executor

    executor = load_executor(name, project.config.import_path)
    is_finished = False
    try:
        yield executor
        is_finished = True
    finally:
        with suppress(Exception):  # a cluster that is gone cannot be shut down
            executor.shutdown(wait=is_finished)


def show_recorded_run(shell: Shell, run: str | None, outcomes: str | None) -> int:
    """Print the outcomes that the shards of a run have recorded, and return the exit code."""
    recorded = shell.project().recorded_run(run, outcomes=outcomes)
    _answer_outcomes(shell, recorded)
    return 0 if recorded else _FAILED


def _answer_outcomes(shell: Shell, outcomes: Outcomes) -> None:
    shell.answer_table(*outcome_rows(outcomes), outcome_lines(outcomes), outcomes_data(outcomes))


def show_fleet_status(shell: Shell, options: FleetOptions) -> int:
    """Print the status of each target and return the exit code."""
    statuses = shell.project().status_all(**options)
    shell.answer_table(
        *target_status_rows(statuses), target_status_lines(statuses), target_statuses_data(statuses)
    )
    return _FAILED if any(status.error for status in statuses) else 0
