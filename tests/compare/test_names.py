"""Tests for names of constraints that the models do not name."""

from __future__ import annotations

from dataclasses import replace

from autodiff.compare import (
    adopt_current_names,
    compare_schemas,
    equal_tables,
    schema_as_desired,
)
from autodiff.compare.constraint_names import adopt_names, rename_constraints
from autodiff.dialects import dialect_for
from autodiff.schema.objects import Check, Constraint, Name, PrimaryKey, Table, Unique
from tests.nouns import column, foreign_key, index, schema, table

POSTGRESQL = dialect_for("postgresql")
MYSQL = dialect_for("mysql")


def _posts(*constraints: Constraint) -> Table:
    return table("posts", column("author"), *constraints)


def test_unnamed_constraint_takes_name_of_equal_constraint() -> None:
    current = _posts(Unique(name="odd", columns=("author",)), Check(name="c1", sql="author > 0"))
    desired = _posts(Unique(columns=("author",)), Check(sql="(author>0)"))
    adopted = adopt_names(desired, current, POSTGRESQL)
    assert [c.name for c in adopted.constraints] == ["posts_pkey", "odd", "c1"]


def test_new_unnamed_constraint_gets_postgresql_style_name() -> None:
    """All dialects use these names, so that the same models give the same files."""
    desired = _posts(Unique(columns=("author",)), Check(sql="author > 0"))
    key = replace(foreign_key("", "author", "users.id"), name=None)
    desired = replace(desired, constraints=(*desired.constraints, key))
    for current in (None, _posts(Unique(name="odd", columns=("id",)))):
        adopted = adopt_names(desired, current, POSTGRESQL)
        assert [c.name for c in adopted.constraints[1:]] == [
            "posts_author_key",
            "posts_author_check",
            "posts_author_fkey",
        ]


def test_equal_constraints_take_different_names() -> None:
    current = _posts(*(Check(name=name, sql="author > 0") for name in ("a", "b")))
    desired = _posts(Check(sql="author > 0"), Check(sql="author > 0"), Check(sql="author > 0"))
    adopted = adopt_names(desired, current, POSTGRESQL)
    assert [c.name for c in adopted.constraints[1:]] == ["a", "b", "posts_author_check2"]


def test_explicit_name_is_kept() -> None:
    """The database may have an equal constraint under another name."""
    current = _posts(Unique(name="odd", columns=("author",)))
    desired = _posts(Unique(name="uq_author", columns=("author",)))
    assert adopt_names(desired, current, POSTGRESQL) == desired


def test_unnamed_primary_key_takes_existing_name() -> None:
    """A table has one primary key, so its columns do not matter."""
    current = table("posts", PrimaryKey(name="pk", columns=("x",)), column("x"), key=None)
    desired = table("posts", PrimaryKey(columns=("y",)), column("y"), key=None)
    assert adopt_names(desired, current, POSTGRESQL).constraints[0].name == "pk"


def test_rename_constraints_keeps_other_names() -> None:
    posts = _posts(Unique(name="a", columns=("author",)))
    renamed = rename_constraints(posts, {"a": "b"})
    assert [c.name for c in renamed.constraints] == ["posts_pkey", "b"]


def test_reflected_schema_can_be_restored() -> None:
    """A generated name may differ after the restore; an explicit name may not."""
    original = schema(
        table("users"),
        _posts(foreign_key("posts_ibfk_1", "author", "users.id", implicit=True)),
    )
    current = schema(table("users"), _posts(foreign_key("posts_ibfk_7", "author", "users.id")))
    desired, _ = adopt_current_names(current, schema_as_desired(original, MYSQL), MYSQL)
    assert compare_schemas(current, desired, MYSQL) == []
    explicitly_named = schema(table("users"), _posts(foreign_key("fk", "author", "users.id")))
    desired, _ = adopt_current_names(current, schema_as_desired(explicitly_named, MYSQL), MYSQL)
    [change] = compare_schemas(current, desired, MYSQL)
    assert type(change).__name__ == "ConstraintRenamed"


def test_dropped_table_omits_implied_parts() -> None:
    """MySQL creates an index for each foreign key, and engine and character set have defaults."""
    posts = table(
        "posts",
        column("author"),
        foreign_key("fk", "author", "users.id"),
        index("fk", "author"),
        index("ix", "id", "author"),
    )
    posts = replace(
        posts,
        options={
            "mysql_engine": "InnoDB",
            "mysql_charset": "utf8mb4",
            "mysql_collate": "utf8mb4_bin",
        },
    )
    [change] = compare_schemas(schema(posts), schema(), MYSQL)
    assert change.table.indexes == (index("ix", "id", "author"),)  # type: ignore[union-attr]
    assert change.table.options == {"mysql_collate": "utf8mb4_bin"}  # type: ignore[union-attr]
    assert change.table.name == Name("posts")  # type: ignore[union-attr]


def test_equal_unnamed_constraints_get_the_same_names_on_every_path() -> None:
    """The order in which the database lists them makes no difference."""
    unnamed = Unique(columns=("nick",))
    names = ("users_nick_key1", "users_nick_key")
    present = [replace(unnamed, name=name) for name in names]
    dialect = dialect_for("postgresql")
    current = schema(table("users", column("nick"), *present))
    desired = schema(table("users", column("nick"), unnamed, unnamed))
    fast = equal_tables(current, desired, dialect)[Name("users")]
    slow, _ = adopt_current_names(current, desired, dialect)
    assert [c.name for c in fast.constraints] == [
        c.name for c in slow.tables[Name("users")].constraints
    ]
