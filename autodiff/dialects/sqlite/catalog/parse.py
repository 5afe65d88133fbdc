"""Parse the CREATE TABLE and CREATE INDEX statements that SQLite stores as its catalog.

The statements are the only complete source: the pragmas omit the names of constraints, the
conditions of checks, collations and more. https://www.sqlite.org/lang_createtable.html

The phases of a table:

1. `_meaningful` splits the statement into words. A pair of brackets with its contents is one word.
2. `_parts` splits the body at its top-level commas into columns and table constraints.
3. `_part` reads each part with a `_TokenStream`, the name of a column apart from its definition.

The invariants:

- Steps 1 and 2 have a fast path with regular expressions and a slow one with `tokens`. Both give
  the same words. The fast path does not support comments, dollar signs and backslashes, nor deeply
  nested brackets, so a text that has any of them takes the slow one.
- Results are cached by text, because large schemas repeat the same columns. A `ColumnDefinition`
  must not be changed after `_definition` returned it: other columns share it.
- SQLite stores only statements that it has accepted, so the parser does not detect errors.

A rebuild creates the new table from what is read here. A constraint that is overlooked is lost in
the next rebuild, and a misread one shows as drift.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeAlias

from autodiff.schema.sqltext import bare_expression, split_top_level, tokens

__all__ = ["ColumnDefinition", "ParsedColumn", "ParsedConstraint", "ParsedIndex", "ParsedTable"]
__all__ += ["parse_index", "parse_table"]

_COLUMN_WORDS = frozenset(
    "CONSTRAINT PRIMARY NOT NULL UNIQUE CHECK DEFAULT COLLATE REFERENCES GENERATED AS".split()
)
_TABLE_WORDS = frozenset("CONSTRAINT PRIMARY UNIQUE CHECK FOREIGN".split())

_QUOTED = r"'(?:[^']|'')*+'|\"(?:[^\"]|\"\")*+\"|`(?:[^`]|``)*+`|\[[^\]]*\]"


def _brackets(depth: int) -> str:
    """Return a pattern for a pair of brackets that contains up to `depth` levels of brackets."""
    inner = f"|{_brackets(depth - 1)}" if depth else ""
    return rf"\((?:[^()'\"`\[\]]++|{_QUOTED}{inner})*+\)"


# Five levels of brackets cover almost all checks and defaults; deeper ones take the slow path.
_WORD = re.compile(
    rf"[xXbBnNeE]?(?:{_QUOTED})|[^\W\d]\w*|{_brackets(4)}"
    r"|0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|<=|>=|<>|!=|\|\||->>|->|\S"
)
_PART = re.compile(rf"(?:[^,()'\"`\[\]]++|{_QUOTED}|{_brackets(4)})++")
_PLAIN_HEAD = re.compile(r"CREATE\s+TABLE\s+\w+\s*\(", re.IGNORECASE)
_PLAIN_INDEX = re.compile(
    r"CREATE\s+(UNIQUE\s+)?INDEX\s+\w+\s+ON\s+\w+\s*"
    r"\((\s*[^\W\d]\w*\s*(?:,\s*[^\W\d]\w*\s*)*)\)\s*",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"\s*({_QUOTED}|[^\W\d]\w*)(?![\w$'\"`(])(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedConstraint:
    """A constraint of a table or column.

    kind: PRIMARY, UNIQUE, CHECK or FOREIGN, the first word of its definition. sql: the condition of
    a check.
    """

    kind: str
    name: str | None = None
    columns: tuple[str, ...] = ()
    sql: str = ""
    referred: str = ""
    referred_columns: tuple[str, ...] = ()
    on_update: str | None = None
    on_delete: str | None = None
    match: str | None = None
    deferrable: bool = False
    initially_deferred: bool = False
    on_conflict: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class ColumnDefinition:
    """What a column is besides its name; `type` is the original text, "" if it has no type.

    Columns with equal definitions share one object: do not change it after parsing. It is compared
    by identity, so that hashing it is fast.
    """

    type: str = ""
    not_null: bool = False
    default: str | None = None
    collation: str | None = None
    generated: str | None = None
    stored: bool = False
    autoincrement: bool = False
    not_null_conflict: str | None = None


ParsedColumn: TypeAlias = tuple[str, ColumnDefinition]
"""The name of a column and its definition: a plain tuple, because there are many."""


@dataclass(slots=True, kw_only=True)
class ParsedTable:
    """The contents of a CREATE TABLE statement."""

    columns: list[ParsedColumn] = field(default_factory=list)
    constraints: list[ParsedConstraint] = field(default_factory=list)
    strict: bool = False
    without_rowid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedIndex:
    """The contents of a CREATE INDEX statement; each element is (text, collation, descending)."""

    unique: bool
    elements: tuple[tuple[str, str | None, bool], ...]
    where: str | None


def unquote(name: str) -> str:
    """Return an identifier without its quotes."""
    if len(name) > 1 and name[0] in "\"`'" and name[-1] == name[0]:
        return name[1:-1].replace(name[0] * 2, name[0])
    return name[1:-1] if name[:1] == "[" and name[-1:] == "]" else name


def _needs_slow_path(sql: str) -> bool:
    """Return whether a text has comments, or characters that `tokens` may read as part of a string
    or a name.
    """
    return "--" in sql or "/*" in sql or "$" in sql or "\\" in sql


def _meaningful(sql: str) -> list[str]:
    """Return the words of a text, without spaces and comments.

    A pair of brackets with its contents is one word, and so is a [name].
    """
    if not _needs_slow_path(sql):
        words: list[str] = _WORD.findall(sql)
        if "(" not in words and "[" not in words:  # a bracket alone was nested too deeply
            return words
    flat = [(kind, token) for kind, token in tokens(sql)]
    result: list[str] = []
    position = 0
    while position < len(flat):
        kind, token = flat[position]
        if token == "[":
            end = next(i for i in range(position, len(flat)) if flat[i][1] == "]")
            result.append("".join(text for _, text in flat[position : end + 1]))
            position = end
        elif token == "(":
            end = _closing(flat, position)
            result.append("".join(text for _, text in flat[position : end + 1]))
            position = end
        elif kind != "space":
            result.append(token)
        position += 1
    return result


def _closing(flat: Sequence[tuple[str, str]], start: int) -> int:
    depth = 0
    for position in range(start, len(flat)):
        depth += (flat[position][1] == "(") - (flat[position][1] == ")")
        if depth == 0:
            return position
    return len(flat) - 1


def _parts(body: str) -> list[str]:
    """Return the parts of a text between commas that are outside of all brackets and quotes."""
    if not _needs_slow_path(body):
        parts: list[str] = _PART.findall(body)
        if ",".join(parts) == body:  # otherwise the pattern skipped something
            return parts
    return split_top_level(body)


def _first_word(part: str) -> tuple[str, str]:
    words = _meaningful(part)
    return (words[0], " ".join(words[1:])) if words else ("", "")


def parse_table(sql: str) -> ParsedTable:
    """Parse a CREATE TABLE statement that SQLite has stored."""
    body, suffix = _body(sql)
    table = ParsedTable()
    for part in _parts(body):
        column, constraints = _part(part)
        if column is not None:
            table.columns.append(column)
        if constraints:
            table.constraints += constraints
    if suffix:
        table.strict = "STRICT" in suffix
        table.without_rowid = "WITHOUT ROWID" in suffix
    return table


def _body(sql: str) -> tuple[str, str]:
    """Return what is in the brackets of a CREATE TABLE statement, and the options after them."""
    head = None if _needs_slow_path(sql) else _PLAIN_HEAD.match(sql)
    if head is not None:  # nothing after the last bracket but options, which have none
        end = sql.rindex(")")
        return sql[head.end() : end], " ".join(sql[end + 1 :].upper().split())
    words = _meaningful(sql)
    body = next(i for i, word in enumerate(words) if word.startswith("("))
    return words[body][1:-1], " ".join(words[body + 1 :]).upper()


class _TokenStream:
    """A cursor over words; keywords are compared in upper case."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.position = 0

    def peek(self, ahead: int = 0) -> str:
        place = self.position + ahead
        return self.words[place].upper() if place < len(self.words) else ""

    def take(self) -> str:
        self.position += 1
        return self.words[self.position - 1] if self.position <= len(self.words) else ""

    def accept(self, *expected: str) -> bool:
        if all(self.peek(i) == word for i, word in enumerate(expected)):
            self.position += len(expected)
            return True
        return False

    def brackets(self) -> str | None:
        return self.take() if self.peek().startswith("(") else None

    def names(self) -> tuple[str, ...]:
        """Take a list in brackets, and return its names without order and collation."""
        inside = self.brackets()
        if inside is None:
            return ()
        return tuple(unquote(_meaningful(part)[0]) for part in split_top_level(inside[1:-1]))

    def conflict(self) -> str | None:
        return self.take().upper() if self.accept("ON", "CONFLICT") else None


@lru_cache(8192)
def _part(text: str) -> tuple[ParsedColumn | None, tuple[ParsedConstraint, ...]]:
    """Parse a column with its constraints, or a table constraint.

    The result is cached, because most schemas repeat parts such as id and created_at.
    """
    named = _NAMED.match(text)
    first, rest = (named[1], named[2]) if named else _first_word(text)
    if first.upper() in _TABLE_WORDS:
        return None, (_table_constraint(text),)
    return _column(unquote(first), rest) if first else (None, ())


def _table_constraint(text: str) -> ParsedConstraint:
    stream = _TokenStream(_meaningful(text))
    name = unquote(stream.take()) if stream.accept("CONSTRAINT") else None
    kind = stream.take().upper()
    if kind == "CHECK":
        condition = bare_expression(stream.brackets() or "")
        return ParsedConstraint(kind=kind, name=name, sql=condition)
    if kind in ("PRIMARY", "FOREIGN"):
        stream.accept("KEY")
    columns = stream.names()
    if kind == "FOREIGN":
        stream.accept("REFERENCES")
        return _foreign_key(stream, name, columns)
    return ParsedConstraint(kind=kind, name=name, columns=columns, on_conflict=stream.conflict())


def _foreign_key(
    stream: _TokenStream, name: str | None, columns: tuple[str, ...]
) -> ParsedConstraint:
    referred, referred_columns = unquote(stream.take()), stream.names()
    actions: dict[str, str] = {}
    match: str | None = None
    deferrable = deferred = False
    while stream.peek() in ("ON", "MATCH", "NOT", "DEFERRABLE"):
        if stream.peek() == "NOT" and stream.peek(1) != "DEFERRABLE":
            break  # NOT NULL, the next constraint of the column
        word = stream.take().upper()
        if word == "ON":
            event = stream.take().upper()
            action = stream.take().upper()
            if action in ("SET", "NO"):
                action += f" {stream.take().upper()}"
            actions[event] = action
        elif word == "MATCH":
            match = stream.take().upper()
        else:
            deferrable = word == "DEFERRABLE" or not stream.accept("DEFERRABLE")
            if stream.accept("INITIALLY"):
                deferred = stream.take().upper() == "DEFERRED"
    return ParsedConstraint(
        kind="FOREIGN",
        name=name,
        columns=columns,
        referred=referred,
        referred_columns=referred_columns,
        on_update=actions.get("UPDATE"),
        on_delete=actions.get("DELETE"),
        match=match,
        deferrable=deferrable,
        initially_deferred=deferred,
    )


def _column(name: str, definition: str) -> tuple[ParsedColumn, tuple[ParsedConstraint, ...]]:
    """Return a column with that name and definition, and its constraints."""
    column, constraints = _definition(definition)
    if constraints:
        own = [replace(c, columns=(name,)) if c.columns else c for c in constraints]
        constraints = tuple(own)
    return (name, column), constraints


@lru_cache(4096)
def _definition(definition: str) -> tuple[ColumnDefinition, tuple[ParsedConstraint, ...]]:
    """Parse the definition of a column without its name.

    The result is cached: columns with different names often have the same definition.
    """
    stream = _TokenStream(_meaningful(definition))
    column, table = ColumnDefinition(), ParsedTable()
    words: list[str] = []
    while stream.peek() and stream.peek() not in _COLUMN_WORDS:
        words.append(stream.take())
    column.type = " ".join(words).replace(" (", "(")
    constraint: str | None = None
    while word := stream.take().upper():
        if word == "CONSTRAINT":
            constraint = unquote(stream.take())
            continue
        _column_constraint(word, stream, column, table, constraint)
        constraint = None
    return column, tuple(table.constraints)


def _column_constraint(
    word: str, stream: _TokenStream, column: ColumnDefinition, table: ParsedTable, name: str | None
) -> None:
    columns = ("",)  # the name of the column, which `_column` adds
    match word:
        case "PRIMARY":
            stream.accept("KEY")
            _ = stream.accept("ASC") or stream.accept("DESC")
            conflict = stream.conflict()
            column.autoincrement = stream.accept("AUTOINCREMENT")
            table.constraints.append(
                ParsedConstraint(kind="PRIMARY", name=name, columns=columns, on_conflict=conflict)
            )
        case "UNIQUE":
            table.constraints.append(
                ParsedConstraint(
                    kind="UNIQUE", name=name, columns=columns, on_conflict=stream.conflict()
                )
            )
        case "NOT":
            stream.accept("NULL")
            column.not_null = True
            column.not_null_conflict = stream.conflict()
        case "CHECK":
            condition = bare_expression(stream.brackets() or "")
            table.constraints.append(ParsedConstraint(kind="CHECK", name=name, sql=condition))
        case "DEFAULT":
            sign = stream.take() if stream.peek() in ("+", "-") else ""
            column.default = sign + stream.take()
        case "COLLATE":
            column.collation = unquote(stream.take())
        case "REFERENCES":
            table.constraints.append(_foreign_key(stream, name, columns))
        case "AS":
            column.generated = bare_expression(stream.brackets() or "")
            column.stored = stream.accept("STORED")
            stream.accept("VIRTUAL")
        case _:  # GENERATED ALWAYS, NULL
            pass


def parse_index(sql: str) -> ParsedIndex:
    """Parse a CREATE INDEX statement that SQLite has stored."""
    if plain := _PLAIN_INDEX.fullmatch(sql):
        plain_elements = tuple([(name.strip(), None, False) for name in plain[2].split(",")])
        return ParsedIndex(unique=plain[1] is not None, elements=plain_elements, where=None)
    return _parse_other_index(sql)


@lru_cache(4096)
def _parse_other_index(sql: str) -> ParsedIndex:
    """Parse an index with expressions, collations or a condition, which takes longer."""
    words = _meaningful(sql)
    upper = [word.upper() for word in words]
    body = next(i for i, word in enumerate(words) if word.startswith("("))
    elements = tuple(_index_element(part) for part in split_top_level(words[body][1:-1]))
    where = sql[_where_position(sql) :].strip() if "WHERE" in upper[body:] else None
    return ParsedIndex(unique=upper[1] == "UNIQUE", elements=elements, where=where)


def _where_position(sql: str) -> int:
    """Return the position after the keyword WHERE outside of all brackets and quotes."""
    depth = position = 0
    for kind, token in tokens(sql):
        depth += (token == "(") - (token == ")")
        position += len(token)
        if kind == "word" and depth == 0 and token.upper() == "WHERE":
            return position
    return len(sql)


def _index_element(text: str) -> tuple[str, str | None, bool]:
    words = _meaningful(text)
    descending = words[-1].upper() == "DESC"
    if words[-1].upper() in ("ASC", "DESC"):
        words = words[:-1]
    collation = None
    if len(words) > 2 and words[-2].upper() == "COLLATE":
        collation = unquote(words[-1])
        words = words[:-2]
    if len(words) == 1 and not words[0].startswith("("):
        return unquote(words[0]), collation, descending
    return "(" + bare_expression(_expression(text, len(words))) + ")", collation, descending


def _expression(text: str, count: int) -> str:
    """Return the first `count` words of a text, with the spaces between them."""
    taken = text
    while len(_meaningful(taken)) > count:
        taken = taken.rstrip()
        last = list(tokens(taken))[-1][1]
        taken = taken[: -len(last)]
    return taken.strip()
