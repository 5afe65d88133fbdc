"""Test lint with a connection: few rows make findings harmless on every database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from autodiff import Project
from tests.support import opened

MIGRATION = """\
revision = "1"
parents = ()

from autodiff import op


def upgrade():
    op.execute("DROP TABLE empty_one")
    op.execute("DROP TABLE with_rows")


def downgrade():
    raise NotImplementedError
"""


def test_an_empty_table_loses_nothing(any_database: sa.URL, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_drop.py").write_text(MIGRATION)
    with opened(any_database) as db:
        db.execute(
            "CREATE TABLE empty_one (id INTEGER)",
            "CREATE TABLE with_rows (id INTEGER)",
            "INSERT INTO with_rows VALUES (1)",
        )
        before = db.connection.dialect.server_version_info or ()
    result = Project(any_database, directory=folder).lint(connect=True)
    assert [finding.object for finding in result.findings] == ["with_rows"]
    assert (result.harmless, result.problems) == (1, ())
    assert result.databases[0].endswith(".".join(map(str, before)))
