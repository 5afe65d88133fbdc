"""Test adopt --baseline: an existing database gets its first migration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import DatabaseError, HistoryError, RehearsalFailedError
from autodiff.runner.runner import Runner
from autodiff.schema.objects import Schema
from tests.support import opened


def blog(**columns: sa.types.TypeEngine[object]) -> sa.MetaData:
    """Return models with keys, a check, a default and an index, and additional columns of posts."""
    metadata = sa.MetaData()
    sa.Table("authors", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("author_id", sa.ForeignKey("authors.id", ondelete="CASCADE"), nullable=False),
        sa.Column("title", sa.String(200), nullable=False, index=True),
        sa.Column("stars", sa.Integer, server_default="0"),
        sa.CheckConstraint("stars >= 0", name="ck_stars"),
        *(sa.Column(name, type_) for name, type_ in columns.items()),
    )
    return metadata


def create_blog(url: sa.URL) -> sa.URL:
    """Create the tables of the blog with rows, without autodiff; return the URL."""
    with opened(url) as db:
        blog().create_all(db.connection)
        db.execute(
            "INSERT INTO authors (id) VALUES (1)",
            "INSERT INTO posts (id, author_id, title) VALUES (1, 1, 'Hello')",
        )
    return url


def names_of(schema: Schema) -> set[str | None]:
    """Return the names of constraints and indexes, by which later migrations drop them."""
    parts = [p for t in schema.tables.values() for p in (*t.constraints, *t.indexes)]
    return {part.name for part in parts}


def test_the_baseline_creates_the_existing_schema(
    any_database: sa.URL, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """It is recorded here without being run, and gives an empty database the same schema."""
    project = Project(create_blog(any_database), blog(), tmp_path / "m")
    migration = project.baseline().write()
    assert migration.path.name == "0001_baseline.py"
    assert [row.revision for row in project.status().applied] == [migration.revision]
    assert not project.check() and not project.check(offline=True)
    empty_url = database(any_database.get_backend_name().replace("mysql", "mariadb"))
    Project(empty_url, directory=tmp_path / "m").upgrade()
    with opened(any_database) as db, opened(empty_url) as new_db:
        assert names_of(new_db.schema()) == names_of(db.schema())
        assert db.rows("SELECT title FROM posts") == [("Hello",)]
    assert not project.diff("database", f"{empty_url.render_as_string(hide_password=False)}")
    assert project.rehearse().passed


def test_additional_models_are_in_the_next_migration(any_database: sa.URL, tmp_path: Path) -> None:
    """The next generate writes only the difference."""
    project = Project(create_blog(any_database), blog(mood=sa.String(10)), tmp_path / "m")
    project.baseline("as it was").write()
    assert project.check().models == ("+ column posts.mood",)
    assert project.check().by_hand == ()
    assert project.check(offline=True).models == ("+ column posts.mood",)
    draft = project.draft("mood")
    assert draft is not None
    assert draft.summary == ("+ column posts.mood",)
    draft.write()
    project.upgrade()
    assert not project.check()


def test_a_baseline_needs_no_models(any_database: sa.URL, tmp_path: Path) -> None:
    project = Project(create_blog(any_database), directory=tmp_path / "m")
    baseline = project.baseline()
    assert baseline.draft.proof is not None and baseline.draft.proof.passed
    baseline.write()
    assert not Project(any_database, blog(), tmp_path / "m").check()


def test_empty_models_are_drift(any_database: sa.URL, tmp_path: Path) -> None:
    """The module of the models may not have been imported."""
    project = Project(create_blog(any_database), sa.MetaData(), tmp_path / "m")
    project.baseline().write()
    assert project.check().models == ("- table authors", "- table posts")
    assert project.check(offline=True).models == ("- table authors", "- table posts")


def test_objects_that_are_left_out_are_reported(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A trigger is not part of a generated migration."""
    url = create_blog(database("sqlite"))
    with opened(url) as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON posts BEGIN SELECT 1; END")
    baseline = Project(url, directory=tmp_path / "m").baseline()
    assert [item.name for item in baseline.left_out] == ["t on posts"]


def test_a_view_is_part_of_the_baseline(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """It is not drift, although the models do not declare it."""
    url = create_blog(database("postgresql"))
    with opened(url) as db:
        db.execute("CREATE VIEW titles AS SELECT title FROM posts")
    project = Project(url, blog(), tmp_path / "m")
    baseline = project.baseline()
    assert "op.create_view(" in baseline.draft.texts[baseline.draft.path]
    baseline.write()
    assert not project.check()


PREREQUISITES = (
    "CREATE SCHEMA outside",
    "CREATE EXTENSION citext SCHEMA outside",
    "CREATE TYPE mood AS ENUM ('a', 'b')",
    "CREATE DOMAIN year AS integer CONSTRAINT recent CHECK (VALUE > 1900)",
    'CREATE TYPE pair AS ("First" mood, second varchar(5) COLLATE "C", made year)',
    "SET check_function_bodies = off",
    "CREATE FUNCTION next_id() RETURNS integer LANGUAGE sql "
    "AS 'SELECT coalesce(max(id), 0) + 1 FROM films'",
    "SET check_function_bodies = on",
    "CREATE FUNCTION add_text(text, text) RETURNS text LANGUAGE plpgsql "
    "AS $$BEGIN RETURN $1 || ':x' || $2; END$$",
    "CREATE AGGREGATE all_text(text) (SFUNC = add_text, STYPE = text, INITCOND = 'it''s')",
    "CREATE FUNCTION unused() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE films (id integer PRIMARY KEY DEFAULT next_id(), made year, years year[], "
    "pair pair, title outside.citext)",
    "CREATE VIEW titles AS SELECT all_text(title::text) AS titles FROM films",
)


def test_what_tables_need_is_part_of_the_baseline(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """PostgreSQL: extensions, domains, composite types, functions and aggregates."""
    url, empty_url = database("postgresql"), database("postgresql")
    with opened(url) as db:
        db.execute(*PREREQUISITES)
    baseline = Project(url, directory=tmp_path / "m").baseline()
    assert baseline.draft.proof is not None and baseline.draft.proof.passed
    assert [str(item) for item in baseline.left_out] == [
        "function unused() (functions are not compared)"
    ]
    baseline.write()
    project = Project(empty_url, directory=tmp_path / "m")
    project.upgrade()
    assert project.rehearse().passed
    with opened(empty_url) as db:
        db.execute("INSERT INTO films (title, made) VALUES ('a', 1901), ('b', NULL)")
        assert db.rows("SELECT * FROM titles") == [("it's:xa:xb",)]
        checks = "SELECT conname FROM pg_constraint WHERE contypid = 'year'::regtype"
        assert db.rows(f"{checks} AND contype = 'c'") == [("recent",)]
    project.downgrade("base")


def test_left_out_objects_that_a_view_needs_are_named(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A function that returns rows of a table cannot be created before it."""
    url = create_blog(database("postgresql"))
    with opened(url) as db:
        db.execute(
            "CREATE FUNCTION recent() RETURNS SETOF posts LANGUAGE sql "
            "AS 'SELECT * FROM public.posts'",
            "CREATE VIEW titles AS SELECT title FROM recent()",
        )
    with pytest.raises(RehearsalFailedError) as caught:
        Project(url, directory=tmp_path / "m").baseline()
    assert caught.value.problems[1:] == (
        "left out of the baseline: function recent() (functions are not compared)",
    )
    assert caught.value.hint is not None and "op.execute" in caught.value.hint


def test_excluded_tables_are_left_out(any_database: sa.URL, tmp_path: Path) -> None:
    """The version table of Alembic is excluded too."""
    with opened(create_blog(any_database)) as db:
        db.execute("CREATE TABLE cache (id INTEGER)", "CREATE TABLE alembic_version (v INTEGER)")
    project = Project(any_database, directory=tmp_path / "m", exclude_tables=["cache"])
    assert project.baseline().draft.summary == ("+ table authors", "+ table posts")


def test_an_empty_database_has_nothing_to_adopt(any_database: sa.URL, tmp_path: Path) -> None:
    """The hint suggests to generate from the models."""
    with opened(any_database) as db:
        db.execute("CREATE TABLE autodiff_history (a INTEGER)", "DROP TABLE autodiff_history")
    with pytest.raises(HistoryError) as caught:
        Project(any_database, blog(), tmp_path / "m").baseline()
    assert str(caught.value) == (
        "cannot create a baseline: the database has no tables\n"
        'hint: generate the first migration from the models: autodiff generate -m "..."'
    )


def test_a_project_with_migrations_is_refused(any_database: sa.URL, tmp_path: Path) -> None:
    """The folder may have migrations, or the database may have recorded some."""
    project = Project(create_blog(any_database), blog(), tmp_path / "m")
    project.baseline().write()
    with pytest.raises(HistoryError) as caught:
        project.baseline()
    assert ": 0001_baseline.py" in caught.value.message
    assert caught.value.hint == "if the database has their changes, run autodiff stamp"
    with pytest.raises(HistoryError, match="lacks applied migrations"):
        Project(any_database, blog(), tmp_path / "other").baseline()


def test_no_file_is_left_if_recording_fails(
    any_database: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse(*arguments: object) -> None:
        raise DatabaseError("read-only")

    project = Project(create_blog(any_database), blog(), tmp_path / "m")
    baseline = project.baseline()
    monkeypatch.setattr(Runner, "stamp", refuse)
    with pytest.raises(DatabaseError, match="read-only"):
        baseline.write()
    assert list((tmp_path / "m").iterdir()) == []


def kinds(length: int | None) -> sa.MetaData:
    """Return models with a condition that PostgreSQL spells in another way."""
    metadata = sa.MetaData()
    condition = "(kind = 'c' AND a IS NOT NULL) OR kind <> 'c'"
    sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(length)),
        sa.Column("a", sa.Integer),
        sa.CheckConstraint(condition, name="ck"),
        sa.Index("ix", "kind", postgresql_where=sa.text("a > 1 AND kind IN ('c', 'd')")),
    )
    return metadata


def test_generate_brings_the_spelling_of_the_models_into_the_lock_file(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The models differed at first, so the lock file has the spelling of the database."""
    url = database("postgresql")
    with opened(url) as db:
        kinds(None).create_all(db.connection)
        db.connection.commit()
    Project(url, kinds(7), tmp_path / "m").baseline().write()
    project = Project(url, kinds(None), tmp_path / "m")
    assert not project.check() and project.check(offline=True)
    assert project.generate("nothing") is None
    assert not project.check(offline=True)
    assert Project(url, kinds(7), tmp_path / "m").check(offline=True)


def test_generate_keeps_a_lock_file_that_differs(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A change that was made by hand is in no migration, although the models have it too."""
    url = database("postgresql")
    with opened(url) as db:
        kinds(None).create_all(db.connection)
        db.connection.commit()
    Project(url, kinds(7), tmp_path / "m").baseline().write()
    with opened(url) as db:
        db.execute("ALTER TABLE t ALTER kind TYPE varchar(7)")
    project = Project(url, kinds(7), tmp_path / "m")
    assert project.generate("nothing") is None
    assert project.check(offline=True)


def test_partitions_in_the_models_are_no_drift(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Tools that write models from a database write each partition as a table."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute(
            "CREATE TABLE p (id int, at date NOT NULL) PARTITION BY RANGE (at)",
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')",
        )
    models = sa.MetaData()
    for name in ("p", "p1"):
        columns = (sa.Column("id", sa.Integer), sa.Column("at", sa.Date, nullable=False))
        sa.Table(name, models, *columns)
    project = Project(url, models, tmp_path / "m")
    project.baseline().write()
    assert not project.check() and not project.check(offline=True)
    project.relock()
    assert not project.check()
    assert project.generate("nothing") is None
    assert not project.check() and not project.check(offline=True)
    models.tables["p"].append_column(sa.Column("more", sa.Integer))
    assert project.check(offline=True).models == ("+ column p.more",)
