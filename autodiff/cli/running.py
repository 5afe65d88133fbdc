"""What upgrade and downgrade share: they differ in the direction alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.cli.format import migration_data, named
from autodiff.cli.progress import progress
from autodiff.cli.shell import Shell

if TYPE_CHECKING:
    from autodiff.migrations import Migration
    from autodiff.runner.events import Direction

__all__ = ["run"]

_DONE = {"upgrade": "applied", "downgrade": "reverted"}


def run(
    shell: Shell,
    target: str,
    direction: Direction,
    *,
    sql: bool,
    dry_run: bool,
    lock_wait: float | None = None,
) -> None:
    """Runs migrations; or prints their SQL, or their names, and runs nothing."""
    if sql:
        _print_script(shell, target, direction)
        return
    project = shell.project()
    if dry_run:
        planned = project.plan_run(target, direction)
        shell.answer([named(m) for m in planned] or ["nothing to do"], _data(planned, direction))
    else:
        with progress() as listener:
            step = project.upgrade if direction == "upgrade" else project.downgrade
            done = step(target, on_event=listener, lock_wait=lock_wait)
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
    found = [migration_data(migration) for migration in migrations]
    return {"direction": direction, "run": run, "migrations": found}
