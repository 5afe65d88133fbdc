"""Rewrite statements that sqlglot does not parse as others that mean the same for the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from autodiff.schema.sqltext import tokens

__all__ = [
    "BLOCKING_OPTIONS",
    "UNNAMED",
    "block_statements",
    "blocking_options",
    "single_actions",
    "spelled_plainly",
    "split_list",
    "without_misread",
    "without_rows",
]

UNNAMED = "autodiff_unnamed"
"""The name of a check without a name: sqlglot needs one."""
_EXECUTABLE_COMMENT = re.compile(r"/\*!\d*(.*?)\*/", re.DOTALL)
_DOLLARS = re.compile(r"(?P<tag>\$\w*\$)(?P<body>.*)(?P=tag)", re.DOTALL)
_LOW_PRIORITY = re.compile(r"\A(\s*UPDATE\s+)LOW_PRIORITY\s+", re.IGNORECASE)
_CONSTANT = r"(?:'(?>[^'\\]*)(?:''(?>[^'\\]*))*'|[-+]?\d+(?:\.\d+)?|NULL|TRUE|FALSE)"
_ROW = rf"\(\s*{_CONSTANT}\s*(?:,\s*{_CONSTANT}\s*)*\)\s*"
_ROWS = re.compile(
    r"(\s*INSERT\s+INTO\s+[\w.\"`]+\s*(?:\([\w\s,\"`]*\)\s*)?VALUES)\s*"
    rf"(?>{_ROW})(?>,\s*{_ROW})*;?\s*",
    re.IGNORECASE,
)
"""An INSERT of constants. No string in it has a backslash, which only MySQL reads as an escape."""
_FILLERS = frozenset(("IGNORE", "ONLINE", "OFFLINE", "LOW_PRIORITY"))
_MODIFIERS = frozenset(("LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"))
"""Words of MySQL after INSERT, REPLACE, UPDATE and DELETE."""
_OPTIONS = frozenset(("ALGORITHM", "LOCK"))
BLOCKING_OPTIONS = frozenset(("COPY", "SHARED", "EXCLUSIVE"))
"""The values of ALGORITHM and LOCK with which writes wait (MySQL)."""
_DROPPED_IN_LISTS = frozenset(
    "AGGREGATE COLLATION DOMAIN EXTENSION FUNCTION INDEX LANGUAGE PROCEDURE ROUTINE SCHEMA "
    "SEQUENCE SERVER TYPE".split()
)
"""Objects of which one DROP can name several, and that sqlglot cannot read then."""
_CONTROL = frozenset("BEGIN THEN ELSE LOOP".split())
"""Words of PL/pgSQL after which a statement begins."""
_NO_STATEMENTS = frozenset(
    "IF ELSIF END FOR WHILE EXCEPTION WHEN NULL RAISE RETURN DECLARE EXIT CONTINUE CASE".split()
)
"""First words of PL/pgSQL statements that change nothing themselves."""


def _words(statement: str, backslashes: bool) -> list[str]:
    return [text for kind, text in tokens(statement, backslashes=backslashes) if kind != "space"]


def spelled_plainly(statement: str, *, backslashes: bool = False) -> str:
    """Return a statement without the clauses that sqlglot does not know and no rule is about."""
    if backslashes:
        statement = _EXECUTABLE_COMMENT.sub(r"\1", statement)
    words = _words(statement, backslashes)
    upper = [word.upper() for word in words]
    match upper:
        case ["ALTER", filler, "TABLE", *_] if filler in _FILLERS:
            del words[1]
        case ["ALTER", "TABLE", *_]:
            start = _end_of_name(words, 2)
            waits = [i for i, word in enumerate(upper[:start]) if word in ("WAIT", "NOWAIT")]
            actions = _with_column(words[start:])
            words = words[: waits[0] if waits else start] + actions
        case ["UPDATE", "OR", _, *_]:
            del words[1:3]
        case ["INSERT" | "REPLACE" | "UPDATE" | "DELETE", *_]:
            words = _plain_change(words)
        case ["CREATE", *_] if "INDEX" in upper[1:3]:
            words = _plain_index(words)
        case ["DROP", "INDEX", *_]:
            words = _without_options(words)
        case ["CREATE", "MATERIALIZED", *_] if upper[-1:] == ["DATA"]:
            del words[-3 if upper[-2] == "NO" else -2 :]
        case ["CREATE", *_] if "TABLE" in upper[1:4]:
            words = _plain_table(words)
    return " ".join(_named_check(words))


def _plain_change(words: list[str]) -> list[str]:
    """Return a change of rows without the modifiers of MySQL, and DELETE a of it for DELETE a.*."""
    verb, start = words[0].upper(), 1
    while words[start : start + 1] and words[start].upper() in _MODIFIERS:
        start += 1
    rest = words[start:]
    if verb == "DELETE":
        return [verb, *_plain_targets(rest)]
    if verb == "UPDATE":
        return [verb, *rest]
    into = [] if rest[:1] and rest[0].upper() == "INTO" else ["INTO"]
    return ["INSERT", *into, *rest]


def _plain_targets(words: list[str]) -> list[str]:
    """Return what follows DELETE with tables a instead of a.*."""
    upper = [word.upper() for word in words]
    last = "USING" if upper[:1] == ["FROM"] else "FROM"
    end = upper.index(last) if last in upper else 0
    places = {i for i in range(1, end) if words[i - 1 : i + 1] == [".", "*"]}
    return [word for i, word in enumerate(words) if not places & {i, i + 1}]


def _with_column(words: list[str]) -> list[str]:
    """Return DROP a, of SQLite, as DROP COLUMN a."""
    match [word.upper() for word in words]:
        case ["DROP", _]:
            return ["DROP", "COLUMN", words[1]]
        case _:
            return words


def _plain_index(words: list[str]) -> list[str]:
    """Return CREATE INDEX without ONLY, USING before ON or after the columns, and collations."""
    words = _without_options(words)
    upper = [word.upper() for word in words]
    if "ON" in upper:
        on = upper.index("ON")
        if upper[on + 1 : on + 2] == ["ONLY"]:
            del words[on + 1]
        if "USING" in upper[:on]:
            using = upper.index("USING")
            del words[using : using + 2]
        elif upper[-2:-1] == ["USING"]:
            del words[-2:]
    upper = [word.upper() for word in words]
    while "COLLATE" in upper:
        place = upper.index("COLLATE")
        end = place + (4 if upper[place + 2 : place + 3] == ["."] else 2)
        del words[place:end], upper[place:end]
    name = next((i for i, word in enumerate(words) if word == "."), None)
    if name is not None and "ON" in upper and name < upper.index("ON"):
        del words[name - 1 : name + 1]  # the schema of the index, on SQLite
    return words


def _without_options(words: list[str]) -> list[str]:
    """Return a statement of MySQL without ALGORITHM and LOCK at its end."""
    return words[: _options_start(words)]


def _options_start(words: Sequence[str]) -> int:
    places = (i for i, word in enumerate(words) if word.upper() in _OPTIONS and i > 3)
    return next(places, len(words))


def blocking_options(statement: str) -> list[tuple[Literal["algorithm", "lock"], str]]:
    """Return the options of CREATE INDEX or DROP INDEX of MySQL that block writes."""
    words = _words(statement, True)
    kinds = [word.upper() for word in words[:3]]
    if kinds[:1] not in (["CREATE"], ["DROP"]) or "INDEX" not in kinds:
        return []
    options = [word.upper() for word in words[_options_start(words) :] if word != "="]
    pairs = zip(options[::2], options[1::2], strict=False)
    return [
        ("lock" if kind == "LOCK" else "algorithm", value)
        for kind, value in pairs
        if value in BLOCKING_OPTIONS
    ]


def _plain_table(words: list[str]) -> list[str]:
    upper = [word.upper() for word in words]
    if upper[-2:] == ["WITHOUT", "ROWID"]:
        words, upper = words[:-2], upper[:-2]
    while "CONFLICT" in upper:  # ON CONFLICT REPLACE, of SQLite
        place = upper.index("CONFLICT")
        del words[place - 1 : place + 2], upper[place - 1 : place + 2]
    return words


def _named_check(words: list[str]) -> list[str]:
    """Return ALTER TABLE ... RENAME TO and ADD CONSTRAINT instead of RENAME AS and ADD CHECK."""
    found: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if (before.upper(), word.upper()) in (("ADD", "CHECK"), ("ADD", "EXCLUDE")):
            found += ["CONSTRAINT", UNNAMED]
        found.append("TO" if (before.upper(), word.upper()) == ("RENAME", "AS") else word)
    return found


def without_misread(statement: str, grammar: str) -> str:
    """Return a statement without the words that sqlglot takes for something else.

    SQLite: "a" instead of [a]. MySQL: LOW_PRIORITY, which looks like the table of an UPDATE.
    """
    if grammar == "sqlite" and "[" in statement:
        quotes = {"[": '"', "]": '"'}
        return "".join(quotes.get(token, token) for _, token in tokens(statement))
    return _LOW_PRIORITY.sub(r"\1", statement) if grammar == "mysql" else statement


def without_rows(text: str) -> str:
    """Return an INSERT of constants with one row for all: thousands of them are parsed as one.

    No rule reads their values. Other SQL is unchanged.
    """
    found = _ROWS.fullmatch(text)
    return text if found is None else f"{found[1]} (0)"


def single_actions(statement: str, *, backslashes: bool = False) -> list[str]:
    """Return an ALTER TABLE or DROP that does several things as a statement for each.

    Returns:
        The statements; none if it does one thing, or is another statement.
    """
    words = _words(statement, backslashes) if "," in statement else []
    match [word.upper() for word in words[:2]]:
        case ["ALTER", "TABLE"]:
            found = _single_alterations(words)
        case ["DROP", kind] if kind in _DROPPED_IN_LISTS:
            found = _single_drops(words)
        case _:
            return []
    return found if len(found) > 1 else []


def _single_alterations(words: list[str]) -> list[str]:
    start = _end_of_name(words, 2)
    head, actions = words[:start], list(split_list(words[start:]))
    if len(actions) == 1 and actions[0][:2] == [actions[0][0], "("]:
        added = actions[0]
        if added[0].upper() == "ADD" and added[-1] == ")":  # ADD (a int, b int), of MySQL
            actions = [["ADD", *part] for part in split_list(added[2:-1])]
    return [" ".join([*head, *action]) for action in actions]


def _single_drops(words: list[str]) -> list[str]:
    start = 2
    while words[start].upper() in ("CONCURRENTLY", "IF", "EXISTS"):
        start += 1
    end = [words.pop()] if words[-1].upper() in ("CASCADE", "RESTRICT") else []
    return [" ".join([*words[:start], *part, *end]) for part in split_list(words[start:])]


def _end_of_name(words: Sequence[str], start: int) -> int:
    """Return the place after the name of the table."""
    while words[start : start + 1] and words[start].upper() in ("IF", "EXISTS", "ONLY"):
        start += 1
    start += 1
    while words[start : start + 1] == ["."]:
        start += 2
    while words[start : start + 1] and words[start].upper() in ("WAIT", "NOWAIT", "*"):
        start += 2 if words[start].upper() == "WAIT" else 1
    return start


def split_list(words: Sequence[str]) -> Iterator[list[str]]:
    """Yield the parts between commas that are not in parentheses."""
    depth, part = 0, list[str]()
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == "," and not depth:
            yield part
            part = []
        else:
            part.append(word)
    if part:
        yield part


def block_statements(statement: str) -> list[str] | None:
    """Return the statements in a DO block of PostgreSQL; None for another statement.

    What is under a condition counts as done. A statement that is put together at run time stays
    an EXECUTE.
    """
    found = _DOLLARS.search(statement) if "$" in statement else None
    if found is None or [word.upper() for word in _words(statement, False)[:1]] != ["DO"]:
        return None
    return [text for part in _parts(found["body"]) if (text := _statement_of(part))]


def _parts(body: str) -> Iterator[list[str]]:
    part: list[str] = []
    for word in _words(body, False):
        if word == ";":
            yield part
            part = []
        else:
            part.append(word)
    yield part


def _statement_of(words: list[str]) -> str:
    """Return the statement after the words of PL/pgSQL; empty if there is none."""
    while words:
        upper = [word.upper() for word in words]
        if upper[0] in ("BEGIN", "ELSE", "LOOP"):
            words = words[1:]
        elif upper[0] in _NO_STATEMENTS:
            ends = [i for i, word in enumerate(upper) if word in _CONTROL]
            if not ends:
                return ""
            words = words[ends[-1 if upper[0] in ("DECLARE", "EXCEPTION") else 0] + 1 :]
        elif upper[0] == "PERFORM":
            return " ".join(["SELECT", *words[1:]])
        elif upper[0] == "EXECUTE" and len(words) == 2 and words[1].startswith("'"):
            return words[1][1:-1].replace("''", "'")
        elif upper[1:2] == [":"] or ":=" in words[1:3] or upper[1:3] == [":", "="]:
            return ""  # an assignment
        else:
            return " ".join(words)
    return ""
