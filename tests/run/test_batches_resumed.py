"""op.backfill where each batch is committed by itself: a run that stopped goes on behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from autodiff.runner.events import BackfillProgress, Event
from tests.run.killing import statements_of, upgrade_killed
from tests.run.test_killed import moments
from tests.support import Database, Folder, opened

ROWS = 23
CREATE = f"""
op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer()))
op.bulk_insert(sa.table("t", sa.column("id"), sa.column("n")),
    [{{"id": i * 10, "n": 0}} for i in range({ROWS})])
"""
FILL = 'op.backfill("t", {"n": sa.text("n + 1")}, batch_size=5)'
"""Adds 1: a row that is filled twice, or not at all, shows it."""
OUTSIDE = f"with op.autocommit():\n    {FILL}"
BACK = 'op.backfill("t", {"n": sa.text("n - 1")})'
WAYS = {"mariadb": FILL, "postgresql": OUTSIDE, "sqlite": OUTSIDE}


def folder_of(path: Path, up: str, down: str = "pass") -> Folder:
    folder = Folder(path / "m")
    folder.write("aaaa", CREATE, 'op.drop_table("t")')
    folder.write("bbbb", up, down)
    return folder


def counts(db: Database) -> list[tuple[int, int]]:
    return [(n, c) for n, c in db.rows("SELECT n, count(*) FROM t GROUP BY n ORDER BY n")]


def progress(db: Database, folder: Folder) -> list[tuple[int, int]]:
    """What is told of a backfill while an upgrade goes on."""
    events: list[Event] = []
    db.runner(folder, on_event=events.append).upgrade()
    return [(e.done, e.total) for e in events if isinstance(e, BackfillProgress)]


@pytest.mark.parametrize("kind", WAYS)
def test_killed_at_any_statement_each_row_is_filled_once(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """Whatever batch it was at, before or after its commit."""
    folder = folder_of(tmp_path, WAYS[kind])
    count = statements_of(database(kind), folder)
    half_way = 0
    for moment in moments(count):
        url = database(kind)
        upgrade_killed(url, folder, moment)
        with opened(url) as db:
            unfinished = db.runner(folder).unfinished()
            done = unfinished.progress.rows if unfinished is not None else 0
            if done:
                half_way += 1
                assert counts(db) == [(0, ROWS - done), (1, done)]
                assert progress(db, folder)[0] == (done, ROWS)
            db.runner(folder).upgrade()
            assert counts(db) == [(1, ROWS)], moment
    assert half_way >= 2


def test_in_one_transaction_nothing_stays(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Where the whole migration is one, its batches are too."""
    folder = folder_of(tmp_path, f"{FILL}\n1 / 0")
    for kind in ("sqlite", "postgresql"):
        with opened(database(kind)) as db:
            with pytest.raises(MigrationFailedError, match="ZeroDivisionError"):
                db.runner(folder).upgrade()
            assert counts(db) == [(0, ROWS)]
            assert db.runner(folder).unfinished() is None


def stopped(db: Database, folder: Folder) -> MigrationFailedError:
    """The failure of a backfill that 12 of 23 rows let through, in batches of 5."""
    db.runner(folder).upgrade("aaaa")
    db.execute("UPDATE t SET n = 2147483647 WHERE id = 120")
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).upgrade()
    return caught.value


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_a_failure_says_how_many_rows_are_done(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """They stay; once the cause is mended it goes on behind them."""
    folder = folder_of(tmp_path, WAYS[kind])
    with opened(database(kind)) as db:
        error = stopped(db, folder)
        assert "\nof the one under way 10 rows are done, and stay" in error.message
        assert "autodiff upgrade to resume" in str(error.hint)
        entry = db.runner(folder).unfinished()
        assert entry is not None
        assert (entry.outcome, entry.progress.rows) == ("failed", 10)
        db.execute("UPDATE t SET n = 0 WHERE id = 120")
        assert progress(db, folder) == [(10, ROWS), (15, ROWS), (20, ROWS), (ROWS, ROWS)]
        assert counts(db) == [(1, ROWS)]


def test_a_key_that_cant_be_written_down_is_one_batch(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Nothing could say where to go on: all rows, in one transaction."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", OUTSIDE)
    with opened(database("postgresql")) as db:
        db.execute(
            "CREATE TABLE t (id INET PRIMARY KEY, n INT)",
            "INSERT INTO t SELECT '10.0.0.0'::inet + i, 0 FROM generate_series(1, 23) i",
        )
        assert progress(db, folder) == []
        assert counts(db) == [(1, ROWS)]


def test_what_is_half_filled_is_not_emptied(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A way back for all rows is none for some of them: it is refused, and nothing is touched."""
    folder = folder_of(tmp_path, FILL, BACK)
    with opened(database("mariadb")) as db:
        stopped(db, folder)
        before = db.state()
        with pytest.raises(MigrationFailedError) as caught:
            db.runner(folder).downgrade()
        assert caught.value.message == (
            "cannot revert 0002_step_bbbb.py: 10 rows of one step are done, and its counterpart "
            "changes all rows: ~ rows of t: fill n"
        )
        assert "run the same command again to resume" in str(caught.value.hint)
        assert db.state() == before


def test_a_column_that_is_half_filled_is_dropped(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Where the migration made it."""
    up = (
        'op.add_column("t", sa.Column("m", sa.Integer()))\n'
        'op.backfill("t", {"m": sa.text("n + 1")}, batch_size=5)'
    )
    folder = folder_of(tmp_path, up, 'op.drop_column("t", "m")')
    with opened(database("mariadb")) as db:
        stopped(db, folder)
        assert [m.revision for m in db.runner(folder).downgrade()] == ["bbbb"]
        assert db.table("t").column("m") is None
        assert db.history() == ["aaaa"]


@pytest.mark.parametrize("kind", WAYS)
def test_a_stop_between_batches_says_that_rows_stay(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """Also where no step came to its end before: something is left of it, and how to go on."""
    folder = folder_of(tmp_path, WAYS[kind])
    with opened(database(kind)) as db:

        def stop(event: Event) -> None:
            if isinstance(event, BackfillProgress) and event.done == 10:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            db.runner(folder, on_event=stop).upgrade()
        [told] = caught.value.__notes__
        assert "finished steps, which stay: none\n" in told
        assert "rows that the current step has filled, which stay: 10" in told
        assert "left nothing behind" not in told
        db.runner(folder).upgrade()
        assert counts(db) == [(1, ROWS)]
