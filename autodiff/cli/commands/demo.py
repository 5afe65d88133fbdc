"""The command autodiff demo."""

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

__all__ = ["run_demo"]


def run_demo(
    shell: Shell,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="A new folder to keep. Default: a temporary folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the whole workflow on a small SQLite blog.

    The demo runs generate, upgrade, check and downgrade. It needs no setup, and
    leaves nothing behind unless you name a FOLDER.

    Examples:
        autodiff demo
        autodiff demo blog
    """
    from autodiff.cli.demo import walk_through

    # With --json the output of the demo goes to stderr, because it is not the result:
    out = sys.stderr if shell.json else shell.out
    with _demo_folder(folder) as directory:
        with chdir(directory), redirect_stdout(out), redirect_stderr(out):
            walk_through(replace(shell, json=False, out=out), directory)
        kept = str(directory) if folder else None
    end = f"The project is in {folder}." if folder else "The temporary folder was removed."
    shell.answer(["", f"The demo is complete. {end}"], {"completed": True, "folder": kept})


@contextmanager
def _demo_folder(folder: Path | None) -> Iterator[Path]:
    """Yield the named folder, or a temporary one that is removed at the end.

    Raises ConfigError if the named folder is not empty.
    """
    if folder is None:
        with TemporaryDirectory(prefix="autodiff-demo-") as name:
            yield Path(name).resolve()
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is not empty", hint="name a new folder: autodiff demo blog")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder.resolve()
