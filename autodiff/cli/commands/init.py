"""autodiff init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from autodiff.cli.format import shown
from autodiff.cli.options import flag
from autodiff.cli.scaffold import EXAMPLE_MODELS, EXAMPLE_URL, config_file, example_file
from autodiff.cli.shell import Shell
from autodiff.utils.files import write_all

__all__ = ["init"]


def init(
    shell: Shell,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The project's folder.", show_default="here")
    ] = Path(),
    models: Annotated[
        str | None,
        typer.Option("--models", metavar="MODULE:OBJECT", help="Where the models are."),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The database.")] = None,
    example: Annotated[bool, flag("--example", "A small blog to play with, on SQLite.")] = False,
) -> None:
    """Begin a project: a configuration, and a folder for migrations.

    The configuration goes into pyproject.toml if there is one, else into autodiff.toml.

    Examples:
        autodiff init --models app.models:Base
        autodiff init --models app:db --url "postgresql://localhost/app"
        autodiff init --example blog
    """
    folder = folder.resolve()
    if example:
        models, url = models or EXAMPLE_MODELS, url or EXAMPLE_URL
    url = url or shell.url
    files = {
        **config_file(folder, models, url),
        **(example_file(folder) if example else {}),
    }
    write_all(files)
    migrations = folder / "migrations"
    migrations.mkdir(exist_ok=True)
    written = [*map(shown, files), f"{shown(migrations)}/"]
    shell.answer(written, {"written": written})
    if urlsplit(url or "").password:
        shell.note('note: the url holds a password; safer is url = "${DATABASE_URL}"')
    if models is None:
        shell.note('to do: say where the models are, models = "app.models:Base"')
