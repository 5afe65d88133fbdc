"""Tests for the fast path that skips tables which are equal without normalization."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff.compare import (
    adopt_current_names,
    compare_schemas,
    equal_tables,
    find_possible_differences,
    with_tables,
    without_tables,
)
from autodiff.dialects import dialect_for
from autodiff.models import declare
from autodiff.schema.naming import name_constraints
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    Constraint,
    Identity,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from tests.nouns import column, foreign_key, index, schema, table
from tests.scenarios.scenario import all_scenarios, metadata_of

DIALECTS = ["sqlite", "postgresql", "mysql"]
SERVERS = {"mysql": "mariadb"}
"""The databases of the scenarios whose names differ from those of the dialects."""
COLUMNS = st.sampled_from(
    [
        column("a"),
        column("a", default="0"),
        column("a", default="'0'"),
        column("a", comment=""),
        column("b", nullable=False),
        column("b", "text"),
        column("c", "varchar(20)", default="NULL"),
    ]
)
CONSTRAINTS = st.sampled_from(
    [
        PrimaryKey(columns=("a",)),
        PrimaryKey(name="t_pkey", columns=("a",)),
        Unique(columns=("b",)),
        Unique(name="t_b_key", columns=("b",)),
        Unique(name="other", columns=("b",)),
        Unique(columns=("a",), comment="note"),
        Check(sql="a > 0"),
        Check(name="positive", sql="(a > 0)"),
        foreign_key("t_a_fkey", "a", "users.id"),
        replace(foreign_key("t_a_fkey", "a", "users.id"), name=None),
    ]
)
INDEXES = st.sampled_from(
    [index("ix_a", "a"), index("ix_a", "a", unique=True), index("ix_b", "b"), index("IX_B", "b")]
)


def _column_name(item: Column) -> str:
    return item.name


def _constraint_key(item: Constraint) -> object:
    """Return a key that allows one primary key per table."""
    return PrimaryKey if isinstance(item, PrimaryKey) else item.name or repr(item)


def _index_name(item: Index) -> str | None:
    return item.name


@st.composite
def tables(draw: st.DrawFn, *, named: bool = False) -> Table:
    """Draw a table `t`; with `named`, every constraint has a name, as in a database."""
    columns = draw(st.lists(COLUMNS, min_size=1, max_size=3, unique_by=_column_name))
    constraints: list[Constraint] = draw(
        st.lists(CONSTRAINTS, max_size=3, unique_by=_constraint_key)
    )
    if named:
        constraints = [replace(c, name=c.name or f"c{i}") for i, c in enumerate(constraints)]
        constraints = list({c.name: c for c in constraints}.values())
    indexes = draw(st.lists(INDEXES, max_size=2, unique_by=_index_name))
    options = draw(st.sampled_from([{}, {"mysql_engine": "InnoDB"}, {"sqlite_strict": True}]))
    return Table(
        name=Name("t"),
        columns=tuple(columns),
        constraints=tuple(constraints),
        indexes=tuple(indexes),
        comment=draw(st.sampled_from([None, "", "note"])),
        options=options,
    )


def _without_some_names(table: Table, mask: int) -> Table:
    """Return the table without the names of the constraints whose bit is set in `mask`."""
    constraints = enumerate(table.constraints)
    return replace(
        table,
        constraints=tuple(replace(c, name=None) if mask >> i & 1 else c for i, c in constraints),
    )


def _without_key_name(table: Table) -> Table:
    constraints = (
        replace(c, name=None) if isinstance(c, PrimaryKey) else c for c in table.constraints
    )
    return replace(table, constraints=tuple(constraints))


@pytest.mark.parametrize("kind", DIALECTS)
@given(
    current_table=tables(named=True),
    other_table=tables(),
    mask=st.integers(0, 8),
    use_same_table=st.booleans(),
)
def test_fast_path_agrees_with_full_comparison(
    kind: str, current_table: Table, other_table: Table, mask: int, use_same_table: bool
) -> None:
    """A table that the fast path accepts gets the same names, and no doubts or changes."""
    dialect = dialect_for(kind)
    current = schema(
        current_table if dialect.features.named_primary_keys else _without_key_name(current_table)
    )
    desired = schema(_without_some_names(current_table, mask) if use_same_table else other_table)
    matches = equal_tables(current, desired, dialect)
    desired_named, described = adopt_current_names(current, desired, dialect)
    uncertain = find_possible_differences(current, desired_named, dialect)
    if matches:
        assert matches == desired_named.tables
        assert not uncertain
        assert compare_schemas(current, desired_named, dialect, described) == []


@pytest.mark.parametrize("kind", DIALECTS)
def test_unnamed_constraints_and_column_order_are_accepted(kind: str) -> None:
    """Most models name no constraints, and their column order may differ from the database."""
    current = table(
        "posts",
        column("title", "text"),
        column("user_id"),
        foreign_key("posts_user_id_fkey", "user_id", "users.id", implicit=True),
        Unique(name="uq", columns=("title",)),
        index("ix_posts_title", "title"),
    )
    desired = replace(_without_some_names(current, 15), columns=current.columns[::-1])
    matches = equal_tables(schema(current), schema(desired), dialect_for(kind))
    assert [c.name for c in matches[current.name].constraints] == [
        c.name for c in current.constraints
    ]
    assert matches[current.name].columns == desired.columns


def test_differing_tables_are_not_accepted() -> None:
    """Columns, comments, options, constraints and indexes are compared."""
    base = table("t", column("a"), Unique(name="uq", columns=("a",)), index("ix", "a"), key=None)
    variants = [
        replace(base, columns=(column("a", "text"),)),
        replace(base, columns=(*base.columns, column("b"))),
        replace(base, comment="note"),
        replace(base, options={"sqlite_strict": True}),
        replace(base, constraints=()),
        replace(base, constraints=(Unique(name="uq2", columns=("a",)),)),
        replace(base, indexes=()),
        replace(base, indexes=(index("ix", "a", unique=True),)),
    ]
    for variant in variants:
        for first, second in ((base, variant), (variant, base)):
            matches = equal_tables(schema(first), schema(second), dialect_for("sqlite"))
            # The database may have options that the models omit.
            assert matches == {} or first.options, (first, second)


def test_tables_can_be_removed_and_added_back() -> None:
    """Tables that are added back are sorted by name."""
    first, second = table("a"), table("b")
    both = Schema(tables={first.name: first, second.name: second})
    remaining = without_tables(both, {first.name})
    assert remaining == schema(second)
    assert list(with_tables(remaining, {first.name: first}).tables) == [first.name, second.name]


COMPLETE = table(
    "t",
    column("a", default="1", comment="note"),
    column("b", computed=Computed(sql="a + 1", persisted=True)),
    column("c", identity=Identity(start=5)),
    foreign_key("t_a_fkey", "a", "users.id"),
    Unique(name="uq", columns=("a",)),
    Check(name="ck", sql="a > 0"),
    Index(name="ix", elements=(IndexElement(text="a"),), where="a > 0"),
)
"""A table with each kind of part."""


def _changed(value: Any) -> Iterator[Any]:
    """Yield other values of the same kind, each of which differs in one thing."""
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
        case str() | None:
            yield "other"
        case dict():
            yield {**value, "other": "x"}
        case tuple():
            yield (*value, *value[:1]) if value else ("other",)
            for place, part in enumerate(value):
                for other in _changed(part):
                    yield (*value[:place], other, *value[place + 1 :])
        case _:
            for spec in fields(value):
                if spec.compare:
                    for other in _changed(getattr(value, spec.name)):
                        yield replace(value, **{spec.name: other})


def _of_wrong_kind(changed: Table) -> bool:
    """Return whether a text is where an object belongs, instead of None."""
    expected = {"type": ColumnType, "computed": Computed | None, "identity": Identity | None}
    return any(
        not isinstance(getattr(item, name), kind)
        for item in changed.columns
        for name, kind in expected.items()
    )


@pytest.mark.parametrize("kind", DIALECTS)
def test_a_difference_in_any_field_is_seen(kind: str) -> None:
    """Each compared field of each part is changed; the fast path takes none for equal."""
    dialect = dialect_for(kind)
    current = dialect.catalog.align(COMPLETE, COMPLETE)
    assert equal_tables(schema(current), schema(current), dialect)
    variants = [
        variant
        for variant in _changed(replace(current, name=Name("t")))
        if variant.name == current.name and not _of_wrong_kind(variant)
    ]
    assert len(variants) > 80
    for variant in variants:
        assert equal_tables(schema(current), schema(variant), dialect) == {}, variant


@pytest.mark.parametrize("kind", DIALECTS)
def test_fast_path_agrees_over_all_scenarios(kind: str) -> None:
    """The models before and after each change are compared in both ways."""
    dialect = dialect_for(kind)
    limit = dialect.features.max_name_length
    found = 0
    for scenario in all_scenarios():
        before = scenario.file("before", "py")
        if before is None or scenario.database != SERVERS.get(kind, kind):
            continue
        desired = declare(scenario.models(), dialect)
        current = declare(metadata_of(before), dialect)
        tables = {name: name_constraints(t, limit) for name, t in current.tables.items()}
        current = replace(current, tables=tables)
        matches = equal_tables(current, desired, dialect)
        named, described = adopt_current_names(current, desired, dialect)
        assert {name: named.tables[name] for name in matches} == matches
        changes = compare_schemas(current, named, dialect, described)
        changed = {str(getattr(change, "table", "")) for change in changes}
        assert not changed & set(map(str, matches))
        found += len(matches)
    assert found > 10
