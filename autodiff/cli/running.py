"""Code that upgrade and downgrade share; only the direction differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from autodiff.cli.format import (
    data_loss_data,
    data_loss_lines,
    migration_data,
    migration_title,
)
from autodiff.cli.guards import confirm_environment
from autodiff.cli.progress import show_progress
from autodiff.cli.prompts import is_interactive
from autodiff.cli.shell import Shell
from autodiff.cli.terminal import ask_yes_no
from autodiff.errors import ConfigError
from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from autodiff.commands.run_preview import RunPreview
    from autodiff.migrations import Migration
    from autodiff.project import Project
    from autodiff.runner.deploys import DeployPhase
    from autodiff.runner.events import Direction
    from autodiff.runner.recovery import Remaining

__all__ = ["run_migrations"]

_DONE = {"upgrade": "applied", "downgrade": "reverted"}
_DEFAULT_TARGETS = {"upgrade": "head", "downgrade": "-1"}


def run_migrations(
    shell: Shell,
    target: str | None,
    direction: Direction,
    *,
    sql: bool,
    dry_run: bool,
    lock_wait: float | None = None,
    yes: bool = False,
    confirm: str | None = None,
    drop_baseline: bool = False,
    phase: DeployPhase | None = None,
) -> None:
    """Run migrations; or with `sql` or `dry_run` only print their SQL or their names.

    Without a target, a downgrade asks; `yes` is the answer. `confirm` is the name of a protected
    environment. `phase` stops an upgrade before a deploy.
    """
    reached = _DEFAULT_TARGETS[direction] if target is None else target
    if sql:
        if phase is not None:
            raise ConfigError(
                "--phase is not valid with --sql",
                hint="name the last migration before the deploy, such as 0003",
            )
        _print_script(shell, reached, direction)
        return
    project = shell.project()
    due = project.phase_target(reached, phase)
    if due is None:
        shell.answer([_summary([], direction)], _data([], direction, run=not dry_run))
        return
    reached = due
    if dry_run:
        _print_preview(shell, project.preview_run(reached, direction), direction)
        return
    if direction == "downgrade":
        preview = project.preview_run(reached, direction)
        _confirm_downgrade(shell, project, preview, yes=yes or target is not None, confirm=confirm)
    elif project.config.protected:
        _confirm_upgrade(shell, project, project.preview_run(reached, direction), confirm)
    with show_progress(is_shown=shell.shows_progress) as listener:
        if direction == "upgrade":
            done = project.upgrade(reached, on_event=listener, lock_wait=lock_wait)
        else:
            done = project.downgrade(
                reached, on_event=listener, lock_wait=lock_wait, drop_baseline=drop_baseline
            )
    lines = [_summary(done, direction)]
    if phase is not None and project.status().awaited:
        lines.append(
            "deploy the new version of the application, then run: autodiff upgrade --phase contract"
        )
    shell.answer(lines, _data(done, direction, run=True))


def _print_preview(shell: Shell, preview: RunPreview, direction: Direction) -> None:
    titles = [_title(migration, preview.remaining) for migration in preview.migrations]
    lines = [*(titles or ["nothing to do"]), *data_loss_lines(preview.data_loss)]
    data = _data(preview.migrations, direction)
    shell.answer(lines, {**data, "data_loss": data_loss_data(preview.data_loss)})


def _title(migration: Migration, remaining: Remaining | None) -> str:
    """Return the title of a migration, with how far it came if it stopped half-way."""
    title = migration_title(migration)
    if remaining is None or migration != remaining.migration:
        return title
    steps = counted(remaining.finished, "finished step")
    if not remaining.undoes:
        return f"{title} (stopped half-way, resumed after {steps})"
    then = ", then all of it is run" if remaining.runs_again else ""
    return f"{title} (stopped half-way, {steps} undone{then})"


def _confirm_downgrade(
    shell: Shell, project: Project, preview: RunPreview, *, yes: bool, confirm: str | None
) -> None:
    """Show what a downgrade loses, and ask if no target was named.

    Raises ConfigError if there is nobody to ask.
    """
    if not preview.migrations:
        return
    names = _show_loss(shell, project, preview, confirm, "revert")
    if yes:
        return
    if shell.json or not is_interactive():
        raise ConfigError(
            f"downgrade would revert {names}, and no target was named",
            hint="name the migration to go back to, such as -1 or base, or pass --yes",
        )
    if not ask_yes_no(f"Revert {names}?"):
        raise typer.Abort


def _confirm_upgrade(
    shell: Shell, project: Project, preview: RunPreview, confirm: str | None
) -> None:
    """Require the name of a protected environment if the upgrade loses data."""
    if preview.data_loss:
        _show_loss(shell, project, preview, confirm, "apply")


def _show_loss(
    shell: Shell, project: Project, preview: RunPreview, confirm: str | None, verb: str
) -> str:
    """Show what a run loses, require the name of a protected environment, and name the steps."""
    for line in data_loss_lines(preview.data_loss):
        shell.note(line)
    names = ", ".join(migration.name for migration in preview.migrations)
    confirm_environment(shell, project, confirm, f"{verb} {names}")
    return names


def _print_script(shell: Shell, target: str, direction: Direction) -> None:
    script = shell.project().script(target, direction)
    data = _data(script.migrations, direction)
    text = script.text or "-- nothing to do\n"
    shell.answer_code(text, "sql", {**data, "statements": script.statements, "script": script.text})


def _summary(done: list[Migration], direction: Direction) -> str:
    if not done:
        return "nothing to do"
    return f"{counted(len(done), 'migration')} {_DONE[direction]}"


def _data(
    migrations: Sequence[Migration], direction: Direction, *, run: bool = False
) -> dict[str, Any]:
    listed = [migration_data(migration) for migration in migrations]
    return {"direction": direction, "run": run, "migrations": listed}
