"""Test Project.diff between models, databases and points of the history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project, diff, run
from autodiff.errors import ConfigError
from autodiff.migrations import LOCK_NAME
from tests.support import opened


def models(*columns: sa.Column[object], name: str = "users") -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def nick(length: int = 10, name: str = "nick") -> sa.Column[object]:
    return sa.Column(name, sa.String(length))


def start(url: sa.URL, folder: Path) -> Project:
    """Apply two migrations: one that creates users and one that adds users.nick."""
    project = Project(url, models(), folder)
    project.generate("users")
    project.upgrade()
    project = Project(url, models(nick()), folder)
    project.generate("nick")
    project.upgrade()
    return project


def test_the_database_and_the_models(any_database: sa.URL, tmp_path: Path) -> None:
    """By default the plan leads from the database to the models; swapped arguments reverse it."""
    start(any_database, tmp_path / "m")
    project = Project(any_database, models(nick(20), sa.Column("age", sa.Integer)), tmp_path / "m")
    plan = project.diff()
    assert [line.partition(":")[0] for line in plan.summary()] == [
        "~ column users.nick",
        "+ column users.age",
    ]
    reverse_plan = project.diff("models", "database")
    assert [line.partition(":")[0] for line in reverse_plan.summary()] == [
        "~ column users.nick",
        "- column users.age",
    ]
    assert reverse_plan.sql() and reverse_plan.sql() == plan.reverse_sql()
    with opened(any_database) as db:
        run(db.connection, plan)
        assert not project.diff()
        run(db.connection, reverse_plan)
        assert project.diff().summary() == plan.summary()


def test_points_of_the_history(any_database: sa.URL, tmp_path: Path) -> None:
    """A side is a number, a name, a revision, head, base, or relative to the database."""
    project = start(any_database, tmp_path / "m")
    head = project.graph().head
    assert head is not None
    for first, second in (("1", "2"), ("users", "head"), ("0001_users", head), ("-1", "database")):
        assert project.diff(first, second).summary() == ["+ column users.nick"], (first, second)
    assert project.diff("base", "1").summary() == ["+ table users"]
    assert project.diff("head", "base").summary() == ["- table users"]
    assert project.diff("head", "models").summary() == []
    assert project.diff("models", "-1").summary() == ["- column users.nick"]
    assert not project.diff("head", "head")
    project.downgrade()
    assert project.diff("database", "+1").summary() == ["+ column users.nick"]


def test_the_head_without_a_lock_file(any_database: sa.URL, tmp_path: Path) -> None:
    """Without a lock file, the schema of the head comes from replaying the history."""
    project = start(any_database, tmp_path / "m")
    (tmp_path / "m" / LOCK_NAME).unlink()
    assert project.diff("head", "database").summary() == []
    assert project.diff("head").summary() == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_two_databases(database: Callable[[str], sa.URL], kind: str, tmp_path: Path) -> None:
    """Views, keys and comments are compared too; applying the plan leaves no difference."""
    first, second = database(kind), database(kind)
    metadata = models(nick(), sa.Column("age", sa.Integer, index=True))
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
        sa.Column("kind", sa.Enum("a", "b", name="post_kind"), comment="of post"),
        sa.CheckConstraint("user_id > 0", name="ck_id"),
    )
    for url, wanted in ((first, models(nick(5))), (second, metadata)):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        wanted.create_all(engine)
    with opened(second) as db:
        db.execute("CREATE VIEW names AS SELECT nick FROM users")
    project = Project(directory=tmp_path)
    rendered_urls = [url.render_as_string(hide_password=False) for url in (first, second)]
    plan = project.diff(*rendered_urls)
    lines = plan.summary()
    assert "+ table posts" in lines
    assert "+ view names" in lines
    assert "+ index ix_users_age on users" in lines
    assert ("+ enum post_kind" in lines) == (kind == "postgresql")
    reverse_plan = project.diff(*reversed(rendered_urls))
    with opened(first) as db:
        before = db.state()
        run(db.connection, plan)
        assert project.diff(*rendered_urls).summary() == []
        assert project.diff(*reversed(rendered_urls)).summary() == []
        run(db.connection, reverse_plan)
        assert project.diff(*rendered_urls).summary() == lines
        assert db.state()[1:] == before[1:]


def test_two_kinds_of_databases_are_refused(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Each of them can still be compared with the models."""
    first, second = f"{database('sqlite')}", database("postgresql").render_as_string()
    project = Project(first, models(), tmp_path)
    with pytest.raises(ConfigError, match="postgresql and sqlite"):
        project.diff("database", second)
    assert project.diff(second, "models").summary() == ["+ table users"]


def test_a_possible_rename(any_database: sa.URL, tmp_path: Path) -> None:
    """It is planned as drop and add with a finding, or as a rename if that is given."""
    start(any_database, tmp_path / "m")
    project = Project(any_database, models(nick(name="handle")), tmp_path / "m")
    plan = project.diff()
    assert plan.summary() == ["+ column users.handle", "- column users.nick"]
    [finding] = plan.findings
    assert (finding.code, finding.hint) == ("possible-rename", "--rename users.nick:handle")
    assert project.diff(assume="drop-and-add").findings == ()
    renamed = project.diff(renames=["users.nick:handle"])
    assert (renamed.summary(), renamed.findings) == (["~ column users.nick -> handle"], ())
    reversed_plan = project.diff("models", "database", renames=["users.handle:nick"])
    assert reversed_plan.summary() == ["~ column users.handle -> nick"]


def test_rows_that_need_a_value(any_database: sa.URL, tmp_path: Path) -> None:
    """A missing fill is a finding, not an error; the SQL works on an empty table."""
    start(any_database, tmp_path / "m")
    metadata = models(nick(), sa.Column("age", sa.Integer, nullable=False))
    project = Project(any_database, metadata, tmp_path / "m")
    plan = project.diff()
    assert [finding.code for finding in plan.findings] == ["fill-needed"]
    assert not any("UPDATE" in sql for sql in plan.sql())
    assert project.diff(fills={"users.age": "0"}).findings == ()
    with opened(any_database) as db:
        run(db.connection, plan)
    assert not project.diff()


def test_both_defaults_of_a_number_are_spelled_alike() -> None:
    models = sa.MetaData()
    sa.Table("t", models, sa.Column("n", sa.Integer, server_default="2"))
    with sa.create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER DEFAULT 1)")
        assert [*diff(connection, models).summary()] == ["~ column t.n: default 1 -> 2"]
