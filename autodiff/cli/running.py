"""Code that upgrade and downgrade share; only the direction differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.cli.format import migration_data, migration_title
from autodiff.cli.progress import show_progress
from autodiff.cli.shell import Shell

if TYPE_CHECKING:
    from autodiff.migrations import Migration
    from autodiff.runner.events import Direction

__all__ = ["run_migrations"]

_DONE = {"upgrade": "applied", "downgrade": "reverted"}


def run_migrations(
    shell: Shell,
    target: str,
    direction: Direction,
    *,
    sql: bool,
    dry_run: bool,
    lock_wait: float | None = None,
) -> None:
    """Run migrations; or with `sql` or `dry_run` only print their SQL or their names."""
    if sql:
        _print_script(shell, target, direction)
        return
    project = shell.project()
    if dry_run:
        planned = project.plan_run(target, direction)
        titles = [migration_title(migration) for migration in planned]
        shell.answer(titles or ["nothing to do"], _data(planned, direction))
    else:
        with show_progress() as listener:
            run = project.upgrade if direction == "upgrade" else project.downgrade
            done = run(target, on_event=listener, lock_wait=lock_wait)
        shell.answer([_summary(done, direction)], _data(done, direction, run=True))


def _print_script(shell: Shell, target: str, direction: Direction) -> None:
    script = shell.project().script(target, direction)
    data = _data(script.migrations, direction)
    text = script.text or "-- nothing to do\n"
    shell.answer_code(text, "sql", {**data, "statements": script.statements, "script": script.text})


def _summary(done: list[Migration], direction: Direction) -> str:
    if not done:
        return "nothing to do"
    count = "1 migration" if len(done) == 1 else f"{len(done)} migrations"
    return f"{count} {_DONE[direction]}"


def _data(
    migrations: Sequence[Migration], direction: Direction, *, run: bool = False
) -> dict[str, Any]:
    listed = [migration_data(migration) for migration in migrations]
    return {"direction": direction, "run": run, "migrations": listed}
