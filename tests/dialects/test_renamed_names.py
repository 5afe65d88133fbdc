"""Tests for renaming an identifier inside SQL text."""

from __future__ import annotations

import pytest

from autodiff.schema.sqltext import rename_identifier


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nick <> 'nick'", "name <> 'nick'"),
        ("NICK > 1 AND nickname > nick", "name > 1 AND nickname > name"),
        ("users.nick = `nick`", "users.name = `name`"),
        ('"nick" = "Nick"', '"name" = "Nick"'),
        ("nick(nick)", "nick(name)"),
        ("x::nick = nick::text", "x::nick = name::text"),
        ("a /* nick */ + nick -- nick", "a /* nick */ + name -- nick"),
        ("", ""),
    ],
)
def test_column_names_are_replaced(text: str, expected: str) -> None:
    """Strings, comments, function names and type names are not changed."""
    assert rename_identifier(text, "nick", "name") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nick > 0", '"order by" > 0'),
        ('"nick" > 0', '"order by" > 0'),
        ("`nick` > 0", "`order by` > 0"),
    ],
)
def test_new_name_is_quoted_if_necessary(text: str, expected: str) -> None:
    """The new name uses the quotes of the old name, or double quotes if it had none."""
    assert rename_identifier(text, "nick", "order by") == expected


def test_quotes_inside_names_are_doubled() -> None:
    assert rename_identifier('"a""b" > 0', 'a"b', 'c"d') == '"c""d" > 0'
