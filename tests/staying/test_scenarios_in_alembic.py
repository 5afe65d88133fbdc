"""Test that Alembic's --autogenerate with autodiff's comparison passes the scenarios.

AUTODIFF_TEST_ALEMBIC=1 runs all of them; otherwise a few that differ in kind.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.scenarios.scenario import Scenario, all_scenarios
from tests.scenarios.test_scenarios import (
    assert_restored,
    assert_values_kept,
    plan_of,
    rows_of,
    schema_of,
    with_replaced_values,
)
from tests.staying.folder import Folder, imported_modules

ALL = bool(os.environ.get("AUTODIFF_TEST_ALEMBIC"))
CHOSEN = {
    *("add_column_with_fill-sqlite", "add_column_with_fill-postgresql"),
    *("add_column_with_fill-mariadb", "rename_table_with_its_columns_and_keys-sqlite"),
    *("check_with_percent_and_colon-sqlite", "naming_convention-sqlite"),
    *("rows_unique-sqlite", "enum_value_removed_with_checks-postgresql"),
    *("many_changes_at_once-postgresql", "many_changes_at_once-mariadb"),
    *("index_built_concurrently-postgresql", "rebuild_keeps_everything_else-sqlite"),
    *("autoincrement_moves-mariadb", "foreign_key_renamed-mariadb"),
    *("materialized_view-postgresql", "inheritance_follows_parent-postgresql"),
    *("sqlite_case_of_columns-sqlite", "check_with_percent_and_colon-mariadb"),
    *("inheritance_added-postgresql", "mysql_two_foreign_keys_of_a_column-mariadb"),
}
TWICE = {"mysql_indexes_of_foreign_keys-mariadb", "constraint_declared_twice-mariadb"}
"""The scenarios whose downgrade once left something that the next upgrade created again."""
SCENARIOS = [scenario for scenario in all_scenarios() if ALL or scenario.name in CHOSEN | TWICE]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario_in_alembic(
    scenario: Scenario, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Alembic's upgrade leaves nothing, its downgrade restores, the rows are there."""
    url = database(scenario.database)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        scenario.prepare(connection)
        start_schema, rows = schema_of(connection, scenario), rows_of(connection)
        connection.commit()
        folder = Folder(
            root=tmp_path,
            url=url,
            metadata=scenario.models(),
            options={
                "autogenerate_plugins": ["autodiff"],
                "autodiff": {
                    "renames": scenario.renames,
                    "fills": scenario.fills,
                    "maps": scenario.maps,
                    "exclude_tables": scenario.exclude,
                    "assume": scenario.assume,
                },
            },
        )
        path = folder.revision()
        print(path.read_text())  # pytest shows the output of a test that fails
        assert "autodiff" not in imported_modules(path)
        for _ in range(2 if ALL or scenario.name in TWICE else 1):
            folder.upgrade()
            assert plan_of(connection, scenario, with_options=False).summary() == []
            assert_values_kept(
                with_replaced_values(rows, scenario, "upgrade"), rows_of(connection), scenario
            )
            folder.downgrade()
            assert_restored(connection, scenario, start_schema)
            assert_values_kept(
                with_replaced_values(rows, scenario, "downgrade"), rows_of(connection), scenario
            )
    engine.dispose()
