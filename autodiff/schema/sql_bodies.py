"""Find the ends of statements that contain other statements, such as CREATE TRIGGER."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

__all__ = ["Body"]

_WITH_BODY = frozenset(("TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"))
_MODIFIERS = frozenset(
    "OR REPLACE ALTER EDITIONABLE NONEDITIONABLE TEMP TEMPORARY CONSTRAINT AGGREGATE "
    "DEFINER".split()
)
"""Words between CREATE and the kind of the object."""
_COMPOUND = frozenset(("IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"))
"""Words that begin a statement with statements in it on MySQL and MariaDB, or end it after END."""
_BEFORE_NAME = frozenset(
    "SET SELECT DISTINCT WHERE HAVING AND OR NOT BY ON OF WHEN THEN ELSE CASE AS IN INTO FROM JOIN "
    "UPDATE TABLE COLUMN DECLARE RETURN UNTIL LIKE BETWEEN TO TRIGGER PROCEDURE FUNCTION EVENT "
    "EXISTS".split()
)
"""Words after which BEGIN and END are the names of a column or another object."""
_BEFORE_STATEMENT = frozenset(
    "; : ) BEGIN THEN ELSE DO LOOP REPEAT ROW DETERMINISTIC SQL DATA INVOKER DEFINER "
    "FOUND SQLEXCEPTION SQLWARNING UNSIGNED SIGNED ZEROFILL PRECISION".split()
)
"""Tokens after which a statement can begin, also the first one of a body."""
_BEFORE_NAME_AND_STATEMENT = frozenset(
    "RETURNS FOLLOWS PRECEDES COMMENT CHARSET SET COLLATE SQLSTATE VALUE".split()
)
"""Words of which the argument can be the last token before a body."""
_EXPRESSION = "expression"

Token = tuple[str, str]


@dataclass(slots=True, eq=False, kw_only=True)
class Body:
    """What has begun in one statement, read up to each of its semicolons.

    compounds: whether IF, CASE, loops and BEGIN NOT ATOMIC contain statements, as on MySQL and
        MariaDB.
    """

    compounds: bool
    _read: int = 0
    _parts: list[Token] = field(default_factory=list)
    _opened: list[str] = field(default_factory=list)

    def is_unfinished(self, found: Sequence[Token]) -> bool:
        """Return whether a semicolon after these tokens is a part of their statement.

        found: the tokens of the statement, those of the last call included.
        """
        first = next((token.upper() for kind, token in found if kind != "space"), "")
        creates = first in ("CREATE", "ALTER")
        if not creates and not (self.compounds and first in (*_COMPOUND, "BEGIN")):
            return False
        new = [(kind, _word(kind, token)) for kind, token in found[self._read :] if kind != "space"]
        self._read = len(found)
        self._parts += new
        words = (token for kind, token in self._parts if kind == "word")
        if not creates:
            is_block = first != "BEGIN" or list(islice(words, 1, 3)) == ["NOT", "ATOMIC"]
            return is_block and self._is_open(len(new))
        kind = _created_kind(islice(words, 1, None))
        if kind == "RULE":
            return _has_open_bracket(self._parts)
        return kind in _WITH_BODY and self._is_open(len(new))

    def _is_open(self, new: int) -> bool:
        """Return whether a block has begun and its END has not come; `new` parts are unread."""
        parts, opened = self._parts, self._opened
        for place in range(len(parts) - new, len(parts)):
            kind, word = parts[place]
            if kind != "word" or word not in (*_COMPOUND, "BEGIN", "END"):
                continue
            before = parts[max(place - 2, 0) : place]
            following = [token for _, token in parts[place + 1 : place + 3]]
            if word == "END":
                if opened and _ends_block(before, following, compounds=self.compounds):
                    opened.pop()
            elif word == "CASE" and before[-1:] == [("word", "END")]:
                continue
            elif opened[-1:] == [_EXPRESSION] or (word == "CASE" and not _begins_statement(before)):
                opened += [_EXPRESSION] if word == "CASE" else []
            elif word == "BEGIN":
                opened += [word] if _begins_block(before, is_first=not opened) else []
            elif _begins_compound(word, before, following, compounds=self.compounds):
                opened.append(word)
        return bool(opened)


def _word(kind: str, token: str) -> str:
    return token.upper() if kind == "word" else token


def _created_kind(words: Iterable[str]) -> str:
    """Return the kind of object that the words after CREATE name; users come after DEFINER."""
    names_user = False
    for word in words:
        if word in _WITH_BODY or word == "VIEW":
            return word
        if word not in _MODIFIERS and not names_user:
            return word
        names_user = names_user or word == "DEFINER"
    return ""


def _has_open_bracket(parts: Sequence[Token]) -> bool:
    return sum((token == "(") - (token == ")") for kind, token in parts if kind == "other") > 0


def _ends_block(before: Sequence[Token], following: Sequence[str], *, compounds: bool) -> bool:
    """Return whether END between these tokens ends what has begun last."""
    ends_uncounted = not compounds and following[:1] != ["CASE"]
    if ends_uncounted and _COMPOUND.intersection(following[:1]):
        return False
    return not _is_name(before)


def _begins_compound(
    word: str, before: Sequence[Token], following: Sequence[str], *, compounds: bool
) -> bool:
    """Return whether a word between these tokens begins a statement with others in it."""
    if word == "CASE":
        return True
    return compounds and _begins_statement(before) and (word != "FOR" or following[1:] == ["IN"])


def _is_name(before: Sequence[Token]) -> bool:
    """Return whether the word after these tokens is a name, even if it is BEGIN or END."""
    if not before:
        return False
    kind, token = before[-1]
    if kind == "word":
        return token in _BEFORE_NAME
    return kind == "operator" or (kind == "other" and token not in (")", "]", ";"))


def _begins_block(before: Sequence[Token], *, is_first: bool) -> bool:
    """Return whether BEGIN after these tokens begins a block."""
    token = before[-1][1] if before else ""
    return token in _BEFORE_STATEMENT or (is_first and token == "AS") or not _is_name(before)


def _begins_statement(before: Sequence[Token]) -> bool:
    """Return whether a statement of a body can begin after these tokens."""
    tokens = [token for _, token in before]
    if not tokens or tokens[-1] in _BEFORE_STATEMENT or tokens[0] in _BEFORE_NAME_AND_STATEMENT:
        return True
    return _is_condition(before)


def _is_condition(before: Sequence[Token]) -> bool:
    """Return whether the last token is the number or name of an error, for a handler."""
    (_, previous), (kind, token) = before[0], before[-1]
    if kind == "number":
        return previous in ("FOR", ",")
    return previous == "FOR" and kind in ("word", "quoted") and token != "SELECT"
