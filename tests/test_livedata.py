"""Test the checks of live rows: they find blocking rows, change nothing and have a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project, diff
from autodiff.autogenerate.live_rows import row_findings, run_row_checks
from autodiff.autogenerate.questions import NoAnswers
from autodiff.dialects import dialect_of
from autodiff.errors import MigrationFailedError
from autodiff.plan import FillNeeded, RowCheck
from tests.support import Database, opened

SLOW = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000)
SELECT count(*) FROM n a, n b, n c WHERE a.i + b.i = c.i + 7
"""


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as found:
        found.execute(
            "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, email VARCHAR(80))",
            "INSERT INTO users VALUES (1, 'a@x'), (4, NULL), (9, NULL)",
        )
        yield found


def models(**column: bool) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("email", sa.String(80), **column),
    )
    return metadata


def check(query: str) -> RowCheck:
    return RowCheck(query=query, message="it is so", place="users", hint="mend it")


def test_blocking_rows_are_findings(db: Database) -> None:
    """A finding has a code, severity, message, hint and place; the operations are the same."""
    found = diff(db.connection, models(nullable=False))
    [finding] = found.findings
    assert (finding.code, finding.severity) == ("rows-in-the-way", "warning")
    assert finding.message == "users.email is NULL in some rows (2 found: id 4, 9)"
    assert finding.hint == "pass --fill users.email=VALUE, or fix the rows"
    assert finding.place == "users.email"
    plan_without_checks = diff(db.connection, models(nullable=False), data_checks=False)
    assert plan_without_checks.findings == ()
    assert plan_without_checks.operations == found.operations


def test_valid_or_filled_rows_are_no_findings(db: Database) -> None:
    assert diff(db.connection, models(unique=True)).findings == ()
    assert diff(db.connection, models(nullable=False), fills=["users.email=x"]).findings == ()


COLLATIONS = {
    "sqlite": ("BINARY", "NOCASE"),
    "mariadb": ("utf8mb4_bin", "utf8mb4_general_ci"),
}


@pytest.mark.parametrize("kind", COLLATIONS)
@pytest.mark.parametrize("key", ["unique", "primary", "index", "pair"])
def test_texts_that_become_equal_in_a_new_collation(
    kind: str, key: str, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """They are found before the first step; a downgrade to the strict collation needs no check."""

    def named(collation: str) -> sa.MetaData:
        metadata = sa.MetaData()
        name = sa.Column("name", sa.String(20, collation=collation), nullable=False)
        table = sa.Table("users", metadata, sa.Column("id", sa.Integer, autoincrement=False), name)
        table.append_constraint(sa.PrimaryKeyConstraint("name" if key == "primary" else "id"))
        if key == "unique":
            table.append_constraint(sa.UniqueConstraint("name"))
        elif key == "index":
            sa.Index("ix_users_name", name, unique=True)
        elif key == "pair":
            table.append_constraint(sa.UniqueConstraint("name", "id"))
        return metadata

    strict, loose = COLLATIONS[kind]
    url, folder = database(kind), tmp_path / "migrations"
    project = Project(url, named(strict), folder)
    project.generate("strict")
    project.upgrade()
    with opened(url) as db:
        db.execute("INSERT INTO users (id, name) VALUES (1, 'ann'), (2, 'Ann')")
    project = Project(url, named(loose), folder)
    project.generate("loose")
    if key == "pair":
        assert [m.name for m in project.upgrade()] == ["0002_loose"]
        return
    with pytest.raises(MigrationFailedError, match=r"users\.name has duplicates"):
        project.upgrade()
    assert [applied.name for applied in project.status().applied] == ["0001_strict"]
    with opened(url) as db:
        db.execute("DELETE FROM users WHERE id = 2")
    project.upgrade()
    assert "op.require" not in (folder / "0002_loose.py").read_text().partition("def downgrade")[2]


class RecordingAnswers(NoAnswers):
    """NoAnswers that give a fixed value and record the questions."""

    def __init__(self, value: str | None) -> None:
        self.value = value
        self.questions: list[FillNeeded] = []

    def fill(self, needed: FillNeeded) -> str | None:
        self.questions.append(needed)
        return self.value


@pytest.mark.parametrize("value", ["nobody", None])
def test_the_questioner_may_give_a_value(db: Database, value: str | None) -> None:
    """The question has the rows without a value; without an answer the check stays."""
    answers = RecordingAnswers(value)
    found = diff(db.connection, models(nullable=False), questioner=answers)
    [question] = answers.questions
    assert (question.key, question.found) == ("users.email", "2 found: id 4, 9")
    assert bool(found.findings) is bool(found.checks) is (value is None)
    assert ("? users.email is NULL in some rows" in [o.describe() for o in found.operations]) is (
        value is None
    )


def test_no_question_if_every_row_has_a_value(db: Database) -> None:
    db.execute("DELETE FROM users WHERE email IS NULL")
    answers = RecordingAnswers("x")
    assert diff(db.connection, models(nullable=False), questioner=answers).findings == ()
    assert answers.questions == []


def test_a_slow_query_is_a_note(db: Database) -> None:
    """The database stops the query; the next query still runs."""
    start = time.monotonic()
    db.connection.rollback()
    results = run_row_checks(
        db.connection,
        dialect_of(db.connection),
        [check(SLOW), check("SELECT id FROM users WHERE id = 1")],
        each=0.3,
    )
    assert time.monotonic() - start < 20
    first, second = row_findings(results)
    assert (first.code, first.severity) == ("rows-not-seen", "info")
    assert first.message.startswith("could not check whether it is so: ")
    assert second.message == "it is so (1 found: id 1)"


def test_queries_after_the_total_time_limit_do_not_run(db: Database) -> None:
    dialect = dialect_of(db.connection)
    [look] = run_row_checks(db.connection, dialect, [check("SELECT 1")], together=0)
    assert look.found is None
    assert look.problem == "the time limit for querying rows was reached"


@pytest.mark.parametrize("in_transaction", [True, False], ids=["in a transaction", "outside"])
def test_a_failing_query_is_a_note(db: Database, in_transaction: bool) -> None:
    """The connection and the changes of its transaction are kept."""
    db.connection.rollback()
    if in_transaction:
        db.connection.exec_driver_sql("INSERT INTO users VALUES (10, 'z')")
    dialect = dialect_of(db.connection)
    [look] = run_row_checks(db.connection, dialect, [check("SELECT nothing FROM users")])
    assert look.found is None and look.problem
    assert db.connection.in_transaction() is in_transaction
    count = db.connection.exec_driver_sql("SELECT count(*) FROM users").scalar_one()
    assert count == 3 + in_transaction
    if in_transaction:
        db.connection.commit()
        assert db.rows("SELECT count(*) FROM users") == [(4,)]


def test_a_query_cannot_write(db: Database) -> None:
    """Writing works again after the checks."""
    db.connection.rollback()
    dialect = dialect_of(db.connection)
    with pytest.raises(sa.exc.DBAPIError), dialect.session.read_only(db.connection, 5):
        db.connection.exec_driver_sql("DELETE FROM users")
    db.connection.rollback()
    assert db.rows("SELECT count(*) FROM users") == [(3,)]
    db.execute("DELETE FROM users")
    assert db.rows("SELECT count(*) FROM users") == [(0,)]


def test_the_shortest_limit_is_a_limit(database: Callable[[str], sa.URL]) -> None:
    """On PostgreSQL, a limit of 0 is none. The limit of the session is restored."""
    with opened(database("postgresql")) as db:
        connection, session = db.connection, dialect_of(db.connection).session
        connection.exec_driver_sql("SET statement_timeout = 5000")
        connection.commit()
        with session.read_only(connection, 0.0001):
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "1ms"
        assert db.rows("SHOW statement_timeout") == [("5s",)]
        assert db.rows("SHOW transaction_read_only") == [("off",)]


@pytest.mark.parametrize("rows", [0, 1])
def test_rows_that_must_reference_a_new_table_are_reported(
    any_database: sa.URL, tmp_path: Path, rows: int
) -> None:
    """The migration checks it only on MariaDB: elsewhere it can fill the new table first."""

    def models(parent: str) -> sa.MetaData:
        metadata = sa.MetaData()
        for name in {"p", parent}:
            sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table(
            "c",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("x", sa.Integer, sa.ForeignKey(f"{parent}.id", name="fk")),
        )
        return metadata

    engine = sa.create_engine(any_database)
    models("p").create_all(engine)
    with engine.begin() as connection:
        for _ in range(rows):
            connection.exec_driver_sql("INSERT INTO p (id) VALUES (1)")
            connection.exec_driver_sql("INSERT INTO c (id, x) VALUES (1, 1)")
    engine.dispose()
    draft = Project(any_database, models("q"), tmp_path).draft("retarget", assume="drop-and-add")
    assert draft is not None
    found = [item.message for item in draft.plan.findings if item.code == "rows-in-the-way"]
    assert found == ["c.x references the new table q, which has no rows (1 found: id 1)"] * rows
    is_required = any_database.get_backend_name() == "mysql"
    assert any("new table q" in str(item) for item in draft.plan.operations) is is_required


@pytest.mark.parametrize(
    ("column", "fills"),
    [
        (sa.Column("x", sa.Integer, nullable=False), {"c.x": "1"}),
        (sa.Column("x", sa.Integer, nullable=False), {"c.x": "sql:id"}),
        (sa.Column("x", sa.Integer, nullable=False, server_default="1"), {}),
        (sa.Column("x", sa.Integer, server_default="1"), {}),
        (sa.Column("x", sa.Integer), {}),
        (sa.Column("x", sa.Integer, server_default=sa.text("(NULL)")), {}),
        (sa.Column("old", sa.Integer, nullable=False), {"c.old": "1"}),
    ],
    ids=["fill", "expression", "default", "default of nullable", "nullable", "NULL", "existing"],
)
@pytest.mark.parametrize("rows", [0, 1])
def test_values_of_a_migration_that_must_reference_a_new_table_are_reported(
    any_database: sa.URL, tmp_path: Path, column: sa.Column[Any], fills: dict[str, str], rows: int
) -> None:
    """No row can reference the new table: a rehearsal with sample rows only notes that it fails."""
    number = sa.Integer
    before, after = sa.MetaData(), sa.MetaData()
    sa.Table("c", before, sa.Column("id", number, primary_key=True), sa.Column("old", number))
    engine = sa.create_engine(any_database)
    before.create_all(engine)
    with engine.begin() as connection:
        for _ in range(rows):
            connection.exec_driver_sql("INSERT INTO c (id) VALUES (1)")
    engine.dispose()
    sa.Table("q", after, sa.Column("id", number, primary_key=True))
    columns = {"old": sa.Column("old", number), column.name: column._copy()}
    fk = sa.ForeignKeyConstraint([column.name], ["q.id"], name="fk")
    sa.Table("c", after, sa.Column("id", number, primary_key=True), *columns.values(), fk)
    draft = Project(any_database, after, tmp_path).draft("refer", fills=fills)
    assert draft is not None
    found = [item.message for item in draft.plan.findings if item.code == "rows-in-the-way"]
    message = f"c.{column.name} references the new table q, which has no rows (1 found: id 1)"
    has_values = bool(fills) or "1" in str(getattr(column.server_default, "arg", ""))
    assert found == [message] * (rows if has_values else 0)
