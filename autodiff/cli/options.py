"""The options that commands have in common, and how a function becomes a command."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from autodiff.cli.failures import guarded
from autodiff.cli.shell import Shell

__all__ = [
    "All",
    "Canary",
    "ConfigPath",
    "Debug",
    "DryRun",
    "Env",
    "Json",
    "LockWait",
    "Only",
    "Parallel",
    "ShardOf",
    "Sql",
    "StopAfter",
    "Target",
    "Url",
    "Verbose",
    "as_command",
    "as_project_command",
    "flag",
    "side",
    "with_options",
]


def flag(name: str, help: str) -> Any:
    """An option that is there or not."""
    return typer.Option(name, help=help)


ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="PATH",
        exists=True,
        help="The configuration file, or a folder to look for it from. Default: here.",
        show_default=False,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The database. Comes before DATABASE_URL and the configuration.",
        show_default=False,
    ),
]


def _complete_env(incomplete: str) -> list[str]:
    """Names of environments for the shell; none where the configuration is broken."""
    from autodiff.config import environment_names

    try:
        names = environment_names()
    except Exception:
        return []
    return [name for name in names if name.startswith(incomplete)]


Env = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="The environment of the configuration to work with. Also: AUTODIFF_ENV.",
        autocompletion=_complete_env,
        show_default=False,
    ),
]
Json = Annotated[bool, flag("--json", "Print the result as JSON.")]
Debug = Annotated[bool, flag("--debug", "Show the traceback of an error. Also: AUTODIFF_DEBUG=1.")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="List what is in the database and left alone, and why."),
]
DryRun = Annotated[bool, flag("--dry-run", "List what would run, and run nothing.")]
Sql = Annotated[bool, flag("--sql", "Print a script for the database's client, and run nothing.")]

LockWait = Annotated[
    float | None,
    typer.Option(
        "--lock-wait",
        metavar="SECONDS",
        min=0,
        help="How long to wait for another run. Default: 600.",
        show_default=False,
    ),
]


All = Annotated[bool, flag("--all", "Every database of the configuration's targets.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="NAME", help="With --all: this target. Repeatable.", show_default=False
    ),
]
ShardOf = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="N/M",
        help="With --all: one of so many parts, 3/10. The parts never change.",
        show_default=False,
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel",
        metavar="N",
        min=1,
        help="With --all: how many at a time. Default: 4.",
        show_default=False,
    ),
]
Canary = Annotated[
    list[str] | None,
    typer.Option(
        "--canary",
        metavar="N|NAME",
        help="With --all: so many go first, or these. If one fails, no other is begun.",
        show_default=False,
    ),
]
StopAfter = Annotated[
    int | None,
    typer.Option(
        "--stop-after",
        metavar="N",
        min=1,
        help="With --all: begin no more after so many failures.",
        show_default=False,
    ),
]


def _complete_target(incomplete: str) -> list[str]:
    """Names of migrations for the shell; none where the project is broken."""
    from autodiff.project import Project

    try:
        graph = Project.load().graph()
    except Exception:
        return []
    names = [migration.name for migration in graph.migrations.values()]
    branches = [f"{label}@head" for label in graph.branches]
    known = ["head", "heads", "base", *branches, *names]
    return [name for name in known if name.startswith(incomplete)]


def _checked_target(target: str) -> str:
    """-1 is a target; -x is an option that does not exist."""
    if target.startswith("-") and not re.fullmatch(r"-\d+", target):
        raise typer.BadParameter(f"no such option: {target}")
    return target


Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="head, heads, base, +1, -1, a number, a name, a revision or its start; 0003-1, "
        "billing@head.",
        autocompletion=_complete_target,
        callback=_checked_target,
    ),
]


def _checked_side(side: str) -> str:
    return side if side in _SIDES else _checked_target(side)


def _complete_side(incomplete: str) -> list[str]:
    sides = [side for side in _SIDES if side.startswith(incomplete)]
    return [*sides, *_complete_target(incomplete)]


_SIDES = ("models", "database")


def side(name: str) -> Any:
    """An argument that names what to compare."""
    return typer.Argument(
        metavar=name,
        help="models, database, a URL, or a migration: head, base, +1, -1, a number, a name.",
        autocompletion=_complete_side,
        callback=_checked_side,
    )


def _shared(json: Json = False, debug: Debug = False) -> dict[str, Any]:
    """The options of every command."""
    return {"json": json, "debug": debug}


def _project(
    config: ConfigPath = None,
    env: Env = None,
    url: Url = None,
    json: Json = False,
    debug: Debug = False,
) -> dict[str, Any]:
    """The options of every command that works on a project."""
    return {"config": config, "env": env, "url": url, "json": json, "debug": debug}


def as_command(function: Callable[..., int | None]) -> Callable[..., None]:
    """A function that takes a Shell, as a command with --json and --debug."""
    return _with_parameters(function, _shared)


def as_project_command(function: Callable[..., int | None]) -> Callable[..., None]:
    """A function that takes a Shell, as a command with those and --config, --env and --url."""
    return _with_parameters(function, _project)


def with_options(shell: Shell, options: dict[str, Any]) -> Shell:
    """The shell with the options that were given; what stands before the command counts too."""
    given = {name: value for name, value in options.items() if value}
    debug = shell.debug or bool(os.environ.get("AUTODIFF_DEBUG"))
    return replace(shell, **{"debug": debug, **given})


def _with_parameters(
    function: Callable[..., int | None], shared: Callable[..., dict[str, Any]]
) -> Callable[..., None]:
    """typer reads a command's options from its signature: it gets those of both functions."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    common = list(inspect.signature(shared, eval_str=True).parameters.values())

    @functools.wraps(function)
    def run(context: typer.Context, **arguments: Any) -> None:
        options = {parameter.name: arguments.pop(parameter.name) for parameter in common}
        shell = replace(with_options(context.obj, options), out=sys.stdout)
        raise typer.Exit(guarded(shell, lambda: function(shell, **arguments)))

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (context, *own, *common)
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
