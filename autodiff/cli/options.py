"""Options that commands share, and the conversion of a function to a command."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from autodiff.cli.completion import (
    complete_environment,
    complete_range,
    complete_side,
    complete_target,
)
from autodiff.cli.failures import run_command
from autodiff.cli.shell import Shell

__all__ = [
    "All",
    "Canary",
    "CanaryWait",
    "ConfigPath",
    "Confirm",
    "Debug",
    "DryRun",
    "Env",
    "ExecutorOf",
    "Json",
    "LockWait",
    "Only",
    "OptionalTargetArgument",
    "OutcomesUrl",
    "Parallel",
    "Quiet",
    "RunName",
    "ShardOf",
    "Sql",
    "StopAfter",
    "TargetArgument",
    "Url",
    "Verbose",
    "Yes",
    "as_command",
    "as_project_command",
    "complete_range",
    "complete_target",
    "flag",
    "side",
    "with_options",
]


def flag(name: str, help: str) -> Any:
    """Return an option without a value."""
    return typer.Option(name, help=help)


ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="PATH",
        exists=True,
        help="The configuration file, or the folder where the search for it starts. Default: the "
        "current folder.",
        show_default=False,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The database. Overrides DATABASE_URL and the configuration.",
        show_default=False,
    ),
]


Env = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="The configured environment to use. Also: AUTODIFF_ENV.",
        autocompletion=complete_environment,
        show_default=False,
    ),
]
Json = Annotated[bool, flag("--json", "Print the result as JSON.")]
Debug = Annotated[bool, flag("--debug", "Show the traceback of an error. Also: AUTODIFF_DEBUG=1.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show no progress while the command runs.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="List everything in the database that autodiff does not compare."
    ),
]
DryRun = Annotated[bool, flag("--dry-run", "List the migrations that would run; run nothing.")]
Sql = Annotated[bool, flag("--sql", "Print a SQL script for the database's client; run nothing.")]

LockWait = Annotated[
    float | None,
    typer.Option(
        "--lock-wait",
        metavar="SECONDS",
        min=0,
        help="How long to wait for another run. Default: the setting lock_wait, 600.",
        show_default=False,
    ),
]


Yes = Annotated[bool, flag("--yes", "Do not ask for confirmation.")]
Confirm = Annotated[
    str | None,
    typer.Option(
        "--confirm",
        metavar="NAME",
        help="The name of the protected environment, instead of typing it.",
        autocompletion=complete_environment,
        show_default=False,
    ),
]

All = Annotated[bool, flag("--all", "Use every database of the configured targets.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="NAME",
        help="With --all: only this target. Repeatable.",
        show_default=False,
    ),
]
ShardOf = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="N/M|auto",
        help="With --all: part N of M, such as 3/10. auto reads it in a Slurm or AWS Batch array, "
        "auto/M in a Kubernetes Indexed Job. A target always stays in the same part.",
        show_default=False,
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel",
        metavar="N",
        min=1,
        help="With --all: how many targets at a time. Default: 4.",
        show_default=False,
    ),
]
Canary = Annotated[
    list[str] | None,
    typer.Option(
        "--canary",
        metavar="N|NAME",
        help="With --all: this many targets, or these, go first. If one of them fails, no other is "
        "started.",
        show_default=False,
    ),
]
PhaseOption = Annotated[
    Literal["expand", "contract"] | None,
    typer.Option(
        "--phase",
        help="Stop before a migration that waits for a deploy (expand), or apply it after the "
        "deploy and stop before the next one (contract).",
        show_default=False,
    ),
]
StopAfter = Annotated[
    int | None,
    typer.Option(
        "--stop-after",
        metavar="N",
        min=1,
        help="With --all: start no further target after this many failures.",
        show_default=False,
    ),
]

ExecutorOf = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="MODULE:FUNCTION",
        help="With --all: run the targets on the concurrent.futures.Executor that this function "
        "returns, such as that of a Dask cluster.",
        show_default=False,
    ),
]
RunName = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="NAME",
        help="With --all: record the outcomes under this name, which all shards of a run share.",
        show_default=False,
    ),
]
OutcomesUrl = Annotated[
    str | None,
    typer.Option(
        "--outcomes",
        metavar="URL",
        help="With --all: the database that records the outcomes of --run. Default: the file "
        ".autodiff/outcomes.db beside the configuration.",
        show_default=False,
    ),
]
CanaryWait = Annotated[
    float | None,
    typer.Option(
        "--canary-wait",
        metavar="SECONDS",
        min=0,
        help="With --all: how long to wait for the canaries of other shards. Default: 3600.",
        show_default=False,
    ),
]


def _checked_target(target: str | None) -> str | None:
    """Refuse unknown options, which click passes on as targets so that -1 can be one."""
    if target is None:
        return None
    if target.startswith("-") and not re.fullmatch(r"-\d+", target):
        raise typer.BadParameter(f"no such option: {target}")
    return target


_TARGET: Any = typer.Argument(
    metavar="TARGET",
    help="A migration: head, heads, base, +1, -1, a number, a name, a revision or its start, "
    "or relative as in 0003-1 and billing@head.",
    autocompletion=complete_target,
    callback=_checked_target,
    show_default=False,
)
TargetArgument = Annotated[str, _TARGET]
OptionalTargetArgument = Annotated[str | None, _TARGET]


def _checked_side(side: str) -> str | None:
    return side if side in _SIDES else _checked_target(side)


_SIDES = ("models", "database")


def side(name: str) -> Any:
    """Return an argument that names a side of a comparison."""
    return typer.Argument(
        metavar=name,
        help="models, database, a URL, or a migration (head, base, +1, -1, a number, a name).",
        autocompletion=complete_side,
        callback=_checked_side,
    )


def _shared(json: Json = False, quiet: Quiet = False, debug: Debug = False) -> dict[str, Any]:
    """Return the options of every command."""
    return {"json": json, "quiet": quiet, "debug": debug}


def _project(
    config: ConfigPath = None,
    env: Env = None,
    url: Url = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> dict[str, Any]:
    """Return the options of every command that needs a project."""
    shared = _shared(json, quiet, debug)
    return {"config": config, "env": env, "url": url, **shared}


def as_command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Convert a function that takes a Shell to a command with --json, --quiet and --debug."""
    return _with_parameters(function, _shared)


def as_project_command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Convert a function that takes a Shell to a command with all options of a project."""
    return _with_parameters(function, _project)


def with_options(shell: Shell, options: dict[str, Any]) -> Shell:
    """Return the shell with options added, which override those before the command."""
    given = {name: value for name, value in options.items() if value}
    debug = shell.debug or bool(os.environ.get("AUTODIFF_DEBUG"))
    return replace(shell, **{"debug": debug, **given})


def _with_parameters(
    function: Callable[..., int | None], shared: Callable[..., dict[str, Any]]
) -> Callable[..., None]:
    """Return the function with the parameters of both: typer reads options from the signature."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    common = list(inspect.signature(shared, eval_str=True).parameters.values())

    @functools.wraps(function)
    def run(context: typer.Context, **arguments: Any) -> None:
        options = {parameter.name: arguments.pop(parameter.name) for parameter in common}
        shell = replace(with_options(context.obj, options), out=sys.stdout)
        raise typer.Exit(run_command(shell, lambda: function(shell, **arguments)))

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (context, *own, *common)
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
