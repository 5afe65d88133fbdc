"""Register the commands, parse a command line and run it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from autodiff.cli.completion import with_bash_words
from autodiff.cli.failures import INTERRUPTED, USAGE, report_error, report_unwritable
from autodiff.cli.help import PlainHelpCommand, PlainHelpGroup
from autodiff.cli.options import (
    ConfigPath,
    Debug,
    Env,
    Json,
    Quiet,
    Url,
    as_command,
    as_project_command,
    with_options,
)
from autodiff.cli.shell import Shell
from autodiff.cli.streams import OutputError, prepare_streams
from autodiff.cli.terminal import print_help

__all__ = ["app", "main"]

_SECTIONS = {
    "Start a project": {
        "demo": "Show the whole workflow on a small SQLite blog.",
        "init": "Create the configuration and the migrations folder.",
        "adopt": "Start managing an existing database.",
        "baseline": "Replace an adopted Alembic history with one migration.",
    },
    "Write migrations": {
        "generate": "Compare the database with the models and write the next migration.",
        "check": "Report drift between the models, the migrations and the database.",
        "diff": "Print the changes and the SQL that lead from FROM to TO.",
        "edit": "Open a migration in an editor and update the lock file.",
        "lint": "Find steps in migrations that lose data, fail, or block the database.",
        "lock": "Rewrite the lock file by running the migrations in a scratch database.",
        "merge": "Write an empty migration that joins several heads.",
        "rebase": "Move this branch's migrations after those of the main branch.",
        "squash": "Replace several migrations with one equivalent migration.",
    },
    "Apply migrations": {
        "upgrade": "Apply migrations up to TARGET.",
        "push": "Apply the difference between the models and a development database, without a "
        "migration.",
        "downgrade": "Revert migrations down to TARGET, which stays applied.",
        "rehearse": "Run migrations up, down and up again in a scratch database.",
        "stamp": "Record migrations up to TARGET as applied without running them.",
        "repair": "List problems in the migration history and how to fix them, "
        "or repair the records.",
    },
    "Show information": {
        "status": "List applied and pending migrations.",
        "history": "List the migrations in the folder, newest first.",
        "show": "Print a migration or its SQL.",
        "report": "Report what migrations change, lose and block, for a pull request or a CI "
        "server.",
        "erd": "Draw an ER diagram of the models, the database or the migrations.",
    },
    "Work in CI": {
        "ci": "Check a pull request: drift, every migration on a scratch database, and lint.",
        "comment": "Create the comment of a pull request, or update it.",
    },
}
"""Every command with the first line of its docstring, so that help does not import the commands."""
_GC_THRESHOLDS = (200_000, 30, 30)
"""Without them, `lint` spends 5 % of its time on garbage collection, half of it for imports."""
_WITHOUT_PROJECT = {"comment", "demo", "init"}
# Without this setting, click parses a target such as -1 as an option:
_NEGATIVE_NUMBERS = {"ignore_unknown_options": True}
_WITH_NUMBERS = {"diff", "upgrade", "downgrade", "stamp"}


def _build(name: str) -> Any:
    """Import the module of a command and return the command: its function is `run_<name>`."""
    function = getattr(import_module(f"autodiff.cli.commands.{name}"), f"run_{name}")
    settings = _NEGATIVE_NUMBERS if name in _WITH_NUMBERS else None
    # typer can build a command only as part of an app, so each command gets a separate app:
    command_app = typer.Typer(add_completion=False, rich_markup_mode=None)
    register = command_app.command(name, cls=PlainHelpCommand, context_settings=settings)
    register(as_command(function) if name in _WITHOUT_PROJECT else as_project_command(function))
    return typer.main.get_command(command_app)


# typer imports click or, in newer versions, includes a copy of it. The base class of BadParameter
# is the UsageError of either:
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class _UnknownCommandError(_UsageError):  # type: ignore[misc, valid-type]
    """A command of another tool, with the equivalent autodiff command as its hint."""

    def __init__(self, name: str, command: str) -> None:
        super().__init__(f"autodiff has no {name!r}")
        self.hint = f"use: {command}"


class _CommandGroup(PlainHelpGroup):
    sections = _SECTIONS
    build = staticmethod(_build)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            from autodiff.cli.other_tools import translate

            translation = translate(
                args, {name: ctx.params.get(name) for name in ("env", "config", "url")}
            )
            if translation is not None:
                raise _UnknownCommandError(*translation)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_CommandGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main(arguments: Sequence[str] | None = None, shell: Shell | None = None) -> int:
    """Run a command line, by default that of the process, and return its exit code.

    If the process has only this command line, it collects garbage less often: most of its objects
    are modules and schemas, which stay until the end. The process exits afterwards, so all objects
    are exempted from garbage collection first (gc.freeze). At exit, Python would search them for
    cycles, which takes longer than most commands if there are a thousand models.
    """
    if arguments is not None:
        return _run(list(arguments), shell or Shell())
    prepare_streams()
    gc.set_threshold(*_GC_THRESHOLDS)
    code = _run(sys.argv[1:], shell or Shell())
    gc.freeze()
    return code


def _run(arguments: list[str], shell: Shell) -> int:
    command = typer.main.get_command(app)
    try:
        with with_bash_words({name for names in _SECTIONS.values() for name in names}):
            code = command.main(arguments, prog_name="autodiff", standalone_mode=False, obj=shell)
    except typer.Abort:
        return INTERRUPTED
    except _UsageError as error:
        # The options were not parsed, because parsing failed:
        shell = with_options(shell, {"json": "--json" in arguments})
        report_error(shell, *_usage_error(error), kind="UsageError")
        return USAGE
    except OutputError as error:
        report_unwritable(error)
        return USAGE
    return code if isinstance(code, int) else 0


def _usage_error(error: Exception) -> tuple[str, str]:
    """Return the message and the hint of an error in the command line."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "autodiff"
    message = getattr(error, "format_message", lambda: str(error))()
    return message.rstrip("."), getattr(error, "hint", None) or f"see {path} --help"


@app.callback(invoke_without_command=True)
def root_command(
    context: typer.Context,
    config: ConfigPath = None,
    env: Env = None,
    url: Url = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit."),
    ] = False,
) -> None:
    """Compare a database with SQLAlchemy models and write the migration between them.

    New to autodiff? Run autodiff demo: it shows the workflow in a temporary folder.

    Exit codes: 0 success, 1 drift or findings, 2 the command could not run.
    """
    shared = {"json": json, "quiet": quiet, "debug": debug}
    options = {"config": config, "env": env, "url": url, **shared}
    context.obj = with_options(context.obj, options)
    if version:
        from autodiff import __version__

        context.obj.answer([f"autodiff {__version__}"], {"version": __version__})
        raise typer.Exit
    if context.invoked_subcommand is None:
        print_help(context.get_help())
        raise typer.Exit(USAGE)
