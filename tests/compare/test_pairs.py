"""Tests for detecting renamed constraints and indexes."""

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


def _changes(current: Table, desired: Table) -> list[Change]:
    changes = compare_tables(current, desired, before=current, after=desired)
    return with_part_renames(changes, current, desired)


def test_equal_constraint_and_index_are_renamed() -> None:
    old, new = Unique(name="uq", columns=("a",)), Unique(name="uq_a", columns=("a",))
    changes = _changes(_notes(index("ix", "a"), old), _notes(index("ix_a", "a"), new))
    assert changes == [
        ConstraintRenamed(table=NOTES, before=old, after=new),
        IndexRenamed(table=NOTES, before=index("ix", "a"), after=index("ix_a", "a")),
    ]


def test_other_differences_prevent_a_rename() -> None:
    """Other columns, uniqueness or a condition make another index."""
    old = index("ix", "a")
    for new in (
        index("ix_b", "b"),
        index("ix_b", "a", unique=True),
        replace(index("ix_b", "a"), where="a > 0"),
    ):
        changes = _changes(_notes(old), _notes(new))
        assert changes == [
            IndexRemoved(table=NOTES, index=old),
            IndexAdded(table=NOTES, index=new),
        ]


def test_constraint_is_not_renamed_to_another_kind() -> None:
    """An index over the same columns is another kind too."""
    unique, check = Unique(name="uq", columns=("a",)), Check(name="ck", sql="a > 0")
    changes = _changes(_notes(unique), _notes(check, index("ix", "a", unique=True)))
    assert changes == [
        ConstraintAdded(table=NOTES, constraint=check),
        ConstraintRemoved(table=NOTES, constraint=unique),
        IndexAdded(table=NOTES, index=index("ix", "a", unique=True)),
    ]


def test_equal_indexes_are_paired_by_sorted_name() -> None:
    """An index without a counterpart is removed."""
    current = _notes(index("z", "a"), index("x", "a"), index("y", "a"))
    changes = _changes(current, _notes(index("c", "a"), index("b", "a")))
    assert changes == [
        IndexRenamed(table=NOTES, before=index("x", "a"), after=index("b", "a")),
        IndexRenamed(table=NOTES, before=index("y", "a"), after=index("c", "a")),
        IndexRemoved(table=NOTES, index=index("z", "a")),
    ]


def test_swapped_names_are_two_renames() -> None:
    old = [index("x", "a"), index("y", "b")]
    new = [index("x", "b"), index("y", "a")]
    assert _changes(_notes(*old), _notes(*new)) == [
        IndexRenamed(table=NOTES, before=old[0], after=new[1]),
        IndexRenamed(table=NOTES, before=old[1], after=new[0]),
    ]


def test_name_can_pass_to_another_constraint_or_index() -> None:
    """The previous owner of the name is removed or renamed."""
    x, y, index_x = Check(name="x", sql="a > 0"), Check(name="y", sql="b > 0"), index("x", "a")
    changes = _changes(_notes(x, y), _notes(Check(name="x", sql="b > 0")))
    assert changes == [
        ConstraintRemoved(table=NOTES, constraint=x),
        ConstraintRenamed(table=NOTES, before=y, after=Check(name="x", sql="b > 0")),
    ]
    changes = _changes(_notes(index_x), _notes(index("x", "b"), index("y", "a")))
    assert changes == [
        IndexRenamed(table=NOTES, before=index_x, after=index("y", "a")),
        IndexAdded(table=NOTES, index=index("x", "b")),
    ]


def test_primary_key_with_same_columns_is_renamed() -> None:
    """A primary key over other columns is altered instead."""
    old = PrimaryKey(name="notes_pkey", columns=("a",))
    new = PrimaryKey(name="pk_notes", columns=("a",))
    current, desired = (table("notes", A, B, key, key=None) for key in (old, new))
    assert _changes(current, desired) == [ConstraintRenamed(table=NOTES, before=old, after=new)]
    wider_key = replace(new, columns=("a", "b"))
    [change] = _changes(current, table("notes", A, B, wider_key, key=None))
    assert change == ConstraintAltered(
        table=NOTES, before=old, after=wider_key, fields=("columns", "name")
    )


def test_comment_is_changed_after_the_rename() -> None:
    """An index comment is kept if the models have none, because SQLAlchemy hardly supports them."""
    old = Unique(name="uq", columns=("a",), comment="old")
    new = Unique(name="uq_a", columns=("a",))
    assert _changes(_notes(old), _notes(new)) == [
        ConstraintRenamed(table=NOTES, before=old, after=new),
        ConstraintAltered(
            table=NOTES, before=replace(old, name="uq_a"), after=new, fields=("comment",)
        ),
    ]
    old_index = replace(index("ix", "a"), comment="old")
    without_comment, with_comment = index("ix_a", "a"), replace(index("ix_a", "a"), comment="new")
    assert _changes(_notes(old_index), _notes(without_comment)) == [
        IndexRenamed(table=NOTES, before=old_index, after=without_comment)
    ]
    assert _changes(_notes(old_index), _notes(with_comment)) == [
        IndexRenamed(table=NOTES, before=old_index, after=with_comment),
        IndexAltered(
            table=NOTES,
            before=replace(old_index, name="ix_a"),
            after=with_comment,
            fields=("comment",),
        ),
    ]
