"""Read the Alembic history that comes before the migrations of a folder.

The file `alembic.toml` in the migrations folder says where it is. Alembic's own files stay where
they are and are never changed.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodiff.errors import HistoryError, MigrationFileError
from autodiff.migrations.files import Migration, parse_alembic, read_or_note
from autodiff.utils.quoting import toml_string

if TYPE_CHECKING:
    from autodiff.migrations.alembic_folder import AlembicFolder

__all__ = [
    "ALEMBIC_FILE",
    "AlembicHistory",
    "alembic_text",
    "parse_revisions",
    "read_alembic",
    "read_revisions",
    "read_version_table",
]

ALEMBIC_FILE = "alembic.toml"
_VERSION_TABLE = "alembic_version"
_KEYS: dict[str, type[object]] = {
    "config": str,
    "section": str,
    "database": str,
    "version_table": str,
    "version_table_schema": str,
    "heads": list,
    "replaced_by": str,
    "x": list,
    "configure": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlembicHistory:
    """Where the Alembic history of a project is, and which version table records it.

    folder: the settings of Alembic; None once a baseline has replaced the history.
    database: the name of the database, if env.py is for several (setting `databases`).
    replaced_by: the revision of the baseline that has replaced the history.
    heads: the last revisions of the history that the baseline has replaced.
    x: the arguments that env.py and the revisions read with `context.get_x_argument()`.
    configure: a function of the application, MODULE:FUNCTION, that prepares Alembic's Config.
    """

    folder: AlembicFolder | None = None
    database: str | None = None
    version_table: str = _VERSION_TABLE
    version_table_schema: str | None = None
    replaced_by: str | None = None
    heads: tuple[str, ...] = ()
    x: tuple[str, ...] = ()
    configure: str | None = None

    @property
    def location(self) -> str:
        """The folder of the revisions, for messages."""
        if self.folder is None:
            return ALEMBIC_FILE
        return ", ".join(map(str, self.folder.version_locations))


def read_alembic(migrations: Path) -> AlembicHistory | None:
    """Return the Alembic history that comes before a migrations folder, None if there is none.

    Raises HistoryError if alembic.toml cannot be read, ConfigError if what it names does not exist.
    """
    path = migrations / ALEMBIC_FILE
    if not path.is_file():
        return None
    values = _values(path)
    folder = None
    if values.get("replaced_by") is None:
        from autodiff.migrations.alembic_folder import find_alembic_folder

        if "config" not in values:
            raise _invalid(path, "it has no config")
        start = (migrations / values["config"]).resolve()
        if not start.exists():
            raise _invalid(path, f"its config {start} does not exist")
        folder = find_alembic_folder(start.parent, start, section=values.get("section"))
    return AlembicHistory(
        folder=folder,
        database=values.get("database"),
        version_table=values.get("version_table", _VERSION_TABLE),
        version_table_schema=values.get("version_table_schema"),
        replaced_by=values.get("replaced_by"),
        heads=tuple(values.get("heads", ())),
        x=tuple(values.get("x", ())),
        configure=values.get("configure"),
    )


def read_version_table(migrations: Path) -> str | None:
    """Return the name of the version table of `read_alembic`, without reading Alembic's settings.

    Raises HistoryError if alembic.toml cannot be read.
    """
    path = migrations / ALEMBIC_FILE
    return str(_values(path).get("version_table", _VERSION_TABLE)) if path.is_file() else None


def _values(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise _invalid(path, str(error)) from error
    for name, value in values.items():
        if name not in _KEYS or not isinstance(value, _KEYS[name]):
            raise _invalid(path, f"{name} is unknown or has a value of another type")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise _invalid(path, f"{name} must be a list of strings")
    return values


def _invalid(path: Path, reason: str) -> HistoryError:
    return HistoryError(
        f"cannot read {path}: {reason}",
        hint="restore it from version control; or delete it and run autodiff adopt again",
    )


def alembic_text(history: AlembicHistory, migrations: Path) -> str:
    """Return the text of alembic.toml for an Alembic history; paths are relative to the folder."""
    values: dict[str, str | None] = {
        "database": history.database,
        "version_table": history.version_table,
        "version_table_schema": history.version_table_schema,
        "replaced_by": history.replaced_by,
        "configure": history.configure,
    }
    comment = "# Databases that Alembic has upgraded to these heads have the baseline.\n"
    if history.folder is not None:
        comment = "# Alembic's revisions come before the migrations in this folder.\n"
        source = Path(os.path.relpath(history.folder.source, migrations)).as_posix()
        section = history.folder.section if history.folder.ini is not None else None
        values = {"config": source, "section": section, **values}
    lines = [f"{k} = {toml_string(v)}\n" for k, v in values.items() if v is not None]
    for name, listed in (("heads", history.heads), ("x", history.x)):
        if listed:
            lines.append(f"{name} = [{', '.join(map(toml_string, listed))}]\n")
    return comment + "".join(lines)


def read_revisions(
    folder: AlembicFolder, problems: list[MigrationFileError] | None = None
) -> list[Migration]:
    """Return the revisions of an Alembic folder, without running them.

    problems: receives the errors of files that can't be read, instead of their being raised.

    Raises MigrationFileError if a file can't be read.
    """
    return parse_revisions(folder.revision_files(), problems, folders=folder.import_path)


def parse_revisions(
    paths: Iterable[Path],
    problems: list[MigrationFileError] | None = None,
    *,
    required: bool = True,
    folders: Sequence[Path] = (),
) -> list[Migration]:
    """Return the revisions in files of Alembic; see `read_revisions`.

    required: whether each file must be a revision.
    folders: those from which the files import modules; see `parse_alembic`.
    """
    parse = partial(parse_alembic, required=required, folders=folders)
    if problems is None:
        found = [parse(path) for path in paths]
    else:
        found = [read_or_note(path, problems, parse) for path in paths]
    revisions = (item for item in found if item is not None)
    return [replace(item, is_alembic=True, place=n) for n, item in enumerate(revisions)]
