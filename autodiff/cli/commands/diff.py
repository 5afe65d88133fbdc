"""The command autodiff diff."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from autodiff.cli.format import data_loss_data, data_loss_lines, finding_lines, sql_lines
from autodiff.cli.options import Verbose, flag, side
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError
from autodiff.utils.connections import describe_url, parse_url

if TYPE_CHECKING:
    from autodiff.autogenerate.plan import Plan

__all__ = ["run_diff"]


def run_diff(
    shell: Shell,
    current: Annotated[str, side("FROM")] = "database",
    desired: Annotated[str, side("TO")] = "models",
    changes: Annotated[
        bool, flag("--changes", "Print only the changes, one on each line.")
    ] = False,
    sql: Annotated[bool, flag("--sql", "Print only the SQL, as a script.")] = False,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="OLD:NEW",
            help="A rename: users.nick:nickname or users:people. Repeatable.",
        ),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            "--fill",
            metavar="COLUMN=VALUE",
            help="A value for existing rows, for the SQL. Repeatable.",
        ),
    ] = None,
    assume: Annotated[
        Literal["drop-and-add"] | None,
        typer.Option("--assume", help="The answer if a change could be a rename."),
    ] = None,
    verbose: Verbose = False,
) -> int:
    """Print the changes and the SQL that lead from FROM to TO.

    FROM and TO are each models, database (the one of the configuration or
    --url), the URL of another database, or a migration: the schema that the
    history produces up to it. Nothing is written. At a terminal, a changed object
    is shown in its old and its new form.
    Exit codes: 0 no difference, 1 a difference, 2 the command could not run.

    Examples:
        autodiff diff
        autodiff diff 0003 head
        autodiff diff postgresql://user@host/staging database --sql
    """
    if changes and sql:
        raise ConfigError("--changes and --sql exclude each other", hint="pass only one of them")
    project = shell.project()
    for name in (current, desired):
        if "://" in name:
            shell.note(f"database: {describe_url(parse_url(name, project.config.root))}")
    with shell.working("comparing"):
        plan = project.diff(current, desired, renames=rename or (), fills=fill or (), assume=assume)
    for finding in plan.findings:
        for line in finding_lines(finding):
            shell.note(line)
    for line in data_loss_lines(plan.data_loss):
        shell.note(line)
    data = _data(plan)
    databases = [name for name in (current, desired) if name == "database" or "://" in name]
    if verbose and databases:
        url = None if "database" in databases else databases[0]
        data |= shell.note_unmanaged(project, url)
    if sql:
        shell.answer_code("".join(f"{line}\n" for line in sql_lines(data["sql"])), "sql", data)
    elif plan.changes and not changes and not shell.json and shell.out.isatty():
        shell.answer_changes(_changes(plan), ["", *sql_lines(data["sql"])])
    else:
        shell.answer(_lines(data, changes=changes), data)
    return int(bool(plan.changes))


def _changes(plan: Plan) -> list[tuple[str, tuple[str, str] | None]]:
    """Return the line of each change, and the two forms of the object if it is altered."""
    from autodiff.autogenerate.object_forms import forms_of

    forms = [forms_of(plan.dialect, change) for change in plan.changes]
    return list(zip_longest(plan.summary(), forms))


def _data(plan: Plan) -> dict[str, Any]:
    return {
        "different": bool(plan.changes),
        "changes": plan.summary(),
        "sql": plan.sql(),
        "data_loss": data_loss_data(plan.data_loss),
        "findings": [
            {"code": f.code, "severity": f.severity, "message": f.message, "hint": f.hint}
            for f in plan.findings
        ],
    }


def _lines(data: dict[str, Any], *, changes: bool) -> list[str]:
    if not data["different"]:
        return ["no difference"]
    return data["changes"] if changes else [*data["changes"], "", *sql_lines(data["sql"])]
