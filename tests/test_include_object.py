"""Test the settings that choose which objects are managed: patterns and a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import HookFailedError
from tests.support import opened


def models(*columns: str) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("nick", sa.String(20), unique=True),
        sa.Column("height", sa.Integer, sa.CheckConstraint("height > 0")),
        *(sa.Column(name, sa.String(20)) for name in columns),
        sa.Index("ix_height", "height"),
    )
    return metadata


def only_in_models(kind: str, name: str, schema: str | None, reflected: bool) -> bool:
    """Leave everything alone that only the database has."""
    return not reflected


def applied(url: sa.URL, folder: Path, metadata: sa.MetaData, hook: object = None) -> Project:
    project = Project(url, metadata, folder, include_object=hook)  # type: ignore[arg-type]
    project.generate("create")
    project.upgrade()
    return project


def test_include_tables_limits_both_sides(any_database: sa.URL, tmp_path: Path) -> None:
    """exclude_tables leaves out more; a table in no pattern is neither created nor dropped."""
    metadata = models()
    sa.Table("user_notes", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("other", metadata, sa.Column("id", sa.Integer, primary_key=True))
    with opened(any_database) as db:
        db.execute("CREATE TABLE legacy (a INTEGER)", "CREATE VIEW old AS SELECT a FROM legacy")
    project = Project(
        any_database,
        metadata,
        tmp_path / "m",
        include_tables="user*",
        exclude_tables=["*_notes"],
    )
    draft = project.draft("create")
    assert draft is not None
    assert draft.summary == ("+ table users",)
    draft.write()
    project.upgrade()
    assert not project.check()
    assert not project.diff()
    assert project.rehearse().passed
    reasons = {item.name: item.reason for item in project.left_alone()}
    assert reasons["legacy"] == reasons["old"] == "matches no pattern of include_tables"


def test_what_only_the_database_has_is_left_alone(any_database: sa.URL, tmp_path: Path) -> None:
    """Objects of the models are compared as usual, with and without names."""
    project = applied(any_database, tmp_path / "m", models(), only_in_models)
    assert not project.check()
    with opened(any_database) as db:
        db.execute(
            "CREATE TABLE legacy (a INTEGER)",
            "ALTER TABLE users ADD COLUMN extra INTEGER",
            "CREATE INDEX ix_extra ON users (extra)",
            "CREATE INDEX ix_more ON users (id, height)",
            "INSERT INTO users (id, nick, height, extra) VALUES (1, 'a', 1, 7)",
        )
    assert not project.check()
    assert not project.diff()
    assert project.generate("same") is None
    more = applied(any_database, tmp_path / "m", models("mail"), only_in_models)
    assert not more.check()
    assert more.rehearse().passed
    with opened(any_database) as db:
        assert db.rows("SELECT nick, height, extra, mail FROM users") == [("a", 1, 7, None)]


def test_a_rebuilt_table_keeps_what_is_left_out(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """SQLite copies a table to change a type; the copy has the columns that are left out."""
    url = database("sqlite")
    metadata = models()
    project = applied(url, tmp_path / "m", metadata, only_in_models)
    with opened(url) as db:
        db.execute(
            "ALTER TABLE users ADD COLUMN extra INTEGER",
            "CREATE INDEX ix_extra ON users (extra)",
            "INSERT INTO users (id, nick, height, extra) VALUES (1, 'a', 1, 7)",
        )
    metadata.tables["users"].c.nick.type = sa.String(50)
    assert project.generate("widen") is not None
    project.upgrade()
    assert not project.check()
    with opened(url) as db:
        assert db.rows("SELECT nick, extra FROM users") == [("a", 7)]
        assert db.rows("SELECT count(*) FROM sqlite_master WHERE name = 'ix_extra'") == [(1,)]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("column", "users.height"),
        ("index", "users.ix_height"),
        ("unique_constraint", "users.nick"),
        ("table", "users"),
    ],
)
def test_the_function_leaves_out_objects_of_the_models(
    any_database: sa.URL, tmp_path: Path, kind: str, name: str
) -> None:
    """What is left out is not created; `check` and the lock file agree."""
    asked: list[tuple[str, str, str | None, bool]] = []

    def include(*arguments: object) -> bool:
        asked.append(arguments)  # type: ignore[arg-type]
        return arguments[:2] != (kind, name)

    project = Project(any_database, models(), tmp_path / "m", include_object=include)
    draft = project.draft("create")
    if kind == "table":
        assert draft is None
        return
    assert draft is not None
    draft.write()
    project.upgrade()
    assert (kind, name, None, False) in asked
    assert not project.check()
    assert not project.check(offline=True)
    word = name.rpartition(".")[2]
    text = draft.path.read_text()
    assert word not in text if kind != "unique_constraint" else "unique" not in text.lower()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1 / 0", "app_hooks.py:3) failed: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "app_hooks.py:3) failed: SystemExit: 3"),
        ("pass", "app_hooks.py:2) failed: it returned None, not True or False"),
    ],
)
def test_an_error_in_the_function_names_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "app_hooks", raising=False)
    (tmp_path / "app_hooks.py").write_text(
        f"\ndef include(kind, name, schema, reflected):\n    {body}\n"
    )
    project = Project(
        "sqlite://", models(), tmp_path / "m", root=tmp_path, include_object="app_hooks:include"
    )
    with pytest.raises(HookFailedError) as error:
        project.draft("create")
    assert error.value.message == f"the hook include_object ({message}"
