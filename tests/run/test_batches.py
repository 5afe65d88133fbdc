"""op.backfill: large tables are filled batch by batch, and every row is filled once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from autodiff.runner.backfill import BATCH_SIZE
from autodiff.runner.events import BackfillProgress, Event, StatementRun
from tests.support import Database, Folder, opened


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as found:
        yield found


def create(db: Database, keys: list[dict[str, object]], *columns: sa.Column[object]) -> None:
    """A table `t` of the columns and an integer `n`, which is 0, with a row for each key."""
    table = sa.Table("t", sa.MetaData(), *columns, sa.Column("n", sa.Integer))
    table.create(db.connection)
    db.connection.execute(sa.insert(table), [{**key, "n": 0} for key in keys])
    db.connection.commit()


def fill(db: Database, path: Path, call: str) -> tuple[list[BackfillProgress], list[str]]:
    """The progress that was told of a migration of one call, and its statements."""
    folder = Folder(path / "m")
    folder.write("aaaa", call)
    events: list[Event] = []
    db.runner(folder, on_event=events.append).upgrade()
    progress = [event for event in events if isinstance(event, BackfillProgress)]
    return progress, [event.sql for event in events if isinstance(event, StatementRun)]


def filled(db: Database) -> list[int]:
    return [row[0] for row in db.rows("SELECT DISTINCT n FROM t ORDER BY n")]


ONCE = 'op.backfill("t", {"n": sa.text("n + 1")}%s)'
"""Adds 1: a row that is filled twice, or not at all, shows it."""


def test_many_rows_are_filled_in_batches(db: Database, tmp_path: Path) -> None:
    """Each row once, with progress up to all of them; the statement is told once."""
    total = 2 * BATCH_SIZE + 500
    create(
        db,
        [{"id": n} for n in range(total)],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    progress, statements = fill(db, tmp_path, ONCE % "")
    assert filled(db) == [1]
    assert [(event.done, event.total) for event in progress] == [
        (BATCH_SIZE, total),
        (2 * BATCH_SIZE, total),
        (total, total),
    ]
    assert {event.table for event in progress} == {"t"}
    assert statements == ["UPDATE t SET n = n + 1"]


def test_few_rows_are_one_update_without_progress(db: Database, tmp_path: Path) -> None:
    """Nobody is told about what is done at once."""
    create(
        db,
        [{"id": n} for n in range(9)],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    assert fill(db, tmp_path, ONCE % "")[0] == []
    assert filled(db) == [1]


@pytest.mark.parametrize("size", [1, 4, 5, 20, 21])
def test_a_condition_is_kept(db: Database, tmp_path: Path, size: int) -> None:
    """Any condition, also with OR and signs; batches count the rows that it selects."""
    create(
        db,
        [{"id": n} for n in range(40)],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    where = "id < 10 OR id >= 30 AND 'a%:b' = 'a%:b'"
    progress, _ = fill(db, tmp_path, ONCE % f', where="{where}", batch_size={size}')
    assert db.rows("SELECT n, count(*) FROM t GROUP BY n ORDER BY n") == [(0, 20), (1, 20)]
    assert {event.total for event in progress} <= {20}
    assert progress == [] if size > 20 else progress[-1].done == 20


def test_a_condition_on_what_is_filled(db: Database, tmp_path: Path) -> None:
    """Rows that are filled are no longer selected; the others still are."""
    create(
        db,
        [{"id": n} for n in range(25)],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    fill(db, tmp_path, ONCE % ', where="n = 0", batch_size=10')
    assert filled(db) == [1]


def test_a_text_key(db: Database, tmp_path: Path) -> None:
    """In the order that the database has for texts, with quotes, percent signs and case."""
    letters = ["", "a", "B", "b%", "c'd", "Z", "z?", "ö", "é:x", "_"]
    keys = [{"id": f"{one}{two}{n}"} for n, one in enumerate(letters) for two in letters]
    create(db, keys, sa.Column("id", sa.String(20), primary_key=True))
    progress, _ = fill(db, tmp_path, ONCE % ", batch_size=7")
    assert filled(db) == [1]
    assert len(progress) == 15


def test_a_composite_key(db: Database, tmp_path: Path) -> None:
    """Batches end within a value of the first column."""
    keys = [{"a": a, "b": f"b{b}"} for a in range(5) for b in range(9)]
    create(
        db,
        keys,
        sa.Column("b", sa.String(5), primary_key=True),
        sa.Column("a", sa.Integer, primary_key=True),
    )
    progress, _ = fill(db, tmp_path, ONCE % ", batch_size=4")
    assert filled(db) == [1]
    assert len(progress) == 12


def test_a_key_of_numbers_and_times(db: Database, tmp_path: Path) -> None:
    """Values go to the database as it gave them."""
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("at", sa.DateTime, primary_key=True),
        sa.Column("price", sa.Numeric(10, 3), primary_key=True),
        sa.Column("n", sa.Integer),
    )
    table.create(db.connection)
    rows = [f"('2020-01-0{d} 03:04:05', {p}.125, 0)" for d in range(1, 8) for p in range(3)]
    db.execute(f"INSERT INTO t VALUES {', '.join(rows)}")
    fill(db, tmp_path, ONCE % ", batch_size=2")
    assert filled(db) == [1]


def test_a_table_without_a_key(db: Database, tmp_path: Path) -> None:
    """There is no order to walk in: one UPDATE."""
    create(db, [{"id": n} for n in range(30)], sa.Column("id", sa.Integer))
    progress, _ = fill(db, tmp_path, ONCE % ", batch_size=4")
    assert progress == []
    assert filled(db) == [1]


@pytest.mark.parametrize(
    "call",
    [
        'op.backfill("t", {"id": sa.text("id + 100")}, batch_size=4)',
        'op.backfill("t", {"n": 1}, where="id <= 15 + (SELECT max(n) FROM (SELECT n FROM t) AS u)",'
        " batch_size=4)",
    ],
    ids=["key", "itself"],
)
def test_what_batches_would_do_differently_is_one_update(
    db: Database, tmp_path: Path, call: str
) -> None:
    """Where the key itself changes, or the table is read while it is filled."""
    ids = range(0, 3000, 200)
    create(
        db,
        [{"id": n} for n in ids],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    assert fill(db, tmp_path, call)[0] == []
    if '"id"' in call:
        assert [row[0] for row in db.rows("SELECT id FROM t ORDER BY id")] == [n + 100 for n in ids]
    else:
        assert db.rows("SELECT count(*) FROM t WHERE n = 1") == [(1,)]


def test_keys_that_may_be_null_are_no_order(tmp_path: Path) -> None:
    """SQLite takes NULL in a primary key that is no INTEGER: such rows are filled as well."""
    with opened(sa.make_url("sqlite://")) as db:
        db.execute("CREATE TABLE t (id TEXT PRIMARY KEY, n INT)")
        db.execute("INSERT INTO t VALUES (NULL, 0), ('a', 0), (NULL, 0), ('b', 0)")
        assert fill(db, tmp_path, ONCE % ", batch_size=1")[0] == []
        assert filled(db) == [1]


def test_a_batch_that_fails_is_told_by_its_statement(db: Database, tmp_path: Path) -> None:
    """The whole UPDATE, as a person would write it; no row keeps what was filled."""
    create(
        db,
        [{"id": n} for n in range(30)],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    db.execute("CREATE UNIQUE INDEX once ON t (n, id)")
    call = 'op.backfill("t", {"n": sa.text("nothing_there")}, batch_size=4)'
    with pytest.raises(MigrationFailedError) as caught:
        fill(db, tmp_path, call)
    assert "cannot apply ~ rows of t: fill n: " in caught.value.message
    assert "statement: UPDATE t SET n = nothing_there" in caught.value.message
    assert filled(db) == [0]


def test_names_that_need_quotes(db: Database, tmp_path: Path) -> None:
    """Of the table and of its key."""
    table = sa.Table(
        "order",
        sa.MetaData(),
        sa.Column("from", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer),
    )
    table.create(db.connection)
    db.connection.execute(sa.insert(table), [{"from": n, "n": 0} for n in range(20)])
    db.connection.commit()
    fill(db, tmp_path, 'op.backfill("order", {"n": sa.text("n + 1")}, batch_size=6)')
    assert db.connection.execute(sa.select(table.c.n).distinct()).scalars().all() == [1]
