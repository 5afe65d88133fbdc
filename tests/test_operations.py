"""Test that each operation reverses, has a summary line and has a template."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest

from autodiff.errors import PlanError
from autodiff.render import template_name, templates_folder
from autodiff.schema.objects import ColumnType, EnumType, Name, Sequence, Unique, View
from autodiff.schema.operations import (
    KIND_WORDS,
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
    SwapColumns,
    SyncColumns,
    UnsyncColumns,
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
    (SwapColumns(table=USERS, one="a", other="b"), "~ columns users.a <-> b"),
    (
        SyncColumns(table=USERS, before="nick", after="nickname", default="'x'"),
        "+ trigger that syncs users.nick with nickname",
    ),
    (
        UnsyncColumns(table=USERS, before="nick", after="nickname"),
        "- trigger that syncs users.nick with nickname",
    ),
    (Execute(sql="SELECT\n  1", reverse_sql="SELECT 2"), "~ execute SELECT 1"),
]
REQUIRE = Require(query="SELECT id FROM users", message="there are users")
BACKFILL = Backfill(table=USERS, values=(("email", "''"), ("name", "'x'")))


def _name(operation: object) -> str:
    return type(operation).__name__


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        (
            "-- revision: 7d\n-- message: more\n\nALTER TABLE a\n ADD b",
            "ALTER TABLE a ADD b",
        ),
        ("# one\n/* two /* three */ */ DROP TABLE a -- all", "DROP TABLE a -- all"),
        ("/*!50000 DROP TABLE a */", "/*!50000 DROP TABLE a */"),
        ("-- nothing", "-- nothing"),
    ],
)
def test_comments_before_a_statement_are_not_shown(sql: str, shown: str) -> None:
    """A SQL file begins with the comments of its header."""
    assert Execute(sql=sql).describe() == f"~ execute {shown}"


def test_each_operation_class_is_tested() -> None:
    tested = {type(operation) for operation, _ in OPERATIONS} | {Backfill, Require}
    assert tested == set(OPERATION_CLASSES)


@pytest.mark.parametrize("operation", [operation for operation, _ in OPERATIONS], ids=_name)
def test_reversing_twice_gives_the_operation(operation: Any) -> None:
    """An operation keeps both sides, so no information is lost."""
    assert operation.reverse() != operation
    assert operation.reverse().reverse() == operation


@pytest.mark.parametrize("operation", [operation for operation, _ in OPERATIONS], ids=_name)
def test_no_name_makes_a_second_line(operation: Operation) -> None:
    """Every text of an operation can contain line ends and escapes; its summary has neither."""
    line = _with_hostile_texts(operation).describe()
    assert line.isprintable()


def _with_hostile_texts(value: Any) -> Any:
    """Return an object with line ends and a terminal escape in each text, except in words."""
    if isinstance(value, str):
        return value if value in _WORDS else f"{value}\n\x1b[2J\u202e"
    if isinstance(value, tuple):
        return tuple(_with_hostile_texts(item) for item in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    own = {part.name: getattr(value, part.name) for part in fields(value) if part.init}
    return type(value)(**{name: _with_hostile_texts(item) for name, item in own.items()})


_WORDS = {*KIND_WORDS, *get_args(get_type_hints(SetComment)["kind"])}


@pytest.mark.parametrize(("operation", "line"), OPERATIONS)
def test_the_summary_line(operation: Any, line: str) -> None:
    """It starts with + for an addition, - for a removal and ~ for a change."""
    assert operation.describe() == line


def test_a_backfill_has_no_reverse() -> None:
    """Its columns are dropped by other operations."""
    assert BACKFILL.reverse() is None
    assert BACKFILL.describe() == "~ rows of users: fill email, name"


def test_a_backfill_with_undo_is_reversed() -> None:
    """Reversing it twice gives the original."""
    undo = Backfill(table=USERS, values=(("name", "'x'"),), where="name = 'y'")
    backfill = Backfill(table=USERS, values=(("name", "'y'"),), where="name = 'x'", undo=undo)
    reverse = backfill.reverse()
    assert reverse is not None
    assert (reverse.values, reverse.where) == (undo.values, undo.where)
    assert reverse.reverse() == backfill


def test_a_row_check_has_no_reverse() -> None:
    """It changes nothing; the downgrade has its own checks."""
    assert REQUIRE.reverse() is None
    assert REQUIRE.describe() == "? there are users"


IRREVERSIBLE: dict[str, Callable[[], Any]] = {
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


@pytest.mark.parametrize("what", IRREVERSIBLE)
def test_a_drop_by_name_cannot_be_reversed(what: str) -> None:
    """The error names the object; the hint is to write the other direction."""
    with pytest.raises(PlanError) as caught:
        IRREVERSIBLE[what]().reverse()
    reason = "was dropped by name, and its definition is not known"
    assert caught.value.message == f"cannot reverse: {what} {reason}"
    assert caught.value.hint == "write the downgrade by hand"


def test_operations_and_templates_match() -> None:
    folder = templates_folder()
    templates = {f"operations/{path.name}" for path in (folder / "operations").glob("*.j2")}
    assert templates == {template_name(cls) for cls in OPERATION_CLASSES}
    assert all(re.fullmatch(r"operations/[a-z_]+\.py\.j2", name) for name in templates)
