"""Convert the elements of indexes: columns, expressions, and texts such as "name DESC"."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    BinaryExpression,
    CollationClause,
    ColumnClause,
    TextClause,
    UnaryExpression,
)

from autodiff.schema.objects import IndexElement, plain_element
from autodiff.schema.sqltext import bare_expression, tokens, unquote_identifier

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.models.expressions import Compiler

__all__ = ["declare_element", "parse_element"]

_Token = tuple[str, str]

_PREFIX = re.compile(r"(`(?:[^`]|``)+`|\w+)\s*\((\d+)\)")
"""The first characters of a column: https://dev.mysql.com/doc/refman/en/create-index.html"""


def declare_element(
    part: Any, options: dict[str, Any], dialect: Dialect, compiler: Compiler
) -> IndexElement:
    """Return a part of an index, taken out of desc(), nulls_last() and collate().

    `postgresql_ops` counts for columns, labels and texts, but not for desc("name"), for which
    SQLAlchemy ignores it. It also ignores it for text(), with which its reflection names operator
    classes; migrations of Alembic do not, because they have literal_column() instead.
    """
    if type(part) is sa.Column and not options:
        return plain_element(str(part.name))
    key = str(part.text) if isinstance(part, TextClause) else getattr(part, "key", None)
    descending, nulls_first = False, None
    while isinstance(part, UnaryExpression) and part.modifier is not None:
        descending = descending or part.modifier is operators.desc_op
        if part.modifier in (operators.nulls_first_op, operators.nulls_last_op):
            nulls_first = part.modifier is operators.nulls_first_op
        part = part.element
    element = _without_order(part, dialect, compiler)
    descending = descending or element.descending
    nulls_first = element.nulls_first if nulls_first is None else nulls_first
    length = options.get("length")
    classes = options.get("ops") or {}
    return replace(
        element,
        descending=descending,
        nulls_first=None if nulls_first == descending else nulls_first,
        opclass=element.opclass or classes.get(key),
        length=element.length or (length.get(element.text) if isinstance(length, dict) else length),
    )


def _without_order(part: Any, dialect: Dialect, compiler: Compiler) -> IndexElement:
    """Return a part that is not in desc() or the like; its text can contain an order."""
    text = _written_text(part, compiler)
    if text is not None:
        return parse_element(text, dialect)
    if isinstance(part, BinaryExpression) and isinstance(part.right, CollationClause):
        element = _without_order(part.left, dialect, compiler)
        return _collated(element, part.right, dialect)
    is_column = isinstance(part, ColumnClause)
    text = str(part.name) if is_column else compiler.bare_expression(part)
    return IndexElement(text=text, is_expression=not is_column)


def _collated(element: IndexElement, clause: Any, dialect: Dialect) -> IndexElement:
    """Return an element with the collation of sa.collate().

    SQLAlchemy writes a name with quotes if it needs them, and has schemas of collations since 2.1;
    before, a schema can be in a `quoted_name` that gets no quotes.
    """
    name = clause.collation
    if getattr(name, "quote", None) is False:
        reader = _Reader([token for token in tokens(str(name)) if token[0] != "space"])
        if (named := reader.take_collation(dialect)) is not None and not reader.rest:
            return replace(element, collation=named[0], collation_schema=named[1])
    schema = _needed_schema(getattr(clause, "collation_schema", None), dialect)
    return replace(element, collation=str(name).strip('"'), collation_schema=schema)


def _needed_schema(schema: str | None, dialect: Dialect) -> str | None:
    """Return the schema of a collation, None for those in which it is found without."""
    is_found = schema is None or schema in ("pg_catalog", dialect.default_schema)
    return None if is_found else str(schema)


def _written_text(part: Any, compiler: Compiler) -> str | None:
    """Return the SQL of a part that was written as text, else None."""
    if isinstance(part, TextClause):
        return compiler.expression(part) if ":" in part.text else str(part.text)
    if isinstance(part, ColumnClause):
        return str(part.name) if part.is_literal else None
    label = getattr(part, "element", None)  # nulls_first("name"), desc("name")
    return label if isinstance(label, str) else None


@dataclass(slots=True)
class _Reader:
    """Reads the words after the column or expression of an index element, from left to right."""

    rest: list[_Token]

    def take(self, *words: str) -> bool:
        """Take these words if they come next, in any case, and return whether they did."""
        found = [text.upper() for _, text in self.rest[: len(words)]]
        if found != list(words):
            return False
        del self.rest[: len(words)]
        return True

    def take_name(self) -> list[str] | None:
        """Take a name, with its schema if it has one, and return its parts."""
        if not self.rest or self.rest[0][0] not in ("word", "quoted"):
            return None
        parts = [self.rest.pop(0)[1]]
        while len(self.rest) > 1 and self.rest[0][1] == ".":
            parts.append(self.rest[1][1])
            del self.rest[:2]
        return parts

    def take_collation(self, dialect: Dialect) -> tuple[str, str | None] | None:
        """Take the name of a collation, and return it and its schema, as the catalog has them."""
        parts = [_meant(part, dialect) for part in self.take_name() or ()]
        if not parts:
            return None
        return parts[-1], _needed_schema(parts[-2] if len(parts) > 1 else None, dialect)

    def take_brackets(self) -> list[str]:
        """Take a pair of brackets if one comes next, and return the tokens inside."""
        if not self.rest or self.rest[0][1] != "(":
            return []
        depth = end = 0
        for _, text in self.rest:
            depth += (text == "(") - (text == ")")
            end += 1
            if depth == 0:
                break
        inside = [text for _, text in self.rest[1 : end - 1]]
        del self.rest[:end]
        return inside


def _meant(text: str, dialect: Dialect) -> str:
    """Return the name that SQL refers to, written with or without quotes."""
    name = unquote_identifier(text)
    return dialect.unquoted_name(name) if name == text else name


def parse_element(text: str, dialect: Dialect) -> IndexElement:
    """Return a part of an index that was written as text, such as "lower(name) text_ops DESC".

    What comes after the column or expression may be a collation, an operator class and an order:
    https://www.postgresql.org/docs/current/sql-createindex.html
    """
    spelled = list(tokens(text.strip()))
    for end in _possible_ends(spelled):
        found = _suffixes([token for token in spelled[end:] if token[0] != "space"], dialect)
        if found is not None:
            head = "".join(part for _, part in spelled[:end]).strip()
            prefix = _PREFIX.fullmatch(head) if dialect.features.index_prefixes else None
            if prefix is not None:
                name, length = _meant(prefix[1], dialect), int(prefix[2])
                return replace(found, text=name, length=length)
            is_column = end == 1 and spelled[0][0] in ("word", "quoted")
            return replace(
                found,
                text=_meant(head, dialect) if is_column else _expression(head, dialect),
                is_expression=not is_column,
            )
    return IndexElement(text=_expression(text, dialect), is_expression=True)


def _expression(text: str, dialect: Dialect) -> str:
    return bare_expression(text, backslashes=dialect.features.backslash_escapes)


def _possible_ends(spelled: list[_Token]) -> list[int]:
    """Return where the column or expression can end: after one operand, or before an order."""
    first = _operand_end(spelled)
    return [first, *(end for end in range(first + 1, len(spelled) + 1) if _is_order(spelled[end:]))]


def _operand_end(spelled: list[_Token]) -> int:
    """Return the number of tokens of the name, the function call or the brackets at the start."""
    depth, place = 0, 0
    while place < len(spelled):
        text = spelled[place][1]
        depth += (text == "(") - (text == ")")
        place += 1
        following = spelled[place][1] if place < len(spelled) else ""
        if depth == 0 and following not in (".", "(") and text != ".":
            return place
        if depth == 0 and text == ")":
            return place
    return place


def _is_order(rest: list[_Token]) -> bool:
    """Return whether the tokens are an order, or nothing."""
    reader = _Reader([token for token in rest if token[0] != "space"])
    _take_order(reader)
    return not reader.rest


def _suffixes(rest: list[_Token], dialect: Dialect) -> IndexElement | None:
    """Return the collation, operator class and order in the tokens, None if there are others."""
    reader, opclass = _Reader(rest), None
    collation: tuple[str | None, str | None] = (None, None)
    if reader.take("COLLATE"):
        if (taken := reader.take_collation(dialect)) is None:
            return None
        collation = taken
    if not _begins_order(reader) and (named := reader.take_name()) is not None:
        opclass = ".".join(named)
        if parameters := reader.take_brackets():
            opclass += f"({_parameters(parameters)})"
    descending, nulls_first = _take_order(reader)
    if reader.rest:
        return None
    return IndexElement(
        text="",
        descending=descending,
        nulls_first=None if nulls_first == descending else nulls_first,
        opclass=opclass,
        collation=collation[0],
        collation_schema=collation[1],
    )


def _begins_order(reader: _Reader) -> bool:
    return bool(reader.rest) and reader.rest[0][1].upper() in ("ASC", "DESC", "NULLS")


def _take_order(reader: _Reader) -> tuple[bool, bool | None]:
    """Take ASC or DESC, and NULLS FIRST or LAST; return (descending, nulls first)."""
    descending = reader.take("DESC")
    if not descending:
        reader.take("ASC")
    if reader.take("NULLS", "FIRST"):
        return descending, True
    return descending, False if reader.take("NULLS", "LAST") else None


def _parameters(inside: list[str]) -> str:
    """Return the parameters of an operator class as the catalog spells them: a=1, b=2."""
    pairs = "".join(text.strip("'") for text in inside).split(",")
    return ", ".join(sorted(pair.strip() for pair in pairs))
