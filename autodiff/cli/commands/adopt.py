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
from autodiff.migrations.alembic_folder import is_alembic_folder
from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from autodiff.commands.adopt import Bridge, Converted
    from autodiff.project import Project

__all__ = ["run_adopt"]


def run_adopt(
    shell: Shell,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            exists=True,
            help="The file alembic.ini or the folder of Alembic; searched by default.",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        bool, flag("--baseline", "Write a first migration that creates what the database has.")
    ] = False,
    convert: Annotated[
        bool, flag("--convert", "Copy Alembic's scripts as migrations that need no Alembic.")
    ] = False,
    skip: Annotated[
        bool, flag("--skip", "With --convert: copy scripts that must be changed by hand too.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="A section of alembic.ini, or a database of an env.py for several.",
            show_default=False,
        ),
    ] = None,
    x: Annotated[
        list[str] | None,
        typer.Option(
            "-x",
            metavar="TEXT",
            help="An argument that env.py reads, as for alembic -x; can be repeated.",
            show_default=False,
        ),
    ] = None,
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

    By default, for a project with Alembic: its revisions become the first part of
    the history, and their files do not change. Alembic runs them on new
    databases; on others, what its version table names is recorded. With
    --convert, copy Alembic's scripts as migrations instead. With --baseline, for
    a database without migrations: write a first migration that creates
    everything the database has, and record it as applied. At a terminal, adopt
    shows what it will write and record, and asks first.

    Examples:
        autodiff adopt
        autodiff adopt db/alembic.ini --name billing
        autodiff adopt --convert alembic
        autodiff adopt --baseline --dry-run
    """
    if baseline and (folder is not None or convert or x):
        raise ConfigError(
            "--baseline is for a database without migrations, and takes no Alembic folder or -x",
            hint="run autodiff adopt --baseline, or autodiff adopt FOLDER",
        )
    project = shell.project()
    if not dry_run:
        confirm_environment(shell, project, confirm, "record migrations as applied")
    if baseline:
        _baseline(shell, project, message, dry_run=dry_run, rehearse=not no_rehearse, yes=yes)
    elif convert or (folder is not None and not is_alembic_folder(folder)):
        place = folder or project.config.root
        converted = project.convert(place, name=name, x=x or (), skip=skip)
        _convert(shell, converted, dry_run=dry_run, yes=yes)
    else:
        bridge = project.adopt(folder, name=name, x=x or ())
        _bridge(shell, bridge, dry_run=dry_run, yes=yes)


def _bridge(shell: Shell, bridge: Bridge, *, dry_run: bool, yes: bool) -> None:
    applied = {migration.revision for migration in bridge.applied or ()}
    count = len(bridge.revisions)
    lines = [
        f"{short_path(migration.path)}{' (applied)' if migration.revision in applied else ''}"
        for migration in bridge.revisions
    ]
    data = {
        "written": not dry_run,
        "files": [short_path(path) for path in bridge.texts],
        "revisions": [migration_data(migration) for migration in bridge.revisions],
        "applied": [migration_data(migration) for migration in bridge.applied or ()],
    }
    if not dry_run:
        if not yes:
            shown = [
                f"Alembic's history ({counted(count, 'revision')}) comes before the migrations; "
                "nothing is run, and no file of it changes:",
                *(f"  {line}" for line in lines),
            ]
            ask_at_terminal(shell, shown, "Adopt Alembic's history?")
        for note in bridge.write():
            shell.note(f"note: {note}")
    files = ", ".join(short_path(path) for path in bridge.texts)
    summary = [f"{count} of {count} revisions adopted, in {files}"]
    if bridge.applied is None:
        table = bridge.history.version_table
        summary.append(f"no database with the table {table} was found, so nothing was recorded")
    else:
        summary.append(
            f"{len(applied)} of {count} are applied, according to {bridge.history.version_table}"
        )
    shell.answer([*lines, *summary], data)


def _baseline(
    shell: Shell, project: Project, message: str, *, dry_run: bool, rehearse: bool, yes: bool
) -> None:
    with shell.working("reading the database"):
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


def _convert(shell: Shell, converted: Converted, *, dry_run: bool, yes: bool) -> None:
    for note in converted.notes:
        shell.note(f"note: {note}")
    files = [short_path(path) for path in converted.texts]
    applied = converted.applied or ()
    data = {
        "written": not dry_run,
        "files": files,
        "incomplete": [short_path(path) for path in converted.incomplete],
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
    whole = len(files) - len(converted.incomplete)
    shell.note(f"{whole} of {len(files)} revisions converted")
    if converted.incomplete:
        names = ", ".join(path.name for path in converted.incomplete)
        shell.note(f"copied, and to be changed by hand before they run: {names}")
    summary = f"{len(applied)} of {len(files)} migrations are applied, according to alembic_version"
    if converted.applied is None:
        summary = (
            "no migration was recorded as applied: the database has no table alembic_version; "
            "if it has their changes, run autodiff stamp"
        )
    shell.answer([*files, summary], data)
