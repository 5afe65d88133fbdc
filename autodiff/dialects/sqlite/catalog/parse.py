"""Parse the CREATE statements of tables and indexes, which are the catalog of SQLite.

The pragmas of SQLite lack the names of constraints, the expressions of checks, collations and more.
The grammar: https://www.sqlite.org/lang_createtable.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from autodiff.schema.sqltext import split_top_level, strip_parentheses, tokens

__all__ = ["ParsedColumn", "ParsedConstraint", "ParsedIndex", "ParsedTable"]
__all__ += ["parse_index", "parse_table"]

_COLUMN_WORDS = frozenset(
    "CONSTRAINT PRIMARY NOT NULL UNIQUE CHECK DEFAULT COLLATE REFERENCES GENERATED AS".split()
)
_TABLE_WORDS = frozenset("CONSTRAINT PRIMARY UNIQUE CHECK FOREIGN".split())

_UNUSUAL = ("--", "/*", "$", "\\")
"""Marks of comments and of unusual tokens, which only the slow tokenizer handles."""
_QUOTED = r"'(?:[^']|'')*+'|\"(?:[^\"]|\"\")*+\"|`(?:[^`]|``)*+`|\[[^\]]*\]"


def _brackets(depth: int) -> str:
    """Return a pattern for parentheses and their content, nested to this depth."""
    inner = f"|{_brackets(depth - 1)}" if depth else ""
    return rf"\((?:[^()'\"`\[\]]++|{_QUOTED}{inner})*+\)"


_WORD = re.compile(
    rf"[xXbBnNeE]?(?:{_QUOTED})|[^\W\d]\w*|{_brackets(4)}"
    r"|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|<=|>=|<>|!=|\|\||->>|->|\S"
)
_PART = re.compile(rf"(?:[^,()'\"`\[\]]++|{_QUOTED}|{_brackets(4)})++")
_PLAIN_NAME = re.compile(r"[^\W\d]\w*")
_PLAIN_INDEX = re.compile(
    r"CREATE\s+(UNIQUE\s+)?INDEX\s+\w+\s+ON\s+\w+\s*\(([\w\s,]+)\)\s*", re.IGNORECASE
)
_NAMED = re.compile(rf"\s*({_QUOTED}|[^\W\d]\w*)(?![\w$'\"`(])(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedConstraint:
    """A constraint; `kind` is PRIMARY, UNIQUE, CHECK or FOREIGN."""

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
class ParsedColumn:
    """A column; `type` is as written, "" if there is none.

    Equal columns of many tables are one object, so it must not change once it is parsed.
    """

    name: str
    type: str = ""
    not_null: bool = False
    default: str | None = None
    collation: str | None = None
    generated: str | None = None
    stored: bool = False
    autoincrement: bool = False
    not_null_conflict: str | None = None


@dataclass(slots=True, kw_only=True)
class ParsedTable:
    """A table as its CREATE TABLE defines it."""

    columns: list[ParsedColumn] = field(default_factory=list)
    constraints: list[ParsedConstraint] = field(default_factory=list)
    strict: bool = False
    without_rowid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedIndex:
    """An index; each element is (text, collation, descending)."""

    unique: bool
    elements: tuple[tuple[str, str | None, bool], ...]
    where: str | None


def unquote(name: str) -> str:
    """Return an identifier without its quotes."""
    if len(name) > 1 and name[0] in "\"`'" and name[-1] == name[0]:
        return name[1:-1].replace(name[0] * 2, name[0])
    return name[1:-1] if name[:1] == "[" and name[-1:] == "]" else name


def _is_unusual(sql: str) -> bool:
    return any(mark in sql for mark in _UNUSUAL)


def _words(sql: str) -> list[str]:
    """Return the tokens without spaces and comments; `[name]` and (...) are one token each."""
    if not _is_unusual(sql):
        words: list[str] = _WORD.findall(sql)
        if "(" not in words and "[" not in words:
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
    """Split a text at the commas outside of all parentheses and quotes."""
    if not _is_unusual(body):
        parts: list[str] = _PART.findall(body)
        if ",".join(parts) == body:
            return parts
    return split_top_level(body)


def _first_word(part: str) -> tuple[str, str]:
    found = _words(part)
    return (found[0], " ".join(found[1:])) if found else ("", "")


def parse_table(sql: str) -> ParsedTable:
    """Parse a CREATE TABLE statement."""
    words = _words(sql)
    body = next(i for i, word in enumerate(words) if word.startswith("("))
    table = ParsedTable()
    for part in _parts(words[body][1:-1]):
        column, constraints = _part(part)
        if column is not None:
            table.columns.append(column)
        table.constraints += constraints
    suffix = " ".join(words[body + 1 :]).upper()
    table.strict = "STRICT" in suffix
    table.without_rowid = "WITHOUT ROWID" in suffix
    return table


class _TokenStream:
    """Words to take one after the other; they are compared in upper case."""

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
        """Take parentheses and return the names in them, without order or collation."""
        inside = self.brackets()
        if inside is None:
            return ()
        return tuple(unquote(_words(part)[0]) for part in split_top_level(inside[1:-1]))

    def conflict(self) -> str | None:
        return self.take().upper() if self.accept("ON", "CONFLICT") else None


@lru_cache(8192)
def _part(text: str) -> tuple[ParsedColumn | None, tuple[ParsedConstraint, ...]]:
    """Parse a column with its constraints, or a constraint; many tables have equal parts."""
    named = _NAMED.match(text)
    first, rest = (named[1], named[2]) if named else _first_word(text)
    if first.upper() in _TABLE_WORDS:
        return None, (_table_constraint(text),)
    return _column(unquote(first), rest) if first else (None, ())


def _table_constraint(text: str) -> ParsedConstraint:
    stream = _TokenStream(_words(text))
    name = unquote(stream.take()) if stream.accept("CONSTRAINT") else None
    kind = stream.take().upper()
    if kind == "CHECK":
        condition = strip_parentheses(stream.brackets() or "")
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
            break
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


def _column(name: str, text: str) -> tuple[ParsedColumn, tuple[ParsedConstraint, ...]]:
    """Parse the definition that follows the name of a column."""
    column, constraints = _definition(text)
    own = (replace(c, columns=(name,)) if c.columns else c for c in constraints)
    return replace(column, name=name), tuple(own)


@lru_cache(4096)
def _definition(text: str) -> tuple[ParsedColumn, tuple[ParsedConstraint, ...]]:
    """Parse the definition of a column: columns of different names have equal definitions."""
    column, table, stream = ParsedColumn(name=""), ParsedTable(), _TokenStream(_words(text))
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
    word: str, stream: _TokenStream, column: ParsedColumn, table: ParsedTable, name: str | None
) -> None:
    columns = (column.name,)
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
            condition = strip_parentheses(stream.brackets() or "")
            table.constraints.append(ParsedConstraint(kind="CHECK", name=name, sql=condition))
        case "DEFAULT":
            sign = stream.take() if stream.peek() in ("+", "-") else ""
            column.default = sign + stream.take()
        case "COLLATE":
            column.collation = unquote(stream.take())
        case "REFERENCES":
            table.constraints.append(_foreign_key(stream, name, columns))
        case "AS":
            column.generated = strip_parentheses(stream.brackets() or "")
            column.stored = stream.accept("STORED")
            stream.accept("VIRTUAL")
        case _:  # GENERATED ALWAYS, NULL
            pass


def parse_index(sql: str) -> ParsedIndex:
    """Parse a CREATE INDEX statement."""
    if plain := _PLAIN_INDEX.fullmatch(sql):
        names = [name.strip() for name in plain[2].split(",")]
        if all(map(_PLAIN_NAME.fullmatch, names)):
            plain_elements = tuple((name, None, False) for name in names)
            return ParsedIndex(unique=plain[1] is not None, elements=plain_elements, where=None)
    words = _words(sql)
    upper = [word.upper() for word in words]
    body = next(i for i, word in enumerate(words) if word.startswith("("))
    elements = tuple(_index_element(part) for part in split_top_level(words[body][1:-1]))
    where = sql[_where_position(sql) :].strip() if "WHERE" in upper[body:] else None
    return ParsedIndex(unique=upper[1] == "UNIQUE", elements=elements, where=where)


def _where_position(sql: str) -> int:
    """Return the position after the WHERE that is outside of parentheses and quotes."""
    depth = position = 0
    for kind, token in tokens(sql):
        depth += (token == "(") - (token == ")")
        position += len(token)
        if kind == "word" and depth == 0 and token.upper() == "WHERE":
            return position
    return len(sql)


def _index_element(text: str) -> tuple[str, str | None, bool]:
    words = _words(text)
    descending = words[-1].upper() == "DESC"
    if words[-1].upper() in ("ASC", "DESC"):
        words = words[:-1]
    collation = None
    if len(words) > 2 and words[-2].upper() == "COLLATE":
        collation = unquote(words[-1])
        words = words[:-2]
    if len(words) == 1 and not words[0].startswith("("):
        return unquote(words[0]), collation, descending
    return "(" + strip_parentheses(_expression(text, len(words))) + ")", collation, descending


def _expression(text: str, count: int) -> str:
    """Return the first `count` words of a text, with the spaces between them."""
    taken = text
    while len(_words(taken)) > count:
        taken = taken.rstrip()
        last = list(tokens(taken))[-1][1]
        taken = taken[: -len(last)]
    return taken.strip()
