"""Read the configuration: the table [tool.autodiff] of pyproject.toml, or autodiff.toml."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

from autodiff.errors import ConfigError
from autodiff.utils.dotenv import is_dotenv_installed, read_env_file
from autodiff.utils.values import MAX_SECONDS, limit_of, value_kind

__all__ = [
    "CONFIG_NAME",
    "HOOK_NAMES",
    "Config",
    "ProjectSettings",
    "config_from_settings",
    "environment_names",
    "find_config",
    "limit_of",
    "load_config",
    "value_kind",
]

CONFIG_NAME = "autodiff.toml"
HOOK_NAMES = (
    "before_upgrade",
    "after_upgrade",
    "before_downgrade",
    "after_downgrade",
    "before_migration",
    "after_migration",
)
"""The hooks: four around a whole run, and two around each migration."""
_PYPROJECT = "pyproject.toml"
_ENV_FILE = ".env"
_VARIABLE = re.compile(r"\$\{(\w+)\}|\A\$(\w+)\Z")
"""Matches ${NAME}, or $NAME if it is the whole url: any other $ may be a part of a password."""
_FUNCTION = re.compile(r"[\w.]+:[\w.]+")
_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,54}")
_HISTORY_TABLE = "autodiff_history"
_OTHER_RECORDS = (_HISTORY_TABLE, "autodiff_journal", "autodiff_scratch", "alembic_version")
_SECTION = re.compile(r"^\s*\[\s*tool\s*\.\s*autodiff\s*[\].]", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of a project, with absolute paths and with the variables in URLs replaced."""

    root: Path = field(default_factory=Path.cwd)
    """The folder of the configuration file. It is on the import path."""
    models: tuple[str, ...] = ()
    """The models: `"package.module:object"`, or a list of them.

    The object is a MetaData, a declarative base, SQLModel, Flask-SQLAlchemy's `db`, a
    Flask application, or a function that returns one of these, such as an application factory.
    Without an object, the module is searched for models.
    """
    path: tuple[Path, ...] = ()
    """More folders to import models, hooks and types from, such as `["backend"]`.

    They come first on the import path, before the folder of the configuration and its `src`.
    """
    env_file: Path | None = None
    """A file with environment variables.

    By default, `.env` beside the configuration is read if the extra `dotenv` is installed.
    Variables that are already set keep their values.
    """
    allow_empty_models: bool = False
    """Whether models without a table are accepted.

    By default they are an error, because it usually means that no model module was imported.
    """
    url: str | None = field(default=None, repr=False)
    """The URL of the database. `${NAME}` is replaced with an environment variable.

    The variable `DATABASE_URL` overrides this setting, unless the chosen environment has its own
    `url`. The option `--url` overrides both.
    """
    migrations: Path = Path("migrations")
    """The migrations folder."""
    locations: tuple[Path, ...] = ()
    """Several migrations folders, instead of `migrations`: `["migrations", "app/migrations"]`.

    They are read as one history, so revisions and file names must differ in all of them. New
    migrations and the lock file are written into the first one; `generate --location` chooses
    another one for a migration.
    """
    templates_dir: Path | None = None
    """A folder with templates that replace autodiff's own."""
    include_tables: tuple[str, ...] = ()
    """Tables to manage: a shell pattern such as `"shop_*"`, or a list of them.

    All other tables, views and sequences are left alone. By default all are managed.
    """
    exclude_tables: tuple[str, ...] = ()
    """Tables to leave alone: a shell pattern such as `"tmp_*"`, or a list of them."""
    include_object: str | Callable[[str, str, str | None, bool], object] | None = None
    """A function that returns whether an object is managed: `"package.module:function"`.

    It is called as `include_object(kind, name, schema, reflected)`; see
    [functions that change a plan](#functions-that-change-a-plan).
    """
    rewrite_plan: str | Callable[[Any], Any] | None = None
    """A function that returns a plan instead of the given one: `"package.module:function"`."""
    render_type: str | Callable[[Any], tuple[str, Sequence[str]] | None] | None = None
    """A function that spells the types of columns: `"package.module:function"`."""
    history_table: str = _HISTORY_TABLE
    """The name of the table that records applied migrations.

    The journal of a table `NAME` is the table `NAME_journal`; that of the default table is
    `autodiff_journal`. Projects that share a database need different names.
    """
    history_schema: str | None = None
    """The schema for the history and the journal.

    By default they are in the default schema of the connection.
    """
    lock_wait: float = 600.0
    """The number of seconds to wait for another run that holds the migration lock."""
    lock_timeout: float = 5.0
    """The number of seconds that a statement may wait for a lock. 0 is no limit."""
    statement_timeout: float = 1800.0
    """The number of seconds that a statement may run. 0 is no limit."""
    lock_retries: float = 5
    """How often a migration that could not get a lock is tried again."""
    evidence_timeout: float = 5.0
    """The number of seconds that a query for the evidence of a finding may run. 0 is no limit.

    All queries together may take six times as long; see [evidence](evidence.md).
    """
    scratch_url: str | None = field(default=None, repr=False)
    """An empty database of the same kind and version, which autodiff may use and empty.

    It is used instead of creating a database on the live server. It is refused if it is the live
    database, or if it contains anything that autodiff did not create. `${NAME}` is replaced with
    an environment variable; if the variable is not set, the setting is ignored. SQLite does not
    need it.
    """
    require_rehearsal: bool = False
    """Whether `generate` refuses to write a migration that was not rehearsed."""
    cache: bool = True
    """Whether `check` remembers that it found no drift, in the folder `.autodiff_cache`.

    See [how a second check is faster](explanation.md#a-second-check). The option `--no-cache`
    overrides it.
    """
    online: bool = False
    """Whether `generate` writes [migrations without downtime](zero-downtime.md).

    The options `--online` and `--no-online` override it.
    """
    hooks: Mapping[str, str] = field(default_factory=dict)
    """Functions to call around runs and migrations: a table from the name of the hook to
    `"package.module:function"`."""
    targets: Mapping[str, Any] | None = field(default=None, repr=False)
    """The databases of `--all`: a table with `urls`, `file` or `query`."""
    lint: Mapping[str, Any] | None = field(default=None, repr=False)
    """The rules of `lint`: a table with `select`, `ignore`, `per-migration`, `severity` and
    `dialects`."""
    env: str | None = None
    """The name of the chosen environment. None if no environment was chosen."""
    unset: tuple[str, ...] = ()
    """The environment variables that the URL needs and that are not set. `url` is None then."""
    protected: bool = False
    """Whether destructive commands ask for the name of the environment.

    This setting belongs to an environment. `downgrade`, `stamp`, `repair` and `adopt` ask, and
    `upgrade` asks if it loses data. Without a terminal, they need `--confirm NAME`.
    """
    override: str | None = None
    """Why the URL is not that of the configuration, if an environment variable overrides it."""
    variables: Mapping[str, str] = field(
        default_factory=lambda: os.environ, repr=False, compare=False
    )
    """The environment variables that replace `${NAME}`."""

    @property
    def import_path(self) -> tuple[Path, ...]:
        """The folders to import the application from: `path`, the root, and its folder src."""
        source = self.root / "src"
        default = (self.root, source) if source.is_dir() else (self.root,)
        return tuple(dict.fromkeys((*self.path, *default)))

    @property
    def env_file_hint(self) -> str:
        """The end of a hint if a .env file was not read, because python-dotenv is missing."""
        if not (self.root / _ENV_FILE).is_file() or is_dotenv_installed():
            return ""
        return (
            f"; the file {_ENV_FILE} was not read, because python-dotenv is not installed: run "
            'pip install "sqlalchemy-autodiff[dotenv]"'
        )

    def with_variables(self, text: str) -> str:
        """Return a URL with environment variables (${NAME}) replaced by their values.

        Raises:
            ConfigError: A variable is not set.
        """
        if unset := _unset(text, self.variables):
            raise ConfigError(
                f"the url needs the environment variable {unset[0]}, which is not set",
                hint=f"set {unset[0]}",
            )
        return _with_variables(text, self.variables)


class ProjectSettings(TypedDict, total=False):
    """The settings that `Project` accepts as keywords; `Config` describes them."""

    root: str | Path
    models: str | Sequence[str]
    path: str | Path | Sequence[str | Path]
    allow_empty_models: bool
    locations: str | Path | Sequence[str | Path]
    templates_dir: str | Path | None
    include_tables: str | Sequence[str]
    exclude_tables: str | Sequence[str]
    include_object: str | Callable[[str, str, str | None, bool], object] | None
    rewrite_plan: str | Callable[[Any], Any] | None
    render_type: str | Callable[[Any], tuple[str, Sequence[str]] | None] | None
    history_table: str
    history_schema: str | None
    lock_wait: float
    lock_timeout: float
    statement_timeout: float
    lock_retries: float
    evidence_timeout: float
    scratch_url: str | None
    cache: bool
    require_rehearsal: bool
    online: bool
    targets: Mapping[str, Any] | None
    lint: Mapping[str, Any] | None


def config_from_settings(
    url: str | None, migrations: str | Path, settings: ProjectSettings
) -> Config:
    """Return the configuration of a project built in code.

    Relative paths start at the current folder.
    """
    values: dict[str, Any] = dict(settings)
    for name in _LISTS:
        if name in values:
            values[name] = _items(values[name])
    for name in ("path", "locations"):
        if name in values:
            values[name] = tuple(Path(folder).resolve() for folder in _items(values[name]))
    for name in ("root", "templates_dir"):
        if values.get(name) is not None:
            values[name] = Path(values[name]).resolve()
    for name in _NUMBERS:
        if name in values:
            values[name] = _number(values[name], name, "Project")
    for name in _FUNCTIONS:
        if isinstance(values.get(name), str):
            values[name] = _function(values[name], name, "Project")
    for name in _TABLE_NAMES:
        if name in values:
            values[name] = _table_name(values[name], name, "Project")
    values["migrations"] = Path(migrations).resolve()
    if values.get("locations"):
        values["migrations"] = values["locations"][0]
    return Config(url=url, **values)


def _items(value: str | Path | Sequence[Any]) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str | Path) else tuple(value)


_TEXTS = ("url", "history_schema", "scratch_url")
_PATHS = ("migrations", "templates_dir", "env_file")
_PATH_LISTS = ("path", "locations")
_NEW_FOLDERS = ("locations",)
"""Settings with folders that need not exist when the configuration is read."""
_FLAGS = ("allow_empty_models", "protected", "require_rehearsal", "online", "cache")
_LISTS = ("models", "include_tables", "exclude_tables")
_FUNCTIONS = ("include_object", "rewrite_plan", "render_type")
_TABLE_NAMES = ("history_table",)
_TABLES = ("targets", "lint")
_NUMBERS = (
    *("lock_wait", "lock_timeout", "statement_timeout", "lock_retries"),
    "evidence_timeout",
)
_COUNTS = ("lock_retries",)
_HOOKS = "hooks"
_SETTINGS = (
    *(*_TEXTS, *_PATHS, *_LISTS, *_PATH_LISTS, *_FLAGS, *_NUMBERS, *_TABLES, _HOOKS),
    *(*_FUNCTIONS, *_TABLE_NAMES),
)
_ENVIRONMENT_ONLY = ("protected",)
"""Settings that need the name of an environment."""
_ENVIRONMENTS = "environments"


def find_config(start: Path) -> Path | None:
    """Return the configuration file of a folder or of the nearest one above it, or None."""
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
        pyproject = folder / _PYPROJECT
        if pyproject.is_file() and _has_section(pyproject):
            return pyproject
    return None


def _has_section(pyproject: Path) -> bool:
    try:
        text = pyproject.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False
    return _SECTION.search(text) is not None


def load_config(
    path: str | Path = ".",
    environment: Mapping[str, str] | None = None,
    *,
    env: str | None = None,
) -> Config:
    """Load the configuration of a folder, or of the nearest folder above it that has one.

    The settings of the selected environment override the others, and its url also overrides
    DATABASE_URL.

    Args:
        path: The folder, or the configuration file itself.
        environment: The environment variables to use instead of `os.environ`.
        env: The name of a configured environment; by default the variable AUTODIFF_ENV.

    Raises:
        ConfigError: No configuration is found, or it is invalid.
    """
    start = _resolved(path)
    if not start.exists():
        raise ConfigError(f"{start} does not exist", hint="name a folder or a configuration file")
    file = start if start.is_file() else find_config(start)
    if file is None:
        raise ConfigError(
            f"no configuration found in {start} or any folder above it",
            hint='run autodiff init, or set models = "app.models:Base" under [tool.autodiff] in '
            "pyproject.toml",
        )
    common, environments = _parts(_read(file), file)
    outer = os.environ if environment is None else environment
    variables = _with_env_file(outer, common.get("env_file"), file.parent)
    selected = env or variables.get("AUTODIFF_ENV") or None
    own = _environment_settings(environments, selected, file) if selected else {}
    if "env_file" in own:
        variables = _with_env_file(outer, own["env_file"], file.parent)
    hooks = {**common.get(_HOOKS, {}), **own.get(_HOOKS, {})}
    folders = {**_one_kind_of_folder(common, file), **_one_kind_of_folder(own, file)}
    default = {"migrations": file.parent / "migrations"}
    values = {**common, **own, **default, **folders, _HOOKS: hooks}
    config = Config(root=file.parent, env=selected, variables=variables, **values)
    config = _with_urls_filled(config, variables)
    database_url = variables.get("DATABASE_URL")
    if not database_url or "url" in own:
        return config
    is_other = config.url is not None and config.url != database_url
    override = f"DATABASE_URL overrides url in {file.name}" if is_other else None
    return replace(config, url=database_url, unset=(), override=override)


def _one_kind_of_folder(settings: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return the settings `migrations` and `locations`, of which only one can be set.

    `migrations` is the first of the locations. Without either, it is the folder `migrations`.

    Raises ConfigError if both are set.
    """
    if "locations" in settings and "migrations" in settings:
        raise ConfigError(
            f"{file}: migrations and locations cannot both be set",
            hint="remove migrations: the first of the locations takes its place",
        )
    if "locations" in settings:
        return {"locations": settings["locations"], "migrations": settings["locations"][0]}
    if "migrations" in settings:
        return {"locations": (), "migrations": settings["migrations"]}
    return {}


def _resolved(path: str | Path) -> Path:
    """Return an absolute path without links.

    Raises ConfigError if that is not possible.
    """
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"cannot find {path}: {error}", hint="name a folder or a configuration file"
        ) from error


def _with_env_file(outer: Mapping[str, str], named: Path | None, folder: Path) -> Mapping[str, str]:
    """Return the variables of the .env file, overridden by those of the process.

    The default file is optional, and so is python-dotenv for it. A file that the configuration
    names must be readable.
    """
    default = folder / _ENV_FILE
    if named is None and not (default.is_file() and is_dotenv_installed()):
        return outer
    return {**read_env_file(named or default), **outer}


def environment_names(path: str | Path = ".") -> list[str]:
    """Return the sorted names of the environments of the configuration that `path` selects.

    Raises:
        ConfigError: The configuration is invalid.
    """
    file = find_config(Path(path).resolve())
    return sorted(_parts(_read(file), file)[1]) if file is not None else []


def _read(file: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"cannot read {file}: {error.strerror}", hint="check the permissions of the file"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"cannot read {file}: it is not UTF-8 text (byte {error.start + 1})",
            hint="save it as UTF-8",
        ) from error
    except (ValueError, RecursionError) as error:  # tomllib raises both for what it cannot parse
        raise ConfigError(f"cannot read {file}: {error}", hint="correct the TOML syntax") from error
    if file.name != _PYPROJECT:
        return data
    tool = data.get("tool", {})
    section = tool.get("autodiff", {}) if isinstance(tool, dict) else {}
    if not isinstance(section, dict):
        raise ConfigError(f"{file}: tool.autodiff must be a table", hint="write [tool.autodiff]")
    return section


def _parts(data: Mapping[str, Any], file: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the common settings and those of each environment, all of them validated.

    Raises ConfigError for unknown or invalid settings.
    """
    common = {key: value for key, value in data.items() if key != _ENVIRONMENTS}
    tables = data.get(_ENVIRONMENTS, {})
    if not isinstance(tables, dict) or not all(isinstance(own, dict) for own in tables.values()):
        raise ConfigError(
            f"{file}: {_ENVIRONMENTS} must contain one table for each environment",
            hint=f"write {_heading(file, 'staging')}",
        )
    environments = {
        name: _checked(own, file.parent, f"{file}: {_ENVIRONMENTS}.{name}", _SETTINGS)
        for name, own in tables.items()
    }
    known = (*(name for name in _SETTINGS if name not in _ENVIRONMENT_ONLY), _ENVIRONMENTS)
    return _checked(common, file.parent, f"{file}", known), environments


def _environment_settings(
    environments: Mapping[str, dict[str, Any]], name: str, file: Path
) -> dict[str, Any]:
    if name in environments:
        return environments[name]
    known = ", ".join(sorted(environments))
    raise ConfigError(
        f"{file}: unknown environment {name!r}",
        hint=f"known environments: {known}" if known else f"add the table {_heading(file, name)}",
    )


def _heading(file: Path, name: str) -> str:
    prefix = "tool.autodiff." if file.name == _PYPROJECT else ""
    return f"[{prefix}{_ENVIRONMENTS}.{name}]"


def _checked(
    data: Mapping[str, Any], root: Path, place: str, known: tuple[str, ...]
) -> dict[str, Any]:
    """Return the settings, validated and converted to their types.

    `place` names the file or the table for error messages.

    Raises ConfigError for an unknown or invalid setting.
    """
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise ConfigError(
            f"{place}: unknown setting {unknown[0]!r}",
            hint=f"known settings: {', '.join(sorted(known))}",
        )
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key in _LISTS:
            values[key] = _texts(value, key, place)
        elif key in _PATH_LISTS:
            values[key] = tuple(
                root / text if key in _NEW_FOLDERS else _folder(root / text, key, place)
                for text in _texts(value, key, place)
            )
            if key in _NEW_FOLDERS and not values[key]:
                raise ConfigError(
                    f"{place}: {key} must name at least one folder",
                    hint=f'write it like {key} = ["migrations", "app/migrations"]',
                )
        elif key in _FLAGS:
            values[key] = _flag(value, key, place)
        elif key in _NUMBERS:
            values[key] = _number(value, key, place)
        elif key == _HOOKS:
            values[key] = _hooks(value, place)
        elif key in _FUNCTIONS:
            values[key] = _function(value, key, place)
        elif key in _TABLE_NAMES:
            values[key] = _table_name(value, key, place)
        elif key in _TABLES and isinstance(value, dict):
            values[key] = value
        elif key in _TABLES:
            raise ConfigError(
                f"{place}: {key} must be a table, not {value_kind(value)}",
                hint=f'write it like {key}.{"urls" if key == "targets" else "ignore"} = ["..."]',
            )
        elif not isinstance(value, str):
            raise ConfigError(
                f"{place}: {key} must be a string, not {value_kind(value)}",
                hint=f'write it like {key} = "..."',
            )
        else:
            values[key] = root / value if key in _PATHS else value
    return values


def _hooks(value: Any, place: str) -> dict[str, str]:
    """Return the names of functions by hook, validated but not imported.

    Raises ConfigError for an unknown hook or an invalid name.
    """
    if not isinstance(value, dict):
        raise ConfigError(
            f"{place}: hooks must be a table, not {value_kind(value)}",
            hint='write it like hooks = {before_upgrade = "app.hooks:announce"}',
        )
    for name, target in value.items():
        if name not in HOOK_NAMES:
            raise ConfigError(
                f"{place}: unknown hook {name!r}", hint=f"known hooks: {', '.join(HOOK_NAMES)}"
            )
        if not isinstance(target, str) or not _FUNCTION.fullmatch(target):
            raise ConfigError(
                f"{place}: the hook {name} must name a function, not {value_kind(target)}",
                hint=f'write it like {name} = "app.hooks:announce"',
            )
    return value


def _function(value: Any, key: str, place: str) -> str:
    if not isinstance(value, str) or not _FUNCTION.fullmatch(value):
        raise ConfigError(
            f"{place}: {key} must name a function, not {value_kind(value)}",
            hint=f'write it like {key} = "app.migrations:{key}"',
        )
    return value


def _table_name(value: Any, key: str, place: str) -> str:
    """Return the name of a history table.

    The name of its journal is longer, and PostgreSQL truncates names after 63 characters.
    """
    if not isinstance(value, str) or not _TABLE_NAME.fullmatch(value):
        raise ConfigError(
            f"{place}: {key} must be a name of at most 55 letters, digits and underscores, not "
            f"{value_kind(value)}",
            hint=f'write it like {key} = "shop_history"',
        )
    # Databases that ignore the case of names would mix up such a table with the default one:
    if value.lower() in _OTHER_RECORDS and value != _HISTORY_TABLE:
        raise ConfigError(
            f"{place}: {key} cannot be {value}, which is the name of another table of autodiff or "
            "Alembic",
            hint=f'choose another name, such as {key} = "shop_history"',
        )
    return value


def _folder(path: Path, key: str, place: str) -> Path:
    if not path.is_dir():
        raise ConfigError(
            f"{place}: {key} names {path}, which is not a folder",
            hint=f"set {key} to folders to import models from, relative to the configuration",
        )
    return path


def _flag(value: Any, key: str, place: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(
            f"{place}: {key} must be true or false, not {value_kind(value)}",
            hint=f"write it like {key} = true",
        )
    return value


def _number(value: Any, key: str, place: str) -> float:
    number = limit_of(value)
    if number is None:
        raise ConfigError(
            f"{place}: {key} must be a number from 0 to {MAX_SECONDS}, not {value_kind(value)}",
            hint=f"write it like {key} = 10",
        )
    if key in _COUNTS and not number.is_integer():
        raise ConfigError(
            f"{place}: {key} must be an integer, not {value_kind(value)}",
            hint=f"write it like {key} = 3",
        )
    return number


def _texts(value: Any, key: str, place: str) -> tuple[str, ...]:
    items = (value,) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ConfigError(
            f"{place}: {key} must be a string or a list of strings, not {value_kind(value)}",
            hint=f'write it like {key} = "..."',
        )
    return tuple(items)


def _with_urls_filled(config: Config, variables: Mapping[str, str]) -> Config:
    """Return the configuration with the environment variables in its URLs replaced.

    A variable that is not set is not an error yet, because not every command needs the database:
    `url` is None then, and `unset` has the names. A scratch_url with such a variable is ignored.
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
