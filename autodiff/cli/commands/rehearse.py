"""autodiff rehearse."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from autodiff.cli.options import flag
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

__all__ = ["rehearse"]


def rehearse(
    shell: Shell,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="TARGET",
            help="One migration, or a range: 0004, 0002:head. Those before are just applied.",
            show_default="the whole history",
        ),
    ] = None,
    from_data: Annotated[
        bool,
        flag(
            "--from-data",
            "Copy rows of the database, instead of making some up; its values are never printed.",
        ),
    ] = False,
    rows: Annotated[
        int,
        typer.Option(
            "--rows",
            metavar="N",
            min=1,
            help="With --from-data: how many of each table; those that they point at come along.",
        ),
    ] = 100,
    no_rows: Annotated[bool, flag("--no-rows", "Leave the tables empty.")] = False,
) -> int:
    """Run the migrations on a scratch database: each up, down, and up again.

    The database itself is left alone. At the head the scratch is compared with
    the models and the lock file, and back at the base nothing may be left.
    Exit code 0: all passed, 1: something is wrong, 2: it could not run.

    Examples:
        autodiff rehearse
        autodiff rehearse 0002:head
        autodiff rehearse --from-data --rows 500
    """
    if from_data and no_rows:
        raise ConfigError("--from-data and --no-rows exclude each other", hint="give one of them")
    kind: Literal["samples", "live", "none"] = "samples"
    kind = "live" if from_data else "none" if no_rows else kind
    found = shell.project().rehearse(target, rows=kind, count=rows)
    for note in found.notes:
        shell.note(f"note: {note}")
    shell.answer(found.lines(), found.to_data())
    return int(not found.passed)
