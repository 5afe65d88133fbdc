"""Checks of rows: which changes get one, what they ask, and which get none."""

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
    given = {f"t.{name}": value for name, value in fills.items()}
    dialect = dialect_for(kind)
    return plan_changes(changes, current=current, desired=desired, dialect=dialect, fills=given)


def up(found: MigrationPlan) -> list[str]:
    """The queries that the upgrade begins with; none may come later."""
    return _leading(found.operations)


def down(found: MigrationPlan) -> list[str]:
    """The queries that the downgrade begins with."""
    return _leading(found.reverse())


def _leading(operations: Sequence[object]) -> list[str]:
    queries = [step.query for step in operations if isinstance(step, Require)]
    assert all(isinstance(step, Require) for step in operations[: len(queries)])
    return queries


def altered(before: Column, after: Column, *fields: str) -> tuple[ColumnAltered, Schema, Schema]:
    change = ColumnAltered(table=T, before=before, after=after, fields=fields)
    return change, schema(table("t", before)), schema(table("t", after))


def retyped(before: str, after: str, kind: str = "postgresql") -> list[str]:
    """The conditions of the checks of a new type, up."""
    change, current, desired = altered(column("a", before), column("a", after), "type")
    head = "SELECT id FROM t WHERE "
    return [
        query.removeprefix(head) for query in up(planned([change], current, desired, kind=kind))
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
    ("postgresql", "text", "integer"),
    ("postgresql", "character varying(9)", "numeric(10,2)"),
    ("mysql", "enum('1','2')", "decimal(4,2)"),
    ("mysql", "varchar(9)", "int"),
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
def test_a_narrower_type_is_checked(kind: str, before: str, after: str, condition: str) -> None:
    """What does not fit, as the database's own SQL says it."""
    assert retyped(before, after, kind) == [condition]


@pytest.mark.parametrize(("kind", "before", "after"), WIDER)
def test_a_type_that_takes_all_values_is_not_checked(kind: str, before: str, after: str) -> None:
    """Nor one of which no query can say it, nor where the database does not care."""
    assert retyped(before, after, kind) == []


def test_a_type_that_gets_wider_is_checked_on_the_way_back() -> None:
    """The longer texts that came meanwhile do not fit any more."""
    before, after = column("a", "character varying(10)"), column("a", "text")
    change, current, desired = altered(before, after, "type")
    found = planned([change], current, desired)
    assert up(found) == []
    assert down(found) == ["SELECT id FROM t WHERE char_length(a) > 10"]


def test_not_null_is_checked_unless_it_is_filled() -> None:
    """A value for the rows makes the check needless; the way back needs none."""
    change, current, desired = altered(column("a"), column("a", nullable=False), "nullable")
    found = planned([change], current, desired)
    assert up(found) == ["SELECT id FROM t WHERE a IS NULL"]
    assert down(found) == []
    [check] = found.checks
    assert check.message == "t.a is NULL in some rows"
    assert (check.place, check.hint) == (
        "t.a",
        "pass --fill t.a=VALUE, or fix the rows",
    )
    assert up(planned([change], current, desired, a="1")) == []


def test_not_null_that_comes_back_is_checked() -> None:
    """Rows without a value may have come meanwhile."""
    change, current, desired = altered(column("a", nullable=False), column("a"), "nullable")
    found = planned([change], current, desired)
    assert (up(found), down(found)) == ([], ["SELECT id FROM t WHERE a IS NULL"])


def test_a_column_that_nobody_can_fill_comes_back_on_an_empty_table_alone() -> None:
    """Keys get no value that is made up; where one is given the check is needless."""
    key = column("code", "text", nullable=False)
    unique = Unique(name="uq", columns=("code",))
    changes: list[Change] = [
        ConstraintRemoved(table=T, constraint=unique),
        ColumnRemoved(table=T, column=key),
    ]
    sides = schema(table("t", key, unique)), schema(table("t"))
    assert down(planned(changes, *sides)) == ["SELECT id FROM t"]
    assert down(planned(changes, *sides, code="sql:id")) == []


def added(part: object, *parts: object, kind: str = "postgresql") -> list[str]:
    """The checks of a constraint or index that a table of parts gets."""
    before = table("t", column("a"), column("b", nullable=False), *parts)  # type: ignore[arg-type]
    after = table("t", column("a"), column("b", nullable=False), *parts, part)  # type: ignore[arg-type]
    change: Change = (
        IndexAdded(table=T, index=part)
        if isinstance(part, Index)
        else ConstraintAdded(table=T, constraint=part)  # type: ignore[arg-type]
    )
    others = table("users", column("nr", nullable=False))
    return up(planned([change], schema(before, others), schema(after, others), kind=kind))


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
def test_a_unique_over_columns_that_stand_is_checked(part: object, query: str) -> None:
    """NULLs are no duplicates unless the constraint says so; a condition and expressions count."""
    assert added(part) == [query]


@pytest.mark.parametrize(
    ("part", "standing"),
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
def test_what_holds_already_is_not_checked(part: object, standing: object) -> None:
    """A key of fewer columns, a longer list, the same under another name, what asks no row."""
    assert added(part, standing) == []


def test_a_partial_unique_holds_nothing_apart_but_its_own_rows() -> None:
    """So the whole unique is checked."""
    partial = Index(name="ux", elements=(IndexElement(text="b"),), unique=True, where="a > 0")
    assert added(Unique(columns=("b",)), partial) == [
        "SELECT b FROM t GROUP BY b HAVING count(*) > 1"
    ]


def test_checks_and_keys_are_checked() -> None:
    """Rows for which the condition is not true; rows that point at nothing."""
    assert added(Check(name="c", sql="a > 0 OR b > 0")) == [
        "SELECT id FROM t WHERE NOT (a > 0 OR b > 0)"
    ]
    assert added(foreign_key("f", "b", "users.id")) == [
        "SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = t.b)"
    ]
    pair = ForeignKey(columns=("a", "b"), referred=Name("users"), referred_columns=("id", "nr"))
    assert added(pair) == [
        "SELECT id FROM t WHERE a IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM users WHERE users.id = t.a AND users.nr = t.b)"
    ]


def test_a_shorter_list_is_checked() -> None:
    """Which is how an enum without a type of its own loses a value."""
    old, new = Check(name="c", sql="a IN ('x', 'y')"), Check(name="c", sql="a IN ('y', 'z')")
    change = ConstraintAltered(table=T, before=old, after=new, fields=("sql",))
    a = column("a", "text")
    found = planned([change], schema(table("t", a, old)), schema(table("t", a, new)))
    assert up(found) == ["SELECT id FROM t WHERE NOT (a IN ('y', 'z'))"]
    assert down(found) == ["SELECT id FROM t WHERE NOT (a IN ('x', 'y'))"]


def test_what_the_migration_makes_is_not_checked() -> None:
    """Tables and columns that are new have no rows, or values that the migration gives."""
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
    assert up(planned(changes, current, desired)) == []


def test_a_check_over_what_changes_its_kind_or_gets_values_is_left_alone() -> None:
    """No query before the change can say what will be."""
    check = Check(name="c", sql="a > 0")
    before, after = column("a", "text"), column("a", "integer")
    change, current, desired = altered(before, after, "type")
    changes = [change, ConstraintAdded(table=T, constraint=check)]
    assert up(planned(changes, current, desired)) == []
    before, after = column("a"), column("a", nullable=False)
    change, current, desired = altered(before, after, "nullable")
    changes = [change, ConstraintAdded(table=T, constraint=check)]
    assert up(planned(changes, current, desired, a="1")) == []


def test_checks_use_the_names_of_then() -> None:
    """Up the old ones, since renames come later; down the new ones, for the same reason."""
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
    found = planned(changes, current, schema(table("t", after, check)))
    assert up(found) == [
        "SELECT id FROM was WHERE nick NOT BETWEEN -32768 AND 32767",
        "SELECT id FROM was WHERE NOT (nick > 0 AND 'new' <> '')",
    ]
    assert down(found) == [
        "SELECT nickname FROM t WHERE nickname IS NOT NULL GROUP BY nickname HAVING count(*) > 1"
    ]


def test_an_enum_that_loses_values_is_checked_in_each_column() -> None:
    """Arrays too; a column that only the migration adds has none of them on the way back."""
    mood = Name("mood")
    old, new = EnumType(name=mood, values=("sad", "ok")), EnumType(name=mood, values=("ok", "glad"))
    kind = ColumnType(sql="mood", python="mood", enum=mood)
    one, many = (
        Column(name="one", type=kind),
        Column(name="many", type=ColumnType(sql="mood[]", python="moods", enum=mood)),
    )
    late = Column(name="late", type=kind)
    current = Schema(tables={T: table("t", one, many)}, enums={mood: old})
    desired = Schema(tables={T: table("t", one, many, late)}, enums={mood: new})
    changes: list[Change] = [
        EnumAltered(before=old, after=new),
        ColumnAdded(table=T, column=late),
    ]
    found = planned(changes, current, desired)
    assert up(found) == [
        "SELECT id FROM t WHERE one = 'sad'",
        "SELECT id FROM t WHERE 'sad' = ANY (many)",
    ]
    assert down(found) == [
        "SELECT id FROM t WHERE one = 'glad'",
        "SELECT id FROM t WHERE 'glad' = ANY (many)",
    ]


def test_rows_without_a_key_are_shown_whole() -> None:
    """There is nothing shorter to name them by."""
    before, after = column("a"), column("a", nullable=False)
    change = ColumnAltered(table=T, before=before, after=after, fields=("nullable",))
    sides = [schema(Table(name=T, columns=(side,))) for side in (before, after)]
    assert up(planned([change], *sides)) == ["SELECT * FROM t WHERE a IS NULL"]


def test_a_query_is_asked_once() -> None:
    """A unique constraint and a unique index of the same columns need but one."""
    unique, other = Unique(name="u", columns=("a",)), index("ux", "a", unique=True)
    changes: list[Change] = [
        ConstraintAdded(table=T, constraint=unique),
        IndexAdded(table=T, index=other),
    ]
    before, after = table("t", column("a")), table("t", column("a"), unique, other)
    assert len(up(planned(changes, schema(before), schema(after)))) == 1
