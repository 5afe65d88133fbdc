"""Refuse COPY statements that send rows between the client and the server."""

from __future__ import annotations

from itertools import pairwise

from autodiff.errors import MigrationFailedError
from autodiff.schema.sql_statements import split_statements
from autodiff.schema.sqltext import first_word, tokens

__all__ = ["refuse_copied_rows"]

_ENDS = (("FROM", "STDIN"), ("TO", "STDOUT"))


def refuse_copied_rows(sql: str) -> None:
    """Raise MigrationFailedError if a statement is COPY FROM STDIN or COPY TO STDOUT.

    The server would wait for the rows, which no migration sends or receives.
    https://www.postgresql.org/docs/current/sql-copy.html
    """
    if "STDIN" not in sql.upper() and "STDOUT" not in sql.upper():
        return
    for statement in split_statements(sql):
        if first_word(statement) != "COPY":
            continue
        words = [token.upper() for kind, token in tokens(statement) if kind == "word"]
        found = [pair for pair in pairwise(words) if pair in _ENDS]
        if found:
            shown = f"COPY {' '.join(found[0])}"
            raise MigrationFailedError(
                f"{shown} is not possible in a migration: it needs a client that sends or receives "
                "the rows",
                statement=statement,
                hint="write the rows with INSERT or op.bulk_insert, or name a file of the server: "
                "COPY ... FROM 'FILE'",
            )
