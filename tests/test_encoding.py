"""Test that schema objects are unchanged after a round trip through JSON."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any, get_args

import pytest

from autodiff.schema import objects as schema
from autodiff.schema.json import from_data, schema_from_data, schema_to_data, to_data
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    EnumType,
    Exclusion,
    ForeignKey,
    Identity,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Schema,
    Sequence,
    Table,
    Unique,
    View,
)

ENUM = Name("mood", "audit")
ELEMENT = IndexElement(
    text="lower(name)",
    is_expression=True,
    descending=True,
    nulls_first=False,
    opclass="text_pattern_ops",
    collation="C",
    collation_schema="audit",
    length=9,
)
INDEX = Index(
    name="ix",
    elements=(ELEMENT,),
    unique=True,
    method="gin",
    where="a > 0",
    include=("b",),
    nulls_not_distinct=True,
    comment="why",
    options={"postgresql_with": "fillfactor=70"},
    concurrently=True,
)
NAMED: dict[str, Any] = {"name": "n", "comment": "why", "implicit": True}
TIMED: dict[str, Any] = {"deferrable": True, "initially_deferred": True}
TABLE = Table(
    name=Name("users", "audit"),
    columns=(
        Column(
            name="id",
            type=ColumnType(sql="mood", python="sa.Enum()", enum=ENUM),
            nullable=False,
            default="'sad'",
            computed=Computed(sql="1 + 1", persisted=False),
            identity=Identity(
                always=True, start=5, increment=-1, minvalue=-9, maxvalue=9, cache=2, cycle=True
            ),
            autoincrement=True,
            comment="it's",
            options={"mysql_invisible": True},
        ),
    ),
    constraints=(
        PrimaryKey(columns=("id",), options={"x": 1}, **TIMED, **NAMED),
        ForeignKey(
            columns=("a", "b"),
            referred=Name("others", "audit"),
            referred_columns=("c", "d"),
            on_update="CASCADE",
            on_delete="SET NULL",
            match="FULL",
            options={"x": True},
            **TIMED,
            **NAMED,
        ),
        Unique(columns=("a",), nulls_not_distinct=True, options={"x": "y"}, **TIMED, **NAMED),
        Check(sql="a > 0", options={"postgresql_no_inherit": True}, **NAMED),
        Exclusion(elements=(("a", "="), ("b", "&&")), using="btree", where="a", **TIMED, **NAMED),
    ),
    indexes=(INDEX,),
    comment="who",
    options={"mysql_engine": "InnoDB", "sqlite_strict": True, "n": 3},
    triggers=("CREATE TRIGGER t",),
    partitions=(Name("t_2024"), Name("rest", "s")),
)
SEQUENCE = Sequence(
    name=Name("s"),
    type="integer",
    start=2,
    increment=3,
    minvalue=1,
    maxvalue=9,
    cache=4,
    cycle=True,
    comment="c",
)
VIEW = View(
    name=Name("v"),
    sql="SELECT 1",
    materialized=True,
    comment="c",
    indexes=(INDEX,),
    reads=(Name("users", "audit"), Name("x")),
)
OBJECTS = (
    TABLE,
    EnumType(name=ENUM, values=("sad", "ok"), comment="c", elsewhere=True),
    SEQUENCE,
    VIEW,
)


def _round_trip(item: Any) -> Any:
    return from_data(type(item), json.loads(json.dumps(to_data(item))))


@pytest.mark.parametrize("item", [*OBJECTS, *TABLE.constraints], ids=lambda n: type(n).__name__)
def test_an_object_survives_the_round_trip(item: Any) -> None:
    """Every field is kept, including those that are not compared."""
    copy = _round_trip(item)
    assert copy == item
    for field in fields(item):
        assert getattr(copy, field.name) == getattr(item, field.name), field.name


def test_fields_that_are_not_compared_are_kept() -> None:
    """One is `implicit` of a constraint. The Python of a type is derived, and never stored."""
    copy = _round_trip(TABLE)
    assert copy.columns[0].type.python == ""
    assert all(constraint.implicit for constraint in copy.constraints)


def test_every_field_is_set_in_these_tests() -> None:
    """A new field must be added to these objects, or its round trip is not tested."""
    objects = (
        *OBJECTS,
        *TABLE.constraints,
        *TABLE.columns,
        ELEMENT,
        INDEX,
        TABLE.columns[0].identity,
    )
    for item in objects:
        unset_fields = {
            field.name for field in fields(item) if getattr(item, field.name) in (field.default, {})
        }
        derived = {"repeated_names"}  # not a part of the data
        assert unset_fields <= derived, type(item).__name__
    assert {type(c) for c in TABLE.constraints} == set(get_args(schema.Constraint))


def test_equal_columns_are_created_once() -> None:
    """Values that only compare equal, such as 1 and True, give different columns."""
    first, second = (from_data(Column, {"name": "n", "type": {"sql": "x"}}) for _ in "ab")
    assert first is second
    columns = [
        from_data(Column, {"name": "n", "type": {"sql": "x"}, "options": {"o": value}})
        for value in (1, True, "1")
    ]
    assert [type(column.options["o"]) for column in columns] == [int, bool, str]


def test_defaults_are_left_out() -> None:
    """The lock file contains only values that differ from the defaults."""
    assert to_data(Check(sql="a > 0")) == {"is": "check", "sql": "a > 0"}
    assert to_data(Name("users")) == "users"
    assert to_data(Name("users", "audit")) == ["audit", "users"]


def test_a_schema_is_sorted_by_names() -> None:
    """The order in which objects were found does not change the data."""
    other = replace(TABLE, name=Name("accounts"))
    first = Schema(tables={t.name: t for t in (TABLE, other)}, namespaces=frozenset({"b", "a"}))
    second = Schema(tables={t.name: t for t in (other, TABLE)}, namespaces=frozenset({"a", "b"}))
    assert json.dumps(schema_to_data(first)) == json.dumps(schema_to_data(second))
    assert schema_from_data(json.loads(json.dumps(schema_to_data(first)))) == first


def test_a_schema_survives_the_round_trip() -> None:
    """Every kind of object is restored under its name."""
    original = Schema(
        tables={TABLE.name: TABLE},
        enums={ENUM: EnumType(name=ENUM, values=("a",))},
        sequences={SEQUENCE.name: SEQUENCE},
        views={VIEW.name: VIEW},
        namespaces=frozenset({"audit"}),
    )
    assert schema_from_data(json.loads(json.dumps(schema_to_data(original)))) == original
