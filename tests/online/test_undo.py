"""Test which steps undo a part of what generate --online writes."""

from __future__ import annotations

import pytest

from autodiff.runner.journal import Progress
from autodiff.runner.undo import Step, find_undoing_steps
from autodiff.schema.objects import Index, IndexElement, Name
from autodiff.schema.operations import CreateIndex, DropConstraint, DropIndex, Execute

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
