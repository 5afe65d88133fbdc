"""The command autodiff push."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from autodiff.cli.format import (
    data_loss_data,
    data_loss_lines,
    finding_lines,
    rehearsal_lines,
    sql_lines,
)
from autodiff.cli.options import Yes, flag
from autodiff.cli.prompts import TerminalQuestioner, is_interactive
from autodiff.cli.shell import Shell
from autodiff.cli.terminal import ask_yes_no
from autodiff.errors import ConfigError
from autodiff.utils.counting import counted

__all__ = ["run_push"]


def run_push(
    shell: Shell,
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="OLD:NEW", help="A rename, as for generate. Repeatable."),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            "--fill",
            metavar="COLUMN=VALUE",
            help="A value for existing rows, as for generate. Repeatable.",
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="GONE=KEPT",
            help="The new value for rows whose enum value is removed. Repeatable.",
        ),
    ] = None,
    assume: Annotated[
        Literal["drop-and-add"] | None,
        typer.Option("--assume", help="The answer if a change could be a rename."),
    ] = None,
    dry_run: Annotated[bool, flag("--dry-run", "Show the changes; apply nothing.")] = False,
    no_rehearse: Annotated[
        bool, flag("--no-rehearse", "Do not run the changes in a scratch database first.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Apply the difference between the models and a development database, without a migration.

    The changes and the data that they lose are shown, and push asks before it
    applies them; without a terminal, it needs --yes. It refuses a protected
    environment, and a database that lacks migrations.

    Examples:
        autodiff push
        autodiff push --rename users.nick:nickname --yes
    """
    asks = is_interactive() and not shell.json
    project = shell.project()
    with shell.working("comparing the database with the models") as describe:
        project.on_step(describe)
        push = project.push(
            renames=rename or (),
            fills=fill or (),
            maps=map_ or (),
            assume=assume,
            questioner=TerminalQuestioner() if asks else None,
            rehearse=not no_rehearse,
        )
    if push is None:
        shell.answer(["nothing to do"], {"pushed": False, "changes": [], "data_loss": []})
        return
    plan = push.plan
    data: dict[str, Any] = {
        "changes": plan.summary(),
        "sql": plan.sql(),
        "data_loss": data_loss_data(plan.data_loss),
    }
    for line in (
        *(line for finding in plan.findings for line in finding_lines(finding)),
        *rehearsal_lines(push.draft.proof),
        *data_loss_lines(plan.data_loss),
    ):
        shell.note(line)
    lines = plan.summary()
    if dry_run:
        shell.answer([*lines, "", *sql_lines(plan.sql())], {**data, "pushed": False})
        return
    if not yes:
        for line in lines:
            shell.note(f"  {line}")
        if not asks:
            raise ConfigError(
                f"push would apply {counted(len(lines), 'change')} to the database, and "
                "nobody can be asked: nothing was changed",
                hint="pass --yes to apply them, or --dry-run to show them",
            )
        if not ask_yes_no("Apply these changes to the database?"):
            raise typer.Abort
    push.apply()
    shell.answer(lines, {**data, "pushed": True})
