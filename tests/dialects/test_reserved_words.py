"""Test that reserved words can be names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_for, dialect_of
from autodiff.schema.sqltext import rename_identifier
from tests.support import opened


def named(kind: str, words: Iterable[str]) -> sa.MetaData:
    """Return models in which each word is the name of each kind of object."""
    metadata = sa.MetaData()
    is_postgresql = kind == "postgresql"
    for number, word in enumerate(sorted(words)):
        column = sa.Column(word, sa.Integer, nullable=False)
        table = sa.Table(
            word,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            column,
            sa.Column(f"{word}_twice", sa.Integer, sa.Computed(column * 2)),
            sa.Column("parent", sa.ForeignKey(f"{word}.id", name=f"fk_{number}")),
            sa.CheckConstraint(column > 0, name=word),
        )
        if is_postgresql:
            table.append_column(sa.Column("mood", sa.Enum("a", name=f"{word}_mood")))
            other = sa.Table("others", metadata, sa.Column("id", sa.Integer), schema=word)
            other.append_column(sa.Column("mood", sa.Enum("a", name=word, schema=word)))
            sa.Index(word, other.c.id)
            sa.Sequence(word, schema="sequences", metadata=metadata)
        else:
            sa.Index(f"{word}_index" if kind == "sqlite" else word, column)
    return metadata


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_reserved_words_are_names(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """The migration is rehearsed, applied and reverted, and leaves no drift."""
    url, words = database(kind), dialect_for(kind).features.reserved_words
    project = Project(url, named(kind, words | {"offset", "order"}), tmp_path)
    project.generate("names")
    for _ in range(2):
        project.upgrade()
        assert not project.check()
        project.downgrade("base")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_new_name_in_a_text_is_quoted(database: Callable[[str], sa.URL], kind: str) -> None:
    with opened(database(kind)) as db:
        for word in sorted(dialect_of(db.connection).sqlalchemy.identifier_preparer.reserved_words):
            text = rename_identifier("a > 0", "a", word)
            db.execute(f'CREATE TABLE t ("{word}" int, CHECK ({text}))', "DROP TABLE t")
