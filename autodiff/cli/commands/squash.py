"""The command autodiff squash."""

from __future__ import annotations

from typing import Annotated

import typer

from autodiff.cli.format import migration_data, rehearsal_data, rehearsal_lines, short_path
from autodiff.cli.options import complete_range, flag
from autodiff.cli.shell import Shell

__all__ = ["run_squash"]


def run_squash(
    shell: Shell,
    target: Annotated[
        str,
        typer.Argument(
            metavar="FROM:TO",
            help="The first and the last migration: 0002:0007; :0007 starts at the base, 0002: "
            "ends at the head.",
            autocompletion=complete_range,
        ),
    ],
    message: Annotated[
        str,
        typer.Option(
            "--message", "-m", help="The purpose of the migration; also the name of its file."
        ),
    ],
    without_data: Annotated[
        bool, flag("--without-data", "Leave out manual code, and list it.")
    ] = False,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="OLD:NEW",
            help="A rename that manual code did: users.nick:nickname, users:people. Repeatable.",
        ),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            "--fill",
            metavar="COLUMN=VALUE",
            help="A value for existing rows that manual code set. Repeatable.",
        ),
    ] = None,
    dry_run: Annotated[bool, flag("--dry-run", "Print the file; write nothing.")] = False,
) -> None:
    """Replace several migrations with one equivalent migration.

    A database that has applied all of them counts as having applied the new one.
    On a new database, only the new one runs. It is rehearsed and must lead to the
    same schema. The old files are deleted; version control still has them.

    Examples:
        autodiff squash :0007 -m "release 2"
        autodiff squash 0003:0007 -m "orders" --dry-run
    """
    project = shell.project()
    with shell.working("running the migrations in a scratch database"):
        squash = project.squash(
            target, message, without_data=without_data, renames=rename or (), fills=fill or ()
        )
    for part in squash.left_out:
        shell.note(f"left out: {part}")
    for line in squash.proof.notes:
        shell.note(f"note: {line}")
    for line in rehearsal_lines(squash.proof):
        shell.note(line)
    path = short_path(squash.migration.path)
    deleted = [short_path(file) for file in squash.gone]
    data = {
        "written": not dry_run,
        "migration": migration_data(squash.migration),
        "deleted": deleted,
        "left_out": [str(part) for part in squash.left_out],
        "summary": squash.plan.summary(),
        "rehearsal": rehearsal_data(squash.proof),
    }
    if dry_run:
        shell.answer_code(squash.text, "python", data)
        return
    squash.write()
    lines = [path, *(f"  {line}" for line in squash.plan.summary())]
    lines += ["deleted, because the new migration replaces them (version control still has them):"]
    lines += [f"  {file}" for file in deleted]
    shell.answer(lines, data)
