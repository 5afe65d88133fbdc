"""A column's name in an SQL text, replaced."""

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
def test_a_name_is_replaced_where_it_is_a_name(text: str, expected: str) -> None:
    """Not in strings and comments, not as a function or a type."""
    assert rename_identifier(text, "nick", "name") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nick > 0", '"order by" > 0'),
        ('"nick" > 0', '"order by" > 0'),
        ("`nick` > 0", "`order by` > 0"),
    ],
)
def test_a_name_that_needs_quotes_gets_them(text: str, expected: str) -> None:
    """Those that the old name had, else the standard's."""
    assert rename_identifier(text, "nick", "order by") == expected


def test_a_name_with_quotes_in_it() -> None:
    """They are doubled, as the old ones are read."""
    assert rename_identifier('"a""b" > 0', 'a"b', 'c"d') == '"c""d" > 0'
