"""Tests for row checks: which changes need one, and their queries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from autodiff.dialects import dialect_for
from autodiff.plan import MigrationPlan, plan_changes
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ColumnRenamed,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    EnumAltered,
    IndexAdded,
    TableAdded,
    TableRenamed,
)
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    EnumType,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from autodiff.schema.operations import Require
from tests.nouns import column, foreign_key, index, schema, table

T = Name("t")


def planned(
    changes: Sequence[Change],
    current: Schema,
    desired: Schema,
    *,
    kind: str = "postgresql",
    **fills: str,
) -> MigrationPlan:
    fill_options = {f"t.{name}": value for name, value in fills.items()}
    dialect = dialect_for(kind)
    return plan_changes(
        changes, current=current, desired=desired, dialect=dialect, fills=fill_options
    )


def upgrade_queries(planned_migration: MigrationPlan) -> list[str]:
    """Return the queries of the checks, which must come before all other operations."""
    return _leading(planned_migration.operations)


def downgrade_queries(planned_migration: MigrationPlan) -> list[str]:
    """Return the queries of the checks at the start of the downgrade."""
    return _leading(planned_migration.reverse())


def _leading(operations: Sequence[object]) -> list[str]:
    queries = [step.query for step in operations if isinstance(step, Require)]
    assert all(isinstance(step, Require) for step in operations[: len(queries)])
    return queries


@pytest.mark.parametrize(
    ("kind", "quoted"), [("sqlite", '"key"'), ("postgresql", "key"), ("mysql", "`key`")]
)
def test_a_filled_column_counts_with_its_value(kind: str, quoted: str) -> None:
    """Rows that are NULL now are duplicates of each other once they get one value."""
    before, after = column("key", nullable=True), column("key", nullable=False)
    other = column("other", nullable=False)
    change = ColumnAltered(table=T, before=before, after=after, fields=("nullable",))
    for keys, group in (
        (("key",), f"coalesce({quoted}, 5)"),
        (("other", "key"), f"other, coalesce({quoted}, 5)"),
    ):
        unique = ConstraintAdded(table=T, constraint=Unique(name="uq", columns=keys))
        current, desired = schema(table("t", before, other)), schema(table("t", after, other))
        plan = planned([change, unique], current, desired, kind=kind, key="5")
        assert upgrade_queries(plan) == [
            f"SELECT {group} AS {quoted} FROM t GROUP BY {group} HAVING count(*) > 1"
        ]


def test_a_unique_expression_can_be_null() -> None:
    """coalesce() in an index is the user's own: rows in which it is NULL are no duplicates."""
    columns = [column("a", nullable=True), column("b", nullable=True)]
    element = IndexElement(text="coalesce(a, b)", is_expression=True)
    added = IndexAdded(table=T, index=Index(name="ix", elements=(element,), unique=True))
    current = schema(table("t", *columns))
    assert upgrade_queries(planned([added], current, current)) == [
        "SELECT coalesce(a, b) FROM t WHERE coalesce(a, b) IS NOT NULL "
        "GROUP BY coalesce(a, b) HAVING count(*) > 1"
    ]


def altered(before: Column, after: Column, *fields: str) -> tuple[ColumnAltered, Schema, Schema]:
    change = ColumnAltered(table=T, before=before, after=after, fields=fields)
    return change, schema(table("t", before)), schema(table("t", after))


def retyped(before: str, after: str, kind: str = "postgresql") -> list[str]:
    """Return the conditions of the checks that a new type needs in an upgrade."""
    change, current, desired = altered(column("a", before), column("a", after), "type")
    prefix = "SELECT id FROM t WHERE "
    return [
        query.removeprefix(prefix)
        for query in upgrade_queries(planned([change], current, desired, kind=kind))
    ]


NARROWER = [
    ("postgresql", "character varying(20)", "character varying(10)", "char_length(a) > 10"),
    ("postgresql", "text", "character varying(10)", "char_length(a) > 10"),
    ("postgresql", "character varying", "character(3)", "char_length(a) > 3"),
    ("postgresql", "bigint", "integer", "a NOT BETWEEN -2147483648 AND 2147483647"),
    ("postgresql", "numeric(10,2)", "numeric(8,2)", "abs(a) >= 1000000"),
    ("postgresql", "numeric(10,4)", "numeric(8,2)", "a <> round(a, 2)"),
    ("postgresql", "numeric", "numeric(4,1)", "abs(a) >= 1000 OR a <> round(a, 1)"),
    ("postgresql", "integer", "numeric(5,2)", "abs(a) >= 1000"),
    ("postgresql", "double precision", "numeric(5,2)", "abs(a) >= 1000"),
    ("postgresql", "numeric(5,0)", "smallint", "a NOT BETWEEN -32768 AND 32767"),
    ("mysql", "int(11)", "int(10) unsigned", "a < 0"),
    ("mysql", "int unsigned", "int", "a > 2147483647"),
    ("mysql", "longtext", "text", "octet_length(a) > 65535"),
    ("mysql", "varbinary(20)", "varbinary(10)", "octet_length(a) > 10"),
    ("mysql", "enum('a','b','c')", "enum('c')", "a IN ('a', 'b')"),
    ("mysql", "varchar(9)", "enum('a','b')", "a NOT IN ('a', 'b')"),
]
WIDER = [
    ("postgresql", "character varying(10)", "character varying(20)"),
    ("postgresql", "character varying(10)", "text"),
    ("postgresql", "smallint", "bigint"),
    ("postgresql", "integer", "numeric(10,0)"),
    ("postgresql", "numeric(8,2)", "numeric(10,2)"),
    ("postgresql", "numeric(8,2)", "numeric"),
    ("postgresql", "numeric(8,2)", "double precision"),
    ("postgresql", "smallint", "integer"),
    ("mysql", "enum('1','2')", "decimal(4,2)"),
    ("postgresql", "timestamp without time zone", "date"),
    ("postgresql", "text[]", "character varying(3)[]"),
    ("mysql", "text", "longtext"),
    ("mysql", "varchar(200)", "text"),
    ("mysql", "tinyint unsigned", "smallint"),
    ("mysql", "enum('a')", "enum('a','b')"),
    ("mysql", "int(11)", "int"),
    ("sqlite", "VARCHAR(20)", "VARCHAR(10)"),
    ("sqlite", "BIGINT", "SMALLINT"),
]


@pytest.mark.parametrize(("kind", "before", "after", "condition"), NARROWER)
def test_narrower_type_is_checked(kind: str, before: str, after: str, condition: str) -> None:
    assert retyped(before, after, kind) == [condition]


@pytest.mark.parametrize(("kind", "before", "after"), WIDER)
def test_wider_type_is_not_checked(kind: str, before: str, after: str) -> None:
    """Neither is a type that accepts all values or whose invalid values no query can find."""
    assert retyped(before, after, kind) == []


def test_wider_type_is_checked_in_the_downgrade() -> None:
    """Values that were added after the upgrade may be too long."""
    before, after = column("a", "character varying(10)"), column("a", "text")
    change, current, desired = altered(before, after, "type")
    result = planned([change], current, desired)
    assert upgrade_queries(result) == []
    assert downgrade_queries(result) == ["SELECT id FROM t WHERE char_length(a) > 10"]


def test_not_null_is_checked_unless_it_is_filled() -> None:
    """The downgrade needs no check."""
    change, current, desired = altered(column("a"), column("a", nullable=False), "nullable")
    result = planned([change], current, desired)
    assert upgrade_queries(result) == ["SELECT id FROM t WHERE a IS NULL"]
    assert downgrade_queries(result) == []
    [check] = result.checks
    assert check.message == "t.a is NULL in some rows"
    assert (check.place, check.hint) == (
        "t.a",
        "pass --fill t.a=VALUE, or fix the rows",
    )
    assert upgrade_queries(planned([change], current, desired, a="1")) == []


def test_restored_not_null_is_checked() -> None:
    """Rows without a value may have been added after the upgrade."""
    change, current, desired = altered(column("a", nullable=False), column("a"), "nullable")
    result = planned([change], current, desired)
    assert (upgrade_queries(result), downgrade_queries(result)) == (
        [],
        ["SELECT id FROM t WHERE a IS NULL"],
    )


def test_unique_column_is_restored_only_in_an_empty_table() -> None:
    """No value is generated for keys; a given fill makes the check unnecessary."""
    key = column("code", "text", nullable=False)
    unique = Unique(name="uq", columns=("code",))
    changes: list[Change] = [
        ConstraintRemoved(table=T, constraint=unique),
        ColumnRemoved(table=T, column=key),
    ]
    sides = schema(table("t", key, unique)), schema(table("t"))
    assert downgrade_queries(planned(changes, *sides)) == ["SELECT id FROM t"]
    assert downgrade_queries(planned(changes, *sides, code="sql:id")) == []


def queries_for(part: object, *parts: object, kind: str = "postgresql") -> list[str]:
    """Return the queries for a constraint or an index that is added to a table with `parts`."""
    before = table("t", column("a"), column("b", nullable=False), *parts)  # type: ignore[arg-type]
    after = table("t", column("a"), column("b", nullable=False), *parts, part)  # type: ignore[arg-type]
    change: Change = (
        IndexAdded(table=T, index=part)
        if isinstance(part, Index)
        else ConstraintAdded(table=T, constraint=part)  # type: ignore[arg-type]
    )
    referred_table = table("users", column("nr", nullable=False))
    return upgrade_queries(
        planned([change], schema(before, referred_table), schema(after, referred_table), kind=kind)
    )


UNIQUES = [
    (Unique(columns=("b",)), "SELECT b FROM t GROUP BY b HAVING count(*) > 1"),
    (
        Unique(columns=("a", "b")),
        "SELECT a, b FROM t WHERE a IS NOT NULL GROUP BY a, b HAVING count(*) > 1",
    ),
    (
        Unique(columns=("a",), nulls_not_distinct=True),
        "SELECT a FROM t GROUP BY a HAVING count(*) > 1",
    ),
    (PrimaryKey(columns=("b",)), "SELECT b FROM t GROUP BY b HAVING count(*) > 1"),
    (
        Index(elements=(IndexElement(text="b"),), unique=True, where="a > 0 OR b > 0"),
        "SELECT b FROM t WHERE a > 0 OR b > 0 GROUP BY b HAVING count(*) > 1",
    ),
    (
        Index(elements=(IndexElement(text="a + b", is_expression=True),), unique=True),
        "SELECT (a + b) FROM t WHERE (a + b) IS NOT NULL GROUP BY (a + b) HAVING count(*) > 1",
    ),
    (
        Index(elements=(IndexElement(text="b", collation="C", descending=True),), unique=True),
        'SELECT b COLLATE "C" FROM t GROUP BY b COLLATE "C" HAVING count(*) > 1',
    ),
]


@pytest.mark.parametrize(("part", "query"), UNIQUES)
def test_unique_over_existing_columns_is_checked(part: object, query: str) -> None:
    """NULLs are not duplicates by default; conditions and expressions are included in the query."""
    assert queries_for(part) == [query]


@pytest.mark.parametrize(
    ("part", "existing"),
    [
        (Unique(columns=("b", "a")), Unique(columns=("b",))),
        (Unique(columns=("b",)), index("ux", "b", unique=True)),
        (index("ux", "b", unique=True), Unique(columns=("b",))),
        (Unique(columns=("id", "b")), Unique(columns=("a",))),
        (index("ix", "b"), Unique(columns=("a",))),
        (Check(sql="(a>0)"), Check(name="other", sql="a > 0")),
        (Check(sql="a IN ('x', 'y')"), Check(sql="a = ANY (ARRAY['x'::text])")),
        (Check(sql="a > 0", options={"postgresql_not_valid": True}), Unique(columns=("b",))),
        (foreign_key("f", "a", "users.id"), foreign_key("g", "a", "users.id")),
        (foreign_key("f", "a", "nobody.id"), Unique(columns=("b",))),
    ],
)
def test_implied_constraint_is_not_checked(part: object, existing: object) -> None:
    """An existing constraint guarantees it, or it does not concern existing rows."""
    assert queries_for(part, existing) == []


def test_partial_unique_index_does_not_imply_a_full_one() -> None:
    partial = Index(name="ux", elements=(IndexElement(text="b"),), unique=True, where="a > 0")
    assert queries_for(Unique(columns=("b",)), partial) == [
        "SELECT b FROM t GROUP BY b HAVING count(*) > 1"
    ]


def test_check_and_foreign_key_are_checked() -> None:
    assert queries_for(Check(name="c", sql="a > 0 OR b > 0")) == [
        "SELECT id FROM t WHERE NOT (a > 0 OR b > 0)"
    ]
    assert queries_for(foreign_key("f", "b", "users.id")) == [
        "SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = t.b)"
    ]
    pair = ForeignKey(columns=("a", "b"), referred=Name("users"), referred_columns=("id", "nr"))
    assert queries_for(pair) == [
        "SELECT id FROM t WHERE a IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM users WHERE users.id = t.a AND users.nr = t.b)"
    ]


def test_shorter_list_of_values_is_checked() -> None:
    """A non-native enum loses a value in this way."""
    old, new = Check(name="c", sql="a IN ('x', 'y')"), Check(name="c", sql="a IN ('y', 'z')")
    change = ConstraintAltered(table=T, before=old, after=new, fields=("sql",))
    a = column("a", "text")
    result = planned([change], schema(table("t", a, old)), schema(table("t", a, new)))
    assert upgrade_queries(result) == ["SELECT id FROM t WHERE NOT (a IN ('y', 'z'))"]
    assert downgrade_queries(result) == ["SELECT id FROM t WHERE NOT (a IN ('x', 'y'))"]


def test_new_tables_and_columns_are_not_checked() -> None:
    """They have no rows, or values that the migration sets."""
    new = column("n")
    parts = (
        Unique(name="u", columns=("n", "a")),
        Check(name="c", sql="n > a"),
        foreign_key("f", "n", "users.id"),
        foreign_key("g", "a", "fresh.id"),
    )
    changes: list[Change] = [
        TableAdded(table=table("fresh", column("a"), Unique(columns=("a",)))),
        ColumnAdded(table=T, column=new),
        *(ConstraintAdded(table=T, constraint=part) for part in parts),
    ]
    current = schema(table("t", column("a")), table("users"))
    desired = schema(table("t", column("a"), new, *parts), table("users"), table("fresh"))
    assert upgrade_queries(planned(changes, current, desired)) == []


def test_check_over_changed_values_is_skipped() -> None:
    """A query before the change cannot know the values after it."""
    check = Check(name="c", sql="a > '2001-02-03'")
    before, after = column("a", "timestamp without time zone"), column("a", "date")
    change, current, desired = altered(before, after, "type")
    changes = [change, ConstraintAdded(table=T, constraint=check)]
    assert upgrade_queries(planned(changes, current, desired)) == []
    before, after = column("a"), column("a", nullable=False)
    change, current, desired = altered(before, after, "nullable")
    changes = [change, ConstraintAdded(table=T, constraint=check)]
    assert upgrade_queries(planned(changes, current, desired, a="1")) == []


def test_checks_use_the_names_before_the_renames() -> None:
    """Checks run first, so an upgrade uses the old names and a downgrade the new ones."""
    before, after = column("nick", "bigint"), column("nickname", "smallint")
    check = Check(name="c", sql="nickname > 0 AND 'new' <> ''")
    changes: list[Change] = [
        TableRenamed(before=Name("was"), after=T),
        ColumnRenamed(table=T, before="nick", after="nickname"),
        ColumnAltered(table=T, before=column("nickname", "bigint"), after=after, fields=("type",)),
        ConstraintAdded(table=T, constraint=check),
        ConstraintRemoved(table=T, constraint=Unique(name="u", columns=("nickname",))),
    ]
    current = schema(table("was", before, Unique(name="u", columns=("nick",))))
    result = planned(changes, current, schema(table("t", after, check)))
    assert upgrade_queries(result) == [
        "SELECT id FROM was WHERE nick NOT BETWEEN -32768 AND 32767",
        "SELECT id FROM was WHERE NOT (nick > 0 AND 'new' <> '')",
    ]
    assert downgrade_queries(result) == [
        "SELECT nickname FROM t WHERE nickname IS NOT NULL GROUP BY nickname HAVING count(*) > 1"
    ]


def test_enum_that_loses_values_is_checked_in_each_column() -> None:
    """Arrays are checked; a column that the migration adds is not."""
    mood = Name("mood")
    old, new = EnumType(name=mood, values=("sad", "ok")), EnumType(name=mood, values=("ok", "glad"))
    kind = ColumnType(sql="mood", python="mood", enum=mood)
    one, many = (
        Column(name="one", type=kind),
        Column(name="many", type=ColumnType(sql="mood[]", python="moods", enum=mood)),
    )
    new_column = Column(name="late", type=kind)
    current = Schema(tables={T: table("t", one, many)}, enums={mood: old})
    desired = Schema(tables={T: table("t", one, many, new_column)}, enums={mood: new})
    changes: list[Change] = [
        EnumAltered(before=old, after=new),
        ColumnAdded(table=T, column=new_column),
    ]
    result = planned(changes, current, desired)
    assert upgrade_queries(result) == [
        "SELECT id FROM t WHERE one = 'sad'",
        "SELECT id FROM t WHERE 'sad' = ANY (many)",
    ]
    assert downgrade_queries(result) == [
        "SELECT id FROM t WHERE one = 'glad'",
        "SELECT id FROM t WHERE 'glad' = ANY (many)",
    ]


def test_query_selects_all_columns_without_a_key() -> None:
    before, after = column("a"), column("a", nullable=False)
    change = ColumnAltered(table=T, before=before, after=after, fields=("nullable",))
    sides = [schema(Table(name=T, columns=(side,))) for side in (before, after)]
    assert upgrade_queries(planned([change], *sides)) == ["SELECT * FROM t WHERE a IS NULL"]


def test_equal_queries_are_merged() -> None:
    """A unique constraint and a unique index over the same columns need one query."""
    unique, other = Unique(name="u", columns=("a",)), index("ux", "a", unique=True)
    changes: list[Change] = [
        ConstraintAdded(table=T, constraint=unique),
        IndexAdded(table=T, index=other),
    ]
    before, after = table("t", column("a")), table("t", column("a"), unique, other)
    assert len(upgrade_queries(planned(changes, schema(before), schema(after)))) == 1
