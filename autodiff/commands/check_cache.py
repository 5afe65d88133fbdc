"""Remember the last check that found no drift, so that the same check needs no comparison.

A file in the folder `.autodiff_cache` beside the configuration has three fingerprints: of the
models, of the database, and of all else that the result depends on (migrations, lock file,
settings, versions). If all three are the same again, so is the result. The lock file is no place
for them: it is committed and reviewed, and the fingerprint of a database is only true for that
database.

What cannot be described reliably is never remembered: a project whose own functions change the
comparison, an Alembic history, and databases without a fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff import __version__
from autodiff.commands.drift import Drift
from autodiff.dialects import dialect_of
from autodiff.dialects.records import Records, known_records
from autodiff.dialects.scope import journal_table
from autodiff.errors import AutodiffError
from autodiff.utils.files import create_ignored_folder, write_text

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.dialects import Dialect
    from autodiff.workspace import Workspace

__all__ = ["CheckCache", "Fingerprints"]

_FOLDER = ".autodiff_cache"
_FORMAT = 1
_PACKAGE = Path(__file__).parents[1]
_HOOKS = ("include_object", "rewrite_plan", "render_type")
"""Settings that name functions, which can return something else the next time."""
_NOT_COMPARED = ("url", "variables")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """The fingerprints of one check.

    schemas: the schemas that the fingerprint of the database covers, without the default one.
    driver: the name and version of the driver.
    """

    inputs: str
    models: str
    database: str
    schemas: frozenset[str]
    driver: str

    def to_data(self) -> dict[str, str]:
        """Return them as plain data."""
        return {"inputs": self.inputs, "models": self.models, "database": self.database}


class CheckCache:
    """The remembered check of a project and database."""

    def __init__(self, project: Workspace, file: Path) -> None:
        self._project = project
        self._file = file

    @classmethod
    def of(cls, project: Workspace) -> CheckCache | None:
        """Return the cache of a project; None if it has none or its checks cannot be remembered."""
        config = project.config
        if not config.cache or not project.connects_by_url:
            return None
        if any(getattr(config, name) is not None for name in _HOOKS):
            return None
        database = project.url.set(password=None).render_as_string()
        name = _digest([database, config.env, str(project.config_path)])[:16]
        return cls(project, config.root / _FOLDER / f"check-{name}.json")

    def fingerprints(
        self, connection: sa.Connection, metadata: Sequence[sa.MetaData]
    ) -> Fingerprints | None:
        """Return the present fingerprints, None if one of them cannot be computed.

        The models are described while the server computes the fingerprint of the database.
        """
        from sqlalchemy.exc import SQLAlchemyError

        from autodiff.autogenerate.schemas import run_at_once
        from autodiff.models.fingerprint import fingerprint_models, schemas_named_by

        dialect = dialect_of(connection)
        if not type(dialect).__module__.startswith("autodiff.dialects."):
            return None  # another package has it, and may read more
        schemas = schemas_named_by(metadata) - {dialect.default_schema}

        def database() -> str | None:
            return self._database(connection, dialect, schemas)

        def models() -> str | None:
            # What cannot be declared is no error here, because it may be excluded.
            with suppress(AutodiffError, SQLAlchemyError, NotImplementedError):
                return fingerprint_models(metadata, dialect)
            return None

        driver = _version_of_driver(dialect)
        in_memory = dialect.features.scratch_in_memory  # no server, so nothing to wait for
        found, described = (database(), models()) if in_memory else run_at_once(database, models)
        inputs = self._inputs(driver)
        if found is None or described is None or inputs is None:
            return None
        return Fingerprints(
            inputs=inputs,
            driver=driver,
            models=described,
            database=found,
            schemas=frozenset(schemas),
        )

    def find(self, now: Fingerprints) -> Drift | None:
        """Return the remembered result if nothing changed since, else None."""
        try:
            data = json.loads(self._file.read_text(encoding="utf-8"))
            if data.pop("format") != _FORMAT:
                return None
            notes = tuple(map(str, data.pop("notes")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return Drift(notes=notes) if data == now.to_data() else None

    def remember(self, before: Fingerprints, drift: Drift) -> None:
        """Remember a result without drift. A folder that cannot be written is no error.

        before: the fingerprints from before anything was read, so that a change in the meantime is
            found by the next check.
        """
        if self._inputs(before.driver) != before.inputs:
            return  # a file was edited while it was read
        data = {"format": _FORMAT, **before.to_data(), "notes": list(drift.notes)}
        with suppress(OSError):
            create_ignored_folder(self._file.parent)
            write_text(self._file, json.dumps(data))

    def _database(
        self, connection: sa.Connection, dialect: Dialect, schemas: set[str]
    ) -> str | None:
        from sqlalchemy.exc import SQLAlchemyError

        config = self._project.config
        names = (config.history_table, journal_table(config.history_table))
        records = known_records(connection) or Records(
            schema=config.history_schema, names=names, existing=()
        )
        default = [dialect.default_schema] if dialect.default_schema else []
        driver = connection.dialect.dbapi
        errors = (SQLAlchemyError, driver.Error) if driver is not None else (SQLAlchemyError,)
        try:
            found = dialect.catalog.read_fingerprint(
                connection, [*default, *sorted(schemas)], records
            )
        except errors:  # it needs a privilege, or the normal way reports the error
            connection.rollback()
            return None
        return None if found is None else f"{dialect} {found}"

    def _inputs(self, driver: str) -> str | None:
        """Return a digest of the versions, the settings and the files of the project.

        None if a file cannot be read: reading the migrations reports that.
        """
        import sqlalchemy as sa

        config = self._project.config
        settings = [
            (item.name, repr(getattr(config, item.name)))
            for item in fields(config)
            if item.name not in _NOT_COMPARED
        ]
        versions = (__version__, sys.version, sa.__version__, driver)
        try:
            files = [*_own_files(), *_files(self._project.folders)]
        except OSError:
            return None
        return _digest([*versions, *settings, *files])


def _version_of_driver(dialect: Dialect) -> str:
    driver = dialect.sqlalchemy.dbapi
    return f"{getattr(driver, '__name__', '')} {getattr(driver, '__version__', '')}"


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()


def _own_files() -> Iterator[tuple[str, int, int]]:
    """Yield the size and time of each of autodiff's own files: versions of a copy are all equal."""
    for path, status in _walk(_PACKAGE):
        if path.endswith(".py"):
            yield path, status.st_size, status.st_mtime_ns


def _files(folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Yield the path and the digest of each file in the migrations folders."""
    for folder in folders:
        for path, _ in _walk(folder):
            yield path, hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _walk(folder: Path | str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _walk(entry.path)
        else:
            yield entry.path, entry.stat()
