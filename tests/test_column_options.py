"""Test that the options of a column are changed and restored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects.mysql.declared_options import register_options
from autodiff.schema.objects import Column
from tests.support import Folder, opened

CONFLICT = "sqlite_on_conflict_not_null"
INVISIBLE = "mysql_invisible"
NOT_NULL: Mapping[str, Any] = {"nullable": False}


def models(options: Mapping[str, Any]) -> sa.MetaData:
    """Return a table with a column that has some options."""
    register_options()
    metadata = sa.MetaData()
    key: sa.Column[Any] = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table(
        "t", metadata, key, sa.Column("a", sa.String(20), **options), sa.Column("b", sa.Integer)
    )
    return metadata


def column_of(url: sa.URL) -> Column | None:
    """Return the column as the catalog has it, with options that no model declares."""
    with opened(url) as db:
        return db.table("t").column("a")


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("sqlite", NOT_NULL, {**NOT_NULL, CONFLICT: "REPLACE", "server_default": "x"}),
        ("sqlite", NOT_NULL, {**NOT_NULL, CONFLICT: "ignore"}),
        ("sqlite", {}, {**NOT_NULL, CONFLICT: "IGNORE"}),
        ("sqlite", {**NOT_NULL, CONFLICT: "FAIL"}, {**NOT_NULL, CONFLICT: "ROLLBACK"}),
        ("sqlite", {**NOT_NULL, CONFLICT: "FAIL"}, {}),
        ("mariadb", {}, {INVISIBLE: True}),
        ("mariadb", {INVISIBLE: True}, {INVISIBLE: False}),
        ("mariadb", {**NOT_NULL, "server_default": "x"}, {INVISIBLE: True}),
    ],
)
def test_an_option_changes(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    kind: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """An upgrade leaves no difference, a downgrade restores the column, and the rows stay."""
    url = database(kind)
    first = Project(url, models(before), tmp_path)
    first.generate("first")
    first.upgrade()
    with opened(url) as db:
        db.execute("INSERT INTO t (id, a, b) VALUES (1, 'x', 2)")
    restored = column_of(url)
    second = Project(url, models(after), tmp_path)
    assert second.generate("second") is not None
    second.upgrade()
    assert not second.check()
    assert column_of(url) != restored
    second.downgrade()
    assert column_of(url) == restored
    with opened(url) as db:
        assert db.rows("SELECT a, b FROM t") == [("x", 2)]


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("sqlite", "a TEXT NOT NULL ON CONFLICT IGNORE"),
        ("mariadb", "a VARCHAR(9) NOT NULL DEFAULT 'x' INVISIBLE"),
    ],
)
def test_an_option_that_no_model_has(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str, column: str
) -> None:
    """It is no difference; a column that becomes nullable gets it back in the downgrade."""
    url = database(kind)
    with opened(url) as db:
        db.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {column}, b INTEGER)")
    restored = column_of(url)

    type_, default = (sa.Text, None) if kind == "sqlite" else (sa.String(9), "x")

    def project(*, nullable: bool) -> Project:
        metadata = sa.MetaData()
        a: sa.Column[Any] = sa.Column("a", type_, nullable=nullable, server_default=default)
        key: sa.Column[Any] = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
        sa.Table("t", metadata, key, a, sa.Column("b", sa.Integer))
        return Project(url, metadata, tmp_path)

    assert not project(nullable=False).check()
    after = project(nullable=True)
    assert after.generate("nullable") is not None
    after.upgrade()
    assert not after.check()
    after.downgrade()
    assert column_of(url) == restored


def test_an_option_of_another_database_is_ignored(any_database: sa.URL, tmp_path: Path) -> None:
    """One migration can be for several databases; in a batch too."""
    folder = Folder(tmp_path / "migrations")
    folder.write(
        "aaa1",
        """
        op.create_table(
            "t",
            sa.Column("id", sa.Integer(), primary_key=True),
            sa.Column("a", sa.String(20), nullable=False, server_default="x"),
        )
        op.alter_column("t", "a", mysql_invisible=True, sqlite_on_conflict_not_null="replace")
        with op.batch_alter_table("t") as batch:
            batch.alter_column("a", mysql_invisible=False)
            batch.alter_column("a", sqlite_on_conflict_not_null=None)
        """,
        'op.drop_table("t")',
    )
    Project(any_database, directory=folder.path).upgrade()
    with opened(any_database) as db:
        assert [column.options for column in db.table("t").columns] == [{}, {}]
