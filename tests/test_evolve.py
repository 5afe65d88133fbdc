"""Test how operations change the description of a table."""

from __future__ import annotations

import pytest

from autodiff.schema.apply import evolve, names_column, rename_references, rename_referred_column
from autodiff.schema.objects import (
    Check,
    Computed,
    Constraint,
    Exclusion,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Unique,
)
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    Backfill,
    ColumnPatch,
    CreateIndex,
    DropColumn,
    DropConstraint,
    DropIndex,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    SetComment,
    SetTableOptions,
)
from tests.nouns import column, foreign_key, index, table

USERS = Name("users")
NICK = RenameColumn(table=USERS, before="nick", after="name")


def test_columns_are_added_and_dropped() -> None:
    """A new column is the last one; a dropped column takes its keys and indexes with it."""
    users = table("users", column("nick", "text"))
    extended = evolve(users, AddColumn(table=USERS, column=column("age")))
    assert [c.name for c in extended.columns] == ["id", "nick", "age"]
    unique = Unique(name="uq", columns=("nick", "age"))
    indexed = evolve(extended, AddConstraint(table=USERS, constraint=unique))
    indexed = evolve(indexed, CreateIndex(table=USERS, index=index("ix", "age")))
    reduced = evolve(indexed, DropColumn(table=USERS, name="age"))
    assert (reduced.columns, reduced.constraints, reduced.indexes) == (
        users.columns,
        users.constraints,
        (),
    )


def test_a_patch_alters_a_column() -> None:
    """Attributes that the patch does not name are kept."""
    users = table("users", column("nick", "text", comment="short"))
    patch = ColumnPatch(nullable=False, default="'x'")
    after = evolve(users, AlterColumn(table=USERS, name="nick", after=patch))
    assert after.column("nick") == column(
        "nick", "text", comment="short", nullable=False, default="'x'"
    )


def test_constraints_are_added_and_dropped() -> None:
    """A primary key is dropped by its kind, whatever its name; it makes columns NOT NULL."""
    bare = table("users", column("nick", "text"), key=None)
    key = PrimaryKey(name="users_pkey", columns=("nick",))
    keyed = evolve(bare, AddConstraint(table=USERS, constraint=key))
    assert keyed.primary_key == key
    assert keyed.column("nick") == column("nick", "text", nullable=False)
    dropped = evolve(keyed, DropConstraint(table=USERS, name="other", kind="primary"))
    assert dropped.constraints == ()


def test_constraints_and_indexes_are_renamed() -> None:
    """A primary key is found by its kind; on MySQL a unique constraint may be an index."""
    unique = Unique(name="uq", columns=("nick",), implicit=True)
    users = table("users", column("nick"), unique, index("ix", "nick", unique=True))
    keyed = evolve(users, RenameConstraint(table=USERS, before="?", after="pk", kind="primary"))
    assert keyed.primary_key == PrimaryKey(name="pk", columns=("id",))
    named = evolve(keyed, RenameConstraint(table=USERS, before="uq", after="uq_nick"))
    unique_constraint = named.constraint("uq_nick")
    assert unique_constraint == Unique(name="uq_nick", columns=("nick",))
    assert unique_constraint is not None and not unique_constraint.implicit
    after = evolve(named, RenameIndex(table=USERS, before="ix", after="ix_nick"))
    assert after.indexes == (index("ix_nick", "nick", unique=True),)
    rename = RenameConstraint(table=USERS, before="ix_nick", after="uq_x", kind="unique")
    assert evolve(after, rename).indexes == (index("uq_x", "nick", unique=True),)


def test_indexes_comments_and_options_change() -> None:
    """An option that is set to None is removed."""
    users = evolve(table("users"), CreateIndex(table=USERS, index=index("ix", "id")))
    assert evolve(users, DropIndex(table=USERS, name="ix")).indexes == ()
    assert evolve(users, SetComment(kind="table", name=USERS, after="who")).comment == "who"
    options = (("mysql_engine", None, "InnoDB"), ("mysql_charset", "latin1", None))
    changed = evolve(users, SetTableOptions(table=USERS, options=options))
    assert changed.options == {"mysql_engine": "InnoDB"}


@pytest.mark.parametrize(
    "operation",
    [
        DropColumn(table=USERS, name="gone"),
        AlterColumn(table=USERS, name="gone", after=ColumnPatch(nullable=True)),
        RenameColumn(table=USERS, before="gone", after="name"),
        DropConstraint(table=USERS, name="gone"),
        DropIndex(table=USERS, name="gone"),
        RenameConstraint(table=USERS, before="gone", after="name"),
        RenameIndex(table=USERS, before="gone", after="name"),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_a_missing_name_raises_key_error(operation: Operation) -> None:
    with pytest.raises(KeyError) as caught:
        evolve(table("users"), operation)
    assert caught.value.args == ("gone",)


@pytest.mark.parametrize(
    "part",
    [
        Unique(name="uq", columns=("id", "nick")),
        Check(name="ck", sql="nick <> ''"),
        Exclusion(name="ex", elements=(("nick", "="),)),
        Exclusion(name="ex", elements=(("id", "="),), where="nick = 'x'"),
        index("ix", "nick"),
        Index(name="ix", elements=(IndexElement(text="lower(nick)", is_expression=True),)),
        Index(name="ix", elements=(IndexElement(text="id"),), where="nick > 'a'"),
        Index(name="ix", elements=(IndexElement(text="id"),), include=("nick",)),
    ],
)
def test_names_column(part: Constraint | Index) -> None:
    """Lists and SQL are searched for the whole name only."""
    assert names_column(part, "nick")
    assert not names_column(part, "nic")
    assert not names_column(part, "nickname")


def test_operations_on_rows_leave_the_table_unchanged() -> None:
    users = table("users")
    assert evolve(users, Backfill(table=USERS, values=(("id", "1"),))) is users


def test_a_renamed_column_is_renamed_everywhere() -> None:
    """Keys, indexes, checks, exclusions, generated columns and conditions are updated."""
    expression = IndexElement(text="lower(nick)", is_expression=True)
    users = table(
        "users",
        column("nick", "text"),
        column("shout", "text", computed=Computed(sql="upper(nick)", persisted=True)),
        Unique(name="uq", columns=("nick", "id")),
        foreign_key("fk", "nick", "users.nick"),
        Check(name="ck", sql="nick <> 'nick' AND users.nick <> ''"),
        Index(
            name="ix",
            elements=(IndexElement(text="nick"), expression),
            where="nick > 'a'",
            include=("nick",),
        ),
    )
    exclusion = Exclusion(name="ex", elements=(("nick", "="),), where="nick = 'x'")
    users = evolve(users, AddConstraint(table=USERS, constraint=exclusion))
    after = evolve(users, NICK)
    assert [c.name for c in after.columns] == ["id", "name", "shout"]
    assert after.columns[2].computed == Computed(sql="upper(name)", persisted=True)
    _, unique, key, check, excluded = after.constraints
    assert unique == Unique(name="uq", columns=("name", "id"))
    assert key == foreign_key("fk", "name", "users.name")
    assert check == Check(name="ck", sql="name <> 'nick' AND users.name <> ''")
    assert excluded == Exclusion(name="ex", elements=(("name", "="),), where="name = 'x'")
    [renamed] = after.indexes
    assert [e.text for e in renamed.elements] == ["name", "lower(name)"]
    assert (renamed.where, renamed.include) == ("name > 'a'", ("name",))


def test_implicit_names_follow_the_table_and_its_columns() -> None:
    """SQLite's names are generated by autodiff; MySQL renames its own."""
    generated = foreign_key("users_nick_fkey", "nick", "others.id", implicit=True)
    server_named = foreign_key("users_ibfk_1", "nick", "others.id", implicit=True)
    explicit = foreign_key("users_nick_key", "nick", "others.id")
    users = table("users", column("nick"), generated, server_named, explicit)
    moved = evolve(users, RenameTable(before=USERS, after=Name("people")))
    names = [c.name for c in moved.constraints]
    assert names == ["users_pkey", "people_nick_fkey", "people_ibfk_1", "users_nick_key"]
    moved = evolve(moved, RenameColumn(table=moved.name, before="nick", after="name"))
    names = [c.name for c in moved.constraints]
    assert names == ["users_pkey", "people_name_fkey", "people_ibfk_1", "users_nick_key"]


def test_numbers_of_implicit_names_follow() -> None:
    """They are counted again, as when a table is reflected on SQLite."""
    checks = [
        Check(name=name, sql=sql, implicit=True)
        for name, sql in (
            ("users_nick_check", "nick <> 'a'"),
            ("users_nick_check1", "nick <> 'b'"),
            ("users_age_check", "age > 1"),
        )
    ]
    users = table("users", column("nick", "text"), column("age"), *checks)
    after = evolve(users, NICK)
    names = [c.name for c in after.constraints if isinstance(c, Check)]
    assert names == ["users_name_check", "users_name_check1", "users_age_check"]


def test_the_name_of_an_added_constraint_is_explicit() -> None:
    """If a migration adds the constraint, its name no longer follows the table's name."""
    key = foreign_key("users_nick_fkey", "nick", "others.id", implicit=True)
    users = table("users", column("nick"))
    added = evolve(users, AddConstraint(table=USERS, constraint=key))
    assert not added.constraints[-1].implicit


def test_keys_of_other_tables_are_updated() -> None:
    """They refer to a renamed table or column by its new name."""
    posts = table("posts", column("nick"), foreign_key("fk", "nick", "users.nick"))
    moved = rename_references(posts, USERS, Name("people"))
    assert moved.constraints[1] == foreign_key("fk", "nick", "people.nick")
    after = rename_referred_column(posts, USERS, "nick", "name")
    assert after.constraints[1] == foreign_key("fk", "nick", "users.name")
    assert rename_referred_column(posts, Name("others"), "nick", "name") == posts
