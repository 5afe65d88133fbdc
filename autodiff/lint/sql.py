"""Parse raw SQL into operations, and into statements that no operation expresses.

sqlglot parses it. A few commands that it only splits into words are read from their tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from autodiff.errors import MigrationFailedError
from autodiff.lint.context import Action
from autodiff.lint.sql_forms import (
    block_statements,
    blocking_options,
    single_actions,
    spelled_plainly,
    without_misread,
    without_rows,
)
from autodiff.lint.sql_rows import is_true
from autodiff.lint.sql_tables import Reader
from autodiff.lint.statements import ChangeTable, Harmless, TransactionControl, Unparsed
from autodiff.runner.transaction_control import refuse_transaction_control
from autodiff.schema.objects import Name
from autodiff.schema.operations import CreateIndex, DropIndex
from autodiff.schema.sql_statements import split_statements
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from autodiff.dialects import Dialect

__all__ = ["casts_of", "is_always_true", "parse_sql", "statements_with_lines"]


def statements_with_lines(text: str, dialect: Dialect) -> Iterator[tuple[str, int]]:
    """Yield the statements of a SQL file, each with the line on which its first word is."""
    position, counted, line = 0, 0, 1
    backslashes = dialect.features.backslash_escapes
    for statement in split_statements(text, backslashes=backslashes):
        start = text.find(statement, position)
        position = start + len(statement)
        for kind, token in tokens(statement, backslashes=backslashes):
            if kind != "space":
                break
            start += len(token)
        line += text.count("\n", counted, start)
        counted = start
        yield statement, line


def parse_sql(text: str, dialect: Dialect) -> list[Action]:
    """Return what the statements of a text do; `Unparsed` for one that cannot be parsed."""
    found: list[Action] = []
    backslashes = dialect.features.backslash_escapes
    for statement in split_statements(without_rows(text), backslashes=backslashes):
        plain = without_misread(statement, dialect.features.sql_grammar)
        actions = _statement(plain, dialect, backslashes)
        found += actions
        if dialect.features.sql_grammar == "mysql":
            found += _blocking_options(statement, actions)
    return found


def _blocking_options(statement: str, actions: list[Action]) -> Iterator[ChangeTable]:
    """Yield the options of CREATE INDEX and DROP INDEX; those of ALTER TABLE are in its tree."""
    match actions:
        case [CreateIndex(table=Name() as table) | DropIndex(table=Name() as table)]:
            for kind, value in blocking_options(statement):
                yield ChangeTable(table=table, kind=kind, value=value)


def is_always_true(condition: str, dialect: Dialect) -> bool:
    """Return whether every row meets a condition, such as `1 = 1`."""
    tree = _parsed(f"SELECT 1 WHERE {condition}", dialect.features.sql_grammar)
    return tree is not None and is_true(tree.args["where"].this)


def casts_of(expression: str, column: str, dialect: Dialect) -> tuple[str, ...] | None:
    """Return the types to which an expression casts a column; None if it does anything else."""
    tree = _parsed(f"SELECT {expression}", dialect.features.sql_grammar)
    return None if tree is None else Reader(dialect).casts(tree.expressions[0], column)


def _statement(statement: str, dialect: Dialect, backslashes: bool) -> list[Action]:
    try:
        refuse_transaction_control(statement, backslashes=backslashes)
    except MigrationFailedError:
        words = [token for kind, token in tokens(statement) if kind == "word"]
        return [TransactionControl(words=" ".join(words[:2]))]
    inner = block_statements(statement)
    if inner is not None:
        found = [action for text in inner for action in _statement(text, dialect, backslashes)]
        return found or [Harmless(sql=statement)]
    reader = Reader(dialect)
    parts = single_actions(statement, backslashes=backslashes)
    by_words = [] if parts else list(reader.command(statement))
    if by_words:
        return by_words
    found = _by_tree(statement, reader, dialect)
    if not _is_unparsed(found):
        return found
    plain = spelled_plainly(statement, backslashes=backslashes)
    by_words = [] if parts else list(reader.command(plain))
    found = by_words or _by_tree(plain, reader, dialect)
    if _is_unparsed(found) and parts:
        return [action for part in parts for action in _statement(part, dialect, backslashes)]
    return [Unparsed(sql=statement)] if _is_unparsed(found) else found


def _by_tree(statement: str, reader: Reader, dialect: Dialect) -> list[Action]:
    """Return what the syntax tree of a statement does; `Unparsed` for an unknown form of it."""
    tree = _parsed(statement, dialect.features.sql_grammar)
    if tree is None:
        return [Unparsed(sql=statement)]
    try:
        return list(reader.actions(tree)) or [Harmless(sql=statement)]
    except (AttributeError, KeyError, TypeError, ValueError):
        return [Unparsed(sql=statement)]


def _is_unparsed(actions: list[Action]) -> bool:
    return any(isinstance(action, Unparsed) for action in actions)


@lru_cache(1024)
def _parsed(statement: str, grammar: str) -> Any:
    """Return the syntax tree of a statement, None if sqlglot does not know the statement."""
    import logging

    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # it warns about each statement that it does not know
    try:
        trees = [tree for tree in sqlglot.parse(statement, dialect=grammar) if tree is not None]
    except (SqlglotError, RecursionError, ValueError):
        return None
    finally:
        logger.setLevel(level)
    known = len(trees) == 1 and not isinstance(trees[0], exp.Command | exp.Alias)
    return trees[0] if known else None
