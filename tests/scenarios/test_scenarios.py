"""Each scenario goes the whole way: plan, file, upgrade, nothing left, downgrade, restored, again.

AUTODIFF_TEST_UPDATE=1 writes the expected files anew, for a person to read in the diff.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Plan, diff
from autodiff.autogenerate.differences import find_difference
from autodiff.autogenerate.schemas import scope_for
from autodiff.compare import schema_as_desired
from autodiff.dialects import Dialect, dialect_of
from autodiff.migrations import load_graph
from autodiff.runner.runner import Runner
from autodiff.schema.objects import Schema
from tests.scenarios.scenario import FOLDER, Scenario, all_scenarios

UPDATE = os.environ.get("AUTODIFF_TEST_UPDATE") == "1"
SCENARIOS = all_scenarios()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario, database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """The file is as expected, upgrade leaves nothing, downgrade restores, the rows are there."""
    engine = sa.create_engine(database(scenario.database), poolclass=sa.NullPool)
    with engine.connect() as connection:
        scenario.prepare(connection)
        start, rows = _schema(connection, scenario), _rows(connection)
        source = _source(connection, scenario)
        _expect(source, scenario.expected)
        folder = tmp_path / "migrations"
        folder.mkdir()
        (folder / "0001_scenario.py").write_text(source)

        for _ in range(2):
            _runner(connection, folder).upgrade()
            assert _plan(connection, scenario, told=False).summary() == []
            _assert_kept(_moved(rows, scenario, "upgrade"), _rows(connection), scenario)
            _runner(connection, folder).downgrade()
            _assert_restored(connection, scenario, start)
            _assert_kept(_moved(rows, scenario, "downgrade"), _rows(connection), scenario)
    engine.dispose()


def _runner(connection: sa.Connection, folder: Path) -> Runner:
    return Runner(connection, load_graph(folder))


def _plan(connection: sa.Connection, scenario: Scenario, *, told: bool = True) -> Plan:
    found = diff(
        connection,
        scenario.models(),
        renames=scenario.renames if told else (),
        fills=scenario.fills if told else (),
        maps=scenario.maps if told else (),
        exclude=scenario.exclude,
        assume=scenario.assume,
    )
    connection.rollback()
    return found


def _source(connection: sa.Connection, scenario: Scenario) -> str:
    plan = _plan(connection, scenario)
    return plan.source(scenario.folder.name.replace("_", " "), revision="scenario")


def _expect(source: str, expected: Path) -> None:
    if UPDATE:
        expected.write_text(source)
    assert expected.is_file(), f"{expected} is missing; it would be:\n{source}"
    assert source == expected.read_text()


def _schema(connection: sa.Connection, scenario: Scenario) -> Schema:
    scope = scope_for(Schema(namespaces=_namespaces(scenario)), scenario.exclude)
    found = dialect_of(connection).reflect(connection, scope)
    connection.rollback()
    return found


def _assert_restored(connection: sa.Connection, scenario: Scenario, start: Schema) -> None:
    """The database is what it was; a text that reads otherwise now is its own judge of that."""
    dialect, now = dialect_of(connection), _schema(connection, scenario)
    if _normal(now, dialect) != _normal(start, dialect):
        wanted = schema_as_desired(start, dialect)
        found = find_difference(
            connection, dialect, now, wanted, create_scratch=True, declared_before=now
        )
        connection.rollback()
        assert found.changes == ()


def _normal(schema: Schema, dialect: Dialect) -> Schema:
    """The schema with its texts normalised and its parts sorted: for comparing."""
    tables = {name: dialect.normalize(schema.tables[name]) for name in sorted(schema.tables)}
    return replace(schema, tables=tables, namespaces=frozenset())


def _namespaces(scenario: Scenario) -> frozenset[str]:
    return frozenset(t.schema for t in scenario.models().tables.values() if t.schema)


def _rows(connection: sa.Connection) -> dict[str, list[dict[str, object]]]:
    """The rows of each table of the default schema, as the driver gives them."""
    quote = connection.dialect.identifier_preparer.quote
    found = {}
    for table in sorted(sa.inspect(connection).get_table_names()):
        if not table.startswith("autodiff_"):
            result = connection.exec_driver_sql(f"SELECT * FROM {quote(table)}")
            found[table] = [dict(row._mapping) for row in result]
    connection.rollback()
    return found


def _moved(
    rows: dict[str, list[dict[str, object]]], scenario: Scenario, direction: str
) -> dict[str, list[dict[str, object]]]:
    """The rows with the values that the scenario says become others, in arrays too."""
    found = {table: [dict(row) for row in items] for table, items in rows.items()}
    for place, values in scenario.values.get(direction, {}).items():
        table, column = place.split(".")
        for row in found[table]:
            words = re.split(r"(\w+)", str(row[column]))
            row[column] = "".join(values.get(word, word) for word in words)
    return found


def _assert_kept(
    before: dict[str, list[dict[str, object]]],
    after: dict[str, list[dict[str, object]]],
    scenario: Scenario,
) -> None:
    """Every value is there that stood in a table and column of both sides."""
    for table in sorted(set(before) & set(after)):
        if table in scenario.lost:
            continue
        assert len(after[table]) == len(before[table]), f"rows of {table}"
        columns = set().union(*before[table]) & set().union(*after[table])
        kept = sorted(c for c in columns if f"{table}.{c}" not in scenario.lost)
        assert _values(after[table], kept) == _values(before[table], kept)


def _values(rows: list[dict[str, object]], columns: list[str]) -> list[tuple[str, ...]]:
    return sorted(tuple(str(row[column]) for column in columns) for row in rows)


def test_expected_files_are_formatted() -> None:
    """`ruff format --check` has nothing to say about any file that autodiff writes."""
    files = sorted(str(path) for path in FOLDER.glob("*/expected*.py"))
    assert files
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", *files]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_expected_file_belongs_to_a_scenario() -> None:
    """No expected file is left over from a scenario that no database runs any more."""
    used = {scenario.expected for scenario in SCENARIOS}
    names = {scenario.folder for scenario in SCENARIOS}
    left = {path for path in FOLDER.glob("*/expected*.py") if path.parent in names} - used
    assert left == set()
