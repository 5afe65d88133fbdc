"""Test rehearse with a sample of live rows: it is bounded, consistent and never shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlalchemy.exc

from autodiff import Project
from autodiff.autogenerate.schemas import scope_for
from autodiff.dialects import dialect_of
from autodiff.rehearse import RehearsedHistory
from autodiff.rehearse.live_sample import Sample, read_sample
from autodiff.schema.objects import Name, Schema
from tests.support import Folder, opened

SECRET = "top-secret@example.org"


def cyclic_models() -> sa.MetaData:
    """Return models in which people have a boss and a favorite post, and posts an author."""
    metadata = sa.MetaData()
    sa.Table(
        "people",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mail", sa.String(50), nullable=False),
        sa.Column("boss_id", sa.ForeignKey("people.id", name="people_boss_id_fkey")),
        sa.Column("post_id", sa.ForeignKey("posts.id", name="people_post_id_fkey", use_alter=True)),
    )
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "person_id", sa.ForeignKey("people.id", name="posts_person_id_fkey"), nullable=False
        ),
        sa.Column("at", sa.DateTime),
        sa.Column("price", sa.Numeric(10, 2)),
        sa.Column("body", sa.LargeBinary),
    )
    return metadata


def make_filled_project(url: sa.URL, folder: Path, people: int = 30) -> Project:
    """Create the cyclic tables by a migration, with rows; each person's boss is the next one."""
    project = Project(url, cyclic_models(), folder)
    project.generate("start")
    project.upgrade()
    with opened(url) as db:
        for number in range(people, 0, -1):
            boss = number + 1 if number < people else "NULL"
            db.execute(f"INSERT INTO people VALUES ({number}, '{number}{SECRET}', {boss}, NULL)")
            db.execute(
                f"INSERT INTO posts VALUES ({number}, {number}, '2001-02-03 04:05:06', 1.50, NULL)"
            )
        db.execute(f"UPDATE people SET post_id = {(people + 1) // 2} WHERE id = 1")
    return project


def take_sample(url: sa.URL, count: int) -> Sample:
    with opened(url) as db:
        dialect = dialect_of(db.connection)
        return read_sample(db.connection, dialect, scope_for(Schema()), count=count, seconds=20)


def assert_no_secret(report: RehearsedHistory) -> None:
    output = "\n".join([*report.lines(), *report.notes, json.dumps(report.to_data())])
    assert SECRET not in output
    assert "secret" not in output


def test_a_sample_is_consistent(any_database: sa.URL, tmp_path: Path) -> None:
    """It has a bounded number of rows of each table, and all rows that these reference."""
    make_filled_project(any_database, tmp_path / "m")
    sample = take_sample(any_database, 2)
    people = {int(row["id"]): row for row in sample.rows[Name("people")]}
    posts = {int(row["id"]): row for row in sample.rows[Name("posts")]}
    assert sample.notes == ()
    assert {1, 30} <= set(posts)
    assert 15 in posts
    assert len(posts) < 30
    for row in people.values():
        assert row["boss_id"] is None or int(row["boss_id"]) in people
        assert row["post_id"] is None or int(row["post_id"]) in posts
    assert {int(row["person_id"]) for row in posts.values()} <= set(people)


def test_the_newest_migration_is_rehearsed_with_live_rows(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """Nothing is pending. The report lists what the migration loses of live rows, up and down."""
    project = make_filled_project(any_database, tmp_path / "m")
    with opened(any_database) as db:
        before = db.state()
        report = project.rehearse(rows="live", count=5)
        assert db.state() == before
    assert report.passed, (report.lines(), report.notes)
    [step] = report.steps
    assert step.lost == (
        "downgrade: the rows of table people",
        "downgrade: the rows of table posts",
    )
    assert not [note for note in report.notes if "left out" in note]
    assert_no_secret(report)


def test_pending_migrations_are_rehearsed_with_live_rows(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """They fail with live rows, but not with generated ones. No value is shown."""
    project = make_filled_project(any_database, tmp_path / "m")
    graph = project.graph()
    folder = Folder(tmp_path / "m")
    folder._number, folder._last = 1, graph.heads
    folder.write(
        "aaaa",
        'op.add_column("people", sa.Column("age", sa.Integer()))',
        'op.drop_column("people", "age")',
    )
    folder.write(
        "bbbb",
        'op.create_check_constraint("ck_mail", "people", "mail NOT LIKE \'%secret%\'")',
        'op.drop_constraint("ck_mail", "people", type_="check")',
    )
    folder.write(
        "cccc",
        "raise ValueError(op.get_bind().exec_driver_sql('SELECT mail FROM people').scalar())",
    )
    assert project.rehearse("0002:0003").passed
    report = project.rehearse(rows="live", count=5)
    assert [(s.revision, s.status) for s in report.steps] == [
        ("aaaa", "passed"),
        ("bbbb", "failed"),
        ("cccc", "failed"),
    ]
    [problem] = report.steps[1].problems
    assert problem.startswith("upgrade fails with the live rows: ")
    if any_database.get_backend_name() != "sqlite":  # SQLite rebuilds the table at the end
        assert "at line 10" in problem
    assert "ck_mail" in problem
    assert_no_secret(report)


def test_values_are_copied_unchanged(any_database: sa.URL, tmp_path: Path) -> None:
    """A migration compares times and decimals with the original values."""
    project = make_filled_project(any_database, tmp_path / "m", people=2)
    folder = Folder(tmp_path / "m")
    folder._number, folder._last = 1, project.graph().heads
    folder.write(
        "aaaa",
        """
        count = op.get_bind().exec_driver_sql(
            "SELECT count(*) FROM posts WHERE price = 1.5 AND at = '2001-02-03 04:05:06'"
        ).scalar()
        if count != 2:
            raise ValueError
        op.bulk_insert(sa.table("people", sa.column("mail")), [{"mail": "new"}])
        """,
        "op.execute(\"DELETE FROM people WHERE mail = 'new'\")",
    ) if any_database.get_backend_name() != "sqlite" else folder.write("aaaa")
    report = project.rehearse(rows="live")
    assert report.passed, (report.lines(), report.notes)


def test_rows_of_drifted_tables_are_left_out(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Rows that do not fit the migrated tables are counted."""
    url = database("postgresql")
    project = make_filled_project(url, tmp_path / "m", people=3)
    with opened(url) as db:
        db.execute("CREATE TABLE extra (id integer)", "INSERT INTO extra VALUES (1)")
        db.execute("ALTER TABLE people ALTER mail TYPE text")
        db.execute(f"UPDATE people SET mail = repeat('{SECRET}', 5) WHERE id = 2")
        db.execute("UPDATE posts SET at = 'infinity' WHERE id = 3")
    report = project.rehearse(rows="live")
    assert report.notes[:2] == (
        "the rows of table extra are left out: no migration creates that table",
        "1 row of table people left out: refused by the scratch database "
        "(StringDataRightTruncation)",
    )
    assert "1 row of table people left out: referenced rows are not in the sample" in (report.notes)
    assert_no_secret(report)


def test_reading_stops_at_the_time_limit(any_database: sa.URL, tmp_path: Path) -> None:
    """The rows read so far are used, and a note reports it."""
    make_filled_project(any_database, tmp_path / "m", people=3)
    with opened(any_database) as db:
        dialect = dialect_of(db.connection)
        sample = read_sample(db.connection, dialect, scope_for(Schema()), count=5, seconds=1e-6)
        db.execute("DELETE FROM posts WHERE id = 999")  # the connection is writable again
    assert sample.notes == ("the sample is incomplete: the time limit was reached",)


def test_the_live_database_is_read_only_while_rows_are_read(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """Afterwards it can be written to again."""
    make_filled_project(any_database, tmp_path / "m", people=3)
    with opened(any_database) as db:
        dialect = dialect_of(db.connection)
        with (
            pytest.raises(sa.exc.DBAPIError),
            dialect.session.read_only_transaction(db.connection, 5),
        ):
            db.connection.exec_driver_sql("DELETE FROM posts")
        db.connection.rollback()
        assert db.rows("SELECT count(*) FROM posts") == [(3,)]
        db.execute("DELETE FROM posts WHERE id = 3")
        assert db.rows("SELECT count(*) FROM posts") == [(2,)]
