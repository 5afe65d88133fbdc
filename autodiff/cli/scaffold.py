"""The files of a new project, for init. Nothing that exists is overwritten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from autodiff.config import CONFIG_NAME
from autodiff.errors import ConfigError

__all__ = ["EXAMPLE_MODELS", "EXAMPLE_URL", "config_file", "example_file"]

EXAMPLE_MODELS = "models:Base"
EXAMPLE_URL = "sqlite:///blog.db"
_HEADING = "[tool.autodiff]"


def config_file(folder: Path, models: str | None, url: str | None) -> Mapping[Path, str]:
    """The configuration: a section at the end of pyproject.toml, or where there is none,
    autodiff.toml.

    Raises ConfigError where the folder has a configuration.
    """
    own, pyproject = folder / CONFIG_NAME, folder / "pyproject.toml"
    settings = _settings(models, url)
    if own.exists():
        raise _exists(own)
    if not pyproject.exists():
        return {own: settings}
    text = _read(pyproject)
    if _HEADING.removesuffix("]") in text:
        raise _exists(pyproject)
    return {pyproject: _appended(text, f"{_HEADING}\n{settings}")}


def example_file(folder: Path) -> Mapping[Path, str]:
    """The models of a small blog.

    Raises ConfigError where the folder has models.
    """
    path = folder / "models.py"
    if path.exists():
        raise ConfigError(
            f"{path} exists", hint="build the example in a new folder: autodiff init --example DIR"
        )
    text = files("autodiff.demo").joinpath("models_2.py").read_text(encoding="utf-8")
    return {path: text}


def _settings(models: str | None, url: str | None) -> str:
    """The settings as TOML."""
    named = f"models = {_quoted(models)}" if models else '# models = "app.models:Base"'
    placed = f"url = {_quoted(url)}" if url else '# url = "${DATABASE_URL}"'
    return f'{named}\nmigrations = "migrations"\n{placed}\n'


def _quoted(text: str) -> str:
    """A string of TOML, which takes those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _read(path: Path) -> str:
    """The text of a file with the line ends that it has."""
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _appended(text: str, section: str) -> str:
    """The text with the section at its end, in the same line ends."""
    blank = "\n\n" if text and not text.endswith("\n") else "\n" if text else ""
    addition = blank + section
    return text + (addition.replace("\n", "\r\n") if "\r\n" in text else addition)


def _exists(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} configures autodiff already", hint="change it there; init only begins a project"
    )
