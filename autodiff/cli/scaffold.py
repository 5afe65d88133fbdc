"""Build the files of a new project for init; never overwrite an existing setting."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from autodiff.config import CONFIG_NAME
from autodiff.errors import ConfigError
from autodiff.utils.quoting import toml_string

__all__ = ["EXAMPLE_MODELS", "EXAMPLE_URL", "config_file", "example_file"]

EXAMPLE_MODELS = "models:Base"
EXAMPLE_URL = "sqlite:///blog.db"
_HEADING = "[tool.autodiff]"


def config_file(folder: Path, models: str | None, url: str | None) -> Mapping[Path, str]:
    """Return the path and text of the configuration.

    This is a section at the end of pyproject.toml, or autodiff.toml if pyproject.toml does not
    exist.

    Raises ConfigError if the folder already has a configuration.
    """
    own, pyproject = folder / CONFIG_NAME, folder / "pyproject.toml"
    settings = _settings(models, url)
    if own.exists():
        raise _already_configured(own)
    if not pyproject.exists():
        return {own: settings}
    text = _read(pyproject)
    if _HEADING.removesuffix("]") in text:
        raise _already_configured(pyproject)
    return {pyproject: _appended(text, f"{_HEADING}\n{settings}")}


def example_file(folder: Path) -> Mapping[Path, str]:
    """Return the path and text of the models of a small blog.

    Raises ConfigError if the folder already has a models.py.
    """
    path = folder / "models.py"
    if path.exists():
        raise ConfigError(
            f"{path} already exists",
            hint="create the example in a new folder: autodiff init --example DIR",
        )
    text = files("autodiff.demo").joinpath("models_2.py").read_text(encoding="utf-8")
    return {path: text}


def _settings(models: str | None, url: str | None) -> str:
    """Return the settings as TOML, those without a value as comments."""
    models_line = f"models = {toml_string(models)}" if models else '# models = "app.models:Base"'
    url_line = f"url = {toml_string(url)}" if url else '# url = "${DATABASE_URL}"'
    return f'{models_line}\nmigrations = "migrations"\n{url_line}\n'


def _read(path: Path) -> str:
    """Return the text of a file with its line endings."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}",
            hint="save it as UTF-8, and run autodiff init again",
        ) from error


def _appended(text: str, section: str) -> str:
    """Return the text with the section at its end, with the same line endings."""
    blank = "\n\n" if text and not text.endswith("\n") else "\n" if text else ""
    addition = blank + section
    return text + (addition.replace("\n", "\r\n") if "\r\n" in text else addition)


def _already_configured(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} already configures autodiff",
        hint="edit the settings there; init only creates new projects",
    )
