"""Test adopt --baseline: an existing database gets its first migration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import DatabaseError, HistoryError
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
