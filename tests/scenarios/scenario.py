"""Read scenario folders: fixtures/scenarios/<name>/.

before.py              the models that the database was created from: `metadata`
before.sql             or SQL statements; before.<database>.sql for one database only
rows.sql               statements that put rows in; rows.<database>.sql for one alone
models.py              the models to migrate to: `metadata`, and a docstring of one line that says
                       what the scenario guarantees
expected.py            the file that must be written; expected.<database>.py for one alone
scenario.toml          databases and options: renames, fills, maps, assume, lost, exclude;
                       values.upgrade and values.downgrade: replacements of values by column

With AUTODIFF_TEST_MYSQL_URL, a scenario for MariaDB runs on MySQL too, unless it has
`mysql = false` because MySQL cannot create its tables. MySQL spells expressions in another way, so
that the text of the migration is compared only if there is an expected.mysql.py.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autodiff.schema.sql_statements import split_statements

__all__ = ["DATABASES", "FOLDER", "Scenario", "all_scenarios", "metadata_of", "purpose_of"]

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios"
DATABASES = ("sqlite", "postgresql", "mariadb")
_LISTS = ("renames", "fills", "maps", "exclude", "lost")
_SETTINGS = {*_LISTS, "databases", "mysql", "assume", "sqlalchemy", "values"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario folder on one database.

    lost: columns (table.column) or tables whose values may be lost.
    values: replacements of values, by direction and column; other values must not change.
    """

    folder: Path
    database: str
    renames: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    assume: Any = None
    values: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the folder and of the database, used as the test ID."""
        return f"{self.folder.name}-{self.database}"

    def file(self, stem: str, ending: str) -> Path | None:
        """Return the file for this database, else the file for all databases, else None."""
        own = ("mysql", "mariadb") if self.database == "mysql" else (self.database,)
        for name in (*(f"{stem}.{database}.{ending}" for database in own), f"{stem}.{ending}"):
            if (self.folder / name).is_file():
                return self.folder / name
        return None

    def prepare(self, connection: sa.Connection) -> None:
        """Create the database as it was before the migration, with rows."""
        before = self.file("before", "py")
        if before is not None:
            metadata_of(before).create_all(connection)
        for path in (self.file("before", "sql"), self.file("rows", "sql")):
            for statement in split_statements(path.read_text()) if path else ():
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        connection.commit()

    def models(self) -> sa.MetaData:
        """Return the models to migrate to."""
        path = self.file("models", "py")
        assert path is not None, f"{self.folder} has no models.py"
        return metadata_of(path)

    @property
    def purpose(self) -> str:
        """Return the sentence that describes what the scenario guarantees."""
        return purpose_of(self.folder)

    @property
    def expected(self) -> Path | None:
        """The expected migration file, or the path for a new one; None if any is right."""
        if self.database == "mysql":
            own = self.folder / "expected.mysql.py"
            return own if own.is_file() else None
        return self.file("expected", "py") or self.folder / f"expected.{self.database}.py"


def metadata_of(path: Path) -> sa.MetaData:
    """Execute a file of models and return its MetaData, a new one each time."""
    spec = importlib.util.spec_from_file_location(f"scenario_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    metadata: sa.MetaData = module.metadata
    return metadata


def purpose_of(folder: Path) -> str:
    """Return the docstring of the folder's models.py, or an empty string if it has none."""
    return ast.get_docstring(ast.parse((folder / "models.py").read_text()), clean=False) or ""


def all_scenarios() -> list[Scenario]:
    """Return every folder, once for each of its databases."""
    scenarios: list[Scenario] = []
    for folder in sorted(path for path in FOLDER.iterdir() if path.is_dir()):
        config = folder / "scenario.toml"
        settings = tomllib.loads(config.read_text()) if config.is_file() else {}
        assert set(settings) <= _SETTINGS, f"{config}: unknown {set(settings) - _SETTINGS}"
        if _too_old(settings.get("sqlalchemy")):
            continue
        options: dict[str, Any] = {key: tuple(settings.get(key, ())) for key in _LISTS}
        options |= {key: settings[key] for key in ("assume", "values") if key in settings}
        for database in _with_mysql(settings):
            scenarios.append(Scenario(folder=folder, database=database, **options))
    return scenarios


def _with_mysql(settings: Mapping[str, Any]) -> list[str]:
    """Return the databases of a scenario; MySQL too, if there is one and it can do the same."""
    databases = settings.get("databases", DATABASES)
    is_wanted = "mariadb" in databases and settings.get("mysql", True)
    has_mysql = bool(os.environ.get("AUTODIFF_TEST_MYSQL_URL"))
    return [*databases, "mysql"] if is_wanted and has_mysql else list(databases)


def _too_old(required: str | None) -> bool:
    """Return whether this SQLAlchemy is older than the version ("2.1") that a scenario needs."""
    installed = tuple(int(part) for part in sa.__version__.split(".")[:2])
    return required is not None and installed < tuple(int(part) for part in required.split("."))
