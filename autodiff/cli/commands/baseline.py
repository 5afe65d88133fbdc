"""The command autodiff baseline."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from autodiff.cli.format import migration_data, short_path
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError
from autodiff.utils.counting import counted

__all__ = ["run_baseline"]


def run_baseline(
    shell: Shell,
    legacy: Annotated[
        bool,
        flag("--legacy", "Replace the adopted Alembic history."),
    ] = False,
    message: Annotated[
        str, typer.Option("--message", "-m", help="The name of the file.")
    ] = "baseline",
    without_data: Annotated[
        bool, flag("--without-data", "Leave out the rows that Alembic's revisions insert.")
    ] = False,
    dry_run: Annotated[bool, flag("--dry-run", "Print the migration; write nothing.")] = False,
) -> None:
    """Replace an adopted Alembic history with one migration.

    Alembic runs its revisions on a scratch database once more, and the migration
    is proved to create the same schema. Databases that have all of the revisions
    count as having the migration. For a database without migrations, use
    autodiff adopt --baseline.

    Examples:
        autodiff baseline --legacy
        autodiff baseline --legacy --dry-run
    """
    if not legacy:
        raise ConfigError(
            "baseline needs the option --legacy",
            hint="to replace an adopted Alembic history, run autodiff baseline --legacy; for a "
            "database without migrations, run autodiff adopt --baseline",
        )
    project = shell.project()
    with shell.working("running Alembic's revisions in a scratch database"):
        baseline = project.replace_alembic(message, without_data=without_data)
    for item in baseline.left_out:
        shell.note(f"left out of the baseline: {item}")
    for name in baseline.with_rows:
        shell.note(f"left out of the baseline: rows of {name}")
    for line in baseline.proof.notes:
        shell.note(f"note: {line}")
    text = baseline.texts[baseline.migration.path]
    data = {
        "written": not dry_run,
        "migration": migration_data(baseline.migration),
        "text": text,
        "replaced": [migration_data(migration) for migration in baseline.replaced],
        "left_out": [asdict(item) for item in baseline.left_out],
        "tables_with_rows": list(baseline.with_rows),
    }
    if dry_run:
        shell.answer_code(text, "python", data)
        return
    baseline.write()
    shell.answer(
        [
            short_path(baseline.migration.path),
            f"{counted(len(baseline.replaced), 'revision')} of Alembic replaced; Alembic's files "
            "are not used any more and can be deleted",
        ],
        data,
    )
