"""Test every scenario: the migration file, the schema and the rows, up, down and up again.

AUTODIFF_TEST_UPDATE=1 rewrites the expected files; review the diff.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import pytest
import sqlalchemy as sa

from autodiff import Plan, diff
from autodiff.autogenerate.differences import find_difference
from autodiff.autogenerate.schemas import scope_for
from autodiff.compare import schema_as_desired
from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.records import Records
from autodiff.dialects.scope import Selection
from autodiff.migrations import load_graph
from autodiff.models.fingerprint import schemas_named_by
from autodiff.runner.runner import Runner
from autodiff.schema.objects import Schema
from tests.scenarios.scenario import FOLDER, Scenario, all_scenarios

UPDATE = os.environ.get("AUTODIFF_TEST_UPDATE") == "1"
SCENARIOS = all_scenarios()
ALL_FINGERPRINTS = os.environ.get("AUTODIFF_TEST_FINGERPRINTS") == "1"
"""Whether every scenario tests the fingerprints of PostgreSQL and MariaDB, not one of four."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario, database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """The file is as expected, upgrade leaves nothing, downgrade restores, the rows are there."""
    print(scenario.purpose)  # pytest shows the output of a test that fails
    engine = sa.create_engine(database(scenario.database), poolclass=sa.NullPool)
    with engine.connect() as connection:
        scenario.prepare(connection)
        start_schema, rows = schema_of(connection, scenario), rows_of(connection)
        migration_source = _source(connection, scenario)
        if scenario.expected is not None:
            _assert_expected_source(migration_source, scenario.expected)
        folder = tmp_path / "migrations"
        folder.mkdir()
        (folder / "0001_scenario.py").write_text(migration_source)

        fingerprints = []
        for _ in range(2):
            _runner(connection, folder).upgrade()
            fingerprints.append(fingerprint_of(connection, scenario))
            assert plan_of(connection, scenario, with_options=False).summary() == []
            assert_values_kept(
                with_replaced_values(rows, scenario, "upgrade"), rows_of(connection), scenario
            )
            _runner(connection, folder).downgrade()
            fingerprints.append(fingerprint_of(connection, scenario))
            assert_restored(connection, scenario, start_schema)
            assert_values_kept(
                with_replaced_values(rows, scenario, "downgrade"), rows_of(connection), scenario
            )
        is_empty = "def upgrade() -> None:\n    pass" in migration_source
        assert all((a == b) == is_empty for a, b in pairwise(fingerprints) if a is not None)
    engine.dispose()


def _runner(connection: sa.Connection, folder: Path) -> Runner:
    return Runner(connection, load_graph(folder))


def plan_of(connection: sa.Connection, scenario: Scenario, *, with_options: bool = True) -> Plan:
    plan = diff(
        connection,
        scenario.models(),
        renames=scenario.renames if with_options else (),
        fills=scenario.fills if with_options else (),
        maps=scenario.maps if with_options else (),
        exclude=scenario.exclude,
        assume=scenario.assume,
    )
    connection.rollback()
    return plan


def _source(connection: sa.Connection, scenario: Scenario) -> str:
    plan = plan_of(connection, scenario)
    return plan.source(scenario.folder.name.replace("_", " "), revision="scenario")


def _assert_expected_source(source: str, expected: Path) -> None:
    if UPDATE:
        expected.write_text(source)
    assert expected.is_file(), f"{expected} is missing; it would be:\n{source}"
    assert source == expected.read_text()


def schema_of(connection: sa.Connection, scenario: Scenario) -> Schema:
    scope = scope_for(Schema(namespaces=_namespaces(scenario)), Selection.without(scenario.exclude))
    schema = dialect_of(connection).catalog.reflect(connection, scope)
    connection.rollback()
    return schema


def assert_restored(connection: sa.Connection, scenario: Scenario, original: Schema) -> None:
    """Check that the schema is the original one, even if the database rewrote some SQL."""
    dialect, current = dialect_of(connection), schema_of(connection, scenario)
    if _normalized(current, dialect) != _normalized(original, dialect):
        desired = schema_as_desired(original, dialect)
        result = find_difference(
            connection, dialect, current, desired, create_scratch=True, declared_before=current
        )
        connection.rollback()
        assert result.changes == ()


def _normalized(schema: Schema, dialect: Dialect) -> Schema:
    """Return the schema with normalized SQL and sorted parts, for comparison."""
    tables = {name: dialect.normalize(schema.tables[name]) for name in sorted(schema.tables)}
    return replace(schema, tables=tables, namespaces=frozenset())


def _namespaces(scenario: Scenario) -> frozenset[str]:
    return frozenset(t.schema for t in scenario.models().tables.values() if t.schema)


def rows_of(connection: sa.Connection) -> dict[str, list[dict[str, object]]]:
    """Return the rows of each table of the default schema as the driver returns them."""
    quote = connection.dialect.identifier_preparer.quote
    rows = {}
    for table in sorted(sa.inspect(connection).get_table_names()):
        if not table.startswith(("autodiff_", "alembic_version")):
            result = connection.exec_driver_sql(f"SELECT * FROM {quote(table)}")
            rows[table] = [dict(row._mapping) for row in result]
    connection.rollback()
    return rows


def with_replaced_values(
    rows: dict[str, list[dict[str, object]]], scenario: Scenario, direction: str
) -> dict[str, list[dict[str, object]]]:
    """Return the rows with the replacements of the scenario, which also apply to arrays."""
    replaced = {table: [dict(row) for row in items] for table, items in rows.items()}
    for path, values in scenario.values.get(direction, {}).items():
        table, column = path.split(".")
        for row in replaced[table]:
            words = re.split(r"(\w+)", str(row[column]))
            row[column] = "".join(values.get(word, word) for word in words)
    return replaced


def assert_values_kept(
    before: dict[str, list[dict[str, object]]],
    after: dict[str, list[dict[str, object]]],
    scenario: Scenario,
) -> None:
    """Check that each value of a table and column of both sides still exists."""
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
    files = sorted(str(path) for path in FOLDER.glob("*/expected*.py"))
    assert files
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", *files]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_expected_file_belongs_to_a_scenario() -> None:
    """Remove expected files of databases that a scenario no longer uses."""
    used = {scenario.expected or scenario.folder / "expected.mysql.py" for scenario in SCENARIOS}
    folders = {scenario.folder for scenario in SCENARIOS}
    unused = {path for path in FOLDER.glob("*/expected*.py") if path.parent in folders} - used
    assert unused == set()


def fingerprint_of(connection: sa.Connection, scenario: Scenario) -> str | None:
    """Return the fingerprint that a check computes, without the rows of the history.

    The tables of the history exist after the first run, so that only the schema differs. None for
    a scenario that does not test it.
    """
    sampled = scenario.database == "sqlite" or not crc32(scenario.folder.name.encode()) % 4
    if not (ALL_FINGERPRINTS or sampled):
        return None
    dialect = dialect_of(connection)
    schemas = schemas_named_by([scenario.models()]) - {dialect.default_schema}
    names = ("no_history", "no_journal")
    records = Records(schema=dialect.default_schema, names=names, existing=())
    read = partial(
        dialect.catalog.read_fingerprint,
        connection,
        [dialect.default_schema, *sorted(schemas)],
        records,
    )
    found = read()
    assert found is not None and read() == found
    connection.rollback()
    return found
