"""Migrate one example up, down and up again, and check each step."""

from __future__ import annotations

import ast
import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autodiff import Plan, diff
from autodiff.autogenerate.schemas import scope_for
from autodiff.compare import Candidate
from autodiff.dialects import dialect_of
from autodiff.migrations import load_graph
from autodiff.plan import FillNeeded
from autodiff.runner.runner import Runner
from autodiff.schema.objects import Schema, Table
from tests.property.inspection import inspected
from tests.property.kinds import family_of
from tests.property.rows import inserts
from tests.property.source import metadata_of, source
from tests.property.specs import Pair, SchemaSpec
from tests.property.worlds import DatabasePair

__all__ = ["check_roundtrip", "write_scenario"]


class _FillQuestioner:
    """A questioner that returns a value for each new column."""

    def __init__(self) -> None:
        self.answers: list[str] = []

    def is_rename(self, candidate: Candidate) -> bool | None:
        """Return False: all renames are passed as options."""
        return False

    def fill(self, needed: FillNeeded) -> str | None:
        """Return a value that satisfies every check."""
        value = "one" if needed.column.type.enum else _fill_value(needed.column.type.sql.lower())
        self.answers.append(f"{needed.key}={value}")
        return value


def _fill_value(sql: str) -> str:
    values_by_prefix = {
        ("date", "timestamp"): "now",
        ("uuid", "char(32)"): "0" * 32,
        ("bytea",): "sql:'\\x00'",
        ("blob", "longblob"): "sql:X'00'",
        ("json",): "{}",
        ("bool", "tinyint(1)"): "true",
        ("interval",): "1 hour",
        ("enum",): "one",
    }
    if sql.endswith("[]"):
        return "{}"
    values = (value for prefixes, value in values_by_prefix.items() if sql.startswith(prefixes))
    return next(values, "1")


def check_roundtrip(databases: DatabasePair, pair: Pair, folder: Path) -> str:
    """Check the example and return the migration file, or "" if the schemas are equal."""
    before, after = metadata_of(pair.before), metadata_of(pair.after)
    _prepare(databases, before, pair)
    initial_plan = _plan(databases.live, metadata_of(pair.before))
    assert initial_plan.summary() == [], f"false alarm: {initial_plan.summary()}"
    start_state, rows = _state(databases.live), _rows(databases, pair.before)

    plan = _plan(databases.live, after, renames=_rename_options(pair))
    if not plan:
        return ""
    text = plan.source("example", revision="example")
    ast.parse(text)
    _write(folder, text)
    Runner(databases.live, load_graph(folder)).upgrade()
    _assert_no_changes(databases, pair)
    expected_state = _created_state(databases, _with_kept_sequences(pair))
    _assert_equal_states(_state(databases.live), expected_state, "create_all")
    _assert_values_kept(pair, rows, _rows(databases, pair.after))
    Runner(databases.live, load_graph(folder)).downgrade()
    _assert_equal_states(_state(databases.live), start_state, "the start")
    _assert_values_kept(pair, rows, _rows(databases, pair.before))
    Runner(databases.live, load_graph(folder)).upgrade()
    _assert_no_changes(databases, pair)
    return text


def _assert_no_changes(databases: DatabasePair, pair: Pair) -> None:
    changes = _plan(databases.live, metadata_of(pair.after)).summary()
    assert changes == [], f"changes after the upgrade: {changes}"


def _with_kept_sequences(pair: Pair) -> SchemaSpec:
    """Return the schema after the upgrade.

    `diff` leaves a sequence alone that the models do not declare: they may never have declared it.
    """
    declared = {sequence.name for sequence in pair.after.sequences}
    kept = [sequence for sequence in pair.before.sequences if sequence.name not in declared]
    return replace(pair.after, sequences=(*pair.after.sequences, *kept))


def _prepare(databases: DatabasePair, before: sa.MetaData, pair: Pair) -> None:
    databases.clear()
    databases.create(databases.live, before)
    with databases.foreign_keys_disabled(databases.live):
        for sql in inserts(pair, databases.kind):
            databases.live.exec_driver_sql(sql, execution_options={"no_parameters": True})


def _plan(connection: sa.Connection, models: sa.MetaData, *, renames: Iterable[str] = ()) -> Plan:
    plan = diff(
        connection, models, renames=renames, assume="drop-and-add", questioner=_FillQuestioner()
    )
    connection.rollback()
    return plan


def _write(folder: Path, text: str) -> None:
    for path in folder.glob("*.py"):
        path.unlink()
    (folder / "0001_example.py").write_text(text, encoding="utf-8")


def _rename_options(pair: Pair) -> list[str]:
    """Return the renames in the form of --rename."""
    if not pair.renamed:
        return []
    options = []
    for old in pair.before.tables:
        new = pair.after.table(old.key)
        if new is None:
            continue
        table_name = f"{old.schema}.{old.name}" if old.schema else old.name
        if new.name != old.name:
            options.append(f"{table_name}:{new.name}")
        for column in old.columns:
            new_column = new.column(column.key)
            if new_column is not None and new_column.name != column.name:
                options.append(f"{table_name}.{column.name}:{new_column.name}")
    return options


# State of a database


def _state(connection: sa.Connection) -> tuple[Any, Any]:
    dialect = dialect_of(connection)
    namespaces = frozenset({"extra"}) if "extra" in _schemas(connection) else frozenset()
    schema = dialect.catalog.reflect(connection, scope_for(Schema(namespaces=namespaces)))
    shape = {
        "tables": {
            name: _shape(dialect.normalize(dialect.catalog.without_implied(table)))
            for name, table in schema.tables.items()
        },
        "enums": dict(schema.enums),
        "sequences": dict(schema.sequences),
        "views": {
            name: dialect.normalize_expression(view.sql) for name, view in schema.views.items()
        },
    }
    connection.rollback()
    inspected_state = inspected(connection, sorted(namespaces))
    connection.rollback()
    return shape, inspected_state


def _schemas(connection: sa.Connection) -> set[str]:
    return set(sa.inspect(connection).get_schema_names())


def _created_state(databases: DatabasePair, schema: SchemaSpec) -> tuple[Any, Any]:
    """Return the state of a database that create_all creates."""
    databases.fresh.rollback()
    DatabasePair(databases.kind, databases.fresh, databases.fresh).clear()
    databases.create(databases.fresh, metadata_of(schema))
    return _state(databases.fresh)


def _shape(table: Table) -> Any:
    """Return a comparable form of the table without names of constraints."""
    unnamed_constraints = [replace(c, name=None, implicit=False) for c in table.constraints]
    return (
        {column.name: column for column in table.columns},
        sorted(map(repr, unnamed_constraints)),
        {index.name: index for index in table.indexes if not index.unique},
        sorted(repr(replace(index, name=None)) for index in table.indexes if index.unique),
        table.comment,
        dict(table.options),
    )


def _assert_equal_states(
    found: tuple[Any, Any], expected: tuple[Any, Any], source_name: str
) -> None:
    for found_part, expected_part, reader in zip(
        found, expected, ("autodiff", "SQLAlchemy"), strict=True
    ):
        assert found_part == expected_part, "\n".join(
            [
                f"{reader} reads another schema than {source_name}",
                *_difference_lines(found_part, expected_part, ""),
            ]
        )


def _difference_lines(found: Any, expected: Any, path: str) -> list[str]:
    """Return lines that show where two structures differ."""
    if found == expected:
        return []
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = sorted({*found, *expected}, key=str)
        return [
            line
            for key in keys
            for line in _difference_lines(found.get(key), expected.get(key), f"{path}/{key}")
        ]
    if isinstance(found, list | tuple) and isinstance(expected, list | tuple):
        if len(found) == len(expected):
            pairs = zip(found, expected, strict=True)
            return [
                line
                for n, (a, b) in enumerate(pairs)
                for line in _difference_lines(a, b, f"{path}/{n}")
            ]
        found, expected = (
            [n for n in found if n not in expected],
            [w for w in expected if w not in found],
        )
    return [f"{path}: {found}", f"{' ' * len(path)}= {expected}"]


# Rows


def _rows(databases: DatabasePair, schema: SchemaSpec) -> dict[int, list[dict[int, Any]]]:
    """Return the rows of each table, by the keys of tables and columns."""
    quote = databases.live.dialect.identifier_preparer.quote
    rows = {}
    for table in schema.tables:
        prefix = f"{quote(table.schema)}." if table.schema else ""
        result = databases.live.exec_driver_sql(f"SELECT * FROM {prefix}{quote(table.name)}")
        keys = {column.name: column.key for column in table.columns}
        rows[table.key] = [{keys[n]: v for n, v in row._mapping.items()} for row in result]
    databases.live.rollback()
    return rows


def _assert_values_kept(
    pair: Pair,
    before_rows: dict[int, list[dict[int, Any]]],
    after_rows: dict[int, list[dict[int, Any]]],
) -> None:
    """Check that each value of a column on both sides is still in its row."""
    for table in pair.before.tables:
        after = pair.after.table(table.key)
        if after is None or table.key not in after_rows or after.schema != table.schema:
            continue
        columns = [
            (column.key, family_of(column.type), family_of(new_column.type))
            for column in table.columns
            if (new_column := after.column(column.key)) is not None
            and column.computed is None
            and new_column.computed is None
        ]
        old_values = sorted(
            [_comparable(row[c], f) for c, *f in columns] for row in before_rows[table.key]
        )
        new_values = sorted(
            [_comparable(row[c], f) for c, *f in columns] for row in after_rows[table.key]
        )
        assert old_values == new_values, f"rows of {table.name}"


def _comparable(value: Any, families: list[str]) -> str:
    """Return a value in a form that does not depend on its type: 1, 1.00 and "1" are equal."""
    if value is None:
        return "-"
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()[:10]
    if "time" in families and isinstance(value, str):
        return value[:10]
    if "json" in families:
        return json.dumps(json.loads(value) if isinstance(value, str | bytes) else value)
    if {"number", "text"} & set(families) and isinstance(value, int | float | Decimal | str):
        try:
            return f"{Decimal(str(value)).normalize():f}"
        except InvalidOperation:
            return str(value).rstrip()
    return str(value)


# Failing examples


def write_scenario(pair: Pair, kind: str, folder: Path) -> None:
    """Write an example as a scenario folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "before.py").write_text(source(pair.before), encoding="utf-8")
    (folder / "models.py").write_text(source(pair.after), encoding="utf-8")
    (folder / "rows.sql").write_text(
        "".join(f"{sql};\n" for sql in inserts(pair, kind)), encoding="utf-8"
    )
    renames = json.dumps(_rename_options(pair), ensure_ascii=False)
    (folder / "scenario.toml").write_text(
        f'databases = ["{kind}"]\nassume = "drop-and-add"\nrenames = {renames}\n', encoding="utf-8"
    )
