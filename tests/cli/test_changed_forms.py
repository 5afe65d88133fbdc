"""Test that diff shows the old and the new form of changed objects at a terminal."""

from __future__ import annotations

import io

import pytest

from autodiff.autogenerate.object_forms import forms_of
from autodiff.cli.form_differences import compare_forms
from autodiff.cli.terminal import print_forms
from autodiff.dialects import dialect_for
from autodiff.schema.changes import (
    Change,
    ColumnAltered,
    ConstraintAltered,
    EnumAltered,
    IndexAltered,
    SequenceAltered,
    TableCommentAltered,
    TableRenamed,
    ViewAltered,
)
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    EnumType,
    Index,
    IndexElement,
    Name,
    Sequence,
    View,
)
from tests.cli.project import POSTS, Folder
from tests.cli.terminal import Terminal

POSTS_NAME = Name("posts")
TEXT, NUMBER = ColumnType(sql="text"), ColumnType(sql="bigint")


def index(column: str) -> Index:
    return Index(name="by", elements=(IndexElement(text=column),))


CHANGES: list[tuple[str, Change, tuple[str, str] | None]] = [
    (
        "postgresql",
        ColumnAltered(
            table=POSTS_NAME,
            before=Column(name="size", type=TEXT),
            after=Column(name="size", type=NUMBER, nullable=False, default="0"),
            fields=("default", "nullable", "type"),
        ),
        ("size text", "size bigint DEFAULT 0 NOT NULL"),
    ),
    (
        "mysql",
        ColumnAltered(
            table=POSTS_NAME,
            before=Column(name="size", type=NUMBER, comment="old"),
            after=Column(name="size", type=NUMBER, comment="new"),
            fields=("comment",),
        ),
        ("size bigint COMMENT 'old'", "size bigint COMMENT 'new'"),
    ),
    (
        "postgresql",
        ColumnAltered(
            table=POSTS_NAME,
            before=Column(name="size", type=NUMBER),
            after=Column(name="size", type=NUMBER, comment="new"),
            fields=("comment",),
        ),
        ("no comment", "comment new"),
    ),
    (
        "sqlite",
        ConstraintAltered(
            table=POSTS_NAME,
            before=Check(name="positive", sql="size > 0"),
            after=Check(name="positive", sql="size > 1"),
            fields=("sql",),
        ),
        ("CONSTRAINT positive CHECK (size > 0)", "CONSTRAINT positive CHECK (size > 1)"),
    ),
    (
        "mysql",
        IndexAltered(table=POSTS_NAME, before=index("a"), after=index("b"), fields=("elements",)),
        ("CREATE INDEX `by` ON posts (a)", "CREATE INDEX `by` ON posts (b)"),
    ),
    (
        "postgresql",
        EnumAltered(
            before=EnumType(name=Name("mood"), values=("ok",)),
            after=EnumType(name=Name("mood"), values=("ok", "sad")),
        ),
        ("CREATE TYPE mood AS ENUM ('ok')", "CREATE TYPE mood AS ENUM ('ok', 'sad')"),
    ),
    (
        "postgresql",
        SequenceAltered(
            before=Sequence(name=Name("ids")), after=Sequence(name=Name("ids"), cache=9)
        ),
        ("CREATE SEQUENCE ids", "CREATE SEQUENCE ids CACHE 9"),
    ),
    (
        "sqlite",
        ViewAltered(
            before=View(name=Name("v"), sql="SELECT 1"), after=View(name=Name("v"), sql="SELECT 2")
        ),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW v AS SELECT 2"),
    ),
    (
        "postgresql",
        TableCommentAltered(table=POSTS_NAME, before=None, after="all of them"),
        ("no comment", "comment all of them"),
    ),
    ("sqlite", TableRenamed(before=POSTS_NAME, after=Name("articles")), None),
]


@pytest.mark.parametrize(("database", "change", "forms"), CHANGES)
def test_each_kind_of_object_has_two_forms(
    database: str, change: Change, forms: tuple[str, str] | None
) -> None:
    assert forms_of(dialect_for(database), change) == forms


def test_diff_shows_both_forms_in_color(blog: Folder) -> None:
    """The words that differ are bold."""
    blog.write(models=POSTS.replace("String(200)", "String(100)"))
    terminal = Terminal(blog, "diff", "--quiet")
    terminal.ends_with(1)
    lines = (
        "~ column posts.title: VARCHAR(200) -> VARCHAR(100)",
        "    - title VARCHAR(200) NOT NULL",
        "    + title VARCHAR(100) NOT NULL",
        "",
    )
    assert "\n".join(lines) in terminal.text
    assert "\x1b[31m    - \x1b[0m\x1b[31mtitle VARCHAR(\x1b[0m\x1b[1;31m200\x1b[0m" in terminal.raw
    terminal = Terminal(blog, "diff", "--quiet", environment={"NO_COLOR": "1"})
    terminal.ends_with(1)
    assert "\x1b" not in terminal.raw
    assert "\n".join(lines) in terminal.text
    assert "    - " not in blog.run("diff").out
    assert blog.run("diff", "--json").data["changes"] == [lines[0]]


def test_forms_are_wrapped_at_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control characters have no effect."""
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    print_forms("state " + "'open', " * 8, "state \x1b[31m", stream)
    assert stream.getvalue() == (
        "    - state 'open', 'open', 'open',\n"
        "    - 'open', 'open', 'open', 'open',\n"
        "    - 'open',\n"
        "    + state \\x1b[31m\n"
    )


def test_forms_of_several_lines_are_compared_by_lines() -> None:
    """Equal lines that are not beside a difference are left out."""
    before, after = "\n".join("abcdefg"), "\n".join("abcXefg")
    signs = [(sign, parts[0][0]) for sign, parts in compare_forms(before, after)]
    assert signs == [(" ", "c"), ("-", "d"), ("+", "X"), (" ", "e")]


def test_long_forms_are_not_compared_by_words() -> None:
    lines = list(compare_forms("a " * 3_000, "b " * 3_000))
    assert [(sign, len(parts)) for sign, parts in lines] == [("-", 1), ("+", 1)]
