"""The configuration: [tool.autodiff] in pyproject.toml, or autodiff.toml."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autodiff.errors import ConfigError

__all__ = ["CONFIG_NAME", "Config", "find_config", "load_config"]

CONFIG_NAME = "autodiff.toml"
_PYPROJECT = "pyproject.toml"
_VARIABLE = re.compile(r"\$\{(\w+)\}|\A\$(\w+)\Z")
"""${NAME}, or $NAME as the whole url; any other $ may be a part of a password."""
_SECTION = re.compile(r"^\s*\[\s*tool\s*\.\s*autodiff\s*\]", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of a project; paths are absolute.

    root: the folder of the configuration, which is on the import path.
    models: "package.module:Base", or several.
    url: the database; DATABASE_URL and --url come before it.
    migrations: the folder of the migrations.
    templates_dir: templates that come before those of autodiff.
    exclude_tables: patterns of tables to leave alone.
    history_schema: the schema of autodiff's own tables.
    lock_wait: seconds to wait for another run that holds the lock.
    lock_timeout: seconds that a statement waits for a lock; 0 for no limit.
    statement_timeout: seconds that a statement runs; 0 for no limit.
    lock_retries: how often a migration that met a lock is tried again.
    scratch_url: an empty database to try things on, which is emptied after use.
    targets: the table `targets`, for commands with --all; autodiff.fleet knows what is in it.
    unset: environment variables that the url asks for and that are not set; it is None then.
    variables: the environment that ${NAME} is looked up in.
    """

    root: Path = field(default_factory=Path.cwd)
    models: tuple[str, ...] = ()
    url: str | None = None
    migrations: Path = Path("migrations")
    templates_dir: Path | None = None
    exclude_tables: tuple[str, ...] = ()
    history_schema: str | None = None
    lock_wait: float = 600.0
    lock_timeout: float = 5.0
    statement_timeout: float = 1800.0
    lock_retries: float = 5
    scratch_url: str | None = None
    targets: Mapping[str, Any] | None = None
    unset: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(
        default_factory=lambda: os.environ, repr=False, compare=False
    )

    def with_variables(self, text: str) -> str:
        """A URL with ${NAME} replaced.

        Raises ConfigError where one is not set.
        """
        if unset := _unset(text, self.variables):
            raise ConfigError(
                f"a url needs the environment variable {unset[0]}, which is not set",
                hint=f"set {unset[0]}",
            )
        return _with_variables(text, self.variables)


_TEXTS = ("url", "history_schema", "scratch_url")
_PATHS = ("migrations", "templates_dir")
_LISTS = ("models", "exclude_tables")
_TABLES = ("targets",)
_NUMBERS = ("lock_wait", "lock_timeout", "statement_timeout", "lock_retries")


def find_config(start: Path) -> Path | None:
    """The configuration file of a folder or of the nearest one above it, None without one."""
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
        pyproject = folder / _PYPROJECT
        if pyproject.is_file() and _has_section(pyproject):
            return pyproject
    return None


def _has_section(pyproject: Path) -> bool:
    return _SECTION.search(pyproject.read_text(encoding="utf-8", errors="replace")) is not None


def load_config(path: str | Path = ".", environment: Mapping[str, str] | None = None) -> Config:
    """The configuration that a command run in `path` would find; `path` may be the file itself.

    `environment` stands for os.environ: DATABASE_URL, and variables in the url as ${NAME}.

    Raises ConfigError where there is none, or for what is wrong in it.
    """
    start = Path(path).resolve()
    if not start.exists():
        raise ConfigError(f"there is no {start}", hint="name a folder or a configuration file")
    file = start if start.is_file() else find_config(start)
    if file is None:
        raise ConfigError(
            f"no configuration found in {start} or above it",
            hint='autodiff init writes one; or put models = "app.models:Base" under '
            "[tool.autodiff] in pyproject.toml",
        )
    config = _checked(_read(file), file)
    variables = os.environ if environment is None else environment
    filled = replace(_filled(config, variables), variables=variables)
    if given := variables.get("DATABASE_URL"):
        return replace(filled, url=given, unset=())
    return filled


def _read(file: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {error}", hint="it must be valid TOML") from error
    if file.name != _PYPROJECT:
        return data
    section = data.get("tool", {}).get("autodiff", {})
    if not isinstance(section, dict):
        raise ConfigError(f"{file}: tool.autodiff must be one table", hint="write [tool.autodiff]")
    return section


def _checked(data: Mapping[str, Any], file: Path) -> Config:
    known = (*_TEXTS, *_PATHS, *_LISTS, *_NUMBERS, *_TABLES)
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise ConfigError(
            f"{file}: unknown setting {unknown[0]!r}", hint=f"known are {', '.join(sorted(known))}"
        )
    values: dict[str, Any] = {"root": file.parent, "migrations": file.parent / "migrations"}
    for key, value in data.items():
        if key in _LISTS:
            values[key] = _texts(value, key, file)
        elif key in _NUMBERS:
            values[key] = _number(value, key, file)
        elif key in _TABLES and isinstance(value, dict):
            values[key] = value
        elif key in _TABLES:
            raise ConfigError(
                f"{file}: {key} must be a table, not {value!r}", hint='as in targets.urls = ["..."]'
            )
        elif not isinstance(value, str):
            raise ConfigError(f"{file}: {key} must be a text, not {value!r}")
        else:
            values[key] = file.parent / value if key in _PATHS else value
    return Config(**values)


def _number(value: Any, key: str, file: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ConfigError(f"{file}: {key} must be a number, 0 or more, not {value!r}")
    return float(value)


def _texts(value: Any, key: str, file: Path) -> tuple[str, ...]:
    items = (value,) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ConfigError(f"{file}: {key} must be a text or a list of texts, not {value!r}")
    return tuple(items)


def _filled(config: Config, variables: Mapping[str, str]) -> Config:
    """The configuration with the variables in its URLs replaced: ${NAME}.

    One that is not set is no error yet: not every command needs the database. Without those of
    its own there is no scratch_url.
    """
    scratch = config.scratch_url
    if scratch and not _unset(scratch, variables):
        config = replace(config, scratch_url=_with_variables(scratch, variables))
    elif scratch:
        config = replace(config, scratch_url=None)
    if not config.url:
        return config
    if unset := _unset(config.url, variables):
        return replace(config, url=None, unset=unset)
    return replace(config, url=_with_variables(config.url, variables))


def _unset(text: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    names = [match[1] or match[2] for match in _VARIABLE.finditer(text)]
    return tuple(name for name in names if name not in variables)


def _with_variables(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: variables[match[1] or match[2]], text)
