"""Test new types of columns that would rewrite the table: a copy takes the place of the column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError, RowsInTheWayError
from tests.online.application import Version
from tests.online.project import REQUIRE, OnlineProject
from tests.support import opened

Database = Callable[[str], sa.URL]
SERVERS = pytest.mark.parametrize("kind", ["postgresql", "mariadb"])


def posts(
    stars: sa.types.TypeEngine[object] | None = None,
    *,
    default: str | None = "1",
    required: bool = True,
) -> sa.MetaData:
    """Return the models of posts, whose stars have everything that a column can have."""
    metadata = sa.MetaData()
    table = sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "stars",
            stars or sa.Integer(),
            nullable=not required,
            server_default=default,
            comment="how good",
        ),
        sa.Column("title", sa.String(20)),
        sa.UniqueConstraint("title", "stars", name="uq_posts_title"),
    )
    sa.Index("ix_posts_stars", table.c.stars)
    return metadata


ROWS = ("INSERT INTO posts (id, stars, title) VALUES (1, 5, 'a'), (2, 4, 'b')",)


@SERVERS
def test_two_versions_write_while_a_column_gets_another_type(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """No statement fails, no value is lost, and the column has all that it had before."""
    project = OnlineProject(database(kind), tmp_path, posts(), *ROWS)
    project.models(posts(sa.BigInteger()))
    draft = project.generate()
    assert draft.previous == () and draft.plan is not None and draft.plan.findings == ()
    old = Version(project.url, "posts", "stars", 1_000_000, oldest=1)
    new = Version(project.url, "posts", "stars", 2_000_000, oldest=2)
    with old.running(), new.running():
        project.project.upgrade()
    assert (old.errors, new.errors) == ([], [])
    assert project.clean() == ()
    with opened(project.url) as db:
        found = dict(db.rows("SELECT id, stars FROM posts WHERE id > 2"))
        assert found == {**old.written, **new.written}
        db.execute("INSERT INTO posts (id, title, stars) VALUES (3, 'c', DEFAULT)")
        assert db.rows("SELECT stars FROM posts WHERE id = 3") == [(1,)]
        with old.running():
            project.project.downgrade()
        assert old.errors == []
        found = dict(db.rows("SELECT id, stars FROM posts WHERE id > 3"))
        assert found == {**old.written, **new.written}
    project.models(posts())
    assert project.clean() == ()


@SERVERS
def test_a_failed_copy_can_be_removed_or_finished(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """The hidden column and its trigger are gone after the downgrade of the finished steps."""
    refused = {"postgresql": "invalid input syntax", "mariadb": "Incorrect integer value"}[kind]
    project = OnlineProject(database(kind), tmp_path, posts(sa.String(9), default=None))
    project.models(posts(sa.Integer(), default=None))
    path = project.generate().path
    path.write_text(REQUIRE.sub("", path.read_text()))
    with opened(project.url) as db:
        table = db.table("posts")
        db.execute("INSERT INTO posts (id, stars, title) VALUES (1, 'many', 'a')")
        for _ in range(2):
            with pytest.raises(MigrationFailedError, match=refused):
                project.project.upgrade()
            assert len(db.table("posts").columns) == 4
            project.project.downgrade()
            assert db.table("posts") == table
            db.execute("UPDATE posts SET title = 'b'")  # no trigger converts the value
        with pytest.raises(MigrationFailedError, match=refused):
            project.project.upgrade()
        db.execute("UPDATE posts SET stars = '7'")
        project.project.upgrade()
        assert db.rows("SELECT stars FROM posts") == [(7,)]
    assert project.clean() == ()


def shelves(number: sa.types.TypeEngine[object], code: sa.types.TypeEngine[object]) -> sa.MetaData:
    """Return the models of books, two columns of which have parts together, and a view of them."""
    metadata = sa.MetaData()
    shelf = sa.Table("shelves", metadata, sa.Column("number", sa.BigInteger, primary_key=True))
    books = sa.Table(
        "books",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("shelf", number, sa.ForeignKey(shelf.c.number, name="fk_shelf")),
        sa.Column("code", code, nullable=False),
        sa.CheckConstraint("shelf > 0", name="ck_shelf"),
        sa.UniqueConstraint("shelf", "code", name="uq_place"),
    )
    sa.Index("ix_both", books.c.code, books.c.shelf)
    sa.Index("ix_some", books.c.id, postgresql_where=books.c.shelf > 5)
    sa.CreateView(sa.select(books.c.id, books.c.shelf), "placed", metadata=metadata)
    return metadata


BOOKS = (
    "INSERT INTO shelves (number) VALUES (1), (7)",
    "INSERT INTO books (id, shelf, code) VALUES (1, 1, 10), (2, 7, 20), (3, NULL, 30)",
)


def test_what_belongs_to_the_columns_follows_them(database: Database, tmp_path: Path) -> None:
    """Two columns that share parts change at once, and their view is never missing."""
    before = shelves(sa.Integer(), sa.Integer())
    project = OnlineProject(database("postgresql"), tmp_path, before, *BOOKS)
    project.models(shelves(sa.BigInteger(), sa.Numeric(12, 0)))
    draft = project.generate()
    assert draft.plan is not None and draft.plan.findings == ()
    with opened(project.url) as db:
        table = db.table("books")
        rows = "SELECT id, shelf, code FROM books ORDER BY id"
        values = db.rows(rows)
        project.project.upgrade()
        assert project.clean() == ()
        assert db.rows(rows) == values
        assert db.rows("SELECT shelf FROM placed WHERE id = 2") == [(7,)]
        project.project.downgrade()
        assert db.rows(rows) == values
        found = db.table("books")
        order = [column.name for column in table.columns]
        columns = tuple(sorted(found.columns, key=lambda column: order.index(column.name)))
        assert replace(found, columns=columns) == table


@SERVERS
def test_a_type_that_loses_values_waits_for_the_deploy(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """The old version may write such values until then; rows that have one stop the migration."""
    project = OnlineProject(database(kind), tmp_path, posts(sa.BigInteger()), *ROWS)
    project.models(posts(sa.Integer()))
    draft = project.generate()
    assert draft.plan is not None and draft.plan.phase == "contract"
    assert "which loses numbers outside" in str(draft.plan.data_loss[0])
    assert project.project.upgrade(phase="expand") == []
    with opened(project.url) as db:
        db.execute("UPDATE posts SET stars = 5000000000 WHERE id = 1")
        with pytest.raises(RowsInTheWayError, match=r"posts.stars .* \(1 found: id 1\)"):
            project.project.upgrade()
        db.execute("UPDATE posts SET stars = 5 WHERE id = 1")
        project.project.upgrade()
        assert db.rows("SELECT stars FROM posts ORDER BY id") == [(5,), (4,)]
    assert project.clean() == ()


@SERVERS
def test_a_new_type_that_cannot_be_copied_is_reported(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """It is written as without --online."""

    def users(key: sa.types.TypeEngine[object]) -> sa.MetaData:
        metadata = sa.MetaData()
        sa.Table("users", metadata, sa.Column("id", key, primary_key=True, autoincrement=False))
        return metadata

    project = OnlineProject(database(kind), tmp_path, users(sa.Integer()))
    project.models(users(sa.BigInteger()))
    draft = project.generate()
    assert draft.plan is not None
    [finding] = draft.plan.findings
    assert finding.message.endswith("without blocking writes, because it is in the primary key")
    project.project.upgrade()
    assert project.clean() == ()
