"""Test that records of many migrations need no more statements than those of a few.

Each statement is a round trip to a server.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from tests.counting import counted_statements
from tests.support import Folder

REVISION = """
revision = "a{number}"
down_revision = {parent!r}


def upgrade():
    pass


def downgrade():
    pass
"""


def _project(url: sa.URL, root: Path, migrations: int) -> Project:
    folder = Folder(root)
    for number in range(migrations):
        folder.write(f"r{number}")
    return Project(url, directory=root)


def _edit(project: Project) -> None:
    for path in project.directory.glob("*.py"):
        path.write_text(path.read_text().replace("pass", "print()", 1))


def _stamp(url: sa.URL, root: Path, migrations: int) -> Callable[[], object]:
    return lambda: _project(url, root, migrations).stamp()


def _forget(url: sa.URL, root: Path, migrations: int) -> Callable[[], object]:
    project = _project(url, root, migrations)
    project.stamp()
    for path in root.glob("*.py"):
        path.unlink()
    return lambda: project.repair(missing=True)


def _accept_edits(url: sa.URL, root: Path, migrations: int) -> Callable[[], object]:
    project = _project(url, root, migrations)
    project.stamp()
    _edit(project)
    return lambda: project.repair(edited=True)


def _fold(url: sa.URL, root: Path, migrations: int) -> Callable[[], object]:
    project = _project(url, root, migrations)
    project.stamp()
    project.squash(":", "all").write()
    return project.upgrade


def _follow_alembic(url: sa.URL, root: Path, migrations: int) -> Callable[[], object]:
    versions = root / "alembic" / "versions"
    versions.mkdir(parents=True)
    (root / "alembic" / "env.py").write_text("raise SystemExit('not to be run')")
    for number in range(migrations):
        parent = f"a{number - 1}" if number else None
        (versions / f"a{number}.py").write_text(REVISION.format(number=number, parent=parent))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('a{migrations - 1}')")
    engine.dispose()
    (root / "m").mkdir()
    project = Project(url, sa.MetaData(), root / "m")
    return project.adopt(root / "alembic").write


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
@pytest.mark.parametrize("work", [_stamp, _forget, _accept_edits, _fold, _follow_alembic])
def test_many_records_need_no_more_statements(
    work: Callable[[sa.URL, Path, int], Callable[[], object]],
    kind: str,
    database: Callable[[str], sa.URL],
    tmp_path: Path,
) -> None:
    counts = []
    for migrations in (3, 30):
        root = tmp_path / str(migrations)
        root.mkdir()
        run = work(database(kind), root, migrations)
        with counted_statements() as found:
            run()
        counts.append(found[0])
    few, many = counts
    assert 0 < many <= few
