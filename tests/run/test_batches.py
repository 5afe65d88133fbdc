"""Test that op.backfill fills large tables in batches, and every row once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.errors import MigrationFailedError
from autodiff.runner.batched_backfill import BATCH_SIZE
from autodiff.runner.events import BackfillProgress, Event, StatementRun
from tests.support import Database, Folder, opened


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as db:
        yield db


def create(db: Database, keys: list[dict[str, object]], *columns: sa.Column[object]) -> None:
    """Create a table `t` of the columns and an integer `n` of 0, with a row for each key."""
    table = sa.Table("t", sa.MetaData(), *columns, sa.Column("n", sa.Integer))
    table.create(db.connection)
    db.connection.execute(sa.insert(table), [{**key, "n": 0} for key in keys])
    db.connection.commit()


def fill(db: Database, path: Path, call: str) -> tuple[list[BackfillProgress], list[str]]:
    """Run a migration with one call; return its progress events and its statements."""
    folder = Folder(path / "m")
    folder.write("aaaa", call)
    events: list[Event] = []
    db.runner(folder, on_event=events.append).upgrade()
    progress = [event for event in events if isinstance(event, BackfillProgress)]
    return progress, [event.sql for event in events if isinstance(event, StatementRun)]


def distinct_values(db: Database) -> list[int]:
    return [row[0] for row in db.rows("SELECT DISTINCT n FROM t ORDER BY n")]


ADD_ONE = 'op.backfill("t", {"n": sa.text("n + 1")}%s)'
"""Adds 1, so that a row that is filled twice, or not at all, is noticed."""


def test_many_rows_are_filled_in_batches(db: Database, tmp_path: Path) -> None:
    """Each row is filled once and progress reaches the total. The statement is reported once."""
    total = 2 * BATCH_SIZE + 500
    create(
        db,
        [{"id": n} for n in range(total)],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    progress, statements = fill(db, tmp_path, ADD_ONE % "")
    assert distinct_values(db) == [1]
    assert [(event.done, event.total) for event in progress] == [
        (BATCH_SIZE, total),
        (2 * BATCH_SIZE, total),
        (total, total),
    ]
    assert {event.table for event in progress} == {"t"}
    assert statements == ["UPDATE t SET n = n + 1"]


def test_few_rows_are_filled_by_one_update_without_progress(db: Database, tmp_path: Path) -> None:
    create(
        db,
        [{"id": n} for n in range(9)],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    assert fill(db, tmp_path, ADD_ONE % "")[0] == []
    assert distinct_values(db) == [1]


@pytest.mark.parametrize("size", [1, 4, 5, 20, 21])
def test_batches_keep_the_condition(db: Database, tmp_path: Path, size: int) -> None:
    """The condition may contain OR and special characters.

    Progress counts only the rows that it selects.
    """
    create(
        db,
        [{"id": n} for n in range(40)],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    where = "id < 10 OR id >= 30 AND 'a%:b' = 'a%:b'"
    progress, _ = fill(db, tmp_path, ADD_ONE % f', where="{where}", batch_size={size}')
    assert db.rows("SELECT n, count(*) FROM t GROUP BY n ORDER BY n") == [(0, 20), (1, 20)]
    assert {event.total for event in progress} <= {20}
    assert progress == [] if size > 20 else progress[-1].done == 20


@pytest.mark.parametrize("size", [1, 2, 9])
@pytest.mark.parametrize("comment", ["-- ten", "/* ten */", "# ten"])
def test_a_comment_ends_with_the_value(
    db: Database, tmp_path: Path, size: int, comment: str
) -> None:
    """What follows it in the statement counts: other values, the condition and the batch."""
    if comment[0] == "#" and not dialect_of(db.connection).features.backslash_escapes:
        pytest.skip("# begins no comment")
    key = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
    create(db, [{"id": n} for n in range(4)], key, sa.Column("m", sa.Integer))
    values = f'{{"n": sa.text("n + 10 {comment}"), "m": sa.text("n {comment}")}}'
    fill(db, tmp_path, f'op.backfill("t", {values}, where="id < 3 {comment}", batch_size={size})')
    filled = db.rows("SELECT n, count(m) FROM t GROUP BY n ORDER BY n")
    assert filled == [(0, 0), (10, 3)]


def test_the_end_of_a_batch_is_found_by_the_key(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """PostgreSQL expects few NULLs in a new column, and must not sort the table for each batch."""
    with opened(database("postgresql")) as db:
        create(
            db, [{"id": n} for n in range(30_000)], sa.Column("id", sa.Integer, primary_key=True)
        )
        db.connection.exec_driver_sql("ANALYZE t")
        db.connection.exec_driver_sql("ALTER TABLE t ADD COLUMN b integer")
        db.connection.commit()
        sent: list[tuple[str, object]] = []
        sa.event.listen(
            db.connection.engine,
            "before_cursor_execute",
            lambda *arguments: sent.append(arguments[2:4]),
        )
        fill(db, tmp_path, 'op.backfill("t", {"b": 1}, where="b IS NULL", batch_size=1000)')
        ends = [(sql, keys) for sql, keys in sent if sql.startswith("SELECT") and "OFFSET" in sql]
        assert len(ends) == 31
        for sql, keys in ends[1:]:
            plan = db.connection.exec_driver_sql(f"EXPLAIN {sql}", keys).scalars().all()
            assert not any("Sort" in line for line in plan), plan


def test_a_condition_may_use_the_filled_column(db: Database, tmp_path: Path) -> None:
    """Filled rows no longer match the condition; the other rows still do."""
    create(
        db,
        [{"id": n} for n in range(25)],
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    )
    fill(db, tmp_path, ADD_ONE % ', where="n = 0", batch_size=10')
    assert distinct_values(db) == [1]


def test_batches_follow_a_text_key(db: Database, tmp_path: Path) -> None:
    """Batches use the database's sort order.

    Keys may contain quotes, percent signs and both cases.
    """
    parts = ["", "a", "B", "b%", "c'd", "Z", "z?", "ö", "é:x", "_"]
    keys = [{"id": f"{first}{second}{n}"} for n, first in enumerate(parts) for second in parts]
    create(db, keys, sa.Column("id", sa.String(20), primary_key=True))
    progress, _ = fill(db, tmp_path, ADD_ONE % ", batch_size=7")
    assert distinct_values(db) == [1]
    assert len(progress) == 15


def test_batches_follow_a_composite_key(db: Database, tmp_path: Path) -> None:
    """A batch may end between rows with the same first key column."""
    keys = [{"a": a, "b": f"b{b}"} for a in range(5) for b in range(9)]
    create(
        db,
        keys,
        sa.Column("b", sa.String(5), primary_key=True),
        sa.Column("a", sa.Integer, primary_key=True),
    )
    progress, _ = fill(db, tmp_path, ADD_ONE % ", batch_size=4")
    assert distinct_values(db) == [1]
    assert len(progress) == 12


def test_batches_follow_a_key_of_numbers_and_times(db: Database, tmp_path: Path) -> None:
    """Key values are sent back to the database exactly as they were read."""
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
    fill(db, tmp_path, ADD_ONE % ", batch_size=2")
    assert distinct_values(db) == [1]


@pytest.mark.parametrize(
    ("kind", "type_", "values"),
    [
        ("postgresql", "date", ["'2020-01-01'", "'infinity'", "'-infinity'", "'2021-01-01'"]),
        ("postgresql", "integer[]", ["'{1}'", "'{2,3}'", "'{70000}'", "'{1,9}'"]),
        ("mariadb", "bit(8)", ["b'1'", "b'10'", "b'11'", "b'10000000'"]),
    ],
)
def test_every_row_is_filled_once_for_a_key_that_bounds_no_batch(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str, type_: str, values: list[str]
) -> None:
    """The rows that remain are filled by one UPDATE."""
    with opened(database(kind)) as db:
        db.execute(f"CREATE TABLE t (id {type_}, n integer, PRIMARY KEY (id))")
        db.execute(f"INSERT INTO t VALUES {', '.join(f'({value}, 0)' for value in values)}")
        fill(db, tmp_path, ADD_ONE % ", batch_size=1")
        assert distinct_values(db) == [1]


def test_a_table_without_a_key_is_filled_by_one_update(db: Database, tmp_path: Path) -> None:
    """Without a key there is no order for batches."""
    create(db, [{"id": n} for n in range(30)], sa.Column("id", sa.Integer))
    progress, _ = fill(db, tmp_path, ADD_ONE % ", batch_size=4")
    assert progress == []
    assert distinct_values(db) == [1]


@pytest.mark.parametrize(
    "call",
    [
        'op.backfill("t", {"id": sa.text("id + 100")}, batch_size=4)',
        'op.backfill("t", {"n": 1}, where="id <= 15 + (SELECT max(n) FROM (SELECT n FROM t) AS u)",'
        " batch_size=4)",
    ],
    ids=["changes the key", "reads its own table"],
)
def test_one_update_is_used_if_batches_could_change_the_result(
    db: Database, tmp_path: Path, call: str
) -> None:
    """Batches would differ if the key itself changes, or if the condition reads the table."""
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


def test_a_table_with_a_nullable_key_is_filled_by_one_update(tmp_path: Path) -> None:
    """SQLite allows NULL in a primary key that is not INTEGER. Such rows are filled too."""
    with opened(sa.make_url("sqlite://")) as db:
        db.execute("CREATE TABLE t (id TEXT PRIMARY KEY, n INT)")
        db.execute("INSERT INTO t VALUES (NULL, 0), ('a', 0), (NULL, 0), ('b', 0)")
        assert fill(db, tmp_path, ADD_ONE % ", batch_size=1")[0] == []
        assert distinct_values(db) == [1]


def test_a_failed_batch_reports_the_whole_update(db: Database, tmp_path: Path) -> None:
    """The message shows the UPDATE as a user would write it. No row is changed."""
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
    assert distinct_values(db) == [0]


def test_quoted_names_are_filled_in_batches(db: Database, tmp_path: Path) -> None:
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
