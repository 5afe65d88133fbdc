"""autodiff demo."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

__all__ = ["demo"]


def demo(
    shell: Shell,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="A new folder that is kept. Default: a temporary one.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show all of it on a small blog: generate, upgrade, check, downgrade.

    Nothing needs to be set up, and nothing is left behind, unless a FOLDER is named.

    Examples:
        autodiff demo
        autodiff demo blog
    """
    from autodiff.cli.demo import walk

    # With --json the walk is no result:
    out = sys.stderr if shell.json else shell.out
    with _workplace(folder) as place:
        with chdir(place), redirect_stdout(out), redirect_stderr(out):
            walk(replace(shell, json=False, out=out), place)
        kept = str(place) if folder else None
    end = f"The project stays in {folder}." if folder else "The temporary folder is gone again."
    shell.answer(["", f"That is all. {end}"], {"completed": True, "folder": kept})


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    """The named folder, or a temporary one that is removed at the end.

    Raises ConfigError where the named one has something in it.
    """
    if folder is None:
        with TemporaryDirectory(prefix="autodiff-demo-") as name:
            yield Path(name).resolve()
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is not empty", hint="name a new folder: autodiff demo blog")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder.resolve()
