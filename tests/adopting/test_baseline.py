"""adopt --baseline: a database that is there already gets its first migration."""

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
    """Posts with a key, a check, a default and an index; and more columns where given."""
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


def live(url: sa.URL) -> sa.URL:
    """A database that somebody made by other means, with rows."""
    with opened(url) as db:
        blog().create_all(db.connection)
        db.execute(
            "INSERT INTO authors (id) VALUES (1)",
            "INSERT INTO posts (id, author_id, title) VALUES (1, 1, 'Hello')",
        )
    return url


def names(schema: Schema) -> set[str | None]:
    """The names of constraints and indexes: later migrations drop them by these."""
    parts = [p for t in schema.tables.values() for p in (*t.constraints, *t.indexes)]
    return {part.name for part in parts}


def test_it_makes_what_the_database_has(
    any_database: sa.URL, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """On an empty database it gives the same schema; here it counts as applied, and is not run."""
    place = Project(live(any_database), blog(), tmp_path / "m")
    written = place.baseline().write()
    assert written.path.name == "0001_baseline.py"
    assert [row.revision for row in place.status().applied] == [written.revision]
    assert not place.check() and not place.check(offline=True)
    other = database(any_database.get_backend_name().replace("mysql", "mariadb"))
    Project(other, directory=tmp_path / "m").upgrade()
    with opened(any_database) as db, opened(other) as new:
        assert names(new.schema()) == names(db.schema())
        assert db.rows("SELECT title FROM posts") == [("Hello",)]
    assert not place.diff("database", f"{other.render_as_string(hide_password=False)}")
    assert place.rehearse().passed


def test_what_the_models_say_beyond_it_comes_next(any_database: sa.URL, tmp_path: Path) -> None:
    """The following generate gives just the difference."""
    place = Project(live(any_database), blog(mood=sa.String(10)), tmp_path / "m")
    place.baseline("as it was").write()
    assert place.check().models == ("+ column posts.mood",)
    assert place.check().by_hand == ()
    assert place.check(offline=True).models == ("+ column posts.mood",)
    draft = place.draft("mood")
    assert draft is not None
    assert draft.summary == ("+ column posts.mood",)
    draft.write()
    place.upgrade()
    assert not place.check()


def test_without_models(any_database: sa.URL, tmp_path: Path) -> None:
    """A database can be adopted before there are any."""
    place = Project(live(any_database), directory=tmp_path / "m")
    made = place.baseline()
    assert made.draft.proof is not None and made.draft.proof.passed
    made.write()
    assert not Project(any_database, blog(), tmp_path / "m").check()


def test_models_that_say_nothing(any_database: sa.URL, tmp_path: Path) -> None:
    """Models that nobody imported are drift, as they are without a baseline."""
    place = Project(live(any_database), sa.MetaData(), tmp_path / "m")
    place.baseline().write()
    assert place.check().models == ("- table authors", "- table posts")
    assert place.check(offline=True).models == ("- table authors", "- table posts")


def test_what_it_does_not_make_is_told(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A trigger is no part of a migration that is generated."""
    url = live(database("sqlite"))
    with opened(url) as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON posts BEGIN SELECT 1; END")
    made = Project(url, directory=tmp_path / "m").baseline()
    assert [item.name for item in made.left_out] == ["t on posts"]


def test_a_view_comes_along(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """What the models don't speak of is in the baseline, and is no drift."""
    url = live(database("postgresql"))
    with opened(url) as db:
        db.execute("CREATE VIEW titles AS SELECT title FROM posts")
    place = Project(url, blog(), tmp_path / "m")
    made = place.baseline()
    assert "op.create_view(" in made.draft.texts[made.draft.path]
    made.write()
    assert not place.check()


def test_tables_that_are_left_alone_are_left_out(any_database: sa.URL, tmp_path: Path) -> None:
    """exclude_tables, and Alembic's own."""
    with opened(live(any_database)) as db:
        db.execute("CREATE TABLE cache (id INTEGER)", "CREATE TABLE alembic_version (v INTEGER)")
    place = Project(any_database, directory=tmp_path / "m", exclude_tables=["cache"])
    assert place.baseline().draft.summary == ("+ table authors", "+ table posts")


def test_an_empty_database_has_nothing_to_adopt(any_database: sa.URL, tmp_path: Path) -> None:
    """The models are the place to begin."""
    with opened(any_database) as db:
        db.execute("CREATE TABLE autodiff_history (a INTEGER)", "DROP TABLE autodiff_history")
    with pytest.raises(HistoryError) as caught:
        Project(any_database, blog(), tmp_path / "m").baseline()
    assert str(caught.value) == (
        "cannot create a baseline: the database has no tables\n"
        'hint: generate the first migration from the models: autodiff generate -m "..."'
    )


def test_a_project_with_migrations_is_adopted(any_database: sa.URL, tmp_path: Path) -> None:
    """Neither where the folder has some, nor where the database had them."""
    place = Project(live(any_database), blog(), tmp_path / "m")
    place.baseline().write()
    with pytest.raises(HistoryError) as caught:
        place.baseline()
    assert ": 0001_baseline.py" in caught.value.message
    assert caught.value.hint == "if the database has their changes, run autodiff stamp"
    with pytest.raises(HistoryError, match="lacks applied migrations"):
        Project(any_database, blog(), tmp_path / "other").baseline()


def test_all_or_nothing(
    any_database: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it can't be recorded there is no file either."""

    def refuse(*arguments: object) -> None:
        raise DatabaseError("read-only")

    place = Project(live(any_database), blog(), tmp_path / "m")
    made = place.baseline()
    monkeypatch.setattr(Runner, "stamp", refuse)
    with pytest.raises(DatabaseError, match="read-only"):
        made.write()
    assert list((tmp_path / "m").iterdir()) == []
