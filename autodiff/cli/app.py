"""The app: every command registered, and the one place where a run begins and ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from autodiff.cli.commands.adopt import adopt
from autodiff.cli.commands.check import check
from autodiff.cli.commands.demo import demo
from autodiff.cli.commands.diff import diff
from autodiff.cli.commands.downgrade import downgrade
from autodiff.cli.commands.generate import generate
from autodiff.cli.commands.history import history
from autodiff.cli.commands.init import init
from autodiff.cli.commands.lock import lock
from autodiff.cli.commands.merge import merge
from autodiff.cli.commands.rebase import rebase
from autodiff.cli.commands.rehearse import rehearse
from autodiff.cli.commands.repair import repair
from autodiff.cli.commands.show import show
from autodiff.cli.commands.squash import squash
from autodiff.cli.commands.stamp import stamp
from autodiff.cli.commands.status import status
from autodiff.cli.commands.upgrade import upgrade
from autodiff.cli.failures import INTERRUPTED, USAGE, report
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

app = typer.Typer(
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_START, _WRITE, _RUN, _LOOK = "Start", "Write migrations", "Run them", "Look"
# Without this, click takes -1 for an option:
_NEGATIVE_NUMBERS = {"ignore_unknown_options": True}

app.command(rich_help_panel=_START)(as_command(demo))
app.command(rich_help_panel=_START)(as_command(init))
app.command(rich_help_panel=_START)(as_project_command(adopt))
app.command(rich_help_panel=_WRITE)(as_project_command(generate))
app.command(rich_help_panel=_WRITE)(as_project_command(check))
app.command(rich_help_panel=_WRITE, context_settings=_NEGATIVE_NUMBERS)(as_project_command(diff))
app.command(rich_help_panel=_WRITE)(as_project_command(lock))
app.command(rich_help_panel=_WRITE)(as_project_command(merge))
app.command(rich_help_panel=_WRITE)(as_project_command(rebase))
app.command(rich_help_panel=_WRITE)(as_project_command(squash))
app.command(rich_help_panel=_RUN, context_settings=_NEGATIVE_NUMBERS)(as_project_command(upgrade))
app.command(rich_help_panel=_RUN, context_settings=_NEGATIVE_NUMBERS)(as_project_command(downgrade))
app.command(rich_help_panel=_RUN)(as_project_command(rehearse))
app.command(rich_help_panel=_RUN, context_settings=_NEGATIVE_NUMBERS)(as_project_command(stamp))
app.command(rich_help_panel=_RUN)(as_project_command(repair))
app.command(rich_help_panel=_LOOK)(as_project_command(status))
app.command(rich_help_panel=_LOOK)(as_project_command(history))
app.command(rich_help_panel=_LOOK)(as_project_command(show))

# click's own class, which typer imports or, since 0.2x, brings along:
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def main(arguments: Sequence[str] | None = None, shell: Shell | None = None) -> int:
    """Runs a command line, that of the process by default; its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    shell = shell or Shell()
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
    return message.rstrip("."), f"see {path} --help"


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
            metavar="",
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
