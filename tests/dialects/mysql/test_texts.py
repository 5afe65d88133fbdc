"""Tests for comparing SQL texts: equal meanings get one spelling, different ones never do."""

from __future__ import annotations

import pytest

from autodiff.dialects.mysql import expressions as texts

SAME_DEFAULTS = [
    ("datetime", "now()", "CURRENT_TIMESTAMP"),
    ("datetime", "current_timestamp()", "(CURRENT_TIMESTAMP)"),
    ("datetime", "LOCALTIMESTAMP", "now(0)"),
    ("datetime(6)", "now(6)", "CURRENT_TIMESTAMP(6)"),
    ("timestamp", "now() ON UPDATE now()", "CURRENT_TIMESTAMP ON UPDATE current_timestamp()"),
    ("timestamp", "NULL on update now()", "null ON UPDATE CURRENT_TIMESTAMP"),
    ("int", "'0'", "0"),
    ("int", "- 5", "'-5'"),
    ("int", "+5", "5"),
    ("tinyint(1)", "true", "1"),
    ("tinyint(1)", "FALSE", "'0'"),
    ("decimal(10,2) unsigned", "'1.50'", "1.5"),
    ("double", "1e10", "10000000000"),
    ("bit(8)", "b'101'", "5"),
    ("varchar(10)", "'it''s'", r"'it\'s'"),
    ("varchar(10)", "_utf8mb4'x'", "'x'"),
    ("varchar(10)", '"x"', "('x')"),
    ("varchar(10)", r"'a\nb'", "'a\nb'"),
    ("varchar(36)", "UUID()", "(uuid())"),
]
OTHER_DEFAULTS = [
    ("datetime(6)", "now()", "now(6)"),
    ("datetime", "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"),
    ("datetime", "curdate()", "now()"),
    ("varchar(10)", "'1'", "1"),
    ("varchar(10)", "'true'", "'1'"),
    ("varchar(10)", "'a'", "'A'"),
    ("varchar(10)", "'now()'", "now()"),
    ("varchar(20)", "'x on update y'", "'x' on update y"),
    ("varchar(10)", r"'a\\b'", r"'a\b'"),
    ("varchar(10)", "_latin1'x'", "'x'"),
    ("int", "10", "1"),
    ("decimal(65,0)", "1" + "0" * 40 + "1", "1" + "0" * 41),
    ("bit(8)", "b'10'", "10"),
]


@pytest.mark.parametrize(("type_sql", "one", "other"), SAME_DEFAULTS)
def test_equal_defaults_are_normalized_to_one_spelling(type_sql: str, one: str, other: str) -> None:
    assert texts.normal_default(one, type_sql) == texts.normal_default(other, type_sql)


@pytest.mark.parametrize(("type_sql", "one", "other"), OTHER_DEFAULTS)
def test_different_defaults_stay_different(type_sql: str, one: str, other: str) -> None:
    assert texts.normal_default(one, type_sql) != texts.normal_default(other, type_sql)


SAME_TEXTS = [
    ("`a` > 5", "a>5"),
    ("(`a` > 5)", "A > 5"),
    ("LOWER(`name`)", "lower(name)"),
    (r"a <> 'it\'s'", "a <> 'it''s'"),
    ('a <> "x"', "a <> 'x'"),
    ("concat(`a`,_utf8mb4'x')", "concat(a, 'x')"),
    ("(a IS NULL AND b) OR (c AND d)", "`a` is null and `b` or `c` and `d`"),
    ("((a = 1) OR ((b) OR c))", "a = 1 or b or c"),
    ("f((a AND b) OR c) AND (d > 1)", "f(a and b or c) and d > 1"),
]
OTHER_TEXTS = [
    ("a > 5", "a >= 5"),
    ("a = 'b'", "a = b"),
    ('a = "b"', "a = b"),
    ("a = 'B'", "a = 'b'"),
    ("`a b` > 1", "`a  b` > 1"),
    ("(a OR b) AND c", "a OR b AND c"),
    ("(a || b) AND c", "a || b AND c"),
    ("NOT (a AND b) OR c", "NOT a AND b OR c"),
    ("a OR (b AND c) IS TRUE", "a OR b AND c IS TRUE"),
    ("c = (a AND b) OR d", "c = a AND b OR d"),
    ("a BETWEEN 1 AND (b = 2) AND c", "a BETWEEN 1 AND b = 2 AND c"),
    ("a AND (b XOR c)", "a AND b XOR c"),
    ("a = '(b AND c) OR d'", "a = 'b AND c OR d'"),
]


@pytest.mark.parametrize(("one", "other"), SAME_TEXTS)
def test_equal_expressions_are_normalized_to_one_spelling(one: str, other: str) -> None:
    assert texts.normal_text(one) == texts.normal_text(other)


@pytest.mark.parametrize(("one", "other"), OTHER_TEXTS)
def test_different_expressions_stay_different(one: str, other: str) -> None:
    assert texts.normal_text(one) != texts.normal_text(other)


@pytest.mark.parametrize("value", ["", "it's", "a\\b", "\\", "a\nb\t", "\0", '"', "`", "%s", "é😀"])
def test_quoted_string_is_parsed_to_its_value(value: str) -> None:
    literal = texts.quote_string(value)
    assert texts.string_value(literal) == value
    assert texts.canonical_strings(f"f({literal})") == f"f({literal})"


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r"'a\nb'", "a\nb"),
        (r"'\%\_'", r"\%\_"),
        (r"'\x\''", "x'"),
        (r"'\\n'", r"\n"),
        (r'''"it's ""x"" \""''', 'it\'s "x" "'),
    ],
)
def test_documented_escapes_are_parsed(literal: str, value: str) -> None:
    assert texts.string_value(literal) == value


def test_quotes_inside_names_are_not_strings() -> None:
    assert (
        texts.canonical_strings(r"`it's` = 'it\'s' and `x` = \"")
        == r"`it's` = 'it''s' and `x` = \""
    )


def test_database_qualifier_is_removed() -> None:
    sql = "select `db`.`t`.`a`, `db`.`db`.`db`, '`db`.`t`' from `db`.`t` join `db2`.`t`"
    assert texts.without_database(sql, "db") == (
        "select `t`.`a`, `db`.`db`, '`db`.`t`' from `t` join `db2`.`t`"
    )


def test_apostrophe_in_a_name_does_not_start_a_string() -> None:
    sql = "select `db`.`t's`.`a` from `db`.`t's` where `db`.`t's`.`a` > 'x'"
    assert texts.without_database(sql, "db") == "select `t's`.`a` from `t's` where `t's`.`a` > 'x'"


def test_only_column_references_are_renamed() -> None:
    sql = "`a` > A and a.a < a(a) and 'a' <> `aa` and lower(`a`)"
    assert texts.rename_in(sql, "a", "b`c") == (
        "`b``c` > `b``c` and `b``c`.`b``c` < a(`b``c`) and 'a' <> `aa` and lower(`b``c`)"
    )
    assert texts.mentions("lower(`Name`)", "name")
    assert not texts.mentions("'name' <> nam", "name")


@pytest.mark.parametrize("sql", ["5", "-1.5", "'x'", "x'41'", "b'1'", "0xff", "NULL", "_latin1'x'"])
def test_literals_are_recognized(sql: str) -> None:
    assert texts.is_literal(sql)


@pytest.mark.parametrize("sql", ["now()", "1 + 2", "'a' 'b'", "concat('a')", "a"])
def test_expressions_are_not_literals(sql: str) -> None:
    assert not texts.is_literal(sql)
