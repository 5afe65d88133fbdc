"""Test autodiff rehearse with a history of five migrations on each kind of database."""

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


def models(**more_columns: sa.Column[object]) -> sa.MetaData:
    """Return the models that the five migrations lead to, with additional columns of people."""
    metadata = sa.MetaData()
    sa.Table(
        "people",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("handle", sa.String(20)),
        sa.Column("age", sa.Integer),
        *more_columns.values(),
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


def write_five(path: Path) -> Folder:
    """Write five valid migrations; one is a pair of SQL files."""
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


class History:
    """A project on a database, with five valid migrations."""

    def __init__(self, url: sa.URL, path: Path) -> None:
        self.url = url
        self.folder = write_five(path)

    def project(self, metadata: sa.MetaData | None = None, **settings: str) -> Project:
        return Project(self.url, metadata or models(), self.folder.path, **settings)

    def rehearse(self, target: str | None = None, **options: object) -> RehearsedHistory:
        with opened(self.url) as db:
            before = db.state()
            report = self.project().rehearse(target, **options)  # type: ignore[arg-type]
            assert db.state() == before
        return report


@pytest.fixture
def history(any_database: sa.URL, tmp_path: Path) -> History:
    return History(any_database, tmp_path / "migrations")


def statuses(report: RehearsedHistory) -> list[str]:
    return [f"{step.revision} {step.status}" for step in report.steps]


def test_a_valid_history_passes(history: History) -> None:
    """Each migration runs up, down and up again with rows. The live database is unchanged."""
    report = history.rehearse()
    assert report.passed, report.lines()
    assert statuses(report) == [f"{letter * 4} passed" for letter in "abcde"]
    assert report.problems == report.not_reached == ()
    assert report.notes == ("not compared with the lock file: there is none",)
    assert [step.lost for step in report.steps] == [(), (), (), (), ()]
    assert report.lines()[-1] == "5 migrations passed"


def test_a_broken_downgrade_is_found(history: History) -> None:
    """One downgrade fails, and one leaves a column. The rest is rehearsed too."""
    history.folder.write(
        "ffff",
        'op.add_column("posts", sa.Column("a", sa.Integer()))',
        'op.drop_column("posts", "b")',
    )
    history.folder.write(
        "9999",
        'op.add_column("people", sa.Column("b", sa.Integer()))\n'
        'op.add_column("people", sa.Column("c", sa.Integer()))',
        'op.drop_column("people", "b")',
    )
    history.folder.write("8888", "pass", "pass")
    report = history.rehearse()
    assert not report.passed
    assert statuses(report)[5:] == ["ffff failed", "9999 failed", "8888 passed"]
    assert report.steps[5].problems[0].startswith("downgrade fails: cannot apply - column posts.b")
    assert report.steps[6].problems == ("downgrade leaves: - column people.c",)
    assert report.problems == (
        "models and migrations differ at the head: - column people.b",
        "models and migrations differ at the head: - column people.c",
        "models and migrations differ at the head: - column posts.a",
    )
    assert "not reverted to the base: 0007_step_9999 cannot be reverted" in report.notes


def test_a_loss_of_data_is_reported(history: History) -> None:
    """The values that an upgrade or a downgrade loses are listed. They are not a failure."""
    history.folder.write(
        "ffff",
        'op.drop_column("people", "age")',
        'op.add_column("people", sa.Column("age", sa.Integer()))',
    )
    history.folder.write("9999", 'op.execute("DELETE FROM posts WHERE id = 1")')
    report = history.rehearse("0006:")
    assert statuses(report) == ["ffff passed", "9999 passed"]
    assert report.steps[0].lost == (
        "upgrade: the values of people.age",
        "downgrade: the values of people.age",
    )
    assert report.steps[1].lost == (
        "upgrade: 1 row of table posts",
        "downgrade: 1 row of table posts",
    )


def test_values_of_a_renamed_column_that_is_filled_are_not_lost(history: History) -> None:
    """NULLs become a value, so the new column has more values than the old one."""
    history.folder.write(
        "ffff",
        'op.rename_column("people", "handle", "alias")\n'
        'op.backfill("people", {"alias": "none"}, where="alias IS NULL")',
        'op.rename_column("people", "alias", "handle")',
    )
    report = history.rehearse()
    assert not any("upgrade" in loss for loss in report.steps[-1].lost), report.lines()
    history.folder.write(
        "gggg",
        'op.drop_column("people", "alias")\n'
        'op.add_column("people", sa.Column("other", sa.String(20)))',
        'op.drop_column("people", "other")\n'
        'op.add_column("people", sa.Column("alias", sa.String(20)))',
    )
    assert "upgrade: the values of people.alias" in history.rehearse().steps[-1].lost


def test_an_irreversible_migration_is_reported(history: History) -> None:
    """A downgrade may raise on purpose, or be empty. Neither ends the run."""
    history.folder.write(
        "ffff",
        'op.add_column("people", sa.Column("b", sa.Integer()))',
        'raise NotImplementedError("no way back")',
    )
    history.folder.write("9999", 'op.drop_column("people", "b")')
    report = history.rehearse()
    assert report.passed, report.lines()
    assert statuses(report)[5:] == ["ffff irreversible", "9999 irreversible"]
    assert report.steps[5].irreversible == "downgrade raises NotImplementedError: no way back"
    assert report.steps[6].irreversible == "downgrade is empty, and leaves: + column people.b"
    assert "not reverted to the base: 0007_step_9999 cannot be reverted" in report.notes


def test_an_error_without_a_text_is_its_class(history: History) -> None:
    history.folder.write("ffff", "pass", "raise NotImplementedError")
    assert history.rehearse("head").steps[0].irreversible == "downgrade raises NotImplementedError"


def test_an_irreversible_sql_file_is_reported(history: History) -> None:
    history.folder.write_sql(
        "ffff", "ALTER TABLE people ADD COLUMN b INTEGER", "-- irreversible: no way back"
    )
    step = history.rehearse("head").steps[0]
    assert step.irreversible == "downgrade raises NotImplementedError: no way back"


def test_an_error_in_downgrade_is_a_failure(history: History) -> None:
    """Only a raise statement in the file makes a migration irreversible."""
    history.folder.write("ffff", "pass", "undefined")
    [step] = history.rehearse("head").steps
    assert step.status == "failed"
    assert step.problems == ("downgrade fails: NameError: name 'undefined' is not defined",)


def test_a_failed_upgrade_ends_the_run(history: History) -> None:
    """The later migrations are listed as not reached."""
    history.folder.write("ffff", 'op.drop_column("people", "gone")')
    history.folder.write("9999")
    report = history.rehearse()
    assert not report.passed
    assert statuses(report)[5:] == ["ffff failed"]
    assert (
        report.steps[5].problems[0].startswith("upgrade fails: cannot apply - column people.gone")
    )
    assert report.not_reached == ("0007_step_9999",)
    assert report.lines()[-1] == "7 migrations, 2 failed"


def test_violating_sample_rows_are_a_note(history: History) -> None:
    """Generated rows may violate what live rows satisfy, so the step is repeated without them."""
    history.folder.write(
        "ffff",
        'op.create_check_constraint("ck_title", "posts", "length(title) > 45")',
        'op.drop_constraint("ck_title", "posts", type_="check")',
    )
    history.folder.write("9999")
    report = history.rehearse("0006:")
    assert statuses(report) == ["ffff passed", "9999 passed"]
    [note] = report.steps[0].notes
    assert note.startswith("upgrade fails with sample rows: cannot apply + check posts.ck_title")
    assert history.rehearse("0006:", rows="none").steps[0].notes == ()


def test_a_single_migration_or_a_range_is_rehearsed(history: History) -> None:
    """Earlier migrations are applied, but not tested."""
    assert statuses(history.rehearse("0004")) == ["dddd passed"]
    assert statuses(history.rehearse("2:cccc")) == ["bbbb passed", "cccc passed"]
    assert statuses(history.rehearse("dddd:head")) == ["dddd passed", "eeee passed"]
    assert statuses(history.rehearse(":0002")) == ["aaaa passed", "bbbb passed"]
    with pytest.raises(HistoryError, match="does not come before"):
        history.rehearse("0004:0002")


def test_merged_branches_are_rehearsed_in_the_order_of_the_graph(history: History) -> None:
    add = 'op.add_column("people", sa.Column("{0}", sa.Integer()))'
    drop = 'op.drop_column("people", "{0}")'
    history.folder.write("ffff", add.format("f"), drop.format("f"))
    history.folder.write("9999", add.format("g"), drop.format("g"), parents=("eeee",))
    history.folder.write("8888", parents=("ffff", "9999"))
    metadata = models(f=sa.Column("f", sa.Integer), g=sa.Column("g", sa.Integer))
    report = history.project(metadata).rehearse()
    assert report.passed, report.lines()
    assert {step.status for step in report.steps} == {"passed"}
    assert report.steps[-1].revision == "8888"
    assert report.problems == ()


def test_an_object_left_at_the_base_is_found(history: History) -> None:
    """It is found after the last downgrade."""
    history.folder.write("ffff", "pass", 'op.execute("CREATE VIEW left_over AS SELECT 1 AS one")')
    report = history.rehearse()
    assert not report.passed
    assert "left at the base: view left_over" in report.problems or report.steps[-1].problems


def test_an_outdated_lock_file_or_model_is_found(history: History) -> None:
    """Both are compared with the schema at the head."""
    project = history.project()
    project.upgrade()
    project.relock()
    assert project.rehearse().problems == ()
    lock = history.folder.path / LOCK_NAME
    lock.write_text(lock.read_text().replace('"handle"', '"handel"'))
    metadata = models(b=sa.Column("b", sa.Integer))
    report = history.project(metadata).rehearse()
    assert not report.passed
    assert report.problems == (
        "models and migrations differ at the head: + column people.b",
        "lock file and migrations differ at the head: + column people.handel",
        "lock file and migrations differ at the head: - column people.handle",
    )
