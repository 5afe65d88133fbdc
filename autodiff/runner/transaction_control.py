"""Refuse statements that begin or end a transaction, in any text of a migration."""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.errors import MigrationFailedError
from autodiff.schema.sql_statements import split_statements
from autodiff.schema.sqltext import tokens

__all__ = ["refuse_transaction_control"]

_CONTROL = frozenset(("ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "ROLLBACK", "START"))
"""Words of which a statement must contain one, to skip the others quickly."""


def refuse_transaction_control(sql: str, *, backslashes: bool) -> None:
    """Raise MigrationFailedError if one of the statements of a text ends the transaction.

    Savepoints are allowed: they end within the transaction.
    """
    if not any(word in sql.upper() for word in _CONTROL):
        return
    for statement in split_statements(sql, backslashes=backslashes):
        words = list(_words(statement, backslashes))
        if words[:3] == ["BEGIN", "NOT", "ATOMIC"]:  # a block of MariaDB
            continue
        if _ends_transaction(words):
            shown = " ".join(words[:2])
            raise MigrationFailedError(
                f"{shown} is not possible in a migration: only the runner begins and ends its "
                "transaction",
                statement=statement,
                hint=f"remove {shown}: the runner commits the migration together with its record, "
                "or rolls all of it back. For statements outside of the transaction, write a "
                "migration in Python and use: with op.autocommit():",
            )


def _ends_transaction(words: list[str]) -> bool:
    match words:
        case ["ROLLBACK", *rest]:
            return "TO" not in rest[:2] and rest[:1] != ["PREPARED"]
        case ["COMMIT", *rest]:
            return rest[:1] != ["PREPARED"]
        case ["ABORT" | "BEGIN" | "END", *_] | ["START" | "PREPARE", "TRANSACTION", *_]:
            return True
        case _:
            return False


def _words(statement: str, backslashes: bool) -> Iterator[str]:
    """Yield the words in upper case, also those in comments that MySQL and MariaDB execute.

    https://dev.mysql.com/doc/refman/en/comments.html
    """
    for kind, token in tokens(statement, backslashes=backslashes):
        if kind == "word":
            yield token.upper()
        elif kind == "space" and backslashes and token.startswith(("/*!", "/*M!")):
            code = token.partition("!")[2].removesuffix("*/").lstrip("0123456789")
            yield from _words(code, backslashes)
