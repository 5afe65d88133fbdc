"""Fixtures for a project whose migrations are applied to many databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from tests.support import Folder, opened

TABLE = 'op.create_table("t{0}", sa.Column("id", sa.Integer(), primary_key=True))'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return three migrations that create one table each."""
    folder = Folder(tmp_path / "migrations")
    for number in (1, 2, 3):
        folder.write(f"aaa{number}", TABLE.format(number), f'op.drop_table("t{number}")')
    return folder


@pytest.fixture
def sqlite_project(tmp_path: Path, folder: Folder) -> Callable[..., Project]:
    """Return a function that makes a project with `count` SQLite files: t00, t01 and so on."""

    def make(count: int, **settings: object) -> Project:
        (tmp_path / "tenants").mkdir(exist_ok=True)
        names = "\n".join(f"t{number:02}" for number in range(count))
        (tmp_path / "tenants.txt").write_text(names)
        targets = {"file": "tenants.txt", "database": "tenants/{name}.db", **settings}
        url = f"sqlite:///{tmp_path / 'registry.db'}"
        return Project(url, directory=folder.path, root=tmp_path, targets=targets)

    return make


@pytest.fixture
def postgresql_project(
    database: Callable[[str], sa.URL], folder: Folder, tmp_path: Path
) -> Callable[..., Project]:
    """Return a function that makes a PostgreSQL project with `count` tenants, a schema each."""

    def make(count: int, **settings: object) -> Project:
        url = database("postgresql")
        with opened(url) as db:
            db.execute("CREATE TABLE tenants (id int, name text)")
            for number in range(count):
                db.execute(
                    f"INSERT INTO tenants VALUES ({number}, 't{number:02}')",
                    f'CREATE SCHEMA "Tenant {number}"',
                )
        targets = {
            "query": "SELECT name, id FROM tenants WHERE name LIKE 't%' ORDER BY id",
            "schema": "Tenant {id}",
            **settings,
        }
        return Project(url, directory=folder.path, root=tmp_path, targets=targets)

    return make
