"""The command autodiff init."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from autodiff.cli.format import short_path
from autodiff.cli.options import flag
from autodiff.cli.scaffold import EXAMPLE_MODELS, EXAMPLE_URL, config_file, example_file
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError
from autodiff.migrations.alembic_folder import find_alembic_folder
from autodiff.utils.files import write_all

__all__ = ["run_init"]


def run_init(
    shell: Shell,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="The folder of the project.", show_default="the current folder"
        ),
    ] = Path(),
    models: Annotated[
        str | None,
        typer.Option(
            "--models", metavar="MODULE:OBJECT", help="The models to write into the configuration."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="The database to write into the configuration."),
    ] = None,
    example: Annotated[bool, flag("--example", "Create a small, working blog on SQLite.")] = False,
) -> None:
    """Create the configuration and the migrations folder.

    The configuration goes into pyproject.toml if that file exists, otherwise
    into autodiff.toml.

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
    written = [*map(short_path, files), f"{short_path(migrations)}/"]
    shell.answer(written, {"written": written})
    variable = os.environ.get("DATABASE_URL")
    is_other = variable and variable != url and url and "${" not in url
    if shell.fixed_project is None and is_other:
        shell.note(
            "warning: the environment variable DATABASE_URL names another database, and it "
            "overrides the url in the configuration: unset it, or pass --url to each command"
        )
    if urlsplit(url or "").password:
        shell.note(
            "note: the url contains a password; to keep it out of the file, use "
            'url = "${DATABASE_URL}"'
        )
    if models is None:
        shell.note('to do: set the models in the configuration, such as models = "app.models:Base"')
    if not example and _has_alembic(folder):
        shell.note("to do: take over the history of Alembic: autodiff adopt")


def _has_alembic(folder: Path) -> bool:
    """Return whether the project has an Alembic folder, also one with wrong settings."""
    try:
        return find_alembic_folder(folder) is not None
    except ConfigError:
        return True
