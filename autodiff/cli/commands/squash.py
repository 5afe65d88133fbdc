"""autodiff squash."""

from __future__ import annotations

from typing import Annotated

import typer

from autodiff.cli.format import migration_data, shown
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell

__all__ = ["squash"]


def squash(
    shell: Shell,
    target: Annotated[
        str,
        typer.Argument(
            metavar="FROM:TO",
            help="The first and the last of them: 0002:0007, :0007 from the base, 0002: to the "
            "head.",
        ),
    ],
    message: Annotated[
        str, typer.Option("--message", "-m", help="What it is for; the file is named after it.")
    ],
    without_data: Annotated[
        bool, flag("--without-data", "Leave out what was written by hand; it is listed.")
    ] = False,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="OLD:NEW",
            help="What was renamed by hand: users.nick:nickname, users:people.",
        ),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            "--fill",
            metavar="COLUMN=VALUE",
            help="A value for rows, where the migrations gave one by hand.",
        ),
    ] = None,
    dry_run: Annotated[bool, flag("--dry-run", "Print the file and write nothing.")] = False,
) -> None:
    """Put one migration in the place of several, which it stands for.

    A database that has had all of them counts as having had the new one; on a
    new database it runs alone. It is rehearsed, and must lead to the same
    schema. The old files are deleted: version control has them.

    Examples:
        autodiff squash :0007 -m "release 2"
        autodiff squash 0003:0007 -m "orders" --dry-run
    """
    made = shell.project().squash(
        target, message, without_data=without_data, renames=rename or (), fills=fill or ()
    )
    for part in made.left_out:
        shell.note(f"left out: {part}")
    for line in made.proof.notes:
        shell.note(f"note: {line}")
    path, gone = shown(made.migration.path), [shown(file) for file in made.gone]
    data = {
        "written": not dry_run,
        "migration": migration_data(made.migration),
        "deleted": gone,
        "left_out": [str(part) for part in made.left_out],
        "summary": made.plan.summary(),
    }
    if dry_run:
        shell.answer_code(made.text, "python", data)
        return
    made.write()
    lines = [path, *(f"  {line}" for line in made.plan.summary())]
    lines += ["deleted, since it replaces them; version control has them:"]
    lines += [f"  {file}" for file in gone]
    shell.answer(lines, data)
