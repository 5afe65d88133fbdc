"""Nouns go to plain data and come back the same."""

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
NOUNS = (
    TABLE,
    EnumType(name=ENUM, values=("sad", "ok"), comment="c", elsewhere=True),
    SEQUENCE,
    VIEW,
)


def _round(noun: Any) -> Any:
    return from_data(type(noun), json.loads(json.dumps(to_data(noun))))


@pytest.mark.parametrize("noun", [*NOUNS, *TABLE.constraints], ids=lambda n: type(n).__name__)
def test_a_noun_comes_back_from_json(noun: Any) -> None:
    """Every field, also those that no comparison looks at."""
    again = _round(noun)
    assert again == noun
    for spec in fields(noun):
        assert getattr(again, spec.name) == getattr(noun, spec.name), spec.name


def test_what_no_comparison_looks_at_comes_back_too() -> None:
    """`python` of a type and `implicit` of a constraint are not compared, but kept."""
    again = _round(TABLE)
    assert again.columns[0].type.python == "sa.Enum()"
    assert all(constraint.implicit for constraint in again.constraints)


def test_every_field_of_these_nouns_is_set() -> None:
    """Whoever adds a field to a noun adds it here, or its way through JSON is untried."""
    nouns = (*NOUNS, *TABLE.constraints, *TABLE.columns, ELEMENT, INDEX, TABLE.columns[0].identity)
    for noun in nouns:
        bare = {s.name for s in fields(noun) if getattr(noun, s.name) in (s.default, {})}
        assert bare == set(), type(noun).__name__
    assert {type(c) for c in TABLE.constraints} == set(get_args(schema.Constraint))


def test_columns_that_repeat_are_made_once() -> None:
    """Equal data is the same column; what Python holds for equal and is another, is another."""
    one, again = (
        from_data(Column, {"name": "n", "type": {"sql": "x", "python": "y"}}) for _ in "ab"
    )
    assert one is again
    numbers = [
        from_data(
            Column, {"name": "n", "type": {"sql": "x", "python": "y"}, "options": {"o": value}}
        )
        for value in (1, True, "1")
    ]
    assert [type(column.options["o"]) for column in numbers] == [int, bool, str]


def test_defaults_are_left_out() -> None:
    """A lock file holds what differs from the defaults, and nothing else."""
    assert to_data(Check(sql="a > 0")) == {"is": "check", "sql": "a > 0"}
    assert to_data(Name("users")) == "users"
    assert to_data(Name("users", "audit")) == ["audit", "users"]


def test_a_schema_is_sorted_by_names() -> None:
    """The same schema is the same text, in whatever order its things were found."""
    other = replace(TABLE, name=Name("accounts"))
    one = Schema(tables={t.name: t for t in (TABLE, other)}, namespaces=frozenset({"b", "a"}))
    two = Schema(tables={t.name: t for t in (other, TABLE)}, namespaces=frozenset({"a", "b"}))
    assert json.dumps(schema_to_data(one)) == json.dumps(schema_to_data(two))
    assert schema_from_data(json.loads(json.dumps(schema_to_data(one)))) == one


def test_a_whole_schema_comes_back() -> None:
    """Each kind of object is found again under its name."""
    whole = Schema(
        tables={TABLE.name: TABLE},
        enums={ENUM: EnumType(name=ENUM, values=("a",))},
        sequences={SEQUENCE.name: SEQUENCE},
        views={VIEW.name: VIEW},
        namespaces=frozenset({"audit"}),
    )
    assert schema_from_data(json.loads(json.dumps(schema_to_data(whole)))) == whole
