"""The command autodiff adopt."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autodiff.cli.format import draft_data, draft_text, migration_data, rehearsal_lines, short_path
from autodiff.cli.guards import ask_at_terminal, confirm_environment
from autodiff.cli.options import Confirm, Yes, flag
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

if TYPE_CHECKING:
    from autodiff.project import Project

__all__ = ["run_adopt"]


def run_adopt(
    shell: Shell,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            exists=True,
            file_okay=False,
            help="The folder of Alembic, or its folder versions; the scripts are copied.",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        bool, flag("--baseline", "Write a first migration that creates what the database has.")
    ] = False,
    message: Annotated[
        str, typer.Option("--message", "-m", help="With --baseline: the name of the file.")
    ] = "baseline",
    dry_run: Annotated[
        bool, flag("--dry-run", "Print the result; write and record nothing.")
    ] = False,
    no_rehearse: Annotated[
        bool, flag("--no-rehearse", "Do not run the baseline in a scratch database first.")
    ] = False,
    yes: Yes = False,
    confirm: Confirm = None,
) -> None:
    """Start managing an existing database.

    With --baseline, for a database without migrations: write a first migration
    that creates everything the database has, and record it as applied. With
    FOLDER, for a database that Alembic has migrated: copy Alembic's scripts, and
    record those that the table alembic_version names as applied. At a terminal,
    adopt shows what it will write and record, and asks first.

    Examples:
        autodiff adopt --baseline
        autodiff adopt --baseline --dry-run
        autodiff adopt alembic
    """
    if baseline == (folder is not None):
        raise ConfigError(
            "adopt needs either --baseline or the folder of Alembic's scripts",
            hint="run autodiff adopt --baseline, or autodiff adopt FOLDER",
        )
    project = shell.project()
    if not dry_run:
        confirm_environment(shell, project, confirm, "record migrations as applied")
    if folder is None:
        _baseline(shell, project, message, dry_run=dry_run, rehearse=not no_rehearse, yes=yes)
    else:
        _convert(shell, project, folder, dry_run=dry_run, yes=yes)


def _baseline(
    shell: Shell, project: Project, message: str, *, dry_run: bool, rehearse: bool, yes: bool
) -> None:
    baseline = project.baseline(message, rehearse=rehearse)
    draft = baseline.draft
    for line in draft.proof.notes if draft.proof else ():
        shell.note(f"note: {line}")
    for line in rehearsal_lines(draft.proof):
        shell.note(line)
    for item in baseline.left_out:
        shell.note(f"left out of the baseline: {item}")
    left_out = [asdict(item) for item in baseline.left_out]
    data = {**draft_data(draft, written=not dry_run), "left_out": left_out}
    if dry_run:
        shell.answer_code(draft_text(draft), "python", data)
        return
    lines = [short_path(draft.path), *(f"  {line}" for line in draft.summary)]
    if not yes:
        shown = ["this file is written and recorded as applied; nothing is run:", *lines]
        ask_at_terminal(shell, shown, "Adopt the database?")
    baseline.write()
    shell.answer(
        [*lines, "recorded as applied; compare the database with the models: autodiff check"], data
    )


def _convert(shell: Shell, project: Project, folder: Path, *, dry_run: bool, yes: bool) -> None:
    converted = project.convert(folder)
    for note in converted.notes:
        shell.note(f"note: {note}")
    files = [short_path(path) for path in converted.texts]
    applied = converted.applied or ()
    data = {
        "written": not dry_run,
        "files": files,
        "applied": [migration_data(migration) for migration in applied],
        "notes": list(converted.notes),
    }
    if not dry_run:
        if not yes:
            recorded = {migration.path.name for migration in applied}
            marks = (
                f"  {name} (recorded as applied)" if Path(name).name in recorded else f"  {name}"
                for name in files
            )
            shown = ["these files are written, and nothing is run:", *marks]
            ask_at_terminal(shell, shown, "Adopt the database?")
        converted.write()
    summary = f"{len(applied)} of {len(files)} migrations are applied, according to alembic_version"
    if converted.applied is None:
        summary = (
            "no migration was recorded as applied: the database has no table alembic_version; "
            "if it has their changes, run autodiff stamp"
        )
    shell.answer([*files, summary], data)
