"""The benchmark's parts work; what they measure on twenty tables says nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

pytest.importorskip("alembic", reason="pip install -e '.[benchmark]'")

from tests.benchmarks.commands import checked, checked_offline
from tests.benchmarks.comparing import (
    Size,
    compared,
    create,
    grown,
    our_changes,
    queries,
    their_changes,
)
from tests.benchmarks.drafted import generated
from tests.benchmarks.report import (
    Growth,
    Measured,
    as_json,
    from_json,
    joined,
    page,
    plot,
    table,
)
from tests.benchmarks.running import loaded, upgraded
from tests.benchmarks.shop import models
from tests.benchmarks.timing import Grown, Row, Seconds

TABLES = 20


def test_both_sides_find_the_same(any_database: sa.URL) -> None:
    """Nothing where nothing changed, and three changes in each table that did."""
    engine = sa.create_engine(any_database)
    models(TABLES).create_all(engine)
    for changed in (0, 2):
        with engine.connect() as connection:
            found = our_changes(connection, models(TABLES, changed=changed))
            assert found == their_changes(connection, models(TABLES, changed=changed))
            assert found == 3 * changed
    engine.dispose()


def test_a_default_in_other_words_is_found_by_both(database: Callable[[str], sa.URL]) -> None:
    """A fourth change in each table, where Alembic is asked to compare defaults as well."""
    engine = sa.create_engine(database("postgresql"))
    models(TABLES).create_all(engine)
    with engine.connect() as connection:
        assert our_changes(connection, models(TABLES, changed=2, worded=True)) == 8
    engine.dispose()


def test_tables_apart_share_no_column() -> None:
    """But for their keys."""
    columns = [c.name for t in models(TABLES, apart=True).tables.values() for c in t.columns]
    assert len({name for name in columns if name not in ("id", "parent_id")}) == 10 * TABLES


def test_compare_is_measured(database: Callable[[str], sa.URL]) -> None:
    """Each row has the seconds of each round, ours beside Alembic's and the limit's."""
    size = Size(tables=TABLES, changed=2, rounds=1)
    rows = list(compared("sqlite", lambda: database("sqlite"), size))
    assert [row.work for row in rows] == [
        "compare 20 tables, none changed",
        "compare 20 tables, none changed, no repeated columns",
        "compare 20 tables, 2 changed",
        "compare 20 tables, 2 changed, including defaults",
    ]
    for row in rows:
        assert row.ratio is not None
        assert row.limit is not None
        assert len(row.ours.rounds) == 1


def test_growth_is_measured(database: Callable[[str], sa.URL]) -> None:
    """Seconds, those of the bare queries, and megabytes at the top."""
    url = database("mariadb")
    create(url, models(TABLES))
    found = grown("mariadb", url, TABLES, 1, "table_open_cache = DEFAULT")
    assert found.tables == TABLES
    assert found.seconds.median > found.limit.median > 0
    assert found.megabytes > 0


def test_more_schemas_need_no_more_queries(database: Callable[[str], sa.URL]) -> None:
    """PostgreSQL is asked as often for five schemas as for one."""
    one = queries(database("postgresql"), 4, ["a"])
    assert queries(database("postgresql"), 4, ["a", "b", "c", "d", "e"]) == one


def test_runs_are_measured(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Migrations are loaded and applied by both."""
    assert loaded(tmp_path / "load", 3, 1).ratio is not None
    row = upgraded("sqlite", lambda: database("sqlite"), tmp_path / "run", 3, 1)
    assert row.ratio is not None


def test_the_rehearsal_is_measured(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A draft with a rehearsal, beside one without."""
    row = generated("sqlite", database("sqlite"), tmp_path / "migrations", TABLES, 1)
    assert row.limit is not None


def test_the_command_line_is_measured(tmp_path: Path) -> None:
    """The check without a database finds nothing, and beside it stands the bare import."""
    row = checked_offline(tmp_path, TABLES, 1)
    assert row.limit is not None


def test_the_check_is_measured(any_database: sa.URL, tmp_path: Path) -> None:
    """With a database, beside Alembic's own check, which finds nothing either."""
    row = checked("some", any_database, tmp_path, TABLES, 1)
    assert row.ratio is not None
    assert row.limit is not None


def test_what_is_told() -> None:
    """The table has the ratio, the plot its points, and JSON all of the rounds."""
    ours, theirs = Seconds(rounds=(0.1, 0.2, 0.9)), Seconds(rounds=(2.0, 3.0, 4.0))
    row = Row(work="compare", database="sqlite", ours=ours, theirs=theirs, wanted="10 times")
    assert table([row]).splitlines()[-1] == (
        "| compare | sqlite | 0.200 s | 3.000 s | 15.0 |  | 10 times |"
    )
    sizes = [
        Grown(tables=100, seconds=ours, limit=ours, megabytes=1.0),
        Grown(tables=1000, seconds=theirs, limit=ours, megabytes=9.5),
    ]
    growth = Growth(database="sqlite", sizes=sizes)
    measured = Measured(rows=[row], growth=[growth], queries={1: 10, 10: 10})
    assert "| sqlite | 1,000 | 3.000 s | 15.0 times | 0.200 s | 9.5 |" in page(measured)
    assert "10 for 1, 10 for 10" in page(measured)
    assert len(re.findall("<circle ", plot([growth]))) == 2
    assert from_json(as_json(measured)) == measured
    assert len(joined([measured, measured]).rows) == 2
    assert json.loads(as_json(measured))["rows"][0]["ours"]["rounds"] == [0.1, 0.2, 0.9]
