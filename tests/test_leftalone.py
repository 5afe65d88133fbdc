"""What is left alone is listed with a reason; views in the way of a plan are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from autodiff import Project
from tests.support import opened


def models(*columns: sa.Column[object]) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def nick(length: int = 10) -> sa.Column[object]:
    return sa.Column("nick", sa.String(length))


def start(url: sa.URL, folder: Path, **settings: object) -> Project:
    project = Project(url, models(nick()), folder, **settings)
    project.generate("users")
    project.upgrade()
    return project


TRIGGERS = {
    "sqlite": ["CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; END"],
    "mysql": ["CREATE TRIGGER t AFTER INSERT ON users FOR EACH ROW SET @x = 1"],
    "postgresql": [
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER t AFTER INSERT ON users EXECUTE FUNCTION f()",
    ],
}
TRIGGERS["mariadb"] = TRIGGERS["mysql"]


def test_what_is_left_alone(any_database: sa.URL, tmp_path: Path) -> None:
    """autodiff's own tables, excluded ones, unmanaged views, triggers: each with a reason."""
    project = start(any_database, tmp_path / "m", exclude_tables="legacy_*")
    with opened(any_database) as db:
        db.execute(
            "CREATE TABLE legacy_a (id integer)",
            "CREATE VIEW names AS SELECT nick FROM users",
            *TRIGGERS[any_database.get_backend_name()],
        )
    assert [str(item) for item in project.left_alone()] == [
        "table autodiff_history (autodiff's own)",
        "table autodiff_journal (autodiff's own)",
        "table legacy_a (matches exclude_tables)",
        "trigger t on users (triggers are not compared)",
        "view names (the models declare no views)",
    ]
    assert not project.check()


def test_postgresql_has_more(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Partitions, foreign schemas, exclusions, enums that nobody uses, objects of extensions."""
    url = database("postgresql")
    project = start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute(
            "CREATE TYPE mood AS ENUM ('a')",
            "CREATE SCHEMA other",
            "CREATE DOMAIN d AS integer",
            "CREATE TABLE p (id integer) PARTITION BY RANGE (id)",
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (2)",
            "ALTER TABLE users ADD CONSTRAINT alone EXCLUDE (nick WITH =)",
        )
    assert [str(item) for item in project.left_alone()] == [
        "domain d (domains are not compared)",
        "enum mood (no table uses it)",
        "exclusion constraint alone on users (the models have none)",
        "schema other (no model is in it)",
        "table autodiff_history (autodiff's own)",
        "table autodiff_journal (autodiff's own)",
        "table p1 (a partition of p)",
    ]


def test_a_view_that_reads_what_goes(any_database: sa.URL, tmp_path: Path) -> None:
    """A view that no model speaks of is named, with the column that it reads."""
    start(any_database, tmp_path / "m")
    with opened(any_database) as db:
        db.execute("CREATE VIEW names AS SELECT id, nick FROM users")
    project = Project(any_database, models(), tmp_path / "m")
    plan = project.diff()
    [finding] = plan.findings
    assert finding.code == "view-reads"
    assert finding.message.startswith("view names reads users.nick, which the migration drops")


def test_a_view_out_of_sight(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """In a schema without models, or excluded: the rehearsal can't see it, generate says it."""
    url = database("postgresql")
    start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute(
            "CREATE SCHEMA reports",
            "CREATE VIEW reports.names AS SELECT nick FROM users",
            "CREATE VIEW reports.ids AS SELECT id FROM users",
            "CREATE VIEW hidden AS SELECT nick FROM users",
        )
    for wanted, word in ((models(), "drops"), (models(nick(20)), "gives another type")):
        project = Project(url, wanted, tmp_path / "m", exclude_tables="hidden")
        draft = project.draft("x")
        assert draft is not None and draft.plan is not None
        assert [finding.message for finding in draft.plan.findings] == [
            f"view {name} reads users.nick, which the migration {word}: the migration would fail"
            for name in ("hidden", "reports.names")
        ]
        assert {finding.severity for finding in draft.plan.findings} == {"error"}


def test_a_view_that_is_made_again(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """One in sight is dropped and made again around a new type: nothing is in the way."""
    url = database("postgresql")
    start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute("CREATE VIEW names AS SELECT nick FROM users")
    draft = Project(url, models(nick(20)), tmp_path / "m").draft("x")
    assert draft is not None and draft.plan is not None
    assert draft.plan.findings == ()
