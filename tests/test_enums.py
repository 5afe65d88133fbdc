"""Test renamed and removed enum values in a project: options, questions, errors and rehearsals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from autodiff import Project, diff
from autodiff.errors import PlanError, RenameUndecidedError
from autodiff.rehearse.draft import prove
from tests.support import opened


def models(*values: str, native: bool = False, **options: Any) -> sa.MetaData:
    """Return models of items with a mood: a native enum type, or a string with a check."""
    metadata = sa.MetaData()
    enum_type = sa.Enum(*values, name="mood", native_enum=native, create_constraint=True, length=9)
    sa.Table(
        "items",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        *([sa.Column("mood", enum_type, **options)] if values else []),
    )
    return metadata


class MoodProject:
    """A folder and a database with rows and one applied migration."""

    def __init__(self, url: sa.URL, folder: Path, metadata: sa.MetaData) -> None:
        self.url, self.folder = url, folder
        self.project(metadata).generate("items")
        self.project(metadata).upgrade()

    def project(self, metadata: sa.MetaData) -> Project:
        return Project(self.url, metadata, self.folder)

    def moods(self) -> list[Any]:
        with opened(self.url) as db:
            return [row[0] for row in db.rows("SELECT mood FROM items ORDER BY id")]

    def execute(self, *statements: str) -> None:
        with opened(self.url) as db:
            db.execute(*statements)


@pytest.fixture(params=[False, True], ids=["check", "native"])
def native(request: pytest.FixtureRequest) -> bool:
    is_native: bool = request.param
    return is_native


@pytest.fixture
def moods_project(any_database: sa.URL, tmp_path: Path, native: bool) -> MoodProject:
    moods_project = MoodProject(
        any_database, tmp_path / "migrations", models("sad", "ok", native=native)
    )
    moods_project.execute("INSERT INTO items (id, mood) VALUES (1, 'sad'), (2, 'ok')")
    return moods_project


def test_an_undecided_value_rename_is_refused(moods_project: MoodProject, native: bool) -> None:
    """The error lists the candidate, which works as --rename."""
    project = moods_project.project(models("low", "ok", native=native))
    with pytest.raises(RenameUndecidedError) as caught:
        project.generate("low")
    (candidate,) = caught.value.candidates
    assert candidate in ("mood.sad:low", "items.mood.sad:low")
    draft = project.draft("low", renames=[candidate])
    assert draft is not None and draft.proof is not None
    assert (draft.proof.lost, draft.proof.notes) == ((), ())


def test_a_renamed_value_keeps_its_rows(moods_project: MoodProject, native: bool) -> None:
    """The rows follow up and down; the column names the value on every database."""
    project = moods_project.project(models("low", "ok", native=native))
    project.generate("low", renames=["items.mood.sad:low"])
    project.upgrade()
    assert moods_project.moods() == ["low", "ok"]
    assert not project.check()
    project.downgrade()
    assert moods_project.moods() == ["sad", "ok"]


@pytest.mark.parametrize(
    ("values", "renames", "reason"),
    [
        (["ok"], ["sad:ok"], "mood already has that value"),
        (["low"], ["sad:low", "ok:low"], "mood.ok gets that name"),
    ],
)
def test_a_rename_that_merges_rows_is_refused(
    moods_project: MoodProject, native: bool, values: list[str], renames: list[str], reason: str
) -> None:
    """The downgrade could not tell the rows apart; a map does not promise that."""
    project = moods_project.project(models(*values, native=native))
    with pytest.raises(PlanError) as caught:
        project.draft("x", renames=[f"items.mood.{rename}" for rename in renames])
    assert caught.value.message.endswith(reason)
    assert f"mood.sad={values[0]}" in (caught.value.hint or "")


def test_a_value_may_be_mapped_to_the_new_name_of_another(
    moods_project: MoodProject, native: bool
) -> None:
    """The downgrade restores the renamed value."""
    project = moods_project.project(models("low", native=native))
    project.generate("low", renames=["items.mood.ok:low"], maps=["items.mood.sad=low"])
    project.upgrade()
    assert moods_project.moods() == ["low", "low"]
    assert not project.check()
    project.downgrade()
    assert moods_project.moods() == ["ok", "ok"]


def test_a_drop_and_an_add_may_be_assumed(moods_project: MoodProject, native: bool) -> None:
    """The old value is removed; its rows have to be mapped separately."""
    draft = moods_project.project(models("low", "ok", native=native)).draft(
        "x", assume="drop-and-add"
    )
    assert draft is not None and not any("sad -> low" in line for line in draft.summary)


class Answers:
    """A questioner that gives fixed answers and records the questions."""

    def __init__(self, rename: bool, value: str | None) -> None:
        self.rename, self.value = rename, value
        self.questions: list[str] = []

    def is_rename(self, candidate: Any) -> bool:
        self.questions.append(str(candidate))
        return self.rename

    def fill(self, needed: Any) -> str | None:
        return None

    def map_value(self, possible: Any) -> str | None:
        self.questions.append(f"{possible.key} to {', '.join(possible.choices)}")
        return self.value


def test_a_questioner_is_asked_for_a_rename_then_for_the_rows(
    moods_project: MoodProject, native: bool
) -> None:
    """After no to the rename, it is asked for the new value of the rows."""
    answers = Answers(rename=False, value="ok")
    project = moods_project.project(models("low", "ok", native=native))
    project.generate("low", questioner=answers)
    owner = answers.questions[0].removesuffix(".sad:low")
    assert answers.questions == [f"{owner}.sad:low", f"{owner}.sad to low, ok"]
    project.upgrade()
    assert moods_project.moods() == ["ok", "ok"]
    assert not project.check()


def test_mapped_rows_are_reported_as_lost(moods_project: MoodProject, native: bool) -> None:
    """The rehearsal has rows with the value, which the downgrade does not restore."""
    project = moods_project.project(models("ok", native=native))
    draft = project.draft("ok", maps=["items.mood.sad=ok"])
    assert draft is not None and draft.proof is not None
    assert draft.proof.lost == (
        "upgrade: the values of items.mood",
        "downgrade: the values of items.mood",
    )
    assert draft.proof.notes == ()
    draft.write()
    project.upgrade()
    assert moods_project.moods() == ["ok", "ok"]
    project.downgrade()
    assert moods_project.moods() == ["ok", "ok"]


def test_a_value_is_mapped_to_a_value_of_another_type(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A questioner is asked for the rows of a value that the column's new type does not have."""
    moods = MoodProject(database("postgresql"), tmp_path, models("sad", "ok", native=True))
    moods.execute("INSERT INTO items (id, mood) VALUES (1, 'sad'), (2, 'ok')")
    metadata, feeling = sa.MetaData(), sa.Enum("ok", "low", name="feeling")
    columns = [sa.Column("id", sa.Integer, primary_key=True), sa.Column("mood", feeling)]
    sa.Table("items", metadata, *columns)
    answers = Answers(rename=False, value="low")
    moods.project(metadata).generate("feeling", questioner=answers)
    moods.project(metadata).upgrade()
    assert moods.moods() == ["low", "ok"]
    assert not moods.project(metadata).check()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("items.mood.sda=ok", "cannot map items.mood.sda: the database has no such value"),
        ("items.mood.sad=glad", "sad to glad: the models have no such value"),
        ("items.mood.ok=sad", "ok: no such value is removed"),
    ],
)
def test_a_wrong_map_is_refused(
    moods_project: MoodProject, native: bool, mapping: str, message: str
) -> None:
    """The error names the reason."""
    with pytest.raises(PlanError) as caught:
        moods_project.project(models("ok", native=native)).draft("x", maps=[mapping])
    assert message in caught.value.message
    assert caught.value.hint


def test_a_comment_of_a_type_is_kept(database: Callable[[str], sa.URL]) -> None:
    """It is kept when the type is recreated and is restored by the downgrade."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models("sad", "ok", native=True).create_all(connection)
        connection.exec_driver_sql("COMMENT ON TYPE mood IS 'how it feels'")
        connection.commit()
        plan = diff(connection, models("sad", "ok", "glad", native=True))
        connection.rollback()
    assert "comment=" not in plan.source("x").split("def downgrade")[0]
    assert 'comment="how it feels"' in plan.source("x")
    assert "COMMENT ON TYPE mood IS 'how it feels'" in plan.reverse_sql()
    engine.dispose()


def test_a_table_is_rewritten_once_for_all_columns_of_a_type(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """One ALTER TABLE converts them and their defaults, although a check compares two of them."""

    def colored(*values: str) -> sa.MetaData:
        metadata, color = sa.MetaData(), sa.Enum(*values, name="color")
        for name in ("cars", "houses"):
            sa.Table(
                name,
                metadata,
                sa.Column("id", sa.Integer, primary_key=True),
                sa.Column("inside", color, server_default="red"),
                sa.Column("outside", color),
                sa.Column("others", postgresql.ARRAY(color), server_default="{red}"),
                sa.CheckConstraint("inside <> outside", name=f"{name}_differ"),
            )
        return metadata

    url = database("postgresql")
    colors = MoodProject(url, tmp_path / "migrations", colored("red", "blue", "pink"))
    colors.execute("INSERT INTO cars (id, outside) VALUES (1, 'blue')")
    draft = colors.project(colored("red", "blue")).draft("no pink")
    assert draft is not None and draft.proof is not None and draft.proof.passed
    draft.write()
    project = colors.project(colored("red", "blue"))
    [applied] = project.upgrade()
    changed = [words[2] for sql in project.sql(applied) if "USING" in (words := sql.split())]
    assert changed == ["cars", "houses"]
    assert not project.check()
    with opened(url) as db:
        assert db.rows("SELECT * FROM cars") == [(1, "red", "blue", "{red}")]
    project.downgrade()


def test_an_unused_type_of_the_lock_file_is_dropped(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """If its column was dropped manually, the lock file shows that the models owned the type."""
    before = models("sad", native=True)
    moods_project = MoodProject(database("postgresql"), tmp_path / "migrations", before)
    moods_project.execute("ALTER TABLE items DROP COLUMN mood", "CREATE TYPE other AS ENUM ('a')")
    project = moods_project.project(models())
    draft = project.draft("no mood")
    assert draft is not None and draft.summary == ("- enum mood",)
    assert draft.proof is not None and draft.proof.passed
    draft.write()
    project.upgrade()
    assert not project.check()
    assert project.draft("nothing") is None
    project.downgrade()


def test_a_type_used_by_excluded_tables_is_kept(database: Callable[[str], sa.URL]) -> None:
    """Values cannot be removed from the type, but can be added."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models("sad", "ok", native=True).create_all(connection)
        connection.exec_driver_sql("CREATE TABLE foreign_land (moods mood[])")
        connection.commit()
        plan = diff(connection, models(), exclude=["foreign_land"])
        connection.rollback()
        assert plan.summary() == ["- column items.mood"]
        metadata = models("ok", native=True)
        with pytest.raises(PlanError) as caught:
            diff(connection, metadata, exclude=["foreign_land"])
        connection.rollback()
        more = diff(connection, models("sad", "ok", "x", native=True), exclude=["foreign_land"])
        connection.rollback()
    assert caught.value.message == (
        "cannot recreate enum mood: tables that autodiff does not manage use it"
    )
    assert more.summary() == ["~ enum mood: + x"]
    engine.dispose()


def test_a_value_added_under_a_check_passes_the_rehearsal(
    database: Callable[[str], sa.URL],
) -> None:
    """The downgrade drops the check, recreates the type and adds the check again."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)

    def checked(*values: str) -> sa.MetaData:
        metadata = models(*values, native=True)
        check = sa.CheckConstraint("mood <> 'sad' OR id > 0", name="ck")
        metadata.tables["items"].append_constraint(check)
        return metadata

    with engine.connect() as connection:
        checked("sad", "ok").create_all(connection)
        connection.commit()
        plan = diff(connection, checked("sad", "ok", "glad"))
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None and proof.passed and proof.notes == ()
    assert [type(step).__name__ for step in plan.operations] == ["AlterEnum"]
    reverse_operations = ["Require", "DropConstraint", "AlterEnum", "AddConstraint"]
    assert [type(step).__name__ for step in plan.reverse()] == reverse_operations
    engine.dispose()
