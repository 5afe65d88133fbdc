"""The whole way of one example, and what must hold at each stage of it."""

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
from tests.property.worlds import World

__all__ = ["keep", "prove"]


class _Fills:
    """A questioner that has a value for each new column."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def is_rename(self, candidate: Candidate) -> bool | None:
        """Nothing was renamed that was not told."""
        return False

    def fill(self, needed: FillNeeded) -> str | None:
        """A value that every check takes."""
        value = "one" if needed.column.type.enum else _fill(needed.column.type.sql.lower())
        self.given.append(f"{needed.key}={value}")
        return value


def _fill(kind: str) -> str:
    starts = {
        ("date", "timestamp"): "now",
        ("uuid", "char(32)"): "0" * 32,
        ("bytea",): "sql:'\\x00'",
        ("blob", "longblob"): "sql:X'00'",
        ("json",): "{}",
        ("bool", "tinyint(1)"): "true",
        ("interval",): "1 hour",
        ("enum",): "one",
    }
    if kind.endswith("[]"):
        return "{}"
    found = (value for words, value in starts.items() if kind.startswith(words))
    return next(found, "1")


def prove(world: World, pair: Pair, folder: Path) -> str:
    """Goes the whole way; the text of the file that was written ("" where nothing differs)."""
    before, after = metadata_of(pair.before), metadata_of(pair.after)
    _prepare(world, before, pair)
    found = _plan(world.live, metadata_of(pair.before))
    assert found.summary() == [], f"a false alarm: {found.summary()}"
    start, rows = _state(world.live), _rows(world, pair.before)

    plan = _plan(world.live, after, told=_told(pair))
    if not plan:
        return ""
    text = plan.source("example", revision="example")
    ast.parse(text)
    _write(folder, text)
    Runner(world.live, load_graph(folder)).upgrade()
    _nothing_left(world, pair)
    _alike(_state(world.live), _anew(world, pair.after), "create_all")
    _kept(pair, rows, _rows(world, pair.after))
    Runner(world.live, load_graph(folder)).downgrade()
    _alike(_state(world.live), start, "the start")
    _kept(pair, rows, _rows(world, pair.before))
    Runner(world.live, load_graph(folder)).upgrade()
    _nothing_left(world, pair)
    return text


def _nothing_left(world: World, pair: Pair) -> None:
    left = _plan(world.live, metadata_of(pair.after)).summary()
    assert left == [], f"the upgrade leaves {left}"


def _prepare(world: World, before: sa.MetaData, pair: Pair) -> None:
    world.clear()
    world.create(world.live, before)
    with world.unwatched(world.live):
        for sql in inserts(pair, world.kind):
            world.live.exec_driver_sql(sql, execution_options={"no_parameters": True})


def _plan(connection: sa.Connection, wanted: sa.MetaData, *, told: Iterable[str] = ()) -> Plan:
    found = diff(connection, wanted, renames=told, assume="drop-and-add", questioner=_Fills())
    connection.rollback()
    return found


def _write(folder: Path, text: str) -> None:
    for path in folder.glob("*.py"):
        path.unlink()
    (folder / "0001_example.py").write_text(text, encoding="utf-8")


def _told(pair: Pair) -> list[str]:
    """The renames, as texts."""
    if not pair.renamed:
        return []
    told = []
    for old in pair.before.tables:
        new = pair.after.table(old.key)
        if new is None:
            continue
        full = f"{old.schema}.{old.name}" if old.schema else old.name
        if new.name != old.name:
            told.append(f"{full}:{new.name}")
        for column in old.columns:
            now = new.column(column.key)
            if now is not None and now.name != column.name:
                told.append(f"{full}.{column.name}:{now.name}")
    return told


# What the database is


def _state(connection: sa.Connection) -> tuple[Any, Any]:
    dialect = dialect_of(connection)
    namespaces = frozenset({"extra"}) if "extra" in _schemas(connection) else frozenset()
    found = dialect.catalog.reflect(connection, scope_for(Schema(namespaces=namespaces)))
    shape = {
        "tables": {
            name: _shape(dialect.normalize(dialect.catalog.without_implied(table)))
            for name, table in found.tables.items()
        },
        "enums": dict(found.enums),
        "sequences": dict(found.sequences),
        "views": {
            name: dialect.normalize_expression(view.sql) for name, view in found.views.items()
        },
    }
    connection.rollback()
    independent = inspected(connection, sorted(namespaces))
    connection.rollback()
    return shape, independent


def _schemas(connection: sa.Connection) -> set[str]:
    return set(sa.inspect(connection).get_schema_names())


def _anew(world: World, schema: SchemaSpec) -> tuple[Any, Any]:
    """What another database is that create_all made."""
    world.fresh.rollback()
    World(world.kind, world.fresh, world.fresh).clear()
    world.create(world.fresh, metadata_of(schema))
    return _state(world.fresh)


def _shape(table: Table) -> Any:
    """A table without the names of its constraints, which a database may choose."""
    unnamed = [replace(c, name=None, implicit=False) for c in table.constraints]
    return (
        {column.name: column for column in table.columns},
        sorted(map(repr, unnamed)),
        {index.name: index for index in table.indexes if not index.unique},
        sorted(repr(replace(index, name=None)) for index in table.indexes if index.unique),
        table.comment,
        dict(table.options),
    )


def _alike(now: tuple[Any, Any], wanted: tuple[Any, Any], what: str) -> None:
    for said, other, by in zip(now, wanted, ("autodiff", "SQLAlchemy"), strict=True):
        assert said == other, "\n".join(
            [f"{by} sees another schema than {what}", *_unlike(said, other, "")]
        )


def _unlike(now: Any, wanted: Any, place: str) -> list[str]:
    """Lines for where two structures differ."""
    if now == wanted:
        return []
    if isinstance(now, dict) and isinstance(wanted, dict):
        keys = sorted({*now, *wanted}, key=str)
        return [
            line
            for key in keys
            for line in _unlike(now.get(key), wanted.get(key), f"{place}/{key}")
        ]
    if isinstance(now, list | tuple) and isinstance(wanted, list | tuple):
        if len(now) == len(wanted):
            pairs = zip(now, wanted, strict=True)
            return [
                line for n, (a, b) in enumerate(pairs) for line in _unlike(a, b, f"{place}/{n}")
            ]
        now, wanted = [n for n in now if n not in wanted], [w for w in wanted if w not in now]
    return [f"{place}: {now}", f"{' ' * len(place)}= {wanted}"]


# Rows


def _rows(world: World, schema: SchemaSpec) -> dict[int, list[dict[int, Any]]]:
    """The rows of each table, by the keys of table and columns."""
    quote = world.live.dialect.identifier_preparer.quote
    found = {}
    for table in schema.tables:
        prefix = f"{quote(table.schema)}." if table.schema else ""
        result = world.live.exec_driver_sql(f"SELECT * FROM {prefix}{quote(table.name)}")
        keys = {column.name: column.key for column in table.columns}
        found[table.key] = [{keys[n]: v for n, v in row._mapping.items()} for row in result]
    world.live.rollback()
    return found


def _kept(
    pair: Pair, before: dict[int, list[dict[int, Any]]], now: dict[int, list[dict[int, Any]]]
) -> None:
    """Each value of a column on both sides is there, in the row that it was in."""
    for table in pair.before.tables:
        after = pair.after.table(table.key)
        if after is None or table.key not in now or after.schema != table.schema:
            continue
        columns = [
            (column.key, family_of(column.type), family_of(new.type))
            for column in table.columns
            if (new := after.column(column.key)) is not None
            and column.computed is None
            and new.computed is None
        ]
        old = sorted([_plain(row[c], f) for c, *f in columns] for row in before[table.key])
        new_ = sorted([_plain(row[c], f) for c, *f in columns] for row in now[table.key])
        assert old == new_, f"rows of {table.name}"


def _plain(value: Any, families: list[str]) -> str:
    """A value without what its type adds to it (1, 1.00 and "1" are one)."""
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


# What is kept of a failing example


def keep(pair: Pair, kind: str, folder: Path) -> None:
    """Writes an example as a scenario folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "before.py").write_text(source(pair.before), encoding="utf-8")
    (folder / "models.py").write_text(source(pair.after), encoding="utf-8")
    (folder / "rows.sql").write_text(
        "".join(f"{sql};\n" for sql in inserts(pair, kind)), encoding="utf-8"
    )
    told = json.dumps(_told(pair), ensure_ascii=False)
    (folder / "scenario.toml").write_text(
        f'databases = ["{kind}"]\nassume = "drop-and-add"\nrenames = {told}\n', encoding="utf-8"
    )
