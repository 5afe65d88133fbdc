"""autodiff rehearse: a history of five migrations, run for real on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import HistoryError
from autodiff.migrations import LOCK_NAME
from autodiff.rehearse import RehearsedHistory
from tests.support import Folder, opened

PEOPLE = (
    'op.create_table("people", sa.Column("id", sa.Integer(), primary_key=True), '
    'sa.Column("nick", sa.String(20)))'
)
POSTS = (
    'op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True), '
    'sa.Column("title", sa.String(50), nullable=False), '
    'sa.Column("person_id", sa.Integer(), '
    'sa.ForeignKey("people.id", name="posts_person_id_fkey")))'
)
DROP_KEY = (
    'op.drop_constraint("posts_person_id_fkey", "posts", type_="foreignkey")\n'
    'op.drop_column("posts", "person_id")'
)


def models(**more: sa.Column[object]) -> sa.MetaData:
    """What the five migrations come to."""
    metadata = sa.MetaData()
    sa.Table(
        "people",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("handle", sa.String(20)),
        sa.Column("age", sa.Integer),
        *more.values(),
    )
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.String(50), nullable=False),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id", name="posts_person_id_fkey")),
        sa.Index("ix_posts_title", "title"),
    )
    return metadata


def five(path: Path) -> Folder:
    """Five migrations that are in order; one is a pair of SQL files."""
    folder = Folder(path)
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    folder.write("bbbb", POSTS, 'op.drop_table("posts")')
    folder.write(
        "cccc",
        'op.rename_column("people", "nick", "handle")',
        'op.rename_column("people", "handle", "nick")',
    )
    folder.write_sql(
        "dddd", "ALTER TABLE people ADD COLUMN age INTEGER;", "ALTER TABLE people DROP COLUMN age;"
    )
    folder.write(
        "eeee",
        'op.create_index("ix_posts_title", "posts", ["title"])',
        'op.drop_index("ix_posts_title", "posts")',
    )
    return folder


class Place:
    """A project on a database, with five migrations that are in order."""

    def __init__(self, url: sa.URL, path: Path) -> None:
        self.url = url
        self.folder = five(path)

    def project(self, metadata: sa.MetaData | None = None, **settings: str) -> Project:
        return Project(self.url, metadata or models(), self.folder.path, **settings)

    def rehearse(self, target: str | None = None, **options: object) -> RehearsedHistory:
        with opened(self.url) as db:
            before = db.state()
            found = self.project().rehearse(target, **options)  # type: ignore[arg-type]
            assert db.state() == before
        return found


@pytest.fixture
def place(any_database: sa.URL, tmp_path: Path) -> Place:
    return Place(any_database, tmp_path / "migrations")


def statuses(found: RehearsedHistory) -> list[str]:
    return [f"{step.revision} {step.status}" for step in found.steps]


def test_a_history_passes(place: Place) -> None:
    """Each migration up, down and up, with rows; the live database stays as it is."""
    found = place.rehearse()
    assert found.passed, found.lines()
    assert statuses(found) == [f"{letter * 4} passed" for letter in "abcde"]
    assert found.problems == found.not_reached == ()
    assert found.notes == ("not compared with the lock file: there is none",)
    assert [step.lost for step in found.steps] == [(), (), (), (), ()]
    assert found.lines()[-1] == "5 migrations passed"


def test_a_broken_downgrade_is_found(place: Place) -> None:
    """One that fails, and one that leaves something; the rest is rehearsed all the same."""
    place.folder.write(
        "ffff",
        'op.add_column("posts", sa.Column("a", sa.Integer()))',
        'op.drop_column("posts", "b")',
    )
    place.folder.write(
        "9999",
        'op.add_column("people", sa.Column("b", sa.Integer()))\n'
        'op.add_column("people", sa.Column("c", sa.Integer()))',
        'op.drop_column("people", "b")',
    )
    place.folder.write("8888", "pass", "pass")
    found = place.rehearse()
    assert not found.passed
    assert statuses(found)[5:] == ["ffff failed", "9999 failed", "8888 passed"]
    assert found.steps[5].problems[0].startswith("downgrade fails: cannot do - column posts.b")
    assert found.steps[6].problems == ("downgrade leaves: - column people.c",)
    assert found.problems == (
        "models and migrations differ at the head: - column people.b",
        "models and migrations differ at the head: - column people.c",
        "models and migrations differ at the head: - column posts.a",
    )
    assert "not reverted to the base: 0007_step_9999 cannot be reverted" in found.notes


def test_a_lossy_one_is_told(place: Place) -> None:
    """Values that go with a column, up and down, are named; that is no failure."""
    place.folder.write(
        "ffff",
        'op.drop_column("people", "age")',
        'op.add_column("people", sa.Column("age", sa.Integer()))',
    )
    place.folder.write("9999", 'op.execute("DELETE FROM posts WHERE id = 1")')
    found = place.rehearse("0006:")
    assert statuses(found) == ["ffff passed", "9999 passed"]
    assert found.steps[0].lost == (
        "upgrade: the values of people.age",
        "downgrade: the values of people.age",
    )
    assert found.steps[1].lost == (
        "upgrade: 1 rows of table posts",
        "downgrade: 1 rows of table posts",
    )


def test_an_irreversible_one_is_said(place: Place) -> None:
    """A downgrade that raises on purpose, and one that is not there; neither ends the run."""
    place.folder.write(
        "ffff",
        'op.add_column("people", sa.Column("b", sa.Integer()))',
        'raise NotImplementedError("no way back")',
    )
    place.folder.write("9999", 'op.drop_column("people", "b")')
    found = place.rehearse()
    assert found.passed, found.lines()
    assert statuses(found)[5:] == ["ffff irreversible", "9999 irreversible"]
    assert found.steps[5].irreversible == "downgrade raises NotImplementedError: no way back"
    assert found.steps[6].irreversible == "downgrade is empty, and leaves: + column people.b"
    assert "not reverted to the base: 0007_step_9999 cannot be reverted" in found.notes


def test_a_name_error_is_no_purpose(place: Place) -> None:
    """Only a raise of the file's own makes a migration irreversible."""
    place.folder.write("ffff", "pass", "undefined")
    [step] = place.rehearse("head").steps
    assert step.status == "failed"
    assert step.problems == ("downgrade fails: NameError: name 'undefined' is not defined",)


def test_an_upgrade_that_fails_ends_the_run(place: Place) -> None:
    """What comes behind it is not reached, and is named."""
    place.folder.write("ffff", 'op.drop_column("people", "gone")')
    place.folder.write("9999")
    found = place.rehearse()
    assert not found.passed
    assert statuses(found)[5:] == ["ffff failed"]
    assert found.steps[5].problems[0].startswith("upgrade fails: cannot do - column people.gone")
    assert found.not_reached == ("0007_step_9999",)
    assert found.lines()[-1] == "7 migrations, 2 failed"


def test_rows_in_the_way_are_a_note(place: Place) -> None:
    """Made-up rows may break what live ones keep: it is tried without them, and said."""
    place.folder.write(
        "ffff",
        'op.create_check_constraint("ck_title", "posts", "length(title) > 45")',
        'op.drop_constraint("ck_title", "posts", type_="check")',
    )
    place.folder.write("9999")
    found = place.rehearse("0006:")
    assert statuses(found) == ["ffff passed", "9999 passed"]
    [note] = found.steps[0].notes
    assert note.startswith("upgrade fails with sample rows: cannot do + check posts.ck_title")
    assert place.rehearse("0006:", rows="none").steps[0].notes == ()


def test_one_migration_or_a_range(place: Place) -> None:
    """Those before are just applied: what is wrong with them is not looked at."""
    assert statuses(place.rehearse("0004")) == ["dddd passed"]
    assert statuses(place.rehearse("2:cccc")) == ["bbbb passed", "cccc passed"]
    assert statuses(place.rehearse("dddd:head")) == ["dddd passed", "eeee passed"]
    assert statuses(place.rehearse(":0002")) == ["aaaa passed", "bbbb passed"]
    with pytest.raises(HistoryError, match="does not come before"):
        place.rehearse("0004:0002")


def test_branches_that_were_joined(place: Place) -> None:
    """A history with a fork and a join is run in the order of the graph."""
    add = 'op.add_column("people", sa.Column("{0}", sa.Integer()))'
    drop = 'op.drop_column("people", "{0}")'
    place.folder.write("ffff", add.format("f"), drop.format("f"))
    place.folder.write("9999", add.format("g"), drop.format("g"), parents=("eeee",))
    place.folder.write("8888", parents=("ffff", "9999"))
    wanted = models(f=sa.Column("f", sa.Integer), g=sa.Column("g", sa.Integer))
    found = place.project(wanted).rehearse()
    assert found.passed, found.lines()
    assert {step.status for step in found.steps} == {"passed"}
    assert found.steps[-1].revision == "8888"
    assert found.problems == ()


def test_something_left_at_the_base(place: Place) -> None:
    """What no downgrade takes away is found at the end, and only there."""
    place.folder.write("ffff", "pass", 'op.execute("CREATE VIEW left_over AS SELECT 1 AS one")')
    found = place.rehearse()
    assert not found.passed
    assert "left at the base: view left_over" in found.problems or found.steps[-1].problems


def test_the_lock_file_and_the_models(place: Place) -> None:
    """A lock file that tells another head's schema is found, as are models that moved on."""
    project = place.project()
    project.upgrade()
    project.relock()
    assert project.rehearse().problems == ()
    lock = place.folder.path / LOCK_NAME
    lock.write_text(lock.read_text().replace('"handle"', '"handel"'))
    wanted = models(b=sa.Column("b", sa.Integer))
    found = place.project(wanted).rehearse()
    assert not found.passed
    assert found.problems == (
        "models and migrations differ at the head: + column people.b",
        "lock file and migrations differ at the head: + column people.handel",
        "lock file and migrations differ at the head: - column people.handle",
    )
