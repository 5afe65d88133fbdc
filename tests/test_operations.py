"""Operations: each reverses twice to itself, has a line of its own and a template."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from autodiff.errors import PlanError
from autodiff.render import template_name, templates_folder
from autodiff.schema.objects import ColumnType, EnumType, Name, Sequence, Unique, View
from autodiff.schema.operations import (
    OPERATION_CLASSES,
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterEnum,
    AlterSequence,
    Backfill,
    ColumnPatch,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropNamespace,
    DropSequence,
    DropTable,
    DropView,
    Execute,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameEnum,
    RenameEnumValue,
    RenameIndex,
    RenameTable,
    Require,
    SetComment,
    SetTableOptions,
)
from tests.nouns import column, index, table

USERS = Name("users")
EMAIL = column("email", "text")
UNIQUE = Unique(name="uq_email", columns=("email",))
INDEX = index("ix_email", "email")
MOOD = EnumType(name=Name("mood"), values=("sad", "ok"))
LATER = EnumType(name=Name("mood"), values=("ok", "happy"))
NUMBERS = Sequence(name=Name("numbers"))
NAMES = View(name=Name("names"), sql="SELECT 1 AS one")

OPERATIONS: list[tuple[Operation, str]] = [
    (CreateNamespace(name="audit"), "+ schema audit"),
    (DropNamespace(name="audit"), "- schema audit"),
    (CreateTable(table=table("users")), "+ table users"),
    (DropTable(name=USERS, table=table("users")), "- table users"),
    (RenameTable(before=USERS, after=Name("people")), "~ table users -> people"),
    (SetComment(kind="table", name=USERS, before=None, after="x"), "~ comment of table users"),
    (
        SetTableOptions(table=USERS, options=(("mysql_engine", "MyISAM", "InnoDB"),)),
        "~ table users: mysql_engine MyISAM -> InnoDB",
    ),
    (AddColumn(table=USERS, column=EMAIL), "+ column users.email"),
    (DropColumn(table=USERS, name="email", column=EMAIL), "- column users.email"),
    (RenameColumn(table=USERS, before="nick", after="name"), "~ column users.nick -> name"),
    (
        AlterColumn(
            table=USERS,
            name="email",
            before=ColumnPatch(type=EMAIL.type, nullable=True, default=None),
            after=ColumnPatch(
                type=ColumnType(sql="integer", python="sa.Integer()"), nullable=False, default="0"
            ),
        ),
        "~ column users.email: text -> integer, not null, default 0",
    ),
    (AddConstraint(table=USERS, constraint=UNIQUE), "+ unique constraint users.uq_email"),
    (
        DropConstraint(table=USERS, name="uq_email", kind="unique", constraint=UNIQUE),
        "- unique constraint users.uq_email",
    ),
    (CreateIndex(table=USERS, index=INDEX, concurrently=True), "+ index ix_email on users"),
    (DropIndex(table=USERS, name="ix_email", index=INDEX), "- index ix_email on users"),
    (
        RenameConstraint(table=USERS, before="uq_email", after="uq_mail", kind="unique"),
        "~ unique constraint users.uq_email -> uq_mail",
    ),
    (RenameIndex(table=USERS, before="ix_a", after="ix_b"), "~ index users.ix_a -> ix_b"),
    (RenameIndex(table=None, before="ix_a", after="ix_b"), "~ index ix_a -> ix_b"),
    (CreateEnum(enum=MOOD), "+ enum mood"),
    (CreateEnum(enum=MOOD, if_not_exists=True), "+ enum mood"),
    (DropEnum(name=Name("mood"), enum=MOOD), "- enum mood"),
    (AlterEnum(before=MOOD, after=LATER), "~ enum mood: + happy, - sad"),
    (RenameEnum(before=Name("mood"), after=Name("feeling", "s")), "~ enum mood -> s.feeling"),
    (
        RenameEnumValue(enum=Name("mood"), before="sad", after="low"),
        "~ enum mood: sad -> low",
    ),
    (CreateSequence(sequence=NUMBERS), "+ sequence numbers"),
    (DropSequence(name=Name("numbers"), sequence=NUMBERS), "- sequence numbers"),
    (
        AlterSequence(before=NUMBERS, after=Sequence(name=Name("numbers"), start=5)),
        "~ sequence numbers",
    ),
    (CreateView(view=NAMES), "+ view names"),
    (DropView(name=Name("names"), view=NAMES), "- view names"),
    (Execute(sql="SELECT\n  1", reverse_sql="SELECT 2"), "~ execute SELECT 1"),
]
REQUIRE = Require(query="SELECT id FROM users", message="there are users")
BACKFILL = Backfill(table=USERS, values=(("email", "''"), ("name", "'x'")))


def _name(operation: object) -> str:
    return type(operation).__name__


def test_each_operation_is_tried_here() -> None:
    """No operation class is left out of these tests."""
    tried = {type(operation) for operation, _ in OPERATIONS} | {Backfill, Require}
    assert tried == set(OPERATION_CLASSES)


@pytest.mark.parametrize("operation", [operation for operation, _ in OPERATIONS], ids=_name)
def test_reversing_twice_is_the_operation(operation: Any) -> None:
    """Both sides are kept, so nothing is lost on the way back."""
    assert operation.reverse() != operation
    assert operation.reverse().reverse() == operation


@pytest.mark.parametrize(("operation", "line"), OPERATIONS)
def test_a_line_says_what_it_does(operation: Any, line: str) -> None:
    """+ for what is made, - for what goes, ~ for what changes."""
    assert operation.describe() == line


def test_a_backfill_takes_nothing_back() -> None:
    """Columns that it filled go away by themselves."""
    assert BACKFILL.reverse() is None
    assert BACKFILL.describe() == "~ rows of users: fill email, name"


def test_a_backfill_that_knows_its_way_back_is_reversed() -> None:
    """Twice is the same again."""
    undo = Backfill(table=USERS, values=(("name", "'x'"),), where="name = 'y'")
    there = Backfill(table=USERS, values=(("name", "'y'"),), where="name = 'x'", undo=undo)
    back = there.reverse()
    assert back is not None
    assert (back.values, back.where) == (undo.values, undo.where)
    assert back.reverse() == there


def test_a_check_of_rows_leaves_nothing_to_take_back() -> None:
    """It changed nothing; the way back has checks of its own."""
    assert REQUIRE.reverse() is None
    assert REQUIRE.describe() == "? there are users"


UNKNOWN: dict[str, Callable[[], Any]] = {
    "table users": lambda: DropTable(name=USERS),
    "column users.email": lambda: DropColumn(table=USERS, name="email"),
    "constraint uq_email of table users": lambda: DropConstraint(table=USERS, name="uq_email"),
    "index ix_email of table users": lambda: DropIndex(table=USERS, name="ix_email"),
    "index ix_email": lambda: DropIndex(table=None, name="ix_email"),
    "enum mood": lambda: DropEnum(name=Name("mood")),
    "sequence numbers": lambda: DropSequence(name=Name("numbers")),
    "view names": lambda: DropView(name=Name("names")),
    "a statement": lambda: Execute(sql="SELECT 1"),
    "the comment of table users": lambda: SetComment(kind="table", name=USERS, after="x"),
    "the state before of column users.email": lambda: AlterColumn(
        table=USERS, name="email", after=ColumnPatch(nullable=True)
    ),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_was_dropped_by_name_alone_does_not_come_back(what: str) -> None:
    """The error names the thing, and says to write the other direction."""
    with pytest.raises(PlanError) as caught:
        UNKNOWN[what]().reverse()
    assert (
        caught.value.message
        == f"cannot reverse: {what} was dropped by name, and its definition is not known"
    )
    assert caught.value.hint == "write the downgrade by hand"


def test_each_operation_has_a_template_and_no_template_is_left_over() -> None:
    """The template of an operation is found by the operation's name."""
    folder = templates_folder()
    there = {f"operations/{path.name}" for path in (folder / "operations").glob("*.j2")}
    assert there == {template_name(cls) for cls in OPERATION_CLASSES}
    assert all(re.fullmatch(r"operations/[a-z_]+\.py\.j2", name) for name in there)
