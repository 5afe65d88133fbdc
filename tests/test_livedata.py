"""The look at live rows: it finds what stands in the way, changes nothing, and takes no time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from autodiff import diff
from autodiff.autogenerate.live_rows import row_findings, run_row_checks
from autodiff.autogenerate.questions import NoAnswers
from autodiff.dialects import dialect_of
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


def test_rows_in_the_way_are_findings(db: Database) -> None:
    """Code, severity, message, hint and place; the plan itself is the same as without looking."""
    found = diff(db.connection, models(nullable=False))
    [finding] = found.findings
    assert (finding.code, finding.severity) == ("rows-in-the-way", "warning")
    assert finding.message == "users.email is NULL in some rows (2 found: id 4, 9)"
    assert finding.hint == "pass --fill users.email=VALUE, or fix the rows"
    assert finding.place == "users.email"
    unseen = diff(db.connection, models(nullable=False), data_checks=False)
    assert unseen.findings == ()
    assert unseen.operations == found.operations


def test_rows_that_are_fine_are_none(db: Database) -> None:
    """As is a value that fills them."""
    assert diff(db.connection, models(unique=True)).findings == ()
    assert diff(db.connection, models(nullable=False), fills=["users.email=x"]).findings == ()


class Asked(NoAnswers):
    """Gives a value, and keeps the question."""

    def __init__(self, value: str | None) -> None:
        self.value = value
        self.questions: list[FillNeeded] = []

    def fill(self, needed: FillNeeded) -> str | None:
        self.questions.append(needed)
        return self.value


@pytest.mark.parametrize("value", ["nobody", None])
def test_somebody_may_give_a_value(db: Database, value: str | None) -> None:
    """Who is asked sees which rows have none; without an answer the check stays."""
    asked = Asked(value)
    found = diff(db.connection, models(nullable=False), questioner=asked)
    [question] = asked.questions
    assert (question.key, question.found) == ("users.email", "2 found: id 4, 9")
    assert bool(found.findings) is bool(found.checks) is (value is None)
    assert ("? users.email is NULL in some rows" in [o.describe() for o in found.operations]) is (
        value is None
    )


def test_nobody_is_asked_where_every_row_has_a_value(db: Database) -> None:
    """The question would have no sense."""
    db.execute("DELETE FROM users WHERE email IS NULL")
    asked = Asked("x")
    assert diff(db.connection, models(nullable=False), questioner=asked).findings == ()
    assert asked.questions == []


def test_a_query_that_takes_long_is_a_note(db: Database) -> None:
    """It is stopped by the database itself; the next one is asked all the same."""
    begun = time.monotonic()
    db.connection.rollback()
    looks = run_row_checks(
        db.connection,
        dialect_of(db.connection),
        [check(SLOW), check("SELECT id FROM users WHERE id = 1")],
        each=0.3,
    )
    assert time.monotonic() - begun < 20
    first, second = row_findings(looks)
    assert (first.code, first.severity) == ("rows-not-seen", "info")
    assert first.message.startswith("could not check whether it is so: ")
    assert second.message == "it is so (1 found: id 1)"


def test_what_is_over_time_is_not_asked(db: Database) -> None:
    """All together have a limit too."""
    dialect = dialect_of(db.connection)
    [look] = run_row_checks(db.connection, dialect, [check("SELECT 1")], together=0)
    assert look.found is None
    assert look.problem == "the time limit for querying rows was reached"


@pytest.mark.parametrize("begun", [True, False], ids=["in a transaction", "outside"])
def test_a_query_that_fails_is_a_note(db: Database, begun: bool) -> None:
    """It leaves the connection as it was: what its transaction has done is still there."""
    db.connection.rollback()
    if begun:
        db.connection.exec_driver_sql("INSERT INTO users VALUES (10, 'z')")
    dialect = dialect_of(db.connection)
    [look] = run_row_checks(db.connection, dialect, [check("SELECT nothing FROM users")])
    assert look.found is None and look.problem
    assert db.connection.in_transaction() is begun
    count = db.connection.exec_driver_sql("SELECT count(*) FROM users").scalar_one()
    assert count == 3 + begun
    if begun:
        db.connection.commit()
        assert db.rows("SELECT count(*) FROM users") == [(4,)]


def test_a_query_cannot_write(db: Database) -> None:
    """Whatever it says."""
    db.connection.rollback()
    dialect = dialect_of(db.connection)
    with pytest.raises(sa.exc.DBAPIError), dialect.asking(db.connection, 5):
        db.connection.exec_driver_sql("DELETE FROM users")
    db.connection.rollback()
    assert db.rows("SELECT count(*) FROM users") == [(3,)]
    db.execute("DELETE FROM users")
    assert db.rows("SELECT count(*) FROM users") == [(0,)]
