"""Run scenarios on SQLite by the generic dialect, as for a database without its own dialect.

By default a sample is run. With AUTODIFF_TEST_GENERIC=1 all scenarios of SQLite are: one must pass,
or be refused because there is no statement for an operation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

import autodiff.dialects
from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.dialects.features import Features
from autodiff.dialects.generic import Generic, databases
from autodiff.dialects.generic.abilities import Abilities
from autodiff.errors import AutodiffError
from autodiff.migrations import load_graph
from autodiff.runner.runner import Runner
from tests.scenarios.scenario import Scenario, all_scenarios
from tests.scenarios.test_scenarios import (
    assert_restored,
    assert_values_kept,
    plan_of,
    rows_of,
    schema_of,
    with_replaced_values,
)

ALL = bool(os.environ.get("AUTODIFF_TEST_GENERIC"))
SAMPLE = (
    "add_columns_nullable",
    "create_tables_in_order",
    "drop_tables_in_order",
    "index_descending",
    "index_partial",
    "indexes_added_and_dropped",
    "names_with_percent_and_colon",
    "rename_column",
    "rename_table",
)
SQLITE = databases.Database(
    features=Features(
        sql_grammar="sqlite",
        transactional_ddl=False,
        primary_keys_not_null=False,
        case_insensitive_names=True,
        case_insensitive_tables=True,
        scratch_in_memory=True,
        dependents_block_columns=True,
        character_length="length",
        max_name_length=1000,
    ),
    abilities=Abilities(
        rename_table="ALTER TABLE {before} RENAME TO {after}",
        rename_column="ALTER TABLE {table} RENAME COLUMN {before} TO {after}",
        added_constraints=(),
        adds_without_default=False,
        adds_expressions=False,
        adds_computed=("virtual",),
        drops_constraints=False,
        partial_indexes=True,
        memory_url="sqlite://",
    ),
)
"""What SQLite can do without a rebuild of tables."""
REFUSED = (
    "autodiff knows no statement for it",
    "which SQLAlchemy's Inspector does not read",
    "it has no type",
)
"""Parts of the errors that are honest limits of the generic dialect."""


def scenarios() -> list[Scenario]:
    """Return the scenarios of SQLite, or a sample."""
    found = [item for item in all_scenarios() if item.database == "sqlite"]
    return [item for item in found if ALL or item.folder.name in SAMPLE]


@pytest.fixture
def generic_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connections to SQLite have the generic dialect."""
    monkeypatch.delitem(autodiff.dialects._CLASSES, "sqlite")
    monkeypatch.setitem(databases.DATABASES, "sqlite", SQLITE)


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.folder.name)
@pytest.mark.usefixtures("generic_sqlite")
def test_scenario(scenario: Scenario, database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Upgrade leaves nothing, downgrade restores the schema, and the rows stay."""
    engine = sa.create_engine(database("sqlite"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert isinstance(dialect_of(connection), Generic)
        try:
            migrate(connection, scenario, tmp_path / "migrations")
        except AutodiffError as error:
            if not ALL or not any(words in str(error) for words in REFUSED):
                raise
            pytest.skip(f"{error}")
    engine.dispose()


@pytest.fixture
def sqlite_like_a_server(generic_sqlite: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connections to SQLite have the generic dialect, without a scratch in memory."""
    server = replace(
        SQLITE,
        features=replace(SQLITE.features, scratch_in_memory=False),
        abilities=replace(SQLITE.abilities, memory_url=None),
    )
    monkeypatch.setitem(databases.DATABASES, "sqlite", server)


@pytest.mark.usefixtures("sqlite_like_a_server")
def test_without_a_scratch_nothing_is_rehearsed(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Write a migration without a rehearsal, and name `scratch_url` as the cure."""
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    project = Project(database("sqlite"), metadata, tmp_path / "migrations")
    draft = project.draft("create")
    assert draft is not None
    assert draft.proof is not None
    assert draft.proof.skipped == "autodiff does not create scratch databases on sqlite"
    assert (draft.proof.cure or "").startswith("set scratch_url in the configuration")
    assert "Not rehearsed, because autodiff does not create" in next(iter(draft.texts.values()))


@pytest.mark.usefixtures("sqlite_like_a_server")
def test_rehearsal_in_the_database_of_scratch_url(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Rehearse in the database that `scratch_url` names, and leave it empty."""
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    scratch = database("sqlite")
    sa.create_engine(scratch).connect().close()
    project = Project(
        database("sqlite"), metadata, tmp_path / "migrations", scratch_url=str(scratch)
    )
    draft = project.draft("create")
    assert draft is not None
    assert draft.proof is not None
    assert draft.proof.skipped is None
    assert draft.proof.passed
    engine = sa.create_engine(scratch, poolclass=sa.NullPool)
    assert sa.inspect(engine).get_table_names() == []


def migrate(connection: sa.Connection, scenario: Scenario, folder: Path) -> None:
    """Migrate up and down twice."""
    scenario.prepare(connection)
    start_schema, rows = schema_of(connection, scenario), rows_of(connection)
    folder.mkdir()
    source = plan_of(connection, scenario).source("scenario", revision="scenario")
    (folder / "0001_scenario.py").write_text(source)
    for _ in range(2):
        Runner(connection, load_graph(folder)).upgrade()
        assert plan_of(connection, scenario, with_options=False).summary() == []
        expected = with_replaced_values(rows, scenario, "upgrade")
        assert_values_kept(expected, rows_of(connection), scenario)
        Runner(connection, load_graph(folder)).downgrade()
        assert_restored(connection, scenario, start_schema)
        expected = with_replaced_values(rows, scenario, "downgrade")
        assert_values_kept(expected, rows_of(connection), scenario)
