"""Tests for renames of enum types and of enum values."""

from __future__ import annotations

import pytest

from autodiff.compare import (
    Rename,
    Value,
    name_map_of,
    parse_rename,
    rename_candidates,
    resolve_maps,
)
from autodiff.compare.apply_renames import apply_all_renames, rename_before
from autodiff.compare.enums import EnumRename, ValueRename, unambiguous_enum_renames
from autodiff.dialects import dialect_for
from autodiff.dialects.postgresql.enum_casts import rename_casts, rename_literals
from autodiff.errors import PlanError
from autodiff.schema.changes import ColumnAltered, EnumAdded, EnumAltered, EnumRemoved
from autodiff.schema.objects import Check, Column, ColumnType, EnumType, Name, Schema
from tests.nouns import column, table

MOOD, ITEMS = Name("mood"), Name("items")
POSTGRESQL = dialect_for("postgresql")


def enum(*values: str, name: str = "mood") -> EnumType:
    return EnumType(name=Name(name), values=values)


def typed(name: str, kind: str = "mood", default: str | None = None) -> Column:
    return Column(name=name, type=ColumnType(sql=kind, python="", enum=Name(kind)), default=default)


def schema(kind: EnumType, *checks: str, table_name: str = "items") -> Schema:
    parts = [Check(name=f"ck{place}", sql=sql) for place, sql in enumerate(checks)]
    new_table = table(
        table_name,
        typed("mood", kind.name.name, f"'{kind.values[0]}'"),
        column("kind", "text"),
        column("size"),
        Check(name="kinds", sql="kind IN ('a', 'b')"),
        *parts,
    )
    return Schema(tables={new_table.name: new_table}, enums={kind.name: kind})


CURRENT = schema(enum("sad", "ok"), "mood <> 'sad'::mood")


@pytest.mark.parametrize(
    ("text", "rename"),
    [
        ("mood:feeling", EnumRename(before=MOOD, after=Name("feeling"))),
        ("mood:s.feeling", EnumRename(before=MOOD, after=Name("feeling", "s"))),
        ("mood.sad:low", ValueRename(value=Value(owner=MOOD, value="sad"), to="low")),
        ("mood.sad:l.o", ValueRename(value=Value(owner=MOOD, value="sad"), to="l.o")),
        ("items.mood.sad:low", ValueRename(value=Value(owner=MOOD, value="sad"), to="low")),
        (
            "items.kind.a:c",
            ValueRename(value=Value(owner=ITEMS, column="kind", value="a"), to="c"),
        ),
        ("items.kind:mood", Rename(table=ITEMS, column="kind", to="mood")),
    ],
)
def test_parse_rename_of_type_or_value(text: str, rename: object) -> None:
    """A value is addressed by its type or by a column that has the type."""
    assert parse_rename(text, CURRENT) == rename


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "mood.sda:low",
            "cannot rename mood.sda: the database has no such value",
            "its values: sad, ok",
        ),
        (
            "items.kind.c:low",
            "cannot rename items.kind.c: the database has no such value",
            "its values: a, b",
        ),
        (
            "items.size.1:2",
            "cannot rename items.size.1: the column items.size has no named values",
            "only values of enum types and of text columns can be renamed",
        ),
    ],
)
def test_old_value_must_exist(text: str, message: str, hint: str) -> None:
    """The error lists the values that exist."""
    with pytest.raises(PlanError) as caught:
        parse_rename(text, CURRENT)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mood:feeling", "cannot rename enum mood to feeling: the models have no such enum"),
        ("mood.sad:low", "cannot rename mood.sad to low: the models have no such value"),
        ("mood.sad:ok", "cannot rename mood.sad to ok: mood already has that value"),
        ("items.kind.a:low", "cannot rename items.kind.a to low: the models have no such value"),
        ("items.kind.a:b", "cannot rename items.kind.a to b: items.kind already has that value"),
    ],
)
def test_new_name_must_exist_in_models_and_be_unused(text: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        apply_all_renames(CURRENT, CURRENT, [parse_rename(text, CURRENT)], POSTGRESQL)
    assert caught.value.message == message


def test_renamed_value_changes_defaults_and_checks() -> None:
    desired = schema(enum("low", "ok"), "mood <> 'low'::mood")
    renamed, changes = apply_all_renames(
        CURRENT, desired, [parse_rename("mood.sad:low", CURRENT)], POSTGRESQL
    )
    assert renamed == desired
    assert len(changes) == 1


def test_renamed_type_changes_columns_and_casts() -> None:
    desired = schema(enum("sad", "ok", name="feeling"), "mood <> 'sad'::feeling")
    renamed, _ = apply_all_renames(
        CURRENT, desired, [parse_rename("mood:feeling", CURRENT)], POSTGRESQL
    )
    assert renamed == desired


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("mood = 'sad'::mood", "mood = 'low'::mood"),
        ("mood = 'sad'::mood AND name = 'sad'::text", "mood = 'low'::mood AND name = 'sad'::text"),
        ("'sad'::s.mood", "'sad'::s.mood"),
        ("'{sad,ok,\"sad\"}'::mood[]", "'{low,ok,low}'::mood[]"),
        ("'mood.sad'::mood", "'mood.sad'::mood"),
        ("""'sad'::"mood\"""", """'low'::"mood\""""),
    ],
)
def test_only_literals_of_the_type_are_renamed(text: str, after: str) -> None:
    """A string that only looks like the value is not changed."""
    assert rename_literals(text, MOOD, {"sad": "low"}) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("mood = 'sad'::mood", "mood = 'sad'::s.feeling"),
        ("'{}'::mood[]", "'{}'::s.feeling[]"),
        ("'sad'::s.mood", "'sad'::s.mood"),
        ("'::mood'", "'::mood'"),
    ],
)
def test_only_casts_are_renamed(text: str, after: str) -> None:
    """A column with the name of the type is not changed."""
    assert rename_casts(text, MOOD, "s.feeling") == after


def retyped(before: str, after: str) -> ColumnAltered:
    old, new = typed("mood", before), typed("mood", after)
    return ColumnAltered(table=ITEMS, before=old, after=new, fields=("type",))


def test_type_with_same_values_is_a_certain_rename() -> None:
    """All columns must move from the old type to the new one, and no column to or from another."""
    removed, added = EnumRemoved(enum=enum("a", "b")), EnumAdded(enum=enum("a", "b", name="new"))
    extended = EnumAdded(enum=enum("a", "b", "c", name="new"))
    expected = [EnumRename(before=MOOD, after=Name("new"))]
    assert unambiguous_enum_renames([removed, added, retyped("mood", "new")]) == expected
    assert unambiguous_enum_renames([removed, added]) == []
    assert unambiguous_enum_renames([removed, extended, retyped("mood", "new")]) == []
    assert (
        unambiguous_enum_renames([removed, added, retyped("mood", "new"), retyped("mood", "x")])
        == []
    )
    assert (
        unambiguous_enum_renames([removed, added, retyped("mood", "new"), retyped("x", "new")])
        == []
    )


def test_value_replaced_at_same_position_is_a_candidate() -> None:
    """Candidates are spelled as --rename accepts them."""
    change = EnumAltered(before=enum("sad", "ok"), after=enum("low", "ok"))
    assert [str(item) for item in rename_candidates([change])] == ["mood.sad:low"]
    extended = EnumAltered(before=enum("sad", "ok"), after=enum("sad", "ok", "glad"))
    assert rename_candidates([extended]) == []


def test_maps_to_new_value_become_one_rename_and_maps() -> None:
    """The first old value is renamed to the new value, so that the others can be mapped to it."""
    current, desired = schema(enum("a", "b", "c")), schema(enum("c", "d"))
    mapped, renames = resolve_maps({"mood.a": "d", "mood.b": "d"}, current, desired, [])
    assert mapped == {Value(owner=MOOD, value="b"): "d"}
    assert renames == [ValueRename(value=Value(owner=MOOD, value="a"), to="d")]


@pytest.mark.parametrize("text", ["mood.x", "items.size.1", "nothing.a"])
def test_mapped_value_must_exist(text: str) -> None:
    with pytest.raises(PlanError) as caught:
        resolve_maps({text: "ok"}, CURRENT, CURRENT, [])
    assert caught.value.message == f"cannot map {text}: the database has no such value"


def test_found_renames_use_old_names() -> None:
    """The command line refers to tables and types by the names that the database has."""
    given_renames = [
        Rename(table=Name("things"), to="items"),
        EnumRename(before=Name("old"), after=MOOD),
    ]
    found_renames = [
        ValueRename(value=Value(owner=ITEMS, column="kind", value="a"), to="b"),
        ValueRename(value=Value(owner=MOOD, value="sad"), to="low"),
    ]
    assert [str(rename_before(rename, name_map_of(given_renames))) for rename in found_renames] == [
        "things.kind.a:b",
        "old.sad:low",
    ]
