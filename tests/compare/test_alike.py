"""Tests for the fast path that skips tables which are equal without normalization."""

from __future__ import annotations

from dataclasses import replace

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
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from tests.nouns import column, foreign_key, index, schema, table

DIALECTS = ["sqlite", "postgresql", "mysql"]
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
