"""autodiff adopt."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autodiff.cli.format import draft_data, draft_text, migration_data, shown
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

if TYPE_CHECKING:
    from autodiff.project import Project

__all__ = ["adopt"]


def adopt(
    shell: Shell,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            exists=True,
            file_okay=False,
            help="Alembic's folder, whose scripts are copied.",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        bool, flag("--baseline", "Write a first migration that makes what the database has.")
    ] = False,
    message: Annotated[
        str, typer.Option("--message", "-m", help="With --baseline: what the file is named after.")
    ] = "baseline",
    dry_run: Annotated[bool, flag("--dry-run", "Print it, write and record nothing.")] = False,
    no_rehearse: Annotated[
        bool, flag("--no-rehearse", "Do not run the baseline on a scratch first.")
    ] = False,
) -> None:
    """Take over a database that is there already.

    With --baseline: it has no migrations yet. It gets a first one, which makes
    what it has, and counts as applied. With FOLDER: Alembic has migrated it.
    Its scripts are copied, and what it has had (alembic_version) is recorded.

    Examples:
        autodiff adopt --baseline
        autodiff adopt --baseline --dry-run
        autodiff adopt alembic
    """
    if baseline == (folder is not None):
        raise ConfigError(
            "say what the database has: nothing yet, or a history of Alembic's",
            hint="autodiff adopt --baseline, or autodiff adopt FOLDER",
        )
    project = shell.project()
    if folder is None:
        _baseline(shell, project, message, dry_run=dry_run, rehearse=not no_rehearse)
    else:
        _convert(shell, project, folder, dry_run=dry_run)


def _baseline(
    shell: Shell, project: Project, message: str, *, dry_run: bool, rehearse: bool
) -> None:
    made = project.baseline(message, rehearse=rehearse)
    draft = made.draft
    for line in draft.proof.notes if draft.proof else ():
        shell.note(f"note: {line}")
    for item in made.left_out:
        shell.note(f"not in it: {item}")
    left_out = [asdict(item) for item in made.left_out]
    data = {**draft_data(draft, written=not dry_run), "left_out": left_out}
    if dry_run:
        shell.answer_code(draft_text(draft), "python", data)
        return
    made.write()
    lines = [shown(draft.path), *(f"  {line}" for line in draft.summary)]
    shell.answer([*lines, "it counts as applied; autodiff check says what the models add"], data)


def _convert(shell: Shell, project: Project, folder: Path, *, dry_run: bool) -> None:
    made = project.convert(folder)
    for note in made.notes:
        shell.note(f"note: {note}")
    files = [shown(path) for path in made.texts]
    applied = made.applied or ()
    data = {
        "written": not dry_run,
        "files": files,
        "applied": [migration_data(migration) for migration in applied],
        "notes": list(made.notes),
    }
    if not dry_run:
        made.write()
    count = f"{len(applied)} of {len(files)} count as applied, as alembic_version says"
    if made.applied is None:
        count = "none counts as applied: the database has no alembic_version (autodiff stamp)"
    shell.answer([*files, count], data)
