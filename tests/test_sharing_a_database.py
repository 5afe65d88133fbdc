"""Two projects in one database: each has its own history, journal and lock."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.dialects.scope import HISTORY_TABLE, records_migrations
from autodiff.errors import ConfigError
from autodiff.runner.history_table import HistoryTable
from autodiff.runner.journal import Journal
from autodiff.schema.objects import Column, ColumnType, Name, Table
from tests.support import opened


def models(prefix: str, *columns: str) -> sa.MetaData:
    """Return one table with its own enum type and identity."""
    metadata = sa.MetaData()
    sa.Table(
        f"{prefix}_items",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Enum("a", "b", name=f"{prefix}_kind")),
        *(sa.Column(name, sa.String(20)) for name in columns),
    )
    return metadata


def project(url: sa.URL, folder: Path, prefix: str, *columns: str, history_table: str) -> Project:
    return Project(
        url,
        models(prefix, *columns),
        folder / prefix,
        include_tables=f"{prefix}_*",
        history_table=history_table,
    )


def history(url: sa.URL, table: str) -> list[str]:
    with opened(url) as db:
        return [row[0] for row in db.rows(f"SELECT name FROM {table} ORDER BY name")]


def tables(url: sa.URL) -> set[str]:
    with opened(url) as db:
        return set(sa.inspect(db.connection).get_table_names())


@pytest.mark.parametrize("second", ["shop_history", HISTORY_TABLE])
def test_two_projects_share_a_database(any_database: sa.URL, tmp_path: Path, second: str) -> None:
    """One project with the default table, or none: neither sees or touches the other's history."""
    blog = project(any_database, tmp_path, "blog", history_table="blog_history")
    shop = project(any_database, tmp_path, "shop", history_table=second)
    assert blog.generate("create blog") is not None
    blog.upgrade()
    assert shop.generate("create shop") is not None
    assert "blog" not in (tmp_path / "shop" / "0001_create_shop.py").read_text()
    shop.upgrade()
    assert not blog.check()
    assert not shop.check()

    more = project(any_database, tmp_path, "blog", "title", history_table="blog_history")
    assert [change for change in more.diff().summary() if "shop" in change] == []
    assert more.generate("add title") is not None
    more.upgrade()
    assert history(any_database, "blog_history") == ["0001_create_blog", "0002_add_title"]
    assert history(any_database, second) == ["0001_create_shop"]
    assert not more.check()

    listed = {item.name: item.reason for item in more.left_alone()}
    assert listed["blog_history"] == listed["blog_history_journal"] == "autodiff's own"
    assert not any(name.startswith((second, "autodiff_journal")) for name in listed)

    more.downgrade("base")
    assert "blog_items" not in tables(any_database)
    assert history(any_database, "blog_history") == []
    assert history(any_database, second) == ["0001_create_shop"]
    assert not shop.check()
    shop.downgrade("base")
    assert {"blog_history", "blog_history_journal", second} <= tables(any_database)


def test_projects_with_a_script(any_database: sa.URL, tmp_path: Path) -> None:
    """The script of a project creates and fills the tables that its setting names."""
    shop = project(any_database, tmp_path, "shop", history_table="shop_history")
    shop.generate("create shop")
    text = shop.script().text
    assert "shop_history" in text
    assert "shop_history_journal" in text
    assert "autodiff_history" not in text


@pytest.mark.parametrize("other", [HISTORY_TABLE, "shop_history"])
def test_projects_share_the_lock_if_they_share_the_history(
    any_database: sa.URL, other: str
) -> None:
    """A run of one project does not wait for a run of the other."""
    with opened(any_database) as first, opened(any_database) as second:
        session = dialect_of(first.connection).session
        taken = session.migration_lock(first.connection, None, "shop_history")
        assert taken.take("one")
        lock = session.migration_lock(second.connection, None, other)
        assert lock.take("two") == (other != "shop_history")
        if other != "shop_history":
            lock.release()
        taken.release()


def test_records_of_other_projects_are_recognized_by_their_columns() -> None:
    """The columns are those that this version creates."""
    for table in (HistoryTable(None, "x").table, Journal(None, "x").table):
        columns = [
            Column(name=column.name, type=ColumnType(sql="text"), nullable=False)
            for column in table.columns
        ]
        assert records_migrations(Table(name=Name(table.name), columns=tuple(columns)))
        assert not records_migrations(Table(name=Name(table.name), columns=tuple(columns[1:])))


def test_the_name_of_the_history_table_is_checked_in_code_too() -> None:
    with pytest.raises(ConfigError, match="history_table cannot be alembic_version"):
        Project("sqlite://", history_table="alembic_version")
