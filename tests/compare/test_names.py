"""Names of constraints that the models leave to the database."""

from __future__ import annotations

from dataclasses import replace

from autodiff.compare import adopt_current_names, compare_schemas, schema_as_desired
from autodiff.compare.constraint_names import adopt_names, rename_constraints
from autodiff.dialects import dialect_for
from autodiff.schema.objects import Check, Constraint, Name, PrimaryKey, Table, Unique
from tests.nouns import column, foreign_key, index, schema, table

POSTGRESQL = dialect_for("postgresql")
MYSQL = dialect_for("mysql")


def _posts(*constraints: Constraint) -> Table:
    return table("posts", column("author"), *constraints)


def test_an_unnamed_constraint_takes_the_name_of_its_like() -> None:
    """A name that the database has is as good as any."""
    current = _posts(Unique(name="odd", columns=("author",)), Check(name="c1", sql="author > 0"))
    desired = _posts(Unique(columns=("author",)), Check(sql="(author>0)"))
    adopted = adopt_names(desired, current, POSTGRESQL)
    assert [c.name for c in adopted.constraints] == ["posts_pkey", "odd", "c1"]


def test_one_without_a_like_gets_the_name_that_postgresql_would_choose() -> None:
    """On each database, so that the files are the same."""
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


def test_two_of_the_same_contents_take_two_names() -> None:
    """A name is given away once."""
    current = _posts(*(Check(name=name, sql="author > 0") for name in ("a", "b")))
    desired = _posts(Check(sql="author > 0"), Check(sql="author > 0"), Check(sql="author > 0"))
    adopted = adopt_names(desired, current, POSTGRESQL)
    assert [c.name for c in adopted.constraints[1:]] == ["a", "b", "posts_author_check2"]


def test_a_name_that_was_given_stays() -> None:
    """Though the database has the same under another one."""
    current = _posts(Unique(name="odd", columns=("author",)))
    desired = _posts(Unique(name="uq_author", columns=("author",)))
    assert adopt_names(desired, current, POSTGRESQL) == desired


def test_an_unnamed_primary_key_is_the_primary_key() -> None:
    """Whatever its columns: a table has one."""
    current = table("posts", PrimaryKey(name="pk", columns=("x",)), column("x"), key=None)
    desired = table("posts", PrimaryKey(columns=("y",)), column("y"), key=None)
    assert adopt_names(desired, current, POSTGRESQL).constraints[0].name == "pk"


def test_constraints_are_renamed_by_their_names() -> None:
    """Those that are not told stay."""
    posts = _posts(Unique(name="a", columns=("author",)))
    renamed = rename_constraints(posts, {"a": "b"})
    assert [c.name for c in renamed.constraints] == ["posts_pkey", "b"]


def test_a_schema_that_was_read_can_be_wanted_again() -> None:
    """A name that nobody gave may be another one now; one that was given may not."""
    start = schema(
        table("users"),
        _posts(foreign_key("posts_ibfk_1", "author", "users.id", implicit=True)),
    )
    now = schema(table("users"), _posts(foreign_key("posts_ibfk_7", "author", "users.id")))
    desired, _ = adopt_current_names(now, schema_as_desired(start, MYSQL), MYSQL)
    assert compare_schemas(now, desired, MYSQL) == []
    named = schema(table("users"), _posts(foreign_key("fk", "author", "users.id")))
    desired, _ = adopt_current_names(now, schema_as_desired(named, MYSQL), MYSQL)
    [change] = compare_schemas(now, desired, MYSQL)
    assert type(change).__name__ == "ConstraintRenamed"


def test_a_table_that_goes_comes_back_without_what_makes_itself() -> None:
    """MySQL makes an index for each foreign key; no script need say so."""
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
