"""Constraints and indexes that go and come again under another name are renamed."""

from __future__ import annotations

from dataclasses import replace

from autodiff.compare.constraint_renames import with_part_renames
from autodiff.compare.tables import compare_tables
from autodiff.schema.changes import (
    Change,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    ConstraintRenamed,
    IndexAdded,
    IndexAltered,
    IndexRemoved,
    IndexRenamed,
)
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Index,
    Name,
    PrimaryKey,
    Table,
    Unique,
)
from tests.nouns import column, index, table

NOTES = Name("notes")
A, B = column("a"), column("b")


def _notes(*parts: Column | Constraint | Index) -> Table:
    return table("notes", A, B, *parts)


def _found(current: Table, desired: Table) -> list[Change]:
    changes = compare_tables(current, desired, before=current, after=desired)
    return with_part_renames(changes, current, desired)


def test_one_that_goes_and_one_that_comes_are_one() -> None:
    """An index, and a constraint."""
    old, new = Unique(name="uq", columns=("a",)), Unique(name="uq_a", columns=("a",))
    found = _found(_notes(index("ix", "a"), old), _notes(index("ix_a", "a"), new))
    assert found == [
        ConstraintRenamed(table=NOTES, before=old, after=new),
        IndexRenamed(table=NOTES, before=index("ix", "a"), after=index("ix_a", "a")),
    ]


def test_what_differs_in_more_is_not_renamed() -> None:
    """Other columns, uniqueness, or a condition: one goes, and another one comes."""
    plain = index("ix", "a")
    for other in (
        index("ix_b", "b"),
        index("ix_b", "a", unique=True),
        replace(index("ix_b", "a"), where="a > 0"),
    ):
        found = _found(_notes(plain), _notes(other))
        assert found == [
            IndexRemoved(table=NOTES, index=plain),
            IndexAdded(table=NOTES, index=other),
        ]


def test_a_constraint_is_not_renamed_to_one_of_another_kind() -> None:
    """Nor to an index over the same columns."""
    unique, check = Unique(name="uq", columns=("a",)), Check(name="ck", sql="a > 0")
    found = _found(_notes(unique), _notes(check, index("ix", "a", unique=True)))
    assert found == [
        ConstraintAdded(table=NOTES, constraint=check),
        ConstraintRemoved(table=NOTES, constraint=unique),
        IndexAdded(table=NOTES, index=index("ix", "a", unique=True)),
    ]


def test_those_that_are_alike_are_paired_in_the_order_of_their_names() -> None:
    """And what has no counterpart goes."""
    current = _notes(index("z", "a"), index("x", "a"), index("y", "a"))
    found = _found(current, _notes(index("c", "a"), index("b", "a")))
    assert found == [
        IndexRenamed(table=NOTES, before=index("x", "a"), after=index("b", "a")),
        IndexRenamed(table=NOTES, before=index("y", "a"), after=index("c", "a")),
        IndexRemoved(table=NOTES, index=index("z", "a")),
    ]


def test_names_that_change_places_are_renames() -> None:
    """What stands under one name on both sides may be two things."""
    old = [index("x", "a"), index("y", "b")]
    new = [index("x", "b"), index("y", "a")]
    assert _found(_notes(*old), _notes(*new)) == [
        IndexRenamed(table=NOTES, before=old[0], after=new[1]),
        IndexRenamed(table=NOTES, before=old[1], after=new[0]),
    ]


def test_a_name_that_is_taken_over_leaves_what_had_it() -> None:
    """x goes, y takes its name; or x moves on, and another one has its name."""
    x, y, moved = Check(name="x", sql="a > 0"), Check(name="y", sql="b > 0"), index("x", "a")
    found = _found(_notes(x, y), _notes(Check(name="x", sql="b > 0")))
    assert found == [
        ConstraintRemoved(table=NOTES, constraint=x),
        ConstraintRenamed(table=NOTES, before=y, after=Check(name="x", sql="b > 0")),
    ]
    found = _found(_notes(moved), _notes(index("x", "b"), index("y", "a")))
    assert found == [
        IndexRenamed(table=NOTES, before=moved, after=index("y", "a")),
        IndexAdded(table=NOTES, index=index("x", "b")),
    ]


def test_a_primary_key_is_renamed() -> None:
    """By its name alone; over other columns it is another key."""
    old = PrimaryKey(name="notes_pkey", columns=("a",))
    new = PrimaryKey(name="pk_notes", columns=("a",))
    current, desired = (table("notes", A, B, key, key=None) for key in (old, new))
    assert _found(current, desired) == [ConstraintRenamed(table=NOTES, before=old, after=new)]
    wide = replace(new, columns=("a", "b"))
    [found] = _found(current, table("notes", A, B, wide, key=None))
    assert found == ConstraintAltered(
        table=NOTES, before=old, after=wide, fields=("columns", "name")
    )


def test_another_comment_is_set_behind_the_rename() -> None:
    """That of an index stays where the models say none: they hardly can."""
    old = Unique(name="uq", columns=("a",), comment="old")
    new = Unique(name="uq_a", columns=("a",))
    assert _found(_notes(old), _notes(new)) == [
        ConstraintRenamed(table=NOTES, before=old, after=new),
        ConstraintAltered(
            table=NOTES, before=replace(old, name="uq_a"), after=new, fields=("comment",)
        ),
    ]
    told = replace(index("ix", "a"), comment="old")
    silent, loud = index("ix_a", "a"), replace(index("ix_a", "a"), comment="new")
    assert _found(_notes(told), _notes(silent)) == [
        IndexRenamed(table=NOTES, before=told, after=silent)
    ]
    assert _found(_notes(told), _notes(loud)) == [
        IndexRenamed(table=NOTES, before=told, after=loud),
        IndexAltered(
            table=NOTES, before=replace(told, name="ix_a"), after=loud, fields=("comment",)
        ),
    ]
