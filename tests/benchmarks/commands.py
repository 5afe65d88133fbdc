"""The command line: help, and the check that needs no database, as processes of their own."""

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
    """autodiff --help beside alembic --help."""
    ours, theirs = in_turn(
        rounds, lambda: _run("-m", "autodiff", "--help"), lambda: _run("-m", "alembic", "--help")
    )
    return Row(work="--help", database="none", ours=ours, theirs=theirs, wanted="2 times")


def checked_offline(folder: Path, tables: int, rounds: int) -> Row:
    """autodiff check --offline; the limit is to import SQLAlchemy and the models."""
    migrations = _project(folder, tables)
    declared = declare(models(tables), dialect_for("postgresql"))
    lock = LockFile(database="postgresql 18", declared=declared, described=declared)
    write_lock(migrations, lock)
    assert not len(load_graph(migrations))
    ours, limit = in_turn(
        rounds,
        lambda: _run("-m", "autodiff", "check", "--offline", folder=folder),
        lambda: _imported(folder),
    )
    return Row(
        work=f"check --offline, {tables:,} tables",
        database="none",
        ours=ours,
        limit=limit,
        wanted="0.25 s over the limit",
    )


def checked(kind: str, url: sa.URL, folder: Path, tables: int, rounds: int) -> Row:
    """autodiff check beside alembic check; the limit is to import SQLAlchemy and the models."""
    create(url, models(tables))
    said = url.render_as_string(hide_password=False)
    _project(folder, tables, f'url = "{said}"\n')
    (folder / "scripts" / "versions").mkdir(parents=True)
    (folder / "alembic.ini").write_text(_INI)
    (folder / "scripts" / "env.py").write_text(_ENV.format(url=said))
    ours, theirs, limit = in_turn(
        rounds,
        lambda: _run("-m", "autodiff", "check", folder=folder),
        lambda: _run("-m", "alembic", "check", folder=folder),
        lambda: _imported(folder),
    )
    work = f"check, {tables:,} tables"
    return Row(work=work, database=kind, ours=ours, theirs=theirs, limit=limit)


def _project(folder: Path, tables: int, settings: str = "") -> Path:
    """Writes models and settings; returns the folder of the migrations, in which are none."""
    migrations = folder / "migrations"
    migrations.mkdir(parents=True)
    (folder / "models.py").write_text(_MODELS.format(tables=tables))
    (folder / "autodiff.toml").write_text(f'models = "models:metadata"\n{settings}')
    return migrations


def _imported(folder: Path) -> None:
    _run("-c", "import sqlalchemy, models", folder=folder)


def _run(*arguments: str, folder: Path | None = None) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}", "AUTODIFF_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
