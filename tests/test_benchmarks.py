"""Test that each part of the benchmark runs; its figures for 20 tables have no meaning."""

from __future__ import annotations

import gc
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

pytest.importorskip("alembic", reason="pip install -e '.[benchmark]'")

from tests.benchmarks.command_growth import CommandGrowth, command_growth, exponent
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
from tests.benchmarks.counts import Count, exceeding
from tests.benchmarks.drafted import created, generated
from tests.benchmarks.fleet import measure
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
from tests.benchmarks.revisions import Compared, place_of, started
from tests.benchmarks.running import loaded, upgraded
from tests.benchmarks.shop import models
from tests.benchmarks.timing import Grown, Row, Seconds

TABLES = 20
SLOWER = """
_load_once = load_graph


def load_graph(folder):
    for _ in range(4):
        _load_once(folder)
    return _load_once(folder)
"""


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    """Exempt the objects of other tests from the garbage collections between the measurements."""
    gc.freeze()
    yield
    gc.unfreeze()


def test_autodiff_and_alembic_find_the_same_changes(any_database: sa.URL) -> None:
    """Both find no change in equal schemas and three changes in each changed table."""
    engine = sa.create_engine(any_database)
    models(TABLES).create_all(engine)
    for changed in (0, 2):
        with engine.connect() as connection:
            change_count = our_changes(connection, models(TABLES, changed=changed))
            assert change_count == their_changes(connection, models(TABLES, changed=changed))
            assert change_count == 3 * changed
    engine.dispose()


def test_a_changed_default_is_found(database: Callable[[str], sa.URL]) -> None:
    """There is a fourth change in each table if defaults are compared as well."""
    engine = sa.create_engine(database("postgresql"))
    models(TABLES).create_all(engine)
    with engine.connect() as connection:
        assert our_changes(connection, models(TABLES, changed=2, worded=True)) == 8
    engine.dispose()


def test_tables_apart_share_no_column() -> None:
    """Only the key columns have the same names in all tables."""
    columns = [c.name for t in models(TABLES, apart=True).tables.values() for c in t.columns]
    assert len({name for name in columns if name not in ("id", "parent_id")}) == 10 * TABLES


def test_the_comparison_is_measured(database: Callable[[str], sa.URL]) -> None:
    """Each row has the times of autodiff, Alembic and the lower limit for each round."""
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
    """A row has the time, the time of the bare queries, and the peak memory in megabytes."""
    url = database("mariadb")
    create(url, models(TABLES))
    growth = grown("mariadb", url, TABLES, 1, "table_open_cache = DEFAULT")
    assert growth.tables == TABLES
    assert growth.seconds.median > growth.limit.median > 0
    assert growth.megabytes > 0


def test_the_growth_of_commands_is_measured(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Each command has a time for each size; those that run migrations only up to a size."""
    found = {
        item.command: item
        for item in command_growth("sqlite", lambda: database("sqlite"), tmp_path, [3, 4], 3)
    }
    assert list(found["generate"].seconds) == [3, 4]
    assert list(found["upgrade"].seconds) == [3]
    text = page(Measured(rows=[], commands=list(found.values())))
    assert "| command | database | 3 | 4 | exponent |" in text
    assert exponent(1, 100, 10) == 2


def test_more_schemas_need_no_more_queries(database: Callable[[str], sa.URL]) -> None:
    """PostgreSQL receives as many queries for five schemas as for one."""
    one_schema = queries(database("postgresql"), 4, ["a"])
    assert queries(database("postgresql"), 4, ["a", "b", "c", "d", "e"]) == one_schema


def test_loading_and_upgrading_are_measured(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """autodiff and Alembic both load and apply the migrations."""
    assert loaded(tmp_path / "load", 3, 1).ratio is not None
    row = upgraded("sqlite", lambda: database("sqlite"), tmp_path / "run", 3, 1)
    assert row.ratio is not None


def test_the_rehearsal_is_measured(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A draft with a rehearsal is measured against one without, and against create_all()."""
    url, other_url = database("sqlite"), database("sqlite")
    folder = tmp_path / "migrations"
    row = generated("sqlite", database("sqlite"), folder, tables=TABLES, changed=2, rounds=1)
    assert row.limit is not None
    assert created("sqlite", url, other_url, tmp_path / "new", TABLES).limit is not None


def test_the_offline_check_is_measured(tmp_path: Path) -> None:
    """The offline check is measured against importing the models alone."""
    row = checked_offline(tmp_path, TABLES, 1)
    assert row.limit is not None


def test_the_check_with_a_database_is_measured(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The check is measured against Alembic's check; neither finds a change."""
    row = checked("sqlite", database("sqlite"), tmp_path, TABLES, 1)
    assert row.ratio is not None
    assert row.limit is not None


def test_reports() -> None:
    """The table shows the ratio, the plot its points, and the JSON every round."""
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
    commands = [CommandGrowth(command="lint", database="sqlite", seconds={10: 0.1, 100: 1.0})]
    measured = Measured(rows=[row], growth=[growth], queries={1: 10, 10: 10}, commands=commands)
    assert "| lint | sqlite | 0.100 s | 1.000 s | 1.00 |" in page(measured)
    assert "| sqlite | 1,000 | 3.000 s | 15.0 times | 0.200 s | 9.5 |" in page(measured)
    assert "10 for 1, 10 for 10" in page(measured)
    assert len(re.findall("<circle ", plot([growth]))) == 2
    assert from_json(as_json(measured)) == measured
    assert len(joined([measured, measured]).rows) == 2
    assert json.loads(as_json(measured))["rows"][0]["ours"]["rounds"] == [0.1, 0.2, 0.9]


def test_other_code_is_measured(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A copy that reads each folder five times makes about five times as many calls."""
    root = Path(__file__).parents[1]
    for name in ("autodiff", "templates"):
        shutil.copytree(root / name, tmp_path / "code" / name)
    with (tmp_path / "code" / "autodiff" / "migrations" / "__init__.py").open("a") as file:
        file.write(SLOWER)
    place = place_of(lambda: database("sqlite"), tmp_path, TABLES)
    counted = []
    for code in (root, tmp_path / "code"):
        shutil.rmtree(tmp_path / "migrations", ignore_errors=True)
        with started("load", place, code) as worker:
            counted.append(worker.measure("calls"))
            assert worker.measure("seconds") > 0
            assert worker.measure("peak_bytes") > 0
    assert 4 < counted[1] / counted[0] < 6


def test_a_revision_is_slower_if_its_median_and_its_fastest_round_are() -> None:
    """A single slow round, which other load on the machine can cause, is no reason to fail."""
    before = (1.0, 1.0, 1.0)
    assert Compared(work="load", before=before, after=(1.2, 1.1, 1.3)).is_slower
    assert not Compared(work="load", before=before, after=(1.2, 1.0, 1.3)).is_slower
    assert not Compared(work="load", before=before, after=(1.04, 1.04, 9.0)).is_slower
    assert not Compared(work="load", before=before, after=(0.5, 0.5, 0.5)).is_slower


def test_a_count_may_exceed_the_accepted_one_by_five_percent() -> None:
    """A work without an accepted count, as of another version of Python, is not judged."""
    counts = [Count(work=work, measure="calls", number=1060) for work in ("a", "b", "c")]
    accepted = {"a: calls": 1000, "b: calls": 1010}
    assert exceeding(counts, accepted) == ["a: calls: 1,060, accepted are 1,000"]


def test_the_fleet_benchmark_migrates_all_targets(tmp_path: Path) -> None:
    """It measures a run with pending migrations and one without."""
    assert min(measure(tmp_path, targets=3, workers=1)) > 0
