"""Values that are renamed or go, through a project: told, asked, refused, and proved with rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project, diff
from autodiff.errors import PlanError, RenameUndecidedError
from autodiff.rehearse.draft import prove
from tests.support import opened


def models(*values: str, native: bool = False, **options: Any) -> sa.MetaData:
    """Items with a mood: of a native enum type where there is one, or of a text and a check."""
    metadata = sa.MetaData()
    kind = sa.Enum(*values, name="mood", native_enum=native, create_constraint=True, length=9)
    sa.Table(
        "items",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        *([sa.Column("mood", kind, **options)] if values else []),
    )
    return metadata


class Place:
    """A folder and a database with one migration applied, and rows."""

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
    found: bool = request.param
    return found


@pytest.fixture
def place(any_database: sa.URL, tmp_path: Path, native: bool) -> Place:
    place = Place(any_database, tmp_path / "migrations", models("sad", "ok", native=native))
    place.execute("INSERT INTO items (id, mood) VALUES (1, 'sad'), (2, 'ok')")
    return place


def test_a_value_that_nobody_told_to_be_renamed_is_refused(place: Place, native: bool) -> None:
    """As a column is: no guess, and the option that answers."""
    project = place.project(models("low", "ok", native=native))
    with pytest.raises(RenameUndecidedError) as caught:
        project.generate("low")
    (candidate,) = caught.value.candidates
    assert candidate in ("mood.sad:low", "items.mood.sad:low")
    made = project.draft("low", renames=[candidate])
    assert made is not None and made.proof is not None
    assert (made.proof.lost, made.proof.notes) == ((), ())


def test_a_renamed_value_keeps_its_rows(place: Place, native: bool) -> None:
    """Up and down; the column names the value on every database."""
    project = place.project(models("low", "ok", native=native))
    project.generate("low", renames=["items.mood.sad:low"])
    project.upgrade()
    assert place.moods() == ["low", "ok"]
    assert not project.check()
    project.downgrade()
    assert place.moods() == ["sad", "ok"]


def test_a_drop_and_an_add_may_be_assumed(place: Place, native: bool) -> None:
    """Then the value goes, and the rows are another matter."""
    made = place.project(models("low", "ok", native=native)).draft("x", assume="drop-and-add")
    assert made is not None and not any("sad -> low" in line for line in made.summary)


class Answers:
    """A questioner that says what it was given, and keeps what it was asked."""

    def __init__(self, rename: bool, value: str | None) -> None:
        self.rename, self.value = rename, value
        self.asked: list[str] = []

    def is_rename(self, candidate: Any) -> bool:
        self.asked.append(str(candidate))
        return self.rename

    def fill(self, needed: Any) -> str | None:
        return None

    def map_value(self, possible: Any) -> str | None:
        self.asked.append(f"{possible.key} to {', '.join(possible.choices)}")
        return self.value


def test_a_questioner_is_asked_for_a_rename_then_for_the_rows(place: Place, native: bool) -> None:
    """No to the first question leads to the second; the rows get what it says."""
    answers = Answers(rename=False, value="ok")
    project = place.project(models("low", "ok", native=native))
    project.generate("low", questioner=answers)
    owner = answers.asked[0].removesuffix(".sad:low")
    assert answers.asked == [f"{owner}.sad:low", f"{owner}.sad to low, ok"]
    project.upgrade()
    assert place.moods() == ["ok", "ok"]
    assert not project.check()


def test_mapped_rows_are_told_as_lost(place: Place, native: bool) -> None:
    """The rehearsal has rows with the value, and sees that it does not come back."""
    project = place.project(models("ok", native=native))
    made = project.draft("ok", maps=["items.mood.sad=ok"])
    assert made is not None and made.proof is not None
    assert made.proof.lost == (
        "upgrade: the values of items.mood",
        "downgrade: the values of items.mood",
    )
    assert made.proof.notes == ()
    made.write()
    project.upgrade()
    assert place.moods() == ["ok", "ok"]
    project.downgrade()
    assert place.moods() == ["ok", "ok"]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("items.mood.sda=ok", "cannot map items.mood.sda: the database has no such value"),
        ("items.mood.sad=glad", "sad to glad: the models have no such value"),
        ("items.mood.ok=sad", "ok: no such value is removed"),
    ],
)
def test_a_wrong_map_is_refused(place: Place, native: bool, told: str, message: str) -> None:
    """The error says what is wrong with it, and nothing is written."""
    with pytest.raises(PlanError) as caught:
        place.project(models("ok", native=native)).draft("x", maps=[told])
    assert message in caught.value.message
    assert caught.value.hint


def test_a_comment_of_a_type_is_kept(database: Callable[[str], sa.URL]) -> None:
    """Also where the type is made anew, down as up."""
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


def test_a_type_that_models_spoke_of_goes_although_no_table_uses_it(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A column dropped by hand left its type behind; the lock file knows whose it was."""
    before = models("sad", native=True)
    place = Place(database("postgresql"), tmp_path / "migrations", before)
    place.execute("ALTER TABLE items DROP COLUMN mood", "CREATE TYPE other AS ENUM ('a')")
    project = place.project(models())
    made = project.draft("no mood")
    assert made is not None and made.summary == ("- enum mood",)
    assert made.proof is not None and made.proof.passed
    made.write()
    project.upgrade()
    assert not project.check()
    assert project.draft("nothing") is None
    project.downgrade()


def test_a_type_that_other_tables_use_stays(database: Callable[[str], sa.URL]) -> None:
    """Those that are left alone too; a value can't be taken from them."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models("sad", "ok", native=True).create_all(connection)
        connection.exec_driver_sql("CREATE TABLE foreign_land (moods mood[])")
        connection.commit()
        plan = diff(connection, models(), exclude=["foreign_land"])
        connection.rollback()
        assert plan.summary() == ["- column items.mood"]
        wanted = models("ok", native=True)
        with pytest.raises(PlanError) as caught:
            diff(connection, wanted, exclude=["foreign_land"])
        connection.rollback()
        more = diff(connection, models("sad", "ok", "x", native=True), exclude=["foreign_land"])
        connection.rollback()
    assert caught.value.message == (
        "cannot recreate enum mood: tables that autodiff does not manage use it"
    )
    assert more.summary() == ["~ enum mood: + x"]
    engine.dispose()


def test_a_value_added_under_a_check_is_proved(database: Callable[[str], sa.URL]) -> None:
    """The way back makes the type anew, with the check aside."""
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
    back = ["Require", "DropConstraint", "AlterEnum", "AddConstraint"]
    assert [type(step).__name__ for step in plan.reverse()] == back
    engine.dispose()
