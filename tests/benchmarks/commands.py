"""Benchmarks of --help and check on the command line, each in a new process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from autodiff.dialects import dialect_for
from autodiff.migrations import LockFile, load_graph, write_lock
from autodiff.models import declare
from tests.benchmarks.comparing import create
from tests.benchmarks.shop import models
from tests.benchmarks.timing import Row, in_turn

__all__ = ["checked", "checked_offline", "helped"]

_MODELS = "from tests.benchmarks.shop import models\n\nmetadata = models({tables})\n"
_INI = "[alembic]\nscript_location = scripts\n"
_ENV = """
import sqlalchemy as sa
from alembic import context
from models import metadata

with sa.create_engine("{url}").connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()
"""


def helped(rounds: int) -> Row:
    """Measure `autodiff --help` and `alembic --help`."""
    ours, theirs = in_turn(
        rounds, lambda: _run("-m", "autodiff", "--help"), lambda: _run("-m", "alembic", "--help")
    )
    return Row(work="--help", database="none", ours=ours, theirs=theirs, wanted="2 times")


def checked_offline(folder: Path, tables: int, rounds: int) -> Row:
    """Measure `autodiff check --offline`; the baseline imports SQLAlchemy and the models."""
    migrations = _project(folder, tables)
    declared = declare(models(tables), dialect_for("postgresql"))
    lock = LockFile(database="postgresql 18", declared=declared, described=declared)
    write_lock(migrations, lock)
    assert not len(load_graph(migrations))
    ours, limit = in_turn(
        rounds,
        lambda: _run("-m", "autodiff", "check", "--offline", folder=folder),
        lambda: _import_models(folder),
    )
    return Row(
        work=f"check --offline, {tables:,} tables",
        database="none",
        ours=ours,
        limit=limit,
        wanted="0.15 s over the baseline",
    )


def checked(kind: str, url: sa.URL, folder: Path, tables: int, rounds: int) -> Row:
    """Measure `autodiff check` and `alembic check`; the baseline imports only the models."""
    create(url, models(tables))
    url_text = url.render_as_string(hide_password=False)
    _project(folder, tables, f'url = "{url_text}"\n')
    (folder / "scripts" / "versions").mkdir(parents=True)
    (folder / "alembic.ini").write_text(_INI)
    (folder / "scripts" / "env.py").write_text(_ENV.format(url=url_text))
    ours, theirs, limit = in_turn(
        rounds,
        lambda: _run("-m", "autodiff", "check", folder=folder),
        lambda: _run("-m", "alembic", "check", folder=folder),
        lambda: _import_models(folder),
    )
    most = {"sqlite": "0.15", "postgresql": "0.2", "mariadb": "0.25"}[kind]
    return Row(
        work=f"check, {tables:,} tables",
        database=kind,
        ours=ours,
        theirs=theirs,
        limit=limit,
        wanted=f"{most} s over the baseline",
    )


def _project(folder: Path, tables: int, settings: str = "") -> Path:
    """Write the models and settings of a project; return its empty folder of migrations."""
    migrations = folder / "migrations"
    migrations.mkdir(parents=True)
    (folder / "models.py").write_text(_MODELS.format(tables=tables))
    (folder / "autodiff.toml").write_text(f'models = "models:metadata"\n{settings}')
    return migrations


def _import_models(folder: Path) -> None:
    _run("-c", "import sqlalchemy, models", folder=folder)


def _run(*arguments: str, folder: Path | None = None) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}", "AUTODIFF_DEBUG": "1"}
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr or process.stdout
