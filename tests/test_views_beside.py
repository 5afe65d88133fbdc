"""Test that views of other tables do not prevent a migration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from tests.support import opened

VIEWS = (
    "CREATE VIEW v AS SELECT x FROM a",
    "CREATE VIEW w AS SELECT x FROM v",
    "CREATE VIEW u AS SELECT a.x, log.id FROM a JOIN log ON a.id = log.id",
    "CREATE VIEW kept AS SELECT x FROM unmanaged",
)


def models(*columns: sa.Column[int], name: str = "log") -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("a", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.Text))
    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


@pytest.mark.parametrize(
    ("metadata", "renames"),
    [
        (models(sa.Column("n", sa.Integer), sa.Column("k", sa.Integer)), ()),
        (models(), ()),
        (models(sa.Column("n", sa.Text)), ()),
        (models(sa.Column("nn", sa.Integer)), ("log.n:nn",)),
    ],
    ids=["added column", "dropped column", "new type", "renamed column"],
)
def test_a_view_of_another_table_is_no_obstacle(
    any_database: sa.URL, tmp_path: Path, metadata: sa.MetaData, renames: tuple[str, ...]
) -> None:
    """SQLite checks all views when it drops or renames a column."""
    before = models(sa.Column("n", sa.Integer))
    Project(any_database, before, tmp_path).generate("first")
    project = Project(any_database, metadata, tmp_path, exclude_tables=("unmanaged",))
    project.upgrade()
    with opened(any_database) as db:
        db.execute("CREATE TABLE unmanaged (x INTEGER)", *VIEWS)
        db.execute("INSERT INTO a VALUES (1, 'x')", "INSERT INTO log VALUES (1, 5)")
    draft = project.draft("second", renames=renames)
    assert draft is not None and draft.proof is not None
    assert draft.proof.skipped is None and draft.proof.passed
    draft.write()
    project.upgrade()
    assert not project.check().models
    with opened(any_database) as db:
        assert db.connection.exec_driver_sql("SELECT * FROM u").all() == [("x", 1)]
    project.downgrade("-1")
    with opened(any_database) as db:
        found = sa.inspect(db.connection).get_columns("log")
        assert [column["name"] for column in found] == ["id", "n"]
        assert db.connection.exec_driver_sql("SELECT * FROM w").all() == [("x",)]


def test_a_renamed_table_beside_a_view(any_database: sa.URL, tmp_path: Path) -> None:
    project = Project(any_database, models(), tmp_path)
    project.generate("first")
    project.upgrade()
    with opened(any_database) as db:
        db.execute(VIEWS[0])
    renamed = Project(any_database, models(name="lg"), tmp_path)
    renamed.generate("second", renames=("log:lg",))
    renamed.upgrade()
    assert not renamed.check().models


def test_a_view_of_an_unmanaged_table_that_must_be_created_again(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The scratch database cannot have it, so that the migration is not rehearsed."""
    url = database("postgresql")
    before = models(sa.Column("n", sa.Integer))
    Project(url, before, tmp_path).generate("first")
    after = models(sa.Column("n", sa.BigInteger))
    project = Project(url, after, tmp_path, exclude_tables=("unmanaged",))
    project.upgrade()
    with opened(url) as db:
        db.execute(
            "CREATE TABLE unmanaged (x INTEGER)",
            "CREATE VIEW both_of_them AS SELECT n FROM log JOIN unmanaged ON x = n",
        )
    draft = project.draft("second")
    assert draft is not None and draft.proof is not None
    assert "~ view both_of_them: dropped and created again" in draft.summary
    assert 'relation "unmanaged" does not exist' in str(draft.proof.skipped)
    draft.write()
    project.upgrade()
    assert not project.check().models
