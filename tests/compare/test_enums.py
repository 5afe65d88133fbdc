"""Enum types and values under other names, told and put into the current schema."""

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
from autodiff.compare.enum_casts import rename_casts, rename_literals
from autodiff.compare.enums import EnumRename, ValueRename, unambiguous_enum_renames
from autodiff.dialects import dialect_for
from autodiff.errors import PlanError
from autodiff.schema.changes import ColumnAltered, EnumAdded, EnumAltered, EnumRemoved
from autodiff.schema.objects import Check, Column, ColumnType, EnumType, Name, Schema
from tests.nouns import column, table

MOOD, ITEMS = Name("mood"), Name("items")
POSTGRESQL = dialect_for("postgresql")


def enum(*values: str, name: str = "mood") -> EnumType:
    return EnumType(name=Name(name), values=values)


def typed(name: str, of: str = "mood", default: str | None = None) -> Column:
    return Column(name=name, type=ColumnType(sql=of, python="", enum=Name(of)), default=default)


def schema(kind: EnumType, *checks: str, of: str = "items") -> Schema:
    parts = [Check(name=f"ck{place}", sql=sql) for place, sql in enumerate(checks)]
    noun = table(
        of,
        typed("mood", kind.name.name, f"'{kind.values[0]}'"),
        column("kind", "text"),
        column("size"),
        Check(name="kinds", sql="kind IN ('a', 'b')"),
        *parts,
    )
    return Schema(tables={noun.name: noun}, enums={kind.name: kind})


CURRENT = schema(enum("sad", "ok"), "mood <> 'sad'::mood")


@pytest.mark.parametrize(
    ("text", "told"),
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
def test_a_rename_of_a_type_or_a_value_is_read(text: str, told: object) -> None:
    """A value is named with its type, or with a column that has it."""
    assert parse_rename(text, CURRENT) == told


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
def test_an_old_value_must_be_there(text: str, message: str, hint: str) -> None:
    """The error lists those that are."""
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
    ],
)
def test_a_new_name_must_be_there_and_free(text: str, message: str) -> None:
    """The models have it, and the database does not."""
    with pytest.raises(PlanError) as caught:
        apply_all_renames(CURRENT, CURRENT, [parse_rename(text, CURRENT)], POSTGRESQL)
    assert caught.value.message == message


def test_a_renamed_value_is_renamed_in_every_text() -> None:
    """Defaults and checks follow; they are what the models say then."""
    wanted = schema(enum("low", "ok"), "mood <> 'low'::mood")
    moved, changes = apply_all_renames(
        CURRENT, wanted, [parse_rename("mood.sad:low", CURRENT)], POSTGRESQL
    )
    assert moved == wanted
    assert len(changes) == 1


def test_a_renamed_type_is_renamed_in_every_text() -> None:
    """Columns and casts follow."""
    wanted = schema(enum("sad", "ok", name="feeling"), "mood <> 'sad'::feeling")
    moved, _ = apply_all_renames(
        CURRENT, wanted, [parse_rename("mood:feeling", CURRENT)], POSTGRESQL
    )
    assert moved == wanted


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
def test_literals_of_the_type_alone_are_renamed(text: str, after: str) -> None:
    """A text that only looks like the value stays."""
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
def test_casts_alone_are_renamed(text: str, after: str) -> None:
    """A column of the type's name stays."""
    assert rename_casts(text, MOOD, "s.feeling") == after


def moved(before: str, after: str) -> ColumnAltered:
    old, new = typed("mood", before), typed("mood", after)
    return ColumnAltered(table=ITEMS, before=old, after=new, fields=("type",))


def test_a_type_of_the_same_values_is_the_same() -> None:
    """Where its columns move over to it, and to no other; else nothing is certain."""
    gone, new = EnumRemoved(enum=enum("a", "b")), EnumAdded(enum=enum("a", "b", name="new"))
    wide = EnumAdded(enum=enum("a", "b", "c", name="new"))
    found = [EnumRename(before=MOOD, after=Name("new"))]
    assert unambiguous_enum_renames([gone, new, moved("mood", "new")]) == found
    assert unambiguous_enum_renames([gone, new]) == []
    assert unambiguous_enum_renames([gone, wide, moved("mood", "new")]) == []
    assert unambiguous_enum_renames([gone, new, moved("mood", "new"), moved("mood", "x")]) == []
    assert unambiguous_enum_renames([gone, new, moved("mood", "new"), moved("x", "new")]) == []


def test_values_that_change_places_are_candidates() -> None:
    """Each with the one at its place, as --rename takes it."""
    change = EnumAltered(before=enum("sad", "ok"), after=enum("low", "ok"))
    assert [str(item) for item in rename_candidates([change])] == ["mood.sad:low"]
    more = EnumAltered(before=enum("sad", "ok"), after=enum("sad", "ok", "glad"))
    assert rename_candidates([more]) == []


def test_a_value_that_is_new_is_renamed_to_and_the_others_are_mapped() -> None:
    """So that there is a value to map them to."""
    current, desired = schema(enum("a", "b", "c")), schema(enum("c", "d"))
    mapped, renames = resolve_maps({"mood.a": "d", "mood.b": "d"}, current, desired, [])
    assert mapped == {Value(owner=MOOD, value="b"): "d"}
    assert renames == [ValueRename(value=Value(owner=MOOD, value="a"), to="d")]


@pytest.mark.parametrize("text", ["mood.x", "items.size.1", "nothing.a"])
def test_a_mapped_value_must_be_there(text: str) -> None:
    """The error repeats it."""
    with pytest.raises(PlanError) as caught:
        resolve_maps({text: "ok"}, CURRENT, CURRENT, [])
    assert caught.value.message == f"cannot map {text}: the database has no such value"


def test_a_found_rename_is_told_by_the_names_before() -> None:
    """As the command line must say it."""
    told = [Rename(table=Name("things"), to="items"), EnumRename(before=Name("old"), after=MOOD)]
    found = [
        ValueRename(value=Value(owner=ITEMS, column="kind", value="a"), to="b"),
        ValueRename(value=Value(owner=MOOD, value="sad"), to="low"),
    ]
    assert [str(rename_before(item, name_map_of(told))) for item in found] == [
        "things.kind.a:b",
        "old.sad:low",
    ]
