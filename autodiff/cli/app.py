"""The app: every command by name, and the one place where a run begins and ends."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from autodiff.cli.failures import INTERRUPTED, USAGE, report
from autodiff.cli.help import HelpfulCommand, HelpfulGroup
from autodiff.cli.options import (
    ConfigPath,
    Debug,
    Env,
    Json,
    Url,
    as_command,
    as_project_command,
    with_options,
)
from autodiff.cli.shell import Shell

__all__ = ["app", "main"]

_SECTIONS = {
    "Start": {
        "demo": "Show all of it on a small blog: generate, upgrade, check, downgrade.",
        "init": "Begin a project: a configuration, and a folder for migrations.",
        "adopt": "Take over a database that is there already.",
    },
    "Write migrations": {
        "generate": "Compare the database with the models and write the next migration.",
        "check": "Tell what drifted: models, migrations, or the database.",
        "diff": "Print what leads from FROM to TO: the changes, and the SQL. Nothing is written.",
        "lock": "Write the lock file anew: from the models, the files and the database.",
        "merge": "Join branches: write an empty migration that comes after several heads.",
        "rebase": "Set your branch's migrations behind those of the main branch.",
        "squash": "Put one migration in the place of several, which it stands for.",
    },
    "Run them": {
        "upgrade": "Apply migrations, up to TARGET.",
        "downgrade": "Take migrations back, down to TARGET, which stays applied.",
        "rehearse": "Run the migrations on a scratch database: each up, down, and up again.",
        "stamp": "Record migrations as applied up to TARGET, and no others, without running them.",
        "repair": "List what is wrong with the history, and each way out; or mend its records.",
    },
    "Look": {
        "status": "List the migrations that the database has had, and those it has not.",
        "history": "List the migrations of the folder, newest first; a star marks the head.",
        "show": "Print a migration: its text, or the SQL it stands for.",
    },
}
"""Every command with the first line of its docstring, so that help need not import it."""
_WITHOUT_PROJECT = {"demo", "init"}
# Without this, click takes -1 for an option:
_NEGATIVE_NUMBERS = {"ignore_unknown_options": True}
_WITH_NUMBERS = {"diff", "upgrade", "downgrade", "stamp"}


def _build(name: str) -> Any:
    """The command of that name, from its module in `commands`."""
    function = getattr(import_module(f"autodiff.cli.commands.{name}"), name)
    settings = _NEGATIVE_NUMBERS if name in _WITH_NUMBERS else None
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    register = alone.command(cls=HelpfulCommand, context_settings=settings)
    register(as_command(function) if name in _WITHOUT_PROJECT else as_project_command(function))
    return typer.main.get_command(alone)


# click's own class, which typer imports or, since 0.2x, brings along:
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class _UnknownCommandError(_UsageError):  # type: ignore[misc, valid-type]
    """A command of another tool, with the autodiff command that does the same."""

    def __init__(self, name: str, command: str) -> None:
        super().__init__(f"autodiff has no {name!r}")
        self.hint = f"use: {command}"


class _Commands(HelpfulGroup):
    sections = _SECTIONS
    build = staticmethod(_build)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            from autodiff.cli.other_tools import translated

            found = translated(
                args, {name: ctx.params.get(name) for name in ("env", "config", "url")}
            )
            if found is not None:
                raise _UnknownCommandError(*found)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main(arguments: Sequence[str] | None = None, shell: Shell | None = None) -> int:
    """Runs a command line, that of the process by default; its exit code.

    That of the process ends it: Python is told not to look for cycles in what is left, which takes
    longer than most commands where there are a thousand models.
    """
    if arguments is not None:
        return _run(list(arguments), shell or Shell())
    code = _run(sys.argv[1:], shell or Shell())
    gc.freeze()
    return code


def _run(given: list[str], shell: Shell) -> int:
    command = typer.main.get_command(app)
    try:
        code = command.main(given, prog_name="autodiff", standalone_mode=False, obj=shell)
    except typer.Abort:
        return INTERRUPTED
    except _UsageError as error:
        asked = with_options(shell, {"json": "--json" in given})
        report(asked, *_usage(error), kind="UsageError")
        return USAGE
    return code if isinstance(code, int) else 0


def _usage(error: Exception) -> tuple[str, str]:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "autodiff"
    message = getattr(error, "format_message", lambda: str(error))()
    return message.rstrip("."), getattr(error, "hint", None) or f"see {path} --help"


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    from autodiff import __version__

    typer.echo(f"autodiff {__version__}")
    raise typer.Exit


@app.callback(invoke_without_command=True)
def autodiff(
    context: typer.Context,
    config: ConfigPath = None,
    env: Env = None,
    url: Url = None,
    json: Json = False,
    debug: Debug = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_version,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    """Compare a database with SQLAlchemy models and write the migration between them.

    New here? autodiff demo shows all of it, in a folder that it removes again.

    Exit codes: 0 nothing found, 1 drift or findings, 2 it could not run.
    """
    options = {"config": config, "env": env, "url": url, "json": json, "debug": debug}
    context.obj = with_options(context.obj, options)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE)
