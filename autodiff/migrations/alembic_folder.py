"""Find an Alembic folder and read its settings, without Alembic and without running env.py."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from autodiff.errors import ConfigError
from autodiff.utils.python_source import assignments, parse_source

__all__ = [
    "AlembicFolder",
    "find_alembic_folder",
    "find_named_folder",
    "is_alembic_folder",
]

_INI = "alembic.ini"
_PYPROJECT = "pyproject.toml"
_FLASK_MIGRATE = "migrations"
_SECTION = "alembic"
_VERSION_TABLE = "alembic_version"
_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
_LEGACY_LOCATIONS = re.compile(r", *|(?: +)")
_LEGACY_PATHS = re.compile(r", *|(?: +)|:")
"""How Alembic splits lists without `path_separator`: versions, and the import path."""
_READERS = frozenset({"get_main_option", "get_alembic_option"})
"""The methods of Alembic's Config that env.py reads a setting with."""
_OPTION_READER, _SECTION_READER = "get_section_option", "get_section"
"""The methods that read a setting, or all settings, of any section of alembic.ini."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlembicFolder:
    """The settings of an Alembic folder, with absolute paths."""

    script_location: Path
    """The folder with env.py and script.py.mako."""
    ini: Path | None = None
    """The file alembic.ini. None if the settings are in pyproject.toml, or there are none."""
    toml: Path | None = None
    """The file pyproject.toml, if it has a table [tool.alembic]."""
    section: str = _SECTION
    """The section of alembic.ini, as for `alembic --name`."""
    version_locations: tuple[Path, ...] = ()
    """The folders with the revisions; usually `versions` below `script_location`."""
    recursive_version_locations: bool = False
    """Whether subfolders have revisions too."""
    version_table: str = _VERSION_TABLE
    """The name of Alembic's version table."""
    version_table_schema: str | None = None
    """The schema of Alembic's version table. None is the default schema of the connection."""
    prepend_sys_path: tuple[Path, ...] = ()
    """The folders that Alembic puts first on the import path."""
    databases: tuple[str, ...] = ()
    """The names of the databases of the multi-database templates (setting `databases`)."""
    options: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """All settings of the section as text; the values can contain passwords."""
    sections: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The other sections of alembic.ini, which env.py and revisions can read."""

    @property
    def env_py(self) -> Path:
        """The script that Alembic runs for each command."""
        return self.script_location / "env.py"

    @property
    def template(self) -> Path:
        """The template of new revisions."""
        return self.script_location / "script.py.mako"

    @property
    def source(self) -> Path:
        """The file that the settings are from, or the folder itself: for messages."""
        return self.ini or self.toml or self.script_location

    @property
    def import_path(self) -> tuple[Path, ...]:
        """The folders of the project from which env.py and the revisions import modules."""
        return (*self.prepend_sys_path, self.source.parent)

    @property
    def locations_hint(self) -> str:
        """What to do if no revisions are found: env.py may set the folders, and is not run."""
        file = self.ini or self.toml or _INI
        return f"set version_locations in {file} to the folder that has the revisions"

    def has_versions_in(self, folder: Path) -> bool:
        """Return whether a folder is one of those with the revisions, or inside of one."""
        return any(folder.is_relative_to(place.resolve()) for place in self.version_locations)

    def revision_files(self) -> tuple[Path, ...]:
        """Return the files that Alembic reads revisions from, in the order in which it does."""
        pattern = "**/*.py" if self.recursive_version_locations else "*.py"
        found = (
            path.resolve()
            for folder in self.version_locations
            for path in sorted(folder.glob(pattern), key=partial(_files_first, folder))
            if not path.name.startswith(("__init__", ".#")) and "__pycache__" not in path.parts
        )
        return tuple(dict.fromkeys(found))


def _files_first(folder: Path, path: Path) -> tuple[tuple[bool, str], ...]:
    """Return the key that sorts the files of a folder by name, before those of its subfolders."""
    *inner, name = path.relative_to(folder).parts
    return (*((True, each) for each in inner), (False, name))


def find_alembic_folder(
    start: Path, named: str | Path | None = None, *, section: str | None = None
) -> AlembicFolder | None:
    """Return the Alembic folder of a project, or None if there is none and none was named.

    Searches `alembic.ini`, `[tool.alembic]` in pyproject.toml and Flask-Migrate's
    `migrations/alembic.ini` in the folder `start`, in this order.

    Args:
        start: The root of the project. Relative paths start here, or at the file that has them.
        named: An alembic.ini, a pyproject.toml, a folder that has one, or Alembic's own folder.
        section: The section of alembic.ini, if not `alembic`.

    Raises:
        ConfigError: The settings cannot be read, name a folder that does not exist, or have
            several sections to choose from.
    """
    start = start.resolve()
    if named is None:
        return _folder_of_project(start, start, section)
    path = (start / named).resolve()
    if path.is_file():
        is_toml = path.suffix == ".toml"
        ini, toml = (None, path) if is_toml else (path, _tool_alembic(path.parent))
        return _read_folder(ini, toml, start, section)
    if not path.is_dir():
        raise ConfigError(f"{path} does not exist", hint="name alembic.ini or Alembic's folder")
    return _named_folder(path, start, section)


def find_named_folder(
    start: Path, named: str | Path | None, name: str | None
) -> tuple[AlembicFolder | None, str | None]:
    """Return the Alembic folder for a name, and the name if it is that of one of its databases.

    Args:
        start, named: See `find_alembic_folder`.
        name: A section of alembic.ini, or one of the databases of a multi-database env.py.

    Raises ConfigError, also if there is no such section.
    """
    try:
        found = find_alembic_folder(start, named)
    except ConfigError:
        if name is None:
            raise
        found = None
    if name is None or (found is not None and name in found.databases):
        return found, name
    return find_alembic_folder(start, named, section=name), None


def is_alembic_folder(path: Path) -> bool:
    """Return whether a path is alembic.ini, or a folder that has it or env.py.

    A folder that has only scripts can be converted, but Alembic cannot run it.
    """
    if path.is_file():
        return True
    places = [path, path.parent] if path.name == "versions" else [path]
    return any((place / name).is_file() for place in places for name in (_INI, "env.py"))


def _named_folder(path: Path, start: Path, section: str | None) -> AlembicFolder:
    """Return the settings for a folder: its own, or those of a folder above that name it."""
    if found := _folder_of_project(path, start, section):
        return found
    if path.name == "versions" and (path.parent / "env.py").is_file():
        path = path.parent
    for above in dict.fromkeys((path.parent, start)):
        found = _folder_of_project(above, start, section)
        if found is not None and (found.script_location == path or found.has_versions_in(path)):
            return found
    if not (path / "env.py").is_file():
        raise ConfigError(
            f"{path} is not an Alembic folder: it has neither {_INI} nor env.py",
            hint=f"name {_INI}, or the folder that contains env.py",
        )
    return _with_settings(path, {}, None, None, (path, start), _SECTION)


def _folder_of_project(folder: Path, start: Path, section: str | None) -> AlembicFolder | None:
    toml = _tool_alembic(folder)
    for ini in (folder / _INI, folder / _FLASK_MIGRATE / _INI):
        if ini.is_file():
            return _read_folder(ini, toml, start, section)
        if toml is not None:
            return _read_folder(None, toml, start, section)
    return None


def _tool_alembic(folder: Path) -> Path | None:
    """Return the pyproject.toml of a folder if it has a table [tool.alembic]."""
    toml = folder / _PYPROJECT
    return toml if toml.is_file() and _toml_options(toml) else None


def _toml_options(toml: Path) -> Mapping[str, Any]:
    try:
        tool = tomllib.loads(toml.read_text(encoding="utf-8-sig")).get("tool", {})
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read {toml}: {error}", hint="correct the file") from error
    options = tool.get("alembic", {}) if isinstance(tool, dict) else {}
    if not isinstance(options, dict):
        raise ConfigError(f"{toml}: tool.alembic must be a table", hint="write [tool.alembic]")
    return options


def _read_folder(
    ini: Path | None, toml: Path | None, start: Path, section: str | None
) -> AlembicFolder:
    """Return the settings of both files: those of alembic.ini override those of pyproject.toml."""
    options: dict[str, Any] = {}
    sections: dict[str, Mapping[str, str]] = {}
    chosen = section or _SECTION
    if toml is not None:
        options |= _with_here(_toml_options(toml), toml)
    if ini is not None:
        parser = _parse_ini(ini)
        chosen = _chosen_section(parser, ini, section, required=toml is None)
        options |= _ini_options(parser, chosen, ini)
        others = (name for name in parser.sections() if name != chosen)
        sections = {name: _ini_options(parser, name, ini, own=False) for name in others}
    file = ini or toml
    assert file is not None
    location = options.get("script_location")
    if location is None and (file.parent / "env.py").is_file():  # Flask-Migrate's way
        location = str(file.parent)
    if not location:
        raise ConfigError(
            f"{file} has no script_location", hint="set script_location to Alembic's folder"
        )
    places = _places(str(location), file, start)
    prepended = _prepended(options, places)
    folder = _located(str(location), places, (*prepended, start))
    if not folder.is_dir():
        raise ConfigError(
            f"Alembic's folder {folder} does not exist",
            hint=f"correct script_location in {file}, or run autodiff from the project's root",
        )
    return _with_settings(folder, options, ini, toml, places, chosen, sections)


def _with_settings(
    folder: Path,
    options: Mapping[str, Any],
    ini: Path | None,
    toml: Path | None,
    places: Sequence[Path],
    section: str,
    sections: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> AlembicFolder:
    prepended = _prepended(options, places)
    locations = tuple(
        _located(item, places, (*prepended, places[-1]))
        for item in _list_of(options, "version_locations", _LEGACY_LOCATIONS)
    )
    named_in_env = _env_settings(folder / "env.py", options, {**sections, section: options})
    table = options.get("version_table") or named_in_env.get("version_table")
    schema = options.get("version_table_schema") or named_in_env.get("version_table_schema")
    return AlembicFolder(
        script_location=folder,
        ini=ini,
        toml=toml,
        section=section,
        version_locations=locations or (folder / "versions",),
        recursive_version_locations=options.get("recursive_version_locations") in (True, "true"),
        version_table=str(table or _VERSION_TABLE),
        version_table_schema=str(schema) if schema else None,
        prepend_sys_path=prepended,
        databases=tuple(_list_of(options, "databases", _LEGACY_LOCATIONS, separated=False)),
        options={name: str(value) for name, value in options.items()},
        sections=sections,
    )


def _prepended(options: Mapping[str, Any], places: Sequence[Path]) -> tuple[Path, ...]:
    """Return the folders of `prepend_sys_path`."""
    listed = _list_of(options, "prepend_sys_path", _LEGACY_PATHS)
    return tuple(_located(item, places, ()) for item in listed)


def _parse_ini(ini: Path) -> ConfigParser:
    parser = ConfigParser({"here": ini.parent.as_posix()})
    hint = "correct the file"
    try:
        text = ini.read_text(encoding="utf-8")
        if text.startswith("\ufeff"):
            raise ValueError("it begins with a byte order mark, which Alembic refuses")
        parser.read_string(text, source=str(ini))
    except (OSError, ValueError, IniError) as error:
        if isinstance(error, ValueError):
            hint = "save it as UTF-8 text without a byte order mark"
        raise ConfigError(f"cannot read {ini}: {error}", hint=hint) from error
    return parser


def _chosen_section(parser: ConfigParser, ini: Path, section: str | None, *, required: bool) -> str:
    """Return the section to read: the one that was named, or the only one with a folder."""
    with_folder = [name for name in parser.sections() if "script_location" in parser[name]]
    if section is not None:
        if parser.has_section(section):
            return section
        raise ConfigError(
            f"{ini} has no section [{section}]",
            hint=f"name one of these sections: {', '.join(with_folder or parser.sections())}",
        )
    if parser.has_section(_SECTION):
        return _SECTION
    if len(with_folder) == 1:
        return with_folder[0]
    if with_folder:
        raise ConfigError(
            f"{ini} has no section [{_SECTION}], but several others: {', '.join(with_folder)}",
            hint="name the section",
        )
    if required:
        raise ConfigError(
            f"{ini} has no section [{_SECTION}]",
            hint=f"add [{_SECTION}] with script_location, or name another file",
        )
    return _SECTION


def _ini_options(
    parser: ConfigParser, section: str, ini: Path, *, own: bool = True
) -> dict[str, str]:
    """Return the settings of a section; `own` if autodiff reads some of them itself.

    Settings that cannot be interpolated, such as a password with a percent sign, are returned as
    they are: env.py may never read them.
    """
    if not parser.has_section(section):
        return {}
    options: dict[str, str] = {}
    for name in parser[section]:
        try:
            options[name] = parser.get(section, name)
        except IniError as error:
            if own and name in _OWN_SETTINGS:
                raise ConfigError(
                    f"{ini}: cannot read {name}: {error}", hint="write %% for a percent sign"
                ) from error
            options[name] = parser.get(section, name, raw=True)
    return options


_OWN_SETTINGS = frozenset(
    {
        *("script_location", "version_locations", "recursive_version_locations"),
        *("version_table", "version_table_schema", "prepend_sys_path"),
    }
)


def _with_here(options: Mapping[str, Any], toml: Path) -> dict[str, Any]:
    """Return settings of pyproject.toml with %(here)s replaced, as Alembic does."""
    here = {"here": toml.parent.as_posix()}

    def replaced(value: Any, name: str) -> Any:
        if isinstance(value, list):
            return [replaced(item, name) for item in value]
        try:
            return value % here if isinstance(value, str) else value
        except (KeyError, TypeError, ValueError) as error:
            if name in _OWN_SETTINGS:
                raise ConfigError(
                    f"{toml}: cannot read {name}: {error}", hint="write %% for a percent sign"
                ) from error
            return value

    return {name: replaced(value, name) for name, value in options.items()}


def _list_of(
    options: Mapping[str, Any], name: str, legacy: re.Pattern[str], *, separated: bool = True
) -> Sequence[str]:
    """Return a setting that is a list, split as Alembic splits it."""
    value = options.get(name)
    if isinstance(value, list):
        return [str(item) for item in value]
    if not value:
        return []
    separator = options.get("path_separator")
    if separator is None and name == "version_locations":
        separator = options.get("version_path_separator")
    if separator is None or not separated:
        parts = legacy.split(str(value))
    elif separator in _SEPARATORS:
        parts = str(value).split(_SEPARATORS[separator])
    else:
        raise ConfigError(
            f"path_separator {separator!r} is not valid",
            hint=f"set it to one of {', '.join(_SEPARATORS)}",
        )
    return [part.strip() for part in parts if part.strip()]


def _places(location: str, file: Path, start: Path) -> Sequence[Path]:
    """Return the folders that relative paths can start from, the likeliest first.

    Alembic starts from the current folder. That is usually the folder of the file or the root of
    the project, which can be far above a file in a package: `script_location` says which.
    """
    usual = (file.parent, start)
    if Path(location).is_absolute() or ":" in location:
        return usual
    candidates = (*usual, *file.parent.parents)
    root = next((each for each in candidates if (each / location).is_dir()), file.parent)
    return (root, *usual)


def _located(text: str, places: Sequence[Path], packages: Sequence[Path]) -> Path:
    """Return the path that a setting names: a path, or `package:folder`.

    places: the folders that a relative path can start from; the first one if it exists in none.
    packages: the folders where the package can be.
    """
    path = Path(text)
    if path.is_absolute():
        return path.resolve()
    if ":" in text:
        return _package_folder(text, packages)
    found = [place / path for place in places]
    return next((each for each in found if each.exists()), found[0]).resolve()


def _package_folder(text: str, roots: Sequence[Path]) -> Path:
    """Return the folder for `package.module:folder`, without importing the package."""
    package, *folders = text.split(":")
    top, *inner = package.split(".")
    for root in roots:
        for source in (root, root / "src"):
            if (source / top).is_dir():
                return source.joinpath(top, *inner, *folders).resolve()
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"cannot find the package {top} of {text!r}",
            hint="install it, or add its folder to prepend_sys_path",
        )
    return Path(next(iter(spec.submodule_search_locations))).joinpath(*inner, *folders).resolve()


def _env_settings(
    env_py: Path, options: Mapping[str, Any], sections: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return the version table that env.py passes to `context.configure()`, if it is a literal.

    Names that are assigned to at the top of env.py, and settings that it reads from the
    configuration, are followed. Nothing is executed.
    """
    try:
        tree = parse_source(env_py.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    names = dict(assignments(tree))
    return {
        name: value
        for name, node in _configure_keywords(tree)
        if name in ("version_table", "version_table_schema")
        if (value := _text_of(node, names, options, sections)) is not None
    }


def _configure_keywords(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called_name(node) == "configure":
            for keyword in node.keywords:
                if keyword.arg is not None:
                    yield keyword.arg, keyword.value


def _called_name(node: ast.Call) -> str:
    called = node.func
    return getattr(called, "attr", "") or getattr(called, "id", "")


def _text_of(
    node: ast.expr,
    names: Mapping[str, ast.expr],
    options: Mapping[str, Any],
    sections: Mapping[str, Mapping[str, Any]],
) -> str | None:
    if isinstance(node, ast.Name):
        node = names.get(node.id, node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Call) and _called_name(node) in _READERS:
        return _chosen(options, node.args)
    if isinstance(node, ast.Call) and _called_name(node) == _OPTION_READER:
        return _chosen(_section(node.args, options, sections), node.args[1:])
    if isinstance(node, ast.Subscript):
        return _chosen(_read_section(node.value, names, options, sections), [node.slice])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _chosen(_read_section(node.func.value, names, options, sections), node.args)
    return None


def _chosen(options: Mapping[str, Any], arguments: Sequence[ast.expr]) -> str | None:
    """Return the option that the first argument names, otherwise the second argument."""
    texts = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
    values = [options.get(str(texts[0])), *texts[1:2]] if texts else []
    return next((str(value) for value in values if value), None)


def _read_section(
    node: ast.expr,
    names: Mapping[str, ast.expr],
    options: Mapping[str, Any],
    sections: Mapping[str, Mapping[str, Any]],
) -> Mapping[str, Any]:
    """Return the section that `config.get_section(...)` reads; empty for another expression."""
    if isinstance(node, ast.Name):
        node = names.get(node.id, node)
    if isinstance(node, ast.Call) and _called_name(node) == _SECTION_READER:
        return _section(node.args, options, sections)
    return {}


def _section(
    arguments: Sequence[ast.expr],
    options: Mapping[str, Any],
    sections: Mapping[str, Mapping[str, Any]],
) -> Mapping[str, Any]:
    """Return the section that the first argument names; that of Alembic for an attribute."""
    match arguments:
        case [ast.Constant(value=str(name)), *_]:
            return sections.get(name, {})
        case [ast.Attribute(attr="config_ini_section"), *_]:
            return options
        case _:
            return {}
