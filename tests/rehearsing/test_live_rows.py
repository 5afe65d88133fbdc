"""rehearse with rows of the live database: a bounded sample that hangs together, never shown."""

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


def cyclic() -> sa.MetaData:
    """People have a boss and a favourite post; posts have an author."""
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


def filled(url: sa.URL, folder: Path, people: int = 30) -> Project:
    """The cyclic tables by one migration, applied, with rows; each person's boss is the next."""
    project = Project(url, cyclic(), folder)
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


def sample(url: sa.URL, count: int) -> Sample:
    with opened(url) as db:
        dialect = dialect_of(db.connection)
        return read_sample(db.connection, dialect, scope_for(Schema()), count=count, seconds=20)


def kept_quiet(found: RehearsedHistory) -> None:
    said = "\n".join([*found.lines(), *found.notes, json.dumps(found.to_data())])
    assert SECRET not in said
    assert "secret" not in said


def test_a_sample_hangs_together(any_database: sa.URL, tmp_path: Path) -> None:
    """A bounded number of each table, the first and the last, and all that these point at."""
    filled(any_database, tmp_path / "m")
    found = sample(any_database, 2)
    people = {int(row["id"]): row for row in found.rows[Name("people")]}
    posts = {int(row["id"]): row for row in found.rows[Name("posts")]}
    assert found.notes == ()
    assert {1, 30} <= set(posts)
    assert 15 in posts
    assert len(posts) < 30
    for row in people.values():
        assert row["boss_id"] is None or int(row["boss_id"]) in people
        assert row["post_id"] is None or int(row["post_id"]) in posts
    assert {int(row["person_id"]) for row in posts.values()} <= set(people)


def test_the_newest_is_rehearsed_with_live_rows(any_database: sa.URL, tmp_path: Path) -> None:
    """Where nothing is pending: what the newest loses of real rows, down and up, is told."""
    project = filled(any_database, tmp_path / "m")
    with opened(any_database) as db:
        before = db.state()
        found = project.rehearse(rows="live", count=5)
        assert db.state() == before
    assert found.passed, (found.lines(), found.notes)
    [step] = found.steps
    assert step.lost == (
        "downgrade: the rows of table people",
        "downgrade: the rows of table posts",
    )
    assert not [note for note in found.notes if "left out" in note]
    kept_quiet(found)


def test_pending_migrations_meet_live_rows(any_database: sa.URL, tmp_path: Path) -> None:
    """What made-up rows pass and real ones don't is found before it is applied, and quietly."""
    project = filled(any_database, tmp_path / "m")
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
    found = project.rehearse(rows="live", count=5)
    assert [(s.revision, s.status) for s in found.steps] == [
        ("aaaa", "passed"),
        ("bbbb", "failed"),
        ("cccc", "failed"),
    ]
    [problem] = found.steps[1].problems
    assert problem.startswith("upgrade fails with the live rows: ")
    if any_database.get_backend_name() != "sqlite":  # which rebuilds tables at the end
        assert "at line 10" in problem
    assert "ck_mail" in problem
    kept_quiet(found)


def test_values_arrive_as_they_were(any_database: sa.URL, tmp_path: Path) -> None:
    """Times, decimals and bytes: a migration that compares them finds them unchanged."""
    project = filled(any_database, tmp_path / "m", people=2)
    folder = Folder(tmp_path / "m")
    folder._number, folder._last = 1, project.graph().heads
    folder.write(
        "aaaa",
        """
        found = op.get_bind().exec_driver_sql(
            "SELECT count(*) FROM posts WHERE price = 1.5 AND at = '2001-02-03 04:05:06'"
        ).scalar()
        if found != 2:
            raise ValueError
        op.bulk_insert(sa.table("people", sa.column("mail")), [{"mail": "new"}])
        """,
        "op.execute(\"DELETE FROM people WHERE mail = 'new'\")",
    ) if any_database.get_backend_name() != "sqlite" else folder.write("aaaa")
    found = project.rehearse(rows="live")
    assert found.passed, (found.lines(), found.notes)


def test_tables_that_drifted(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Rows that don't fit what the migrations make are left out, and counted."""
    url = database("postgresql")
    project = filled(url, tmp_path / "m", people=3)
    with opened(url) as db:
        db.execute("CREATE TABLE extra (id integer)", "INSERT INTO extra VALUES (1)")
        db.execute("ALTER TABLE people ALTER mail TYPE text")
        db.execute(f"UPDATE people SET mail = repeat('{SECRET}', 5) WHERE id = 2")
        db.execute("UPDATE posts SET at = 'infinity' WHERE id = 3")
    found = project.rehearse(rows="live")
    assert found.notes[:2] == (
        "the rows of table extra are left out: no migration creates that table",
        "1 rows of table people are left out: they do not fit (StringDataRightTruncation)",
    )
    assert "1 rows of table people are left out: rows they reference are not in the sample" in (
        found.notes
    )
    kept_quiet(found)


def test_it_ends_in_time(any_database: sa.URL, tmp_path: Path) -> None:
    """Reading stops when its time is up; what was read is used, and that is said."""
    filled(any_database, tmp_path / "m", people=3)
    with opened(any_database) as db:
        dialect = dialect_of(db.connection)
        found = read_sample(db.connection, dialect, scope_for(Schema()), count=5, seconds=1e-6)
        db.execute("DELETE FROM posts WHERE id = 999")  # what was read-only is no longer
    assert found.notes == ("the sample is incomplete: the time limit was reached",)


def test_only_reading_is_possible(any_database: sa.URL, tmp_path: Path) -> None:
    """The live database can't be written to while rows are read."""
    filled(any_database, tmp_path / "m", people=3)
    with opened(any_database) as db:
        dialect = dialect_of(db.connection)
        with pytest.raises(sa.exc.DBAPIError), dialect.reading(db.connection, 5):
            db.connection.exec_driver_sql("DELETE FROM posts")
        db.connection.rollback()
        assert db.rows("SELECT count(*) FROM posts") == [(3,)]
        db.execute("DELETE FROM posts WHERE id = 3")
        assert db.rows("SELECT count(*) FROM posts") == [(2,)]
