"""The command autodiff lock."""

from __future__ import annotations

from autodiff.cli.format import UNCOVERED_CHANGES, short_path
from autodiff.cli.shell import Shell
from autodiff.errors import AutodiffError

__all__ = ["run_lock"]

_NOT_RUN = "The lock file was written without running the migrations: fix it and lock again"


def run_lock(shell: Shell) -> None:
    """Rewrite the lock file by running the migrations in a scratch database.

    Changes of the models that no migration makes are not written, so that check
    still reports them. Run it after you edited a migration that was not applied anywhere. After a
    git merge in which both sides added migrations, run autodiff rebase instead.

    Examples:
        autodiff lock
    """
    project = shell.project()
    failures: list[AutodiffError] = []
    with shell.working("running the migrations in a scratch database"):
        path = short_path(project.relock(on_failure=failures.append))
    for failure in failures:
        shell.note(f"warning: {failure.lines[0]}")
        shell.note(_NOT_RUN)
    if project.check(offline=True).models:
        shell.note(f"note: {UNCOVERED_CHANGES}")
    shell.answer([path], {"path": path})
