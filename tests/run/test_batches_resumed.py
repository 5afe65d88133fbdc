"""Test that a backfill that commits each batch resumes after the last committed one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from autodiff.runner.events import BackfillProgress, Event
from tests.run.killing import count_statements, run_and_kill
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
"""Adds 1, so that a row that is filled twice, or not at all, is noticed."""
FILL_AUTOCOMMIT = f"with op.autocommit():\n    {FILL}"
REVERT_FILL = 'op.backfill("t", {"n": sa.text("n - 1")})'
FILL_BY_KIND = {"mariadb": FILL, "postgresql": FILL_AUTOCOMMIT, "sqlite": FILL_AUTOCOMMIT}


def make_folder(path: Path, up: str, down: str = "pass") -> Folder:
    folder = Folder(path / "m")
    folder.write("aaaa", CREATE, 'op.drop_table("t")')
    folder.write("bbbb", up, down)
    return folder


def count_by_value(db: Database) -> list[tuple[int, int]]:
    return [(n, count) for n, count in db.rows("SELECT n, count(*) FROM t GROUP BY n ORDER BY n")]


def upgrade_progress(db: Database, folder: Folder) -> list[tuple[int, int]]:
    """Run an upgrade; return the `done` and `total` of each progress event."""
    events: list[Event] = []
    db.runner(folder, on_event=events.append).upgrade()
    return [(e.done, e.total) for e in events if isinstance(e, BackfillProgress)]


@pytest.mark.parametrize("kind", FILL_BY_KIND)
def test_each_row_is_filled_once_after_a_kill_at_any_statement(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """The kill may come in any batch, before or after its commit."""
    folder = make_folder(tmp_path, FILL_BY_KIND[kind])
    statement_count = count_statements(database(kind), folder)
    partial_runs = 0
    for moment in moments(statement_count):
        url = database(kind)
        run_and_kill(url, folder, moment)
        with opened(url) as db:
            unfinished = db.runner(folder).unfinished()
            filled_rows = unfinished.progress.rows if unfinished is not None else 0
            if filled_rows:
                partial_runs += 1
                assert count_by_value(db) == [(0, ROWS - filled_rows), (1, filled_rows)]
                assert upgrade_progress(db, folder)[0] == (filled_rows, ROWS)
            db.runner(folder).upgrade()
            assert count_by_value(db) == [(1, ROWS)], moment
    assert partial_runs >= 2


def test_batches_in_one_transaction_are_rolled_back_together(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """If a migration is one transaction, its batches are part of it."""
    folder = make_folder(tmp_path, f"{FILL}\n1 / 0")
    for kind in ("sqlite", "postgresql"):
        with opened(database(kind)) as db:
            with pytest.raises(MigrationFailedError, match="ZeroDivisionError"):
                db.runner(folder).upgrade()
            assert count_by_value(db) == [(0, ROWS)]
            assert db.runner(folder).unfinished() is None


def fail_after_two_batches(db: Database, folder: Folder) -> MigrationFailedError:
    """Fail a backfill of 23 rows after two batches of 5; return the error."""
    db.runner(folder).upgrade("aaaa")
    db.execute("UPDATE t SET n = 2147483647 WHERE id = 120")
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).upgrade()
    return caught.value


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_a_failure_reports_how_many_rows_are_done(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """Those rows stay filled, and the next run continues after them."""
    folder = make_folder(tmp_path, FILL_BY_KIND[kind])
    with opened(database(kind)) as db:
        error = fail_after_two_batches(db, folder)
        assert "\nrows that the current step has filled, which stay: 10" in error.message
        assert "autodiff upgrade to resume" in str(error.hint)
        entry = db.runner(folder).unfinished()
        assert entry is not None
        assert (entry.outcome, entry.progress.rows) == ("failed", 10)
        db.execute("UPDATE t SET n = 0 WHERE id = 120")
        assert upgrade_progress(db, folder) == [(10, ROWS), (15, ROWS), (20, ROWS), (ROWS, ROWS)]
        assert count_by_value(db) == [(1, ROWS)]


def test_a_key_that_cannot_be_serialized_is_one_batch(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The journal could not record where to resume, so one transaction fills all rows."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", FILL_AUTOCOMMIT)
    with opened(database("postgresql")) as db:
        db.execute(
            "CREATE TABLE t (id INET PRIMARY KEY, n INT)",
            "INSERT INTO t SELECT '10.0.0.0'::inet + i, 0 FROM generate_series(1, 23) i",
        )
        assert upgrade_progress(db, folder) == []
        assert count_by_value(db) == [(1, ROWS)]


def test_a_partial_backfill_is_not_reverted(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The reverse step is for all rows, so the downgrade is refused and nothing is changed."""
    folder = make_folder(tmp_path, FILL, REVERT_FILL)
    with opened(database("mariadb")) as db:
        fail_after_two_batches(db, folder)
        before = db.state()
        with pytest.raises(MigrationFailedError) as caught:
            db.runner(folder).downgrade()
        assert caught.value.message == (
            "cannot revert 0002_step_bbbb.py: one step has changed 10 rows, and its counterpart "
            "changes all rows: ~ rows of t: fill n"
        )
        assert "run the same command again to resume" in str(caught.value.hint)
        assert db.state() == before


def test_a_partially_filled_new_column_is_dropped(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The downgrade can drop it because the same migration added it."""
    up = (
        'op.add_column("t", sa.Column("m", sa.Integer()))\n'
        'op.backfill("t", {"m": sa.text("n + 1")}, batch_size=5)'
    )
    folder = make_folder(tmp_path, up, 'op.drop_column("t", "m")')
    with opened(database("mariadb")) as db:
        fail_after_two_batches(db, folder)
        assert [m.revision for m in db.runner(folder).downgrade()] == ["bbbb"]
        assert db.table("t").column("m") is None
        assert db.history() == ["aaaa"]


@pytest.mark.parametrize("kind", FILL_BY_KIND)
def test_a_stop_between_batches_reports_the_filled_rows(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """No step is finished, but the rows stay filled. The message explains how to resume."""
    folder = make_folder(tmp_path, FILL_BY_KIND[kind])
    with opened(database(kind)) as db:

        def stop(event: Event) -> None:
            if isinstance(event, BackfillProgress) and event.done == 10:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            db.runner(folder, on_event=stop).upgrade()
        [note] = caught.value.__notes__
        assert "finished steps, which stay: none\n" in note
        assert "rows that the current step has filled, which stay: 10" in note
        assert "left nothing behind" not in note
        db.runner(folder).upgrade()
        assert count_by_value(db) == [(1, ROWS)]
