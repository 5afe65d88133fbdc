"""Test that generate --online writes steps that block no reads and writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import ConfigError, MigrationFailedError
from tests.online.project import REQUIRE, OnlineProject
from tests.support import opened

Database = Callable[[str], sa.URL]


def shop(**columns: sa.types.TypeEngine[object]) -> tuple[sa.MetaData, sa.Table, sa.Table]:
    """Return models of two tables without any constraint but their keys."""
    metadata = sa.MetaData()
    users = sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    posts = sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("author", sa.Integer),
        sa.Column("title", sa.String(50)),
        sa.Column("stars", sa.Integer),
    )
    return metadata, users, posts


ROWS = (
    "INSERT INTO users (id) VALUES (1)",
    "INSERT INTO posts (id, author, title, stars) VALUES (1, 1, 'a', 5), (2, 1, 'b', 4)",
)

CONSTRAINTS = """def upgrade() -> None:
    op.create_check_constraint(
        "few_stars",
        "posts",
        "stars < 6",
        postgresql_not_valid=True,
    )
    with op.autocommit():
        op.create_index(
            "uq_title",
            "posts",
            ["title"],
            unique=True,
            postgresql_concurrently=True,
        )
    op.execute("ALTER TABLE posts ADD CONSTRAINT uq_title UNIQUE USING INDEX uq_title")
    op.create_foreign_key(
        "fk_author",
        "posts",
        "users",
        ["author"],
        ["id"],
        postgresql_not_valid=True,
    )
    with op.autocommit():
        op.execute("ALTER TABLE posts VALIDATE CONSTRAINT few_stars")
        op.create_index("ix_stars", "posts", ["stars"], postgresql_concurrently=True)
        op.execute("ALTER TABLE posts VALIDATE CONSTRAINT fk_author")


def downgrade() -> None:
    op.drop_constraint("fk_author", "posts", type_="foreignkey")
    with op.autocommit():
        op.drop_index("ix_stars", "posts", postgresql_concurrently=True)
    op.drop_constraint("uq_title", "posts", type_="unique")
    op.drop_constraint("few_stars", "posts", type_="check")
"""


def constrained() -> sa.MetaData:
    """Return the models with a unique constraint, a check, a foreign key and an index."""
    metadata, _, posts = shop()
    posts.append_constraint(sa.UniqueConstraint("title", name="uq_title"))
    posts.append_constraint(sa.CheckConstraint("stars < 6", name="few_stars"))
    posts.append_constraint(sa.ForeignKeyConstraint(["author"], ["users.id"], name="fk_author"))
    sa.Index("ix_stars", posts.c.stars)
    return metadata


def test_postgresql_checks_rows_outside_of_the_transaction(
    database: Database, tmp_path: Path
) -> None:
    """The migration is applied and reverted on a database with rows, and leaves nothing to do."""
    project = OnlineProject(database("postgresql"), tmp_path, shop()[0], *ROWS)
    project.models(constrained())
    draft = project.generate()
    assert project.body(draft) == CONSTRAINTS
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade()
    project.models(shop()[0])
    assert project.clean() == ()


NOT_NULL = """def upgrade() -> None:
    op.create_check_constraint(
        "autodiff_posts_title_not_null",
        "posts",
        "title IS NOT NULL",
        postgresql_not_valid=True,
    )
    with op.autocommit():
        op.execute(
            "ALTER TABLE posts VALIDATE CONSTRAINT autodiff_posts_title_not_null",
        )
    op.alter_column("posts", "title", nullable=False)
    op.drop_constraint("autodiff_posts_title_not_null", "posts", type_="check")


def downgrade() -> None:
    op.alter_column("posts", "title", nullable=True)
"""


def required_title() -> sa.MetaData:
    """Return the models with a title that is NOT NULL."""
    metadata, _, posts = shop()
    posts.c.title.nullable = False
    return metadata


def test_tables_that_are_created_need_no_special_steps(database: Database, tmp_path: Path) -> None:
    """Nobody uses them yet, so that they are created with all their constraints."""
    metadata, _, posts = shop()
    key = sa.Column("id", sa.Integer, primary_key=True)
    post = sa.Column("post", sa.ForeignKey(posts.c.id), index=True)
    sa.Table("tags", metadata, key, post, sa.Column("name", sa.Text, unique=True))
    project = OnlineProject(database("postgresql"), tmp_path, shop()[0], *ROWS)
    project.models(metadata)
    body = project.body(project.generate())
    assert "op.create_table" in body
    assert "autocommit" not in body and "not_valid" not in body
    project.project.upgrade()
    assert project.clean() == ()


def test_postgresql_takes_not_null_from_a_check(database: Database, tmp_path: Path) -> None:
    """The check is dropped at the end."""
    project = OnlineProject(database("postgresql"), tmp_path, shop()[0], *ROWS)
    project.models(required_title())
    assert project.body(project.generate()) == NOT_NULL
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade()


def without_queries(path: Path) -> None:
    """Remove the queries that stop a migration before its first step, as if rows came later."""
    path.write_text(REQUIRE.sub("", path.read_text()))


def test_a_stopped_validation_can_be_resumed_or_reverted(
    database: Database, tmp_path: Path
) -> None:
    """A revert removes the check from which NOT NULL would have been taken."""
    project = OnlineProject(database("postgresql"), tmp_path, shop()[0], *ROWS)
    project.models(required_title())
    without_queries(project.generate().path)
    with opened(project.url) as db:
        db.execute("UPDATE posts SET title = NULL WHERE id = 1")
        with pytest.raises(MigrationFailedError, match="is violated by some row"):
            project.project.upgrade()
        assert len(db.table("posts").constraints) == 2
        project.project.downgrade()
        assert len(db.table("posts").constraints) == 1
        with pytest.raises(MigrationFailedError, match="is violated by some row"):
            project.project.upgrade()
        db.execute("UPDATE posts SET title = 'a' WHERE id = 1")
        project.project.upgrade()
        assert len(db.table("posts").constraints) == 1
    assert project.clean() == ()


def test_an_index_that_was_not_finished_is_built_again(database: Database, tmp_path: Path) -> None:
    """PostgreSQL leaves an invalid index behind, which the next run drops first.

    The downgrade of the finished steps drops it too.
    """
    project = OnlineProject(database("postgresql"), tmp_path, shop()[0], *ROWS)
    project.models(constrained())
    without_queries(project.generate().path)
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    with opened(project.url) as db:
        table = db.table("posts")
        db.execute("UPDATE posts SET title = 'x'")
        with pytest.raises(MigrationFailedError, match="could not create unique index"):
            project.project.upgrade()
        assert db.rows(invalid) == [(1,)]
        project.project.downgrade()
        assert db.rows(invalid) == [(0,)]
        assert db.table("posts") == table
        with pytest.raises(MigrationFailedError, match="could not create unique index"):
            project.project.upgrade()
        assert db.rows(invalid) == [(1,)]
        db.execute("UPDATE posts SET title = 'y' WHERE id = 2")
        project.project.upgrade()
        assert db.rows(invalid) == [(0,)]
    assert project.clean() == ()


MARIADB = """def upgrade() -> None:
    with op.online("INSTANT"):
        op.add_column("posts", sa.Column("kind", sa.String(20)))
    with op.online("NOCOPY"):
        op.create_index("ix_stars", "posts", ["stars"])


def downgrade() -> None:
    with op.online("NOCOPY"):
        op.drop_index("ix_stars", "posts")
    with op.online("INSTANT"):
        op.drop_column("posts", "kind")
"""


def test_mariadb_is_told_an_algorithm_that_blocks_no_writes(
    database: Database, tmp_path: Path
) -> None:
    """The best one that the server accepts for the table is found on a scratch database."""
    project = OnlineProject(database("mariadb"), tmp_path, shop()[0], *ROWS)
    metadata, _, posts = shop()
    posts.append_column(sa.Column("kind", sa.String(20)))
    sa.Index("ix_stars", posts.c.stars)
    project.models(metadata)
    draft = project.generate()
    assert project.body(draft) == MARIADB
    assert draft.plan is not None and draft.plan.findings == ()
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade()


def test_an_algorithm_that_the_server_refuses_stops_the_migration(
    database: Database, tmp_path: Path
) -> None:
    """Nothing is changed, instead of blocking writes while the table is copied."""
    project = OnlineProject(database("mariadb"), tmp_path, shop()[0], *ROWS)
    metadata, _, posts = shop()
    posts.append_column(sa.Column("kind", sa.String(20)))
    project.models(metadata)
    path = project.generate().path
    path.write_text(
        path.read_text().replace(
            'op.add_column("posts", sa.Column("kind", sa.String(20)))',
            'op.alter_column("posts", "stars", type_=sa.BigInteger())',
        )
    )
    with pytest.raises(MigrationFailedError, match="ALGORITHM=INSTANT is not supported"):
        project.project.upgrade()
    with opened(project.url) as db:
        assert db.table("posts").column("kind") is None


def test_sqlite_has_no_migrations_without_blocking(database: Database, tmp_path: Path) -> None:
    project = OnlineProject(database("sqlite"), tmp_path, shop()[0], *ROWS)
    with pytest.raises(ConfigError) as caught:
        project.generate()
    assert "every ALTER TABLE and every index locks the whole database" in caught.value.message
    assert caught.value.hint is not None and "pass --no-online" in caught.value.hint


@pytest.mark.parametrize("format", ["sql", "alembic"])
def test_only_python_files_can_be_online(database: Database, tmp_path: Path, format: str) -> None:
    project = OnlineProject(database("postgresql"), tmp_path, shop()[0], *ROWS)
    with pytest.raises(ConfigError, match="recorded and resumed one by one") as caught:
        project.generate(format=format)
    assert caught.value.hint is not None and "write a Python file" in caught.value.hint
