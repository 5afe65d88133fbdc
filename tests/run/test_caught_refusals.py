"""Test migrations that catch the error with which reading them without a database ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import HandWrittenError, MigrationFailedError
from tests.support import opened

FIRST = """
import sqlalchemy as sa
from autodiff import op

revision = "a1"
parents = ()


def upgrade():
    op.create_table("logs", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("logs")
"""
SECOND = """
import sqlalchemy as sa
from autodiff import op

revision = "b2"
parents = ("a1",)


def upgrade():
    try:
        if "logs" in sa.inspect(op.get_bind()).get_table_names():
            op.get_bind().execute(sa.text("INSERT INTO logs VALUES (1)"))
    {catch}
        pass


def downgrade():
    pass
"""


@pytest.fixture(params=["except Exception:", "except:"])
def project(request: pytest.FixtureRequest, any_database: sa.URL, tmp_path: Path) -> Project:
    (tmp_path / "0001_first.py").write_text(FIRST)
    (tmp_path / "0002_second.py").write_text(SECOND.format(catch=request.param))
    return Project(any_database, directory=tmp_path, allow_empty_models=True)


def test_a_script_is_refused(project: Project) -> None:
    """It would lack the rows, and record the migration as applied."""
    with pytest.raises(MigrationFailedError, match="uses the connection") as caught:
        project.script("base:head")
    assert "0002_second.py" in caught.value.message


def test_squash_does_not_leave_out_the_step(project: Project, any_database: sa.URL) -> None:
    with pytest.raises(HandWrittenError, match="get_bind"):
        project.squash(":", "all")
    project.upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT id FROM logs") == [(1,)]


def test_lint_and_the_preview_name_the_step(project: Project) -> None:
    assert "AD902" in [finding.code for finding in project.lint().findings]
    review = project.review(":head", offline=True)
    assert "not analyzed" in str(review)
