"""Test which steps undo a part of what generate --online writes."""

from __future__ import annotations

import pytest

from autodiff.errors import MigrationFailedError
from autodiff.runner.journal import Progress
from autodiff.runner.undo import Step, find_undoing_steps
from autodiff.schema.objects import Index, IndexElement, Name, Unique
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    Backfill,
    CreateIndex,
    DropColumn,
    DropConstraint,
    DropIndex,
    Execute,
    SwapColumns,
    SyncColumns,
    UnsyncColumns,
)
from tests.nouns import column

POSTS = Name("posts")
INDEX = Index(name="uq_title", elements=(IndexElement(text="title"),), unique=True)
BUILD = CreateIndex(table=POSTS, index=INDEX, concurrently=True)
USING = Execute(sql="ALTER TABLE posts ADD CONSTRAINT uq_title UNIQUE USING INDEX uq_title")
DROP = DropConstraint(table=POSTS, name="uq_title", kind="unique")


@pytest.mark.parametrize(
    ("finished", "undoing"),
    [
        (0, []),
        (1, [DropIndex(table=POSTS, name="uq_title", index=INDEX, concurrently=True)]),
        (2, [DROP]),
    ],
)
def test_an_index_that_becomes_a_constraint_is_one_thing(
    finished: int, undoing: list[Step]
) -> None:
    """The other direction only drops the constraint."""
    progress = Progress(steps=finished)
    assert find_undoing_steps([BUILD, USING], [DROP], progress) == undoing


def test_a_dropped_constraint_is_added_again() -> None:
    """The steps that built it in the other direction are one step here."""
    [step] = find_undoing_steps([DROP], [BUILD, USING], Progress(steps=1))
    assert step.describe() == "+ unique constraint posts.uq_title"  # type: ignore[union-attr]


def copied(before: str, after: str) -> list[Step]:
    """Return the steps that give posts.stars another type."""
    hidden = column("hidden", after, nullable=True)
    sync = SyncColumns(table=POSTS, before="stars", after="hidden", one_way=True)
    return [
        AddColumn(table=POSTS, column=hidden),
        sync,
        Backfill(table=POSTS, values=(("hidden", "stars"),)),
        SwapColumns(table=POSTS, one="stars", other="hidden"),
        sync.reverse(),
        DropColumn(table=POSTS, name="hidden", column=column("hidden", before, nullable=True)),
    ]


def test_a_copied_column_is_undone_as_a_whole() -> None:
    """The hidden column is dropped; if it is in place, a copy of the old type is made."""
    other = AddConstraint(table=POSTS, constraint=Unique(name="uq_title", columns=("title",)))
    forward: list[Step] = [*copied("integer", "bigint"), other]
    backward: list[Step] = [DROP, *copied("bigint", "integer")]
    unsync, drop = find_undoing_steps(forward, backward, Progress(steps=3))
    assert isinstance(unsync, UnsyncColumns) and isinstance(drop, DropColumn)
    assert find_undoing_steps(forward, backward, Progress(steps=6)) == backward[1:]
    with pytest.raises(MigrationFailedError, match="the old one is not gone"):
        find_undoing_steps(forward, backward, Progress(steps=4))
