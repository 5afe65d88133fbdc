"""Test which statements of old and new models fail, by really sending them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import deferred, relationship, validates
from sqlalchemy.types import TypeDecorator

from autodiff.commands.against.reasons import Failure
from autodiff.commands.against.report import MigrationSafety, RollingDeploy
from tests.against.versions import Version, judge, mapped, verdict

NewDatabase = Callable[[str], sa.URL]


def nick(type_: Any = None, **options: Any) -> sa.Column[Any]:
    return sa.Column("nick", type_ or sa.String(50), **options)


def kind(*values: str) -> sa.Column[Any]:
    return sa.Column("kind", sa.Enum(*values, name="kinds", create_constraint=True))


MISSING = "SELECT, INSERT and UPDATE of users fail: column nick does not exist"
NULLS = "INSERT and UPDATE of users fail: column nick is NOT NULL, and the code can send NULL"
NO_DEFAULT = "INSERT into users fails: column nick is NOT NULL without a default"
CHECK = "INSERT and UPDATE of users fail: column {}: CHECK constraint failed: {}"

CASES: dict[str, tuple[Version, Version, list[str], list[str]]] = {
    "a nullable column": (mapped(), mapped(nick()), [], [MISSING]),
    "a required column": (mapped(), mapped(nick(nullable=False)), [NO_DEFAULT], [MISSING]),
    "a column with a default": (
        mapped(),
        mapped(nick(nullable=False, server_default="x")),
        [],
        [MISSING],
    ),
    "a default that is removed": (
        mapped(nick(nullable=False, server_default="x")),
        mapped(nick(nullable=False)),
        [NO_DEFAULT],
        [],
    ),
    "a default in Python is none in the database": (
        mapped(nick(nullable=False, default="x")),
        mapped(),
        [MISSING],
        [NO_DEFAULT],
    ),
    "the ORM sends NULL, so that a default does not help": (
        mapped(nick()),
        mapped(nick(nullable=False, server_default="x")),
        [NULLS],
        [],
    ),
    "a computed column": (
        mapped(nick()),
        mapped(nick(None, server_default=sa.Computed("'x'"))),
        ["INSERT and UPDATE of users fail: column nick is computed by the database"],
        [],
    ),
    "rows that were equal": (
        mapped(nick()),
        mapped(nick(unique=True)),
        ["INSERT into users fails: column nick: UNIQUE constraint failed: users.nick"],
        [],
    ),
    "a check": (
        mapped(nick(sa.Integer)),
        mapped(nick(sa.Integer), sa.CheckConstraint("nick >= 18", name="adult")),
        [CHECK.format("nick", "adult")],
        [],
    ),
    "a value that only the new code has": (
        mapped(kind("a", "b")),
        mapped(kind("a", "b", "c")),
        ["SELECT from users fails: column kind, value 'c': the Enum of the model does not have it"],
        [CHECK.format("kind, value 'c'", "kinds")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_failure_names_the_statements_and_the_column(case: str, database: NewDatabase) -> None:
    old, new, old_code, new_code = CASES[case]
    step, notes = judge(database, "sqlite", old, new)
    assert (verdict(step), notes) == ((old_code, new_code), ())


class Shout(TypeDecorator[str]):
    """A type that only accepts objects of the application."""

    impl = sa.String(20)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str:
        return str(value.shouted)


class Strict:
    """A class whose constructor and validator accept nothing."""

    def __init__(self, *, required: object) -> None:
        raise AssertionError

    @validates("nick")
    def refuse(self, key: str, value: object) -> None:
        raise ValueError(value)


def shapes(*extra: sa.Column[Any], length: int = 50) -> Version:
    """Return models of many shapes; `extra` are columns of the table of the parent class."""
    version = Version()
    users = version.table(
        *("users", sa.Column("kind", sa.String(20), nullable=False), nick(sa.String(length))),
        *(sa.Column("shout", Shout(), nullable=False), *extra),
    )
    managers = sa.Table(
        *("managers", version.metadata),
        sa.Column("id", sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("level", sa.Integer, nullable=False),
    )
    tags = version.table("tags", sa.Column("name", sa.String(9), unique=True, nullable=False))
    sa.Table(
        *("users_tags", version.metadata),
        sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("tag_id", sa.ForeignKey("tags.id"), primary_key=True),
    )
    version.map(tags)
    user = version.map(
        users,
        base=Strict,
        polymorphic_on=users.c.kind,
        polymorphic_identity="user",
        properties={
            "nick": deferred(users.c.nick, raiseload=True),
            "tags": relationship(
                "Tags", secondary="users_tags", lazy="joined", backref="users", viewonly=True
            ),
        },
    )
    version.map(managers, inherits=user, polymorphic_identity="manager")
    version.map(None, name="Guest", inherits=user, polymorphic_identity="guest")
    return version


def test_models_of_all_shapes_are_written(database: NewDatabase) -> None:
    """Inheritance, deferred columns, association tables, own types, strict constructors."""
    required = sa.Column("full_name", sa.String(9), nullable=False)
    step, notes = judge(database, "sqlite", shapes(), shapes(required))
    assert notes == ()
    assert verdict(step) == (
        ["INSERT into users fails: column full_name is NOT NULL without a default"],
        ["SELECT, INSERT and UPDATE of users fail: column full_name does not exist"],
    )


def test_a_dropped_table_is_one_reason(database: NewDatabase) -> None:
    """Statements of other tables are not counted, although they refer to it."""
    old, new = Version(), Version()
    for version in (old, new):
        version.map(version.table("users"))
    posts = old.table("posts", sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False))
    old.map(posts)
    step, notes = judge(database, "sqlite", old, new)
    gone = "SELECT, INSERT and UPDATE of posts fail: the table does not exist"
    assert (verdict(step), notes) == (([gone], []), ())


def test_a_view_is_not_a_missing_table(database: NewDatabase) -> None:
    """A row without values cannot be inserted through a view on MariaDB: the server says why."""
    old, new = Version(), Version()
    old.table("users", nick())
    new.table("people", nick())
    view = sa.DDL("CREATE VIEW users AS SELECT * FROM people")
    sa.event.listen(new.metadata, "after_create", view)
    step, _ = judge(database, "mariadb", old, new)
    message = "Column count doesn't match value count at row 1 (1136)"
    assert verdict(step)[0] == [f"INSERT into users fails: {message}"]


def test_a_type_that_cannot_be_sampled_is_a_note(database: NewDatabase) -> None:
    """A statement that fails on the schema of its own code is reported as not checked."""

    def never() -> sa.CheckConstraint:
        return sa.CheckConstraint("nick = 42", name="never")

    old = mapped(nick(sa.Integer, nullable=False), never())
    new = mapped(nick(sa.Integer, nullable=False), never(), kind("a"))
    step, notes = judge(database, "sqlite", old, new)
    assert step.old_code == ()
    assert notes[0] == (
        "not checked with the models of old: INSERT of Users fails before the migrations too: "
        "CHECK constraint failed: never"
    )


@pytest.mark.parametrize(
    ("server", "messages"),
    [
        (
            "postgresql",
            {
                "length": "value too long for type character varying(20)",
                "number": "integer out of range",
                "amount": "numeric field overflow",
                "kind, value 'b'": 'invalid input value for enum kinds: "b"',
            },
        ),
        (
            "mariadb",
            {
                "length": "Data too long for column 'length' at row 1 (1406)",
                "number": "Out of range value for column 'number' at row 1 (1264)",
                "amount": "Out of range value for column 'amount' at row 1 (1264)",
                "kind, value 'b'": "Data truncated for column 'kind' at row 1 (1265)",
            },
        ),
    ],
)
def test_values_that_a_server_refuses(
    server: str, messages: dict[str, str], database: NewDatabase
) -> None:
    """SQLite stores these values in any column; other servers refuse them."""

    def version(length: int, number: Any, digits: int, *values: str) -> Version:
        return mapped(
            sa.Column("length", sa.String(length)),
            sa.Column("number", number),
            sa.Column("amount", sa.Numeric(digits, 2)),
            kind(*values),
        )

    old = version(50, sa.BigInteger(), 12, "a", "b")
    new = version(20, sa.Integer(), 6, "a")
    step, notes = judge(database, server, old, new)
    old_code, new_code = verdict(step)
    assert notes == ()
    assert old_code == sorted(
        f"INSERT and UPDATE of users fail: column {column}: {message}"
        for column, message in messages.items()
    )
    reading = "SELECT from users fails: column kind, value 'b': the Enum of the model does not"
    assert any(line.startswith(reading) for line in new_code)


@pytest.mark.parametrize(
    ("server", "messages"),
    [
        (
            "postgresql",
            [
                'INSERT into users fails: column "nick" is of type integer but expression is of '
                "type character varying",
                'UPDATE of users fails: column nick: column "nick" is of type integer but '
                "expression is of type character varying",
            ],
        ),
        (
            "mariadb",
            [
                "INSERT and UPDATE of users fail: column nick: Incorrect integer value: 'nick 0' "
                "for column `users`.`nick` at row 1 (1366)",
            ],
        ),
    ],
)
def test_another_type(server: str, messages: list[str], database: NewDatabase) -> None:
    """PostgreSQL refuses even NULL, because the driver sends the type of the model with it."""
    step, notes = judge(database, server, mapped(nick()), mapped(nick(sa.Integer)))
    assert (verdict(step), notes) == ((messages, []), ())


FAILURE = (Failure(table="users", reason="the table does not exist", statement="SELECT"),)


@pytest.mark.parametrize(
    ("broken", "last_line"),
    [
        ("", "safe: the migrations and the new code can be deployed in any order"),
        ("n", "safe in this order: apply m0; then deploy the new code"),
        ("o", "safe in this order: deploy the new code; then apply m0"),
        ("no", "safe in this order: apply m0; then deploy the new code; then apply m1"),
        ("nno", "safe in this order: apply m0, m1; then deploy the new code; then apply m2"),
        ("on", None),
        ("b", None),
    ],
)
def test_the_result_names_an_order_without_failures(broken: str, last_line: str | None) -> None:
    """`o` means a migration that breaks the old code, `n` the new code, and `b` both."""
    kinds = broken or "-"
    steps = tuple(
        MigrationSafety(
            revision=f"m{place}",
            name=f"m{place}",
            old_code=FAILURE if kind in "ob" else (),
            new_code=FAILURE if kind in "nb" else (),
        )
        for place, kind in enumerate(kinds)
    )
    deploy = RollingDeploy(against="main", commit="c", steps=steps)
    assert deploy.safe == (last_line is not None)
    if last_line is not None:
        assert deploy.lines()[-1] == last_line
