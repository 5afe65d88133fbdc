"""Tables that are equal at first sight: what the long way of comparing would find of them too."""

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
        Unique(columns=("a",), comment="told"),
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


def _key(item: Constraint) -> object:
    """Of primary keys a table has one."""
    return PrimaryKey if isinstance(item, PrimaryKey) else item.name or repr(item)


def _index_name(item: Index) -> str | None:
    return item.name


@st.composite
def tables(draw: st.DrawFn, *, named: bool = False) -> Table:
    """Any table `t`; the database's own has a name for each constraint."""
    columns = draw(st.lists(COLUMNS, min_size=1, max_size=3, unique_by=_column_name))
    constraints: list[Constraint] = draw(st.lists(CONSTRAINTS, max_size=3, unique_by=_key))
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
        comment=draw(st.sampled_from([None, "", "told"])),
        options=options,
    )


def _unnamed(wanted: Table, number: int) -> Table:
    """The table, but for some of the names of its constraints."""
    constraints = enumerate(wanted.constraints)
    return replace(
        wanted,
        constraints=tuple(replace(c, name=None) if number >> i & 1 else c for i, c in constraints),
    )


def _nameless_key(now: Table) -> Table:
    keys = (replace(c, name=None) if isinstance(c, PrimaryKey) else c for c in now.constraints)
    return replace(now, constraints=tuple(keys))


@pytest.mark.parametrize("kind", DIALECTS)
@given(now=tables(named=True), other=tables(), mask=st.integers(0, 8), same=st.booleans())
def test_what_is_equal_at_first_sight_is_equal(
    kind: str, now: Table, other: Table, mask: int, same: bool
) -> None:
    """Such a table gets the same names, and no doubt and no change come of it in the long way."""
    dialect = dialect_for(kind)
    current = schema(now if dialect.features.named_primary_keys else _nameless_key(now))
    desired = schema(_unnamed(now, mask) if same else other)
    alike = equal_tables(current, desired, dialect)
    named, described = adopt_current_names(current, desired, dialect)
    possible = find_possible_differences(current, named, dialect)
    if alike:
        assert alike == named.tables
        assert not possible
        assert compare_schemas(current, named, dialect, described) == []


@pytest.mark.parametrize("kind", DIALECTS)
def test_a_table_without_names_is_found(kind: str) -> None:
    """Most models name no constraint, and have their columns in another order than the database."""
    now = table(
        "posts",
        column("title", "text"),
        column("user_id"),
        foreign_key("posts_user_id_fkey", "user_id", "users.id", implicit=True),
        Unique(name="uq", columns=("title",)),
        index("ix_posts_title", "title"),
    )
    wanted = replace(_unnamed(now, 15), columns=now.columns[::-1])
    found = equal_tables(schema(now), schema(wanted), dialect_for(kind))
    assert [c.name for c in found[now.name].constraints] == [c.name for c in now.constraints]
    assert found[now.name].columns == wanted.columns


def test_what_differs_is_not_found() -> None:
    """A column, a comment, an option, a constraint or an index more or less, or another one."""
    now = table("t", column("a"), Unique(name="uq", columns=("a",)), index("ix", "a"), key=None)
    others = [
        replace(now, columns=(column("a", "text"),)),
        replace(now, columns=(*now.columns, column("b"))),
        replace(now, comment="told"),
        replace(now, options={"sqlite_strict": True}),
        replace(now, constraints=()),
        replace(now, constraints=(Unique(name="uq2", columns=("a",)),)),
        replace(now, indexes=()),
        replace(now, indexes=(index("ix", "a", unique=True),)),
    ]
    for other in others:
        for first, second in ((now, other), (other, now)):
            found = equal_tables(schema(first), schema(second), dialect_for("sqlite"))
            assert found == {} or first.options, (first, second)  # options need not be said


def test_schemas_are_taken_apart_and_put_together() -> None:
    """The tables come back in the order of their names."""
    first, second = table("a"), table("b")
    both = Schema(tables={first.name: first, second.name: second})
    rest = without_tables(both, {first.name})
    assert rest == schema(second)
    assert list(with_tables(rest, {first.name: first}).tables) == [first.name, second.name]
