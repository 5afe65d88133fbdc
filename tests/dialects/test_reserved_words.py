"""Test that the reserved words are those of the server, and that all of them can be names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_for, dialect_of
from autodiff.schema.sqltext import rename_identifier
from tests.support import Database, opened

SQLITE_WORDS = """
abort action add after all alter always analyze and as asc attach autoincrement before begin between
by cascade case cast check collate column commit conflict constraint create cross current
current_date current_time current_timestamp database default deferrable deferred delete desc detach
distinct do drop each else end escape except exclude exclusive exists explain fail filter first
following for foreign from full generated glob group groups having if ignore immediate in index
indexed initially inner insert instead intersect into is isnull join key last left like limit match
materialized natural no not nothing notnull null nulls of offset on or order others outer over
partition plan pragma preceding primary query raise range recursive references regexp reindex
release rename replace restrict returning right rollback row rows savepoint select set table temp
temporary then ties to transaction trigger unbounded union unique update using vacuum values view
virtual when where window with without
""".split()
"""https://www.sqlite.org/lang_keywords.html"""


def refused(db: Database, words: Iterable[str], *queries: str) -> set[str]:
    """Return the words that one of the queries does not accept without quotes."""
    found = set()
    for word in words:
        for query in queries:
            try:
                db.connection.exec_driver_sql(query.format(word))
            except sa.exc.DBAPIError:
                found.add(word)
            db.connection.rollback()
    return found


def test_reserved_words_of_postgresql(database: Callable[[str], sa.URL]) -> None:
    """An older server knows fewer words."""
    with opened(database("postgresql")) as db:
        kinds = dict(db.rows("SELECT word, catcode FROM pg_get_keywords()"))
        words = dialect_of(db.connection).reserved_words
    assert {word for word, kind in kinds.items() if kind in "RT"} == words & set(kinds)


def test_reserved_words_of_mariadb(database: Callable[[str], sa.URL]) -> None:
    with opened(database("mariadb")) as db:
        listed = {row[0].lower() for row in db.rows("SELECT * FROM information_schema.keywords")}
        words = dialect_of(db.connection).reserved_words
        known = {word for word in listed if word.isidentifier()} | words
        queries = ("SELECT 1 AS {0}", "SELECT {0} FROM (SELECT 1 AS `{0}`) AS q")
        assert refused(db, known, *queries) == words


def test_reserved_words_of_sqlite(database: Callable[[str], sa.URL]) -> None:
    """Most of those that SQLAlchemy quotes are accepted without quotes."""
    with opened(database("sqlite")) as db:
        queries = ("CREATE TABLE {0} ({0} int)", "SELECT {0} FROM (SELECT 1 AS `{0}`) AS q")
        missing = refused(db, SQLITE_WORDS, *queries) - dialect_of(db.connection).reserved_words
    assert not missing


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
        for word in sorted(dialect_of(db.connection).reserved_words):
            text = rename_identifier("a > 0", "a", word)
            db.execute(f'CREATE TABLE t ("{word}" int, CHECK ({text}))', "DROP TABLE t")
